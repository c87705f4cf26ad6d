"""Restore: put a backup into an empty data folder and an empty store, so that the gateway goes on from there.

Everything is verified before anything is written, the store comes last, and what a restore that was killed left behind
is taken away by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway import vault
from gateway.files import Files, Unusable
from gateway.identity import Identities
from gateway.sealer import witnessed
from gateway.settings import Settings, load
from gateway.spool import Spool
from gateway.store import journal, quarantine, snapshot, tail
from gateway.store.engine import Connection, Store
from gateway.vault import BackupFailed, BackupRefused, Chain

STAGE = "restore.partial"
RESTORING = ".restoring"  # what a store's name ends with until it is whole
DRAIN = 200  # messages of the spool at once
OURS = {"secret.key", "lock", STAGE}  # what may stand in an empty data folder

Say = Callable[[str], object]


def verify(folder: Path, say: Say) -> bool:
    """See whether a backup is whole, and touch nothing. Raises BackupRefused, BackupFailed, SettingsError."""
    settings = load(make_key=False)
    manifest = _manifest(folder, Identities(settings.secret_key))
    witness = list(witnessed(folder / vault.SEALS))
    problems = _unsound(folder, manifest)
    problems += snapshot.flaws(folder / vault.STORE, settings.secret_key, witness)
    for problem in problems:
        say(f"WRONG {problem}")
    if not problems:
        say(f"whole: holds every message that was acknowledged before {_until(folder, manifest)}")
    return not problems


def restore(folder: Path, say: Say, *, republish: bool = False) -> None:
    """Restore a backup into the data folder and the store that the settings name.

    With `republish` every event goes to the broker once more, under its own id. Raises BackupRefused, BackupFailed,
    SettingsError, StoreMismatch, StoreUnavailable.
    """
    settings = load(make_key=False)
    identities = Identities(settings.secret_key)
    store = Store(settings.store_url)
    try:
        manifest = _manifest(folder, identities)
        with _empty(settings, store):
            if problems := _unsound(folder, manifest):
                raise BackupFailed(f"{problems[0]} ({len(problems)} such): nothing was restored")
            _restore(folder, manifest, settings, identities, store, say, republish=republish)
    except (OSError, Unusable) as error:
        what = str(error) if isinstance(error, Unusable) else f"{error.filename}: {error.strerror}"
        raise BackupFailed(f"{what}: the restore was not finished") from error
    finally:
        store.close()


def _manifest(folder: Path, identities: Identities) -> dict[str, Any]:
    if not folder.is_dir():
        raise BackupRefused(f"{folder} is no folder")
    return vault.read_manifest(folder, identities)


def _unsound(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Say what is damaged or missing in the folder, as far as digests tell."""
    try:
        problems = list(vault.damaged(folder, manifest))
        for frame in Chain(folder / vault.TAIL).frames():
            problems += vault.spoilt(folder, frame["files"])
    except OSError as error:
        return [f"{error.filename}: {error.strerror}"]
    except BackupFailed as error:
        return [str(error)]
    return problems


@contextlib.contextmanager
def _empty(settings: Settings, store: Store) -> Iterator[None]:
    """See that nothing would be overwritten, and keep a gateway away meanwhile. Raises BackupRefused."""
    data = settings.data_dir
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BackupRefused(f"BALAGH_DATA_DIR: a gateway is running in {data}") from error
        final = Path(str(store.url.database)) if store.embedded else None
        if final and final.exists() and not _staged(final).exists():  # killed when all was done but the sweeping
            shutil.rmtree(data / STAGE, ignore_errors=True)
        killed = (data / STAGE).is_dir()  # then these are the former restore's
        its = {vault.FILES, vault.SEALS, vault.SPOOL}
        for path in sorted(data.iterdir()):
            if path.name in OURS or (killed and (path.name in its or RESTORING in path.name)):
                continue
            if path.is_file() or any(inner.is_file() for inner in path.rglob("*")):
                raise BackupRefused(f"BALAGH_DATA_DIR: {data} holds {path.name}: restore into an empty folder")
        if final:
            if final.exists():
                raise BackupRefused(f"BALAGH_STORE_URL: {final} is there: restore into a new file")
        elif snapshot.occupied(store):
            raise BackupRefused(f"BALAGH_STORE_URL: {store.name} is not empty: restore into an empty database")
        yield


def _staged(final: Path) -> Path:
    """Return where a store's file lies until it is whole: beside its place, so that a rename puts it there."""
    return final.with_name(f"{final.name}{RESTORING}")


