"""Programs that start at once: one process has read the gateway's modules, and forks for each start.

What starts is the program itself, with a process, an environment and an output of its own; only the reading of some
two thousand modules is not done again each time. The suite starts the gateway hundreds of times, and that reading
was most of what its two cores did.

What the linker preloads (`LD_PRELOAD`) has to be there from the start, so each such library has a process of its own
that forks; the library has a function `begin`, which reads the environment of the program that was started.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).parents[2]
READ = ("typer", "gateway.run", "gateway.check", "gateway.vault", "gateway.broker.rabbitmq", "alembic.command")
ORDER = 256 * 1024  # bytes that an order may have: an environment and a few words


class Process(Protocol):
    """A program that runs, whichever way it was started."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    @property
    def returncode(self) -> int | None:
        """How it ended, once `poll` or `wait` has said so."""
        ...

    def poll(self) -> int | None:
        """Say how it ended; None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, for so many seconds at most. Raises subprocess.TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it is known to have ended."""
        ...


class Forked:
    """A program that the nursery started. Its parent, who does nothing else, tells its number and how it ended."""

    def __init__(self, name: str, parent: socket.socket) -> None:
        self._name, self._parent = name, parent
        self.returncode: int | None = None
        self.pid = self._told(None)

    def poll(self) -> int | None:
        """Say how it ended; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, for so many seconds at most. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self.returncode = self._told(timeout)
            self._parent.close()
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _told(self, timeout: float | None) -> int:
        self._parent.settimeout(timeout)
        try:
            return int(self._parent.recv(64))
        except (BlockingIOError, TimeoutError):
            raise subprocess.TimeoutExpired(self._name, timeout or 0) from None


class Nursery:
    """Those who fork. They begin with the first start, and end with the test run, however that ends."""

    def __init__(self) -> None:
        self._forking: dict[str, tuple[socket.socket, subprocess.Popen[bytes]]] = {}  # by the library preloaded
        self._lock = threading.Lock()

    def start(self, module: str, *arguments: str, env: Mapping[str, str], stdout: int, stderr: int) -> Forked:
        """Start `python -m module arguments…` in the checkout; it writes to these descriptors."""
        ours, parents = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with parents:
            order = json.dumps([module, arguments, dict(env)]).encode()
            socket.send_fds(self._orders(env.get("LD_PRELOAD", "")), [order], [parents.fileno(), stdout, stderr])
        return Forked(module, ours)

    def run(
        self, module: str, *arguments: str, env: Mapping[str, str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m module arguments…` to its end. Raises subprocess.TimeoutExpired."""
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
            process = self.start(module, *arguments, env=env, stdout=said.fileno(), stderr=complained.fileno())
            try:
                code = process.wait(seconds)
            finally:
                process.send_signal(signal.SIGKILL)
            said.seek(0)
            complained.seek(0)
            both = said.read().decode(), complained.read().decode()
            return subprocess.CompletedProcess([module, *arguments], code, *both)

    def close(self) -> None:
        """End them. What they started goes on."""
        for orders, process in self._forking.values():
            orders.close()
            process.wait()

    def _orders(self, library: str) -> socket.socket:
        with self._lock:
            if library not in self._forking:
                orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    process = subprocess.Popen(
                        [sys.executable, "-m", __name__, str(theirs.fileno())],
                        cwd=ROOT,
                        env={**os.environ, "LD_PRELOAD": library},
                        stdin=subprocess.DEVNULL,
                        pass_fds=[theirs.fileno()],
                    )
                self._forking[library] = orders, process
            return self._forking[library][0]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Start programs at once."""
    made = Nursery()
    yield made
    made.close()


def main(orders: socket.socket) -> None:
    """Take orders until nobody gives any more."""
    for module in READ:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # the next look for cycles would else copy every page that is shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who wait for a program are nobody's to wait for
    while True:
        order, descriptors, *_ = socket.recv_fds(orders, ORDER, 3)
        if not order:
            return
        if not os.fork():
            orders.close()
            _raise_one(*json.loads(order), *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _raise_one(module: str, arguments: list[str], env: dict[str, str], parent: int, stdout: int, stderr: int) -> None:
    """Fork once more: one waits and tells how the other ended, the other is the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if program := os.fork():
        os.close(stdout)
        os.close(stderr)
        os.write(parent, str(program).encode())
        _, status = os.waitpid(program, 0)
        os.write(parent, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(parent)
    for descriptor, place in ((stdout, 1), (stderr, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    if library := env.get("LD_PRELOAD"):
        ctypes.CDLL(library).begin()
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
