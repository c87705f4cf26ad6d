"""Five cities' ways of working, each from the citizen's word to the department, over the network as people have it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aiosmtpd.controller import Controller

from channels.facebook import Facebook
from channels.instagram import Instagram
from channels.x import X
from normalizer.reference import show
from tests.channels.email.office import inbox, mail
from tests.channels.email.test_smtp import Sink
from tests.channels.graph_double import ACCOUNT as INSTAGRAM_ACCOUNT
from tests.channels.graph_double import GraphDouble
from tests.channels.harness import FIXTURES
from tests.channels.test_x_api import Service
from tests.channels.video_site import World
from tests.end_to_end.city import City, Desk, open_city, pin_in, reference_in
from tests.gateway.desk.test_desk_tasks import tape
from tests.servers.dovecot import DovecotServer, dovecot_server
from tests.servers.processes import free_port
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

__all__ = ["dovecot_server"]

CITIZEN = "+9647701234567"
OUTAGE = "الماء مقطوع عن حي الجامعة منذ يومين"
UNCLEAR = "عندي مشكلة كبيرة وما احد يرد علي"
COMMENT = "حفرة كبيرة قرب مدرسة الكرادة منذ شهر ولم يصلحها أحد"


@pytest.fixture
def post_office() -> Iterator[Controller]:
    """A mail server that takes what the city sends."""
    server = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    server.start()
    yield server
    server.stop()


def mail_settings(post_office: Controller, *inboxes: dict[str, Any]) -> dict[str, str]:
    return {
        "BALAGH_EMAIL__INBOXES": json.dumps(inboxes),
        "BALAGH_EMAIL__SMTP_URL": f"smtp+plain://127.0.0.1:{post_office.port}",
        "BALAGH_EMAIL__FROM": "complaints@city.example",
        "BALAGH_EMAIL__RATE": "50",
    }


async def answered(post_office: Controller, address: str) -> str:
    """Wait for the mail that somebody is sent, and return its words."""
    sink = post_office.handler
    await until(lambda: any(address in envelope.rcpt_tos for envelope in sink.envelopes))
    envelope = next(one for one in sink.envelopes if address in one.rcpt_tos)
    assert isinstance(envelope.content, bytes)
    body = message_from_bytes(envelope.content, policy=policy.default).get_body(("plain",))
    assert body
    return str(body.get_content())


@pytest.fixture
async def desk() -> AsyncIterator[list[Desk]]:
    """Whoever signs in here leaves when the test ends."""
    people: list[Desk] = []
    yield people
    for one in people:
        await one.close()


async def at_desk(city: City, desk: list[Desk]) -> Desk:
    desk.append(Desk(city))
    await desk[-1].sign_in()
    return desk[-1]


@pytest.mark.servers
async def test_baghdad(
    tmp_path: Path, dovecot_server: DovecotServer, post_office: Controller, desk: list[Desk]
) -> None:
    """The hotline, the paper box, the radio, a department's mailbox and a comment on the Page: one way for all."""
    graph, box = GraphDouble(), "baghdad-water@city.example"
    graph.put("comment", id="2001_3001")
    settings = mail_settings(post_office, inbox(dovecot_server, box, department="water"))
    async with open_city(tmp_path, {"FACEBOOK": graph.app()}, **settings) as city:
        city.twilio.recording = tape()

        # 124 is called, a recording is made, its number comes by SMS, a person writes it down, it is routed.
        caller = await (await city.dial(CITIZEN)).press("1", "1")
        recording = await caller.speak()
        assert 200 == await caller.recorded(recording)
        assert 200 == await caller.hang_up()
        spoken = await city.reference(CITIZEN)
        assert " ".join(show(spoken).split()) in caller.words()
        task = await city.task("transcribe", spoken)
        assert spoken == await city.done(task, text=OUTAGE)
        complaint = await city.complaint(spoken)
        assert ("voice", "water", CITIZEN) == (
            complaint["channel"],
            complaint["department"],
            complaint["contact"]["phone"],
        )
        [attachment] = complaint["attachments"]
        assert city.twilio.recording == await city.attachment(attachment["url"])

        # A paper from the box, with its own date, and what somebody said on the radio.
        clerk = await at_desk(city, desk)
        for way, text, department in (
            ("paper_box", "النفايات متراكمة في الشارع منذ أسبوع", "waste"),
            ("radio", "عمود الإنارة مكسور والشارع مظلم", "lighting"),
        ):
            reference, _ = await clerk.enter(way=way, date="2026-11-02", text=text)
            complaint = await city.complaint(reference)
            assert (way, department) == (complaint["channel"], complaint["department"])
            assert complaint["occurred_at"].startswith("2026-11-01T21:00"), "midnight in Baghdad"

        # What is unclear goes to the department whose mailbox it was written to, and is answered by mail.
        await asyncio.to_thread(dovecot_server.deliver, mail(1, UNCLEAR, From="ali@example.org", Subject="سؤال"), box)
        written = reference_in(await answered(post_office, "ali@example.org"))
        complaint = await city.complaint(written)
        assert ("email", "water", "inbox") == (
            complaint["channel"], complaint["department"], complaint["route"]["rule"],
        )  # fmt: skip

        # A comment that is not clearly for the city waits for a person; confirmed, it is answered in private.
        await city.post(
            Facebook,
            "comment_arabic.json",
            **{_escaped(COMMENT): _escaped("شنو هذا الشارع"), "1763632800": "1795300000"},
        )
        task = await city.task("confirm")
        reference = await city.done(task, accepted=True, category="roads.damage")
        complaint = await city.complaint(reference)
        assert ("facebook", "roads", True) == (
            complaint["channel"], complaint["department"], complaint["source"]["public"],
        )  # fmt: skip
        await until(lambda: bool(graph.said))
        [(_, said)] = graph.said
        assert {"comment_id": "2001_3001"} == said["recipient"]
        assert reference == reference_in(said["message"]["text"])


