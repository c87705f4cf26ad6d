"""The spool: where accepted Inbounds wait on local disk while the store is out of reach, in order of arrival.

One file a message: written beside its name, fsynced, renamed, and the folder fsynced, so that what has its name is
whole. A file that cannot be read is moved to `bad/` and said; it is never thrown away.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from channels.message import Purpose
from gateway.store.journal import Entry


class SpoolBroken(Exception):
    """The spool cannot be written, so nothing more can be accepted while the store is away."""


class Spool:
    """A folder of messages in order. One process owns it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bad = root / "bad"
        self._turn = 0
        self._waiting: dict[str, Path] = {}  # identity -> file, so that a redelivery is one file
        self._writing: dict[str, asyncio.Future[None]] = {}

    def open(self) -> None:
        """Make the folder, find what a former run left, and see that it can be written. Raises SpoolBroken."""
        try:
            self.bad.mkdir(parents=True, exist_ok=True)
            for leftover in self.root.glob("*.tmp"):
                leftover.unlink()  # never acknowledged: it had no name yet
            self._waiting = {path.stem.split("-")[-1]: path for path in self._files()}
            probe = self.root / "probe.tmp"
            _write_through(probe, b"")
            probe.unlink()
        except OSError as error:
            raise SpoolBroken(f"the spool folder {self.root} cannot be written: {error.strerror}") from error

    @property
    def depth(self) -> int:
        """How many messages wait."""
        return len(self._waiting) + len(self._writing)

    @property
    def spoiled(self) -> int:
        """How many files could not be read back."""
        return sum(1 for _ in self.bad.glob("*.json"))

    async def keep(self, entry: Entry) -> bool:
        """Put an entry on disk and return whether it is new here. Raises SpoolBroken."""
        name = hashlib.sha256(json.dumps(entry.identity).encode()).hexdigest()[:32]
        if name in self._writing:  # the same message twice at once: one file, and neither is thanked before it is whole
            await asyncio.shield(self._writing[name])
            return False
        if name in self._waiting:
            return False
        self._turn += 1
        path = self.root / f"{time.time_ns():020d}-{self._turn:08d}-{name}.json"
        writing = asyncio.ensure_future(asyncio.to_thread(_write_through, path, _encode(entry)))
        self._writing[name] = writing
        try:
            await asyncio.shield(writing)
        except OSError as error:
            raise SpoolBroken(f"the spool cannot be written: {error.strerror}") from error
        finally:
            del self._writing[name]
        self._waiting[name] = path
        return True

    def oldest(self, limit: int) -> list[tuple[Path, dict[str, Any]]]:
        """Read the messages that came first. What cannot be read is set aside in `bad/`."""
        found: list[tuple[Path, dict[str, Any]]] = []
        for path in self._files():
            if len(found) == limit:
                break
            try:
                found.append((path, _decode(path.read_bytes())))
            except (ValueError, KeyError, TypeError):
                path.rename(self.bad / path.name)
                self._waiting.pop(path.stem.split("-")[-1], None)
        return found

    def remove(self, paths: list[Path]) -> None:
        """Forget messages that are in the journal now."""
        for path in paths:
            path.unlink(missing_ok=True)
            self._waiting.pop(path.stem.split("-")[-1], None)

    def _files(self) -> Iterator[Path]:
        return iter(sorted(self.root.glob("*.json")))


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
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
