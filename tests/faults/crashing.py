"""The gateway with fault points in it, for tests that kill it between two statements.

    python -m tests.faults.crashing run --roles …

Nothing of this is in the program itself. Every statement that writes, every commit, every publishing, handling and
acknowledging, every fsync, rename and removal of a file and every answer at the door is a point with a name. The
environment says what to do there:

    FAULT_AT="after insert events#3"    kill -9 oneself when that point is passed for the third time
    FAULT_LIST=FILE                     write which points were passed, and how often, at an orderly end
    FAULT_LEASE=2                       seconds a lease runs, so that nobody waits long for a dead relay's
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import re
import signal
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from gateway.__main__ import main
from gateway.broker.rabbitmq import RabbitMQ
from gateway.lease import Lease

WRITES = re.compile(
    r"\s*(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM|CREATE\s+(?:UNIQUE\s+)?(?:TABLE|INDEX))\s+\"?(\w+)",
    re.IGNORECASE,
)
METHODS = {(60, 40): "publish", (60, 80): "ack"}  # AMQP's numbers of basic.publish and basic.ack
METHOD_FRAME, FRAME_END = 1, 0xCE
STEPS = 3  # turns of the event loop that a publishing is given before it dies unconfirmed


class FaultPoints:
    """Counts what is passed, and dies where it was told to."""

    def __init__(self, deadly: str) -> None:
        name, _, number = deadly.rpartition("#")
        self.deadly, self.number = name, int(number or 0)
        self.passed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def due(self, name: str) -> bool:
        """Count a point, and say whether this is the one to die at."""
        with self._lock:
            self.passed[name] += 1
            return name == self.deadly and self.passed[name] == self.number

    def pass_by(self, name: str) -> None:
        """Count a point, and die there if told to."""
        if self.due(name):
            die()


def die() -> None:
    """End at once, as a power cut would; never return."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def put(owner: Any, name: str, by: Callable[..., Any]) -> None:
    """Replace a function of a class or module by one with points around it."""
    setattr(owner, name, by)


class Transaction(threading.local):
    """What this thread's transaction has written so far."""

    def __init__(self) -> None:
        self.written: list[str] = []


