"""Bring a store to this version of the tables, by Alembic, without loading Alembic when there is nothing to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from gateway.store.faults import StoreMismatch
from gateway.store.tables import metadata

HEAD = "0001"
LOCK = 0x62616C61  # PostgreSQL advisory lock: two nodes that start together migrate one after the other


def upgrade(engine: Engine) -> None:
    """Migrate to HEAD. Raises StoreMismatch for a store that a newer version wrote."""
    with engine.begin() as connection:
        if revision(connection) == HEAD:
            return
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        if revision(connection) is None and (strangers := _strangers(connection)):
            raise StoreMismatch(
                f"the store holds a table {strangers[0]} that is not this program's: give it a store of its own"
            )
        _run(connection)


def revision(connection: Connection) -> str | None:
    """Return the version of the tables, or None for an empty store."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found else None


def _strangers(connection: Connection) -> list[str]:
    """Name the tables of others that stand where ours must go."""
    return sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise StoreMismatch(
            f"the store's tables are of version {revision(connection)}, which this program does not know: "
            "run a newer balagh, or give it a store of its own"
        ) from error
