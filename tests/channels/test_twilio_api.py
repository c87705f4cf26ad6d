"""Speaking through Twilio, against a strict stand-in for its API that answers with Twilio's own words."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from channels import twilio_api
from channels.base import Barred, Busy, Fetches, OutcomeUnknown, Reception, Refused, Speaker
from channels.message import Address, DeliveryState, Reply, Scheme, Sent
from channels.sms import Sms
from channels.twilio_api import FAULTS, transient
from channels.twilio_messaging import TwilioMessaging
from channels.whatsapp import Whatsapp
from tests.channels.harness import example_settings

SID = "AC00000000000000000000000000000001"
BASIC = "Basic " + base64.b64encode(f"{SID}:replace-with-the-auth-token".encode()).decode()
CITIZEN = "+9647701234567"
NOBODY = cast("Reception", None)  # the log alone is asked
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class Twilio:
    """Takes messages as strictly as Twilio does, and remembers them. `answers` come first, in order."""

    sent: list[dict[str, str]] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    inbox: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    hang_up: bool = False
    silent: asyncio.Event | None = None

    def app(self) -> web.Application:
        """Serve the Messages resource."""
        app = web.Application()
        app.router.add_post(f"/2010-04-01/Accounts/{SID}/Messages.json", self.create)
        app.router.add_get(f"/2010-04-01/Accounts/{SID}/Messages.json", self.list)
        app.router.add_get(f"/2010-04-01/Accounts/{SID}/Messages/{{sid}}/Media.json", self.media)
        app.router.add_delete(f"/2010-04-01/Accounts/{SID}/Messages/{{sid}}/Media/{{media}}", self.delete)
        app.router.add_get(f"/2010-04-01/Accounts/{SID}.json", self.account)
        return app

    async def account(self, request: web.Request) -> web.Response:
        """Say who the account is."""
        assert BASIC == request.headers["Authorization"]
        if self.answers:
            status, document, _ = self.answers.pop(0)
            return web.json_response(document, status=status)
        return web.json_response({"friendly_name": "Baghdad", "status": "active"})

    async def media(self, request: web.Request) -> web.Response:
        """List the attachments of a message."""
        assert BASIC == request.headers["Authorization"]
        found = [{"sid": f"ME{number}", "content_type": "image/jpeg"} for number in (1, 2)]
        return web.json_response({"media_list": found, "next_page_uri": None})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an attachment."""
        assert BASIC == request.headers["Authorization"]
        if self.answers:
            status, document, _ = self.answers.pop(0)
            return web.json_response(document, status=status)
        self.deleted.append(request.match_info["media"])
        if request.match_info["media"] == "gone":
            return web.json_response({"code": 20404, "message": "not found", "status": 404}, status=404)
        return web.Response(status=204)

    def page(self, request: web.Request) -> web.Response:
        """One message of the inbox a page: what stands behind it is never far."""
        assert BASIC == request.headers["Authorization"]
        number = int(request.query.get("Page", 0))
        listed = [one for one in self.inbox if one["to"] == request.query.get("To", one["to"])]
        following = f"/2010-04-01/Accounts/{SID}/Messages.json?Page={number + 1}&PageSize=1"
        more = following if number + 1 < len(listed) else None
        return web.json_response({"messages": listed[number : number + 1], "next_page_uri": more})

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Take one message."""
        if request.headers.get("Authorization") != BASIC:
            return web.json_response({"code": 20003, "message": "Authenticate", "status": 401}, status=401)
        form = {name: str(value) for name, value in (await request.post()).items()}
        assert form.keys() <= {"To", "From", "Body", "StatusCallback", "ValidityPeriod"}
        assert form["To"].startswith("whatsapp:") is form["From"].startswith("whatsapp:")
        self.sent.append(form)
        if self.silent is not None:
            await self.silent.wait()
        if self.hang_up:
            assert request.transport
            request.transport.close()
        if self.answers:
            status, document, headers = self.answers.pop(0)
            return web.json_response(document, status=status, headers=headers)
        return web.json_response({"sid": f"SM{len(self.sent)}", "status": "queued"}, status=201)

    async def list(self, request: web.Request) -> web.Response:
        """List what went between two ends."""
        self.asked.append(dict(request.query))
        if self.answers:
            status, document, headers = self.answers.pop(0)
            return web.json_response(document, status=status, headers=headers)
        if "From" not in request.query:
            return self.page(request)
        same = [m for m in self.log if (m["to"], m["from"]) == (request.query["To"], request.query["From"])]
        return web.json_response({"messages": same, "page": 0, "next_page_uri": None})

    def remember(self, body: str, made: datetime, status: str = "sent", to: str = CITIZEN) -> None:
        """Know a message from before; as a queued one, it has no date of sending."""
        made_at = format_datetime(made)
        message = {"sid": f"SM-{status}", "to": to, "from": "+15005550006", "body": body, "status": status}
        self.log.append({**message, "date_created": made_at, "date_sent": None})


@pytest.fixture
def twilio() -> Twilio:
    """Give the stand-in."""
    return Twilio()


@pytest.fixture
async def api(twilio: Twilio) -> AsyncIterator[str]:
    """Give the stand-in's address."""
    async with TestServer(twilio.app()) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def sms(api: str) -> AsyncIterator[Sms]:
    """Give the SMS channel, speaking to the stand-in."""
    channel = Sms(example_settings(Sms, api_url=api))
    yield channel
    await channel.close()


