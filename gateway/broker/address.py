"""Where RabbitMQ is, and how to speak of it without its password."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from yarl import URL

_LONGEST: Final = 500  # characters of an error that are worth a log line


class Address:
    """An AMQP URL. Raises ValueError, without the URL in it, for anything else.

    `heartbeat` (seconds) is added unless the URL has one; aiormq reads it there.
    """

    def __init__(self, url: str, *, heartbeat: int) -> None:
        try:
            parsed = URL(url)
            usable = parsed.scheme in {"amqp", "amqps"} and bool(parsed.host) and parsed.explicit_port != 0
        except ValueError:
            usable = False
        if not usable:
            # Outside the handler: yarl's own ValueError quotes the URL, and so perhaps the password.
            raise ValueError("The broker's address must be amqp://user:password@host:port/vhost, or amqps://….")
        if "heartbeat" not in parsed.query:
            parsed = parsed.update_query(heartbeat=heartbeat)
        self.url: Final = str(parsed)
        password = parsed.password or ""
        # Longest first, so that the quoted form is not left with a hole in the middle.
        self._secrets: Final = sorted({password, quote(password, safe="")} - {""}, key=len, reverse=True)

    def __repr__(self) -> str:
        return "Address(…)"

    def words(self, error: BaseException) -> str:
        """Say an error on one line, without the password."""
        text = " ".join(f"{type(error).__name__}: {error}".split())
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:_LONGEST]
