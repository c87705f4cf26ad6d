"""The load of e-mail: very large mails, one after the other, into a real mail server that the gateway reads."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from tests.bench.load import Result, drive, well
from tests.bench.measure import metrics, understood
from tests.end_to_end.gateway_process import GatewayProcess
from tests.servers.dovecot import PASSWORD, DovecotServer

USER, SHELF = "complaints@city.example", "Shelf"
MEGABYTES = 20
_BETWEEN = 0.3  # seconds, for the gateway to wait for news again: what comes just before that is announced late
_ACCEPTED = 'balagh_inbound_total{channel="email",outcome="accepted"}'


def settings(server: DovecotServer) -> dict[str, str]:
    """Let the gateway read the mailbox, and answer through a server that takes nothing."""
    inbox = {"host": "127.0.0.1", "port": server.port, "tls": False, "user": USER, "password": PASSWORD}
    return {
        "BALAGH_EMAIL__INBOXES": json.dumps([inbox]),
        "BALAGH_EMAIL__SMTP_URL": "smtp+plain://127.0.0.1:9",
        "BALAGH_EMAIL__FROM": USER,
    }


def large(number: int) -> bytes:
    """Write a mail of 20 MB on the wire: a line of words, and photographs in base64."""
    head = (
        f"From: c{number}@example.org\r\nTo: {USER}\r\nSubject: Photos {number}\r\n"
        f"Date: {format_datetime(datetime.now(UTC))}\r\nMessage-ID: <large-{number}@example.org>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "الماء مقطوع من يومين، والصور مرفقة\r\n"
    ).encode()
    photo = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + os.urandom(MEGABYTES * 250_000 * 57 // 78)
    part = (
        b'--b\r\nContent-Type: image/jpeg; name="photo.jpg"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + base64.encodebytes(photo).replace(b"\n", b"\r\n")
    )
    return head + 4 * part + b"--b--\r\n"


def stock(server: DovecotServer, count: int) -> None:
    """Lay mails into a folder of the mailbox that the gateway does not read: making them must cost the load nothing."""
    for number in range(count):
        server.deliver(large(number), USER)
    with server.client(USER) as client:
        client.create_folder(SHELF)
        client.select_folder("INBOX")
        client.move("1:*", SHELF)


async def beside_mail(gateways: Sequence[GatewayProcess], server: DovecotServer, rounds: Sequence[list[bytes]]) -> None:
    """Measure and print the acceptance of SMS at 300 a second alone, and while large mails are fetched."""
    alone, beside = rounds
    url = gateways[0].url
    quiet = well(await drive(url, alone, rate=300))
    await understood(gateways)
    over = asyncio.Event()
    with server.client(USER) as client:
        client.select_folder(SHELF)
        feeding = asyncio.create_task(_feed(gateways, client, over))
        busy = well(await drive(url, beside, rate=300))
        over.set()
        took = await feeding
    print(
        f"i  SMS at 300/s: acceptance {_quantiles(quiet)}; while mails of {MEGABYTES} MB are fetched: "
        f"{_quantiles(busy)} ({len(took)} mails, {min(took):.1f}-{max(took):.1f} s each)",
        flush=True,
    )


async def _feed(gateways: Sequence[GatewayProcess], client: Any, over: asyncio.Event) -> list[float]:
    """Let the next mail come as soon as the gateway has the last; return the seconds that each took."""
    took: list[float] = []
    for uid in client.search():
        if over.is_set():
            break
        begun = time.perf_counter()
        await asyncio.to_thread(client.copy, [uid], "INBOX")
        while (await asyncio.to_thread(metrics, gateways)).get(_ACCEPTED, 0) <= len(took):
            await asyncio.sleep(0.05)
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(_BETWEEN)
    return took


def _quantiles(result: Result) -> str:
    return f"p50 {result.quantile(0.5):.1f} ms, p99 {result.quantile(0.99):.1f} ms"