def _escaped(words: str) -> str:
    return json.dumps(words)[1:-1]


@pytest.mark.servers
async def test_beheira(tmp_path: Path, rabbitmq: Vhost) -> None:
    """What is said of staff on WhatsApp is confidential: its sender gets a receipt, the inspector never a name."""
    async with open_city(tmp_path, BALAGH_BROKER_URL=rabbitmq.url) as city:
        about = "الموظف بالدائرة طلب رشوة وأهانني"
        reference = await city.text(CITIZEN, about, channel="whatsapp")
        complaint = await city.complaint(reference)
        assert ("staff.conduct", True, "inspector") == (
            complaint["category"], complaint["confidential"], complaint["department"],
        )  # fmt: skip
        assert "whatsapp:" + CITIZEN == city.twilio.messages[0]["To"]
        assert "received" in {event["type"] for event in complaint["events"]}

        [offer] = await offers(rabbitmq.url, {"inspector"}, 1)
        assert reference == offer["subject"]
        assert about == offer["data"]["complaint"]["text"]
        assert CITIZEN.removeprefix("+") not in json.dumps(offer)
        contact = offer["data"]["complaint"].get("contact") or {}
        assert not contact.get("phone")
        assert not contact.get("addresses")


async def test_qena(tmp_path: Path, desk: list[Desk]) -> None:
    """Who is heard in person leaves with a receipt; a post is found and confirmed; a call in danger comes first."""
    graph = GraphDouble()
    graph.put("comment", id="2001_3001")
    async with open_city(tmp_path, {"FACEBOOK": graph.app()}) as city:
        clerk = await at_desk(city, desk)
        reference, pin = await clerk.enter(
            way="walk_in", text="أحتاج إلى معونة، راتب الرعاية الاجتماعية متوقف", name="أم علي", confidential="yes"
        )
        complaint = await city.complaint(reference)
        assert ("walk_in", "social", True) == (
            complaint["channel"], complaint["department"], complaint["confidential"],
        )  # fmt: skip
        assert "الرعاية الاجتماعية" in await city.track(reference, pin)

        await city.post(Facebook, "comment_arabic.json", **{_escaped(COMMENT): _escaped("الله يعين الناس")})
        task = await city.task("confirm")
        found = await city.complaint(await city.done(task, accepted=True, category="water.outage", district="karkh"))
        assert (True, "karkh", "water") == (
            found["source"]["public"], found["place"]["district"], found["department"],
        )  # fmt: skip

        caller = await (await city.dial(CITIZEN)).press("1", "9")
        for number in ("122", "115", "104"):
            assert number in caller.words()
        await caller.speak()
        assert 200 == await caller.hang_up()
        urgent = await city.task("transcribe")
        assert urgent["urgent"]
        assert "distress" == urgent["complaint"]["priority"]


