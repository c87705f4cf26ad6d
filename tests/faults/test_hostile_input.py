"""Whatever stands in the door: forged, replayed, broken, endless, slow. It gets a plain answer and harms nobody."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import pytest

from tests.end_to_end.gateway_process import API_KEY, GatewayProcess
from tests.end_to_end.nursery import Nursery
from tests.faults.stream import PROVIDER
from tests.faults.wire import Answer, effort, hang_up, memory, request, say, well
from tests.servers.waiting import until

MIB = 1024 * 1024
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x"
CHUNKS = "Transfer-Encoding: chunked"
SMS = "/channels/sms"
PAGES = 4_000  # some 40 MiB: the systems' largest socket buffers are a few MiB, or as they were set up
DECLARED = {200, 201, 204, 303, 400, 401, 403, 404, 405, 408, 409, 411, 413, 414, 415, 417, 422, 429, 431}
ARRIVED = "balagh_inbound_total"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Iterator[GatewayProcess]:
    """One gateway for all the tests that only knock."""
    made = GatewayProcess(tmp_path_factory.mktemp("house"))
    made.nursery = nursery
    made.start()
    yield made
    made.close()


@pytest.fixture
def hasty(gateway: Callable[..., GatewayProcess]) -> GatewayProcess:
    """A gateway with seconds of patience and forty connections."""
    made = gateway()
    made.program = "tests.faults.hasty_gateway"
    made.start()
    return made


@pytest.fixture
async def others(house: GatewayProcess) -> AsyncIterator[None]:
    """Nobody else notices, whatever the test did: a genuine message is thanked for, and no fault was met."""
    begun = len(house.log())
    yield
    assert 200 == await write(house, f"SM{time.monotonic_ns():032x}")
    well(house, since=begun)


async def write(house: GatewayProcess, sid: str, words: str = "الماء مقطوع عن حي الجامعة") -> int:
    """Send a genuine SMS."""
    [(_, body, headers)] = house.forms("sms", {sid: ("+9647901234567", words)})
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        return await house.post(session, "sms", body, headers)


def arrived(house: GatewayProcess, channel: str = "sms", outcome: str = "accepted") -> float:
    return house.metric(f'{ARRIVED}{{channel="{channel}",outcome="{outcome}"}}')


def refused(house: GatewayProcess, channel: str, status: int) -> float:
    return house.metric(f'balagh_refused_total{{channel="{channel}",status="{status}"}}')


def post(target: str = "/channels/sms", *more: str, body: bytes = b"") -> bytes:
    """Write the head of a POST as it stands, with a body that it need not speak of."""
    lines = [f"POST {target} HTTP/1.1", "Host: x", "Connection: close", *more, "", ""]
    return "\r\n".join(lines).encode() + body


def get(target: str | bytes, *more: str | bytes) -> bytes:
    lines = [b"GET " + _bytes(target) + b" HTTP/1.1", b"Host: x", b"Connection: close", *map(_bytes, more), b"", b""]
    return b"\r\n".join(lines)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


STRANGE: dict[str, tuple[bytes, set[int]]] = {
    "length and chunks": (post(SMS, "Content-Length: 5", CHUNKS, body=b"0\r\n\r\n"), {400}),
    "two lengths": (post(SMS, "Content-Length: 5", "Content-Length: 6", body=b"hello!"), {400}),
    "a negative length": (post(SMS, "Content-Length: -5", body=b"hello"), {400}),
    "a length in other digits": (post(SMS, "Content-Length: ٥", body=b"hello"), {400}),
    "an absurd length": (post(SMS, "Content-Length: " + "9" * 30, body=b"hello"), {400}),
    "a terabyte announced": (post(SMS, "Content-Length: 1000000000000", body=b"hello"), {413}),
    "a terabyte for the page": (
        post("/", f"Content-Type: {FORM}", "Content-Length: 1000000000000", body=b"text=" + b"x" * 2 * MIB), {413}),
    "chunks that are none": (post(SMS, CHUNKS, body=b"ZZ\r\nhello\r\n0\r\n\r\n"), {400}),
    "a negative chunk": (post(SMS, CHUNKS, body=b"-5\r\nhello\r\n0\r\n\r\n"), {400}),
    "an absurd chunk": (post(SMS, CHUNKS, body=b"f" * 40 + b"\r\nhello"), {400}),
    "a chunk without end": (post(SMS, CHUNKS, body=b"5\r\nhelloXX0\r\n\r\n"), {400}),
    "a chunk's long name": (
        post(SMS, CHUNKS, body=b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n"),
        {400, 403}),
    "trailers without number": (
        post(SMS, CHUNKS, body=b"0\r\n" + b"a: b\r\n" * 5000 + b"\r\n"), {400, 403}),
    "chunks by another name": (post(SMS, "Transfer-Encoding: gzip", body=b"hello"), {400}),
    "chunks twice": (post(SMS, "Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), {400}),
    "broken gzip": (post(SMS, "Content-Encoding: gzip", "Content-Length: 5", body=b"hello"), {415}),
    "unknown packing": (post("/", "Content-Encoding: br", "Content-Length: 5", body=b"hello"), {415}),
    "packed twice": (
        post("/", "Content-Encoding: identity", "Content-Encoding: deflate", "Content-Length: 5", body=b"hello"),
        {415}),
    "NUL in the address": (get(b"/\0"), {400}),
    "NUL in a header": (get("/", b"X-A: a\0b"), {400}),
    "a bare line end": (b"GET /health/live HTTP/1.1\nHost: x\n\n", {400}),
    "a folded header": (get("/", b"X-A: b\r\n c"), {400}),
    "Arabic in the address": (get("/مرحبا?lang=عربي"), {400, 404}),
    "escapes that are none": (get("/%ff%zz?%ff=%fe&lang=%c3%28"), {404}),
    "Arabic in a signature": (
        post(SMS, "X-Twilio-Signature: مزور", "Content-Length: 3", body=b"a=b"), {403}),
    "no UTF-8 in a key": (get("/api/v1/complaints/1", b"Authorization: Bearer \xff\xfe"), {401}),
    "no UTF-8 in a cookie": (get("/receipt", b'Cookie: balagh_report=\xff\xfe; balagh_lang="; =; a b c'), {303}),
    "no UTF-8 for a proxy": (
        post("/track", "X-Forwarded-For: ÿ, [::1]:5, 1.2.3.4.5",
             f"Content-Type: {FORM}", "Content-Length: 26", body=b"reference=4821093756&pin=1"), {422}),
    "500 headers": (get("/", *(f"X-{number}: y" for number in range(500))), {400}),
    "a header of 100 KB": (get("/", "X-A: " + "a" * 100_000), {400}),
    "an address of 100 KB": (get("/" + "a" * 100_000), {400}),
    "a query of 8 KB": (get("/?" + "&".join(f"a{number}=b" for number in range(900))), {200}),
    "another house's address": (get("http://evil.example/"), {200}),
    "brackets that do not close": (get("http://[::1"), {400}),
    "everything": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {404, 405}),
    "a tunnel": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\nhello", {404, 405}),
    "an upgrade": (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + get("/health/live"), {200}),
    "HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", {200}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "HTTP/9.9": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", {400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), {400}),
    "a method of its own": (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", {400, 405}),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", {400}),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
    "a host that is none": (b"GET / HTTP/1.1\r\nHost: \xd8\xa7:99999999\r\nConnection: close\r\n\r\n", {200, 400}),
    "an expectation": (post(SMS, "Expect: a-miracle", "Content-Length: 5", body=b"hello"), {417}),
    "out of the folder": (get("/static/../../../../etc/passwd"), {404}),
    "out of it by escapes": (get("/static/..%2f..%2f..%2fetc%2fpasswd"), {404}),
    "a multipart without edge": (post("/", "Content-Type: multipart/form-data", "Content-Length: 1", body=b"x"), {400}),
    "a type that is none": (
        post("/", 'Content-Type: \x7f/; boundary="', "Content-Length: 5", body=b"hello"), {400}),
    "an alphabet unheard of": (
        post("/", f"Content-Type: {FORM}; charset=klingon", "Content-Length: 10", body=b"text=hello"), {422}),
    "an origin that is none": (
        post("/", "Origin: http://[::1", f"Content-Type: {FORM}", "Content-Length: 5", body=b"hello"), {403}),
    "a form without end": (
        request("POST", "/", b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nhello', Content_Type=PARTS),
        {400}),
    "a form in a form": (
        request("POST", "/", b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\nhi\r\n--y--\r\n--x--",
                Content_Type=PARTS), {400}),
    "100,000 fields": (request("POST", "/", b"a&" * 100_000, Content_Type=FORM), {400}),
    "a thousand parts": (
        request("POST", "/", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 1000 + b"--x--\r\n",
                Content_Type=PARTS), {400}),
    "a part with 500 headers": (
        request("POST", "/", b"--x\r\n" + b"a: b\r\n" * 500 + b"\r\nhello\r\n--x--\r\n",
                Content_Type=PARTS), {400}),
    "a part's endless header": (
        request("POST", "/", b"--x\r\na: " + b"b" * 200_000 + b"\r\n\r\nhello\r\n--x--\r\n",
                Content_Type=PARTS), {400}),
}  # fmt: skip
"""What no library sends, and how it may be answered."""


@pytest.mark.parametrize("name", STRANGE)
async def test_what_no_library_sends_gets_a_plain_answer(house: GatewayProcess, others: None, name: str) -> None:
    """Broken, contradicting or absurd HTTP is refused by its first answer, and nothing of it is kept."""
    sent, allowed = STRANGE[name]
    before = arrived(house)

    answer = await say(house.port, sent, patience=0.5)

    assert answer.statuses, answer
    assert answer.statuses[0] in allowed
    assert set(answer.statuses) <= DECLARED
    assert before == arrived(house)


async def test_a_request_hidden_in_another_is_not_heard(house: GatewayProcess, others: None) -> None:
    """Two headers that disagree where a body ends cannot carry a second request past a proxy: both go unheard."""
    [(_, body, headers)] = house.forms("sms", {"SM" + "5" * 32: ("+9647901234567", "مدسوس")})
    hidden = request(
        "POST", "/channels/sms", body, **{name.replace("-", "_"): value for name, value in headers.items()}
    )
    before = arrived(house)
    covers = [
        post("/channels/sms", f"Content-Length: {len(hidden) + 5}", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        post("/channels/sms", "Content-Length: 0", f"Content-Length: {len(hidden)}"),
        post("/channels/sms", "Transfer-Encoding: xchunked", "Content-Length: 4", body=b"1\r\n0"),
        post("/channels/sms", "Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    ]

    answers = [await say(house.port, cover + hidden) for cover in covers]

    assert [[400]] * len(covers) == [answer.statuses for answer in answers]
    assert all(answer.closed for answer in answers)
    assert before == arrived(house)


async def test_requests_in_a_row_are_answered_in_a_row(house: GatewayProcess, others: None) -> None:
    """Somebody who sends five hundred requests without waiting gets five hundred answers, and one connection."""
    answer = await say(house.port, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 499, get("/health/live"))

    assert [200] * 500 == answer.statuses


async def test_what_is_no_http_leaves_little_in_the_log(house: GatewayProcess, others: None) -> None:
    """A scanner that knocks three hundred times leaves a handful of lines, and none that repeats what it said."""
    begun = len(house.log())
    before = refused(house, "http", 400)
    for number in range(300):
        await say(house.port, f"PIN-482109 {number}\r\nSecret: 0790 123 4567\r\n\r\n".encode())
    said = house.log()[begun:]

    assert 300 == refused(house, "http", 400) - before
    assert said.count("not HTTP as it should be") <= 10
    assert "482109" not in said
    assert "0790" not in said


# Bodies


@pytest.mark.parametrize(
    ("target", "kind", "status"),
    [
        ("/channels/sms", FORM, 413),
        ("/channels/whatsapp/status", FORM, 413),
        ("/api/v1/complaints", "application/json", 413),
        ("/", FORM, 413),
    ],
)
@pytest.mark.parametrize("announced", [True, False])
async def test_large_bodies_are_refused_without_being_kept(
    house: GatewayProcess,
    others: None,
    size: Callable[[int, int], int],
    target: str,
    kind: str,
    status: int,
    announced: bool,
) -> None:
    """20 MB on each of 64 connections, with a length or in chunks: refused, while memory stays what it was."""
    before = memory(house)
    piece = b"a=" + b"x" * (MIB - 2)
    length = f"Content-Length: {20 * MIB}" if announced else "Transfer-Encoding: chunked"
    framed = piece if announced else b"%x\r\n%b\r\n" % (len(piece), piece)
    head = post(target, f"Content-Type: {kind}", f"Authorization: Bearer {API_KEY}", length)
    peak = before

    async def send() -> Answer:
        nonlocal peak
        answer = await say(house.port, head, *([framed] * 20), patience=2.0)
        peak = max(peak, memory(house))
        return answer

    answers = await asyncio.gather(*(send() for _ in range(size(16, 64))))

    # The last of it may be cut off by the refusal, which then is not heard; what is heard is the refusal.
    assert {status} >= {code for answer in answers for code in answer.statuses}
    assert [status] in [answer.statuses for answer in answers]
    assert peak - before < size(64, 200)


@pytest.mark.parametrize("kilobytes", [1, 16, 256, 1000])
async def test_genuine_bodies_of_any_size_are_kept(house: GatewayProcess, others: None, kilobytes: int) -> None:
    """What a provider signs is taken up to a megabyte, whatever it is filled with."""
    sid = f"SM{kilobytes:032d}"

    assert 200 == await write(house, sid, "ب" * (kilobytes * 1024 // 6 - 200) if kilobytes > 1 else "ب" * 100)


async def test_a_packed_bomb_is_not_unpacked(house: GatewayProcess, others: None) -> None:
    """A megabyte that would unpack to a gigabyte costs next to nothing at every door."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(1000)) + packer.flush()
    before, spent = memory(house), effort(house)
    for target, kind in [("/channels/sms", FORM), ("/api/v1/complaints", "application/json"), ("/track", FORM)]:
        sent = request(
            "POST", target, bomb, Content_Type=kind, Content_Encoding="gzip", Authorization=f"Bearer {API_KEY}"
        )
        assert [415] == (await say(house.port, sent)).statuses

    assert effort(house) - spent < 1.0
    assert memory(house) - before < 16


