"""What the departments' systems take out of their queues, and whether the promise was kept."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ChannelNotFoundEntity

from tests.end_to_end.gateway_process import ROOT
from tests.faults.citizens import Citizens

DEPARTMENTS = sorted(tomllib.loads((ROOT / "tests/data/taxonomy.toml").read_text("utf-8"))["departments"])
AUDIT = "audit"  # a queue of the test's own, bound to everything on balagh.complaints
OFFERED, RECEIVED = "balagh.complaint.offered.v1", "balagh.complaint.received.v1"


@dataclass(slots=True)
class Departments:
    """Every queue of a broker, consumed to its end. `told` is what departments got, `audited` what everybody got."""

    url: str
    told: list[dict[str, Any]] = field(default_factory=list)
    audited: list[dict[str, Any]] = field(default_factory=list)

    async def listen(self) -> None:
        """Bind a queue to everything on balagh.complaints; call it before the first message to audit all."""
        connection = await aio_pika.connect(self.url)
        async with connection:
            amqp = await connection.channel()
            exchange = await amqp.declare_exchange("balagh.complaints", aio_pika.ExchangeType.TOPIC, durable=True)
            queue = await amqp.declare_queue(AUDIT, durable=True, arguments={"x-queue-type": "quorum"})
            await queue.bind(exchange, "#")

    async def take(self, *, complaints: int, seconds: float = 60, enough: Callable[[], bool] = lambda: True) -> None:
        """Take everything until so many complaints were offered, it is enough, and nothing more comes.

        Raises TimeoutError.
        """
        async with asyncio.timeout(seconds):
            while not await self._take(complaints, enough):
                await asyncio.sleep(0.25)  # the broker was killed: a queue that is still recovering does not answer

    async def _take(self, complaints: int, enough: Callable[[], bool]) -> bool:
        """Take until it is enough; False when the broker stopped answering."""
        connection = await aio_pika.connect(self.url)
        async with connection:
            try:
                queues = {name: await _queue(connection, f"department.{name}") for name in DEPARTMENTS}
                audit = await _queue(connection, AUDIT, wait=False)
                quiet = 0
                while quiet < 4:
                    took = 0
                    for name, queue in queues.items():
                        took += await _empty(queue, self.told, {"department": name})
                    if audit is not None:
                        took += await _empty(audit, self.audited, {})
                    quiet = quiet + 1 if not took and len(self.offers()) >= complaints and enough() else 0
                    if not took:
                        await asyncio.sleep(0.25)
            except (*CONNECTION_EXCEPTIONS, TimeoutError):
                return False
        return True

    def offers(self) -> dict[str, set[str]]:
        """The ids of the events that offered each reference: more than one id is a doubled complaint."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for event in self.told:
            if event["type"] == OFFERED:
                found[event["subject"]].add(event["id"])
        return found

    def last_words(self) -> dict[str, str]:
        """What each complaint says in the last version that a department was told, by reference."""
        last: dict[str, dict[str, Any]] = {}
        for event in self.told:
            if int(event["sequence"]) >= int(last.get(event["subject"], event)["sequence"]):
                last[event["subject"]] = event
        return {reference: event["data"]["complaint"]["original_text"] for reference, event in last.items()}

    def nothing_missing(self) -> None:
        """Assert that the audit holds every event of each complaint, from the first on, without a gap."""
        sequences: defaultdict[str, set[int]] = defaultdict(set)
        for event in self.audited:
            sequences[event["subject"]].add(int(event["sequence"]))
        gaps = {subject: found for subject, found in sequences.items() if found != set(range(1, max(found) + 1))}
        assert not gaps, "an event of a complaint is missing"
        assert set(self.offers()) <= set(sequences), "a complaint was offered and nobody else was told"

    def kept_the_promise(self, citizens: Citizens, *, of: set[str] | None = None) -> None:
        """Assert that what the citizens were told is what the departments hold; `of` names the ids, else all."""
        said = {one: citizens.sayings[one] for one in (citizens.accepted if of is None else of)}
        offers = self.offers()
        words = Counter(
            {
                event["subject"]: event["data"]["complaint"]["original_text"] for event in self.told if _is_offer(event)
            }.values()
        )
        assert not {one.words for one in said.values()} - set(words), "accepted and in no department's queue"
        assert not [text for text, number in words.items() if number > 1], "filed twice"
        doubled = {reference: ids for reference, ids in offers.items() if len(ids) > 1}
        assert not doubled, "offered under two event ids"
        changed = {one: told for one, told in citizens.references.items() if len(told) > 1}
        assert not changed, "told two references"
        references = {event["data"]["complaint"]["original_text"]: event["subject"] for event in self.told}
        for one, told in citizens.references.items():
            if one in said:
                assert {references[said[one].words]} == told, "told another reference than the department"
        for event in self.told:
            if _is_offer(event):
                assert event["department"] == event["data"]["route"]["department"], "in the wrong department's queue"
        self.in_order()

    def in_order(self) -> None:
        """Assert that copies of an event are the same event, and that each complaint's events came in order."""
        for heard in (self.told, self.audited):
            ids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
            first: dict[str, int] = {}  # sequence reached so far
            places: dict[str, int] = {}
            for place, event in enumerate(heard):
                ids[event["subject"], event["sequence"]].add(event["id"])
                places.setdefault(event["id"], place)
            assert not [key for key, found in ids.items() if len(found) > 1], "one event under two ids"
            for event in sorted(heard, key=lambda event: places[event["id"]]):
                reached = first.get(event["subject"], 0)
                assert int(event["sequence"]) >= reached, "a later event came before an earlier one"
                first[event["subject"]] = int(event["sequence"])


def _is_offer(event: dict[str, Any]) -> bool:
    return bool(event["type"] == OFFERED)


async def _queue(connection: AbstractConnection, name: str, *, wait: bool = True) -> AbstractQueue | None:
    """Open a queue; the gateway may be putting it back just now."""
    while True:
        amqp = await connection.channel()
        try:
            return await amqp.get_queue(name)
        except ChannelNotFoundEntity:
            if not wait:
                return None
            await asyncio.sleep(0.2)


async def _empty(queue: AbstractQueue | None, into: list[dict[str, Any]], more: dict[str, str]) -> int:
    assert queue is not None
    took = 0
    while (message := await queue.get(fail=False)) is not None:
        await message.ack()
        event = json.loads(message.body)
        assert message.message_id == event["id"]
        assert aio_pika.DeliveryMode.PERSISTENT == message.delivery_mode
        into.append({**event, **more})
        took += 1
    return took
