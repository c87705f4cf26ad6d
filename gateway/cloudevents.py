"""Compose the CloudEvent of a complaint's event, for two audiences.

Everybody on `balagh.complaints` learns nothing that identifies the citizen; the one department that must act learns
how to reach them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json

from gateway.store.answers import Answer
from gateway.store.outbox import Letter
from normalizer.complaint import Complaint, Contact, Source, rfc3339
from normalizer.personal import conceal, mask

REFUSED: Final = "balagh.update.refused.v1"  # the CloudEvents type of what a department hears of a vain answer
WITH_CONTACT = {"offered", "amended"}  # the events on which a department may have to call the citizen


@dataclass(frozen=True, slots=True)
class Envelopes:
    """Composes messages for one city. `withhold` are the departments that are not told who complains."""

    city: str
    public_url: str
    withhold: frozenset[str] = frozenset()

    def for_everybody(self, letter: Letter) -> bytes:
        """Write the event for balagh.complaints: no contact, no names of things that lead to one, numbers masked."""
        return self._write(letter, without_identity(letter.complaint))

    def for_department(self, letter: Letter) -> bytes:
        """Write the event for its department."""
        complaint = letter.complaint
        told = letter.event.type in WITH_CONTACT
        if complaint.confidential or not told or letter.event.department in self.withhold:
            complaint = without_contact(complaint)
        return self._write(letter, complaint)

    def _write(self, letter: Letter, complaint: Complaint) -> bytes:
        event = letter.event
        data: dict[str, Any] = {
            "complaint": self._complaint(complaint),
            "route": letter.route,
            "due_at": event.data.get("due_at"),
        }
        data.update({name: value for name, value in event.data.items() if name not in data and name in _TOLD})
        kind, schema = f"balagh.complaint.{event.type}.v1", f"{self.public_url}/schemas/complaint.v1.json"
        more = {"sequence": str(event.sequence), "dataschema": schema}
        return self._event(event.id, kind, event.reference, event.time, data, **more)

    def refusal(self, answer: Answer) -> bytes:
        """Write to a department why its answer changed nothing: what it said itself, and the reason."""
        data = {"update": answer.update_id, "offer": answer.offer, "verb": answer.verb, "reason": answer.reason}
        if answer.field:
            data["field"] = answer.field
        return self._event(answer.id, REFUSED, answer.reference, answer.at, data)

    def _event(
        self, event_id: str, kind: str, reference: str, time: datetime, data: Mapping[str, Any], **more: str
    ) -> bytes:
        """Write a CloudEvent in structured JSON; `more` are attributes that only some events have."""
        message = {
            "specversion": "1.0",
            "id": event_id,
            "source": f"/balagh/{self.city}",
            "type": kind,
            "subject": reference,
            "time": rfc3339(time),
            "datacontenttype": "application/json",
            **more,
            "data": data,
        }
        return to_json(message)

    def _complaint(self, complaint: Complaint) -> Complaint:
        """Say where the bytes of what was fetched are."""
        if not complaint.attachments:
            return complaint
        return complaint.but(
            attachments=tuple(
                one.model_copy(update={"url": f"{self.public_url}/api/v1/attachments/{one.id}"}) if one.sha256 else one
                for one in complaint.attachments
            )
        )


_TOLD = {"offer", "moved_to", "attachments_added", "priority_raised", "sent_again", "incident"}


def without_contact(complaint: Complaint) -> Complaint:
    """Return what a department may know that is not told who complains: the words too may say it."""
    contact, place = complaint.contact or Contact(), complaint.place
    if place is not None and place.text:
        place = place.model_copy(update={"text": conceal(place.text, contact)})
    original = complaint.original_text
    return complaint.but(
        contact=None,
        text=conceal(complaint.text, contact),
        original_text=conceal(original, contact) if original else original,
        place=place,
        source=_anonymous(complaint.source),
    )


def without_identity(complaint: Complaint) -> Complaint:
    """Return what everybody on the bus may know of a complaint: not who it is, and not how they fare either."""
    complaint = without_contact(complaint.but(original_text=None, **({"text": ""} if complaint.confidential else {})))
    place = complaint.place
    if place is not None and complaint.confidential:
        place = place.model_copy(update={"text": None, "latitude": None, "longitude": None})
    elif place is not None and place.text:
        place = place.model_copy(update={"text": mask(place.text)})
    return complaint.but(text=mask(complaint.text), place=place, vulnerable=False, danger_reason=None)


def _anonymous(source: Source) -> Source:
    """A provider's ids and links lead to the sender (WhatsApp's ids contain the number itself)."""
    return source.model_copy(update={"external_id": "", "url": None})
