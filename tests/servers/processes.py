"""Server processes of the suite: each in a group of its own, and none of them outlives the test run."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

# Reads "+ID" and "-ID" until its input ends, which happens however the test run ends, kill -9 included;
# then it kills the process groups that are still on the list.
_REAPER = """
groups=""
while read -r line; do
  id="${line#?}"
  case "$line" in
    +*) groups="$groups $id " ;;
    -*) groups="${groups%% $id *} ${groups#* $id }" ;;
  esac
done
for id in $groups; do kill -9 "-$id" 2>/dev/null; done
"""


class _Reaper:
    """A shell that waits for the end of the test run and then ends what the run left behind."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[str] | None = None
        self._groups: set[int] = set()

    def add(self, group: int) -> None:
        if self._shell is None:
            command = ["/bin/sh", "-c", _REAPER]
            self._shell = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
            atexit.register(self._end)
        self._groups.add(group)
        self._tell(f"+{group}")

    def remove(self, group: int) -> None:
        if group in self._groups:
            self._groups.discard(group)
            self._tell(f"-{group}")

    def _tell(self, line: str) -> None:
        assert self._shell is not None
        print(line, file=self._shell.stdin, flush=True)

    def _end(self) -> None:
        for group in tuple(self._groups):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self._shell is not None:
            self._shell.communicate()


_reaper = _Reaper()


def run_server(command: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path) -> subprocess.Popen[bytes]:
    """Start a server in a process group of its own, with its output in `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _reaper.add(process.pid)
    return process


def await_end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for a server that was asked to stop, and kill it when it has not after `seconds`."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_server(process)
    _reaper.remove(process.pid)


def kill_server(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 a server and every process below it, as a power cut would."""
    below = _below(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in below:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    await_true(lambda: not any(_alive(pid) for pid in below), 10, "the server's processes to end")
    _reaper.remove(process.pid)


def await_true(question: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask until the answer is yes. Raises TimeoutError that names what never came."""
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:g} s for {what}.")
        time.sleep(0.02)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require(binary: str, package: str, folders: Sequence[Path] = ()) -> str:
    """Find a program, or fail the test with the package that brings it."""
    found = shutil.which(binary, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)]))
    if found is None:
        pytest.fail(f"{binary} is not installed: apt-get install {package}", pytrace=False)
    return found


def _parents() -> dict[int, tuple[int, str]]:
    """Every process with its parent and its state letter."""
    table: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name in parentheses may hold anything, so read on from the last one.
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                table[int(entry.name)] = (int(parent), state)
    return table


def _below(pid: int) -> list[int]:
    table = _parents()
    found = [pid]
    for ancestor in found:
        found.extend(child for child, (parent, _) in table.items() if parent == ancestor)
    return found[1:]


def _alive(pid: int) -> bool:
    return _parents().get(pid, (0, "Z"))[1] != "Z"
