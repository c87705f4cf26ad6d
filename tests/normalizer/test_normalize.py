from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from channels.message import Address, Inbound, Media, Pin, Purpose, Scheme
from normalizer.complaint import Complaint, Kind, Priority, schema
from normalizer.normalize import amend, attachment_id, normalize, nothing_to_file, revise
from normalizer.reader import Reader
from normalizer.vocabulary import Vocabulary

NOW = datetime(2026, 11, 21, 10, 15, 30, 123456, tzinfo=UTC)
ID = "5e1f7d0a-0000-8000-8000-000000000001"
VALIDATOR = Draft202012Validator(schema("https://balagh.example/complaint.v1.json"))
SENDER = Address(Scheme.TEL, "+9647901234567")

NASTY = st.sampled_from("\ud83d\ude00\x00\u200f\u202e\u0640\n\uffff٣")
ANY = st.text(alphabet=NASTY | st.characters(exclude_categories=()), max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY, inner, max_size=3),
    max_leaves=6,
)
KEYS = ("kind", "category", "channel", "language", "occurred_at", "confidential", "danger")
ANSWERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(KEYS, JSON)
    | {
        "place": JSON
        | st.fixed_dictionaries({}, optional=dict.fromkeys(("text", "district", "latitude", "longitude"), JSON)),
        "contact": JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("phone", "email", "name"), JSON)),
    },
)
PINS = st.builds(Pin, ANY, st.none() | st.floats(), st.none() | st.floats(), ANY | st.just("karrada"))
INBOUNDS = st.builds(
    Inbound,
    channel=st.just("sms"),
    account=ANY,
    external_id=ANY,
    sender=st.builds(Address, st.sampled_from(Scheme), ANY | st.just("+9647901234567")),
    text=ANY | st.sampled_from(["حريق", "طفح المجاري", "رشوة", "no water"]),
    media=st.lists(st.builds(Media, ANY, ANY), max_size=2).map(tuple),
    place=st.none() | PINS,
    sender_name=ANY,
    answers=ANSWERS,
    provider=ANY,
    public=st.booleans(),
    url=ANY,
)


def heard(text: str = "", **fields: Any) -> Inbound:
    return Inbound(**{"channel": "sms", "account": "+1", "external_id": "SM1", "sender": SENDER, "text": text} | fields)


def understood(inbound: Inbound, reader: Reader) -> Complaint:
    return normalize(inbound, reader, id=ID, reference="4821093756", received_at=NOW)


def amended(complaint: Complaint, reader: Reader, text: str = "", **fields: Any) -> Complaint:
    return amend(
        complaint, heard(text, **{"external_id": "SM2"} | fields), reader, received_at=NOW + timedelta(minutes=5)
    )


def test_an_sms_becomes_a_complaint(reader: Reader) -> None:
    """Words, sender and provider of a message are all in the complaint, cleaned for reading and as they came."""
    words = "\u202bطفحت  المجاري\u202c يم بيتنا"
    complaint = understood(heard(words, provider="twilio", sender_name="أبو علي\u200f"), reader)
    assert ("طفحت المجاري يم بيتنا", words) == (complaint.text, complaint.original_text)
    assert ("ar", "sewage.overflow", Priority.NORMAL) == (complaint.language, complaint.category, complaint.priority)
    assert ("sms", "twilio", "+1", "SM1") == (
        complaint.channel,
        complaint.source.provider,
        complaint.source.account,
        complaint.source.external_id,
    )
    assert complaint.contact is not None
    assert ("+9647901234567", "أبو علي", "ar") == (
        complaint.contact.phone,
        complaint.contact.name,
        complaint.contact.language,
    )
    assert [("tel", "+9647901234567")] == [(a.scheme, a.value) for a in complaint.contact.addresses]


