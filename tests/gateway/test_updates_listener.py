"""What departments send to balagh.updates: read, heard, or set aside for a person, and never lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway import quarantine as commands
from gateway.broker.bus import Confirmed, Delivery, Lost, Outcome, Parcel, Retry
from gateway.broker.topology import DEAD, UPDATES
from gateway.store import complaints, quarantine
from gateway.store.engine import StoreUnavailable
from gateway.updates import Unreadable, read
from gateway.updates.listener import subject_of
from normalizer.text import storable
from router.lifecycle import Said, Verb
from router.lifecycle import read as read_fields
from tests.gateway.walk import Walk, metric
from tests.servers.waiting import until

REFERENCE = "8058834987"


pytestmark = pytest.mark.usefixtures("command_line")


def envelope(verb: str = "accepted", subject: str | None = REFERENCE, offer: str = "an-offer", **changes: Any) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "update-1",
        "source": "/water",
        "type": f"balagh.update.{verb}.v1",
        "subject": subject,
        "time": "2026-11-21T10:15:30Z",
        "data": {"offer": offer},
        **changes,
    }
    return json.dumps(event).encode()


async def offered(walk: Walk) -> complaints.Case:
    receipt = await walk.hear()
    await walk.publish()
    found = await walk.house.store.read(lambda connection: complaints.load(connection, receipt.reference))
    assert found is not None
    return found


async def send(walk: Walk, body: bytes, key: str = "water.accepted") -> Outcome:
    [outcome] = await walk.house.bus.publish([Parcel(UPDATES, key, "message-1", body)])
    return outcome


def test_an_answer_is_read() -> None:
    """Who speaks is the routing key's word; the reference may be written as on the receipt, in any digits."""
    update = read("water.resolved", envelope("resolved", subject="٨٠٥٨ 834 987"), {"water"})
    assert ("water", "resolved", REFERENCE, "an-offer", "update-1") == (
        update.department,
        update.verb,
        update.reference,
        update.offer,
        update.id,
    )
    assert datetime(2026, 11, 21, 10, 15, 30, tzinfo=UTC) == update.at


