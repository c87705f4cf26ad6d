"""The hotline, through Twilio Programmable Voice: a menu, a recording, an agent, and nothing lost by hanging up.

Twilio asks for a document (TwiML) at every step of a call and plays it. A caller who hangs up in the middle is told of
by the number's status callback alone, and a recording by its own callback, before or after the step that follows it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from channels.base import Forged, Reception, Source, Unreadable, Webhook
from channels.message import Inbound, Receipt
from channels.twilio_form import Form, form_of
from channels.twilio_messaging import TwilioAccount, media_source
from channels.voice import agents
from channels.voice.apology import SORRY, apology, thanks
from channels.voice.facts import FINAL, HUNG_UP, NAME, PROVIDER, begun, caller_of, ended, facts, moment, recording
from channels.voice.hotline import LANGUAGES, MENUS, Hotline
from channels.voice.log import CallLog
from channels.voice.place import Place
from channels.voice.steps import STEPS, Walk

_TELEPHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_PIN = re.compile(r"[0-9]{6,12}")
_CALLBACKS = ("/status", "/recording")
_RECORDING = re.compile(r"/2010-04-01/Accounts/[A-Za-z0-9]+/Recordings/[A-Za-z0-9]+")
_PROMPT = re.compile(r"[a-z0-9_-]{1,80}")
_SLACK = timedelta(hours=6)  # a call is listed by when it began, and may have lasted
_DAY = 86_400  # seconds for which Twilio may keep a prompt


def _agents(value: str) -> str:
    for number in filter(None, (part.strip() for part in value.split(","))):
        if not _TELEPHONE.fullmatch(number):
            raise ValueError("must be numbers of + and digits with the country's in front, several with a comma")
    return value


def _pin(value: SecretStr) -> SecretStr:
    if value.get_secret_value() and not _PIN.fullmatch(value.get_secret_value()):
        raise ValueError("must be 6 to 12 digits")
    return value


class VoiceSettings(TwilioAccount):
    """The account at Twilio, the number of the hotline, and who answers it."""

    agents: Annotated[str, AfterValidator(_agents)] = Field(
        "", description="Numbers that get a waiting caller when they call the hotline, several with a comma."
    )
    agent_pin: Annotated[SecretStr, AfterValidator(_pin)] = Field(
        SecretStr(""), description="What agents enter to prove themselves: 6 to 12 digits."
    )
    transactions_token: SecretStr = Field(
        SecretStr(""), description="Opens the city's own system of transactions to us, as a bearer token."
    )

    @model_validator(mode="after")
    def _proven(self) -> VoiceSettings:
        if self.agents.strip() and not self.agent_pin.get_secret_value():
            raise ValueError("agents need agent_pin: a number alone can be forged")
        return self

    @property
    def agent_numbers(self) -> frozenset[str]:
        """The agents' numbers."""
        return frozenset(filter(None, (part.strip() for part in self.agents.split(","))))


