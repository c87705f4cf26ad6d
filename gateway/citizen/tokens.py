"""What the citizens' pages hand out and must recognise again: nothing is remembered here, everything is signed.

nonce   in the form; it makes a second press of the button, or a resubmit, the same report
grant   in a cookie; whoever holds it may see one report and its receipt
kept    in the form shown again; a file that is on our disk already, so that nobody uploads it twice
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from channels.message import Media
from gateway.identity import Identities

NONCE_LIFE = timedelta(hours=24)
GRANT_LIFE = timedelta(hours=12)
KEPT_LIFE = NONCE_LIFE
_CLOCKS_APART = timedelta(minutes=5)  # between nodes


class Nonce(Enum):
    """What the nonce that came with a form is worth."""

    GOOD = "good"
    EXPIRED = "expired"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to see one report. When it was just sent, `danger` says that it told of danger to life.

    `files` is then the number of files that came with it.
    """

    reference: str
    danger: bool = False
    files: int = 0


@dataclass(frozen=True, slots=True)
class Tokens:
    """Seals and opens, under the city's key."""

    identities: Identities

    def nonce(self, now: datetime) -> str:
        """Return a new nonce for one form."""
        return self._seal("nonce", now, secrets.token_hex(16))

    def judge(self, nonce: str, now: datetime) -> Nonce:
        """Say whether we gave this nonce, and recently enough."""
        opened = self._open("nonce", nonce)
        if opened is None:
            return Nonce.FORGED
        return Nonce.GOOD if _fresh(opened[0], now, NONCE_LIFE) else Nonce.EXPIRED

    def external_id(self, nonce: str) -> str:
        """Return what a report is called by: the departments see it, and must not be able to send its form again."""
        return self.identities.digest("web form", nonce)

    def grant(self, grant: Grant, now: datetime) -> str:
        """Return what lets its holder see one report."""
        return self._seal("grant", now, grant.reference, grant.danger, grant.files)

    def granted(self, token: str, now: datetime) -> Grant | None:
        """Return what a grant opens, if it still does."""
        opened = self._open("grant", token)
        return Grant(*opened[1:]) if opened and _fresh(opened[0], now, GRANT_LIFE) else None

    def keep(self, media: Media, now: datetime) -> str:
        """Return what a form carries for a file that we have already."""
        return self._seal("kept", now, media.sha256, media.size, media.content_type, media.filename)

    def kept(self, token: str, now: datetime) -> Media | None:
        """Return the file that a form carried, if we gave it out."""
        opened = self._open("kept", token)
        if opened is None or not _fresh(opened[0], now, KEPT_LIFE):
            return None
        _, sha256, size, content_type, filename = opened
        return Media(content_type=content_type, filename=filename, sha256=sha256, size=size)

    def _seal(self, purpose: str, now: datetime, *parts: Any) -> str:
        document = json.dumps([int(now.timestamp()), *parts], separators=(",", ":"))
        body = base64.urlsafe_b64encode(document.encode("ascii")).decode("ascii").rstrip("=")
        return f"{body}.{self._mac(purpose, body)}"

    def _open(self, purpose: str, token: str) -> list[Any] | None:
        body, _, mac = token.rpartition(".")
        expected = self._mac(purpose, body).encode("ascii")
        # As bytes: compare_digest refuses strings that are not ASCII, and a hostile token is one.
        if not hmac.compare_digest(mac.encode("utf-8", "surrogatepass"), expected):
            return None
        try:
            opened = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (ValueError, binascii.Error):
            return None
        return opened if isinstance(opened, list) else None

    def _mac(self, purpose: str, body: str) -> str:
        return self.identities.digest("citizen page", purpose, body)


def _fresh(issued: int, now: datetime, life: timedelta) -> bool:
    age = now.timestamp() - issued
    return -_CLOCKS_APART.total_seconds() <= age <= life.total_seconds()
