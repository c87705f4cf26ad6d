"""SMS through a carrier's HTTP interface: what profiles can say, what carriers send, and what their answers mean."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, make_mocked_request, unused_port
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.base import Barred, Busy, OutcomeUnknown, Refused, Speaker
from channels.carrier import Carrier, speaking
from channels.carrier.profile import load
from channels.message import Address, Delivery, DeliveryState, Inbound, Purpose, Reply, Scheme, Sent
from tests.channels.harness import FIXTURES, ROOT, Sink, example_settings, house, public

WATER = "الماء مقطوع من يومين بحي الجامعة"
EXAMPLE = (ROOT / "channels/carrier/example.toml").read_text("utf-8")
IN_DOCS = re.search(r"```toml\n(.*?)```", (ROOT / "docs/channels/carrier.md").read_text("utf-8"), re.DOTALL)
NUMBER = "9647701234567"

Profiled = Callable[..., Carrier]


@pytest.fixture
def profiled(tmp_path: Path) -> Profiled:
    """Build the channel from a profile's text."""

    def build(profile: str, **changes: Any) -> Carrier:
        file = tmp_path / "carrier.toml"
        file.write_text(profile, "utf-8")
        return Carrier(example_settings(Carrier, profile=str(file), **{"secret": "word", **changes}))

    return build


def habits(proof: str = 'kind = "header"\nheader = "X-Key"', more: str = "", fields: str = 'id = "id"') -> str:
    return f"[inbound]\n{more}\n[inbound.fields]\nfrom = 'from'\ntext = 'text'\n{fields}\n[inbound.proof]\n{proof}\n"


async def hear_fixture(name: str) -> Inbound:
    channel = Carrier(example_settings(Carrier))
    body = (FIXTURES / "carrier" / name).read_bytes()
    path = "/channels/carrier/status" if name.startswith("status") else "/channels/carrier"
    [inbound] = channel.parse(make_mocked_request("POST", path), body)
    return inbound


# What messages mean


async def test_hello_arabic(aiohttp_client: Any, sink: Sink) -> None:
    """A citizen's words arrive as they were typed, from a number that can be answered."""
    channel = Carrier(example_settings(Carrier))
    client = await aiohttp_client(house(channel, sink))
    body = (FIXTURES / "carrier/hello_arabic.json").read_bytes()
    response = await client.post(
        "/channels/carrier", data=body, headers=channel.sign(public("/channels/carrier"), body)
    )
    [inbound] = sink.accepted

    assert {"status": "ok"} == await response.json()
    assert (WATER, "sms", "4477") == (inbound.text, inbound.way, inbound.account)
    assert ("carrier", "mo-000000001") == (inbound.channel, inbound.external_id)
    assert Address(Scheme.TEL, f"+{NUMBER}") == inbound.sender
    assert datetime(2026, 11, 21, 6, 15, 30, tzinfo=UTC) == inbound.sent_at


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("english.json", {"external_id": "18446744073709551617", "account": "4477"}),
        ("english.json", {"text": "Street light out near the school\r\nsince Monday  "}),
        ("part_two_of_three.json", {"external_id": "mo-000000003:2/3", "text": "[2/3] والقمامة لم ترفع منذ أسبوع"}),
        ("single_part.json", {"external_id": "mo-000000004", "text": "شكرا"}),
        ("short_code.json", {"sender": Address(Scheme.SENDER_ID, "19123")}),
        ("alphanumeric_sender.json", {"sender": Address(Scheme.SENDER_ID, "OM.91234567")}),
        ("withheld.json", {"sender": Address(Scheme.UNKNOWN, ""), "sent_at": None}),
        ("empty_text.json", {"text": "", "purpose": Purpose.MESSAGE}),
        ("odd_id.json", {"sender": Address(Scheme.TEL, f"+{NUMBER}")}),
        ("unreadable_list.json", {"purpose": Purpose.UNREADABLE, "way": "sms"}),
        ("status/delivered.json", {"delivery": Delivery("mt-1", DeliveryState.DELIVERED, "", "r1")}),
        (
            "status/phone_off.json",
            {"delivery": Delivery("mt-2", DeliveryState.UNDELIVERED, "29", "r2", transient=True)},
        ),
        ("status/rejected.json", {"delivery": Delivery("mt-3", DeliveryState.FAILED, "1", "r3")}),
        ("status/unheard_of_state.json", {"delivery": Delivery("mt-4", DeliveryState.UNKNOWN)}),
    ],
)
async def test_recorded(name: str, expected: dict[str, Any]) -> None:
    """Each recorded request means what its name says."""
    inbound = await hear_fixture(name)

    assert expected == {key: getattr(inbound, key) for key in expected}


