"""What goes over the wire, byte by byte, for clients that no library would be; and what a process costs."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.gateway_process import GatewayProcess

_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3}) ")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the statuses in order, everything as it was, and whether the other side hung up."""

    raw: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        """The status of every response."""
        return [int(code) for code in _STATUS.findall(self.raw)]


async def say(port: int, *pieces: bytes, patience: float = 5.0, first: float = 60.0, pause: float = 0.0) -> Answer:
    """Send the pieces and listen until the other side hangs up, or has said nothing more for `patience` seconds.

    Its first word may take `first` seconds, or `patience` when that is longer.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = bytearray()

    async def listen() -> bool:
        try:
            while True:
                async with asyncio.timeout(patience if heard else max(first, patience)):
                    chunk = await reader.read(65536)
                if not chunk:
                    return True
                heard.extend(chunk)
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    listening = asyncio.create_task(listen())
    try:
        with contextlib.suppress(ConnectionError):  # refused while we still speak
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        closed = await listening
        return Answer(bytes(heard), closed)
    finally:
        listening.cancel()
        await hang_up(writer)


async def hang_up(*writers: asyncio.StreamWriter) -> None:
    """Let go of connections, whatever is still under way on them."""
    for writer in writers:
        writer.transport.abort()
    for writer in writers:
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Write a request that asks to close after it. `_` in a header's name stands for a hyphen."""
    lines = [f"{method} {path} HTTP/1.1", "Host: city.example"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines += [f"Content-Length: {len(body)}"] * ("Content_Length" not in headers)
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogateescape") + body


def memory(process: GatewayProcess) -> float:
    """How much memory a gateway holds now, in MiB."""
    assert process.process is not None
    for line in Path(f"/proc/{process.process.pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the gateway is gone")


def effort(process: GatewayProcess) -> float:
    """How many seconds of a processor a gateway has used."""
    assert process.process is not None
    fields = Path(f"/proc/{process.process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def well(process: GatewayProcess, *, since: int = 0) -> None:
    """Assert that nothing broke inside: no fault was met, and no traceback is in the log."""
    log = process.log()[since:]
    assert "Traceback" not in log, log[log.index("Traceback") - 300 :][:3000]
    assert "never retrieved" not in log
    assert 0 == process.metric('balagh_alarms_total{kind="bug"}')
