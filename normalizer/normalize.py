"""From what arrived to what it means: an Inbound becomes a complaint, or is added to one.

Pure and total: the same Inbound and vocabulary always give the same complaint, and no message can make it raise.
What it cannot read it leaves out or calls unknown; the words themselves are always kept.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from channels.message import Inbound, Pin, Purpose, Scheme
from normalizer.complaint import (
    Attachment,
    Complaint,
    Contact,
    ContactAddress,
    FoundBy,
    Kind,
    Place,
    Priority,
    Source,
)
from normalizer.guess import ACT, ENQUIRY, SUGGESTION, Guess
from normalizer.language import UNDETERMINED, language, reply_language
from normalizer.phone import Doubt, email, international, phone, why_not
from normalizer.place import Found
from normalizer.reader import Reader
from normalizer.stated import Stated, person, place_of, read_stated
from normalizer.text import clean, storable
from normalizer.urgency import DECLARED
from normalizer.vocabulary import Vocabulary

STATED = 1.0
"""The confidence of a category that somebody stated outright; what words suggest never reaches it."""

REMOVED = "[حذفه صاحبه · removed by its author]"
"""What stands in a complaint's text where its sender took words back."""

_ATTACHMENTS = uuid.UUID("0b8e1c1e-6f0c-4a52-9a6b-2f6b7c1d4e90")  # the namespace of attachment ids; never to change
_UNREACHABLE = frozenset({Scheme.WEB, Scheme.API, Scheme.UNKNOWN, Scheme.CALL})  # nobody at the other end
_KINDS = {ENQUIRY: Kind.ENQUIRY, SUGGESTION: Kind.SUGGESTION}


def nothing_to_file(inbound: Inbound) -> str | None:
    """Return why this is nobody's complaint, in words for the journal; None when there is something to file."""
    if inbound.purpose not in {Purpose.MESSAGE, Purpose.EDIT}:
        return f"not a message of a citizen: {inbound.purpose.value}"
    stated = inbound.answers.get("place")
    placed = inbound.place not in {None, Pin()} or (isinstance(stated, Mapping) and any(stated.values()))
    if clean(inbound.text) or inbound.media or placed or inbound.answers.get("danger"):
        return None
    return "empty: no words, no attachment, no place"


def normalize(
    inbound: Inbound,
    reader: Reader,
    *,
    id: str,  # noqa: A002 -- it is the complaint's own field
    reference: str,
    received_at: datetime,
) -> Complaint:
    """Return the complaint that an Inbound means, under the id and reference that were reserved for it."""
    stated = read_stated(inbound.answers, reader.vocabulary)
    text = clean(inbound.text)
    spoken = _language(text, stated)
    guess = _category(text, stated, reader)
    danger = _danger(text, stated, reader)
    return Complaint(
        id=id,
        reference=reference,
        kind=stated.kind or _KINDS.get(guess.kind, Kind.COMPLAINT),
        channel=stated.channel or storable(inbound.way or inbound.channel),
        source=_source(inbound),
        contact=_contact(inbound, stated, reply_language(spoken, reader.vocabulary.languages), reader.vocabulary),
        text=text,
        original_text=storable(inbound.text) or None,
        language=spoken,
        category=guess.category,
        category_confidence=guess.confidence,
        priority=Priority.DISTRESS if danger else Priority.NORMAL,
        danger_reason=danger,
        place=_place(inbound, stated, text, reader),
        attachments=_attachments(inbound, id),
        confidential=stated.confidential or guess.category in reader.vocabulary.confidential,
        vulnerable=reader.vulnerable(text),
        occurred_at=stated.occurred_at,
        received_at=received_at,
    )


