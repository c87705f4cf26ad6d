"""Interpret: every journaled message becomes something, once, in order, whatever breaks."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, update

from channels.message import Address, Delivery, DeliveryState, Inbound, Media, Pin, Purpose, Scheme
from gateway.acknowledge import BUDGET, DAY_BUDGET, Acknowledger
from gateway.city.city import City
from gateway.interpret import BATCH, MOST_VERSIONS, Interpreter
from gateway.interpret.batch import Batch
from gateway.signals import Signal
from gateway.store import attachments, complaints, journal, quarantine, replies
from gateway.store.complaints import Case, Event
from gateway.store.engine import Store
from gateway.store.tables import complaints as complaint_table
from gateway.store.tables import journal as journal_table
from gateway.store.tables import journal_payload, reply_payload
from gateway.store.tables import replies as reply_table
from normalizer.complaint import Priority
from normalizer.reader import Reader
from normalizer.reference import show
from tests.gateway.store.making import ACCOUNT, IDENTITIES, NOW, PHONE, WORDS, later, sms
from tests.gateway.walk import logged
from tests.servers.waiting import until

OTHER = "+9647907654321"


@dataclass
class Room:
    """The interpreter with everything around it, and what a person would ask of it."""

    store: Store
    city: City
    speakers: frozenset[str] = frozenset({"sms", "whatsapp"})
    wake: tuple[Signal, ...] = field(default_factory=lambda: (Signal(),))
    now: datetime = NOW

    def interpreter(self) -> Interpreter:
        """Make an interpreter as a process would."""
        acknowledger = Acknowledger(lambda: self.city, IDENTITIES, self.speakers)
        return Interpreter(self.store, lambda: self.city, acknowledger, Signal(), self.wake, clock=lambda: self.now)

    async def hear(self, *inbounds: Inbound, at: datetime | None = None) -> list[str]:
        """Journal messages and return their references."""
        entries = [IDENTITIES.entry(inbound, at or self.now) for inbound in inbounds]
        return [kept.reference for kept in await self.store.write(partial(journal.append, entries=entries))]

    async def understand(self) -> None:
        """Interpret until nothing waits."""
        interpreter = self.interpreter()
        while await interpreter.step():
            pass

    async def tell(self, *inbounds: Inbound, at: datetime | None = None) -> list[str]:
        """Journal and understand."""
        references = await self.hear(*inbounds, at=at)
        await self.understand()
        return references

    async def case(self, reference: str) -> Case:
        """The complaint that has a reference."""
        found = await self.store.read(partial(complaints.load, reference=reference))
        assert found is not None
        return found

    async def missing(self, reference: str) -> bool:
        """Whether no complaint has this reference."""
        return await self.store.read(partial(complaints.load, reference=reference)) is None

    async def story(self, reference: str) -> list[Event]:
        """A complaint's events."""
        case = await self.case(reference)
        return await self.store.read(partial(complaints.story, complaint_id=case.complaint.id))

    async def outcomes(self) -> list[tuple[str, str | None]]:
        """What each message became, in the order of arrival."""
        query = select(journal_table.c.state, journal_table.c.outcome).order_by(journal_table.c.seq)
        return [(row.state, row.outcome) for row in await self.rows(query)]

    async def owed(self) -> list[tuple[str, str, str]]:
        """The replies: what for, their state, their words."""
        query = (
            select(reply_table.c.purpose, reply_table.c.state, reply_payload.c.text)
            .join(reply_payload, reply_payload.c.id == reply_table.c.id)
            .order_by(reply_table.c.created_at, reply_table.c.purpose)
        )
        return [(row.purpose, row.state, row.text) for row in await self.rows(query)]

    async def quarantined(self) -> list[tuple[str, str]]:
        """What a person is shown: where it broke, and why."""
        return [(row.stage, row.reason) for row in await self.store.read(quarantine.entries)]

    async def rows(self, query: Any) -> Sequence[Any]:
        """Ask the store."""
        return await self.store.read(lambda connection: connection.execute(query).all())


@pytest.fixture
def room(store: Store, city: City) -> Room:
    return Room(store, city)


