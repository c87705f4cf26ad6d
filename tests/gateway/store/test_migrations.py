"""Bringing a store to this version."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from gateway.store import migrate
from gateway.store.engine import Store, StoreMismatch
from gateway.store.tables import metadata
from tests.servers.postgres import Database


async def test_the_migrations_make_exactly_the_tables_that_the_program_uses(store: Store) -> None:
    """Nothing is missing, nothing is left over: tables, columns, types, keys and indexes."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
        return list(compare_metadata(context, metadata))

    assert [] == await store.read(compare)


async def test_the_unique_keys_that_everything_hangs_on_are_there(store: Store) -> None:
    """A message's identity, a reference, an event's place, a reply's purpose: each can be there once."""

    def keys(connection: Connection) -> set[tuple[str, tuple[str, ...]]]:
        look = inspect(connection)
        return {
            (table, tuple(constraint["column_names"]))
            for table in ("journal", "complaints", "events", "replies")
            for constraint in look.get_unique_constraints(table)
        }

    wanted = {
        ("journal", ("id",)),
        ("journal", ("reference",)),
        ("journal", ("channel", "account", "external_id")),
        ("complaints", ("reference",)),
        ("events", ("id",)),
        ("events", ("complaint_id", "sequence")),
        ("replies", ("journal_id", "purpose")),
    }
    assert wanted == await store.read(keys)


async def test_migrating_again_changes_nothing(store: Store) -> None:
    """Every start migrates; a store of this version is left alone, with what is in it."""
    await store.write(lambda found: found.execute(text("INSERT INTO leases VALUES ('x', 'y', '2026-11-21T00:00:00Z')")))
    await asyncio.to_thread(store.migrate)

    assert 1 == await store.read(lambda found: found.execute(text("SELECT count(*) FROM leases")).scalar())
    assert migrate.HEAD == await store.read(migrate.revision)


async def test_a_store_of_a_newer_version_is_not_touched(store: Store) -> None:
    """An old program meets a store that a newer one wrote: it says which version, and what to do."""
    await store.write(lambda found: found.execute(text("UPDATE alembic_version SET version_num = '9999'")))

    with pytest.raises(StoreMismatch) as refused:
        await asyncio.to_thread(store.migrate)
    assert (
        "the store's tables are of version 9999, which this program does not know: "
        "run a newer balagh, or give it a store of its own"
    ) == str(refused.value)


async def test_a_store_of_another_program_is_not_touched(tmp_path: Path) -> None:
    """The setting names somebody else's database: it says so, and adds nothing to it."""
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE journal (their_own TEXT)")
    theirs.close()
    store = Store(f"sqlite:///{path}")

    with pytest.raises(StoreMismatch, match="holds a table journal that is not this program's"):
        store.migrate()
    assert ["journal"] == await store.read(lambda found: inspect(found).get_table_names())
    store.close()


async def test_a_migration_that_dies_half_way_leaves_nothing(sqlite_store: Store, tmp_path: Path) -> None:
    """Killed while it made the tables: the next start begins with an empty store and not with half of one."""
    store = Store(f"sqlite:///{tmp_path / 'another.db'}")
    with pytest.raises(LookupError), store.engine.begin() as connection:
        migrate._run(connection)
        raise LookupError
    assert [] == await store.read(lambda found: inspect(found).get_table_names())

    store.migrate()
    assert migrate.HEAD == await store.read(migrate.revision)
    store.close()


@pytest.mark.servers
async def test_nodes_that_start_together_migrate_one_after_the_other(postgres: Database) -> None:
    """Three nodes meet an empty database at the same moment: all of them start."""
    stores = [Store(postgres.url) for _ in range(3)]
    await asyncio.gather(*(asyncio.to_thread(store.migrate) for store in stores))

    assert {migrate.HEAD} == {await store.read(migrate.revision) for store in stores}
    for store in stores:
        store.close()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def test_earlier_complaints_count_as_causes_too(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store of the version before: what each of its complaints was about, and in which district, is searched now."""
    url = f"sqlite:///{tmp_path / 'old.db'}" if kind == "sqlite" else request.getfixturevalue("postgres").url
    store = Store(url)
    monkeypatch.setattr(migrate, "HEAD", "0003")
    store.migrate()
    names = (
        "id, reference, kind, status, channel, account, category, priority, district, language, confidential, sender"
    )
    moments = "received_at, heard_at, updated_at"
    for category in ("water.outage", "noise"):
        values = f"'{category}', '{category}', 'complaint', 'offered', 'sms', 'a', '{category}', 'normal', 'dora', 'ar'"
        values += ", false, 's', '2026-11-21T00:00:00Z', '2026-11-21T00:00:00Z', '2026-11-21T00:00:00Z', 1, 1"
        filed = f"INSERT INTO complaints ({names}, {moments}, version, sequence) VALUES ({values})"
        await store.write(lambda connection, filed=filed: connection.execute(text(filed)))
    monkeypatch.setattr(migrate, "HEAD", "0004")
    await asyncio.to_thread(store.migrate)

    found = "SELECT complaint_id, family, district FROM sightings ORDER BY complaint_id"
    rows = await store.read(lambda connection: connection.execute(text(found)).all())
    assert [("noise", "noise", "dora"), ("water.outage", "water", "dora")] == [tuple(row) for row in rows]
    store.close()
