from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from jsonschema import Draft202012Validator

from normalizer.complaint import Complaint, Status, rfc3339, schema

IDENTIFIER = "https://balagh.example/schemas/complaint.v1.json"


def test_the_schema_is_a_json_schema_of_its_own_kind() -> None:
    """Who builds on the queues gets a valid JSON Schema 2020-12 under the city's own address."""
    document = schema(IDENTIFIER)
    Draft202012Validator.check_schema(document)
    assert IDENTIFIER == document["$id"]
    assert {"reference", "text", "original_text", "contact", "schema_version"} <= set(document["properties"])


def test_the_schema_lets_later_fields_through_but_no_wrong_ones() -> None:
    """A consumer that holds today's schema accepts tomorrow's complaint with a new field, but no broken reference."""
    complaint = Complaint(id="x", reference="4821093756", channel="sms", received_at=datetime.now(UTC))
    document = complaint.model_dump(mode="json")
    validator = Draft202012Validator(schema(IDENTIFIER))
    assert validator.is_valid(document | {"ward": "12"})
    assert not validator.is_valid(document | {"reference": "٤٨٢١٠٩٣٧٥٦"})
    assert not validator.is_valid(document | {"received_at": 5})


def test_moments_are_written_in_utc_with_six_fraction_digits() -> None:
    """A moment of any offset, and of any year, has one way of being written."""
    baghdad = timezone(timedelta(hours=3))
    assert "2026-11-21T10:15:30.000000Z" == rfc3339(datetime(2026, 11, 21, 13, 15, 30, tzinfo=baghdad))
    assert "0099-01-01T00:00:00.000001Z" == rfc3339(datetime(99, 1, 1, microsecond=1, tzinfo=UTC))


def test_a_complaint_is_undecided_then_in_hand_then_done_with() -> None:
    """No state is both open to another decision and done with, and whoever asks hears the same everywhere."""
    assert [Status.RECEIVED, Status.TRIAGE] == [status for status in Status if status.undecided]
    assert [Status.RESOLVED, Status.CLOSED, Status.WITHDRAWN] == [status for status in Status if status.final]