async def test_a_message_becomes_a_complaint_and_its_sender_is_thanked(room: Room) -> None:
    """Filed under the reference that the receipt told, with its first event; the reply names reference and PIN."""
    (reference,) = await room.tell(sms("SM1"))

    case = await room.case(reference)
    assert (WORDS, "water.outage", "sms", PHONE) == (
        case.complaint.text, case.complaint.category, case.complaint.channel,
        case.complaint.contact and case.complaint.contact.phone,
    )  # fmt: skip
    assert ["received"] == [event.type for event in await room.story(reference)]
    assert [("done", "complaint")] == await room.outcomes()
    ((purpose, state, words),) = await room.owed()
    assert ("received", "queued") == (purpose, state)
    assert show(reference) in words
    assert IDENTITIES.pin(reference) in words
    assert all(signal._event.is_set() for signal in room.wake)


async def test_a_message_is_interpreted_once(room: Room) -> None:
    """Delivered twice, looked at five times: one complaint, one reply."""
    await room.tell(sms("SM1"))
    for _ in range(5):
        await room.tell(sms("SM1"))

    assert [("done", "complaint")] == await room.outcomes()
    assert 1 == len(await room.owed())


async def test_a_further_message_within_the_window_is_added(room: Room) -> None:
    """Ten minutes later the street's name: the words are joined, the story goes on, the reply names the first."""
    (first,) = await room.tell(sms("SM1"))
    room.now = later(minutes=10)
    (second,) = await room.tell(sms("SM2", "قرب جامع الرحمن"))

    case = await room.case(first)
    assert f"{WORDS}\nقرب جامع الرحمن" == case.complaint.text
    assert ["received", "amended"] == [event.type for event in await room.story(first)]
    assert await room.missing(second)
    assert [("done", "complaint"), ("done", "amendment")] == await room.outcomes()
    assert ["received", "amended"] == [purpose for purpose, _, _ in await room.owed()]
    assert show(first) in (await room.owed())[1][2]


@pytest.mark.parametrize(("minutes", "complaints_filed"), [(15, 1), (15.01, 2)])
async def test_the_window_closes_to_the_second(room: Room, minutes: float, complaints_filed: int) -> None:
    """The sample city's fifteen minutes: the last second still belongs to it, the next begins a new complaint."""
    await room.tell(sms("SM1"))
    await room.tell(sms("SM2", "وعندنا حفرة كبيرة في الشارع"), at=later(minutes=minutes))

    assert complaints_filed == sum(outcome == "complaint" for _, outcome in await room.outcomes())


async def test_each_message_opens_the_window_anew(room: Room) -> None:
    """Ten minutes, and ten, and ten: one conversation, one complaint."""
    for number in range(4):
        await room.tell(sms(f"SM{number}"), at=later(minutes=10 * number))

    assert ["complaint", "amendment", "amendment", "amendment"] == [outcome for _, outcome in await room.outcomes()]


async def test_parts_that_come_in_one_breath_are_thanked_once(room: Room) -> None:
    """A long thought in four messages within a minute: one complaint in the order of the parts, one reply."""
    references = await room.tell(*(sms(f"SM{number}", f"جزء {number}") for number in (3, 1, 4, 2)))

    assert "جزء 3\nجزء 1\nجزء 4\nجزء 2" == (await room.case(references[0])).complaint.text
    assert ["received"] == [purpose for purpose, _, _ in await room.owed()]


async def test_danger_told_later_is_answered_at_once(room: Room) -> None:
    """The second message of the same minute says that a wire is down: the priority rises, and the answer is another."""
    (first, _) = await room.tell(sms("SM1"), sms("SM2", "سلك مكشوف والأطفال قربه"))

    assert Priority.DISTRESS == (await room.case(first)).complaint.priority
    assert ["normal", "distress"] == [event.priority for event in await room.story(first)]
    assert {"received", "distress"} == {purpose for purpose, _, _ in await room.owed()}


