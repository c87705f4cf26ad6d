"""What we owe the citizens in words: once each, whatever the provider reports in whatever order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import permutations

import pytest

from channels.message import Address, Delivery, DeliveryState, Scheme
from gateway.store import replies
from gateway.store.engine import Connection, Store
from gateway.store.replies import QUEUED, Draft, Due
from gateway.store.tables import replies as table
from tests.gateway.store.making import ACCOUNT, NOW, PHONE, later

HOLD = timedelta(minutes=3)


def draft(name: str = "one", *, purpose: str = "received", sender: str = "anna") -> Draft:
    return Draft(
        id=f"reply-{name}-{purpose}",
        journal_id=f"inbound-{name}",
        complaint_id=None,
        purpose=purpose,
        channel="sms",
        account=ACCOUNT,
        sender=sender,
        language="ar",
        to=Address(Scheme.TEL, PHONE),
        text="رقم بلاغكم",
    )


async def owe(store: Store, *drafts: Draft, at: datetime = NOW) -> list[bool]:
    new = [await store.write(partial(replies.queue, drafts=[(one, QUEUED)], now=at)) for one in drafts or (draft(),)]
    return [bool(ids) for ids in new]


async def take(store: Store, at: datetime = NOW, limit: int = 16) -> list[Due]:
    return await store.write(partial(replies.due, now=at, limit=limit, hold=HOLD))


async def state(store: Store, reply_id: str = "reply-one-received") -> tuple[str, str | None, bool]:
    """A reply's state, its error code, and whether it will be tried again."""
    row = await store.read(lambda found: found.execute(table.select().where(table.c.id == reply_id)).one())
    return row.state, row.error_code, row.next_at is not None


def report(status: DeliveryState, code: str = "", *, reply: str = "reply-one-received", sid: str = "SM1") -> Delivery:
    return Delivery(sid, status, code, reply, transient=code == "30003")


async def test_one_reply_for_each_purpose(store: Store) -> None:
    """However often the same message is understood, its sender is thanked once; another purpose is another reply."""
    owed = await asyncio.gather(*(owe(store, draft()) for _ in range(10)))

    assert 1 == sum(new for (new,) in owed)
    assert [False, True] == await owe(store, draft(), draft(purpose="amended"))
    assert ["reply-one-amended", "reply-one-received"] == sorted(due.reply.id for due in await take(store))


async def test_a_reply_is_taken_by_one_worker_whole(store: Store) -> None:
    """Who takes it gets everything to send; nobody else gets it while it is held."""
    await owe(store)
    (due,) = await take(store)

    assert ("sms", 1) == (due.channel, due.attempts)
    assert (ACCOUNT, Address(Scheme.TEL, PHONE), "رقم بلاغكم", "ar", None) == (
        due.reply.account, due.reply.to, due.reply.text, due.reply.language, due.reply.first_tried_at,
    )  # fmt: skip
    assert [] == await take(store, later(minutes=2.9))


async def test_a_worker_that_died_mid_send_leaves_a_warning(store: Store) -> None:
    """Killed while the provider had it in hand: due again after the hold, and who takes it looks before it sends."""
    await owe(store)
    await take(store)
    (again,) = await take(store, later(minutes=3))

    assert (2, NOW) == (again.attempts, again.reply.first_tried_at)
    (third,) = await take(store, later(minutes=6))
    assert (3, NOW) == (third.attempts, third.reply.first_tried_at)


@pytest.mark.servers
async def test_workers_that_look_at_once_never_take_the_same_reply(postgres_store: Store) -> None:
    """Eight workers share forty replies: each is sent by one."""
    await owe(postgres_store, *(draft(str(number)) for number in range(40)))
    taken = await asyncio.gather(*(take(postgres_store, limit=10) for _ in range(8)))

    ids = [due.reply.id for part in taken for due in part]
    assert len(ids) == len(set(ids))
    while rest := await take(postgres_store):
        ids += [due.reply.id for due in rest]
    assert 40 == len(ids) == len(set(ids))


async def test_a_try_that_surely_failed_need_not_look_first(store: Store) -> None:
    """The provider said "later": it surely did not send, so the next try just sends. An unknown outcome must look."""
    await owe(store, draft("busy"), draft("unknown"))
    for due in await take(store):
        unknown = due.reply.id == "reply-unknown-received"
        job = partial(replies.again, reply_id=due.reply.id, code="x", at=later(seconds=9), now=NOW, unknown=unknown)
        await store.write(job)

    assert [] == await take(store, later(seconds=8))
    first_tries = {due.reply.id: due.reply.first_tried_at for due in await take(store, later(seconds=9))}
    assert {"reply-busy-received": None, "reply-unknown-received": NOW} == first_tries