def amend(complaint: Complaint, inbound: Inbound, reader: Reader, *, received_at: datetime) -> Complaint:
    """Return the complaint with a further message of the same sender added to it.

    Nothing that was understood is lost by it: words are appended, gaps are filled, a newly sent point on the map
    replaces the old one, and priority and confidentiality only ever rise. The category is read again from all the
    words, unless somebody stated it. `received_at` stays the earlier of the two: when the city first heard of it.
    """
    stated = read_stated(inbound.answers, reader.vocabulary)
    new = clean(inbound.text)
    text = _joined(complaint.text, new)
    spoken = complaint.language if complaint.language != UNDETERMINED else _language(text, stated)
    keep = complaint.category_confidence == STATED and not stated.category
    guess = Guess(complaint.category, STATED) if keep else _category(text, stated, reader)
    danger = complaint.danger_reason or _danger(new, stated, reader) or _danger(text, Stated(), reader)
    known = {attachment.id for attachment in complaint.attachments}
    fresh = tuple(attachment for attachment in _attachments(inbound, complaint.id) if attachment.id not in known)
    return complaint.but(
        kind=stated.kind or _kind(complaint, guess),
        contact=_both(
            complaint,
            _contact(inbound, stated, reply_language(spoken, reader.vocabulary.languages), reader.vocabulary),
        ),
        text=text,
        original_text=_joined(complaint.original_text or "", storable(inbound.text)) or None,
        language=spoken,
        category=guess.category,
        category_confidence=guess.confidence,
        priority=Priority.DISTRESS if danger else complaint.priority,
        danger_reason=danger,
        place=_filled(complaint.place, _place(inbound, stated, text, reader)),
        attachments=complaint.attachments + fresh,
        confidential=complaint.confidential or stated.confidential or guess.category in reader.vocabulary.confidential,
        vulnerable=complaint.vulnerable or reader.vulnerable(text),
        occurred_at=complaint.occurred_at or stated.occurred_at,
        received_at=min(complaint.received_at, received_at),
    )


def revise(complaint: Complaint, before: Inbound, after: Inbound | None, reader: Reader) -> Complaint:
    """Return the complaint with one of its messages replaced by newer words, or taken out of it (`after` is None).

    Words that cannot be found any more stay, and the newer ones are added: nothing that was said gets lost by an edit.
    What was taken back leaves a mark. Priority and confidentiality only ever rise, and attachments stay.
    """
    old, new = clean(before.text), clean(after.text) if after else REMOVED
    text = _swapped(complaint.text, old, new) if after or old else complaint.text
    original = _swapped(complaint.original_text or "", storable(before.text), storable(after.text) if after else "")
    if after is None:
        return complaint.but(text=text, original_text=original or None)
    guess = (
        Guess(complaint.category, STATED)
        if complaint.category_confidence == STATED
        else _category(text, read_stated({}, reader.vocabulary), reader)
    )
    known = {attachment.id for attachment in complaint.attachments}
    fresh = tuple(found for found in _attachments(after, complaint.id) if found.id not in known)
    danger = complaint.danger_reason or _danger(new, Stated(), reader)
    return complaint.but(
        text=text,
        original_text=original or None,
        category=guess.category,
        category_confidence=guess.confidence,
        priority=Priority.DISTRESS if danger else complaint.priority,
        danger_reason=danger,
        place=_filled(complaint.place, _place(after, read_stated(after.answers, reader.vocabulary), text, reader)),
        attachments=complaint.attachments + fresh,
        confidential=complaint.confidential or guess.category in reader.vocabulary.confidential,
        vulnerable=complaint.vulnerable or reader.vulnerable(new),
    )


def _kind(complaint: Complaint, guess: Guess) -> Kind:
    """Let further words make a complaint of what sounded like a question; what is to be acted on stays so."""
    return Kind.COMPLAINT if complaint.kind in _KINDS.values() and guess.kind == ACT else complaint.kind


def _swapped(text: str, old: str, new: str) -> str:
    """Replace the last place where `old` stands by `new`; where it stands nowhere, add `new`."""
    if old and old in text:
        head, _, tail = text.rpartition(old)
        return f"{head}{new}{tail}".strip()
    return _joined(text, new)


def attachment_id(complaint_id: str, external_id: str, index: int) -> str:
    """Return the id of the attachment with this index (from 0) in a message: the same at every reading."""
    return str(uuid.uuid5(_ATTACHMENTS, f"{complaint_id}\n{index}\n{storable(external_id)}"))


def _joined(before: str, after: str) -> str:
    return f"{before}\n{after}" if before and after else before or after


def _language(text: str, stated: Stated) -> str:
    return stated.language or language(text)


def _category(text: str, stated: Stated, reader: Reader) -> Guess:
    return Guess(stated.category, STATED) if stated.category else reader.guess(text)


def _danger(text: str, stated: Stated, reader: Reader) -> str | None:
    """Return why a text is taken for one of danger to life, by the name of what saw it; None where nothing did."""
    if stated.danger:
        return DECLARED
    alarm = reader.danger(text)
    return alarm.why if alarm else None


def _source(inbound: Inbound) -> Source:
    return Source(
        provider=storable(inbound.provider),
        account=storable(inbound.account),
        external_id=storable(inbound.external_id),
        url=storable(inbound.url) or None,
        public=inbound.public,
    )


