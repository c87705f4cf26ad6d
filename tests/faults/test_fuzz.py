"""A fuzzer at every parser: whatever is read, the end is one that was declared."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import aio_pika
import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from channels.base import ChannelError
from channels.message import Address, Inbound, Scheme
from channels.twilio_messaging import TwilioMessaging
from gateway.app import public_site
from gateway.broker.bus import Delivery, Retry
from gateway.broker.topology import ROUTER, ROUTER_DISTRESS
from gateway.city.city import City, load
from gateway.city.problems import CityError
from gateway.registry import CHANNELS
from gateway.sealer import latest, witnessed
from gateway.settings import Settings, SettingsError
from gateway.settings import load as load_settings
from gateway.spool import Spool
from gateway.store.journal import Entry
from gateway.threshold import Patience, Threshold
from tests.faults.wire import say
from tests.gateway.citizen.visitor import Visitor, make_house
from tests.gateway.store.making import entry
from tests.gateway.walk import ACCOUNT, CITIZEN, NUMBER, PUBLIC_URL, Walk, metric
from tests.servers.processes import free_port
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

CITY = Path(__file__).parents[2] / "config" / "cities" / "baghdad"
DECLARED = {200, 201, 204, 303, 400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 417, 422, 429, 431}
TIMES = 20 if "--soak" in sys.argv else 1
FORMS = [kind.name for kind in CHANNELS if issubclass(kind, TwilioMessaging)]  # test_fuzz_webhooks.py has the others

JUNK = st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
WORDS = st.text(st.characters(), max_size=60)  # NUL, controls, lone surrogates and everything else
FIELDS = st.sampled_from(
    [
        *("MessageSid", "From", "To", "Body", "NumMedia", "MediaUrl0", "MediaContentType0", "Latitude", "Longitude"),
        *("ProfileName", "SmsStatus", "MessageStatus", "ErrorCode", "OptOutType", "MessageType", "Label", "Address"),
        *("ButtonText", "ListTitle", "OriginalRepliedMessageSid", "WaId", "Forwarded"),
    ]
)
LIKELY = st.sampled_from(
    [
        *(
            CITIZEN,
            NUMBER,
            f"whatsapp:{CITIZEN}",
            "whatsapp:",
            "SM" + "1" * 32,
            "received",
            "delivered",
            "STOP",
            "HELP",
        ),
        *(
            "1e999",
            "nan",
            "-0",
            "33.3",
            "٣٣٫٣",
            "https://api.twilio.com/x",
            "javascript:alert(1)",
            "BAGHDAD",
            "+",
            "\u202e",
        ),
    ]
)


def often(examples: int) -> settings:
    """Try so many cases, and twenty times as many in a soak."""
    return settings(
        max_examples=examples * TIMES,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@pytest.fixture(scope="session")
def city() -> City:
    return load("baghdad")


@pytest.fixture
async def walk(tmp_path: Path, city: City) -> AsyncIterator[Walk]:
    """A house on SQLite and the embedded broker, every step taken by hand."""
    made = Walk(tmp_path, city)
    await made.open()
    yield made
    await made.close()


def bugs() -> float:
    return metric("balagh_alarms_total", kind="bug")


# The wire

PIECES = st.lists(
    st.sampled_from(
        [
            *(
                b"GET ",
                b"POST ",
                b"OPTIONS ",
                b"/",
                b"*",
                b"/channels/sms",
                b"/track",
                b"/api/v1/complaints",
                b"?lang=",
                b"%",
            ),
            *(
                b" HTTP/1.1\r\n",
                b" HTTP/1.0\r\n",
                b"Host: x\r\n",
                b"\r\n",
                b"\r\n\r\n",
                b"\n",
                b"Connection: close\r\n",
            ),
            *(
                b"Content-Length: ",
                b"Content-Length: 5\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"5\r\nhello\r\n",
                b"0\r\n\r\n",
            ),
            *(
                b"Content-Type: multipart/form-data; boundary=x\r\n",
                b"--x\r\n",
                b"--x--\r\n",
                b"Expect: 100-continue\r\n",
            ),
            *(
                b'Content-Disposition: form-data; name="text"\r\n\r\n',
                b"Content-Encoding: gzip\r\n",
                b"Upgrade: websocket\r\n",
            ),
            *(
                b"Content-Type: application/x-www-form-urlencoded\r\n",
                b"Cookie: ",
                b"X-Twilio-Signature: ",
                b"hello",
                b"\0",
            ),
        ]
    )
    | st.binary(max_size=12),
    max_size=24,
)
WELL_BEGUN = st.sampled_from(
    [b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST /track HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n", b""]
)


@pytest.fixture
async def port(walk: Walk) -> AsyncIterator[int]:
    """The port of the whole public site behind the threshold that the program itself uses."""
    threshold = Threshold(public_site(walk.house, admin=True), patience=Patience(head=1, idle=1))
    port = free_port()
    await threshold.open("127.0.0.1", port)
    yield port
    await threshold.close()


@often(150)
@given(begun=WELL_BEGUN, pieces=PIECES)
async def test_any_bytes_on_the_wire_get_a_declared_answer_or_none(
    port: int, begun: bytes, pieces: list[bytes]
) -> None:
    """Bytes that begin like HTTP and go on anyhow are answered with a refusal, or waited for; nothing breaks."""
    before = bugs()

    answer = await say(port, begun + b"".join(pieces), patience=0.02, first=0.02)

    assert set(answer.statuses) - {100} <= DECLARED
    assert before == bugs()


# Channels


@pytest.mark.parametrize("path", ["", "/status"])
@pytest.mark.parametrize("channel", FORMS)
@often(60)
@given(
    form=st.dictionaries(FIELDS | WORDS, LIKELY | WORDS, max_size=10),
    junk=st.none() | JUNK,
    genuine=st.booleans(),
)
async def test_any_webhook_is_refused_or_kept_and_understood(
    walk: Walk, channel: str, path: str, form: dict[str, str], junk: bytes | None, genuine: bool
) -> None:
    """What is signed is answered 200 and comes out of the interpreter without breaking it; what is not, 403."""
    fields = {"MessageSid": "SM1", "AccountSid": ACCOUNT, "From": CITIZEN, "To": NUMBER, **form}
    body = urlencode({**fields, "AccountSid": ACCOUNT}, errors="surrogatepass").encode()
    body += b"&" + quote_from_bytes(junk).encode() if junk is not None and genuine else junk or b""
    signer = walk.house.channels[channel]
    headers = dict(signer.sign(f"{PUBLIC_URL}/channels/{channel}{path}", body))
    if not genuine:
        headers["X-Twilio-Signature"] = headers["X-Twilio-Signature"][::-1]
    broken, aside = bugs(), metric("balagh_alarms_total", kind="quarantine")
    async with (
        TestClient(TestServer(walk.site())) as client,
        client.post(f"/channels/{channel}{path}", data=body, headers=headers) as response,
    ):
        status = response.status
    await walk.understand()
    await walk.publish()

    assert (200 if genuine else 403) == status
    assert broken == bugs()
    unreadable = await walk.rows("SELECT count(*) FROM journal WHERE purpose = 'unreadable'")
    assert metric("balagh_alarms_total", kind="quarantine") - aside <= unreadable[0][0]
    events = [json.loads(parcel.body) for parcel in walk.tape.parcels if parcel.exchange]  # the others are set aside
    assert {"1.0"} >= {event["specversion"] for event in events}
    walk.tape.parcels.clear()


@pytest.mark.parametrize("channel", FORMS)
@often(100)
@given(body=JUNK | st.binary().map(lambda one: b"a=&" * 1200 + one))
async def test_any_file_can_be_signed_for_a_replay_or_is_refused(walk: Walk, channel: str, body: bytes) -> None:
    """`balagh replay` signs any file, or says that the channel would not take it."""
    signer = walk.house.channels[channel]
    try:
        signed = signer.sign(f"{PUBLIC_URL}/channels/{channel}", body)
    except ChannelError:
        return
    assert all(isinstance(value, str) for value in signed.values())


@often(150)
@given(text=WORDS, extra=st.dictionaries(WORDS, WORDS | st.integers() | st.none(), max_size=4))
def test_any_words_survive_the_journal(text: str, extra: dict[str, Any]) -> None:
    """An Inbound comes back from its JSON as it went in, whatever a citizen wrote."""
    inbound = Inbound(
        channel="sms", account=NUMBER, external_id="SM1", sender=Address(Scheme.TEL, CITIZEN), text=text, raw=extra
    )
    once = Inbound.from_json(inbound.to_json())

    assert once == Inbound.from_json(once.to_json())


# Citizens


@pytest.fixture
async def visitor(tmp_path: Path, city: City) -> AsyncIterator[Visitor]:
    """A browser at a house in which nobody works."""
    house = make_house(tmp_path, city, BALAGH_PUBLIC_URL="http://city.example")
    async with TestClient(TestServer(public_site(house, admin=True)), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Visitor(house, client)
    house.store.close()


NAMES = st.sampled_from(
    ["text", "where", "district", "danger", "kind", "category", "name", "phone", "email", "confidential", "reference",
     "pin", "website", "kept", "files", "nonce"]
)  # fmt: skip
PART = st.tuples(
    NAMES | WORDS,
    st.none() | WORDS,
    st.sampled_from(["text/plain", "image/jpeg", "multipart/mixed; boundary=y", "\0", "text/plain; charset=klingon"]),
    st.sampled_from([b"", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"%PDF-1.7", b"PK\x03\x04"]).flatmap(
        lambda magic: JUNK.map(lambda rest: magic + rest)
    ),
)


def form(parts: list[tuple[str, str | None, str, bytes]], nonce: str) -> bytes:
    """Write a form without caring for what it may hold."""
    body = b'--edge\r\nContent-Disposition: form-data; name="nonce"\r\n\r\n' + nonce.encode() + b"\r\n"
    for name, filename, kind, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        head = f"Content-Disposition: {disposition}\r\nContent-Type: {kind}\r\n\r\n"
        body += b"--edge\r\n" + head.encode("utf-8", "surrogatepass") + content + b"\r\n"
    return body + b"--edge--\r\n"


@pytest.mark.parametrize("page", ["/", "/track"])
@often(80)
@given(parts=st.lists(PART, max_size=6))
async def test_any_form_is_a_report_or_is_shown_again(
    visitor: Visitor, page: str, parts: list[tuple[str, str | None, str, bytes]]
) -> None:
    """Fields, files, names and types that nobody would fill in get a page, and never a fault of ours."""
    before = bugs()
    nonce = (await visitor.get("/")).value("nonce")
    sent = await visitor.post(
        page, form(parts, nonce), headers={"Content-Type": "multipart/form-data; boundary=edge"}, allow_redirects=False
    )

    assert sent.status in DECLARED
    assert before == bugs()


@pytest.mark.parametrize("page", ["/", "/track"])
@often(80)
@given(fields=st.lists(st.tuples(NAMES | WORDS, WORDS), max_size=8), junk=JUNK, cookie=WORDS)
async def test_any_simple_form_gets_a_page(
    visitor: Visitor, page: str, fields: list[tuple[str, str]], junk: bytes, cookie: str
) -> None:
    """The same for a form without files, and for cookies that nobody gave."""
    before = bugs()
    body = urlencode(fields, errors="surrogatepass").encode() + b"&" + junk
    crumbs = "balagh_report=" + "".join(one for one in cookie if one.isprintable() and one.isascii())
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": crumbs}
    sent = await visitor.post(page, body, headers=headers, allow_redirects=False)
    seen = await visitor.get("/track/view", headers=headers, allow_redirects=False)

    assert {sent.status, seen.status} <= DECLARED
    assert before == bugs()


@often(100)
@given(path=st.text(st.characters(exclude_categories=["Cs"]), max_size=40), query=WORDS)
async def test_any_address_is_a_page_or_is_not_there(visitor: Visitor, path: str, query: str) -> None:
    """Addresses that lead nowhere say so, below every door."""
    before = bugs()
    for door in ("/", "/api/v1/complaints/", "/api/v1/attachments/", "/static/", "/channels/", "/track/", "/schemas/"):
        target = (
            door
            + quote_from_bytes(path.lstrip("/").encode(), safe="/")
            + "?"
            + urlencode({"lang": query}, errors="surrogatepass")
        )
        sent = await visitor.get(target, allow_redirects=False)
        assert sent.status in DECLARED | {406}

    assert before == bugs()


# What lies on the disk


@often(150)
@given(
    content=JUNK, spoil=st.integers(0, 400), name=st.sampled_from(["1-a.json", "x.json", "00000000000000000002-b.json"])
)
def test_any_spool_file_is_read_or_set_aside(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, spoil: int, name: str
) -> None:
    """A file of the spool that is damaged anywhere is set aside; the whole ones beside it are read."""
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder)
    spool.open()
    asyncio.run(_keep(spool, entry("SM1")))
    asyncio.run(_keep(spool, entry("SM2")))
    first = min(folder.glob("*.json"))
    whole = first.read_bytes()
    at = spoil % len(whole)
    first.write_bytes(whole[:at] + content + whole[at + len(content) :])
    (folder / name).write_bytes(content)
    again = Spool(folder)
    again.open()

    found = [one.fields["external_id"] for one in again.oldest(9)]

    assert "SM2" in found
    assert {"SM1", "SM2"} >= set(found)
    assert 3 == len(found) + again.spoiled
    shutil.rmtree(folder)


async def _keep(spool: Spool, one: Entry) -> None:
    await spool.keep(one)


def test_a_spool_file_nested_without_end_is_set_aside(tmp_path: Path) -> None:
    """Even one whose digest is right: whoever wrote it by hand stops nobody else's message."""
    document = b"[" * 100_000
    spool = Spool(tmp_path / "spool")
    spool.open()
    (spool.root / "1-a.json").write_bytes(hashlib.sha256(document).hexdigest().encode() + b"\n" + document)

    assert [] == spool.oldest(9)
    assert 1 == spool.spoiled