async def test_another_sender_account_or_channel_is_another_conversation(room: Room) -> None:
    """At the same moment, from somebody else, to another number of ours, by another way: each files its own."""
    await room.tell(
        sms("SM1"),
        sms("SM2", sender=OTHER),
        sms("SM3", account="+9647800000999"),
        sms("SM4", channel="whatsapp", scheme=Scheme.WHATSAPP),
    )

    assert ["complaint"] * 4 == [outcome for _, outcome in await room.outcomes()]


@pytest.mark.parametrize(
    ("scheme", "sender"),
    [(Scheme.WEB, "token"), (Scheme.API, "call-centre:key-1"), (Scheme.UNKNOWN, ""), (Scheme.UNKNOWN, "anonymous")],
)
async def test_who_is_not_one_person_never_amends(room: Room, scheme: Scheme, sender: str) -> None:
    """The page and programs file each time, and two withheld numbers need not be one person. Nobody is answered."""
    await room.tell(*(sms(f"SM{number}", scheme=scheme, sender=sender) for number in range(3)))

    assert ["complaint"] * 3 == [outcome for _, outcome in await room.outcomes()]
    assert [] == await room.owed()


async def test_a_closed_complaint_is_not_reopened_by_a_message(room: Room) -> None:
    """Its department resolved it a minute ago: the next message is a complaint of its own."""
    (first,) = await room.tell(sms("SM1"))
    await room.store.write(lambda found: found.execute(update(complaint_table).values(status="resolved")))
    (second,) = await room.tell(sms("SM2"), at=later(minutes=1))

    assert ["received"] == [event.type for event in await room.story(first)]
    assert ["received"] == [event.type for event in await room.story(second)]


async def test_photos_are_owed_to_the_complaint(room: Room) -> None:
    """Two photos now and one later: three attachments to fetch, each once, named in the complaint."""
    photo = Media("image/jpeg", "https://api.twilio.com/1")
    (first,) = await room.tell(sms("MM1", media=(photo, photo)))
    await room.tell(sms("MM2", "", media=(photo,)), at=later(minutes=1))

    wanted = await room.store.write(partial(attachments.due, now=later(hours=1), limit=9, hold=timedelta(minutes=1)))
    case = await room.case(first)
    assert {one.id for one in wanted} == {one.id for one in case.complaint.attachments}
    assert [("sms", case.complaint.id)] * 3 == [(one.channel, one.complaint_id) for one in wanted]
    assert 1 == (await room.story(first))[1].data["attachments_added"]


async def test_nothing_to_file_is_said(room: Room) -> None:
    """An empty message is nobody's complaint: the reason is kept, and the sender is asked for words."""
    (reference,) = await room.tell(sms("SM1", "  \u200f "))

    ((state, outcome),) = await room.outcomes()
    assert "done" == state
    assert outcome is not None
    assert outcome.startswith("nothing to file: empty")
    assert await room.missing(reference)
    assert ["nothing"] == [purpose for purpose, _, _ in await room.owed()]


async def test_who_shows_everybody_nothing_is_not_written_to(room: Room) -> None:
    """A public post without words was not said to us: nobody is asked, in private or before all, what they mean."""
    commenter = Address(Scheme.COMMENT, "2001_3005")
    await room.tell(sms("C1", "", public=True, reply_to=commenter, comment_to=commenter))

    assert ["nothing to file"] == [str(outcome).partition(":")[0] for _, outcome in await room.outcomes()]
    assert [] == await room.owed()


@pytest.mark.parametrize("words", ["إيقاف", "STOP", "stop!"])
async def test_a_wish_for_silence_in_words_is_confirmed_once_and_kept(room: Room, words: str) -> None:
    """Told in words that only we understand: one confirmation goes, what is queued or comes later does not."""
    await room.tell(sms("SM1"))
    await room.tell(sms("SM2", words), at=later(minutes=1))
    await room.tell(sms("SM3", "وعندنا حفرة كبيرة في الشارع"), at=later(hours=2))

    assert [("done", "complaint"), ("done", "opt_out"), ("done", "complaint")] == await room.outcomes()
    assert [("opt_out", "queued"), ("received", "suppressed"), ("received", "suppressed")] == sorted(
        (purpose, state) for purpose, state, _ in await room.owed()
    )


