"""Bring a store to this version of the tables, by Alembic, without loading Alembic when there is nothing to do.

A version is one transaction: killed in the middle, it leaves the store as it was. It only adds, and what it adds has a
default, so that a gateway of the version before goes on beside it until it is started anew.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from gateway.store.faults import StoreMismatch
from gateway.store.tables import metadata

HEAD = "0005"
VERSIONS = (Path(__file__).parent / "migrations" / "versions",)
LOCK = 0x62616C61  # PostgreSQL advisory lock: two nodes that start together migrate one after the other


def upgrade(engine: Engine) -> None:
    """Migrate to HEAD. Raises StoreMismatch for a store that a newer version wrote."""
    with engine.connect() as connection:
        if revision(connection) == HEAD:
            return
    with _rows_left_alone(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # a million rows take longer than a request may
        if revision(connection) == HEAD:  # another node was faster
            return
        if revision(connection) is None and (strangers := _strangers(connection)):
            raise StoreMismatch(
                f"the store holds a table {strangers[0]} that is not this program's: give it a store of its own"
            )
        _run(connection)


@contextlib.contextmanager
def _rows_left_alone(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction in which SQLite may make a table anew without the rows that refer to it falling with it."""
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            raw.execute("PRAGMA foreign_keys=OFF")  # heard outside a transaction only
        try:
            with connection.begin():
                yield connection
                if sqlite and (orphans := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
                    raise StoreMismatch(f"{len(orphans)} rows of {orphans[0][0]} would belong to nothing: not migrated")
        finally:
            if sqlite:
                raw.execute("PRAGMA foreign_keys=ON")


def demand(connection: Connection) -> None:
    """Hold a store to the tables of this version. Raises StoreMismatch."""
    if (found := revision(connection)) != HEAD:
        what = "holds nothing yet" if found is None else f"has tables of version {found}, this program's are {HEAD}"
        raise StoreMismatch(f"the store {what}: the next run makes them right")


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
    config.set_main_option("version_locations", os.pathsep.join(str(path) for path in VERSIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise StoreMismatch(
            f"the store's tables are of version {revision(connection)}, which this program does not know: "
            "run a newer balagh, or give it a store of its own"
        ) from error