def reply(scheme: Scheme = Scheme.TEL, to: str = CITIZEN, **changes: Any) -> Reply:
    parts = {"id": "r/1", "account": "", "text": "وصل بلاغكم 4821 093 756", **changes}
    return Reply(to=Address(scheme, to), **parts)


async def test_sms_is_sent(sms: Sms, twilio: Twilio) -> None:
    """A reply leaves once, from the city's number, with where to report and how long it is worth sending."""
    assert Sent("SM1", DeliveryState.QUEUED) == await sms.send(reply())
    assert [
        {
            "To": CITIZEN,
            "From": "+15005550006",
            "Body": "وصل بلاغكم 4821 093 756",
            "StatusCallback": "https://balagh.example/channels/sms/status?reply=r%2F1",
            "ValidityPeriod": "14400",
        }
    ] == twilio.sent
    assert isinstance(sms, Speaker)
    assert 1 == sms.rate


async def test_whatsapp_is_sent(api: str, twilio: Twilio) -> None:
    """A reply on WhatsApp carries the prefix at both ends, also to somebody without a number."""
    channel = Whatsapp(example_settings(Whatsapp, api_url=api))
    await channel.send(reply(Scheme.WHATSAPP, "IQ.13491208655302741918"))
    await channel.close()

    assert ["whatsapp:IQ.13491208655302741918"] == [form["To"] for form in twilio.sent]
    assert ["whatsapp:+14155238886"] == [form["From"] for form in twilio.sent]
    assert ["https://balagh.example/channels/whatsapp/status?reply=r%2F1"] == [f["StatusCallback"] for f in twilio.sent]
    assert "ValidityPeriod" not in twilio.sent[0]


async def test_answers_from_the_number_written_to(sms: Sms, twilio: Twilio) -> None:
    """A citizen who wrote to another number of the city hears from that one."""
    await sms.send(reply(account="+15005550009"))

    assert "+15005550009" == twilio.sent[0]["From"]


@pytest.mark.parametrize("scheme", [Scheme.SENDER_ID, Scheme.UNKNOWN, Scheme.MAILTO, Scheme.WEB])
async def test_nobody_to_answer(scheme: Scheme, sms: Sms, twilio: Twilio) -> None:
    """A short code, a name and a withheld number are never sent to."""
    with pytest.raises(Refused) as refusal:
        await sms.send(reply(scheme, "19123"))

    assert ("no-address", False) == (refusal.value.code, refusal.value.alarm)
    assert [] == twilio.sent


@pytest.mark.parametrize(
    ("public_url", "api_url", "callback"),
    [
        ("https://balagh.example", "", "https://balagh.example/channels/sms/status?reply=r%2F1"),
        ("http://127.0.0.1:8080", "", "http://127.0.0.1:8080/channels/sms/status?reply=r%2F1"),
        ("https://bal_agh.example", "", None),
    ],
)
async def test_status_callback(public_url: str, api_url: str, callback: str | None, api: str, twilio: Twilio) -> None:
    """Twilio refuses a message whose callback has an underscore in its host, so it is sent without one."""
    channel = Sms(example_settings(Sms, api_url=api_url or api, public_url=public_url))
    await channel.send(reply())
    await channel.close()

    assert callback == twilio.sent[0].get("StatusCallback")