async def test_the_provider_s_own_word_for_silence_is_not_answered(room: Room) -> None:
    """The provider has confirmed it already; START takes it back, and the next complaint is thanked for again."""
    await room.tell(sms("SM1", "STOP", purpose=Purpose.OPT_OUT))
    await room.tell(sms("SM2"))
    await room.tell(sms("SM3", "START", purpose=Purpose.OPT_IN))
    await room.tell(sms("SM4", "وعندنا حفرة كبيرة في الشارع"), at=later(hours=2))

    assert ["opt_out", "complaint", "opt_in", "complaint"] == [outcome for _, outcome in await room.outcomes()]
    assert [("received", "queued"), ("received", "suppressed")] == sorted(
        (purpose, state) for purpose, state, _ in await room.owed()
    )


async def test_a_photo_of_a_stop_sign_is_a_complaint(room: Room) -> None:
    """The word stands under a picture, or beside a place: somebody reports something, and the picture is kept."""
    photo = Media("image/jpeg", "https://api.twilio.com/1")
    await room.tell(sms("MM1", "stop", media=(photo,)))
    await room.tell(sms("MM2", "stop", sender=OTHER, place=Pin(latitude=33.3, longitude=44.4)))

    assert ["complaint", "complaint"] == [outcome for _, outcome in await room.outcomes()]
    assert {"pending": 1} == await room.store.read(attachments.states)


async def test_a_form_that_says_stop_is_a_complaint(room: Room) -> None:
    """On the page there is nothing to stop: whoever writes it there reports something."""
    await room.tell(sms("1", "إيقاف", channel="web", scheme=Scheme.WEB, sender="token"))

    assert [("done", "complaint")] == await room.outcomes()


async def test_a_delivery_report_reaches_its_reply(room: Room) -> None:
    """What became of our reply is recorded; a report of what we never sent is kept with that remark."""
    await room.tell(sms("SM1"))
    (due,) = await room.store.write(partial(replies.due, now=NOW, limit=9, hold=timedelta(minutes=3)))
    sent = partial(replies.sent, channel="sms", taken={due.reply.id: "SM77"}, now=NOW)
    await room.store.write(sent)
    for sid, number in (("SM77:delivered", "SM77"), ("SM99:delivered", "SM99")):
        report = Delivery(number, DeliveryState.DELIVERED)
        await room.tell(sms(sid, "", purpose=Purpose.DELIVERY, delivery=report, sender=ACCOUNT))

    assert {"delivered": 1} == await room.store.read(replies.states)
    assert [
        ("done", "complaint"),
        ("done", "delivery: delivered"),
        ("done", "delivery: delivered, of an unknown reply"),
    ] == await room.outcomes()


async def test_what_is_unreadable_goes_to_a_person_and_the_others_pass(room: Room) -> None:
    """A genuine request that no one could read stands between two messages: set aside whole, with the reason."""
    broken = sms("raw:1", "", purpose=Purpose.UNREADABLE, note="no MessageSid", sender="", scheme=Scheme.UNKNOWN)
    (_, reference, _) = await room.tell(sms("SM1"), broken, sms("SM2", sender=OTHER))

    assert [("done", "complaint"), ("quarantined", "no MessageSid"), ("done", "complaint")] == await room.outcomes()
    (row,) = await room.store.read(quarantine.entries)
    assert ("interpret", "no MessageSid", broken.to_json()) == (row.stage, row.reason, row.body)
    assert await room.missing(reference)


class Broken(Reader):
    """A reader with a bug that one word brings to light."""

    def guess(self, text: str) -> Any:
        """Guess, or fail as a bug would: with the citizen's words in the exception."""
        if "قنبلة" in text:
            raise RuntimeError(f"cannot weigh {text}")
        return super().guess(text)