@pytest.mark.parametrize(
    ("sender", "addresses", "numbers"),
    [
        (Address("tel", "07901234567"), [("tel", "+9647901234567")], ("+9647901234567", None)),
        (Address("tel", "+266696687"), [], (None, None)),  # withheld: nobody to answer
        (Address("sender-id", "MUN91234567"), [("sender-id", "MUN91234567")], (None, None)),
        (Address("whatsapp", "9647901234567"), [("whatsapp", "9647901234567")], ("+9647901234567", None)),
        (Address("whatsapp", "IQ.1349120865530"), [("whatsapp", "IQ.1349120865530")], (None, None)),
        (Address("mailto", "a@Mail.IQ"), [("mailto", "a@Mail.IQ")], (None, "a@mail.iq")),
        (Address("telegram", "7901234567"), [("telegram", "7901234567")], (None, None)),  # an id, however like a number
        (Address("web", "form-token"), [], (None, None)),
        (Address("api", "partner"), [], (None, None)),
        (Address("unknown", ""), [], (None, None)),
    ],
)
def test_a_sender_is_reached_by_what_the_address_is(
    reader: Reader, sender: Address, addresses: list[tuple[str, str]], numbers: tuple[str | None, str | None]
) -> None:
    """The kind of address says whether it is a telephone, something to answer, or nobody at all."""
    contact = understood(heard("ماء", sender=sender), reader).contact
    assert contact is not None
    assert addresses == [(a.scheme, a.value) for a in contact.addresses]
    assert numbers == (contact.phone, contact.email)


def test_what_was_stated_outright_is_taken(reader: Reader) -> None:
    """A form's choices and an agent's entries go before anything that words suggest, the way it came in included."""
    complaint = understood(
        heard(
            "الكهرباء",
            sender=Address(Scheme.API, "hotline"),
            answers={
                "kind": "request",
                "category": "roads.damage",
                "channel": "walk_in",
                "language": "en",
                "place": {"text": " شارع  14 ", "district": "karrada", "latitude": "33.3", "longitude": 44.4},
                "contact": {"phone": "٠٧٩٠ ١٢٣ ٤٥٦٧", "email": "a@b.iq", "name": "Umm\nZainab " + "x" * 100},
                "occurred_at": "2026-11-20T10:00:00+03:00",
                "confidential": True,
            },
        ),
        reader,
    )
    assert (Kind.REQUEST, "roads.damage", 1.0) == (complaint.kind, complaint.category, complaint.category_confidence)
    assert ("walk_in", "en", True) == (complaint.channel, complaint.language, complaint.confidential)
    assert datetime(2026, 11, 20, 7, tzinfo=UTC) == complaint.occurred_at
    assert complaint.place is not None
    assert complaint.contact is not None
    assert ("شارع 14", "karrada", 33.3, 44.4, "stated") == tuple(complaint.place.model_dump().values())
    assert [("tel", "+9647901234567"), ("mailto", "a@b.iq")] == [
        (a.scheme, a.value) for a in complaint.contact.addresses
    ]
    assert ("+9647901234567", "a@b.iq", "en") == (
        complaint.contact.phone,
        complaint.contact.email,
        complaint.contact.language,
    )
    assert "Umm Zainab " + "x" * 69 == complaint.contact.name


@pytest.mark.parametrize(
    "answers",
    [
        {"kind": "threat", "category": "gold.mining", "channel": "a.b#", "language": "<b>", "confidential": "perhaps"},
        {"kind": ["request"], "category": {}, "channel": 7, "language": None, "danger": 2},
        {"place": "Karrada", "contact": ["+9647901234567"], "occurred_at": "yesterday"},
        {"place": {"latitude": 91, "longitude": 44}, "occurred_at": "2026-11-20T10:00:00"},  # which clock?
        {"place": {"latitude": "nan", "longitude": 44}, "occurred_at": "0001-01-01T00:00:00+14:00"},
        {"place": {"latitude": 33.3}, "contact": {"phone": "MUN91234567", "email": "nobody", "name": "\u200f"}},
        {"place": {"district": "atlantis", "latitude": True, "longitude": 10**400}},
    ],
)
def test_a_bad_answer_is_as_if_it_had_not_been_given(reader: Reader, answers: dict[str, Any]) -> None:
    """A door may let nonsense through; the complaint is then what the words alone make it."""
    assert understood(heard("الماء"), reader) == understood(heard("الماء", answers=answers), reader)


def test_danger_in_the_words_or_in_the_form_is_distress(reader: Reader) -> None:
    """Danger goes first, whether somebody wrote it or pressed 9."""
    for text, answers, priority, why in (
        ("سلك مكشوف بالشارع", {}, Priority.DISTRESS, "alone"),
        ("", {"danger": True}, Priority.DISTRESS, "stated"),
        ("ماكو خطر بس الماء مقطوع", {}, Priority.NORMAL, None),
    ):
        complaint = understood(heard(text, answers=answers), reader)
        assert (priority, why) == (complaint.priority, complaint.danger_reason)