def test_real_twilio_cannot_call_this_machine() -> None:
    """With a loopback address and the real Twilio there is no callback: it would refuse every message."""
    assert "" == Sms(example_settings(Sms, public_url="http://127.0.0.1:8080"))._callback
    assert "" == Sms(example_settings(Sms, public_url="http://localhost:8080"))._callback


@pytest.mark.parametrize(
    ("status", "code", "opted_out", "alarm"),
    [
        (400, 21610, True, False),
        (400, 21211, False, False),
        (400, 21614, False, False),
        (400, 63016, False, False),
        (400, 30007, False, True),
        (400, 21408, False, True),
        (400, 21612, False, True),
        (400, 99999, False, True),
    ],
)
async def test_refused(*, status: int, code: int, opted_out: bool, alarm: bool, sms: Sms, twilio: Twilio) -> None:
    """What Twilio will never take is not tried again; a person is called when the fault is ours."""
    words = f"The 'To' number {CITIZEN} is not valid"
    twilio.answers = [(status, {"code": code, "message": words, "more_info": "…", "status": status}, {})]
    with pytest.raises(Refused) as refusal:
        await sms.send(reply())

    assert (str(code), opted_out, alarm) == (refusal.value.code, refusal.value.opted_out, refusal.value.alarm)
    assert CITIZEN not in str(refusal.value)


@pytest.mark.parametrize(("status", "code"), [(401, 20003), (404, 20404), (401, None), (403, None)])
async def test_barred(*, status: int, code: int | None, sms: Sms, twilio: Twilio) -> None:
    """A dead token or a closed account stops the channel, and not one reply after the other."""
    twilio.answers = [(status, {"code": code, "message": "Authenticate", "status": status}, {})]
    with pytest.raises(Barred) as barred:
        await sms.send(reply())

    assert (str(code) if code else f"http-{status}") == barred.value.code


@pytest.mark.parametrize(("code", "elsewhere"), [(63016, True), (63003, True), (21614, False)])
async def test_elsewhere(*, code: int, elsewhere: bool, sms: Sms, twilio: Twilio) -> None:
    """Whom WhatsApp does not reach any more an SMS may."""
    twilio.answers = [(400, {"code": code, "message": "no", "status": 400}, {})]
    with pytest.raises(Refused) as refusal:
        await sms.send(reply())

    assert elsewhere is refusal.value.elsewhere


@pytest.mark.parametrize("channel", [Sms, Whatsapp])
async def test_recount(channel: type[TwilioMessaging], api: str, twilio: Twilio) -> None:
    """Twilio's log yields what a webhook would have: identity, sender, words and photos, page after page."""
    prefix = "whatsapp:" if channel is Whatsapp else ""
    made = channel(example_settings(channel, api_url=api))
    twilio.inbox = [
        heard("SM1", prefix, "الماء مقطوع", NOW),
        heard("SM2", prefix, "", NOW, num_media="2"),
        heard("SM3", prefix, "too old", NOW - timedelta(hours=3)),
        heard("SM4", prefix, "ours", NOW, direction="outbound-api"),
    ]
    for message in twilio.inbox:
        message["to"] = prefix + made.settings.number
    found = [inbound async for inbound in made.recount(NOW - timedelta(hours=1), NOBODY)]
    await made.close()

    number = made.settings.number
    assert [(channel.name, number, "SM1"), (channel.name, number, "SM2")] == [
        (inbound.channel, inbound.account, inbound.external_id) for inbound in found
    ]
    scheme = Scheme.WHATSAPP if prefix else Scheme.TEL
    assert (Address(scheme, CITIZEN), "الماء مقطوع") == (found[0].sender, found[0].text)
    assert ["image/jpeg", "image/jpeg"] == [media.content_type for media in found[1].media]
    assert (await made.source(str(found[1].media[0].url))).headers, "fetched with our credentials"


