"""The folder of photos, recordings and scans, each under the SHA-256 of its bytes.

    <root>/ab/abcdef…    whole files, never changed once they are there
    <root>/tmp/          what is being written; what a crash left here goes at a later start

A file is written to tmp, flushed to the disk, renamed, and the folder flushed: whoever pulls the plug between any two
of these steps leaves either nothing to be seen or the whole file. Bytes that nobody's complaint names may remain (a
crash after the rename, before the caller's commit): they are harmless, and the same bytes again take their place.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from channels.message import MediaKind
from gateway.media.content import TAKEN, Sniffer

BATCH = 256 * 1024
"""Bytes gathered before they go to a thread: a hop costs as much as hashing some ten kilobytes."""

LEFTOVER_AGE = 24 * 3600
"""Seconds after which an unfinished file is nobody's any more; another process may share the folder."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FilesError(Exception):
    """The base of every reason why bytes were not kept. A full or broken disk is an OSError instead."""


class TooBig(FilesError):
    """There are more bytes than `limit`."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"it is larger than {limit} bytes")
        self.limit = limit


class NotAllowed(FilesError):
    """By its content it is of a type that we do not take. `content_type` is what it is."""

    def __init__(self, content_type: str) -> None:
        super().__init__(f"by its content it is {content_type}, which we do not take")
        self.content_type = content_type


class Empty(FilesError):
    """There was not one byte."""


class Mismatch(FilesError):
    """The bytes have another SHA-256 than was expected: they were damaged or cut on the way."""


class Unusable(FilesError):
    """The folder cannot hold files. The message names it and says why, in one line for the operator."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is on disk: its SHA-256 in hex, its size in bytes, and its type as its content shows it."""

    sha256: str
    size: int
    content_type: str
    kind: MediaKind


class Files:
    """A content-addressed folder. The constructor touches the disk, so make it at start and not in a request.

    Raises Unusable when the folder cannot be made or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tmp = root / "tmp"
        try:
            self._prepare()
        except OSError as error:
            raise Unusable(f"the folder for files, {root}, cannot be used: {error.strerror or error}") from error

    async def write(
        self,
        chunks: AsyncIterator[bytes],
        *,
        limit: int,
        allowed: AbstractSet[str] | None = TAKEN,
        expected_sha256: str | None = None,
    ) -> Stored:
        """Keep the bytes and return what they are, once they are on disk for good.

        `limit` is in bytes; `allowed` holds content types (None: any); `expected_sha256` is lower-case hex. Raises
        TooBig and NotAllowed as soon as it is certain, Empty, Mismatch, and OSError when the disk does not take it.
        Nothing can be seen of bytes that were not kept. What `chunks` raises passes through.
        """
        draft = _Draft(self._tmp, allowed)
        try:
            async with contextlib.aclosing(_batches(chunks, limit)) as batches:
                async for batch in batches:
                    await asyncio.to_thread(draft.write, batch)
            return await asyncio.to_thread(draft.keep, self, expected_sha256)
        except BaseException:
            # Shielded: a second cancellation must not stop the cleaning up. The draft itself waits for a write that
            # is still running in its thread, for closing a file below it could send the bytes into another one.
            await asyncio.shield(asyncio.to_thread(draft.discard))
            raise

    def path(self, sha256: str) -> Path:
        """Say where a file is, or would be. Raises ValueError unless it is a SHA-256 in lower-case hex."""
        if not _DIGEST.fullmatch(sha256):
            raise ValueError("not a SHA-256 in lower-case hex")
        return self.root / sha256[:2] / sha256

    def open(self, sha256: str) -> BinaryIO:
        """Open a file for reading. Raises ValueError as `path` does, FileNotFoundError when it is not there."""
        return self.path(sha256).open("rb")

    async def delete(self, sha256: str) -> bool:
        """Remove a file, for good even if the power fails now. Says whether it was there; ValueError as `path`."""
        return await asyncio.to_thread(_remove, self.path(sha256))

    async def missing(self, sha256s: Iterable[str]) -> set[str]:
        """Return those of the digests that no file is there for. Raises ValueError as `path` does."""
        paths = {sha256: self.path(sha256) for sha256 in sha256s}
        return await asyncio.to_thread(lambda: {sha256 for sha256, path in paths.items() if not path.is_file()})

    def _prepare(self) -> None:
        # All folders are made now, so that a write has one folder to flush and not three.
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        shards = [self.root / f"{number:02x}" for number in range(256)]
        for folder in (self._tmp, *shards):
            folder.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.root, self._tmp):  # closing the outer two closes all
            if folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
        _flush(self.root)
        self._sweep()
        probe = self._tmp / f"{secrets.token_hex(16)}.probe"
        try:
            with os.fdopen(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(b"probe")
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)

    def _sweep(self) -> None:
        oldest = time.time() - LEFTOVER_AGE
        for leftover in self._tmp.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process swept it
                if leftover.stat().st_mtime < oldest:
                    leftover.unlink()


async def _batches(chunks: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    """Gather chunks into batches. Raises TooBig with the first byte too many, Empty when there was none."""
    batch, size = bytearray(), 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooBig(limit)
        batch += chunk
        if len(batch) >= BATCH:
            yield bytes(batch)
            batch.clear()
    if batch:
        yield bytes(batch)
    if not size:
        raise Empty("there was not one byte")


class _Draft:
    """A file in the making. Every method blocks, in a thread; the lock keeps them apart after a cancellation."""

    def __init__(self, folder: Path, allowed: AbstractSet[str] | None) -> None:
        self._path = folder / secrets.token_hex(16)
        self._allowed = allowed
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._done = False
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._sniffer = Sniffer()

    def write(self, batch: bytes) -> None:
        """Append; NotAllowed when it can no longer become anything that is allowed."""
        with self._lock:
            if self._done:
                return
            self._sniffer.feed(batch)
            if self._allowed is not None and not self._sniffer.candidates & self._allowed:
                raise NotAllowed(self._sniffer.finish())
            if self._file is None:
                self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            self._file.write(batch)
            self._sha256.update(batch)
            self._size += len(batch)

    def keep(self, files: Files, expected_sha256: str | None) -> Stored:
        """Make it visible under its digest, durably."""
        with self._lock:
            assert self._file is not None
            content_type, sha256 = self._sniffer.finish(), self._sha256.hexdigest()
            if self._allowed is not None and content_type not in self._allowed:
                raise NotAllowed(content_type)
            if expected_sha256 not in {None, sha256}:
                raise Mismatch("its SHA-256 is not the one that was given")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            target = files.path(sha256)
            # Also over a file that is there: it has the same bytes, or a bad sector had spoilt them.
            self._path.replace(target)
            self._done = True
            _flush(target.parent)
            return Stored(sha256, self._size, content_type, MediaKind.of(content_type))

    def discard(self) -> None:
        """Leave nothing behind, unless it is kept already."""
        with self._lock:
            if self._done:
                return
            self._done = True
            if self._file is not None:
                with contextlib.suppress(OSError):  # the disk is full: what closing would flush is not wanted
                    self._file.close()
                self._path.unlink(missing_ok=True)


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    _flush(path.parent)
    return True


def _flush(folder: Path) -> None:
    """Make the names in a folder durable: an fsync of the file alone does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