async def test_without_an_id(profiled: Profiled) -> None:
    """Where the carrier gives no id, sender, time and words make one: the same again, another for another."""
    channel = profiled(habits(fields='time = "time"'))

    def identity(**message: str) -> str:
        body = json.dumps({"from": NUMBER, "text": WATER, "time": "1", **message}).encode()
        [inbound] = channel.parse(make_mocked_request("POST", "/channels/carrier"), body)
        return inbound.external_id

    assert identity() == identity()
    others = [identity(time="2"), identity(text="x"), identity(**{"from": "9647700000001"})]
    assert 4 == len({identity(), *others})


async def test_ends_that_no_store_takes(profiled: Profiled) -> None:
    """What would break a store as a number of ours is not taken for one, and an endless sender goes to a person."""
    channel = profiled(habits(fields='id = "id"\nto = "to"\npart = "n"\nparts = "of"'))

    def hear(**message: str) -> Inbound:
        body = json.dumps({"from": NUMBER, "text": WATER, "id": "1", **message}).encode()
        [inbound] = channel.parse(make_mocked_request("POST", "/channels/carrier"), body)
        return inbound

    assert ["4477"] * 3 == [hear(to=to).account for to in ("44\x0077", "\ud83d", "7" * 10_000)]
    assert "1" == hear(n="9" * 5_000, of="2").external_id
    assert Purpose.UNREADABLE == hear(**{"from": "9" * 10_000}).purpose


async def test_several_in_one_request(profiled: Profiled, aiohttp_client: Any, sink: Sink) -> None:
    """One message that cannot be read costs the others nothing."""
    client = await aiohttp_client(house(profiled(habits(more='items = "results"')), sink))
    results = [{"from": NUMBER, "text": "a", "id": 1}, {"text": "no sender"}, 7, {"from": NUMBER, "text": "b", "id": 2}]
    response = await client.post("/channels/carrier", json={"results": results}, headers={"X-Key": "word"})
    empty = await client.post("/channels/carrier", json={"results": []}, headers={"X-Key": "word"})
    wrong = await client.post("/channels/carrier", json={"results": {}}, headers={"X-Key": "word"})

    assert [200, 200, 200] == [response.status, empty.status, wrong.status]
    assert ["a", "", "", "b", ""] == [inbound.text for inbound in sink.accepted]
    assert 5 == len(sink.identities)
    assert 3 == [inbound.purpose for inbound in sink.accepted].count(Purpose.UNREADABLE)


