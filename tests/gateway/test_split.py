"""Two problems in one message: a person makes two related complaints of it by one act."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from channels.message import Scheme
from gateway.incidents import NotThere
from gateway.split import Splits
from gateway.store import complaints
from gateway.store.doubled import doubled
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger
from gateway.tasks import WrongAnswer
from normalizer.complaint import Priority
from tests.gateway.walk import CITIZEN, EITHER_STORE, OUTAGE, Walk
from tests.servers.waiting import until

pytestmark = EITHER_STORE

BOTH = "الماء مقطوع عن بيتنا منذ يومين، والحاوية أمام المدرسة ممتلئة"
HALF = "والحاوية أمام المدرسة ممتلئة"


@pytest.fixture
def splits(walk: Walk) -> Splits:
    """The door to splitting, on the same clock."""
    return Splits(walk.house, clock=walk.clock)


async def both(walk: Walk) -> str:
    receipt = await walk.hear(BOTH, answers={"category": "water.outage", "place": {"district": "karkh"}})
    await walk.publish()
    return receipt.reference


async def test_each_half_goes_to_its_own_department(walk: Walk, splits: Splits) -> None:
    """The second has a number of its own, the same citizen and place, its own words, and a way of its own."""
    reference = await both(walk)
    half = await splits.split(reference, "waste.collection", "sara", text=HALF)
    await walk.publish()

    whole, other = await walk.case(reference), await walk.case(half.reference)
    assert ("water", "waste") == (whole.department, other.department)
    assert (other.complaint.id,) == whole.complaint.related
    assert (whole.complaint.id,) == other.complaint.related
    assert (whole.complaint.contact, whole.complaint.place) == (other.complaint.contact, other.complaint.place)
    assert (BOTH, HALF) == (whole.complaint.text, other.complaint.text)
    offered = [event["subject"] for event in walk.tape.events() if event["type"] == "balagh.complaint.offered.v1"]
    assert [reference, half.reference] == offered


async def test_the_citizen_hears_the_second_number(walk: Walk, splits: Splits) -> None:
    """A receipt for the new one goes where they wrote, with its own PIN."""
    reference = await both(walk)
    half = await splits.split(reference, "waste.collection", "sara")

    texts = [row.text for row in await walk.rows("SELECT text FROM reply_payload")]
    shown = f"{half.reference[:4]} {half.reference[4:7]} {half.reference[7:]}"
    (text,) = [text for text in texts if shown in text]
    assert walk.house.identities.pin(half.reference) in text


async def test_the_citizen_hears_of_every_half_what_became_of_it(walk: Walk, splits: Splits) -> None:
    """Also of a half of a half: its number and, when it is resolved, the news go where they wrote, each its own."""
    receipt = await walk.hear(
        BOTH, "7001", channel="whatsapp", scheme=Scheme.WHATSAPP, answers={"category": "water.outage"}
    )
    first = await splits.split(receipt.reference, "waste.collection", "sara")
    second = await splits.split(first.reference, "roads.damage", "sara")
    every = [receipt.reference, first.reference, second.reference]

    def resolve(connection: Connection) -> None:
        cases = complaints.load_many(connection, every)
        with Ledger(connection, walk.clock()) as ledger:
            for reference in every:
                walk.house.acknowledger.news(ledger, cases[reference].complaint, "resolved")

    await walk.house.store.write(resolve)
    rows = await walk.rows(
        "SELECT purpose, reference, replies.channel FROM replies JOIN complaints c ON c.id = complaint_id"
    )
    told = sorted((row.purpose, row.reference) for row in rows if row.channel == "whatsapp")
    assert sorted((purpose, one) for purpose in ("received", "resolved") for one in every) == told


@pytest.mark.parametrize("channel", ["api", "web"])
async def test_whoever_wrote_where_nobody_answers_hears_the_second_number_by_sms(
    walk: Walk, splits: Splits, channel: str
) -> None:
    """A form or a program gave a telephone number: one SMS, however often a person splits; without a number, none."""
    stated = {"category": "water.outage"}
    way: dict[str, Any] = {"channel": channel, "account": channel, "provider": channel, "scheme": Scheme(channel)}
    receipt = await walk.hear(BOTH, "one", answers={**stated, "contact": {"phone": CITIZEN}}, **way)
    nobody = await walk.hear(BOTH, "two", answers=stated, **way)
    halves = [await splits.split(receipt.reference, "waste.collection", by) for by in ("sara", "omar")]
    await splits.split(nobody.reference, "waste.collection", "sara")

    columns = "purpose, reference, channel, scheme, address"
    (told,) = await walk.rows(f"SELECT {columns} FROM replies JOIN reply_payload USING (id)")
    assert ("received", halves[0].reference, "sms", "tel", CITIZEN) == tuple(told)


async def test_splitting_twice_gives_the_same_half(walk: Walk, splits: Splits) -> None:
    """Two people press at once, and a third tomorrow: one complaint, one event of it."""
    reference = await both(walk)
    halves = await asyncio.gather(*(splits.split(reference, "waste.collection", f"p{one}") for one in range(4)))
    halves.append(await splits.split(reference, "waste.collection", "late", text=HALF))

    assert 1 == len({half.reference for half in halves})
    assert 1 == sum(half.fresh for half in halves)
    assert 2 == len(await walk.rows("SELECT id FROM complaints"))
    assert 1 == len((await walk.case(reference)).complaint.related)


async def test_danger_goes_with_the_words_that_speak_of_it(walk: Walk, splits: Splits) -> None:
    """The whole text taken over keeps its priority; words of a full container alone are no danger."""
    receipt = await walk.hear(BOTH, answers={"category": "water.outage", "danger": True})
    await walk.publish()
    first = await splits.split(receipt.reference, "waste.collection", "sara", text=HALF)
    second = await splits.split(receipt.reference, "roads.damage", "sara")

    priorities = [(await walk.case(half.reference)).complaint.priority for half in (first, second)]
    assert [Priority.NORMAL, Priority.DISTRESS] == priorities


async def test_what_went_by_itself_is_listed_with_its_second_problem(walk: Walk) -> None:
    """The newest first, none that a person routed, none that is confidential, resolved or older than was asked."""
    words = "كسر في أنبوب الماء، ومصابيح الشارع مطفأة"
    first = (await walk.hear(words, "+9647709990001")).reference
    walk.clock.pass_by(hours=2)
    since = walk.clock()
    plain = [(await walk.hear("كسر في أنبوب الماء", "+9647709990002")).reference]
    found = [(await walk.hear(words, f"+96477099901{one:02}")).reference for one in range(3)]
    await walk.publish()

    async def listed(**more: Any) -> list[str]:
        cases = await walk.house.store.read(partial(doubled, **{"since": since, "limit": 9, **more}))
        return [case.complaint.reference for case in cases]

    async def routed() -> bool:
        return all([(await walk.case(one)).route for one in (first, *plain, *found)])

    await until(routed)
    assert sorted(found) == sorted(await listed())
    assert first == (await listed(since=since - timedelta(days=1)))[-1]
    assert 2 == len(await listed(limit=2))
    await walk.change("UPDATE complaints SET status = 'resolved' WHERE reference = :one", one=found[0])
    await walk.change("UPDATE complaints SET confidential = true WHERE reference = :one", one=found[1])
    assert found[2:] == await listed()


async def test_danger_that_is_seen_only_in_a_half_is_answered_with_whom_to_call(walk: Walk, splits: Splits) -> None:
    """Also of a half the emergency numbers come once: not again where the citizen had them with the whole."""
    wire = "سلك كهرباء مكشوف قرب باب المدرسة"
    calm = await both(walk)
    await splits.split(calm, "electricity.hazard", "sara", text=wire)
    alarmed = await walk.hear(f"{OUTAGE}. {wire}", "+9647709990001", answers={"category": "water.outage"})
    await splits.split(alarmed.reference, "electricity.hazard", "sara", text=wire)

    told = [row.purpose for row in await walk.rows("SELECT purpose FROM replies")]
    assert ["distress", "distress", "received", "received"] == sorted(told)


async def test_what_cannot_be_split_is_refused(walk: Walk, splits: Splits) -> None:
    """An unknown complaint, an unknown category, the category that it has already."""
    reference = await both(walk)
    with pytest.raises(NotThere):
        await splits.split("1234567897", "waste.collection", "sara")
    for category in ("nonsense", "water.outage"):
        with pytest.raises(WrongAnswer):
            await splits.split(reference, category, "sara")
    assert 1 == len(await walk.rows("SELECT id FROM complaints"))


async def test_the_books_balance_after_it(walk: Walk, splits: Splits) -> None:
    """Every complaint has its message in the journal, also one that a person split off."""
    reference = await both(walk)
    await splits.split(reference, "waste.collection", "sara")
    await walk.publish()

    pending = await walk.rows("SELECT id FROM journal WHERE state != 'done'")
    orphans = await walk.rows("SELECT id FROM complaints WHERE id NOT IN (SELECT id FROM journal)")
    assert ([], []) == (pending, orphans)
