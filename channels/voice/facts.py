"""What a request of a call says that must be kept: pure, and the same at every delivery.

Every fact is of the call, and not of the caller's number: so the house keeps the facts of one call in order and makes
one complaint of them, whatever else the same number says elsewhere. A further complaint in the same call is of the
call and its ordinal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from channels.base import Unreadable
from channels.message import Address, Inbound, Media, Purpose, Scheme
from channels.twilio_form import Form
from channels.voice.hotline import DANGER, Choice, Menu
from channels.voice.place import COMPLAINTS, Place

NAME = "voice"
PROVIDER = "twilio"
FINAL = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
"""What a call can end in. Its status before that is of no interest: the steps tell more."""

HUNG_UP = "hangup"  # what Twilio says was pressed when the caller hung up while recording
LEAVE, CALL_BACK = "1", "2"  # of the menu "all lines are busy", and while waiting

_CALL_ID = re.compile(r"[A-Za-z0-9]{1,64}")  # today 34 characters, and opaque
_TELEPHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_RECORDING_HOST = re.compile(r"https?://[^/?#\s]+/[^?#\s]*")
_KEPT = frozenset({"", "completed"})  # a recording's status; the action after the tone has none


def caller_of(form: Form) -> str:
    """Return the number that calls, in E.164; empty when it is withheld or is no telephone's."""
    number = form.get("From")
    return number if _TELEPHONE.fullmatch(number) else ""


def call_of(form: Form) -> str:
    """Return the call's id. Raises Unreadable."""
    call = form.get("CallSid")
    if not _CALL_ID.fullmatch(call):
        raise Unreadable("no CallSid that could be one")
    return call


def sender_of(call: str, complaint: int) -> str:
    """Name who speaks: the call, and from the second complaint on its ordinal too."""
    return call if complaint == 1 else f"{call}:{complaint}"


def facts(
    form: Form, place: Place, account: str, menus: Mapping[str, Menu], languages: Mapping[str, str]
) -> Iterator[Inbound]:
    """Yield what one request of a call says. `languages` are by the key that chooses them. Raises Unreadable."""
    digits = form.get("Digits")
    if place.step == "language" and digits in languages:
        place = place.to("language", language=languages[digits])
    teller = _Teller(form, place, account, call_of(form), menus)
    told = _TOLD.get(place.step)
    if told is not None:
        yield from told(teller)
    if digits == DANGER and place.step not in _CALMLY:
        yield teller.danger()


def ended(
    account: str, call: str, status: str, phone: str, at: datetime | None = None, raw: Mapping[str, Any] | None = None
) -> Inbound:
    """Say that a call is over."""
    answers: dict[str, Any] = {"event": "ended", "status": status}
    if phone:
        answers["contact"] = {"phone": phone}
    return _inbound(account, call, f"{call}:ended", Purpose.CALL, answers, raw or {}).but(sent_at=at)


def begun(account: str, call: str, phone: str, at: datetime | None, raw: Mapping[str, Any]) -> Inbound:
    """Say that a call began, as Twilio's own log tells it."""
    answers: dict[str, Any] = {"event": "begun", **({"contact": {"phone": phone}} if phone else {})}
    return _inbound(account, call, f"{call}:begun", Purpose.CALL, answers, raw).but(sent_at=at)


def recording(
    account: str,
    call: str,
    sender: str,
    recording_id: str,
    url: str,
    answers: Mapping[str, Any],
    raw: Mapping[str, Any],
) -> Inbound:
    """Say that a recording was made: the words of the complaint, in the citizen's own voice."""
    said = _inbound(account, sender, f"{call}:recording:{recording_id}", Purpose.MESSAGE, answers, raw)
    return said.but(media=(Media("audio/wav", f"{url}.wav", f"{recording_id}.wav"),))