@pytest.mark.parametrize(
    ("more", "fields", "body", "text"),
    [
        ('format = "form"', "", {"text": WATER}, WATER),
        ('format = "form"\ncharset = "windows-1256"', "", f"text={quote(WATER, encoding='windows-1256')}", WATER),
        ('format = "form"\ncharset = "utf-8"', "", f"text={quote(WATER, encoding='windows-1256')}", WATER),
        ('format = "form"\ncharset = "utf-8"', "", f"text={quote(WATER, encoding='iso-8859-6')}", WATER),
        ('format = "form"\ntext_form = "ucs2-hex"', "", {"text": WATER.encode("utf-16-be").hex()}, WATER),
        ('format = "form"\nucs2_when = ["8"]', 'coding = "dcs"', {"text": "06270644", "dcs": "8"}, "ال"),
        ('format = "form"\nucs2_when = ["8"]', 'coding = "dcs"', {"text": "06270644", "dcs": "0"}, "06270644"),
        ('format = "form"', "", {"text": "a+b & c=d %"}, "a+b & c=d %"),
        ('format = "form"', "", "text=first&text=second", "first"),
    ],
)
async def test_forms(*, more: str, fields: str, body: Any, text: str, profiled: Profiled) -> None:
    """Words come through in whatever charset and wrapping, also where the carrier does not keep to its own."""
    channel = profiled(habits(more=more, fields='id = "id"\n' + fields))
    encoded = (urlencode(body) if isinstance(body, dict) else body) + f"&from={NUMBER}&id=1"
    [inbound] = channel.parse(make_mocked_request("POST", "/channels/carrier"), encoded.encode())

    assert text == inbound.text
    assert Address(Scheme.TEL, NUMBER) == inbound.sender


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("iso", "2026-11-21T09:00:00", datetime(2026, 11, 21, 6, tzinfo=UTC)),
        ("iso", "2026-11-21T09:00:00Z", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("unix", "1795251600", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("unix-ms", "1795251600000", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("%d/%m/%Y %H:%M", "21/11/2026 09:00", datetime(2026, 11, 21, 6, tzinfo=UTC)),
        ("unix", "1e400", None),
        ("unix", "nan", None),
        ("iso", "٢٠٢٦", None),
        ("%d/%m/%Y", "tomorrow", None),
    ],
)
async def test_times(form: str, value: str, expected: datetime | None, profiled: Profiled) -> None:
    """When it was sent is read as the profile says; a time that is none costs no message."""
    more = f'time_format = "{form}"\nutc_offset = "+03:00"'
    body = json.dumps({"from": NUMBER, "text": "x", "t": value}).encode()
    [inbound] = profiled(habits(more=more, fields='time = "t"')).parse(make_mocked_request("POST", "/"), body)

    assert expected == inbound.sent_at


async def test_reports_that_nobody_described(profiled: Profiled, aiohttp_client: Any, sink: Sink) -> None:
    """A report at a carrier whose profile has none is kept for a person."""
    client = await aiohttp_client(house(profiled(habits()), sink))
    await client.post("/channels/carrier/status", json={"id": 1}, headers={"X-Key": "word"})

    assert [Purpose.UNREADABLE] == [inbound.purpose for inbound in sink.accepted]


# Who is heard

FORM = urlencode({"from": NUMBER, "text": WATER, "id": "1", "t": str(int(time.time()))})


def digest(message: bytes, algorithm: str = "sha256", key: bytes = b"word") -> bytes:
    return hmac.new(key, message, algorithm).digest()


@pytest.mark.parametrize(
    ("proof", "headers", "body"),
    [
        ('kind = "header"\nheader = "Authorization"\nprefix = "Bearer "', {"Authorization": "Bearer word"}, FORM),
        ('kind = "field"\nfield = "key"', {}, f"{FORM}&key=word"),
        ('kind = "hmac"\nheader = "X-S"', {"X-S": digest(FORM.encode()).hex()}, FORM),
        (
            'kind = "hmac"\nheader = "X-S"\nalgorithm = "sha1"\nencoding = "base64"',
            {"X-S": base64.b64encode(digest(FORM.encode(), "sha1")).decode()},
            FORM,
        ),
        (
            'kind = "hmac"\nfield = "sign"\nover = ["from", "text"]\nseparator = "|"',
            {},
            f"{FORM}&sign={digest(f'{NUMBER}|{WATER}'.encode()).hex()}",
        ),
        (
            'kind = "hmac"\nheader = "X-S"\nover = ["t", "text"]\ntimestamp_field = "t"\nalgorithm = "sha512"',
            {"X-S": digest((dict(parse_qsl(FORM))["t"] + WATER).encode(), "sha512").hex()},
            FORM,
        ),
    ],
)
async def test_proofs(
    proof: str, headers: dict[str, str], body: str, profiled: Profiled, aiohttp_client: Any, sink: Sink
) -> None:
    """Each kind of proof lets its carrier in, during a change of the secret too, and nobody else."""
    more, post = 'format = "form"', {"data": body.encode(), "headers": headers}
    right = await aiohttp_client(house(profiled(habits(proof, more)), sink))
    changing = await aiohttp_client(house(profiled(habits(proof, more), secret="new", secret_secondary="word"), sink))
    other = await aiohttp_client(house(profiled(habits(proof, more), secret="new", secret_secondary=None), sink))
    statuses = [(await client.post("/channels/carrier", **post)).status for client in (right, changing, other)]
    bare = {"data": re.sub(r"&(key|sign)=[^&]*", "", body), "headers": {}}
    wrong = {"data": re.sub(r"&(key|sign)=([^&]*)", r"&\1=%ff\2", body), "headers": dict.fromkeys(headers, "é")}

    assert [200, 200, 403] == statuses
    assert [403, 403] == [(await right.post("/channels/carrier", **given)).status for given in (bare, wrong)]
    assert 2 == len(sink.accepted)
    assert "word" not in sink.accepted[0].to_json()


async def test_basic_authentication(profiled: Profiled, aiohttp_client: Any, sink: Sink) -> None:
    """A carrier that only knows HTTP's own way is let in by it."""
    client = await aiohttp_client(house(profiled(habits('kind = "basic"'), secret="balagh:p:w"), sink))
    message = {"from": NUMBER, "text": "x", "id": 1}
    given = {"Authorization": "Basic " + base64.b64encode(b"balagh:p:w").decode()}

    assert 200 == (await client.post("/channels/carrier", json=message, headers=given)).status
    assert 403 == (await client.post("/channels/carrier", json=message, headers={"Authorization": "Basic"})).status
    assert 403 == (await client.post("/channels/carrier", json=message)).status


def test_signature_is_hmac(profiled: Profiled) -> None:
    """The second example of RFC 4231 comes out the same."""
    channel = profiled(habits('kind = "hmac"\nheader = "X-S"'), secret="Jefe")
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert expected == channel.sign("", b"what do ya want for nothing?")["X-S"]


@pytest.mark.parametrize(("age", "status"), [(0, 200), (299, 200), (400, 403), (-400, 403)])
async def test_a_recorded_request_grows_old(age: int, status: int, aiohttp_client: Any, sink: Sink) -> None:
    """A request that somebody recorded is of no use to them a few minutes later."""
    channel = Carrier(example_settings(Carrier, secret="word"))
    client = await aiohttp_client(house(channel, sink))
    body = (FIXTURES / "carrier/hello_arabic.json").read_bytes()
    stamp = str(int(time.time()) - age)
    headers = {
        "X-Carrier-Timestamp": stamp,
        "X-Carrier-Signature": f"sha256={digest(stamp.encode() + b'.' + body).hex()}",
    }

    assert status == (await client.post("/channels/carrier", data=body, headers=headers)).status


@pytest.mark.parametrize("stamp", ["", "yesterday", "9" * 400, "٣", "2026-11-21T10:00:00", "nan"])
async def test_a_time_that_is_none(stamp: str, aiohttp_client: Any, sink: Sink) -> None:
    """A well signed request whose time cannot be read is refused like an old one."""
    client = await aiohttp_client(house(Carrier(example_settings(Carrier, secret="word")), sink))
    signature = f"sha256={digest(stamp.encode() + b'.{}').hex()}"
    headers = {"X-Carrier-Timestamp": stamp, "X-Carrier-Signature": signature}

    assert 403 == (await client.post("/channels/carrier", data=b"{}", headers=headers)).status


@pytest.mark.parametrize(("sources", "status"), [('["127.0.0.0/8"]', 200), ('["198.51.100.0/24", "::1"]', 403)])
async def test_sources(sources: str, status: int, profiled: Profiled, aiohttp_client: Any, sink: Sink) -> None:
    """With a list of addresses, the right secret from elsewhere is refused."""
    client = await aiohttp_client(house(profiled(habits(more=f"sources = {sources}")), sink))
    message = {"from": NUMBER, "text": "x", "id": 1}

    assert status == (await client.post("/channels/carrier", json=message, headers={"X-Key": "word"})).status


async def test_heard_by_get(profiled: Profiled, aiohttp_client: Any, sink: Sink) -> None:
    """A carrier that gets is heard by GET alone: not by HEAD, which means nothing, nor by POST. No secret is kept."""
    assert IN_DOCS
    channel = profiled(IN_DOCS[1].replace("198.51.100.0/24", "127.0.0.1"))
    client = await aiohttp_client(house(channel, sink))
    text = quote(WATER, encoding="windows-1256")
    url = f"/channels/carrier?key=word&sender={NUMBER}&dest=4477&msg={text}&ts=20261121090000"

    assert 405 == (await client.head(url)).status
    assert 403 == (await client.post(url)).status
    assert 403 == (await client.get(url.replace("word", "wrong"))).status
    assert [] == sink.accepted
    assert [200, 200] == [(await client.get(url)).status for _ in range(2)]
    assert 200 == (await client.get("/channels/carrier?key=word&msg=lost")).status
    assert 200 == (await client.get("/channels/carrier?key=word&msg=lost+too")).status
    assert [WATER, WATER, "", ""] == [inbound.text for inbound in sink.accepted]
    assert 3 == len(sink.identities)
    assert datetime(2026, 11, 21, 6, tzinfo=UTC) == sink.accepted[0].sent_at
    for inbound in sink.accepted:
        kept = inbound.to_json() + base64.b64decode(inbound.raw.get("base64", "")).decode()
        assert "word" not in kept


async def test_a_signed_address(profiled: Profiled, aiohttp_client: Any, sink: Sink) -> None:
    """A carrier that gets may sign the address as it is written."""
    proof = 'kind = "hmac"\nheader = "X-S"\nover = "query"'
    channel = profiled(habits(proof, 'method = "GET"'))
    client = await aiohttp_client(house(channel, sink))
    query = f"from={NUMBER}&text=%D8%A7+b&id=1"
    signed = {"X-S": digest(query.encode()).hex()}

    assert 200 == (await client.get(f"/channels/carrier?{query}", headers=signed)).status
    assert 403 == (await client.get(f"/channels/carrier?{query}1", headers=signed)).status
    assert signed["X-S"] == channel.sign(f"https://x.example/channels/carrier?{query}", b"")["X-S"]


# Profiles


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("[inbound", "is not TOML"),
        ("", "inbound: Field required"),
        (habits(fields=""), "id or time is needed"),
        (habits('kind = "none"'), "proof"),
        (habits('kind = "hmac"'), "in a header or in a field"),
        (habits('kind = "hmac"\nheader = "a"\nfield = "b"'), "in a header or in a field"),
        (habits('kind = "hmac"\nfield = "b"'), "cannot cover the field itself"),
        (habits('kind = "hmac"\nheader = "b"\nover = []'), "what is signed"),
        (habits('kind = "hmac"\nheader = "b"\nover = ["text"]\ntimestamp_field = "t"'), "the time must be signed"),
        (habits('kind = "hmac"\nheader = "b"', 'method = "GET"'), "no body"),
        (habits('kind = "header"\nheader = ""'), "header"),
        (habits(more='charset = "klingon"'), "is no character set"),
        (habits(more='colour = "blue"'), "colour: Extra"),
        (habits(more='sources = ["the moon"]'), "sources"),
        (EXAMPLE.replace('"delivered"', '"arrived"'), "arrived is none of"),
        (EXAMPLE.replace("{to_plain}", "{whom}"), "nothing is called {whom}"),
        (EXAMPLE.replace("/v1/messages", "/v1/{text}"), "belong in fields"),
        (EXAMPLE.replace("https://sms", "ftp://sms"), "http:// or https://"),
        (
            EXAMPLE.replace('path = "error.code"', "", 1).replace(
                'values = ["invalid_number", "unknown_subscriber"]', ""
            ),
            "which answers",
        ),
        (EXAMPLE.replace('path = "id"', 'regex = "("'), "is no regular expression"),
    ],
)
def test_slips_of_the_pen(profile: str, says: str, profiled: Profiled) -> None:
    """A profile that cannot be meant stops the start, and says where; there is no way to leave out the proof."""
    with pytest.raises(ValidationError) as error:
        profiled(profile)

    assert says in str(error.value)


