"""The load: signed webhooks over kept connections, prepared beforehand, so that making them costs the round nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode, urlsplit

from twilio.request_validator import RequestValidator

from tests.end_to_end.gateway_process import ACCOUNT, NUMBER, TOKEN

SIZE = 1500  # bytes of a request's body, about what an Arabic complaint makes once it is percent-encoded
CONNECTIONS = 64


@dataclass(slots=True)
class Result:
    """What a round measured: seconds for all, and for each request."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """Latency in milliseconds that this share of the requests kept under."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def requests(url: str, texts: Sequence[str], *, first: int, count: int) -> Iterator[bytes]:
    """Make signed requests as Twilio sends them, each from a number of its own."""
    address = urlsplit(url)
    validator = RequestValidator(TOKEN)
    for number in range(first, first + count):
        fields = {
            "MessageSid": f"SM{number:032x}",
            "AccountSid": ACCOUNT,
            "From": f"+96477{number:08d}",
            "To": NUMBER,
            "Body": texts[number % len(texts)],
            "NumMedia": "0",
            "ApiVersion": "2010-04-01",
        }
        body = urlencode(fields, quote_via=quote_plus)
        fields["Padding"] = "x" * max(0, SIZE - len(body) - 9)
        signature = validator.compute_signature(url, fields)
        payload = urlencode(fields).encode()
        head = (
            f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nX-Twilio-Signature: {signature}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        yield head.encode() + payload


async def drive(url: str, prepared: Sequence[bytes], *, rate: float | None = None) -> Result:
    """Send the prepared requests over CONNECTIONS connections; `rate` a second, or as fast as they are answered."""
    address = urlsplit(url)
    result, waiting = Result(), iter(enumerate(prepared))
    begun = time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for index, request in waiting:
            if rate is not None:
                await asyncio.sleep(max(0.0, begun + index / rate - time.perf_counter()))
            sent = time.perf_counter()
            writer.write(request)
            status = await _answer(reader)
            result.latencies.append(time.perf_counter() - sent)
            result.statuses[status] = result.statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    result.seconds = time.perf_counter() - begun
    return result


def well(result: Result) -> Result:
    """Return a round in which everything was accepted. Raises SystemExit with the answers of any other."""
    if set(result.statuses) != {200}:
        raise SystemExit(f"not everything was accepted: {result.statuses}")
    return result


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
    if length:
        await reader.readexactly(int(length))
    return int(head[9:12])
