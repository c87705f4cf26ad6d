"""SMS through any carrier or aggregator with an HTTP interface, as a profile describes it.

Carriers differ in names and habits and hardly in anything else: they post or get a citizen's message with some proof of
who they are, may tell what became of a reply, and take replies over HTTP. What is particular stands in a file of data.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Literal

from aiohttp import web
from pydantic import BaseModel

from channels.base import Forged, Unreadable, Webhook
from channels.carrier import proof
from channels.carrier.profile import Incoming, Reports, Secret, load
from channels.carrier.settings import CarrierSettings
from channels.carrier.speaking import Outlet
from channels.carrier.words import Document, Form, Words, query_of, read
from channels.message import Address, Delivery, DeliveryState, Inbound, Purpose, Receipt, Reply, Scheme, Sent
from channels.sms_alphabet import UCS2, decode

_ID = re.compile(r"[!-~]{1,128}")
_ACCOUNT = re.compile(r"[!-~]{1,64}")
_COUNT = re.compile(r"[0-9]{1,3}")
_LONGEST = 256  # characters of an address or an id
_NUMBER = re.compile(r"\+?[0-9]{7,15}")  # fewer digits are a short code, which nobody can answer


class Carrier(Webhook):
    """Text messages to the city's number at a carrier."""

    name = "carrier"
    provider = "carrier"
    paths = ("", "/status")
    Settings: ClassVar[type[BaseModel]] = CarrierSettings

    def __init__(self, settings: CarrierSettings) -> None:
        super().__init__(settings)
        profile = load(settings.profile)
        second = settings.secret_secondary
        secrets = [settings.secret.get_secret_value(), second.get_secret_value() if second else ""]
        self._secrets = [secret.encode() for secret in secrets if secret]
        self._inbound, self._reports = profile.inbound, profile.reports
        self.rate = settings.rate
        self.texts = profile.outbound is not None
        self._outlet = Outlet(profile.outbound, settings)

    def verify(self, request: web.Request, body: bytes) -> None:
        """Check that the carrier sent this, in the way that it sends."""
        habit = self._habit(request.path)
        if request.method != habit.method:
            raise Forged("not in the way that the carrier calls")
        proof.verify(self._inbound, self._secrets, request, body, lambda: read(request, body, *_kind(habit)))

    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that the carrier would send."""
        habit = self._habit(url)
        kind, charset = _kind(habit)
        headers = proof.sign(
            self._inbound,
            self._secrets[0],
            url,
            body,
            lambda: Document.read(body) if kind == "json" else Form(body, charset),
        )
        content = "application/json" if kind == "json" else "application/x-www-form-urlencoded"
        return {"Content-Type": content, **headers}

    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Read citizens' messages, or at /status what became of replies. What cannot be read is kept, one by one."""
        original = query_of(request) if request.method == "GET" else body
        reports = self._reports if _is_status(request.path) else None
        if _is_status(request.path) and reports is None:
            yield self._kept(original, "the profile does not say how to read reports")
            return
        habit = reports or self._inbound
        try:
            words = read(request, body, *_kind(habit))
            each: list[Words] = [words]
            if habit.items and isinstance(words, Document):
                each = list(words.each(habit.items))
        except Unreadable as error:
            yield self._kept(original, str(error))
            return
        for one in each:
            try:
                yield self._report(one, reports) if reports else self._message(one, self._inbound)
            except Unreadable as error:
                alone = original if len(each) == 1 else json.dumps(one.raw(self._hidden), sort_keys=True).encode()
                yield self._kept(alone, str(error))

    def answer(self, receipts: Sequence[Receipt]) -> web.Response:
        """Say what the carrier wants to hear."""
        del receipts
        wanted = self._inbound.answer
        return web.Response(status=wanted.status, text=wanted.body, content_type=wanted.content_type)

    def extend(self, app: web.Application) -> None:
        """Hear by GET, where the carrier calls so. Not by HEAD, which asks without meaning it."""
        for route in list(app.router.routes()):
            path = route.resource.canonical if route.resource else ""
            if self._habit(path).method == "GET":
                app.router.add_get(path, route.handler, allow_head=False)

    async def send(self, reply: Reply) -> Sent:
        """Send a reply as the profile says. Raises Refused, Barred, Busy or OutcomeUnknown."""
        return await self._outlet.send(reply)

    async def close(self) -> None:
        """Close the session with the carrier."""
        await self._outlet.close()

    @property
    def _hidden(self) -> str:
        """The field that holds the secret, which is kept in no record."""
        return self._inbound.proof.field if isinstance(self._inbound.proof, Secret) else ""

    def _habit(self, path: str) -> Incoming | Reports:
        return self._reports if _is_status(path) and self._reports else self._inbound

    def _kept(self, original: bytes, why: str) -> Inbound:
        for secret in self._secrets if self._hidden else ():
            original = original.replace(secret, b"***")
        return self.unreadable(original, why).but(way="sms")

    def _message(self, words: Words, habit: Incoming) -> Inbound:
        fields = habit.fields
        if not words.has(fields.sender) or not words.has(fields.text):
            raise Unreadable("no sender or no text where the profile says that they are")
        text = _text(words, habit)
        number, total = words.get(fields.part), words.get(fields.parts)
        numbered = _COUNT.fullmatch(number) and _COUNT.fullmatch(total) and total not in {"0", "1"}
        part = f"{number}/{total}" if numbered else ""
        to, sender = words.get(fields.to), words.get(fields.sender)
        if len(sender) > _LONGEST:
            raise Unreadable("a sender that is longer than any")
        return Inbound(
            channel=self.name,
            account=to if _ACCOUNT.fullmatch(to) else self.settings.number,
            external_id=_identity(words, habit, text) + (f":{part}" if part else ""),
            sender=_address(sender, international=habit.numbers == "international"),
            text=f"[{part}] {text}" if part else text,
            sent_at=_time(words.get(fields.time), habit),
            provider=self.provider,
            way="sms",
            raw=words.raw(self._hidden),
        )

    def _report(self, words: Words, habit: Reports) -> Inbound:
        fields = habit.fields
        identity, word = words.get(fields.id), words.get(fields.state)
        if not identity or not word:
            raise Unreadable("a report without an id or a state")
        if max(len(identity), len(words.get(fields.to)), len(words.get(fields.reply))) > _LONGEST:
            raise Unreadable("a report with an id that is longer than any")
        state = habit.states.get(word, DeliveryState.UNKNOWN)
        error = words.get(fields.error) if state.lost else ""
        return Inbound(
            channel=self.name,
            account=self.settings.number,
            external_id=f"report:{hashlib.sha256(json.dumps([identity, word]).encode()).hexdigest()}",
            sender=_address(words.get(fields.to), international=self._inbound.numbers == "international"),
            purpose=Purpose.DELIVERY,
            provider=self.provider,
            way="sms",
            delivery=Delivery(
                identity, state, error, words.get(fields.reply), transient=state.lost and error in habit.transient
            ),
            raw=words.raw(self._hidden),
        )