async def test_what_the_provider_took_is_not_sent_again(store: Store) -> None:
    """Sent, or refused for good: never due again."""
    await owe(store, draft("taken"), draft("refused"))
    await take(store)
    await store.write(partial(replies.sent, channel="sms", taken={"reply-taken-received": "SM1"}, now=NOW))
    await store.write(partial(replies.refused, reply_id="reply-refused-received", code="21610", now=NOW))

    assert [] == await take(store, later(days=9))
    assert ("sent", None, False) == await state(store, "reply-taken-received")
    assert ("refused", "21610", False) == await state(store, "reply-refused-received")
    assert {"sent": 1, "refused": 1} == await store.read(replies.states)


SENT = None  # our own note that the provider took it
STORIES = {
    "delivered": (
        [SENT, report(DeliveryState.QUEUED), report(DeliveryState.SENT), report(DeliveryState.DELIVERED)],
        ("delivered", None, False),
    ),
    "read": (
        [SENT, report(DeliveryState.SENT), report(DeliveryState.DELIVERED), report(DeliveryState.READ)],
        ("read", None, False),
    ),
    "filtered": (
        [SENT, report(DeliveryState.QUEUED), report(DeliveryState.SENT), report(DeliveryState.UNDELIVERED, "30007")],
        ("undelivered", "30007", False),
    ),
    "unheard of": ([SENT, report(DeliveryState.UNKNOWN), report(DeliveryState.SENT)], ("sent", None, False)),
    "telephone off": (
        [SENT, report(DeliveryState.SENT), report(DeliveryState.UNDELIVERED, "30003")],
        ("queued", "30003", True),
    ),
}


@pytest.mark.parametrize("story", STORIES)
async def test_reports_in_any_order_end_in_the_same_state(store: Store, story: str) -> None:
    """Reports overtake each other and our own note that the provider took it: the end is the same, in every order."""
    steps, end = STORIES[story]

    def tell(connection: Connection, name: str, order: tuple[Delivery | None, ...]) -> None:
        one = draft(name)
        replies.queue(connection, [(one, QUEUED)], NOW)
        replies.due(connection, NOW, limit=1, hold=HOLD)
        for step in order:
            if step is None:
                replies.sent(connection, "sms", {one.id: f"SM{name}"}, NOW)
            else:
                step = Delivery(f"SM{name}", step.status, step.error_code, one.id, step.transient)  # noqa: PLW2901
                replies.delivered(connection, "sms", step, NOW)

    for number, order in enumerate(permutations(steps)):
        await store.write(partial(tell, name=str(number), order=order))
        said = [step.status.value if step else "our note" for step in order]
        assert end == await state(store, f"reply-{number}-received"), said


async def test_a_report_without_our_own_id_finds_its_reply_later(store: Store) -> None:
    """The report names only the provider's id and comes before we know that: it is applied once we do."""
    await owe(store)
    await take(store)
    early = report(DeliveryState.DELIVERED, reply="")
    assert await store.write(partial(replies.delivered, channel="sms", delivery=early, now=NOW)) is None
    await store.write(partial(replies.sent, channel="sms", taken={"reply-one-received": "SM1"}, now=NOW))

    assert ("delivered", None, False) == await state(store)


async def test_a_report_of_what_nobody_sent_changes_nothing(store: Store) -> None:
    """Another system of the city uses the same number: its reports are kept and touch no reply of ours."""
    await owe(store)
    stranger = report(DeliveryState.FAILED, "30008", reply="", sid="SM-of-another")

    assert await store.write(partial(replies.delivered, channel="sms", delivery=stranger, now=NOW)) is None
    assert ("queued", None, True) == await state(store)


async def test_a_report_proves_that_a_try_with_unknown_outcome_went_through(store: Store) -> None:
    """The answer to our request was lost, but the provider reports: nothing is sent a second time."""
    await owe(store)
    await take(store)
    delivery = report(DeliveryState.DELIVERED)
    await store.write(partial(replies.delivered, channel="sms", delivery=delivery, now=NOW))
    await store.write(
        partial(
            replies.again, reply_id="reply-one-received", code="unknown", at=later(seconds=9), now=NOW, unknown=True
        )
    )

    assert ("delivered", None, False) == await state(store)
    assert [] == await take(store, later(days=9))


async def test_words_the_network_lost_go_again_and_then_no_more(store: Store) -> None:
    """The telephone was off: a second and a third try, further apart, each a new message; then it is lost."""
    await owe(store)
    at = NOW
    for turn in (1, 2, 3):
        (due,) = await take(store, at)
        assert (turn, None) == (due.attempts, due.reply.first_tried_at)
        await store.write(partial(replies.sent, channel="sms", taken={due.reply.id: f"SM{turn}"}, now=at))
        lost = report(DeliveryState.UNDELIVERED, "30003", sid=f"SM{turn}")
        await store.write(partial(replies.delivered, channel="sms", delivery=lost, now=at))
        assert [] == await take(store, at + timedelta(minutes=19))
        at += timedelta(minutes=20 * turn)

    assert ("undelivered", "30003", False) == await state(store)


