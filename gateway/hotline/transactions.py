"""The state of a transaction, from the city's own system over HTTP: asked while a caller hears silence.

That system says a word (`{"state": "ready"}`), and services.toml says what is read out for it: nothing that comes over
the wire is ever spoken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout

from gateway import observe

PATIENCE = 4.0  # seconds: past that the caller believes that the line is dead
LARGEST = 64 * 1024  # bytes of an answer
NOT_FOUND = 404

log = observe.logger("hotline")


class Transactions:
    """A session with the city's systems. It opens at the first use; `close` it at the end."""

    def __init__(self, token: str = "", *, patience: float = PATIENCE) -> None:
        self._headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        self._timeout = ClientTimeout(total=patience)
        self._session: ClientSession | None = None

    async def state(self, address: str, number: str) -> str:
        """Return the system's word for the state; empty when it knows no such transaction.

        Raises TimeoutError when it does not answer in time, or with anything else than that.
        """
        if self._session is None:
            self._session = ClientSession(headers=self._headers, timeout=self._timeout)
        url = address.replace("{number}", quote(number, safe=""))
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status == NOT_FOUND:
                    return ""
                if response.status != 200:  # noqa: PLR2004 - OK
                    raise TimeoutError
                body = b""
                async for piece in response.content.iter_any():
                    body += piece
                    if len(body) > LARGEST:
                        raise TimeoutError
        except (ClientError, TimeoutError, OSError) as error:
            log.warning("the city's system does not answer", reason=type(error).__name__)
            raise TimeoutError from error
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise TimeoutError from error
        state = document.get("state") if isinstance(document, Mapping) else None
        return state if isinstance(state, str) else ""

    async def close(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()
            self._session = None
