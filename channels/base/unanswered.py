"""What it means for a message when a provider did not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientConnectorError, ClientError, ConnectionTimeoutError

from channels.base.endings import Busy, OutcomeUnknown


@contextmanager
def unanswered(provider: str) -> Iterator[None]:
    """Say how a request ended that brought no answer.

    Raises Busy when it never left, OutcomeUnknown when it did: then nobody knows what became of it.
    """
    try:
        yield
    except (ClientConnectorError, ConnectionTimeoutError) as error:
        raise Busy("connect", f"{provider} cannot be reached") from error
    except (ClientError, TimeoutError, OSError) as error:
        raise OutcomeUnknown("the request left, and no answer came") from error
