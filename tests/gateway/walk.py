"""A house whose steps are taken by hand, with a clock that a test moves and a bus that remembers what was published."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web

from channels.message import Address, Inbound, Receipt, Scheme
from gateway import observe
from gateway.app import ROLES, build
from gateway.broker.bus import Outcome, Parcel
from gateway.broker.loopback import Loopback
from gateway.broker.relay import Relay
from gateway.broker.topology import DEPARTMENTS, Topology
from gateway.city.city import City
from gateway.dispatch import Dispatcher
from gateway.doors import add_channels, add_health, add_metrics, answer_faults
from gateway.house import HOUSE, House
from gateway.interpret import Interpreter
from gateway.media.fetch import Fetcher
from gateway.media.worker import MediaWorker
from gateway.replies import Replies
from gateway.settings import load
from gateway.store import complaints
from gateway.store.complaints import Case
from gateway.updates import Listener, Updates

ACCOUNT = "AC" + "1" * 32
TOKEN = "an-auth-token-of-32-characters--"
NUMBER = "+9647800000124"
CITIZEN = "+9647701234567"
OUTAGE = "الماء مقطوع عن حي الجامعة منذ يومين"
PUBLIC_URL = "https://balagh.example"

EITHER_STORE = pytest.mark.parametrize(
    "kept_in", ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)], indirect=True
)
"""The mark of tests whose `walk` is tried on SQLite and on PostgreSQL."""


@dataclass
class Clock:
    """The time, which passes when it is told to."""

    now: datetime = datetime(2026, 11, 21, 10, 15, 30, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        """What time it is."""
        return self.now

    def pass_by(self, **parts: float) -> None:
        """Let time pass: `minutes=20`."""
        self.now += timedelta(**parts)


class Tape(Loopback):
    """The embedded broker, remembering every parcel that it was given and what became of it."""

    def __init__(self, topology: Topology) -> None:
        super().__init__(topology)
        self.parcels: list[Parcel] = []
        self.outcomes: list[Outcome] = []

    async def publish(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Publish, and remember."""
        outcomes = await super().publish(parcels)
        self.parcels += parcels
        self.outcomes += outcomes
        return outcomes

    def events(self, exchange: str = DEPARTMENTS) -> list[dict[str, Any]]:
        """The events published on an exchange, with the department or channel that their routing key names."""
        return [
            {**json.loads(parcel.body), "to": parcel.routing_key.split(".")[0 if exchange == DEPARTMENTS else 1]}
            for parcel in self.parcels
            if parcel.exchange == exchange
        ]

    def told(self, exchange: str = DEPARTMENTS) -> list[tuple[str, str]]:
        """Who heard what, in short: ("water", "offered")."""
        return [(event["to"], event["type"].split(".")[2]) for event in self.events(exchange)]