async def test_a_caller_who_hangs_up_in_the_middle_leaves_no_trace(house: GatewayProcess, others: None) -> None:
    """Connections that break off in a head, a body or before the answer are nobody's fault."""
    for sent in (b"GET / HT", post("/channels/sms", "Content-Length: 500", body=b"a=b"), get("/")):
        _, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(sent)
        await writer.drain()
        await hang_up(writer)


# Signatures


async def test_forged_messages_are_refused_and_nothing_is_kept(house: GatewayProcess, others: None) -> None:
    """Without a signature, with another's, with one byte changed, another account's: 403, and few lines in the log."""
    [(_, body, genuine)] = house.forms("sms", {"SM" + "f" * 32: ("+9647901234567", "مزور")})
    signature = genuine["X-Twilio-Signature"]
    another = {**genuine, "X-Twilio-Signature": "A" + signature[1:] if signature[0] != "A" else "B" + signature[1:]}
    other_account = body.replace(b"AC1", b"AC2")
    forgeries = [
        ("sms", body, {"Content-Type": FORM}),
        ("sms", body, {**genuine, "X-Twilio-Signature": ""}),
        ("sms", body, another),
        ("sms", body + b"&Body2=x", genuine),
        ("sms", body.replace(b"Body=", b"Body=%20"), genuine),
        ("sms", other_account, genuine),
        ("sms?bodySHA256=" + "0" * 64, body, genuine),
        ("sms", body, {**genuine, "X-Twilio-Webhooks-Signature-Settings": "key=x,algorithm=HMAC_MD5"}),
    ]
    begun, before, counted = len(house.log()), arrived(house), refused(house, "sms", 403)
    async with aiohttp.ClientSession() as session:
        statuses = [await house.post(session, *forgery) for forgery in forgeries * 40]

    assert {403} == set(statuses)
    assert before == arrived(house)
    assert len(statuses) == refused(house, "sms", 403) - counted
    assert house.log()[begun:].count("webhook refused") <= 60


