"""A report in the making: what is wrong with it, and, when nothing is, the Inbound that it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from channels.message import Address, Inbound, Media, Pin, Scheme
from gateway.citizen.posted import FILE_SIZE, FILES, Posted
from gateway.citizen.tokens import Tokens
from gateway.city.city import City
from gateway.files import Files
from normalizer.complaint import Kind
from normalizer.language import UNDETERMINED, language
from normalizer.phone import email, phone, why_not
from normalizer.text import clean

TEXT_LENGTH = 10_000  # characters
LINE_LENGTH = {"where": 500, "name": 80, "phone": 64, "email": 254}  # characters
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the field `at`: a message of the pages' words, and what it is said with."""

    at: str
    message: str
    arguments: Mapping[str, str | int] = field(default_factory=dict, repr=False)


def faults(posted: Posted, media: Sequence[Media], city: City) -> list[Fault]:
    """Find what the citizen must change, at most one fault for each field but the files, in the form's order."""
    found = [*_text(posted, media), *_files(posted)]
    long = {name for name, limit in LINE_LENGTH.items() if len(posted[name]) > limit}
    found += [Fault(name, "fault-field-long", {"limit": LINE_LENGTH[name]}) for name in long]
    choices = {"district": city.districts, "category": city.categories, "kind": set(Kind), "danger": {"yes", "no"}}
    found += [Fault(name, "fault-choice") for name, ids in choices.items() if posted[name] and posted[name] not in ids]
    if "phone" not in long and posted["phone"].strip():
        doubt = why_not(posted["phone"], city.region, city.vocabulary.fallback_regions)
        if doubt:
            found.append(Fault("phone", "fault-phone", {"doubt": doubt.value}))
    if "email" not in long and posted["email"].strip() and email(posted["email"]) is None:
        found.append(Fault("email", "fault-email"))
    return sorted(found, key=lambda fault: _ORDER.index(fault.at))


_ORDER = ("text", "files", "where", "district", "danger", "kind", "category", "name", "phone", "email")


def _text(posted: Posted, media: Sequence[Media]) -> list[Fault]:
    if len(posted["text"]) > TEXT_LENGTH:
        return [Fault("text", "fault-text-long", {"limit": TEXT_LENGTH})]
    if not clean(posted["text"]) and not media and not posted.refused and not posted.skipped:
        return [Fault("text", "fault-text-missing")]
    return []


def _files(posted: Posted) -> list[Fault]:
    found = []
    for refusal in posted.refused:
        limits = {"size": FILE_SIZE // MEGABYTE, "count": FILES}
        found.append(Fault("files", f"fault-file-{refusal.why}", {"file": refusal.name or "?", **limits}))
    return found


async def brought(posted: Posted, tokens: Tokens, files: Files) -> list[Media]:
    """Return the files that a form and earlier tries with it brought, each once, as long as they are there."""
    now = datetime.now(UTC)
    kept = [media for media in (tokens.kept(token, now) for token in posted.kept) if media]
    found = {media.sha256: media for media in [*kept, *posted.files] if media.sha256}
    gone = await files.missing(found)
    return [media for sha256, media in found.items() if sha256 not in gone][:FILES]


def inbound(posted: Posted, media: Sequence[Media], city: City, *, external_id: str, page_language: str) -> Inbound:
    """Return the report as the Inbound that it is. Only for a form without faults."""
    return Inbound(
        channel="web",
        account=city.id,
        external_id=external_id,
        sender=Address(Scheme.WEB, external_id),
        text=posted["text"],
        media=tuple(media),
        place=Pin(text=posted["where"].strip(), district=posted["district"]),
        sender_name=posted["name"].strip(),
        answers=_answers(posted, city, page_language),
        provider="balagh",
    )


def _answers(posted: Posted, city: City, page_language: str) -> dict[str, Any]:
    number = phone(posted["phone"], city.region, city.vocabulary.fallback_regions)
    contact = {"phone": number, "email": email(posted["email"])}
    answers: dict[str, Any] = {name: posted[name] for name in ("kind", "category") if posted[name]}
    if any(contact.values()):
        answers["contact"] = {name: value for name, value in contact.items() if value}
    if posted["danger"] == "yes":
        answers["danger"] = True
    if posted["confidential"]:
        answers["confidential"] = True
    # The page's language is not the writer's: it is stated only where the words themselves do not tell.
    if language(clean(posted["text"])) == UNDETERMINED:
        answers["language"] = page_language
    return answers


def fingerprint(report: Inbound) -> str:
    """Write down what was reported, so that the same form sent with other words can be told from a second press.

    The language of the page is left out: reading the page in another language changes nothing of the report.
    """
    stated = {name: value for name, value in report.answers.items() if name != "language"}
    place = report.place or Pin()
    files = [(media.sha256, media.filename) for media in report.media]
    return json.dumps([report.text, report.sender_name, place.text, place.district, stated, sorted(map(str, files))])