def test_a_profile_that_is_not_there() -> None:
    """A path that leads nowhere is named at the start, and names cannot lead out of the program."""
    for name in ("/nowhere/carrier.toml", "nothing", "../../secret"):
        with pytest.raises(ValidationError, match="cannot be read"):
            example_settings(Carrier, profile=name)


def test_half_configured() -> None:
    """A profile that sends with a token needs the token."""
    with pytest.raises(ValidationError, match="BALAGH_CARRIER__TOKEN is not set"):
        example_settings(Carrier, token="")


def test_profiles_that_come_along(profiled: Profiled) -> None:
    """The profile that comes with the program and the one in the documentation can be used as they are."""
    assert IN_DOCS
    assert load("example").outbound
    assert profiled(IN_DOCS[1])
    assert isinstance(profiled(EXAMPLE), Speaker)


# Speaking


@dataclass
class Gateway:
    """A carrier's end: remembers what it was asked, and answers what it was told to."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    body: str = '{"status": "accepted", "id": "mt-77"}'
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    silent: asyncio.Event | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """Remember, and answer."""
        self.asked.append(
            {
                "method": request.method,
                "path": request.path,
                "query": request.query_string,
                "raw_query": request.rel_url.raw_query_string,
                "headers": dict(request.headers),
                "auth": request.headers.get("Authorization", ""),
                "type": request.headers.get("Content-Type", ""),
                "body": (await request.read()).decode("utf-8", "replace"),
            }
        )
        if self.silent:
            await self.silent.wait()
        if self.hang_up and request.transport:
            request.transport.close()
        return web.Response(status=self.status, text=self.body, headers=self.headers)


@pytest.fixture
def gateway() -> Gateway:
    """Give the stand-in."""
    return Gateway()


@pytest.fixture
async def api(gateway: Gateway) -> AsyncIterator[str]:
    """Give the stand-in's address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def carrier(api: str) -> AsyncIterator[Carrier]:
    """Give the channel of the example, speaking to the stand-in."""
    channel = Carrier(example_settings(Carrier, api_url=api))
    yield channel
    await channel.close()