class Voice(Webhook):
    """Telephone calls to the city's hotline."""

    name = NAME
    reads: ClassVar[Mapping[str, str]] = {"/prompts/{language}/{prompt}.wav": "A prompt that the city has recorded."}
    provider = PROVIDER
    paths = ("", *_CALLBACKS, *(f"/{step}" for step in (*STEPS, SORRY, *sorted(agents.STEPS)) if step))
    Settings: ClassVar[type[BaseModel]] = VoiceSettings

    def __init__(self, settings: VoiceSettings) -> None:
        super().__init__(settings)
        self._account, self._signer = settings.account, settings.signer
        self._log = CallLog(self._account)
        self._path = f"/channels/{self.name}"
        self._base = settings.public_url + self._path
        self._agents = settings.agent_numbers
        self._hotline: Hotline | None = None

    def host(self, hotline: Hotline) -> None:
        """Take the house's side of the line."""
        self._hotline = hotline

    def verify(self, request: web.Request, body: bytes) -> None:
        """Check the signature, and then that it is our account which speaks: sub-accounts sign with their own."""
        self._signer.verify(request, body)
        if form_of(request, body).get("AccountSid") != self.settings.account_sid:
            raise Forged("another account's call")

    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that Twilio would send with this form to this URL."""
        return self._signer.sign(url, body)

    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Read what a step of a call says: often nothing that must be kept. An agent's call is nobody's complaint."""
        form = form_of(request, body)
        if caller_of(form) in self._agents:
            return ()
        hotline = self._hotline
        menus = hotline.menus if hotline else MENUS
        languages = {voice.key: voice.language for voice in hotline.voices} if hotline else LANGUAGES
        # The account is our number, whichever was dialled: the recording's callback does not say it.
        return facts(form, self._place(request), self.settings.number, menus, languages)

    async def respond(self, request: web.Request, body: bytes, receipts: Sequence[Receipt]) -> web.Response:
        """Say what the caller hears next; on trouble of ours an apology and a tone, for an error would end the call."""
        form, place = form_of(request, body), self._place(request)
        if f"/{place.step}" in _CALLBACKS:
            await self._over(place, form)
            return web.Response()
        if place.step == SORRY:
            return thanks(self._hotline, self._base, place)
        if self._hotline is None:
            return self._sorry(place)
        try:
            if caller_of(form) in self._agents or place.step in agents.STEPS:
                return self._agent(place, form)
            return await Walk(self._hotline, self._base, place, form, receipts).answer()
        except Exception as error:  # noqa: BLE001 - whatever broke, somebody is on the line
            if not isinstance(error, Unreadable):  # what nobody can read is kept for a person, and no fault of ours
                self._hotline.trouble(error)
            return self._sorry(place)

    def apologise(self, request: web.Request, body: bytes) -> web.Response | None:
        """Apologise to a caller when nothing can be stored. Where nobody waits any more, Twilio shall try again."""
        place = self._place(request)
        gone = f"/{place.step}" in _CALLBACKS or form_of(request, body).get("Digits") == HUNG_UP
        return None if gone or place.step == SORRY else self._sorry(place)

    def extend(self, app: web.Application) -> None:
        """Serve the city's recorded prompts; they are public, and change rarely."""

        async def prompt(request: web.Request) -> web.Response:
            language, name = request.match_info["language"], request.match_info["prompt"]
            known = self._hotline is not None and _PROMPT.fullmatch(name)
            data = await self._hotline.recording(language, name) if known and self._hotline else None
            if data is None:
                raise web.HTTPNotFound(text="")
            etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
            headers = {"Cache-Control": f"public, max-age={_DAY}", "ETag": etag}
            if request.headers.get("If-None-Match") == etag:
                return web.Response(status=304, headers=headers)
            return web.Response(body=data, content_type="audio/wav", headers=headers)

        app.router.add_get("/prompts/{language}/{prompt}.wav", prompt)

    async def close(self) -> None:
        """Close the session with the API, and the house's side of the line."""
        await self._log.close()
        if self._hotline is not None:
            await self._hotline.close()

    async def source(self, url: str) -> Source:
        """Say how to fetch a recording: at the API with our credentials."""
        return media_source(self._account, url)

    async def forget(self, url: str) -> None:
        """Delete a recording at Twilio. Returns also when it is gone already. Raises Refused, Busy, Barred."""
        found = _RECORDING.match(urlsplit(url).path)
        if found:
            await self._log.delete(f"{found[0]}.json")

    async def probe(self) -> str:
        """Say who we are at Twilio, and what of the number's set-up would lose calls. Raises Refused, Busy, Barred."""
        account = await self._log.account()
        number = await self._log.number(self.settings.number)
        said = f"account {account.get('status', 'unknown')}"
        if number is None:
            return f"{said}, but the number is not of this account"
        calls = str(number.get("voice_url") or "").partition("#")[0]
        callback = str(number.get("status_callback") or "").partition("#")[0]
        faults = [
            *(["its calls do not come here"] if calls != self._base else []),
            *(["its status callback does not come here"] if callback != f"{self._base}/status" else []),
            *(["it has no fallback"] if not number.get("voice_fallback_url") else []),
            *(["nobody answers it: there are no agents"] if not self._agents else []),
        ]
        return f"{said}, the number is set up" if not faults else f"{said}, the number: {', '.join(faults)}"

    async def outcome(self, call: str) -> Inbound | None:
        """Ask Twilio how a call ended; None while it lasts. Raises Refused, Busy, Barred."""
        found = await self._log.call(call)
        if found is None:
            return self.lost(call)
        status = str(found.get("status"))
        return self._ended(call, found) if status in FINAL else None

    def lost(self, call: str) -> Inbound:
        """Say that a call is over whose end nobody told."""
        return ended(self.settings.number, call, "unknown", "")

    async def recount(self, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield the calls to the hotline since then and what was recorded in them, as Twilio's log has it.

        What was recorded while we were away has no language and no menu: it is heard by a person all the same.
        """
        del reception
        callers: dict[str, str] = {}
        async for row in self._log.calls(self.settings.number, since - _SLACK):
            call, phone = str(row.get("sid", "")), str(row.get("from", ""))
            at = moment(str(row.get("start_time") or row.get("date_created") or ""))
            until = moment(str(row.get("end_time") or "")) or at
            if not call or phone in self._agents:
                continue
            callers[call] = phone if _TELEPHONE.fullmatch(phone) else ""
            if until is None or until >= since:
                yield begun(self.settings.number, call, callers[call], at, row)
                if str(row.get("status")) in FINAL:
                    yield self._ended(call, row)
        async for row in self._log.recordings(since):
            call, found = str(row.get("call_sid", "")), str(row.get("sid", ""))
            if call in callers and found and str(row.get("status")) == "completed":
                url = f"{self._account.url}/2010-04-01/Accounts/{self.settings.account_sid}/Recordings/{found}"
                answers = {"contact": {"phone": callers[call]}} if callers[call] else {}
                yield recording(self.settings.number, call, call, found, url, answers, row)

    def _ended(self, call: str, row: Mapping[str, Any]) -> Inbound:
        phone = str(row.get("from", ""))
        at = moment(str(row.get("end_time") or ""))
        known = phone if _TELEPHONE.fullmatch(phone) else ""
        return ended(self.settings.number, call, str(row.get("status")), known, at, row)

    def _place(self, request: web.Request) -> Place:
        return Place.of(request, self._path)

    def _sorry(self, place: Place) -> web.Response:
        return apology(self._hotline, self._base, place)

    def _agent(self, place: Place, form: Form) -> web.Response:
        assert self._hotline is not None
        if caller_of(form) not in self._agents:  # an agent's step, and not an agent's number
            return self._sorry(place)
        return agents.answer(self._hotline, self._base, place, form, self.settings.number)

    async def _over(self, place: Place, form: Form) -> None:
        if place.step == "status" and form.get("CallStatus") in FINAL and self._hotline is not None:
            await self._hotline.free_line(form.get("CallSid"))
