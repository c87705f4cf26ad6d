"""What every channel is, and the base of those that go out to fetch."""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from channels.base.abilities import Reception
from channels.message import Inbound


class Adapter(abc.ABC):
    """What every channel is: a name, a provider, settings. `Webhook` and `Poller` say how it hears; one may be both.

    `name` is its URL, its settings table, its docs page, its fixture folder.
    """

    name: ClassVar[str]
    provider: ClassVar[str] = ""
    texts: bool = False
    """Whether it can write an SMS to any telephone number, from the `number` in its settings."""

    Settings: ClassVar[type[BaseModel]]
    """A pydantic model of the channel's settings, read from BALAGH_<NAME>__<KEY>. Secrets are SecretStr.

    Two fields are filled by the house: `public_url` from BALAGH_PUBLIC_URL, the address under which the provider knows
    us, and `signing_key` (SecretStr), a key for what the channel must sign and know again, derived from
    BALAGH_SECRET_KEY.
    """

    def __init__(self, settings: Any) -> None:
        """Take the channel's settings: an instance of its `Settings`."""
        self.settings = settings

    async def close(self) -> None:  # noqa: B027 - most channels hold nothing open
        """Let go of what is open: sessions, connections."""


class Poller(Adapter):
    """A channel that goes out to fetch. A subclass fills `fetch`, and `lines` when it has more than one.

    The role `pollers` runs each line in one process at a time, under a lease.
    """

    interval: float = 60.0
    """Seconds between the end of a fetch and the next; 0 when a fetch itself waits for what is new."""

    def lines(self) -> Sequence[str]:
        """Name what is fetched separately: mailboxes, binds. By default one."""
        return ("",)

    @abc.abstractmethod
    def fetch(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what is new. Code after a `yield` runs only once that Inbound is on disk: there the cursor moves.

        When it cannot be stored, the generator is closed at that `yield` and begun again later. Raises Busy when the
        provider is away, Barred when it does not let us in.
        """