@often(200)
@given(
    lines=st.lists(
        JUNK
        | st.just(b"1 1 9 9 aa 2026-11-21T10:15:30.000000Z")
        | st.lists(st.integers().map(str) | st.sampled_from(["aa", "2026-11-21T10:15:30Z", "9" * 5000]), max_size=7)
        .map(lambda words: " ".join(words).encode())
    )
)  # fmt: skip
def test_any_lines_beside_the_seals_are_passed_over(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """The chain kept outside the store is read whatever else somebody wrote into it."""
    path = tmp_path_factory.getbasetemp() / "seals.log"
    path.write_bytes(b"\n".join([*lines, b"7 1 9 9 bb 2026-11-21T10:15:30.000000Z", b""]))

    numbers = [seal.seq for seal in witnessed(path)]
    last = latest(path)

    assert 7 in numbers
    assert last is not None
    assert max(numbers) == last.seq


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "[",
        "]",
        "=",
        '"',
        '"""',
        "'''",
        "{",
        "}",
        "\n",
        "\n[x]\n",
        "\nx = 1\n",
        "9" * 5000,
        "[" * 2000,
        "{ $",
        "nan",
        "\ufeff",
    ]
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the city's files, which whoever alters one puts right again."""
    return Path(shutil.copytree(CITY, tmp_path_factory.mktemp("cities") / "baghdad"))