def _is_status(path: str) -> bool:
    return path.partition("?")[0].rstrip("/").endswith("/status")


def _kind(habit: Incoming | Reports) -> tuple[Literal["json", "form"], str]:
    return habit.format, habit.charset


def _identity(words: Words, habit: Incoming, text: str) -> str:
    """Return the carrier's id; where it gave none, a digest of both ends, the words, and its time."""
    given = words.get(habit.fields.id)
    if given:
        return given if _ID.fullmatch(given) else f"id:{hashlib.sha256(_bytes(given)).hexdigest()}"
    fields = habit.fields
    parts = [words.get(fields.sender), words.get(fields.to), words.get(fields.time), text]
    return f"content:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(words: Words, habit: Incoming) -> str:
    text = words.get(habit.fields.text)
    if habit.text_form == "plain" and words.get(habit.fields.coding) not in habit.ucs2_when:
        return text
    try:
        return decode(bytes.fromhex(text), UCS2)
    except ValueError as error:
        raise Unreadable("its text is not the hexadecimal that the profile promises") from error


def _address(value: str, *, international: bool) -> Address:
    """Say what a sender is. Of digits alone, only the profile knows whether the country's are in front."""
    value = value.strip()
    if not value:
        return Address(Scheme.UNKNOWN, "")
    if not _NUMBER.fullmatch(value):
        return Address(Scheme.SENDER_ID, value)
    return Address(Scheme.TEL, f"+{value.removeprefix('+')}" if international else value)


def _time(value: str, habit: Incoming) -> datetime | None:
    """Read when it was sent; None when it does not say so in the way that it should. That costs no message."""
    if not value:
        return None
    try:
        if habit.time_format in {"unix", "unix-ms"}:
            return datetime.fromtimestamp(float(value) / (1 if habit.time_format == "unix" else 1000), UTC)
        if habit.time_format == "iso":
            at = datetime.fromisoformat(value)
        else:
            at = datetime.strptime(value, habit.time_format)  # noqa: DTZ007 - the zone is the profile's, below
        if at.tzinfo is None:
            at = datetime.fromisoformat(f"{at.isoformat()}{habit.utc_offset}")
        return at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
