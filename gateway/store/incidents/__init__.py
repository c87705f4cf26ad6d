"""Which complaints have one cause, who said so, and which of the others may have one: three subjects, one door."""

from gateway.store.incidents.incident import (
    CLOSED,
    HOUSE,
    OPEN,
    Brief,
    Incident,
    begin,
    brief,
    close,
    end,
    find,
    hold,
    lead,
    lead_of,
    listing,
)
from gateway.store.incidents.member import Member, apart, followers, is_apart, joined, members
from gateway.store.incidents.neighbours import called_since, lately, lone, near, recent

__all__ = [
    "CLOSED",
    "HOUSE",
    "OPEN",
    "Brief",
    "Incident",
    "Member",
    "apart",
    "begin",
    "brief",
    "called_since",
    "close",
    "end",
    "find",
    "followers",
    "hold",
    "is_apart",
    "joined",
    "lately",
    "lead",
    "lead_of",
    "listing",
    "lone",
    "members",
    "near",
    "recent",
]
