"""What an event says, and the name that it has."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any
from uuid import UUID

from normalizer.complaint import Complaint


def event_id(now: datetime) -> str:
    """Make the id of an event: UUID version 7 (RFC 9562).

    They grow with time, so that an index of millions takes each at its end and not on a page that must be fetched.
    """
    number = int(now.timestamp() * 1000) << 80 | int.from_bytes(os.urandom(10))
    return str(UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 2 << 62))


def facts_of(complaint: Complaint) -> dict[str, Any]:
    """Return what an event says of a complaint without saying who or what was said."""
    return {
        "kind": complaint.kind.value,
        "status": complaint.status.value,
        "category": complaint.category,
        "category_confidence": complaint.category_confidence,
        "priority": complaint.priority.value,
        **({"danger_reason": complaint.danger_reason} if complaint.danger_reason else {}),
        "district": complaint.place.district if complaint.place else None,
        "language": complaint.language,
        "confidential": complaint.confidential,
    }
