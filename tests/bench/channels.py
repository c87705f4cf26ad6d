"""The load of every channel: its recorded request, written anew for each citizen and signed as its provider signs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from channels.base import Webhook
from gateway.registry import WEBHOOKS
from tests.bench.load import drive, well
from tests.bench.measure import understood
from tests.channels.harness import FIXTURES, example_settings, example_values, table
from tests.end_to_end.gateway_process import GatewayProcess


@dataclass(frozen=True)
class Recorded:
    """A fixture, and what in it names the message and its sender: recorded words -> how the n-th reads."""

    file: str
    changes: Mapping[str, str]


RECORDED: Mapping[str, Recorded] = {
    "carrier": Recorded("hello_arabic.json", {"mo-000000001": "mo-{0:09}", "9647701234567": "96477{0:08}"}),
    "facebook": Recorded("comment_arabic.json", {"2001_3001": "2001_{0}", "5550001110001": "555{0:010}"}),
    "instagram": Recorded("comment_arabic.json", {"17890000000000001": "1789{0:013}", "9090001": "909{0:07}"}),
    "sms": Recorded(
        "hello_arabic.form",
        {"SM00000000000000000000000000000001": "SM{0:032x}", "%2B9647701234567": "%2B96477{0:08}"},
    ),
    "telegram": Recorded(
        "hello_arabic.json", {"700101": "{0}", '"message_id": 42': '"message_id": {0}', "5520011223": "55{0:08}"}
    ),
    "voice": Recorded(
        "begun.form", {"CA00000000000000000000000000000001": "CA{0:032x}", "%2B9647701234567": "%2B96477{0:08}"}
    ),
    "whatsapp": Recorded(
        "hello_arabic.form",
        {"SM00000000000000000000000000000017": "SM{0:032x}", "9647701234567": "96477{0:08}"},
    ),
    "whatsapp-cloud": Recorded(
        "hello_arabic.json",
        {
            "wamid.HBgMOTY0NzcwMTIzNDU2NxUCABIYFDNB0001AA=": "wamid.{0:032}",
            "9647701234567": "96477{0:08}",
            "13491208655302741918": "1349{0:016}",
        },
    ),
    "x": Recorded("mention.json", {"20807658135781913": "2080765{0:010}", "2222222222222222222": "2{0:018}"}),
}


def channels() -> tuple[type[Webhook], ...]:
    """Return every channel that a provider calls. Raises SystemExit when one of them has no line above."""
    missing = {kind.name for kind in WEBHOOKS} - RECORDED.keys()
    if missing:
        raise SystemExit(f"say in tests/bench/channels.py what a request is on {', '.join(sorted(missing))}")
    return WEBHOOKS


def settings(provider: str) -> dict[str, str]:
    """Turn every one of them on as .env.example shows, with their providers at `provider`."""
    mine = tuple(table(kind) for kind in channels())
    shown = {name: value for name, value in example_values().items() if name.startswith(mine)}
    return {name: provider if name.endswith("__API_URL") else value for name, value in shown.items()}


def requests(kind: type[Webhook], gateway: str, *, first: int, count: int) -> Iterator[bytes]:
    """Make signed requests that were never sent before, each of a sender of its own."""
    recorded = RECORDED[kind.name]
    words = (FIXTURES / kind.name / recorded.file).read_text("utf-8")
    for old in recorded.changes:
        if old not in words:
            raise SystemExit(f"{kind.name}/{recorded.file} was recorded anew: {old} is not in it")
    url = f"{gateway}/channels/{kind.name}"
    channel, address = kind(example_settings(kind)), urlsplit(url)
    for number in range(first, first + count):
        text = words
        for old, new in recorded.changes.items():
            text = text.replace(old, new.format(number))
        body = text.encode()
        headers = {"Content-Type": "application/json", **channel.sign(url, body)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        yield head.encode() + body


async def each_paced(gateways: Sequence[GatewayProcess], count: int, *, rate: int = 300) -> None:
    """Measure and print acceptance on one channel after the other, `rate` a second, with all of them on."""
    for kind in channels():
        url = gateways[0].url
        well(await drive(url, list(requests(kind, url, first=1, count=60)), rate=rate))
        await understood(gateways)
        result = well(await drive(url, list(requests(kind, url, first=61, count=count)), rate=rate))
        await understood(gateways)
        print(
            f"h  {kind.name + f' at {rate}/s: acceptance':<36}"
            f"p50 {result.quantile(0.5):5.1f} ms, p99 {result.quantile(0.99):5.1f} ms",
            flush=True,
        )