def test_a_complaint_about_staff_is_confidential(reader: Reader) -> None:
    """Nobody who reports a bribe is named to the department."""
    assert understood(heard("طلب رشوة"), reader).confidential
    assert understood(heard("", answers={"category": "staff.conduct"}), reader).confidential
    assert not understood(heard("الماء"), reader).confidential


def test_a_pin_and_stated_words_make_one_place(reader: Reader) -> None:
    """A point on the map and a district from the list complete each other; a point off the earth is left out."""
    pin = Pin("قرب الجسر", 33.3, 44.4)
    place = understood(heard("", place=pin, answers={"place": {"district": "mansour"}}), reader).place
    assert place is not None
    assert ("قرب الجسر", "mansour", 33.3, 44.4, "stated") == tuple(place.model_dump().values())
    assert understood(heard("ماء", place=Pin("", 133.3, 44.4)), reader).place is None


def test_attachments_keep_their_ids(reader: Reader) -> None:
    """A photo has the same id whenever the message is read; its address at the provider stays inside the house."""
    media = (Media("image/jpeg", "https://provider/secret"), Media("audio/ogg", sha256="ab", size=5))
    first, second = understood(heard(media=media), reader).attachments
    assert (attachment_id(ID, "SM1", 0), "image", None, None, None) == (
        first.id,
        first.kind,
        first.size,
        first.sha256,
        first.url,
    )
    assert (attachment_id(ID, "SM1", 1), "audio", 5, "ab") == (second.id, second.kind, second.size, second.sha256)
    assert 3 == len({attachment_id(ID, "SM1", 0), attachment_id(ID, "SM2", 0), attachment_id(ID[::-1], "SM1", 0)})


@pytest.mark.parametrize(
    ("inbound", "filed"),
    [
        (heard("ماء"), True),
        (heard("", media=(Media("image/jpeg"),)), True),
        (heard("", place=Pin("", 33.3, 44.4)), True),
        (heard("", answers={"place": {"district": "karrada"}}), True),
        (heard(" \u200f\n"), False),
        (heard("", place=Pin()), False),
        (heard("", answers={"place": {"text": "", "district": ""}}), False),
        (heard("STOP", purpose=Purpose.OPT_OUT), False),
        (heard("", purpose=Purpose.DELIVERY), False),
    ],
)
def test_an_empty_message_is_nothing_to_file(inbound: Inbound, filed: bool) -> None:
    """Without words, attachment or place there is no complaint, and the journal says why."""
    assert filed == (nothing_to_file(inbound) is None)


def test_a_further_message_is_added(reader: Reader) -> None:
    """What the same citizen writes next completes the complaint: words, photo, place, and a better understanding."""
    complaint = understood(heard("السلام عليكم", sender_name="زينب"), reader)
    assert "other" == complaint.category
    more = amended(
        complaint, reader, "طفح  المجاري", media=(Media("image/png"),), place=Pin("", 33.3, 44.4), sender_name="Z"
    )
    assert ("السلام عليكم\nطفح المجاري", "السلام عليكم\nطفح  المجاري") == (more.text, more.original_text)
    assert ("sewage.overflow", [attachment_id(ID, "SM2", 0)]) == (more.category, [a.id for a in more.attachments])
    assert more.place is not None
    assert more.contact is not None
    assert (33.3, "زينب", NOW) == (more.place.latitude, more.contact.name, more.received_at)


def test_the_same_message_added_again_attaches_nothing_twice(reader: Reader) -> None:
    """A photo that was read twice is still one photo."""
    once = amended(understood(heard("ماء"), reader), reader, media=(Media("image/png"),))
    assert once.attachments == amended(once, reader, media=(Media("image/png"),)).attachments


def test_a_stated_category_is_not_guessed_away(reader: Reader) -> None:
    """What the citizen chose stays, until the citizen chooses again; what was guessed is guessed anew."""
    stated = understood(heard("", answers={"category": "roads.damage"}), reader)
    assert ("roads.damage", 1.0) == (
        amended(stated, reader, "طفح المجاري").category,
        amended(stated, reader, "طفح المجاري").category_confidence,
    )
    assert "water.outage" == amended(stated, reader, "", answers={"category": "water.outage"}).category
    guessed = amended(understood(heard("الماء"), reader), reader, "طفح المجاري على الشارع")
    assert "sewage.overflow" == guessed.category


