"""What a message on WhatsApp means, as Meta's Cloud API delivers it."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.base import Unreadable
from channels.message import Address, Delivery, DeliveryState, Inbound, MediaKind, Pin, Purpose, Scheme
from channels.whatsapp_cloud import WhatsappCloud
from tests.channels.harness import FIXTURES, ROOT, example_settings

NUMBER = "106540352242922"
CITIZEN = Address(Scheme.WHATSAPP, "+9647701234567")
NUMBERLESS = Address(Scheme.WHATSAPP, "IQ.20481208655302741999")
RECORDED = sorted((ROOT.parent / "shared/data/channels/whatsapp_pywa").glob("*.json"))


def channel() -> WhatsappCloud:
    return WhatsappCloud(example_settings(WhatsappCloud))


def heard(body: bytes) -> list[Inbound]:
    return list(channel().parse(make_mocked_request("POST", "/channels/whatsapp-cloud"), body))


def recorded(name: str) -> Inbound:
    [inbound] = heard((FIXTURES / f"whatsapp-cloud/{name}.json").read_bytes())
    return inbound


def request(**value: Any) -> bytes:
    value = {"metadata": {"phone_number_id": NUMBER}, **value}
    changes = [{"field": "messages", "value": value}]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": changes}]}).encode()


def test_hello_arabic() -> None:
    """A citizen's words arrive as they were typed, from their number, with when they sent them."""
    inbound = recorded("hello_arabic")

    assert "الماء مقطوع من يومين بحي الجامعة، زقاق ١٢" == inbound.text
    assert (Purpose.MESSAGE, CITIZEN, "أم زينب") == (inbound.purpose, inbound.sender, inbound.sender_name)
    assert ("whatsapp-cloud", NUMBER, "whatsapp") == (inbound.channel, inbound.account, inbound.way)
    assert inbound.external_id == inbound.thread == "wamid.HBgMOTY0NzcwMTIzNDU2NxUCABIYFDNB0001AA="
    assert datetime.fromtimestamp(1795300001, UTC) == inbound.sent_at
    assert not inbound.public


def test_signature_is_metas() -> None:
    """The signature is the HMAC of the bytes with the app's secret, not with a token."""
    body = (FIXTURES / "whatsapp-cloud/hello_arabic.json").read_bytes()
    expected = "sha256=" + hmac.new(b"replace-with-the-app-secret", body, hashlib.sha256).hexdigest()

    assert expected == channel().sign("", body)["X-Hub-Signature-256"]


@pytest.mark.parametrize(
    ("name", "kind", "content_type", "words"),
    [
        ("image_with_caption", MediaKind.IMAGE, "image/jpeg", "حفرة قدام المدرسة"),
        ("voice_note", MediaKind.AUDIO, "audio/ogg; codecs=opus", ""),
        ("document", MediaKind.DOCUMENT, "application/pdf", ""),
        ("video", MediaKind.VIDEO, "video/mp4", ""),
    ],
)
def test_files_are_pointed_at(name: str, kind: MediaKind, content_type: str, words: str) -> None:
    """A photo, a voice note, a document come with where to ask for them, and their caption as words."""
    inbound = recorded(name)
    [media] = inbound.media

    assert (kind, content_type, words) == (media.kind, media.content_type, inbound.text)
    assert (media.url or "").startswith(f"whatsapp-cloud:{NUMBER}/10033834213872")
    assert ("شكوى.pdf" if name == "document" else "") == media.filename


def test_places() -> None:
    """A place arrives as a point with its name, or as a point alone."""
    assert Pin("جسر الجمهورية, بغداد", 33.3152, 44.3661) == recorded("location").place
    assert Pin("", 33.3, 44.4) == recorded("location_without_name").place


@pytest.mark.parametrize("latitude", [91, "33.3", True, None, 10**400])
def test_impossible_places_keep_their_words(latitude: Any) -> None:
    """A point that is on no map is left out, and the words beside it stay."""
    location = {"latitude": latitude, "longitude": 44, "name": "السوق"}
    [inbound] = heard(
        request(messages=[{"id": "w", "from": "9647701234567", "type": "location", "location": location}])
    )

    assert Pin("السوق") == inbound.place


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("button_reply", "انقطاع الماء"),
        ("list_reply", "إنارة\nعمود لا يعمل"),
        ("quick_reply", "أريد أن أضيف"),
        ("form_reply", "district: الكرادة\nproblem: مجاري طافحة"),
        ("contact_card", "المقاول حسن +964 770 999 8888"),
    ],
)
def test_choices_are_words(name: str, words: str) -> None:
    """What a citizen chose, filled in or shared reads as if they had typed it."""
    inbound = recorded(name)

    assert (Purpose.MESSAGE, words) == (inbound.purpose, inbound.text)


