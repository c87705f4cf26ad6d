"""A TCP proxy that breaks connections the ways networks do: cut, silent both ways or one way, slow."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum


class Way(Enum):
    """Which way bytes go."""

    OUT = "from who connects to the server"
    BACK = "from the server to who connected"


BOTH = frozenset(Way)
OUT, BACK = frozenset({Way.OUT}), frozenset({Way.BACK})


@dataclass(slots=True, eq=False)
class _Wire:
    """One connection through the proxy: both its ends, and which ways it carries nothing any more."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    silent: frozenset[Way] = frozenset()

    def cut(self) -> None:
        for end in self.ends:
            end.transport.abort()


@dataclass(slots=True, eq=False)
class Proxy:
    """Stands before 127.0.0.1:`target`, or the first of the `others` that answers, while `standing`."""

    target: int
    others: tuple[int, ...] = ()
    port: int = 0
    delay: float = 0.0  # seconds that each piece is held back
    silent: frozenset[Way] = frozenset()  # what connections that come from now on do not carry
    connections: int = 0  # so many were made
    _wires: list[_Wire] = field(default_factory=list)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator[Proxy]:
        """Listen on `port` while the context lasts."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._serving, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection with a reset, as a firewall that restarts does."""
        for wire in tuple(self._wires):
            wire.cut()

    def hush(self, *ways: frozenset[Way]) -> None:
        """Half-open: connections stand and carry nothing that way, for ever; bytes are taken, nobody hears a goodbye.

        The `ways` go round among the connections that stand, the oldest first. Later ones are as `silent` says.
        """
        for wire, silent in zip(self._wires, itertools.cycle(ways), strict=False):
            wire.silent = silent

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self.connections += 1
        for port in (self.target, *self.others):
            with contextlib.suppress(OSError):
                server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
                break
        else:
            writer.transport.abort()
            return
        wire = _Wire((writer, server_writer), self.silent)
        self._wires.append(wire)
        pumps = [
            asyncio.create_task(self._pump(wire, Way.OUT, reader, server_writer)),
            asyncio.create_task(self._pump(wire, Way.BACK, server_reader, writer)),
        ]
        try:
            # A goodbye through a silent wire is not heard at the other end either, which then stands until it is cut.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if wire.silent:
                await asyncio.wait(pumps)
        finally:
            wire.cut()
            self._wires.remove(wire)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, wire: _Wire, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if way not in wire.silent:
                    writer.write(piece)
                    await writer.drain()