@pytest.mark.parametrize("style", ["json", "text"])
async def test_a_bug_costs_no_message(room: Room, style: str) -> None:
    """Understanding one of them raises: it is quarantined, the others pass, and no log quotes the citizen.

    Mended and retried by a person, it becomes the complaint it should have been, under its own number.
    """
    well = room.city
    room.city = replace(well, reader=Broken(well.vocabulary))
    with logged(style) as log:
        references = await room.tell(sms("SM1"), sms("SM2", "قنبلة ماء", sender=OTHER), sms("SM3"))

    assert ["done", "quarantined", "done"] == [state for state, _ in await room.outcomes()]
    assert [("interpret", "RuntimeError while understanding it")] == await room.quarantined()
    assert "cannot be understood" in log.getvalue()
    assert "test_interpret.py" in log.getvalue()  # where it broke
    for secret in ("قنبلة", "\\u0642", PHONE, OTHER[1:]):
        assert secret not in log.getvalue()

    room.city = well
    (row,) = await room.store.read(quarantine.entries)
    assert await room.store.write(partial(journal.reopen, journal_id=row.subject))
    await room.understand()
    assert "قنبلة ماء" == (await room.case(references[1])).complaint.text


async def test_a_bug_while_filing_leaves_nothing_half_done(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The complaint is written and then something raises: nothing of it stays but the quarantined message."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Batch, "attach", fail)
    (reference,) = await room.tell(sms("SM1"))

    assert await room.missing(reference)
    assert [] == await room.owed()
    assert [("interpret", "RuntimeError while filing it")] == await room.quarantined()
    assert [("quarantined", "RuntimeError while filing it")] == await room.outcomes()


@pytest.mark.parametrize(
    "body", ["{", "[]", "null", '"x"', "{}", '{"channel":"sms"}', "[" * 100_000, '{"purpose":"nonsense"}', ""]
)
async def test_a_poisoned_row_is_set_aside(room: Room, body: str) -> None:
    """What stands in the journal cannot be read back: a person gets it as it is, and the queue goes on."""
    await room.hear(sms("SM1"), sms("SM2", sender=OTHER))
    first = IDENTITIES.entry(sms("SM1"), NOW).id
    await room.store.write(
        lambda found: found.execute(update(journal_payload).where(journal_payload.c.id == first).values(body=body))
    )
    await room.understand()

    assert ["quarantined", "done"] == [state for state, _ in await room.outcomes()]
    (row,) = await room.store.read(quarantine.entries)
    assert body == row.body


async def test_a_delivery_report_without_its_report_is_set_aside(room: Room) -> None:
    """A channel's bug: the purpose says delivery, and there is none."""
    await room.tell(sms("SM1", purpose=Purpose.DELIVERY), sms("SM2"))

    assert ["quarantined", "done"] == [state for state, _ in await room.outcomes()]


@pytest.mark.parametrize("text", ["\x00", "ماء\x00مقطوع", "\ud800 ماء", "\u202eماء", "م" * 200_000, "😀" * 1000])
async def test_whatever_a_citizen_types_is_filed(room: Room, text: str) -> None:
    """NUL, half characters, direction marks, a book: something is filed or the reason is kept; nothing breaks."""
    await room.tell(sms("SM1", text))

    ((state, _),) = await room.outcomes()
    assert "done" == state
    assert [] == await room.quarantined()


@pytest.mark.servers
async def test_a_report_with_an_endless_id_does_not_stop_the_queue(postgres_store: Store, city: City) -> None:
    """A value that PostgreSQL refuses by its size: set aside like any other broken message, not tried for ever."""
    room = Room(postgres_store, city)
    endless = Delivery(IDENTITIES.digest("x") + "".join(f"{number:x}" for number in range(300_000)), DeliveryState.SENT)
    await room.hear(sms("SM1", "", purpose=Purpose.DELIVERY, delivery=endless), sms("SM2", sender=OTHER))
    await asyncio.wait_for(room.understand(), 20)

    assert ["quarantined", "done"] == [state for state, _ in await room.outcomes()]


@pytest.mark.servers
async def test_a_batch_that_another_has_in_hand_holds_up_nobody_else(postgres_store: Store, city: City) -> None:
    """An interpreter stopped amid a full batch: what came later is filed without it, and its own once it is gone."""
    room = Room(postgres_store, city)
    await room.hear(*(sms(f"SM{number}", sender=f"+96479{number:08d}") for number in range(BATCH + 2)))
    rows = await room.store.read(partial(journal.pending, limit=BATCH))
    began, gate = threading.Event(), threading.Event()

    def stop(connection: Connection) -> None:
        journal.claim(connection, rows)
        began.set()
        gate.wait(20)

    stopping = asyncio.create_task(room.store.write(stop))
    await until(began.is_set)
    running = asyncio.create_task(room.interpreter().run())
    await until(lambda: _is(room, [*["pending"] * BATCH, "done", "done"]))
    gate.set()
    await stopping
    await until(lambda: _is(room, ["done"] * (BATCH + 2)))
    running.cancel()


async def _is(room: Room, states: list[str]) -> bool:
    return states == [state for state, _ in await room.outcomes()]


async def test_a_crash_between_reading_and_filing_loses_and_doubles_nothing(room: Room) -> None:
    """Read and understood, then killed; and killed again after filing: once each."""
    await room.hear(*(sms(f"SM{number}", sender=f"+964790000000{number}") for number in range(5)))
    dead = room.interpreter()
    rows = await room.store.read(partial(journal.pending, limit=3, per_sender=3))
    readings = [dead.read(row) for row in rows]
    await room.understand()
    assert [] == await room.store.write(partial(dead.file, readings=readings))

    assert [("done", "complaint")] * 5 == await room.outcomes()
    assert 5 == len(await room.owed())


async def test_a_transaction_that_dies_is_run_again_whole(room: Room) -> None:
    """The commit fails after everything was written: nothing is there, and the next try does all of it once."""
    await room.hear(sms("SM1"), sms("SM2"))
    interpreter = room.interpreter()
    rows = await room.store.read(partial(journal.pending, limit=9, per_sender=9))
    readings = [interpreter.read(row) for row in rows]

    def die(connection: Connection) -> None:
        assert 2 == len(interpreter.file(connection, readings))
        raise LookupError

    with pytest.raises(LookupError):
        await room.store.write(die)
    assert [("pending", None)] * 2 == await room.outcomes()
    await room.understand()
    assert [("done", "complaint"), ("done", "amendment")] == await room.outcomes()
    assert 1 == len(await room.owed())


async def test_two_machines_that_thank_each_other_stop(room: Room) -> None:
    """An answering machine answers each reply of ours: all of it is filed, but replies end with the hour's budget."""
    for number in range(BUDGET + 8):
        room.now = later(minutes=2 * number)
        await room.tell(sms(f"SM{number}", "شكرا لكم"))
    assert BUDGET == len(await room.owed())

    room.now = later(hours=2)
    await room.tell(sms("SM-later"))
    assert BUDGET + 1 == len(await room.owed())


async def test_two_patient_machines_stop_as_well(room: Room) -> None:
    """One that answers every ten minutes never spends an hour's budget: the day's ends it, until the next day."""
    for number in range(DAY_BUDGET + 4):
        room.now = later(minutes=10 * number)
        await room.tell(sms(f"SM{number}", "شكرا لكم"))
    assert DAY_BUDGET == len(await room.owed())

    room.now = later(days=2)
    await room.tell(sms("SM-later"))
    assert DAY_BUDGET + 1 == len(await room.owed())


async def test_whoever_is_in_danger_hears_whom_to_call_however_much_they_wrote(room: Room) -> None:
    """The hour's budget is spent on other words; the emergency numbers come all the same."""
    for number in range(BUDGET + 2):
        room.now = later(minutes=2 * number)
        await room.tell(sms(f"SM{number}", "شكرا لكم"))
    await room.tell(sms("SM-danger", "سلك كهرباء مكشوف قرب باب المدرسة والأطفال يلعبون عنده"))

    assert "distress" in [purpose for purpose, _, _ in await room.owed()]


async def test_a_channel_that_cannot_speak_owes_nothing(room: Room) -> None:
    """The channel is off, or has no voice: the complaint is filed, and no reply waits for ever."""
    room.speakers = frozenset()
    await room.tell(sms("SM1"), sms("SM2", scheme=Scheme.SENDER_ID, sender="BAGHDAD"))
    room.speakers = frozenset({"sms"})
    await room.tell(sms("SM3", scheme=Scheme.SENDER_ID, sender="7726"))

    assert ["complaint"] * 3 == [outcome for _, outcome in await room.outcomes()]
    assert [] == await room.owed()


async def test_who_writes_english_is_answered_in_english(room: Room) -> None:
    """The reply is in the language of the message, the city's own when that is none of its languages."""
    await room.tell(sms("SM1", "No water in our street since yesterday"))
    await room.tell(sms("SM2", sender=OTHER))

    languages = {row.language for row in await room.rows(select(reply_table.c.language))}
    assert {"en", "ar"} == languages


async def test_a_message_that_waited_in_the_spool_finds_its_complaint(room: Room) -> None:
    """It was accepted before a later one, and journaled after it: it belongs to the same conversation."""
    (first,) = await room.tell(sms("SM2"), at=later(minutes=5))
    await room.tell(sms("SM1", "قبلها"), at=NOW)

    case = await room.case(first)
    assert ["received", "amended"] == [event.type for event in await room.story(first)]
    assert later(minutes=5) == case.heard_at
    assert NOW == case.complaint.received_at


@pytest.mark.servers
async def test_two_interpreters_keep_the_order_of_every_sender(
    postgres_store: Store, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three hundred messages of ten people and three interpreters at work: each person's words in their order."""
    monkeypatch.setattr("gateway.interpret.interpreter.BATCH", 16)
    room = Room(postgres_store, city)
    inbounds = [sms(f"SM{number}", f"كلمة {number}", sender=f"+964790000000{number % 10}") for number in range(300)]
    running = [asyncio.create_task(room.interpreter().run()) for _ in range(3)]
    references: list[str] = []
    for begin in range(0, 300, 30):
        references += await room.hear(*inbounds[begin : begin + 30])

    async def finished() -> bool:
        return await postgres_store.read(journal.backlog) == (0, None)

    await until(finished, 60)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)

    assert [] == await room.quarantined()
    told: dict[str, list[str]] = defaultdict(list)
    for number in range(10):
        case = await room.case(references[number])
        told[references[number]] = case.complaint.text.split("\n")
        assert list(range(1, 31)) == [event.sequence for event in await room.story(references[number])]
    for number in range(10):
        assert [f"كلمة {turn}" for turn in range(number, 300, 10)] == told[references[number]]
    assert 10 == sum(outcome == "complaint" for _, outcome in await room.outcomes())
    assert 10 == len(await room.owed())


async def test_the_room_waits_while_the_store_is_away(sqlite_store: Store, city: City) -> None:
    """Another program holds the file for longer than the store waits: the room says so and goes on where it was."""
    room = Room(sqlite_store, city)
    await room.hear(sms("SM1"))
    sqlite_store.engine.dispose()
    event.listen(sqlite_store.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=20"))
    with logged() as log:
        with sqlite_store.engine.connect() as other:
            other.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
            running = asyncio.create_task(room.interpreter().run())
            await until(lambda: "store away" in log.getvalue())
            assert not running.done()
        await until(lambda: "complaint" in log.getvalue())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert [("done", "complaint")] == await room.outcomes()


async def test_a_complaint_that_is_full_is_followed_by_another(room: Room) -> None:
    """A machine that texts without end fills a complaint; what follows begins a new one, and nothing is thrown away."""
    await room.tell(*(sms(f"SM{number}") for number in range(MOST_VERSIONS + 3)))

    became = [outcome for _, outcome in await room.outcomes()]
    assert ["complaint", *["amendment"] * (MOST_VERSIONS - 1), "complaint", *["amendment"] * 2] == became


async def test_who_floods_us_does_not_stand_before_the_others(room: Room) -> None:
    """A hundred messages of one number came first: somebody else's is understood in the very first batch."""
    await room.hear(*(sms(f"SM{number}") for number in range(100)))
    await room.hear(sms("SMother", sender="+9647701111111"))
    await room.interpreter().step()

    assert (("done", "complaint")) == (await room.outcomes())[-1]
    assert 7 == sum(state == "done" for state, _ in await room.outcomes())