class _Teller:
    """Tells what one request says, in the name of its call."""

    def __init__(self, form: Form, place: Place, account: str, call: str, menus: Mapping[str, Menu]) -> None:
        self.form, self.place, self.account, self.call, self.menus = form, place, account, call, menus
        self.digits = form.get("Digits")
        self.sender = sender_of(call, place.complaint)

    def step(self, fact: str, event: str, **more: str) -> Inbound:
        """Tell of something that says nothing by itself."""
        answers = {"event": event, **self._known(), **more}
        return _inbound(self.account, self.sender, f"{self.sender}:{fact}", Purpose.CALL, answers, self.form.all())

    def chosen(self, choice: Choice, category: str = "") -> Inbound:
        """Tell what was chosen in a menu."""
        stated = {"category": category} if category else {}
        return self.step(f"chosen:{choice.value}", "chosen", choice=choice.value, **stated)

    def call_back(self) -> Inbound:
        """Tell that a call back was promised."""
        return self.step("call_back", "call_back")

    def danger(self) -> Inbound:
        """Tell of danger to life: it is filed at once, before a word is said."""
        answers = {**self._known(), "danger": True}
        return _inbound(self.account, self.sender, f"{self.sender}:danger", Purpose.MESSAGE, answers, self.form.all())

    def began(self) -> Iterator[Inbound]:
        """The telephone rang."""
        yield self.step("begun", "begun")

    def over(self) -> Iterator[Inbound]:
        """The status callback: of all that a call goes through only its end is news."""
        status = self.form.get("CallStatus")
        if status in FINAL:
            at = moment(self.form.get("Timestamp"))
            yield ended(self.account, self.call, status, caller_of(self.form), at, self.form.all())

    def spoken(self) -> Iterator[Inbound]:
        """A language was chosen."""
        if self.place.language:
            yield self.step(f"language:{self.place.language}", "language")

    def menu(self) -> Iterator[Inbound]:
        """A key of a menu, but for those that only lead to another menu."""
        menu = self.menus.get(self.place.menu)
        key = menu.keys.get(self.digits) if menu else None
        if key is not None and key.does is not Choice.MENU:
            yield self.chosen(key.does, key.category)

    def about(self) -> Iterator[Inbound]:
        """A few words that a machine wrote down: a proposal for whoever listens to the recording."""
        words = self.form.get("SpeechResult")
        if words:
            yield self.step("about", "about", proposed_text=words)

    def more(self) -> Iterator[Inbound]:
        """A further complaint in the same call."""
        if self.digits == LEAVE and self.place.complaint < COMPLAINTS:
            further = self.place.to("more", complaint=self.place.complaint + 1)
            yield _Teller(self.form, further, self.account, self.call, self.menus).chosen(Choice.REPORT)

    def follow(self) -> Iterator[Inbound]:
        """A number was entered: not which one, for it is looked up and gone."""
        if self.digits and self.digits != DANGER:
            yield self.step(f"follow:{self.place.tries}", "follow")

    def busy(self) -> Iterator[Inbound]:
        """A message, or a call back."""
        if self.digits == LEAVE:
            yield self.chosen(Choice.MESSAGE)
        elif self.digits != DANGER and (self.digits in {"", CALL_BACK} or self.place.last_try):
            yield self.call_back()

    def unheard(self) -> Iterator[Inbound]:
        """Silence after the third tone: a call back is promised to whoever shows a number."""
        if self.place.last_try and caller_of(self.form):
            yield self.call_back()

    def queued(self) -> Iterator[Inbound]:
        """Out of the queue, one way or another."""
        result = self.form.get("QueueResult")
        if result:
            yield self.step(f"left:{result}", "left", result=result)

    def recording(self) -> Iterator[Inbound]:
        """Tell of a recording, alike whether the action or the callback comes first; or that none was made."""
        form = self.form
        recording_id, status = form.get("RecordingSid"), form.get("RecordingStatus")
        if self.place.step != "recording" and not recording_id:  # the caller pressed a key instead of speaking
            return
        if not _CALL_ID.fullmatch(recording_id):
            raise Unreadable("no RecordingSid that could be one")
        if status not in _KEPT:
            if status != "in-progress":
                yield self.step(f"unheard:{recording_id}", "unheard", status=status)
            return
        url = form.get("RecordingUrl").removesuffix(".wav").removesuffix(".mp3")
        if not _RECORDING_HOST.fullmatch(url):
            raise Unreadable("no RecordingUrl that could be one")
        yield recording(self.account, self.call, self.sender, recording_id, url, self._known(), form.all())

    def _known(self) -> dict[str, Any]:
        phone = caller_of(self.form)
        return {
            **({"language": self.place.language} if self.place.language else {}),
            **({"category": self.place.category} if self.place.category else {}),
            **({"contact": {"phone": phone}} if phone else {}),
        }


def _inbound(
    account: str, sender: str, external_id: str, purpose: Purpose, answers: Mapping[str, Any], raw: Mapping[str, Any]
) -> Inbound:
    return Inbound(
        channel=NAME,
        account=account,
        external_id=external_id,
        sender=Address(Scheme.CALL, sender),
        purpose=purpose,
        answers=dict(answers),
        provider=PROVIDER,
        way=NAME,
        raw=dict(raw),
    )


def moment(value: str) -> datetime | None:
    """Read a moment as Twilio writes it (RFC 2822); None when it is none, or has no zone."""
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo else None


_TOLD: Mapping[str, Callable[[_Teller], Iterator[Inbound]]] = {
    "": _Teller.began,
    "status": _Teller.over,
    "language": _Teller.spoken,
    "menu": _Teller.menu,
    "about": _Teller.about,
    "more": _Teller.more,
    "follow": _Teller.follow,
    "busy": _Teller.busy,
    "unheard": _Teller.unheard,
    "queued": _Teller.queued,
    "recorded": _Teller.recording,
    "recording": _Teller.recording,
    "sorry": _Teller.recording,
}
_CALMLY = frozenset({"", "status", "recording", "queued"})  # where a 9 is nobody's key