def _contact(inbound: Inbound, stated: Stated, answer_in: str, vocabulary: Vocabulary) -> Contact:
    scheme, value = storable(str(inbound.sender.scheme)), storable(inbound.sender.value)
    number = _number(scheme, value, vocabulary)
    addresses = [ContactAddress(scheme=scheme, value=number if number and scheme == Scheme.TEL else value)]
    if scheme in _UNREACHABLE or not value or (not number and _withheld(scheme, value, vocabulary)):
        addresses.clear()
    if stated.phone:
        addresses.append(ContactAddress(scheme=Scheme.TEL.value, value=stated.phone))
    if stated.email:
        addresses.append(ContactAddress(scheme=Scheme.MAILTO.value, value=stated.email))
    return Contact(
        addresses=tuple(dict.fromkeys(addresses)),
        phone=stated.phone or number,
        email=stated.email or (email(value) if scheme == Scheme.MAILTO else None),
        name=stated.name or person(inbound.sender_name),
        language=answer_in,
    )


def _number(scheme: str, value: str, vocabulary: Vocabulary) -> str | None:
    """Return the telephone number behind an address, where its scheme promises one."""
    if scheme == Scheme.TEL:
        return phone(value, vocabulary.region, vocabulary.fallback_regions)
    return international(value) if scheme == Scheme.WHATSAPP else None


def _withheld(scheme: str, value: str, vocabulary: Vocabulary) -> bool:
    return scheme == Scheme.TEL and why_not(value, vocabulary.region) is Doubt.WITHHELD


def _place(inbound: Inbound, stated: Stated, text: str, reader: Reader) -> Place | None:
    """Join what was stated of the place, the pin that was sent, and what the words name, in this order of weight."""
    pin = inbound.place
    sent = place_of(pin.text, pin.district, pin.latitude, pin.longitude, reader.vocabulary) if pin else None
    place = _filled(stated.place, sent, moved=False)
    if place is not None and place.district:
        return place.model_copy(update={"found_by": FoundBy.STATED})
    district = reader.district(place.latitude, place.longitude) if place else None
    found = reader.place(f"{place.text}. {text}" if place and place.text else text)
    if district is None and found is None:
        return place
    named = found.name if found else None
    if district is not None:  # where the telephone stood is surer than a name
        by: FoundBy | None = FoundBy.COORDINATES
    else:
        district, by = _named(found) if found else (None, None)
    text_of = (place.text if place else None) or named
    known = place or Place()
    return known.model_copy(update={"district": district, "text": text_of, "found_by": by})


def _named(found: Found) -> tuple[str | None, FoundBy | None]:
    """Return the district of a name; of one that may lie in several the likeliest, and that it is no more than that."""
    if found.district:
        return found.district, FoundBy(found.how)
    return (found.districts[0], FoundBy.LIKELY) if found.districts else (None, None)


def _filled(old: Place | None, new: Place | None, *, moved: bool = True) -> Place | None:
    """Fill the gaps of one place from another; a new point on the map replaces the old one if it was `moved`."""
    if not old or not new:
        return old or new
    arrives = new.latitude is not None and (moved or old.latitude is None)
    point = new if arrives else old
    # A point that replaces another brings its own district, unless somebody stated one.
    surer = arrives and moved and new.district is not None and old.found_by is not FoundBy.STATED
    tells = new if surer or not old.district else old
    return Place(
        text=old.text or new.text,
        district=tells.district,
        latitude=point.latitude,
        longitude=point.longitude,
        found_by=tells.found_by,
    )


def _attachments(inbound: Inbound, complaint_id: str) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            id=attachment_id(complaint_id, inbound.external_id, index),
            kind=media.kind.value,
            content_type=storable(media.content_type),
            size=media.size,
            sha256=media.sha256,
        )
        for index, media in enumerate(inbound.media)
    )


def _both(complaint: Complaint, new: Contact) -> Contact:
    """Join what is known of the citizen with what a further message tells: what was known goes first."""
    old = complaint.contact
    if old is None:
        return new
    settled = complaint.language != UNDETERMINED and old.language
    return Contact(
        addresses=tuple(dict.fromkeys(old.addresses + new.addresses)),
        phone=old.phone or new.phone,
        email=old.email or new.email,
        name=old.name or new.name,
        language=old.language if settled else new.language,
    )