@often(30)
@given(data=st.data())
def test_any_slip_in_a_city_s_files_is_said(place: Path, data: st.DataObject) -> None:
    """A file with anything in its midst is read, or refused by lines that name it."""
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.name != "words.toml")
    file = data.draw(st.sampled_from(files), label="file")
    whole = file.read_bytes()
    at = data.draw(st.integers(0, len(whole)), label="where")
    gone = data.draw(st.integers(0, 40), label="gone")
    put = data.draw(TEXT.map(str.encode) | st.binary(max_size=10), label="put")
    file.write_bytes(whole[:at] + put + whole[at + gone :])
    try:
        load(str(place))
    except CityError as error:
        assert str(error)
    finally:
        file.write_bytes(whole)


DEEP = 5000  # levels


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("rules.toml", "x = " + "[" * DEEP),
        ("city.toml", "x = " + "{a = " * DEEP),
        ("districts.toml", ".".join(["a"] * DEEP) + " = 1"),
        ("departments.toml", "[" + ".".join(["a"] * DEEP) + "]"),
        ("phrases/ar.ftl", "received = " + "{ " * DEEP),
        ("phrases/en.ftl", "received = " + "{ $x ->\n *[a] " * DEEP),
        ("settings.toml", "x = " + "[" * DEEP),
    ],
    ids=lambda value: value[:20],
)
def test_a_city_s_file_nested_without_end_is_said(tmp_path: Path, file: str, text: str) -> None:
    """It is one line for the clerk, and no traceback."""
    place = tmp_path / "baghdad"
    shutil.copytree(CITY, place)
    (place / file).write_text(text, "utf-8")

    with pytest.raises((CityError, SettingsError)) as error:
        if file == "settings.toml":
            load_settings({"BALAGH_DATA_DIR": str(tmp_path), "BALAGH_CITY": str(place)})
        load(str(place))

    assert file in str(error.value)