async def test_a_replayed_message_stays_one_complaint(
    house: GatewayProcess, others: None, size: Callable[[int, int], int]
) -> None:
    """A genuine request sent a thousand times over is one complaint; at another address it is a forgery."""
    times = size(300, 1000)
    sid = "SM" + "a1" * 16
    [(_, body, headers)] = house.forms("sms", {sid: ("+9647907654321", "شكوى مكررة عن الماء")})
    before, doubles = arrived(house), arrived(house, outcome="duplicate")
    async with aiohttp.ClientSession() as session:
        statuses = await asyncio.gather(*(house.post(session, "sms", body, headers) for _ in range(times)))
        elsewhere = [
            await house.post(session, place, body, headers)
            for place in ("whatsapp", "sms/status", "sms?a=b", "whatsapp/status")
        ]

    assert {200} == set(statuses)
    assert [403] * 4 == elsewhere
    assert (1, times - 1) == (arrived(house) - before, arrived(house, outcome="duplicate") - doubles)


async def test_a_stolen_address_does_not_widen_the_limit_on_guessing(house: GatewayProcess, others: None) -> None:
    """Who guesses PINs is stopped by address, whatever addresses they claim before our proxy's own entry."""
    async with aiohttp.ClientSession() as session:

        async def guess(number: int, headers: list[tuple[str, str]]) -> int:
            data = {"reference": str(4_000_000_000 + number), "pin": "123456"}
            async with session.post(f"{house.url}/track", data=data, headers=headers) as response:
                await response.read()
                return response.status

        in_one_line = [await guess(n, [("X-Forwarded-For", f"9.9.{n % 250}.9, 203.0.113.7")]) for n in range(140)]
        in_two = [
            await guess(n, [("X-Forwarded-For", f"9.8.{n % 250}.9"), ("X-Forwarded-For", "203.0.113.8")])
            for n in range(140)
        ]
        somebody_else = await guess(1, [("X-Forwarded-For", "203.0.113.9")])

    assert [422, 429] == list(dict.fromkeys(in_one_line))
    assert [422, 429] == list(dict.fromkeys(in_two))
    assert 422 == somebody_else


