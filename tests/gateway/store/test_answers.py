"""Departments' answers in the store: each kept once, with what came of it, and its refusal told until it is heard."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gateway.store import answers, stranded
from gateway.store.answers import DONE, REFUSED, Answer, id_of
from gateway.store.engine import Store
from gateway.store.stranded import Depth
from tests.gateway.store.making import NOW, later


def answer(update: str = "u-1", department: str = "water", *, minutes: int = 0) -> Answer:
    moment = later(minutes=minutes)
    return Answer(
        id_of(department, update), department, update, "digest", "4821093756", "progressed", "offer", NOW, moment, {}
    )


async def keep(store: Store, one: Answer, *, tell: bool = False) -> None:
    await store.write(partial(answers.begin, answer=one))
    await store.write(partial(answers.conclude, answer=one, tell=tell))


async def test_an_answer_is_kept_once(store: Store) -> None:
    """The same department's same id has one row, whatever comes later; another department's is another's."""
    first, other = answer(), answer(department="sewage")
    begun = [await store.write(partial(answers.begin, answer=one)) for one in (first, other, first, answer(minutes=9))]
    assert [True, True, False, False] == begun
    assert first == await store.read(partial(answers.find, answer_id=first.id))
    assert None is await store.read(partial(answers.find, answer_id=id_of("roads", "u-1")))
    ids = {id_of("water", "u-1"), id_of("water", "u-1", misused="digest"), id_of("water", "u-1", attempt=1)}
    assert 3 == len(ids)


async def test_what_was_said_under_one_id_is_found_in_its_order(store: Store) -> None:
    """The first answer and those that mend it; neither what misused the id nor another department's same id."""
    first = replace(answer(), result=REFUSED)
    mended = replace(first, id=id_of("water", "u-1", attempt=1), digest="mended", result=DONE)
    misused = replace(first, id=id_of("water", "u-1", misused="other"), digest="other")
    for one in (mended, misused, answer(department="sewage"), first):
        await keep(store, one)
    assert [first, mended] == await store.write(partial(answers.attempts, department="water", update_id="u-1"))
    assert [] == await store.write(partial(answers.attempts, department="roads", update_id="u-1"))


async def test_what_came_of_it_is_read_back(store: Store) -> None:
    """What departments wrote about a complaint, in order; what was refused is not among it, nor another complaint's."""
    done = replace(answer(), complaint_id="c", status="in_progress", sequence=4, body={"note": "جارٍ \U0001f6b0"})
    accepted = replace(answer("u-0"), verb="accepted", complaint_id="c", status="accepted", sequence=3)
    rejected = replace(answer("u-2", minutes=1), verb="rejected", complaint_id="c", status="triage", sequence=7)
    vain = replace(answer("u-3"), result=REFUSED, complaint_id="c", field="offer", reason="لا / no")
    elsewhere = replace(answer("u-4"), complaint_id="d")
    for one in (done, accepted, rejected, vain, elsewhere):
        await keep(store, one)
    assert [accepted, done, rejected] == await store.read(partial(answers.of_complaint, complaint_id="c"))
    assert [rejected] == await store.read(partial(answers.rejections, complaint_id="c"))
    assert vain == await store.read(partial(answers.find, answer_id=vain.id))


async def test_a_refusal_is_told_once(store: Store) -> None:
    """Owed until the broker confirms it; what is put off comes again at its time; what is not owed never."""
    owed = [replace(answer(f"u-{n}", minutes=n), result=REFUSED) for n in range(3)]
    for one in owed:
        await keep(store, one, tell=True)
    await keep(store, replace(answer("silent"), result=REFUSED))
    await keep(store, replace(answer("done"), result=DONE))

    async def untold(minutes: int) -> list[str]:
        found = await store.read(partial(answers.untold, now=later(minutes=minutes), limit=9))
        return [one.update_id for one in found]

    assert ["u-0", "u-1"] == await untold(1)
    assert ["u-0"] == [one.update_id for one in await store.read(partial(answers.untold, now=later(days=1), limit=1))]
    await store.write(partial(answers.told, ids=[owed[0].id], now=later(minutes=3)))
    await store.write(partial(answers.put_off, ids=[owed[1].id], until=later(minutes=8)))
    assert ["u-2"] == await untold(5)
    assert ["u-1", "u-2"] == await untold(8)


async def test_refusals_that_lay_in_a_lost_queue_are_told_again(store: Store) -> None:
    """One lay in it when it was last looked at, two came after that: those, and none of another department."""
    for number in range(5):
        one = replace(answer(f"u-{number}", "roads" if number == 3 else "water"), result=REFUSED)
        await keep(store, one, tell=True)
        await store.write(partial(answers.told, ids=[one.id], now=later(minutes=number)))
    depth = Depth(1, later(seconds=90))  # 0 and 1 had been told, and 0 taken
    again = partial(stranded.offer_again, department="water", depth=depth, until=later(minutes=9))
    assert 3 == await store.write(again)
    found = await store.read(partial(answers.untold, now=later(minutes=9), limit=9))
    assert {"u-1", "u-2", "u-4"} == {one.update_id for one in found}
