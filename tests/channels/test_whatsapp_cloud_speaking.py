"""Speaking through WhatsApp's Cloud API, against a strict stand-in that answers as Meta does."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from channels.base import Barred, Busy, Fetches, Forgets, OutcomeUnknown, Probes, Refused, Speaker
from channels.message import Address, DeliveryState, Reply, Scheme, Sent
from channels.whatsapp_cloud import WhatsappCloud
from tests.channels.harness import ROOT, example_settings
from tests.servers.node import prism
from tests.servers.processes import free_port
from tests.servers.waiting import until

NUMBER = "106540352242922"
MEDIA = f"whatsapp-cloud:{NUMBER}/1003383421387256"
BEARER = "Bearer replace-with-the-access-token"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DIGEST = "49f227634806293b09954599c350b5f8500fd05ec7bf07c7afc6f4b3d1d8a7a4"
FIRST_FIELD = """      - recipient_type
      - to
      - type
      properties:
"""
DOCUMENTS = sorted((ROOT.parent / "shared/data/openapi").glob("meta_business_messaging*.yaml"))


def error(code: int, **more: Any) -> dict[str, Any]:
    return {"error": {"message": "(#x) about +9647701234567", "type": "OAuthException", "code": code, **more}}


@dataclass
class Cloud:
    """Takes messages as strictly as Meta does, and remembers them. `answers` come first, in order."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=list)
    hang_up: bool = False
    media: dict[str, Any] = field(default_factory=dict)

    def app(self) -> web.Application:
        """Serve messages and media."""
        app = web.Application()
        app.router.add_post("/v23.0/{number}/messages", self.take)
        app.router.add_get(f"/v23.0/{NUMBER}", self.number)
        app.router.add_get("/v23.0/1003383421387256", self.describe)
        app.router.add_delete("/v23.0/1003383421387256", self.delete)
        return app

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take one message."""
        assert not request.query, "nothing goes in the address"
        if request.headers.get("Authorization") != BEARER:
            return web.json_response(error(190), status=401)
        message = await request.json()
        kind = message["type"]
        assert {"messaging_product", "recipient_type", "type", "biz_opaque_callback_data", kind} <= message.keys()
        assert message.keys() <= {
            *(
                "messaging_product",
                "recipient_type",
                "type",
                "biz_opaque_callback_data",
                "to",
                "recipient",
                "context",
                kind,
            )
        }
        assert ("to" in message) is not ("recipient" in message)
        self.sent.append({**message, "number": request.match_info["number"]})
        if self.hang_up:
            assert request.transport
            request.transport.close()
        if self.answers:
            status, document = self.answers.pop(0)
            return web.json_response(document, status=status)
        return web.json_response(
            {"messaging_product": "whatsapp", "contacts": [{}], "messages": [{"id": f"wamid.{len(self.sent)}"}]}
        )

    async def number(self, request: web.Request) -> web.Response:
        """Say who we are."""
        assert request.headers.get("Authorization") == BEARER
        if self.answers:
            status, document = self.answers.pop(0)
            return web.json_response(document, status=status)
        return web.json_response({"verified_name": "أمانة بغداد", "display_phone_number": "+964 1", "id": NUMBER})

    async def describe(self, request: web.Request) -> web.Response:
        """Say where a photo lies."""
        assert (request.headers.get("Authorization"), request.query["phone_number_id"]) == (BEARER, NUMBER)
        if self.answers:
            status, document = self.answers.pop(0)
            return web.json_response(document, status=status)
        return web.json_response({"url": "https://lookaside.fbsbx.com/x?y=1", "sha256": DIGEST, **self.media})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a photo, once."""
        assert (request.headers.get("Authorization"), request.query["phone_number_id"]) == (BEARER, NUMBER)
        if self.deleted:
            return web.json_response(error(100, error_subcode=33), status=400)
        self.deleted.append(request.path)
        return web.json_response({"success": True})


@pytest.fixture
def cloud() -> Cloud:
    """Give the stand-in."""
    return Cloud()


@pytest.fixture
async def api(cloud: Cloud) -> AsyncIterator[str]:
    """Give the stand-in's address."""
    async with TestServer(cloud.app()) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def whatsapp(api: str) -> AsyncIterator[WhatsappCloud]:
    """Give the channel, speaking to the stand-in."""
    channel = WhatsappCloud(example_settings(WhatsappCloud, api_url=api))
    yield channel
    await channel.close()