async def test_forget(sms: Sms, api: str, twilio: Twilio) -> None:
    """A photo is deleted at Twilio; one that is gone, or lies elsewhere, is no trouble; a dead token is."""
    url = f"{api}/2010-04-01/Accounts/{SID}/Messages/SM1/Media/ME1"
    await sms.forget(url)
    await sms.forget(f"{api}/2010-04-01/Accounts/{SID}/Messages/SM1/Media/gone")
    await sms.forget("https://elsewhere.example/ME2")
    assert ["ME1.json", "gone.json"] == twilio.deleted
    twilio.answers = [(401, {"code": 20003, "message": "Authenticate", "status": 401}, {})]
    with pytest.raises(Barred):
        await sms.forget(url)


async def test_probe(sms: Sms, twilio: Twilio) -> None:
    """An operator reads who we are there, or that we are not let in."""
    assert "Baghdad at Twilio is active" == await sms.probe()
    twilio.answers = [(401, {"code": 20003, "message": "Authenticate", "status": 401}, {})]
    with pytest.raises(Barred):
        await sms.probe()


@pytest.mark.parametrize(
    ("status", "document", "headers", "code", "retry_after"),
    [
        (429, {"code": 20429, "message": "Too Many Requests", "status": 429}, {"Retry-After": "7"}, "20429", 7.0),
        (429, {}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "http-429", None),
        (400, {"code": 21611, "message": "queue full", "status": 400}, {}, "21611", None),
        (400, {"code": 30001, "message": "queue overflow", "status": 400}, {}, "30001", None),
        (400, {"code": 63018, "message": "rate", "status": 400}, {}, "63018", None),
    ],
)
async def test_busy(
    *,
    status: int,
    document: Any,
    headers: dict[str, str],
    code: str,
    retry_after: float | None,
    sms: Sms,
    twilio: Twilio,
) -> None:
    """What Twilio cannot take now is tried again, after the pause that it asks for."""
    twilio.answers = [(status, document, headers)]
    with pytest.raises(Busy) as busy:
        await sms.send(reply())

    assert (code, retry_after) == (busy.value.code, busy.value.retry_after)


def heard(sid: str, prefix: str, body: str, at: datetime, **more: str) -> dict[str, Any]:
    """A message of a citizen as Twilio's log has it."""
    ends = {"from": prefix + CITIZEN, "to": prefix + "+15005550006"}
    at_ = format_datetime(at)
    return {
        "sid": sid,
        **ends,
        "body": body,
        "direction": "inbound",
        "status": "received",
        "num_media": "0",
        "date_created": at_,
        "date_sent": at_,
        **more,
    }