def reply(text: str = "وصل بلاغكم 4821 093 756", **changes: Any) -> Reply:
    return Reply(**{"id": "r/1", "account": "", "to": Address(Scheme.TEL, f"+{NUMBER}"), "text": text, **changes})


async def test_a_reply_is_sent(carrier: Carrier, gateway: Gateway) -> None:
    """A reply leaves as the profile says, with the token, our id and where to report."""
    assert Sent("mt-77") == await carrier.send(reply())
    [asked] = gateway.asked

    assert ("POST", "/v1/messages", "application/json") == (asked["method"], asked["path"], asked["type"])
    assert "Bearer replace-with-the-carriers-token" == asked["auth"]
    assert {
        "to": NUMBER,
        "from": "4477",
        "text": "وصل بلاغكم 4821 093 756",
        "reference": "r/1",
        "callback": "https://balagh.example/channels/carrier/status",
    } == json.loads(asked["body"])


async def test_a_reply_by_get(profiled: Profiled, api: str, gateway: Gateway) -> None:
    """A carrier that takes replies in an address gets them so, in hexadecimal, and its plain answer is read."""
    assert IN_DOCS
    channel = profiled(IN_DOCS[1], api_url=f"{api}/behind", user="city", token="t&k")
    gateway.body = "OK: 4711\n"
    arabic, english = await channel.send(reply("ال")), await channel.send(reply("A"))
    gateway.body = "ERR 104 no such number"
    with pytest.raises(Refused) as refusal:
        await channel.send(reply())
    await channel.close()
    first = dict(parse_qsl(gateway.asked[0]["query"]))

    assert (Sent("4711"), Sent("4711")) == (arabic, english)
    assert "/behind/send.php" == gateway.asked[0]["path"]
    assert {"user": "city", "pass": "t&k", "to": NUMBER, "msg": "06270644", "dcs": "8"} == first
    assert "0" == dict(parse_qsl(gateway.asked[1]["query"]))["dcs"]
    assert ("refused-200", False) == (refusal.value.code, refusal.value.alarm)


