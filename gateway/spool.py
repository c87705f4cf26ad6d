"""The spool: where accepted Inbounds wait on local disk while the store is out of reach, in order of arrival.

One file a message: written beside its name, fsynced, renamed, and the folder fsynced, so that what has its name is
whole. A file that cannot be read is moved to `bad/` and said; it is never thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from channels.message import Purpose
from gateway import observe
from gateway.store.journal import Entry

PROBE = 4096  # bytes: as much as most messages take
UNREADABLE = {errno.EIO, errno.EACCES, errno.EPERM, errno.EISDIR}  # of this one file; the others may be well

log = observe.logger("spool")


class SpoolBroken(Exception):
    """The spool cannot be written, so nothing more can be accepted while the store is away."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A message that waits: its file, and the fields of its entry."""

    path: Path
    fields: dict[str, Any] = field(repr=False)


class Spool:
    """A folder of messages in order. One process owns it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bad = root / "bad"
        self._last = 0  # the youngest file's number: nanoseconds since 1970, or one more than the one before
        self._waiting: dict[str, Path] = {}  # identity -> file, so that a redelivery is one file
        self._writing: dict[str, asyncio.Future[None]] = {}

    def open(self) -> None:
        """Make the folder, find what a former run left, and see that it can be written. Raises SpoolBroken."""
        try:
            self.bad.mkdir(parents=True, exist_ok=True)
            for leftover in self.root.glob("*.tmp"):
                leftover.unlink()  # never acknowledged: it had no name yet
            self.look()
            self._last = max((_number(path) for path in self._waiting.values()), default=0)
        except OSError as error:
            raise SpoolBroken(f"the spool folder {self.root} cannot be written: {error.strerror}") from error
        self.probe()

    def probe(self) -> None:
        """See that a message could be written. Raises SpoolBroken."""
        path = self.root / "probe"
        try:
            _write_through(path, bytes(PROBE))
            path.unlink()
        except OSError as error:
            raise SpoolBroken(f"the spool folder {self.root} cannot be written: {error.strerror}") from error

    def look(self) -> None:
        """See what waits, and touch nothing: the folder may be another process's."""
        self._waiting = {_name(path): path for path in self._files()}

    @property
    def depth(self) -> int:
        """How many messages wait."""
        return len(self._waiting) + len(self._writing)

    @property
    def spoiled(self) -> int:
        """How many files could not be read back."""
        return sum(1 for _ in self.bad.glob("*.json"))

    async def keep(self, entry: Entry) -> str | None:
        """Put an entry on disk; None when it is new here, or else the fingerprint of the first. Raises SpoolBroken."""
        name = hashlib.sha256(json.dumps(entry.identity).encode()).hexdigest()[:32]
        new = name not in self._writing and name not in self._waiting
        if new:
            # A clock that is set back must not put a later message before an earlier one.
            self._last = max(self._last + 1, time.time_ns())
            path = self.root / f"{self._last:020d}-{name}.json"
            self._writing[name] = asyncio.ensure_future(asyncio.to_thread(_write_through, path, _encode(entry)))
            self._writing[name].add_done_callback(partial(self._written, name, path))
        if name in self._writing:  # the same message twice at once: one file, and neither is thanked before it is whole
            try:
                await asyncio.shield(self._writing[name])
            except OSError as error:
                raise SpoolBroken(f"the spool cannot be written: {error.strerror}") from error
        return None if new else await asyncio.to_thread(self._fingerprint, name, entry.fingerprint)

    def oldest(self, limit: int) -> list[Spooled]:
        """Read the messages that came first. What cannot be read is set aside in `bad/`, and said."""
        found: list[Spooled] = []
        for path in self._files():
            if len(found) == limit:
                break
            if _name(path) in self._writing:
                continue  # whole, but its name is not yet on disk: it is nobody's until it has been thanked for
            try:
                found.append(Spooled(path, _decode(path.read_bytes())))
            except (ValueError, KeyError, TypeError, RecursionError):
                self.spoil(path, "damaged")
            except OSError as error:
                if error.errno not in UNREADABLE:
                    raise
                self.spoil(path, error.strerror or "cannot be read")
        return found

    def remove(self, paths: list[Path]) -> None:
        """Forget messages that are in the journal now."""
        for path in paths:
            path.unlink(missing_ok=True)
            self._waiting.pop(_name(path), None)

    def spoil(self, path: Path, reason: str) -> None:
        """Set a file aside for a person: it is whole no more, or the store refuses what it holds."""
        path.rename(self.bad / path.name)
        self._waiting.pop(_name(path), None)
        observe.ALARM.labels("spool_spoiled").inc()
        log.error("spool file set aside", file=path.name, reason=reason)

    def _written(self, name: str, path: Path, writing: asyncio.Future[None]) -> None:
        """Note how writing a file ended, also when nobody waits for it any more."""
        del self._writing[name]
        if not writing.cancelled() and writing.exception() is None:
            self._waiting[name] = path

    def _fingerprint(self, name: str, otherwise: str) -> str:
        """Read the fingerprint that came with the first delivery of a message that waits."""
        try:
            return str(_decode(self._waiting[name].read_bytes())["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError):
            return otherwise  # moved to the journal, or spoiled, a moment ago

    def _files(self) -> list[Path]:
        return sorted(self.root.glob("*.json"))


def _name(path: Path) -> str:
    """What the name of a file says of the message's identity."""
    return path.stem.rpartition("-")[2]


def _number(path: Path) -> int:
    digits = path.stem.partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _encode(entry: Entry) -> bytes:
    fields = {name: value for name, value in asdict(entry).items() if name != "refer"}
    fields["received_at"] = entry.received_at.isoformat()
    fields["reference"] = bool(entry.refer)
    document = json.dumps(fields).encode()
    return hashlib.sha256(document).hexdigest().encode() + b"\n" + document


def _decode(content: bytes) -> dict[str, Any]:
    digest, _, document = content.partition(b"\n")
    if hashlib.sha256(document).hexdigest().encode() != digest:
        raise ValueError("the file is damaged")
    fields: dict[str, Any] = json.loads(document)
    fields["received_at"] = datetime.fromisoformat(fields["received_at"])
    fields["purpose"] = Purpose(fields["purpose"])
    return fields


def _write_through(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.rename(path)
    except OSError:
        with contextlib.suppress(OSError):  # a full disk must not be filled by halves
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