@pytest.mark.parametrize("time", [None, 5, "yesterday", "2026-11-21T10:15:30", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_none_is_now(time: object) -> None:
    """A department whose clock writes what nobody can read is heard as of now."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert now == read("water.accepted", envelope(time=time), {"water"}, lambda: now).at


@pytest.mark.parametrize(
    ("key", "body", "why"),
    [
        ("water.accepted", b"\xff\x00", "not JSON"),
        ("water.accepted", b"[" * 60_000, "not JSON"),
        ("water.accepted", b"[]", "not a JSON object"),
        ("water.accepted", b" " * 70_000, "longer than"),
        ("water.accepted", envelope(specversion="0.3"), "version 1.0"),
        ("water.rejected", envelope("accepted"), "its type"),
        ("nobody.accepted", envelope(), "routing key"),
        ("", envelope(), "routing key"),
        ("water.accepted.now", envelope(), "routing key"),
        ("water.accepted", envelope(subject="8058834980"), "reference"),
        ("water.accepted", envelope(subject=None), "reference"),
        ("water.accepted", envelope(data=None), "data"),
        ("water.accepted", envelope(data={"offer": 7}), "offer"),
        ("water.accepted", envelope(id=""), "id"),
        ("water.accepted", envelope(id="x" * 201), "id"),
        ("water.accepted", envelope(id="a\0b"), "id"),
        ("water.accepted", envelope(offer="\ud800"), "offer"),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(key: str, body: bytes, why: str) -> None:
    """Whatever else lies in the queue is refused with a reason that quotes nothing of it."""
    with pytest.raises(Unreadable, match=why):
        read(key, body, {"water"})


_WORDS = some.text(max_size=30) | some.sampled_from(["2026-11-23T10:00:00Z", "sewage", REFERENCE, "an-offer"])
_ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | _WORDS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)
_FIELDS = ("offer", "due_at", "officer", "reason", "suggested_department", "note", "outcome", "answer")


@given(
    some.sampled_from(list(Verb)),
    some.dictionaries(some.sampled_from(("specversion", "id", "subject", "time", "data")), _ANYTHING, max_size=2),
    some.dictionaries(some.sampled_from(_FIELDS), _ANYTHING),
)
def test_whatever_is_sent_is_read_or_refused(verb: Verb, changes: dict[str, Any], fields: dict[str, Any]) -> None:
    """Any JSON in any place: an answer, or a reason why it is none; and its fields are taken, or one is named."""
    body = envelope(verb.value, **{"data": fields, **changes})
    try:
        update = read(f"water.{verb}", body, {"water"})
    except Unreadable:
        return
    departments = ("water", "sewage", "citizens")
    said = read_fields(
        update.verb, update.data, at=update.at, department="water", departments=departments, triage="citizens"
    )
    assert isinstance(said, Said) or said.field in {*_FIELDS, *map(storable, update.data)}


@given(some.binary(max_size=60), some.text(max_size=60))
def test_whatever_lies_in_the_queue_is_named(body: bytes, key: str) -> None:
    """No bytes and no routing key break anything, and the name that quarantine gives them can be stored."""
    with pytest.raises(Unreadable):
        read(key, body, {"water"})
    with pytest.raises(Unreadable):
        read("water.accepted", body, {"water"})
    assert "\0" not in subject_of(key, body)


async def test_an_answer_that_is_sent_is_heard(walk: Walk) -> None:
    """What a department publishes is acknowledged when the complaint is what it says."""
    found = await offered(walk)
    body = envelope(subject=found.complaint.reference, offer=found.offer or "")
    assert [Confirmed(), Confirmed()] == [await send(walk, body), await send(walk, body)]
    rows = await walk.rows("SELECT type FROM events ORDER BY seq")
    assert ["received", "offered", "accepted"] == [row.type for row in rows]


async def test_what_cannot_be_read_is_kept_for_a_person(walk: Walk) -> None:
    """Each goes to quarantine once, with a copy in balagh.dead and an alarm, also under one message id."""
    before = metric("balagh_alarms_total", kind="quarantine")
    for body in (b"nothing", b"nothing", b"something"):
        assert Confirmed() == await send(walk, body)
    await walk.publish()
    rows = await walk.house.store.read(quarantine.entries)
    assert [("updates", "nothing"), ("updates", "something")] == [(row.stage, row.body) for row in rows]
    assert 2 == sum(parcel.routing_key == DEAD for parcel in walk.tape.parcels)
    assert before < metric("balagh_alarms_total", kind="quarantine")


async def test_what_broke_is_heard_on_retry(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug sets an answer aside after three tries; mended, `retry` lets it be heard and says what came of it."""
    found = await offered(walk)
    body = envelope(subject=found.complaint.reference, offer=found.offer or "")
    with monkeypatch.context() as broken:
        broken.setattr("gateway.updates.answer.held", None)
        assert Confirmed() == await send(walk, body)
    said: list[str] = []
    await commands.show_all(said.append)
    assert "TypeError while hearing it" in said[0]
    number = int(said[0].split()[0])
    said.clear()
    assert await commands.retry(number, said.append)
    assert not await commands.retry(number, said.append)
    assert [f"{number}: the answer is heard: accepted", f"there is no open entry {number}"] == said


async def test_garbage_cannot_be_retried_but_dropped(walk: Walk) -> None:
    """What still cannot be read stays open until a person drops it."""
    await send(walk, b"nothing")
    [row] = await walk.house.store.read(quarantine.entries)
    said: list[str] = []
    assert not await commands.retry(row.id, said.append)
    assert await commands.drop(row.id, lambda: "a test of theirs", said.append)


async def test_while_the_store_is_away_nothing_is_taken(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer waits in the queue until it can be kept, and is not handed out in vain meanwhile."""
    monkeypatch.setattr("gateway.outage.PAUSE", 0.01)
    monkeypatch.setattr("gateway.outage.PROBE", 0.01)
    tried = 0

    async def away(_job: object) -> None:
        nonlocal tried
        tried += 1
        raise StoreUnavailable("away")

    with monkeypatch.context() as gone:
        gone.setattr(walk.house.store, "write", away)
        for body in (envelope(), b"nothing"):
            with pytest.raises(Retry):
                await walk.listener.handle(Delivery(UPDATES, "one", body, routing_key="water.accepted"))
        await until(lambda: tried > 9)
        assert Lost(f"Nobody takes from {UPDATES} now.") == await send(walk, envelope())

    async def taken() -> bool:
        return Confirmed() == await send(walk, envelope())

    await until(taken)
    assert [] == await walk.house.store.read(quarantine.entries)
