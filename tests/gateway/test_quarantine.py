"""Quarantine as a person on the command line meets it: listed, shown, retried, dropped, and never able to harm."""

from __future__ import annotations

import pytest

from channels.message import Purpose
from gateway import quarantine as commands
from gateway.broker.topology import COMPLAINTS
from gateway.city.city import City
from gateway.store import quarantine
from gateway.store.engine import Connection
from tests.gateway.walk import OUTAGE, Walk

pytestmark = pytest.mark.usefixtures("command_line")


async def put(walk: Walk, **row: str) -> int:
    def add(connection: Connection) -> int:
        values = {"stage": "dispatch", "subject": "event-1", "reason": "why", "body": "what", **row}
        return quarantine.add(connection, now=walk.clock(), **values)

    return await walk.house.store.write(add)


def unasked() -> str:
    raise AssertionError("asked for the reason of what is not there")


async def test_a_message_that_broke_is_understood_on_retry(walk: Walk, city: City) -> None:
    """A bug in understanding sets it aside; mended, `retry` makes it a complaint under the reference first given."""

    def broken() -> City:
        raise RuntimeError

    walk.interpreter.city = broken
    receipt = await walk.hear()
    said: list[str] = []
    await commands.show_all(said.append)
    assert "1 open" == said[-1]
    assert "RuntimeError while understanding it" in said[0]

    walk.interpreter.city = lambda: city
    number = int(said[0].split()[0])
    said.clear()
    assert await commands.retry(number, said.append)
    assert not await commands.retry(number, said.append)
    assert [f"{number}: it is understood again", f"there is no open entry {number}"] == said
    await walk.understand()
    await walk.publish()
    assert [receipt.reference] == [event["subject"] for event in walk.tape.events()]
    [row] = await walk.rows("SELECT state, settled_by FROM quarantine")
    assert "retried" == row.state
    assert row.settled_by


async def test_what_the_broker_gave_up_is_published_again(walk: Walk) -> None:
    """A complaint whose message RabbitMQ moved to balagh.dead reaches its department after `republish`, once."""
    receipt = await walk.hear()
    await walk.hear("الطابق الثاني أيضاً")
    await walk.change("UPDATE relay SET published_at = :now", now=walk.clock().isoformat(" "))  # and nobody had them
    await walk.publish()
    assert [] == walk.tape.told()

    said: list[str] = []
    eastern = receipt.reference.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert await commands.republish(f"{eastern[:4]}-{eastern[4:]}", said.append)
    await walk.publish()
    assert ["water"] == [department for department, event in walk.tape.told() if event == "offered"]
    assert [("sms", "amended")] == walk.tape.told(COMPLAINTS)[:1]
    assert await commands.republish(receipt.reference, said.append)
    await walk.publish()
    assert 1 == len([event for _, event in walk.tape.told() if event == "offered"])
    assert not await commands.republish("1234567890\u202e", said.append)
    assert [f"{receipt.reference}: its last event is published again"] * 2 == said[:2]
    assert "there is no complaint 1234567890\N{REPLACEMENT CHARACTER}" == said[2]


async def test_what_is_dropped_is_kept_with_the_reason(walk: Walk) -> None:
    """Dropped is not deleted: entry and message stay, with who closed them and why."""
    await walk.hear(purpose=Purpose.UNREADABLE, note="half a form")
    [row] = await walk.house.store.read(quarantine.entries)
    said: list[str] = []
    assert await commands.drop(row.id, lambda: "نسخة تجريبية", said.append)
    assert [f"{row.id}: dropped"] == said
    assert [] == await walk.house.store.read(quarantine.entries)
    [kept] = await walk.rows("SELECT state, settled_by, body FROM quarantine")
    assert "dropped" == kept.state
    assert kept.settled_by.endswith(": نسخة تجريبية")
    assert [("done", "dropped: نسخة تجريبية")] == [
        tuple(row) for row in await walk.rows("SELECT state, outcome FROM journal")
    ]
    assert not await commands.drop(row.id, unasked, said.append)


async def test_what_cannot_be_retried_says_so(walk: Walk) -> None:
    """Garbage that was no event of ours stays open, and the answer is no success."""
    number = await put(walk)
    said: list[str] = []
    assert not await commands.retry(number, said.append)
    assert [f"{number}: it cannot be retried from here; drop it once it is settled by hand"] == said
    assert 1 == await walk.house.store.read(quarantine.count)


async def test_nothing_in_it_can_turn_a_terminal_around(walk: Walk) -> None:
    """Escape sequences, bidi overrides and forged rows stay on their one line and do nothing."""
    evil = "\x1b[2J\u202e\r\n     7  2026-01-01 00:00:00  interpret   forged\x07\u2066"
    number = await put(walk, subject=evil, reason=evil, body=f'{{"text": "{OUTAGE}"}}')
    broken = await put(walk, subject="event-2", body="not json \x1b]0;owned\x07 \u202e")
    said: list[str] = []
    await commands.show_all(said.append)
    assert 3 == len(said)
    assert await commands.show_one(number, said.append)
    assert await commands.show_one(broken, said.append)
    for line in said:
        assert not set(line) & set("\x1b\x07\r\u202e\u2066"), ascii(line)
    assert [line for line in said[:3] if "\n" in line] == []


async def test_the_count_is_of_all(walk: Walk) -> None:
    """With more than a screen of them, the last line still tells how many there are."""

    def add(connection: Connection) -> None:
        for number in range(205):
            quarantine.add(
                connection, stage="dispatch", subject=f"event-{number}", reason="w", body="b", now=walk.clock()
            )

    await walk.house.store.write(add)
    said: list[str] = []
    await commands.show_all(said.append)
    assert (201, "205 open, the oldest 200 are shown") == (len(said), said[-1])


async def test_an_entry_that_is_not_there(walk: Walk) -> None:
    """A wrong number is said, and is no success."""
    said: list[str] = []
    assert not await commands.show_one(7, said.append)
    assert not await commands.retry(7, said.append)
    assert not await commands.drop(7, unasked, said.append)
    assert 3 == len(said)