# Time


async def test_slow_heads_and_bodies_are_shown_the_door(hasty: GatewayProcess) -> None:
    """Who sends a byte now and then, or nothing at all, is closed in time, and a slow body is answered 408."""
    head, body = get("/")[:-4], post("/channels/sms", "Content-Length: 400")
    asked = [
        *(say(hasty.port, head, *[b"\r\nX-A: b"] * 20, pause=0.3, patience=8) for _ in range(8)),
        *(say(hasty.port, body, *[b"a=b&"] * 20, pause=0.3, patience=8) for _ in range(8)),
        *(say(hasty.port, patience=8) for _ in range(8)),
    ]

    answers = await asyncio.gather(*asked)

    assert [[]] * 8 + [[408]] * 8 + [[]] * 8 == [one.statuses for one in answers]
    assert all(one.closed for one in answers)
    assert hasty.metric('balagh_connections_closed_total{reason="head"}') >= 16
    well(hasty)


async def test_a_connection_kept_for_later_is_closed_when_later_does_not_come(hasty: GatewayProcess) -> None:
    """Between two requests a connection may rest for a while, and then it ends."""
    rested = await say(hasty.port, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", patience=10)

    assert ([200], True) == (rested.statuses, rested.closed)
    assert 1 == hasty.metric('balagh_connections_closed_total{reason="idle"}')


async def test_an_answer_that_nobody_takes_is_given_up(hasty: GatewayProcess) -> None:
    """Who asks for page after page and reads none of them holds neither memory nor a connection.

    The pages are far more than any system's socket buffers hold: what fits in there was taken, as far as we can know.
    """
    _, writer = await asyncio.open_connection("127.0.0.1", hasty.port, limit=1)
    try:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        before = memory(hasty)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * PAGES)

        await until(lambda: hasty.metric('balagh_connections_closed_total{reason="unread"}') == 1)

        assert memory(hasty) - before < 16
    finally:
        await hang_up(writer)
    well(hasty)