async def test_jordan(tmp_path: Path) -> None:
    """What a rule knows goes to its department by itself; what none knows, a program's people decide through a key."""
    async with open_city(tmp_path) as city:
        known = await city.complaint(await city.text("+962790000001", OUTAGE))
        assert ("water", True) == (known["department"], known["route"]["automatic"])

        unclear = await city.text("+962790000002", UNCLEAR)
        waits = await city.complaint(unclear, "triage")
        assert "citizens" == waits["route"]["department"]
        task = await city.task("triage", unclear)
        assert UNCLEAR == task["complaint"]["text"]
        assert unclear == await city.done(task, department="roads", category="roads.damage")
        routed = await city.complaint(unclear)
        assert ("roads", False) == (routed["department"], routed["route"]["automatic"])
        code, again = await city.api("POST", f"/tasks/{task['id']}/complete", json={"department": "water"})
        assert (409, "/problems/task-done") == (code, again["type"])


@pytest.mark.servers
async def test_muscat(tmp_path: Path, dovecot_server: DovecotServer, post_office: Controller, rabbitmq: Vhost) -> None:
    """How a complaint fares, by telephone and on the web; mail, fax, X, Instagram and YouTube lead to the same desk."""
    world, service, box = World(), Service(), "muscat@city.example"
    graph = GraphDouble(me=INSTAGRAM_ACCOUNT)
    graph.put("reply", id="17890000000000001")
    world.say("Ug1", OUTAGE, datetime.now(UTC))  # the first look reaches back a day
    doubles = {"X": service.app(), "INSTAGRAM": graph.app(), "YOUTUBE": world.app()}
    settings = mail_settings(post_office, inbox(dovecot_server, box, fax="*@fax.example"))
    async with open_city(tmp_path, doubles, BALAGH_BROKER_URL=rabbitmq.url, **settings) as city:
        # The own telephone is proof enough to hear how it stands.
        reference = await city.text(CITIZEN, OUTAGE)
        await city.complaint(reference)
        caller = await (await city.dial(CITIZEN)).press("1", "2", f"{reference}#")
        assert "أُرسل بلاغكم إلى الدائرة المسؤولة" in caller.words()
        assert "الجامعة" not in caller.last
        await caller.hang_up()

        # A mail is answered with reference and PIN, and both open the page.
        letter = mail(7, "الشارع أمام بيتنا فيه حفرة كبيرة", From="salim@example.org", Subject="شكوى")
        await asyncio.to_thread(dovecot_server.deliver, letter, box)
        told = await answered(post_office, "salim@example.org")
        complaint = await city.complaint(reference_in(told))
        assert ("email", "roads") == (complaint["channel"], complaint["department"])
        assert "الطرق" in await city.track(reference_in(told), pin_in(told))

        # A fax has no words: a person reads the scan and writes them down.
        await asyncio.to_thread(dovecot_server.deliver, (FIXTURES / "email/fax.eml").read_bytes(), box)
        task = await city.task("transcribe")
        faxed = await city.complaint(await city.done(task, text="طفح مجاري أمام المدرسة"))
        assert ("fax", "sewage") == (faxed["channel"], faxed["department"])
        assert [False] == [attachment["url"] is None for attachment in faxed["attachments"]]

        # What is said in public.
        await city.post(X, "mention.json")
        await city.post(Instagram, "comment_arabic.json")
        mentioned = await city.done(await city.task("confirm"), accepted=True, category="waste.collection")
        public = {
            offer["data"]["complaint"]["channel"]: offer
            for offer in await offers(rabbitmq.url, {"water", "waste", "roads", "sewage"}, 6)
        }
        assert {
            "sms": "water",
            "email": "roads",
            "fax": "sewage",
            "x": "water",
            "instagram": "waste",
            "youtube": "water",
        } == {channel: offer["data"]["route"]["department"] for channel, offer in public.items()}
        await until(lambda: bool(graph.said))
        [(_, said)] = graph.said
        assert [mentioned] * 2 == [public["instagram"]["subject"], reference_in(said["message"]["text"])]
        assert {"comment_id": "17890000000000001"} == said["recipient"]


async def offers(url: str, departments: set[str], count: int) -> list[dict[str, Any]]:
    """Take what departments are offered out of their queues, as their own systems do."""
    found: list[dict[str, Any]] = []
    connection = await aio_pika.connect(url)
    async with connection, asyncio.timeout(60):
        amqp = await connection.channel()
        while len(found) < count:
            for department in departments:
                queue = await amqp.get_queue(f"department.{department}", ensure=False)
                while (message := await queue.get(fail=False, no_ack=True)) is not None:
                    found.append(json.loads(message.body))
            await asyncio.sleep(0.05)
    return [event for event in found if event["type"] == "balagh.complaint.offered.v1"]