def test_own_number_that_we_asked_for() -> None:
    """Somebody without a number who gives us theirs can be called from then on."""
    inbound = recorded("contact_requested")

    assert NUMBERLESS == inbound.sender
    assert {"contact": {"phone": "+9647705554444"}} == inbound.answers
    assert "" == inbound.text


def test_somebody_without_a_number() -> None:
    """A citizen who hides their number is known by the id that WhatsApp gives, which is no number."""
    inbound = recorded("without_a_number")

    assert (NUMBERLESS, "أبو علي", "الكهرباء مقطوعة") == (inbound.sender, inbound.sender_name, inbound.text)


@pytest.mark.parametrize("name", ["unsupported", "unknown_type", "interactive_empty"])
def test_what_whatsapp_does_not_pass_on(name: str) -> None:
    """Somebody who sent what nobody can read is heard, so that they can be told."""
    inbound = recorded(name)

    assert (Purpose.MESSAGE, "", ()) == (inbound.purpose, inbound.text, inbound.media)


def test_edits_and_deletions() -> None:
    """An edit brings newer words for an earlier message, a deletion takes it back; both are messages of their own."""
    edited, caption, deleted = recorded("edited"), recorded("edited_caption"), recorded("deleted")
    first = recorded("hello_arabic").external_id

    assert (Purpose.EDIT, first, "الماء مقطوع من ثلاثة أيام") == (edited.purpose, edited.revises, edited.text)
    assert (Purpose.EDIT, "حفرتان", 1) == (caption.purpose, caption.text, len(caption.media))
    assert (Purpose.DELETION, first, "") == (deleted.purpose, deleted.revises, deleted.text)
    assert 3 == len({first, edited.external_id, deleted.external_id})


def test_a_wish_for_silence() -> None:
    """The button under a template asks for silence, in whichever language it was written."""
    assert Purpose.OPT_OUT == recorded("opt_out_button").purpose
    for payload, words in (("STOP", "x"), ("1", "إيقاف"), ("opt_out", "")):
        message = {"id": "w", "type": "button", "button": {"payload": payload, "text": words}}
        assert [Purpose.OPT_OUT] == [inbound.purpose for inbound in heard(request(messages=[message]))]


@pytest.mark.parametrize("name", ["reaction", "sticker", "number_changed", "order", "call_permission"])
def test_nobodys_complaint(name: str) -> None:
    """A thumb, a sticker, a new number are no complaint and are not answered; why is kept."""
    inbound = recorded(name)

    assert Purpose.IGNORED == inbound.purpose
    assert inbound.note


def test_a_batch_is_read_to_its_end() -> None:
    """Messages of several people in several changes and entries of one request all arrive, each with its own sender."""
    inbounds = heard((FIXTURES / "whatsapp-cloud/batch.json").read_bytes())

    assert ["النفايات متراكمة", "الشارع مظلم", "وينكم؟", "شكرا"] == [inbound.text for inbound in inbounds]
    assert [CITIZEN, NUMBERLESS, CITIZEN, CITIZEN] == [inbound.sender for inbound in inbounds]
    assert ["أم زينب", "أبو علي", "أم زينب", "أم زينب"] == [inbound.sender_name for inbound in inbounds]


def test_one_bad_element_costs_no_other() -> None:
    """What cannot be read is kept for a person by itself, and those around it are heard."""
    good = {"id": "wamid.1", "from": "9647701234567", "type": "text", "text": {"body": "مرحبا"}}
    inbounds = heard(request(messages=[{"type": "text"}, good, 7, {"id": "ن", "type": "text"}], statuses=[None, {}]))
    purposes = [inbound.purpose for inbound in inbounds]

    assert [Purpose.UNREADABLE, Purpose.MESSAGE, *[Purpose.UNREADABLE] * 4] == purposes
    assert 6 == len({inbound.external_id for inbound in inbounds})
    assert all("مرحبا" not in inbound.note for inbound in inbounds)


@pytest.mark.parametrize("number", ["106/../me", "١٠٦", "1" * 33, "\u202e\U0001f600", 7, None])
def test_an_id_that_no_number_of_ours_has_leads_no_answer_astray(number: Any) -> None:
    """The citizen is heard, and answered from the number of our settings, not at an address that bars everybody."""
    message = {"id": "wamid.1", "from": "9647701234567", "timestamp": "1795300001", "type": "text"}
    metadata = {"phone_number_id": number}
    [inbound] = heard(request(metadata=metadata, messages=[{**message, "text": {"body": "الماء مقطوع"}}]))

    assert (Purpose.MESSAGE, CITIZEN, "") == (inbound.purpose, inbound.sender, inbound.account)


