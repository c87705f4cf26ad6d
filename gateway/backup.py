"""Backup: a copy of everything that was acknowledged, made while the gateway runs, and kept up to date if wanted.

The order is what makes it whole. A message goes from the spool into the store, so the spool is copied before the store,
and again after it; a file is on disk before the row that names it, so files are copied after the rows; a seal is in the
store before it is in the witness, so the witness is copied first. What the store got meanwhile goes into the tail.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gateway import vault
from gateway.identity import Identities
from gateway.sealer import witnessed
from gateway.settings import Settings, load
from gateway.store import facts, snapshot
from gateway.store.engine import Store, StoreUnavailable
from gateway.store.migrate import HEAD, demand
from gateway.store.snapshot import CopyFailed
from gateway.store.tail import Frame, Tail
from gateway.vault import BackupFailed, BackupRefused, Chain
from normalizer.complaint import rfc3339

PERIOD = 0.5  # seconds between looks at what is new
HEARTBEAT = 10.0  # seconds after which the tail says that nothing happened

Say = Callable[[str], object]


def backup(folder: Path, say: Say, *, base: Path | None = None, follow: threading.Event | None = None) -> bool:
    """Make a backup and return whether nothing was wrong. With `follow`, keep it up to date until that is set.

    `base` is an earlier backup on the same disk, whose files are linked and not copied again. Raises BackupRefused,
    BackupFailed, SettingsError, StoreMismatch, StoreUnavailable.
    """
    settings = load()
    store = Store(settings.store_url)
    try:
        made = _Backup(settings, store, Identities(settings.secret_key), folder, say)
        if folder.exists() and follow is None:
            raise BackupRefused(f"{folder} is there already: name a new folder")
        if base is not None and not (base / vault.MANIFEST).is_file():
            raise BackupRefused(f"--base: {base} is no backup")
        if store.embedded and not Path(str(store.url.database)).is_file():
            raise BackupRefused(f"BALAGH_STORE_URL: there is no store at {store.url.database}")
        with snapshot.moment(store) as connection:
            demand(connection)
            facts.demand(connection, made.identities.of_store)  # or every seal would look broken
        with made.begun(base):
            if follow is not None:
                made.follow(follow)
        return not made.damaged
    except OSError as error:
        raise BackupFailed(f"{error.filename or folder}: {error.strerror}") from error
    finally:
        store.close()


@dataclass(slots=True)
class _Backup:
    settings: Settings
    store: Store
    identities: Identities
    folder: Path
    say: Say
    held: set[str] = field(default_factory=set)  # files that the backup has
    unsaid: set[str] = field(default_factory=set)  # those of them that no list and no frame names yet
    damaged: set[str] = field(default_factory=set)  # files that are not what their names say
    looked: dict[str, int] = field(default_factory=dict)  # folder of files -> its time of change when it was listed
    last: dict[str, Any] = field(default_factory=dict)  # the youngest message
    chain: Chain = field(init=False)
    tail: Tail = field(init=False)

    @property
    def data(self) -> Path:
        return self.settings.data_dir

    @contextlib.contextmanager
    def begun(self, base: Path | None) -> Iterator[None]:
        """Have the backup in its folder, new or gone on with, and nobody else's while the context lasts."""
        self.tail = Tail(embedded=self.store.embedded)
        if self.folder.exists():
            with _alone(self.folder):
                self._go_on()
                yield
            return
        partial = self.folder.with_name(f"{self.folder.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        with _alone(partial):
            for leftover in partial.iterdir():  # of a backup that was killed
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            try:
                self._make(partial, base)
            except (OSError, CopyFailed, StoreUnavailable) as error:
                shutil.rmtree(partial, ignore_errors=True)  # a disk that is full must not stay full for this
                if isinstance(error, CopyFailed):
                    raise BackupFailed(f"the store cannot be copied to {partial}: {error}") from error
                raise
            partial.rename(self.folder)
            vault.flush(self.folder.parent)
            self.chain.path = self.folder / vault.TAIL
            self.say(f"backup in {self.folder}")
            yield

    def follow(self, stop: threading.Event) -> None:
        """Add what is new about twice a second, until told to stop."""
        self.say("following: what is acknowledged from now on is added within a second")
        quiet, trouble = time.monotonic(), ""
        while not stop.wait(PERIOD):
            try:
                waiting = self._spool(self.folder)
                wrote = self._catch_up(self.folder, heartbeat=time.monotonic() - quiet > HEARTBEAT)
                for path in (self.folder / vault.SPOOL).glob("*.json"):
                    if path.name not in waiting:  # it is in the tail now
                        path.unlink()
            except (StoreUnavailable, OSError) as error:
                reason = str(error) if isinstance(error, StoreUnavailable) else f"{error.filename}: {error.strerror}"
                if reason != trouble:
                    self.say(f"WRONG not following: {reason}")
                trouble = reason
                continue
            if trouble:
                self.say("following again")
                trouble = ""
            if wrote:
                quiet = time.monotonic()

    def _make(self, into: Path, base: Path | None) -> None:
        begun = datetime.now(UTC)
        (into / vault.FILES).mkdir()
        self._spool(into)
        if (self.data / "seals.log").is_file():
            vault.copy_file(self.data / "seals.log", into / vault.SEALS)
        snapshot.copy(self.store, into / vault.STORE)
        vault.flush(into / vault.STORE)
        found = snapshot.contents(into / vault.STORE)
        self.last = {"seq": found.last, "reference": found.reference}
        self.chain = Chain(into / vault.TAIL)
        self.chain.begin()
        self.tail.begin(into / vault.STORE)
        copied = self._files(into, base)
        self.unsaid.clear()
        (into / vault.LISTED).write_text("".join(f"{name}\n" for name in sorted(self.held)), encoding="ascii")
        vault.flush(into / vault.LISTED)
        self._spool(into)
        until = datetime.now(UTC)
        self._catch_up(into)
        witness = list(witnessed(into / vault.SEALS))
        if flaws := list(snapshot.flaws(into / vault.STORE, self.settings.secret_key, witness)):
            raise BackupFailed(f"{flaws[0]}; what was copied is in {into}")
        facts = {
            "balagh": version("balagh"),
            "schema": found.schema,
            "key": vault.fingerprint(self.identities),
            "from": "sqlite" if self.store.embedded else "postgresql",
            "begun_at": rfc3339(begun),
            "until": rfc3339(until),
            "last": self.last,
            "rows": found.tables,
            "files": len(self.held),
        }
        vault.write_manifest(into, facts, self.settings.secret_key)
        vault.flush(into)
        rows = found.tables
        self.say(
            f"store: {rows['journal']} messages, {rows['complaints']} complaints, {rows['events']} events, version "
            f"{found.schema}; files: {len(self.held)} ({copied} copied)"
        )
        self.say(
            f"holds every message that was acknowledged before {rfc3339(until)}; "
            f"the last is entry {self.last['seq']} of the journal, reference {self.last['reference'] or '-'}"
        )

    def _go_on(self) -> None:
        """Follow a backup that an earlier process made."""
        manifest = vault.read_manifest(self.folder, self.identities)
        if manifest["schema"] != HEAD:
            raise BackupRefused(f"{self.folder} has tables of version {manifest['schema']}: begin a new backup")
        self.chain = Chain(self.folder / vault.TAIL)
        frames = list(self.chain.frames())
        self.tail.begin(self.folder / vault.STORE, frames)
        self.held = {path.name for path in vault.within(self.folder / vault.FILES)}
        self.last = next((frame["last"] for frame in reversed(frames) if frame["last"]), manifest["last"])
        self.say(f"going on with {self.folder}, behind entry {self.last['seq']} of the journal")

    def _catch_up(self, into: Path, *, heartbeat: bool = False) -> bool:
        """Add what is new in the store to the tail, its files first."""
        wrote = False
        while True:
            until = rfc3339(datetime.now(UTC))
            frame = self.tail.read(self.store)
            self._files(into, None)
            if frame.rows or self.unsaid or heartbeat:
                self._append(frame, until)
                wrote, heartbeat = True, False
            self.tail.kept(frame)
            if not frame.full:
                return wrote

    def _append(self, frame: Frame, until: str) -> None:
        youngest = frame.last
        if youngest is not None and youngest["seq"] > self.last["seq"]:
            self.last = {"seq": youngest["seq"], "reference": youngest["reference"] or ""}
        self.chain.append({"until": until, "last": self.last, "rows": frame.rows, "files": sorted(self.unsaid)})
        self.unsaid.clear()

    def _spool(self, into: Path) -> set[str]:
        """Copy the messages that wait for the store, and return their names."""
        source, target = self.data / "spool", into / vault.SPOOL
        (target / "bad").mkdir(parents=True, exist_ok=True)
        waiting = set()
        for path in (*source.glob("*.json"), *source.glob("bad/*.json")):
            waiting.add(path.name)
            there = target / path.relative_to(source)
            if not there.exists():
                with contextlib.suppress(FileNotFoundError):  # it is in the store now
                    vault.copy_file(path, there)
        vault.flush(target)
        return waiting

    def _files(self, into: Path, base: Path | None) -> int:
        """Copy the files that the backup lacks; returns how many."""
        copied = 0
        root = self.data / "files"
        for shard in sorted(root.glob("[0-9a-f][0-9a-f]")):
            changed = shard.stat().st_mtime_ns
            if self.looked.get(shard.name) == changed:
                continue
            (into / vault.FILES / shard.name).mkdir(exist_ok=True)
            for path in sorted(shard.iterdir()):
                if path.name not in self.held and path.name not in self.damaged:
                    copied += self._file(path, into / vault.FILES / shard.name / path.name, base)
            vault.flush(into / vault.FILES / shard.name)
            # A file that came while we listed may have left the same time: such a folder is listed once more.
            self.looked[shard.name] = changed if time.time_ns() - changed > 10**9 else 0
        return copied

    def _file(self, source: Path, target: Path, base: Path | None) -> int:
        earlier = base / vault.FILES / source.parent.name / source.name if base else None
        if earlier is not None and earlier.is_file() and earlier.stat().st_size == source.stat().st_size:
            with contextlib.suppress(OSError):  # on another disk: copied then
                os.link(earlier, target)
                self._hold(source.name)
                return 0
        beside = target.with_suffix(".tmp")
        beside.unlink(missing_ok=True)
        try:
            found = vault.copy_file(source, beside)
        except FileNotFoundError:  # erased meanwhile
            return 0
        if found != source.name:
            beside.unlink()
            self.damaged.add(source.name)
            self.say(f"WRONG {source} is damaged: it is not in the backup")
            return 0
        beside.rename(target)
        self._hold(source.name)
        return 1

    def _hold(self, name: str) -> None:
        self.held.add(name)
        self.unsaid.add(name)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second backup away from a folder; the lock stays with it when it is renamed. Raises BackupRefused."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some network file systems know no locks
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BackupRefused(f"another backup is at work in {folder}") from error
        yield
    finally:
        os.close(descriptor)