async def test_a_crowd_in_the_door_keeps_nobody_out(hasty: GatewayProcess) -> None:
    """With more connections open than there is room for, those that only stand there make room for those who speak."""
    crowd = []
    for number in range(400):
        _, writer = await asyncio.open_connection("127.0.0.1", hasty.port)
        crowd.append(writer)
        writer.write(post("/channels/sms", "Content-Length: 400", body=b"a=") if number % 2 else b"GET / HTTP/1.1\r\n")
        if number % 40 == 0:
            begun = time.monotonic()
            assert 200 == await write(hasty, f"SM{number:032d}")
            assert time.monotonic() - begun < PROVIDER

    assert hasty.metric('balagh_connections_closed_total{reason="crowd"}') > 300
    assert hasty.metric("balagh_connections") <= 41
    assert hasty.log().count("too many connections") <= 10
    for writer in crowd:
        await hang_up(writer)
    well(hasty)


async def test_others_are_served_while_many_are_slow(
    house: GatewayProcess, others: None, size: Callable[[int, int], int]
) -> None:
    """Hundreds of connections that trickle do not make anybody wait."""
    count = size(300, 1500)
    slow = [(await asyncio.open_connection("127.0.0.1", house.port))[1] for _ in range(count)]
    for number, writer in enumerate(slow):
        writer.write(
            [
                b"GET / HTTP/1.1\r\n",
                post("/channels/sms", "Content-Length: 400", body=b"a"),
                post("/", f"Content-Type: {FORM}", "Content-Length: 400", body=b"text=a"),
                b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
            ][number % 4]
        )
    took = []
    for number in range(50):
        for writer in slow[number::50]:
            writer.write(b"X")
        begun = time.monotonic()
        assert 200 == await write(house, f"SM{time.monotonic_ns():032x}")
        took.append(time.monotonic() - begun)
    await hang_up(*slow)

    assert sorted(took)[len(took) // 2] < 1
    assert max(took) < PROVIDER
