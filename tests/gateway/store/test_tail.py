"""What happened since a copy: nothing is left out, whenever it was committed, and every frame stands by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from gateway.store import journal, outbox, seals, snapshot, tail
from gateway.store.engine import Connection, Store
from gateway.store.ledger import Ledger
from gateway.store.tables import complaints, events, relay, replies
from gateway.store.tables import journal as journal_table
from gateway.store.tail import Frame, Tail
from tests.gateway.store.making import ACCOUNT, KEY, NOW, complaint, entry, file, finish, offer, set_aside

WEEK = timedelta(days=7)


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def keep(store: Store, *sids: str) -> None:
    await store.write(partial(journal.append, entries=[entry(sid) for sid in sids]))


def begun(store: Store, path: Path, clock: Clock | None = None) -> Tail:
    snapshot.copy(store, path)
    made = Tail(embedded=store.embedded, clock=clock or Clock())
    made.begin(path)
    return made


def drained(store: Store, made: Tail) -> list[Frame]:
    """Every frame until nothing is new."""
    frames = []
    while (frame := made.read(store)).rows:
        made.kept(frame)
        frames.append(frame)
    made.kept(frame)
    return frames


def messages(frames: Sequence[Frame]) -> list[str]:
    return [
        row["external_id"]
        for frame in frames
        for row in sorted(frame.rows.get("journal", []), key=lambda row: int(row["seq"]))
    ]


async def test_what_came_after_the_copy_is_read_once_and_what_became_of_it_too(store: Store, tmp_path: Path) -> None:
    """A message is in the tail with its words as soon as it is journaled, and again when it is understood."""
    await keep(store, "SM-before")
    made = begun(store, tmp_path / "copy.db")
    assert [] == drained(store, made)
    await keep(store, "SM-1", "SM-2")
    [frame] = drained(store, made)
    assert ["SM-1", "SM-2"] == messages([frame])
    assert 2 == len(frame.rows["journal_payload"])

    await store.write(partial(finish, seq=1, outcome="nothing: empty", now=NOW))
    await store.write(partial(finish, seq=3, outcome="nothing: empty", now=NOW))
    frames = drained(store, made)
    assert ["SM-before", "SM-2"] == messages(frames)
    assert [] == drained(store, made)


async def test_a_complaint_comes_whole_with_every_event(store: Store, tmp_path: Path) -> None:
    """Filed before the copy, offered after it: the frame has all of it, and makes the copy like the store."""
    await file(store, "1")
    made = begun(store, tmp_path / "copy.db")
    await offer(store, "1")
    await file(store, "2")
    await store.write(partial(seals.seal, key=KEY, now=NOW))
    frames = drained(store, made)
    assert {"complaints", "personal", "events", "relay", "seals"} == {name for one in frames for name in one.rows}

    engine = snapshot.sealed_file(tmp_path / "copy.db")
    for _ in range(2):  # put in twice, it is there once
        assert len(frames) == tail.replay(engine, [{"rows": frame.rows} for frame in frames])
    for table in (complaints, events, relay):
        with engine.connect() as connection:
            copied = [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
        assert copied == await store.read(
            lambda found, table=table: [  # type: ignore[misc]
                tuple(row) for row in found.execute(select(table).order_by(*table.primary_key.columns))
            ]
        )
    engine.dispose()
    assert [] == list(snapshot.flaws(tmp_path / "copy.db", KEY, []))


async def test_a_later_process_goes_on_where_the_earlier_one_was_killed(store: Store, tmp_path: Path) -> None:
    """Nothing between the two is left out, and what the first had kept is not read again."""
    await keep(store, "SM-0")
    first = begun(store, tmp_path / "copy.db")
    await keep(store, "SM-1")
    frames = drained(store, first)
    await keep(store, "SM-2")
    second = Tail(embedded=store.embedded, clock=Clock())
    second.begin(tmp_path / "copy.db", [{"rows": frame.rows} for frame in frames])
    assert ["SM-2"] == messages(drained(store, second))


@pytest.mark.servers
async def test_a_message_that_was_numbered_first_and_committed_last_is_not_left_out(
    postgres_store: Store, tmp_path: Path
) -> None:
    """PostgreSQL numbers a row when it is written, not when it is committed: the tail looks below what it has."""
    clock = Clock()
    await keep(postgres_store, "SM-0")
    made = begun(postgres_store, tmp_path / "copy.db", clock)
    with postgres_store.engine.begin() as slow:
        journal.append(slow, [entry("SM-slow")])
        await keep(postgres_store, "SM-fast")
        assert ["SM-fast"] == messages(drained(postgres_store, made))
        clock.now += tail.OVERLAP / 2
        await keep(postgres_store, "SM-faster")
        assert ["SM-faster"] == messages(drained(postgres_store, made))
    clock.now += tail.OVERLAP * 2  # whoever was away that long still looks once before it forgets
    assert ["SM-slow"] == messages(drained(postgres_store, made))
    await keep(postgres_store, "SM-last")
    assert ["SM-last"] == messages(drained(postgres_store, made))


async def test_a_crowd_comes_in_several_frames(store: Store, tmp_path: Path) -> None:
    """More than one frame takes is read in order, each message once."""
    made = begun(store, tmp_path / "copy.db")
    names = [f"SM-{number}" for number in range(tail.MOST + 120)]
    await keep(store, *names)
    frames = drained(store, made)
    assert [True, False] == [frame.full for frame in frames]
    assert names == messages(frames)


async def test_a_copy_that_wakes_up_does_again_what_may_have_been_lost(store: Store) -> None:
    """What no router dealt with is published anew, what may have been said is looked up, what is hidden is shown."""
    await file(store, "routed")
    await offer(store, "routed")
    await file(store, "unrouted")
    await keep(store, "SM-1")
    await store.write(partial(set_aside, seq=1, reason="broken", now=NOW))

    def tell_all(connection: Connection) -> None:
        outbox.published(connection, [1, 2, 3], NOW)
        connection.execute(text("INSERT INTO leases VALUES ('relay', 'a node that burned', :until)"), {"until": _until})
        connection.execute(
            replies.insert(),
            {
                "id": "r", "journal_id": "j", "purpose": "received", "channel": "sms", "account": ACCOUNT,
                "sender": "s", "language": "ar", "state": "queued",
                "created_at": NOW, "updated_at": NOW, "next_at": NOW,
            },
        )  # fmt: skip

    _until = NOW + WEEK if not store.embedded else "2026-12-01T00:00:00.000000Z"
    await store.write(tell_all)
    assert 1 == await store.write(partial(snapshot.awaken, republish=False))

    def found(connection: Connection) -> tuple[object, ...]:
        return (
            connection.execute(select(relay.c.event_seq).where(relay.c.published_at.is_(None))).scalars().all(),
            connection.execute(select(replies.c.first_tried_at)).scalar(),
            connection.execute(select(journal_table.c.state)).scalar(),
            connection.execute(text("SELECT count(*) FROM leases")).scalar(),
        )

    assert ([3], NOW, "pending", 0) == await store.read(found)
    await store.write(lambda connection: connection.execute(update(relay).values(published_at=NOW)))
    assert 3 == await store.write(partial(snapshot.awaken, republish=True))


async def test_a_store_that_holds_anything_is_not_empty(store: Store, tmp_path: Path) -> None:
    """Tables alone may be filled; one message may not be overwritten."""
    assert not snapshot.occupied(store)
    with store.engine.begin() as connection, Ledger(connection, NOW) as ledger:
        ledger.create(complaint("1"), sender="s", account=ACCOUNT)
    assert snapshot.occupied(store)
    snapshot.copy(store, tmp_path / "copy.db")
    assert (1, 1) == tuple(snapshot.contents(tmp_path / "copy.db").tables[name] for name in ("complaints", "events"))