# Settings


@often(300)
@given(
    given_=st.dictionaries(
        st.sampled_from(
            [
                *("LISTEN", "PUBLIC_URL", "ADMIN_LISTEN", "STORE_URL", "BROKER_URL", "CITY", "SECRET_KEY", "API_KEYS"),
                *("SMS__ACCOUNT_SID", "SMS__AUTH_TOKEN", "SMS__NUMBER", "SMS__API_URL", "SMS__SHARED_KEYS"),
                *("LOG", "SMS__RATE"),
                *("SMS__VALIDITY", "SMS__NONSENSE", "WHATSAPP__NUMBER", "SECRET_KEY_FILE", "NONSENSE"),
            ]
        ),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
        | st.sampled_from(
            [
                *("127.0.0.1:8080", "[::1]:1", ":::", "127.0.0.1:٨٠", "http://[", "https://x:y", "http://x:99999"),
                *("sqlite:///x", "postgresql://[", "postgresql://", "amqp://", "amqp://[::1", "a:b:intake"),
                *("+9647800000124", "1e999", "nan", "-1", "9" * 5000, "id:secret", "../..", "baghdad", "AC1"),
            ]
        ),
        max_size=6,
    )
)  # fmt: skip
def test_any_settings_are_taken_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, given_: dict[str, str]
) -> None:
    """What is wrong with a setting is one sentence that names it."""
    folder = tmp_path_factory.getbasetemp() / "settings"
    try:
        read = load_settings(
            {"BALAGH_DATA_DIR": str(folder), **{f"BALAGH_{name}": value for name, value in given_.items()}}
        )
    except SettingsError as error:
        assert re.search(r"BALAGH_[A-Z_]+|settings\.toml", str(error)), str(error)
    else:
        assert isinstance(read, Settings)