async def test_unreachable_is_busy() -> None:
    """When Twilio cannot be reached at all, nothing left: it can simply be tried again."""
    channel = Sms(example_settings(Sms, api_url=f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(Busy) as busy:
        await channel.send(reply())
    await channel.close()

    assert "connect" == busy.value.code


@pytest.mark.parametrize(
    "answer", [(500, {}, {}), (503, "upstream", {}), (201, {"status": "queued"}, {}), (201, [], {})]
)
async def test_outcome_unknown(answer: tuple[int, Any, dict[str, str]], sms: Sms, twilio: Twilio) -> None:
    """When Twilio fell over the message, or said nothing that names it, it may have been sent."""
    twilio.answers = [answer]
    with pytest.raises(OutcomeUnknown):
        await sms.send(reply())


async def test_redirect_is_not_followed(api: str, sms: Sms, twilio: Twilio) -> None:
    """An answer that points elsewhere gets neither our credentials nor the citizen's words: a person must look."""
    twilio.answers = [(307, {}, {"Location": f"{api}/2010-04-01/Accounts/{SID}/Messages.json"})]
    with pytest.raises(Refused) as refusal:
        await sms.send(reply())

    assert ("http-307", True) == (refusal.value.code, refusal.value.alarm)
    assert 1 == len(twilio.sent)


async def test_hung_up_is_unknown(sms: Sms, twilio: Twilio) -> None:
    """A connection cut after the request left tells nothing about the message."""
    twilio.hang_up = True
    with pytest.raises(OutcomeUnknown):
        await sms.send(reply())

    assert 1 == len(twilio.sent)


async def test_no_answer_is_unknown(sms: Sms, twilio: Twilio, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is never answered ends, and tells nothing about the message."""
    monkeypatch.setattr(twilio_api, "_TIMEOUT", twilio_api.ClientTimeout(total=0.2))
    twilio.silent = asyncio.Event()
    with pytest.raises(OutcomeUnknown):
        await sms.send(reply())
    twilio.silent.set()

    assert 1 == len(twilio.sent)


async def test_looks_before_sending_again(sms: Sms, twilio: Twilio) -> None:
    """A reply that went through although no answer came is found, and not sent twice."""
    twilio.remember("وصل بلاغكم 4821 093 756", NOW + timedelta(seconds=1), "queued")

    assert Sent("SM-queued", DeliveryState.QUEUED) == await sms.send(reply(first_tried_at=NOW))
    assert [] == twilio.sent
    assert [{"To": CITIZEN, "From": "+15005550006", "PageSize": "200"}] == twilio.asked


@pytest.mark.parametrize(
    ("body", "minutes", "status", "to"),
    [
        ("other words", 1, "sent", CITIZEN),
        ("وصل بلاغكم 4821 093 756", -60, "sent", CITIZEN),  # an earlier reply of the same words
        ("وصل بلاغكم 4821 093 756", 1, "undelivered", CITIZEN),
        ("وصل بلاغكم 4821 093 756", 1, "failed", CITIZEN),
        ("وصل بلاغكم 4821 093 756", 1, "sent", "+9647701234568"),
    ],
)
async def test_sends_again_what_was_not_sent(
    *, body: str, minutes: int, status: str, to: str, sms: Sms, twilio: Twilio
) -> None:
    """Other words, another time, another citizen, or a message that was lost: then it is sent."""
    twilio.remember(body, NOW + timedelta(minutes=minutes), status, to)

    assert "SM1" == (await sms.send(reply(first_tried_at=NOW))).provider_id


async def test_cannot_look(sms: Sms, twilio: Twilio) -> None:
    """While Twilio cannot say what became of the first try, nothing is sent; it is asked again later."""
    twilio.answers = [(500, {}, {})]
    with pytest.raises(Busy):
        await sms.send(reply(first_tried_at=NOW))

    assert [] == twilio.sent


async def test_first_try_does_not_look(sms: Sms, twilio: Twilio) -> None:
    """The first try asks nothing."""
    await sms.send(reply())

    assert [] == twilio.asked


async def test_session_closes_with_the_channel(api: str) -> None:
    """When the channel closes, so does its connection to Twilio."""
    channel = Sms(example_settings(Sms, api_url=api))
    await channel.send(reply())
    session = channel._api._session
    assert session
    assert not session.closed
    await channel.close()

    assert session.closed


async def test_media_of_twilio() -> None:
    """A photo is fetched at the API with our credentials, which no other host gets."""
    channel = Sms(example_settings(Sms))
    at_api = await channel.source(f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages/MM1/Media/ME1")

    assert isinstance(channel, Fetches)
    assert {"Authorization": BASIC} == at_api.headers
    assert ("", True) == (at_api.private, "api.twilio.com" in at_api.hosts)
    for url in (
        "https://api.twilio.com.evil.example/x",
        "https://api.twilio.com@evil.example/x",
        "http://api.twilio.com/x",
        "https://evil.example/?https://api.twilio.com/",
        "http://[broken",
        "",
    ):
        elsewhere = await channel.source(url)
        assert (url, {}) == (elsewhere.url, elsewhere.headers)
    assert BASIC not in repr(at_api)


async def test_media_of_a_stand_in() -> None:
    """With another API_URL, its host and port stand in for Twilio's, and only they may be private."""
    channel = Sms(example_settings(Sms, api_url="http://127.0.0.1:9090/"))
    for url in ("https://api.twilio.com/Media/ME1?x=1", "http://127.0.0.1:9090/Media/ME1?x=1"):
        source = await channel.source(url)
        assert "http://127.0.0.1:9090/Media/ME1?x=1" == source.url
        assert {"Authorization": BASIC} == source.headers
        assert ("127.0.0.1:9090", True) == (source.private, "127.0.0.1" in source.hosts)
    internal = Sms(example_settings(Sms, api_url="https://twilio.internal"))
    assert "twilio.internal:443" == (await internal.source("x")).private


def test_faults_are_sorted() -> None:
    """No code is both worth another try and final, and unknown ones are final."""
    assert [] == [code for code, fault in FAULTS.items() if fault.transient and (fault.alarm or fault.opted_out)]
    assert {"20429", "21611", "30001", "30003", "30008", "30036", "63018"} == {
        code for code in FAULTS if transient(code)
    }
    assert not transient("99999")