@pytest.mark.parametrize(
    ("name", "state", "code", "transient"),
    [
        ("status_sent", DeliveryState.SENT, "", False),
        ("status_delivered", DeliveryState.DELIVERED, "", False),
        ("status_read", DeliveryState.READ, "", False),
        ("status_played", DeliveryState.READ, "", False),
        ("status_failed", DeliveryState.FAILED, "131026", False),
        ("status_failed_for_now", DeliveryState.FAILED, "130429", True),
        ("status_nobody_knows", DeliveryState.UNKNOWN, "", False),
    ],
)
def test_what_became_of_a_reply(name: str, state: DeliveryState, code: str, transient: bool) -> None:
    """A report says how far a reply of ours came, and carries the reply's own id."""
    inbound = recorded(name)
    delivery = inbound.delivery

    assert Purpose.DELIVERY == inbound.purpose
    assert delivery is not None
    assert Delivery(delivery.provider_id, state, code, "reply-1", transient) == delivery
    assert inbound.external_id.startswith(f"{delivery.provider_id}:")


def test_report_of_somebody_without_a_number() -> None:
    """Also who hides their number is known again in a report."""
    assert NUMBERLESS == recorded("status_without_a_number").sender


def test_a_restricted_account_goes_to_a_person() -> None:
    """When Meta restricts the account, somebody must look: nothing else would tell."""
    inbound = recorded("unreadable_account_restricted")

    assert Purpose.UNREADABLE == inbound.purpose
    assert "console" in inbound.note


@pytest.mark.parametrize("templates", ["not json", "[]", '{"received": {}}', '{"received": {"name": "Has Spaces"}}'])
def test_wrong_templates_stop_the_start(templates: str) -> None:
    """A slip in the templates is said at the start, and not when the first reply is due."""
    with pytest.raises(ValidationError):
        example_settings(WhatsappCloud, templates=templates)


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_recorded_by_others(file: Path) -> None:
    """Whatever others recorded of Meta's traffic is heard, ignored, or kept for a person; nothing breaks."""
    for document in json.loads(file.read_bytes()).values():
        inbounds = heard(json.dumps(document).encode())
        again = heard(json.dumps(document).encode())

        assert inbounds == again
        assert all(inbound == Inbound.from_json(inbound.to_json()) for inbound in inbounds)
        assert all(inbound.note for inbound in inbounds if inbound.purpose in {Purpose.UNREADABLE, Purpose.IGNORED})
        fields = {change["field"] for entry in document["entry"] for change in entry["changes"]}
        assert inbounds or "messages" not in fields


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_is_no_number_is_unreadable(number: bytes) -> None:
    """What no JSON is would break the store: it is kept as it came, for a person."""
    with pytest.raises(Unreadable):
        heard(b'{"object": "whatsapp_business_account", "entry": [], "x": %s}' % number)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KINDS = ["text", "image", "location", "contacts", "interactive", "button", "order", "edit", "revoke", "system", "x"]
NAMES = ["body", "id", "original_message_id", "message", "button_reply", "nfm_reply", "response_json", "phones", "name"]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_message_is_read_or_kept(data: st.DataObject) -> None:
    """Whatever stands in a message, it becomes one Inbound that survives the journal, and the next one is heard."""
    kind = data.draw(st.sampled_from(KINDS))
    inner = data.draw(st.dictionaries(st.sampled_from(NAMES), JUNK, max_size=4) | JUNK)
    keys = st.sampled_from(["id", "from", "from_user_id", "timestamp", "errors", "context"])
    message = {"id": "wamid.1", "type": kind, kind: inner, **data.draw(st.dictionaries(keys, JUNK, max_size=3))}
    after = {"id": "wamid.2", "type": "text", "text": {"body": "بعد"}}
    first, second = heard(request(messages=[message, after], contacts=data.draw(JUNK), statuses=data.draw(JUNK)))[:2]

    assert first == Inbound.from_json(first.to_json())
    assert "بعد" == second.text


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=60) | JUNK.map(lambda junk: json.dumps(junk).encode()))
def test_any_body_is_read_or_unreadable(body: bytes) -> None:
    """Bytes that are no request of WhatsApp's are said to be unreadable, and break nothing."""
    try:
        heard(body)
    except Unreadable as error:
        assert str(error)
