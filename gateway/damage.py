"""Damage: what the disk has lost of what was acknowledged, set aside and said until a person has dealt with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway import observe
from gateway.sealer import latest
from gateway.settings import Settings
from gateway.store import seals, wal
from gateway.store.engine import Connection, StoreMismatch

FOLDER = "damaged"  # in the data folder: what was set aside, one folder each time

log = observe.logger("store")


def look(settings: Settings) -> None:
    """See what a crash left of SQLite's log, before anything opens the store: that would wipe the traces.

    What lost commits is copied into `damaged/`, with an alarm; the gateway then works on, for who writes now must be
    heard as well. Raises StoreMismatch when SQLite finds no database there, or the copy cannot be made.
    """
    database = wal.database_file(settings.store_url)
    if database is None:
        return
    aside = settings.data_dir / FOLDER / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%fZ}"
    try:
        lost = wal.lost(database, aside)
    except OSError as error:
        raise StoreMismatch(
            f"{database} has lost commits, and its log cannot be copied to {aside}: {error.strerror}"
        ) from error
    if lost is not None:
        observe.ALARM.labels("store_lost_commits").inc()
        log.error("the store has lost acknowledged commits", had=lost.had, has=lost.has, aside=str(aside))


def standing(settings: Settings) -> list[str]:
    """Say what was set aside and nobody has taken away since."""
    return [
        f"the store has lost acknowledged commits, as seen at {path.name}: its log is in {path}; compare with the "
        "providers' lists, then remove that folder"
        for path in sorted((settings.data_dir / FOLDER).glob("*"))
    ]


def behind(connection: Connection, witness: Path) -> list[str]:
    """Say whether the store ends before its own last seal, as an older copy of it would."""
    last = latest(witness)
    if last is None or seals.holds(connection, last):
        return []
    return [f"the store ends before seal {last.seq}, which is kept outside it: it has lost what came after"]