def test_who_says_that_they_are_ill_or_old_is_marked_and_stays_so(reader: Reader) -> None:
    """In the first message, in a further one and in an edit; words about something else take nothing away."""
    plain, needy = understood(heard("الماء مقطوع"), reader), understood(heard("امي مقعدة"), reader)
    assert (False, True) == (plain.vulnerable, needy.vulnerable)
    assert amended(plain, reader, "وامي مقعدة").vulnerable
    assert amended(needy, reader, "من أمس").vulnerable
    edited = heard("امي مقعدة والماء مقطوع", purpose=Purpose.EDIT)
    assert revise(plain, heard("الماء مقطوع"), edited, reader).vulnerable
    assert revise(needy, heard("امي مقعدة"), heard("الماء مقطوع", purpose=Purpose.EDIT), reader).vulnerable
    taken_back = revise(needy, heard("امي مقعدة"), None, reader)
    assert (True, True) == (taken_back.vulnerable, amended(taken_back, reader, "من أمس").vulnerable)


def test_who_asked_to_be_covered_stays_covered(reader: Reader) -> None:
    """A further message that says nothing about it does not tell the department who complained."""
    complaint = understood(heard("الماء", answers={"confidential": True}), reader)
    assert amended(complaint, reader, "من أمس").confidential
    assert amended(understood(heard("السلام عليكم"), reader), reader, "طلب رشوة").confidential


def test_a_new_pin_moves_the_place_and_words_only_fill_it(reader: Reader) -> None:
    """A second pin corrects the first; a stated district does not overwrite the one that is known."""
    complaint = understood(heard("ماء", place=Pin("البيت", 33.3, 44.4, "karrada")), reader)
    place = amended(complaint, reader, place=Pin("السوق", 33.4, 44.5, "mansour")).place
    assert place is not None
    assert ("البيت", "karrada", 33.4, 44.5, "stated") == tuple(place.model_dump().values())


def test_an_earlier_message_that_is_added_later_keeps_the_first_moment(reader: Reader) -> None:
    """When the city first heard of it does not depend on which message was read first."""
    complaint = understood(heard("ماء"), reader)
    earlier = NOW - timedelta(minutes=1)
    assert earlier == amend(complaint, heard("مقطوع"), reader, received_at=earlier).received_at


def test_the_language_is_told_when_the_words_come(reader: Reader) -> None:
    """A photo has no language; the words that follow it have, and the answer follows them."""
    complaint = amended(
        understood(heard("", media=(Media("image/png"),)), reader), reader, "no water here since Monday"
    )
    assert complaint.contact is not None
    assert ("en", "en") == (complaint.language, complaint.contact.language)


@given(first=INBOUNDS, second=INBOUNDS)
def test_no_message_can_break_the_reading_of_it(reader: Reader, first: Inbound, second: Inbound) -> None:
    """Whatever arrives becomes a complaint that is strict UTF-8 and follows the published schema."""
    complaint = understood(first, reader)
    both = amend(complaint, second, reader, received_at=NOW)
    for result in (complaint, both):
        document = result.model_dump_json()
        VALIDATOR.validate(json.loads(document.encode("utf-8", "strict")))
        assert result == Complaint.model_validate_json(document)
    assert complaint == understood(Inbound.from_json(first.to_json()), reader)
    nothing_to_file(first)


@given(first=INBOUNDS, second=INBOUNDS)
def test_adding_never_lowers_or_loses(reader: Reader, first: Inbound, second: Inbound) -> None:
    """A further message neither calms a danger, nor uncovers who asked to be covered, nor takes anything away."""
    before = understood(first, reader)
    after = amend(before, second, reader, received_at=NOW)
    order = [Priority.NORMAL, Priority.HIGH, Priority.DISTRESS]
    assert order.index(after.priority) >= order.index(before.priority)
    assert after.confidential >= before.confidential
    assert after.text.startswith(before.text)
    assert set(before.attachments) <= set(after.attachments)
    assert (before.id, before.reference, before.channel, before.source) == (
        after.id,
        after.reference,
        after.channel,
        after.source,
    )
    high = before.but(priority=Priority.HIGH)
    assert Priority.NORMAL != amend(high, second, reader, received_at=NOW).priority


def test_a_city_without_languages_or_words_still_files() -> None:
    """The poorest settings lose no message."""
    poor = Reader(Vocabulary(region="IQ", languages=(), words={}))
    assert ("other", "ar") == (understood(heard("ماء"), poor).category, understood(heard("ماء"), poor).language)