def watch_statements(points: FaultPoints) -> None:
    """Make points of every statement that writes, and of the commit of each, on every engine."""
    transaction = Transaction()

    @event.listens_for(Engine, "before_cursor_execute")
    def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if name := statement_name(statement):
            points.pass_by(f"before {name}")

    @event.listens_for(Engine, "after_cursor_execute")
    def after(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if name := statement_name(statement):
            transaction.written.append(name)
            points.pass_by(f"after {name}")

    @event.listens_for(Engine, "rollback")
    def rollback(_connection: Any) -> None:
        transaction.written.clear()

    commit: Callable[..., None] = DefaultDialect.do_commit

    def committing(dialect: DefaultDialect, connection: Any) -> None:
        names = list(dict.fromkeys(transaction.written))
        transaction.written.clear()
        for name in names:
            points.pass_by(f"before commit of {name}")
        commit(dialect, connection)
        for name in names:
            points.pass_by(f"after commit of {name}")

    put(DefaultDialect, "do_commit", committing)


def statement_name(statement: str) -> str:
    """Name a statement by its verb and table; empty for one that only reads."""
    found = WRITES.match(statement)
    return f"{statement.split(maxsplit=1)[0].lower()} {found[1]}" if found else ""


def watch_bus(points: FaultPoints) -> None:
    """Make points around publishing a window of parcels and handling a delivery."""
    publish, consume = RabbitMQ.publish, RabbitMQ.consume

    async def publishing(bus: RabbitMQ, parcels: Sequence[Any]) -> Any:
        points.pass_by("before publish")
        if len(parcels) > 1 and points.due("torn publish"):
            await publish(bus, parcels[: tear(parcels)])
            die()
        if points.due("unconfirmed publish"):
            unconfirmed = asyncio.create_task(publish(bus, parcels))
            for _ in range(STEPS):
                await asyncio.sleep(0)
            die()
            await unconfirmed
        outcomes = await publish(bus, parcels)
        points.pass_by("after publish")
        return outcomes

    async def consuming(bus: RabbitMQ, queue: str, handler: Callable[[Any], Any], prefetch: int) -> None:
        async def handling(delivery: Any) -> None:
            points.pass_by("before handle")
            await handler(delivery)
            points.pass_by("after handle")

        await consume(bus, queue, handling, prefetch)

    put(RabbitMQ, "publish", publishing)
    put(RabbitMQ, "consume", consuming)


def tear(parcels: Sequence[Any]) -> int:
    """Say how many parcels to publish of a window, so that an event for two exchanges reaches only one if it can."""
    torn = [place for place in range(1, len(parcels)) if parcels[place - 1].id == parcels[place].id]
    return torn[len(torn) // 2] if torn else len(parcels) // 2


def watch_wire(points: FaultPoints) -> None:
    """Make points around whatever writes a publishing or an acknowledgement to a socket, and in the middle of it."""
    write = asyncio.StreamWriter.write

    def writing(stream: asyncio.StreamWriter, data: bytes) -> None:
        names = sorted({METHODS[method] for method in methods(bytes(data)) if method in METHODS})
        for name in names:
            points.pass_by(f"before {name} is written")
            if points.due(f"half of {name} is written"):
                write(stream, data[: len(data) // 2])
                die()
        write(stream, data)
        for name in names:
            points.pass_by(f"after {name} is written")

    put(asyncio.StreamWriter, "write", writing)


def methods(data: bytes) -> Iterator[tuple[int, int]]:
    """Read AMQP's frames as far as they go, and yield class and method of each that calls one."""
    place = 0
    while place + 7 <= len(data):
        kind, _, length = struct.unpack_from(">BHI", data, place)
        if place + 8 + length > len(data) or data[place + 7 + length] != FRAME_END:
            return  # HTTP, or the beginning of a frame
        if kind == METHOD_FRAME:
            yield struct.unpack_from(">HH", data, place + 7)
        place += 8 + length


def watch_files(points: FaultPoints) -> None:
    """Make points around every fsync, rename and removal in the data folder."""

    def around(verb: str, call: Callable[..., Any], where: Callable[[Any], str]) -> Callable[..., Any]:
        @functools.wraps(call)
        def calling(target: Any, *arguments: Any, **named: Any) -> Any:
            place = file_name(where(target))
            if place:
                points.pass_by(f"before {verb} {place}")
            answer = call(target, *arguments, **named)
            if place:
                points.pass_by(f"after {verb} {place}")
            return answer

        return calling

    put(os, "fsync", around("fsync", os.fsync, lambda descriptor: str(Path(f"/proc/self/fd/{descriptor}").readlink())))
    put(os, "rename", around("rename", os.rename, os.fspath))
    put(os, "unlink", around("unlink", os.unlink, os.fspath))


def file_name(path: str) -> str:
    """Name a file of the data folder by what it is; empty for any other."""
    place = Path(path)
    if place.name == "seals.log":
        return "seals"
    if place.name == "spool":
        return "spool folder"
    if place.parent.name == "spool" and not place.name.startswith("probe"):
        return "spool file"
    return ""


def watch_door(points: FaultPoints) -> None:
    """Make points around the answer to every message that was accepted."""
    prepare, write_eof = web.StreamResponse.prepare, web.Response.write_eof

    async def preparing(response: web.StreamResponse, request: Any) -> Any:
        if request.method == "POST" and response.status < 300:
            points.pass_by("before answer")
        return await prepare(response, request)

    async def ending(response: web.Response, data: bytes = b"") -> None:
        request = response._req  # gone once it has ended
        await write_eof(response, data)
        if request is not None and request.method == "POST" and response.status < 300:
            points.pass_by("after answer")

    put(web.StreamResponse, "prepare", preparing)
    put(web.Response, "write_eof", ending)


def arrange() -> None:
    """Put every fault point in."""
    points = FaultPoints(os.environ.get("FAULT_AT", ""))
    for watch in (watch_statements, watch_bus, watch_wire, watch_files, watch_door):
        watch(points)
    if term := os.environ.get("FAULT_LEASE"):
        assert Lease.__init__.__kwdefaults__ is not None
        Lease.__init__.__kwdefaults__["term"] = timedelta(seconds=float(term))
    if listed := os.environ.get("FAULT_LIST"):
        atexit.register(lambda: Path(listed).write_text(json.dumps(points.passed), "utf-8"))


if __name__ == "__main__":
    arrange()
    main()
