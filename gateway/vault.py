"""The folder of a backup: what stands in it, how its parts are told from damaged ones, and whose key it was made with.

    manifest.json   versions, counts, moments, the size and SHA-256 of every part, under a MAC of the city's key
    store.db        the store, as a SQLite file
    tail.jsonl      what happened after that: frames of rows, one a line, each chained to the one before
    seals.log       the seals that were kept outside the store
    spool/          messages that waited for the store
    files/          photos and recordings, by SHA-256; files.txt lists them

The secret key is not in it: the manifest has a fingerprint that only the key can make.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.identity import Identities

FORMAT = 1
MANIFEST, STORE, TAIL, SEALS, SPOOL, FILES, LISTED = (
    "manifest.json", "store.db", "tail.jsonl", "seals.log", "spool", "files", "files.txt",
)  # fmt: skip
CHUNK = 1024 * 1024  # bytes


class BackupRefused(Exception):
    """The command cannot begin: a folder, a setting or the key is not what it must be. One line."""


class BackupFailed(Exception):
    """The command began and could not end, or what it made or found is not whole. One line."""


def fingerprint(identities: Identities) -> str:
    """Name the city's key without showing it."""
    return identities.digest("backup")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def copy_file(source: Path, target: Path) -> str:
    """Copy a file durably, and return the SHA-256 of what was read. Raises OSError."""
    found = hashlib.sha256()
    with (
        source.open("rb") as reading,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out,
    ):
        while chunk := reading.read(CHUNK):
            found.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return found.hexdigest()


def flush(path: Path) -> None:
    """Make a file, or the names in a folder, durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_manifest(folder: Path, facts: Mapping[str, Any], key: bytes) -> None:
    """Write the manifest, with the digests of the parts that are there. Raises OSError."""
    parts = {
        str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in {FILES, MANIFEST}
    }
    document = {"format": FORMAT, **facts, "parts": parts}
    document["mac"] = _mac(document, key)
    path = folder / MANIFEST
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    flush(path)


def read_manifest(folder: Path, identities: Identities) -> dict[str, Any]:
    """Read the manifest and see that it is whole and of this key. Raises BackupRefused, BackupFailed."""
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_bytes())
        known, made = document["format"], document["key"]
    except FileNotFoundError as error:
        raise BackupRefused(f"{folder} is no backup: it has no {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupFailed(f"{path} cannot be read ({type(error).__name__})") from error
    if known != FORMAT:
        raise BackupRefused(f"{folder} has format {known}, which this program does not know: use a newer balagh")
    if made != fingerprint(identities):
        raise BackupRefused(
            "BALAGH_SECRET_KEY is not the key that this backup was made with: set that one, or put it into secret.key"
        )
    if not hmac.compare_digest(str(document.get("mac")), _mac(document, identities.key)):
        raise BackupFailed(f"{path} was changed after it was written")
    return dict(document)


def damaged(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each part that is missing or other than it was. Of the tail, what it was then."""
    for name, part in manifest["parts"].items():
        path = folder / name
        try:
            if name == TAIL:
                with path.open("rb") as file:
                    found = hashlib.sha256(file.read(part["size"])).hexdigest()
            elif name.startswith(f"{SPOOL}/"):
                continue  # each has its own digest within, and goes once its message is in the tail
            else:
                found = digest(path)
        except OSError as error:
            yield f"{name}: {error.strerror}"
            continue
        if found != part["sha256"]:
            yield f"{name} is damaged"
    yield from spoilt(folder, listed(folder))


def spoilt(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each photo or recording that is missing or other than its name says."""
    for name in names:
        path = folder / FILES / name[:2] / name
        try:
            if digest(path) != name:
                yield f"{path.relative_to(folder)} is damaged"
        except OSError as error:
            yield f"{path.relative_to(folder)}: {error.strerror}"


def listed(folder: Path) -> list[str]:
    """Return the digests of the files that the backup holds. Raises OSError."""
    return (folder / LISTED).read_text("ascii").split()


class Chain:
    """The tail as it is written: each line begins with the SHA-256 of the line before it and of its own frame."""

    def __init__(self, path: Path) -> None:
        self.path, self._last, self._size = path, "", 0
        self.torn = False  # whether `frames` met a last line that is not whole

    def begin(self) -> None:
        """Make the file. Raises OSError."""
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            os.fsync(file.fileno())

    def frames(self) -> Iterator[dict[str, Any]]:
        """Read what is whole, in order; what a crash cut off at the end is left out. Raises BackupFailed, OSError."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                name, _, frame = line.partition(b" ")
                if not line.endswith(b"\n") or name != _link(self._last, frame[:-1]).encode("ascii"):
                    self.torn = True
                    if not file.read(1):
                        return
                    raise BackupFailed(f"{self.path}: line {number} is damaged: what came after it is not restored")
                self._last, self._size = name.decode("ascii"), self._size + len(line)
                yield json.loads(frame)

    def append(self, frame: Mapping[str, Any]) -> None:
        """Add a frame, durably, behind the last whole one. Raises OSError."""
        document = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()
        link = _link(self._last, document)
        line = f"{link} ".encode("ascii") + document + b"\n"
        with self.path.open("r+b") as file:
            file.truncate(self._size)
            file.seek(self._size)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._last, self._size = link, self._size + len(line)


def within(folder: Path) -> Iterable[Path]:
    """Every file below a folder, none when it is not there."""
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def _link(before: str, frame: bytes) -> str:
    return hashlib.sha256(before.encode("ascii") + b"\n" + frame).hexdigest()


def _mac(document: Mapping[str, Any], key: bytes) -> str:
    body = json.dumps({name: value for name, value in document.items() if name != "mac"}, sort_keys=True)
    return hmac.new(key, b"balagh-backup\n" + body.encode(), hashlib.sha256).hexdigest()