async def test_a_reply_as_a_form(profiled: Profiled, api: str, gateway: Gateway) -> None:
    """A form leaves in the carrier's charset, with HTTP's own authentication; without an id of theirs ours serves."""
    outbound = (
        '[outbound]\nurl = "https://x.example/send"\nformat = "form"\ncharset = "windows-1256"\n'
        '[outbound.headers]\nAuthorization = "Basic {basic}"\n[outbound.fields]\nmsg = "{text}"\nflash = false\n'
    )
    channel = profiled(habits() + outbound, api_url=api, user="city", token="pw")
    sent = await channel.send(reply(WATER, account="BAGHDAD"))
    await channel.close()

    assert Sent("r/1") == sent
    assert {"msg": WATER, "flash": "false"} == dict(parse_qsl(gateway.asked[0]["body"], encoding="windows-1256"))
    assert "Basic " + base64.b64encode(b"city:pw").decode() == gateway.asked[0]["auth"]


SIGNED = """
[outbound]
url = "https://x.example/send?v=2"
{more}
[outbound.fields]
to = "{{to_plain}}"
msg = "{{text}}"
[outbound.signature]
kind = "hmac"
{how}
"""


@pytest.mark.parametrize(
    ("more", "how", "covers"),
    [
        ('format = "json"', 'header = "X-Sign"', lambda asked, at: asked["body"].encode()),
        (
            'format = "json"',
            'header = "X-Sign"\ntimestamp_header = "X-Time"\nseparator = "."',
            lambda asked, at: f"{at}.{asked['body']}".encode(),
        ),
        (
            'format = "form"\ncharset = "windows-1256"',
            'header = "X-Sign"\nover = ["msg", "to"]\nseparator = "|"',
            lambda asked, at: f"{WATER}|{NUMBER}".encode("windows-1256"),
        ),
        (
            'method = "GET"',
            'field = "sign"\nover = ["to", "ts"]\ntimestamp_field = "ts"',
            lambda asked, at: f"{NUMBER}{at}".encode(),
        ),
        ('method = "GET"', 'header = "X-Sign"\nover = "query"', lambda asked, at: asked["raw_query"].encode()),
    ],
)
async def test_a_reply_that_is_signed(
    more: str, how: str, covers: Callable[[Any, str], bytes], profiled: Profiled, api: str, gateway: Gateway
) -> None:
    """A carrier that wants more than a secret gets a signature, over body, query or some fields, with a time."""
    channel = profiled(habits() + SIGNED.format(more=more, how=how), api_url=api, token="s3cret")
    await channel.send(reply(WATER))
    await channel.close()
    [asked] = gateway.asked
    query = dict(parse_qsl(asked["query"]))
    at = asked["headers"].get("X-Time") or query.get("ts", "")
    given = asked["headers"].get("X-Sign") or query["sign"]

    assert hmac.new(b"s3cret", covers(asked, at), "sha256").hexdigest() == given
    assert "2" == query["v"]
    assert not at or abs(time.time() - int(at)) < 60


