"""Statements that are compiled once, for the few that every message costs.

SQLAlchemy compiles a statement once too, but then prepares each row's parameters one by one in Python, which costs more
than SQLite needs to write the row. Here a row is put in order in one step, and only what must be converted is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Connection, Delete, Insert, Update, select

Convert = Callable[[Any], Any]


class Prepared:
    """An INSERT, UPDATE or DELETE for many rows, each a mapping from the names in `columns` to values."""

    def __init__(self, statement: Insert | Update | Delete, columns: Sequence[str]) -> None:
        self._statement, self._columns = statement, list(columns)
        self._forms: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {}  # by dialect

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run it for every row and return how many rows it touched; nothing is asked of the store without rows."""
        if not rows:
            return 0
        name = connection.dialect.name
        if name not in self._forms:
            self._forms[name] = self._compile(connection)
        sql, order = self._forms[name]
        return connection.exec_driver_sql(sql, [order(row) for row in rows]).rowcount

    def _compile(self, connection: Connection) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        dialect = connection.dialect
        compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
        names = compiled.positiontup or list(compiled.binds)
        converts = [
            (place, convert)
            for place, name in enumerate(names)
            if (convert := compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) is not None
        ]
        return str(compiled), _order(names, converts, named=compiled.positiontup is None)


def _order(
    names: Sequence[str], converts: Sequence[tuple[int, Convert]], *, named: bool
) -> Callable[[Mapping[str, Any]], Any]:
    pick = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)

    def order(row: Mapping[str, Any]) -> Any:
        values = list(pick(row))
        for place, convert in converts:
            values[place] = convert(values[place])
        return dict(zip(names, values, strict=True)) if named else tuple(values)

    return order


def known(connection: Connection, column: Column[Any], values: Collection[str]) -> set[str]:
    """Return which of some texts stand in a column."""
    if not values:
        return set()
    if connection.dialect.name == "sqlite":
        # One parameter, so that the statement is the same for any number of values and SQLite keeps it prepared.
        some = "(SELECT value FROM json_each(?))"
        sql = f"SELECT {column.name} FROM {column.table.name} WHERE {column.name} IN {some}"  # noqa: S608 - our names
        return set(connection.exec_driver_sql(sql, (json.dumps(list(values)),)).scalars())
    return set(connection.execute(select(column).where(column.in_(values))).scalars())
