"""Why a complaint is taken for one of danger to life, for the people at the desk."""

from __future__ import annotations

from gateway.city.city import City
from gateway.desk.page import DeskPages
from normalizer.complaint import Complaint, Priority
from normalizer.urgency import DECLARED, LEARNED, OF_A_RULE


def seen(complaint: Complaint, city: City, pages: DeskPages, language: str) -> dict[str, str] | None:
    """Return what the message `danger-why` is said with; None where there is no danger, or nobody kept why.

    The city's own words that were found stand there as long as the complaint's words still hold them.
    """
    why = complaint.danger_reason
    if complaint.priority is not Priority.DISTRESS or not why:
        return None
    if why in {DECLARED, LEARNED}:
        return _said(why)
    if why.startswith(OF_A_RULE):
        return _said("rule", why.removeprefix(OF_A_RULE))
    if why in city.categories:
        return _said("category", pages.name(city.categories[why].names, language))
    alarm = city.reader.danger(complaint.text)
    if alarm is None or alarm.why != why or not alarm.words:
        return _said("frame", why)
    return _said("words", why, " … ".join(f"«{word}»" for word in alarm.words))


def _said(kind: str, name: str = "", words: str = "") -> dict[str, str]:
    return {"kind": kind, "name": name, "words": words}