@pytest.mark.parametrize(
    ("more", "how", "token", "says"),
    [
        ("", 'header = "X-Sign"\nover = "query"', "t", "POST has no query"),
        ('method = "GET"', 'header = "X-Sign"', "t", "GET has no body"),
        ("", 'header = "X-Sign"\nover = ["to", "amount"]', "t", "names amount"),
        ("", 'header = "X-Sign"', "", "BALAGH_CARRIER__TOKEN"),
    ],
)
def test_a_signature_that_cannot_be(more: str, how: str, token: str, says: str, profiled: Profiled) -> None:
    """What cannot be signed, or with nothing, is said at the start."""
    with pytest.raises(ValidationError, match=says):
        profiled(habits() + SIGNED.format(more=more, how=how), token=token)


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "expected"),
    [
        (400, '{"error": {"code": "invalid_number"}}', {}, Refused, {"alarm": False, "opted_out": False}),
        (400, '{"error": {"code": "opted_out"}}', {}, Refused, {"opted_out": True}),
        (400, '{"error": {"code": "throttled"}}', {"Retry-After": "7"}, Busy, {"retry_after": 7.0}),
        (200, '{"status": "rejected"}', {}, OutcomeUnknown, {"answered": True}),
        (200, "[]", {}, OutcomeUnknown, {"answered": True}),
        (202, "<html>maintenance</html>", {}, OutcomeUnknown, {"answered": True}),
        (404, "", {}, Refused, {"alarm": True, "code": "http-404"}),
        (307, "", {"Location": "https://elsewhere.example/"}, Refused, {"alarm": True}),
        (429, "", {"Retry-After": "soon"}, Busy, {"retry_after": None}),
        (401, "", {}, Barred, {"code": "http-401"}),
        (403, f"{NUMBER} is not yours", {}, Barred, {}),
        (503, "", {}, OutcomeUnknown, {"answered": False}),
    ],
)
async def test_what_an_answer_means(
    *,
    status: int,
    body: str,
    headers: dict[str, str],
    kind: type[Exception],
    expected: dict[str, Any],
    carrier: Carrier,
    gateway: Gateway,
) -> None:
    """What the profile has a word for means that; the rest is judged by HTTP, and what nobody foresaw alarms."""
    gateway.status, gateway.body, gateway.headers = status, body, headers
    with pytest.raises(kind) as ended:
        await carrier.send(reply())

    assert expected == {name: getattr(ended.value, name) for name in expected}
    assert NUMBER not in str(ended.value)
    assert 1 == len(gateway.asked)