async def test_silence_is_kept_at_once(store: Store) -> None:
    """What is queued for a sender who wants silence is not sent, nor what is tried again; others are not touched."""
    await owe(store, draft("queued"), draft("tried"), draft("other", sender="omar"))
    for due in await take(store):
        if due.reply.id != "reply-tried-received":
            job = partial(replies.again, reply_id=due.reply.id, code="x", at=NOW, now=NOW, unknown=False)
            await store.write(job)
    silence = partial(replies.opt_out, channel="sms", account=ACCOUNT, sender="anna", now=NOW)
    await store.write(silence)
    await store.write(silence)
    failed = partial(replies.again, reply_id="reply-tried-received", code="x", at=NOW, now=NOW, unknown=True)
    await store.write(failed)

    assert ["reply-other-received"] == [due.reply.id for due in await take(store, later(days=1))]
    assert {("sms", ACCOUNT, "anna")} == await store.read(partial(replies.silent, senders=["anna", "omar"]))
    await store.write(partial(replies.opt_in, channel="sms", account=ACCOUNT, sender="anna"))
    assert set() == await store.read(partial(replies.silent, senders=["anna", "omar"]))


async def test_what_was_already_on_its_way_is_recorded_as_sent(store: Store) -> None:
    """The wish for silence came while the provider had it in hand: the truth is that it went."""
    await owe(store)
    await take(store)
    await store.write(partial(replies.opt_out, channel="sms", account=ACCOUNT, sender="anna", now=NOW))
    await store.write(partial(replies.sent, channel="sms", taken={"reply-one-received": "SM1"}, now=NOW))

    assert ("sent", None, False) == await state(store)


async def test_a_wish_for_silence_that_only_the_provider_knew_is_learnt(store: Store) -> None:
    """The provider refuses because the citizen told it STOP: from then on we are silent too."""
    await owe(store)
    await store.write(
        partial(replies.opt_out_of, reply_id="reply-one-received", channel="sms", account=ACCOUNT, now=NOW)
    )

    assert {("sms", ACCOUNT, "anna")} == await store.read(partial(replies.silent, senders=["anna"]))


async def test_words_that_went_a_third_way_are_not_given_up(store: Store) -> None:
    """Given up on two ways and sent on the third: nobody is left untold, and each way is known to have been tried."""
    chain = [draft(purpose=purpose) for purpose in ("received", "received/carrier", "received/carrier/sms")]
    chain = [replace(one, channel=channel) for one, channel in zip(chain, ("whatsapp", "carrier", "sms"), strict=True)]
    unsaid = partial(replies.given_up, since=later(hours=-1))
    told = []
    for one in chain:
        await owe(store, one, draft("other", purpose=one.purpose))
        await take(store)
        given_up = partial(replies.refused, reply_id=one.id, code=f"{replies.GAVE_UP}x", now=NOW)
        await store.write(given_up if one.channel != "sms" else lambda _: None)
        told.append(await store.read(unsaid))

    assert [1, 1, 0] == told
    assert {(one.channel, ACCOUNT, "anna") for one in chain} == await store.read(partial(replies.ways, reply=chain[1]))
    lost = [await store.read(partial(replies.lost, reply_id=one.id, now=NOW)) for one in chain]
    assert [None, None, None] == lost


@pytest.mark.parametrize(
    ("purpose", "minutes", "expected"), [("voice_code", 9, True), ("voice_code", 11, False), ("received", 600, True)]
)
async def test_a_code_that_is_of_no_use_any_more_goes_no_other_way(
    store: Store, purpose: str, minutes: float, expected: bool
) -> None:
    """The code for a caller is lost: another way is worth it in its ten minutes; afterwards it would confuse."""
    await owe(store, draft(purpose=purpose))
    await take(store)
    name = f"reply-one-{purpose}"
    await store.write(partial(replies.refused, reply_id=name, code="x", now=NOW))
    lost = await store.read(partial(replies.lost, reply_id=name, now=later(minutes=minutes)))

    assert expected == (lost is not None)


async def test_what_was_owed_lately_is_counted_by_sender(store: Store) -> None:
    """The budget that stops two machines from thanking each other for ever."""
    await owe(store, draft("1"), draft("2"), draft("3", sender="omar"), at=NOW)
    await owe(store, draft("4"), draft("5", sender="ali"), at=later(hours=-2))
    await owe(store, draft("6"), at=later(hours=-25))

    senders = ["anna", "omar", "ali", "nobody"]
    job = partial(replies.recent, senders=senders, since=later(hours=-24), lately=later(hours=-1))
    assert {"anna": (3, 2), "omar": (1, 1), "ali": (1, 0)} == await store.read(job)


async def test_news_of_complaints_leave_a_citizen_their_receipts(store: Store) -> None:
    """Whose many complaints were all resolved today is told so, and hears the number of the next one all the same."""
    done = ("resolved", "resolved/sms", "closed", "closed/sms")
    await owe(store, draft("0"), *(draft(str(number), purpose=purpose) for number, purpose in enumerate(done, 1)))

    job = partial(replies.recent, senders=["anna"], since=later(hours=-1), lately=later(hours=-1))
    assert {"anna": (1, 1)} == await store.read(job)