# The queues

EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "subject": WORDS | st.integers() | st.none() | st.lists(WORDS, max_size=2) | st.just("x" * 100_000),
        "sequence": WORDS | st.integers() | st.floats() | st.booleans() | st.just("9" * 5000) | st.just(10**400 // 7),
        "type": WORDS,
        "data": st.none() | WORDS,
    },
)


def _written(event: Any) -> bytes:
    try:
        return json.dumps(event).encode()
    except ValueError:  # more digits than Python writes
        assume(False)
        return b""


@often(120)
@given(
    body=JUNK
    | EVENTS.map(_written)
    | st.sampled_from([b"[" * 100_000, b"null", b"\xff\xfe{\x00}\x00", b'{"a":' * 5000]),
    id_=WORDS,
)
async def test_any_delivery_is_decided_on_or_set_aside(walk: Walk, body: bytes, id_: str) -> None:
    """What is no event of ours is quarantined after bounded tries and acknowledged; it never comes for ever."""
    for _ in range(4):
        try:
            await walk.dispatcher.handle(Delivery(ROUTER, id_, body))
            break
        except Retry:
            continue
    else:
        pytest.fail("it would come again for ever")
    (kept,) = await walk.rows("SELECT count(*) FROM quarantine WHERE stage = 'dispatch'")
    assert kept[0] >= 1


@pytest.mark.servers
async def test_junk_in_the_router_s_queues_is_set_aside_and_passes(tmp_path: Path, city: City, rabbitmq: Vhost) -> None:
    """Whatever a hand publishes to the router's queues is acknowledged and kept for a person; complaints go through."""
    walk = Walk(tmp_path, city, BALAGH_BROKER_URL=rabbitmq.url)
    await walk.open()
    await until(lambda: walk.house.bus.connected)
    junk = [b"", b"\xff\xfe", b"null", b"[" * 50_000, b'{"subject": "1"}', b'{"subject": "\\u0000", "sequence": 1e400}']
    junk += [json.dumps({"subject": "4821093756", "sequence": value}).encode() for value in (-1, "x", None, 10**30)]
    async with await aio_pika.connect(rabbitmq.url) as connection:
        amqp = await connection.channel()
        for queue in (ROUTER, ROUTER_DISTRESS):
            for number, body in enumerate(junk):
                message = aio_pika.Message(
                    body, message_id=f"{queue}-{number}", headers={"x": "\u202e" * 10, "y": {"z": 1}}
                )
                await amqp.default_exchange.publish(message, routing_key=queue)
            await amqp.default_exchange.publish(aio_pika.Message(b"nobody's"), routing_key=queue)
    await walk.hear()
    await walk.publish()

    async def aside() -> bool:
        return (await walk.rows("SELECT count(*) FROM quarantine"))[0][0] == 2 * len(junk) + 2

    async def offered() -> bool:
        return (await walk.rows("SELECT count(*) FROM events WHERE type = 'offered'"))[0][0] == 1

    await until(aside, 60)
    await until(offered, 60)

    async def empty() -> bool:
        return {ROUTER: 0, ROUTER_DISTRESS: 0} == await walk.house.bus.depths([ROUTER, ROUTER_DISTRESS])

    await until(empty)
    await walk.close()
