"""The feed of a department: everything it has to hear, in order, and nothing left behind."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import update

from gateway.store import complaints, feed
from gateway.store.engine import Store
from gateway.store.feed import START, Page, Position
from gateway.store.ledger import Ledger
from gateway.store.tables import complaints as complaint_table
from gateway.store.tables import events
from tests.gateway.store.making import NOW, amend, complaint, file, offer, route


async def after(store: Store, position: Position = START, department: str = "water", limit: int = 100) -> Page:
    until = await store.read(feed.settled)
    assert until is not None
    return await store.read(partial(feed.read, department=department, after=position, until=until, limit=limit))


def names(page: Page) -> list[str]:
    return [f"{one.letter.event.complaint_id[3:]}.{one.letter.event.type}" for one in page.told]


async def test_a_department_reads_its_own_events_in_order(store: Store) -> None:
    """Offers, later words and a recall come as they happened; another department's events do not."""
    for name in ("a", "b", "c"):
        await file(store, name)
    await offer(store, "a")
    await offer(store, "b", "roads")
    await offer(store, "c")
    await amend(store, "a", "more")
    await offer(store, "c", "roads")

    assert ["a.offered", "c.offered", "a.amended", "c.recalled"] == names(await after(store))
    assert ["b.offered", "c.offered"] == names(await after(store, department="roads"))


async def test_reading_on_begins_behind_what_was_read(store: Store) -> None:
    """Page by page nothing comes twice; where there is nothing new, the position passes what is another's."""
    for name in ("a", "b", "c"):
        await file(store, name)
        await offer(store, name)
    first = await after(store, limit=2)
    second = await after(store, first.position, limit=2)
    await file(store, "d")
    third = await after(store, second.position, limit=2)

    assert [["a.offered", "b.offered"], ["c.offered"], []] == [names(page) for page in (first, second, third)]
    assert third.position.seq > second.position.seq
    assert await store.read(partial(feed.stirs, department="water", after=first.position.seq))
    assert not await store.read(partial(feed.stirs, department="water", after=third.position.seq))


async def test_a_long_past_is_read_in_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many events are others', one look is bounded, and every position leads on to the end."""
    monkeypatch.setattr(feed, "SPAN", 2)
    for name in "abcdefgh":
        await file(store, name)
    await offer(store, "a")
    position, found, looks = START, [], 0
    while await store.read(partial(feed.stirs, department="water", after=position.seq)):
        page = await after(store, position)
        assert page.position.seq > position.seq
        position, found, looks = page.position, found + names(page), looks + 1

    assert ["a.offered"] == found
    assert looks > 1


async def test_a_position_is_one_of_this_store_alone(store: Store) -> None:
    """In a store that was restored other events have the numbers; a reader is told so, and misses nothing."""
    await file(store, "a")
    await offer(store, "a")
    position = (await after(store)).position

    assert await store.read(partial(feed.known, position=START))
    assert await store.read(partial(feed.known, position=position))
    assert not await store.read(partial(feed.known, position=Position(position.seq + 1, position.mark)))
    await store.write(lambda found: found.execute(update(events).values(id=events.c.id + "-anew")) and None)
    assert not await store.read(partial(feed.known, position=position))


async def test_whose_complaint_it_is_now_is_told_with_it(store: Store) -> None:
    """What has left the department, or became confidential, is marked: its contact is not theirs any more."""
    for name in ("stays", "goes", "hides"):
        await file(store, name)
        await offer(store, name)
    await offer(store, "goes", "roads")
    hidden = update(complaint_table).where(complaint_table.c.id == "id-hides").values(confidential=True)
    await store.write(lambda found: found.execute(hidden) and None)

    told = {one.letter.event.complaint_id: one.theirs for one in (await after(store)).told}
    assert {"id-stays": True, "id-goes": False, "id-hides": False} == told


async def test_nothing_is_told_while_an_earlier_event_may_still_appear(postgres_store: Store) -> None:
    """A transaction that ends late has the lower number: whoever read past it would never hear of it."""
    store = postgres_store
    await file(store, "early")
    late = store.engine.connect()
    case = complaints.load_by_id(late, "id-early", lock=True)
    assert case is not None
    with Ledger(late, NOW) as ledger:
        ledger.offer(case, route(), routed_sequence=1)
    await file(store, "next")
    await offer(store, "next")

    assert await store.read(feed.settled) is None
    late.commit()
    late.close()
    assert ["early.offered", "next.offered"] == names(await after(store))


async def test_a_damaged_complaint_does_not_hold_up_the_others(store: Store) -> None:
    """An event whose complaint cannot be read back comes as what it is; those behind it come too."""
    for name in ("broken", "whole"):
        await file(store, name, text=complaint(name).text)
        await offer(store, name)
    spoiled = "UPDATE personal SET body = '{' WHERE complaint_id = 'id-broken'"
    await store.write(lambda found: found.exec_driver_sql(spoiled) and None)

    page = await after(store)
    assert ["Torn", "Letter"] == [type(one.letter).__name__ for one in page.told]


async def test_the_feed_is_read_by_the_events_numbers(sqlite_store: Store) -> None:
    """A page is a range of the table, however many events there are: no sorting, and no look at all of it."""
    await file(sqlite_store, "a")
    wanted = {"department": "water", "after": 0, "until": 9, "most": 1}

    def explain(connection: complaints.Connection) -> str:
        lines = []
        for statement in (feed._PAGE, feed._ANY, feed._LAST, feed._NEXT):
            sql = statement.compile(connection.engine, compile_kwargs={"render_postcompile": True})
            values = tuple(wanted.get(name, 1) for name in sql.positiontup or ())
            lines += [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
        return "\n".join(lines)

    plan = await sqlite_store.read(explain)
    assert "SCAN" not in plan.replace("SCAN CONSTANT", "")
    assert "TEMP B-TREE" not in plan
    assert 4 == plan.count("events USING INTEGER PRIMARY KEY")
