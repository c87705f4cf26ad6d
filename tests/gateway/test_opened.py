"""The store as commands open it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import damage
from gateway.__main__ import app
from gateway.backup import backup
from gateway.check.books import books
from gateway.identity import Identities
from gateway.opened import opened
from gateway.settings import load
from gateway.store import facts
from gateway.store.engine import Store, StoreMismatch
from gateway.store.migrate import HEAD, revision
from tests.gateway.store.test_wal import cut, died


async def test_to_look_at_a_store_never_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only looks refuses tables of another version; what changes something brings them to this one."""
    monkeypatch.setenv("BALAGH_DATA_DIR", str(tmp_path))
    settings = load()
    with pytest.raises(StoreMismatch, match="holds nothing yet"):
        async with opened(settings, migrate=False):
            pass
    async with opened(settings) as store:
        assert HEAD == await store.read(revision)
    async with opened(settings, migrate=False) as store:
        assert HEAD == await store.read(revision)


async def test_no_books_and_no_backup_under_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under it every message that a provider lists would look new, and every event as if somebody had altered it."""
    monkeypatch.setenv("BALAGH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BALAGH_SECRET_KEY", "the key that the store was made with")
    settings = load()
    async with opened(settings) as store:
        key = Identities(settings.secret_key).of_store
        await store.write(partial(facts.settle, key=key, broker=None))
    assert (await books(None)).balanced

    monkeypatch.setenv("BALAGH_SECRET_KEY", "another key, of another city or day")
    with pytest.raises(StoreMismatch, match="put the old one back"):
        await books(None)
    with pytest.raises(StoreMismatch, match="put the old one back"):
        await asyncio.to_thread(backup, tmp_path / "copy", print)


def test_a_command_after_a_crash_keeps_the_traces_of_what_was_lost(tmp_path: Path) -> None:
    """The first to open a store wipes its log: whoever asks for the causes leaves what the log had, set aside."""
    database = tmp_path / "balagh.db"
    made = Store(f"sqlite:///{database}")
    made.migrate()
    made.close()
    log = died(database, 60)
    cut(log)
    left = log.read_bytes()
    done = CliRunner().invoke(app, ["causes"], env={"BALAGH_DATA_DIR": str(tmp_path)})

    assert "nothing keeps coming back" == done.stdout.splitlines()[-1], done.exception
    (kept,) = (tmp_path / damage.FOLDER).glob(f"*/{log.name}")
    assert left == kept.read_bytes()