class Walk:
    """Everything between the door and the department, step by step."""

    def __init__(self, folder: Path, city: City, clock: Clock | None = None, **environ: str) -> None:
        self.city, self.clock = city, clock or Clock()
        twilio = {"ACCOUNT_SID": ACCOUNT, "AUTH_TOKEN": TOKEN, "NUMBER": NUMBER, "API_URL": "http://127.0.0.1:9"}
        settings = load(
            {
                "BALAGH_DATA_DIR": str(folder / "data"),
                "BALAGH_PUBLIC_URL": PUBLIC_URL,
                "BALAGH_SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
                "BALAGH_API_KEYS": "boss:a-key-for-tests:admin",
                **{f"BALAGH_{name}__{key}": value for name in ("SMS", "WHATSAPP") for key, value in twilio.items()},
                **environ,
            }
        )
        self.house: House = build(settings, city, frozenset(ROLES))
        self.house.store.migrate()
        if self.house.bus.name == "embedded":
            self.house.bus = Tape(self.house.bus.topology)  # type: ignore[attr-defined]
        house, store, signals = self.house, self.house.store, self.house.signals
        house.intake.clock = self.clock
        acknowledger = house.acknowledger
        wake = (signals.filed, signals.owed, signals.media)
        self.interpreter = Interpreter(store, lambda: self.city, acknowledger, signals.arrived, wake, clock=self.clock)
        self.envelopes = house.envelopes
        pulling = frozenset(name for name, found in city.departments.items() if found.delivery == "pull")
        self.relay = Relay(
            store, house.bus, lambda: self.envelopes, signals.filed, mine=_yes, pulling=pulling, clock=self.clock
        )
        self.dispatcher = Dispatcher(
            store, house.bus, lambda: self.city, acknowledger, (signals.filed,), clock=self.clock
        )
        self.updates = Updates(store, lambda: self.city, acknowledger, (signals.filed, signals.owed), clock=self.clock)
        self.listener = Listener(self.updates, house.bus)
        self.replies = Replies(store, house.speakers, signals.owed, acknowledger, clock=self.clock)
        self.media = MediaWorker(
            store, Fetcher(house.files), house.channels, signals.media, (signals.filed,), clock=self.clock
        )
        for bars in (self.replies.bars, self.media.bars, self.media.deleting):
            bars.clock = lambda: self.clock().timestamp()
        self._sids = itertools.count(secrets.randbits(100))

    @property
    def tape(self) -> Tape:
        """The embedded broker of this house."""
        assert isinstance(self.house.bus, Tape)
        return self.house.bus

    async def open(self) -> None:
        """Start the bus, and consume from it."""
        await self.house.bus.start()
        await self.dispatcher.start()
        await self.listener.start()

    async def close(self) -> None:
        """End everything."""
        await self.house.bus.stop()
        for channel in self.house.channels.values():
            await channel.close()
        self.house.store.close()

    def message(self, text: str = OUTAGE, sender: str = CITIZEN, **more: Any) -> Inbound:
        """Make a text message of a citizen."""
        scheme = more.pop("scheme", Scheme.WHATSAPP if more.get("channel") == "whatsapp" else Scheme.TEL)
        return Inbound(
            **{
                "channel": "sms",
                "account": NUMBER,
                "external_id": f"SM{next(self._sids):032x}",
                "sender": Address(scheme, sender),
                "text": text,
                "provider": "twilio",
                **more,
            }
        )

    async def hear(self, text: str = OUTAGE, sender: str = CITIZEN, **more: Any) -> Receipt:
        """Accept a message and understand it."""
        receipt = await self.house.intake.accept(self.message(text, sender, **more))
        await self.understand()
        return receipt

    async def understand(self) -> None:
        """Interpret whatever waits."""
        while await self.interpreter.step():
            pass

    async def publish(self) -> None:
        """Relay until nothing more can go now."""
        while await self.relay.step():
            pass

    def site(self) -> web.Application:
        """The house's doors, for a test server."""
        if self.house.spool is not None:
            self.house.spool.open()
        app = web.Application(middlewares=[answer_faults])
        app[HOUSE] = self.house
        add_channels(app, self.house)
        add_health(app, self.house)
        add_metrics(app, self.house)
        return app

    async def case(self, reference: str) -> Case:
        """A complaint as it stands."""
        found = await self.house.store.read(partial(complaints.load, reference=reference))
        assert found is not None, reference
        return found

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """Ask the store in SQL."""
        from sqlalchemy import text

        return list(await self.house.store.read(lambda connection: connection.execute(text(statement), values).all()))

    async def change(self, statement: str, **values: Any) -> None:
        """Change the store behind the house's back."""
        from sqlalchemy import text

        await self.house.store.write(lambda connection: connection.execute(text(statement), values) and None)


async def _yes() -> bool:
    return True


@contextlib.contextmanager
def logged(style: str = "json") -> Iterator[io.StringIO]:
    """Catch the log as an operator would read it."""
    stream = io.StringIO()
    observe.configure(style, stream=stream)
    try:
        yield stream
    finally:
        structlog.reset_defaults()


def metric(name: str, **labels: str) -> float:
    """Read a number from /metrics; 0 before it was ever counted."""
    return observe.registry.get_sample_value(name, labels) or 0.0