async def test_no_answer_is_unknown(carrier: Carrier, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that left and was not answered may have been taken."""
    gateway.hang_up = True
    with pytest.raises(OutcomeUnknown):
        await carrier.send(reply())
    gateway.hang_up, gateway.silent = False, asyncio.Event()
    await carrier.close()
    monkeypatch.setattr(speaking, "_TIMEOUT", speaking.ClientTimeout(total=0.2))
    with pytest.raises(OutcomeUnknown):
        await carrier.send(reply())
    gateway.silent.set()

    assert 2 == len(gateway.asked)


async def test_unreachable_is_busy(profiled: Profiled) -> None:
    """When the carrier cannot be reached nothing left, and no secret of the address is in the error."""
    assert IN_DOCS
    channel = profiled(IN_DOCS[1], api_url=f"http://127.0.0.1:{unused_port()}", token="t-secret")
    with pytest.raises(Busy) as busy:
        await channel.send(reply())
    await channel.close()

    assert "connect" == busy.value.code
    assert busy.value.__cause__ is None
    assert "t-secret" not in str(busy.value)


async def test_nobody_to_answer(carrier: Carrier, profiled: Profiled, gateway: Gateway) -> None:
    """A name is never sent to; a carrier that only delivers takes nothing."""
    with pytest.raises(Refused) as nobody:
        await carrier.send(reply(to=Address(Scheme.SENDER_ID, "BAGHDAD")))
    with pytest.raises(Refused) as one_way:
        await profiled(habits()).send(reply())

    assert ("no-address", "one-way") == (nobody.value.code, one_way.value.code)
    assert [] == gateway.asked


# A fuzzer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["id", "msisdn", "message", "text", "part"]), inner)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(deadline=None, max_examples=150)
def test_any_bytes_become_something(body: bytes) -> None:
    """Whatever a carrier posts is kept as something, and survives JSON."""
    channel = Carrier(example_settings(Carrier))
    for path in ("/channels/carrier", "/channels/carrier/status"):
        heard = list(channel.parse(make_mocked_request("POST", path), body))

        assert heard
        assert heard == [Inbound.from_json(inbound.to_json()) for inbound in heard]


def test_too_deep_to_keep() -> None:
    """A document nested beyond reason is kept as bytes, for a person."""
    channel = Carrier(example_settings(Carrier))
    for depth in (900, 990, 1_000, 100_000):
        body = b'{"a":' * depth + b"1" + b"}" * depth
        [inbound] = channel.parse(make_mocked_request("POST", "/channels/carrier"), body)

        assert Purpose.UNREADABLE == inbound.purpose
        assert inbound == Inbound.from_json(inbound.to_json())
