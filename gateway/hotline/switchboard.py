"""The switchboard: what the hotline asks of the house while a citizen waits on the line."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from pydantic import SecretStr

from channels.message import Address, Inbound, Scheme
from channels.voice import Caller, Hosted, Hotline, Menu, Service, Speaking, Standing
from gateway import observe
from gateway.citizen.throttle import Locks
from gateway.city.city import City
from gateway.city.hotline import HOTLINE, Line
from gateway.hotline.proof import Proof
from gateway.hotline.transactions import Transactions
from gateway.house import House
from gateway.settings import SettingsError
from gateway.store import calls
from gateway.store.engine import Store, StoreUnavailable

AN_HOUR = timedelta(hours=1)  # after which a line counts as free, whatever became of its call
PATIENCE = 5.0  # seconds for the store: Twilio gives up on us after fifteen
PIN_TRIES, PIN_WINDOW = 5, 900.0  # of one agent's number; seconds

log = observe.logger("hotline")


class Switchboard:
    """A city's hotline, as its channel sees it."""

    def __init__(
        self,
        city: Callable[[], City],
        store: Store,
        proof: Proof,
        transactions: Transactions,
        *,
        channel: str,
        sender: Callable[[str], str],
        pin: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the parts; `sender` gives the digest under which the house knows a call."""
        self._city, self.store, self.proof, self.transactions = city, store, proof, transactions
        self.channel, self._sender, self._pin, self.clock = channel, sender, pin, clock
        self._agents = Locks(PIN_TRIES, PIN_WINDOW)

    @property
    def line(self) -> Line:
        """What hotline.toml says."""
        line = self._city().line
        assert line is not None  # open_lines() has seen to it
        return line

    @property
    def voices(self) -> Sequence[Speaking]:
        """The languages on the telephone."""
        return self.line.voices

    @property
    def menus(self) -> Mapping[str, Menu]:
        """The menus by their ids."""
        return self.line.menus

    @property
    def services(self) -> Sequence[Service]:
        """The services that callers can ask about."""
        return self.line.services

    @property
    def longest(self) -> int:
        """Seconds that one recording may take."""
        return self.line.longest

    @property
    def silence(self) -> int:
        """Seconds of silence that end a recording."""
        return self.line.silence

    @property
    def patience(self) -> int:
        """Seconds to wait for an agent."""
        return self.line.patience

    @property
    def texts(self) -> bool:
        """Whether a channel is on that can send an SMS."""
        return bool(self.proof.acknowledger.texts)

    @property
    def speech(self) -> bool:
        """Whether a machine listens first."""
        return self.line.speech

    def words(self, language: str, prompt: str) -> str:
        """Return what a prompt says."""
        return self._city().phrases.say(language, f"voice-{prompt}")

    def recorded(self, language: str, prompt: str) -> bool:
        """Say whether the city has recorded a prompt."""
        return (language, prompt) in self.line.prompts

    async def recording(self, language: str, prompt: str) -> bytes | None:
        """Return a recorded prompt."""
        path = self.line.prompts.get((language, prompt))
        return None if path is None else await asyncio.to_thread(path.read_bytes)

    def open_now(self) -> bool:
        """Say whether agents answer at this moment, by the city's own clock."""
        now = self.clock().astimezone(self._city().timezone)
        return self.line.open_at(now.date(), now.time())

    async def take_line(self, call: str) -> bool:
        """Take one of the city's lines. Raises StoreUnavailable, TimeoutError."""
        now = self.clock()
        job = partial(
            calls.take_line, channel=self.channel, call=call, lines=self.line.lines, since=now - AN_HOUR, now=now
        )
        async with asyncio.timeout(PATIENCE):
            return await self.store.write(job, urgent=True)

    async def free_line(self, call: str) -> None:
        """Give a line back. With the store away it is free in an hour, or when the call's end is understood."""
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self.store.write(partial(calls.free_line, channel=self.channel, call=call), urgent=True)

    def admits(self, agent: str, pin: str) -> bool:
        """Say whether an agent proved themselves; five wrong tries close the number for a quarter of an hour."""
        if not self._pin or self._agents.remaining(agent) > 0:
            return False
        if hmac.compare_digest(pin.encode("utf-8", "surrogatepass"), self._pin.encode()):
            return True
        self._agents.wrong(agent)
        return False

    async def reference(self, call: str, sender: str) -> str | None:
        """Return the reference of the complaint that a call has made; None with the store away."""
        del call
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                return await self.store.read(partial(calls.reference, sender=self._sender(sender)))
        return None

    async def standing(self, caller: Caller, digits: str, journal_id: str) -> Standing:
        """Say where a complaint stands. Raises StoreUnavailable, TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            return await self.proof.standing(caller, digits, journal_id)

    async def standing_by_code(self, caller: Caller, code: str) -> Standing:
        """Say where the complaint of a code stands. Raises StoreUnavailable, TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            return await self.proof.by_code(caller, code)

    async def transaction(self, caller: Caller, service: str, number: str) -> str:
        """Return the state of a transaction in the caller's language; empty when there is none. Raises TimeoutError."""
        address = self.line.systems.get(service)
        state = await self.transactions.state(address, number) if address else ""
        if not state:
            return ""
        says = self.line.states.get(state)
        if says is None:  # a word that services.toml does not know
            raise TimeoutError
        city = self._city()
        return says.get(city.phrases.nearest(caller.language), "")

    def trouble(self, error: Exception) -> None:
        """Say in the log what a caller got an apology for; anything but a store that is away is a bug of ours."""
        if isinstance(error, (StoreUnavailable, TimeoutError)):
            log.warning("a caller got an apology", channel=self.channel, reason=type(error).__name__)
            return
        observe.ALARM.labels("bug").inc()
        log.error("a caller got an apology", channel=self.channel, exc_info=observe.bare(error))

    async def close(self) -> None:
        """Close the session with the city's systems."""
        await self.transactions.close()


def open_lines(house: House, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Give every channel that is asked something on the telephone its side of the house. Raises SettingsError."""
    for channel in house.channels.values():
        if not isinstance(channel, Hosted):
            continue
        if house.city.line is None:
            raise SettingsError(f"BALAGH_CITY: {channel.name} needs {HOTLINE}, and the city {house.city.id} has none")
        channel.host(_switchboard(house, channel.name, channel.settings, clock))


def _switchboard(house: House, channel: str, settings: object, clock: Callable[[], datetime]) -> Hotline:
    def sender(value: str) -> str:
        said = Inbound(channel, str(getattr(settings, "number", "")), "", Address(Scheme.CALL, value))
        return house.identities.sender(said)

    proof = Proof(
        house.store,
        lambda: house.city,
        house.acknowledger,
        house.identities.key,
        house.signals.owed,
        channel=channel,
        clock=clock,
    )
    return Switchboard(
        lambda: house.city,
        house.store,
        proof,
        Transactions(_secret(settings, "transactions_token")),
        channel=channel,
        sender=sender,
        pin=_secret(settings, "agent_pin"),
        clock=clock,
    )


def _secret(settings: object, name: str) -> str:
    value = getattr(settings, name, None)
    return value.get_secret_value() if isinstance(value, SecretStr) else ""