def reply(**changes: Any) -> Reply:
    parts: dict[str, Any] = {
        "id": "r-1",
        "account": NUMBER,
        "to": Address(Scheme.WHATSAPP, "+9647701234567"),
        "text": "وصل بلاغكم 4821 093 756",
        "purpose": "received",
        "reference": "4821093756",
        "thread": "wamid.first",
        "heard_at": datetime.now(UTC),
        **changes,
    }
    return Reply(**parts)


LATE = timedelta(hours=24)


async def test_answers_in_our_words_within_a_day(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """A reply leaves once, beside the message that it answers, marked with its id."""
    assert Sent("wamid.1", DeliveryState.QUEUED) == await whatsapp.send(reply())
    assert [
        {
            "number": NUMBER,
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "9647701234567",
            "biz_opaque_callback_data": "r-1",
            "type": "text",
            "text": {"body": "وصل بلاغكم 4821 093 756", "preview_url": False},
            "context": {"message_id": "wamid.first"},
        }
    ] == cloud.sent
    assert all(isinstance(whatsapp, kind) for kind in (Speaker, Fetches, Forgets, Probes))
    assert 20 == whatsapp.rate


async def test_answers_from_the_number_written_to(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """A citizen who wrote to another number of the city hears from that one."""
    await whatsapp.send(reply(account="99"))
    await whatsapp.send(reply(account=""))

    assert ["99", NUMBER] == [message["number"] for message in cloud.sent]


async def test_somebody_without_a_number_is_answered(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """A business-scoped id goes into a field of its own, and is never taken for a number."""
    await whatsapp.send(reply(to=Address(Scheme.WHATSAPP, "IQ.20481208655302741999"), thread=""))

    assert "IQ.20481208655302741999" == cloud.sent[0]["recipient"]
    assert "to" not in cloud.sent[0]
    assert "context" not in cloud.sent[0]


async def test_a_day_later_a_template_speaks(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """After a day only the template that the city named is sent, in the citizen's language, with its values."""
    with time_machine.travel(NOW, tick=False):
        await whatsapp.send(reply(heard_at=NOW - LATE, language="en"))
        await whatsapp.send(reply(heard_at=None, language="ku"))

    assert ["en", "ar"] == [message["template"]["language"]["code"] for message in cloud.sent]
    assert {
        "name": "complaint_received",
        "language": {"policy": "deterministic", "code": "en"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "4821093756"}]}],
    } == cloud.sent[0]["template"]
    assert "template" == cloud.sent[0]["type"]


async def test_the_last_minutes_of_the_day_are_not_risked(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """Shortly before the day is over a template speaks already: words that come too late are lost."""
    with time_machine.travel(NOW, tick=False):
        await whatsapp.send(reply(heard_at=NOW - LATE + timedelta(minutes=11)))
        await whatsapp.send(reply(heard_at=NOW - LATE + timedelta(minutes=9)))

    assert ["text", "template"] == [message["type"] for message in cloud.sent]


async def test_without_a_template_another_way_is_taken(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """Where no template serves, the house is told to reach the citizen otherwise, and nothing leaves."""
    with pytest.raises(Refused) as refused:
        await whatsapp.send(reply(heard_at=None, purpose="closed"))

    assert ("window", True, False) == (refused.value.code, refused.value.elsewhere, refused.value.alarm)
    assert [] == cloud.sent


async def test_a_template_for_everything_else(api: str, cloud: Cloud) -> None:
    """One template may serve all purposes that have none; line breaks, which Meta refuses, become spaces."""
    templates = '{"*": {"name": "news", "parameters": ["pin", "text"], "languages": {"ar": "ar_EG"}}}'
    channel = WhatsappCloud(example_settings(WhatsappCloud, api_url=api, templates=templates))
    await channel.send(reply(heard_at=None, purpose="closed", text="أُغلق\n\tبلاغكم    اليوم", values={"pin": "1234"}))
    with pytest.raises(Refused) as refused:
        await channel.send(reply(heard_at=None, purpose="closed"))
    await channel.close()

    [message] = cloud.sent
    [body] = message["template"]["components"]
    assert ["1234", "أُغلق بلاغكم اليوم"] == [place["text"] for place in body["parameters"]]
    assert "ar_EG" == message["template"]["language"]["code"]
    assert (True, True) == (refused.value.alarm, refused.value.elsewhere)


async def test_when_meta_counts_the_day_otherwise(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """When Meta says that the day is over, the template speaks at once."""
    cloud.answers.append((400, error(131047)))

    assert Sent("wamid.2", DeliveryState.QUEUED) == await whatsapp.send(reply())
    assert ["text", "template"] == [message["type"] for message in cloud.sent]


async def test_long_words_are_cut(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """What is longer than WhatsApp takes arrives cut, and says so."""
    await whatsapp.send(reply(text="ا" * 5000))

    assert (4096, "…") == (len(cloud.sent[0]["text"]["body"]), cloud.sent[0]["text"]["body"][-1])


@pytest.mark.parametrize(
    ("code", "status", "kind", "elsewhere", "alarm"),
    [
        (131026, 400, Refused, True, False),
        (131049, 400, Refused, True, False),
        (130472, 400, Refused, True, False),
        (131009, 400, Refused, False, True),
        (100, 400, Refused, False, True),
        (132001, 404, Refused, True, True),
        (999999, 400, Refused, False, True),
        (190, 401, Barred, None, None),
        (0, 401, Barred, None, None),
        (368, 400, Barred, None, None),
        (131031, 403, Barred, None, None),
        (131056, 400, Busy, None, None),
        (130429, 429, Busy, None, None),
        (131048, 400, Busy, None, None),
        (4, 400, Busy, None, None),
        (131000, 500, Busy, None, None),
        (1, 500, OutcomeUnknown, None, None),
    ],
)
async def test_how_meta_may_refuse(
    whatsapp: WhatsappCloud, cloud: Cloud, code: int, status: int, kind: type, elsewhere: Any, alarm: Any
) -> None:
    """Each of Meta's errors ends in what the house can act on, and no text of it names the citizen or the token."""
    cloud.answers.append((status, error(code)))
    with pytest.raises(kind) as caught:
        await whatsapp.send(reply())

    assert kind is type(caught.value)
    assert elsewhere is getattr(caught.value, "elsewhere", None)
    assert alarm is getattr(caught.value, "alarm", None)
    assert "9647701234567" not in str(caught.value)
    assert "token" not in repr(whatsapp.settings.access_token)


async def test_an_answer_that_never_came_is_waited_for(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """After a try of unknown outcome nothing is sent again until the report had time to come; then it is."""
    cloud.hang_up = True
    with pytest.raises(OutcomeUnknown):
        await whatsapp.send(reply())
    cloud.hang_up = False
    with time_machine.travel(NOW, tick=False):
        with pytest.raises(Busy) as busy:
            await whatsapp.send(reply(first_tried_at=NOW - timedelta(minutes=5), heard_at=NOW))
        assert (600.0, 1) == (busy.value.retry_after, len(cloud.sent))
        await whatsapp.send(reply(first_tried_at=NOW - timedelta(minutes=15), heard_at=NOW))

    assert 2 == len(cloud.sent)


async def test_taken_without_an_id_is_unknown(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """An answer that names no message is not taken for a sent one."""
    cloud.answers += [(200, {"messages": []}), (200, {"messages": [{}]}), (200, [])]
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            await whatsapp.send(reply())


async def test_nobody_on_whatsapp(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """A reply to an address of another kind never leaves."""
    for to in (Address(Scheme.TEL, "+9647701234567"), Address(Scheme.WHATSAPP, "")):
        with pytest.raises(Refused):
            await whatsapp.send(reply(to=to))
    assert [] == cloud.sent


async def test_nobody_answers() -> None:
    """With Meta out of reach nothing was sent, and it is tried again."""
    channel = WhatsappCloud(example_settings(WhatsappCloud, api_url=f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(Busy):
        await channel.send(reply())
    await channel.close()


async def test_where_a_photo_lies(whatsapp: WhatsappCloud, cloud: Cloud, api: str) -> None:
    """The address is asked for when it is needed, with what its bytes must be; the token goes to Meta's hosts alone."""
    source = await whatsapp.source(MEDIA)

    assert ("https://lookaside.fbsbx.com/x?y=1", DIGEST) == (source.url, source.sha256)
    assert {"Authorization": BEARER} == source.headers
    assert {"lookaside.fbsbx.com", "*.fbsbx.com", "*.fbcdn.net", "*.whatsapp.net", "127.0.0.1"} == source.hosts
    assert api.removeprefix("http://") == source.private
    assert BEARER not in repr(source)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "SfInY0gGKTsJlUWZw1C1+FAP0F7HvwfHr8b0s9HYp6Q=",
            "49f22763480629" + "3b09954599c350b5f8500fd05ec7bf07c7afc6f4b3d1d8a7a4",
        ),
        (DIGEST.upper(), DIGEST),
        ("SfIn", ""),
        ("no digest", ""),
        ("", ""),
    ],
)
async def test_digests_in_hex_or_base64(whatsapp: WhatsappCloud, cloud: Cloud, said: str, expected: str) -> None:
    """The digest is understood in both of the forms that Meta writes; what is neither is not compared."""
    cloud.media["sha256"] = said

    assert expected == (await whatsapp.source(MEDIA)).sha256


async def test_a_photo_that_is_gone(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """A photo that Meta no longer has is given up; one that Meta cannot name now is asked for again."""
    cloud.answers += [(400, error(100, error_subcode=33)), (200, {"id": "1"}), (401, error(190)), (503, "no")]
    with pytest.raises(Refused):
        await whatsapp.source(MEDIA)
    with pytest.raises(Busy):
        cloud.media["url"] = ""
        await whatsapp.source(MEDIA)
    with pytest.raises(Barred):
        await whatsapp.source(MEDIA)
    with pytest.raises(Busy):
        await whatsapp.source(MEDIA)
    for nothing in ("https://lookaside.fbsbx.com/x", "whatsapp-cloud:1/..", "whatsapp-cloud:"):
        with pytest.raises(Refused):
            await whatsapp.source(nothing)


async def test_photos_are_deleted_once_they_are_safe(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """A photo is deleted at Meta; that it is gone already is well."""
    await whatsapp.forget(MEDIA)
    await whatsapp.forget(MEDIA)

    assert ["/v23.0/1003383421387256"] == cloud.deleted


async def test_who_we_are(whatsapp: WhatsappCloud, cloud: Cloud) -> None:
    """`balagh check` learns which number lets us in, or that the token is dead."""
    assert "أمانة بغداد, +964 1" == await whatsapp.probe()
    cloud.answers.append((401, error(190)))
    with pytest.raises(Barred):
        await whatsapp.probe()


def complete(path: Path, document: str) -> Path:
    """Write the document down with the field that it leaves out."""
    assert FIRST_FIELD in document
    path.write_text(
        document.replace(FIRST_FIELD, f"{FIRST_FIELD}        biz_opaque_callback_data: {{type: string}}\n"), "utf-8"
    )
    return path


def sound(log: Path) -> str:
    """Return what the server has said so far."""
    return log.read_text("utf-8") if log.exists() else ""


@pytest.mark.parametrize("document", [path.read_text("utf-8") for path in DOCUMENTS], ids=lambda _: "meta")
async def test_meta_describes_what_we_send(document: str, tmp_path: Path) -> None:
    """Our words and our templates are messages as Meta's own document of the API describes them.

    It leaves out of messages the one field that comes back in their reports, though Meta's page of the API has it.
    """
    port = free_port()
    own = complete(tmp_path / "meta.yaml", document)
    log = tmp_path / "prism.log"
    with prism(own, port, log):
        await until(lambda: "Prism is listening" in sound(log), 60)
        channel = WhatsappCloud(example_settings(WhatsappCloud, api_url=f"http://127.0.0.1:{port}"))
        try:
            sent = [await channel.send(reply()), await channel.send(reply(heard_at=None))]
        finally:
            await channel.close()

    assert all(taken.provider_id for taken in sent)


def alone(document: str, path: str) -> str:
    """Return the document with one path alone: others are too much like it for anything to tell them apart."""
    head, _, rest = document.partition("\npaths:\n")
    end = re.search(r"^[a-z]", rest, re.MULTILINE)
    before, after = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    paths = {part.partition(":\n")[0]: part for part in re.split(r"^(?=  /)", before, flags=re.MULTILINE) if part}
    return f"{head}\npaths:\n{paths[f'  {path}']}{after}"


@pytest.mark.parametrize("document", [path.read_text("utf-8") for path in DOCUMENTS], ids=lambda _: "meta")
@pytest.mark.parametrize(("path", "asks"), [("{Media-ID}", ("source", "forget")), ("{Phone-Number-ID}", ("probe",))])
async def test_meta_describes_what_we_ask(path: str, asks: tuple[str, ...], document: str, tmp_path: Path) -> None:
    """Where a photo lies, its deletion and who we are: each is asked as Meta's own document of the API describes it."""
    port, own, log = free_port(), tmp_path / "meta.yaml", tmp_path / "prism.log"
    own.write_text(alone(document, f"/{{Version}}/{path}"), "utf-8")
    with prism(own, port, log):
        await until(lambda: "Prism is listening" in sound(log), 60)
        channel = WhatsappCloud(example_settings(WhatsappCloud, api_url=f"http://127.0.0.1:{port}"))
        for ask in asks:
            with contextlib.suppress(Busy):  # the examples in the answers are not all whole
                await getattr(channel, ask)(*([] if ask == "probe" else [MEDIA]))
        await channel.close()
    said = sound(log)

    assert len(asks) == said.count("The request passed the validation rules"), said[-3000:]
