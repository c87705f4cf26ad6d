"""A report's form, empty or shown again: what the citizens' page and the desk's have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from channels.message import Media
from gateway.citizen.draft import MEGABYTE, Fault
from gateway.citizen.posted import FILE_SIZE, FILES, Posted
from gateway.citizen.tokens import Tokens
from normalizer.complaint import Kind


class AgainError(Exception):
    """The form must be sent once more; `how` says how it is shown."""

    def __init__(self, status: int, **how: Any) -> None:
        super().__init__(f"shown again with {status}")
        self.status, self.how = status, how


def filled(
    posted: Posted, media: Sequence[Media], tokens: Tokens, now: datetime, *, wrong: Sequence[Fault], nonce: str
) -> dict[str, Any]:
    """Lay out what a form shows: what was filled in, what is wrong with it, and what may be chosen.

    Files that are here already are named in it, so that nobody sends them twice. Without a `nonce` it is a new form.
    """
    return {
        "posted": posted,
        "kept": [(one, tokens.keep(one, now)) for one in media],
        "wrong": wrong,
        "faults_of": {name: list(found) for name, found in groupby(wrong, key=attrgetter("at"))},
        "nonce": nonce or tokens.nonce(now),
        "kinds": [kind.value for kind in Kind],
        "limits": {"count": FILES, "size": FILE_SIZE // MEGABYTE},
    }