def _restore(
    folder: Path,
    manifest: dict[str, Any],
    settings: Settings,
    identities: Identities,
    store: Store,
    say: Say,
    *,
    republish: bool,
) -> None:
    data = settings.data_dir
    stage = data / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    final = Path(str(store.url.database)) if store.embedded else None
    staged = _staged(final) if final else stage / vault.STORE
    staged.parent.mkdir(parents=True, exist_ok=True)
    for leftover in staged.parent.glob(f"{staged.name}*"):  # its log too: it belongs to another file
        leftover.unlink()
    if vault.copy_file(folder / vault.STORE, staged) != manifest["parts"][vault.STORE]["sha256"]:
        raise BackupFailed(f"{vault.STORE} is damaged: nothing was restored")
    chain = Chain(folder / vault.TAIL)
    engine = snapshot.sealed_file(staged)
    try:
        frames = tail.replay(engine, chain.frames())
    finally:
        engine.dispose()
    if chain.torn:
        say("note  the last line of the tail is not whole: it was being written, and is left out")
    if (folder / vault.SEALS).is_file():
        (data / vault.SEALS).unlink(missing_ok=True)
        vault.copy_file(folder / vault.SEALS, data / vault.SEALS)
    if flaws := list(snapshot.flaws(staged, settings.secret_key, witnessed(data / vault.SEALS))):
        raise BackupFailed(f"{flaws[0]}: nothing was restored")
    copy = Store(f"sqlite:///{staged}")
    try:
        copy.migrate()
        with copy.engine.begin() as connection:
            spooled = _spool(connection, folder, data, stage, identities)
            anew = snapshot.awaken(connection, republish=republish)
    finally:
        copy.close()
    files = _files(folder, data)
    if final is not None:
        vault.flush(staged)
        staged.rename(final)
        vault.flush(final.parent)
    else:
        snapshot.fill(store, staged)
    found = snapshot.contents(final or staged)
    shutil.rmtree(stage)
    vault.flush(data)
    rows = found.tables
    say(
        f"restored {rows['journal']} messages, {rows['complaints']} complaints, {files} files; "
        f"{frames} frames of the tail"
    )
    if spooled:
        say(f"of them {spooled} had waited for the store in the spool")
    say(f"holds every message that was acknowledged before {_until(folder, manifest)}")
    say(f"{anew} events that the broker had confirmed go to it once more, under their own ids")
    say("next: balagh check, balagh run, then balagh reconcile")


def _until(folder: Path, manifest: dict[str, Any]) -> str:
    """Say up to which moment a backup goes."""
    moments = [str(frame["until"]) for frame in Chain(folder / vault.TAIL).frames()]
    return max([str(manifest["until"]), *moments])


def _spool(connection: Connection, folder: Path, data: Path, stage: Path, identities: Identities) -> int:
    """Put the messages that waited for the store into it; what cannot be read waits for a person again."""
    shutil.copytree(folder / vault.SPOOL, stage / vault.SPOOL, dirs_exist_ok=True)
    spool = Spool(stage / vault.SPOOL)
    spool.look()
    fresh = 0
    while found := spool.oldest(DRAIN):
        entries = [identities.restore(one.fields) for one in found]
        for entry, kept in zip(entries, journal.append(connection, entries), strict=True):
            fresh += not kept.duplicate
            if entry.refer and kept.reference != entry.refer(0):
                reason = f"was given another message's number; it is filed under {kept.reference}: tell the citizen"
                quarantine.add(
                    connection,
                    stage=quarantine.SPOOL,
                    subject=entry.id,
                    reason=reason,
                    body=entry.body,
                    now=datetime.now(UTC),
                )
        spool.remove([one.path for one in found])
    for path in spool.bad.glob("*.json"):
        (data / vault.SPOOL / "bad").mkdir(parents=True, exist_ok=True)
        (data / vault.SPOOL / "bad" / path.name).unlink(missing_ok=True)
        vault.copy_file(path, data / vault.SPOOL / "bad" / path.name)
    return fresh


def _files(folder: Path, data: Path) -> int:
    """Put the photos and recordings back, and return how many."""
    files = Files(data / vault.FILES)
    names = set(vault.listed(folder))
    names.update(name for frame in Chain(folder / vault.TAIL).frames() for name in frame["files"])
    for name in sorted(names):
        target = files.path(name)
        if not target.exists():
            beside = target.parent.parent / "tmp" / name  # on the same disk, wherever the folder of files is
            beside.unlink(missing_ok=True)
            if vault.copy_file(folder / vault.FILES / name[:2] / name, beside) != name:
                raise BackupFailed(f"{vault.FILES}/{name[:2]}/{name} is damaged")
            beside.replace(target)
    for shard in {name[:2] for name in names}:
        vault.flush(data / vault.FILES / shard)
    return len(names)
