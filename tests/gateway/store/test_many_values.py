"""More values than a statement takes: an incident that half a city reports."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from functools import partial
from typing import Final

import pytest
from sqlalchemy import Connection, text

from gateway.store import answers, complaints
from gateway.store.answers import Answer
from gateway.store.engine import Store
from gateway.store.ledger import Ledger
from normalizer.complaint import Priority
from tests.gateway.store.making import NOW, complaint, file

MANY: Final = [f"id-{number}" for number in range(66_000)]  # PostgreSQL takes 65,535 values in a statement
USUAL: Final = 32_766  # that SQLite takes; a system may have raised it


def _restrain(connection: Connection, most: int = USUAL) -> None:
    """Let SQLite take no more values than it does where nobody has raised that, or fewer."""
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, most)


async def test_any_number_of_complaints_is_held_at_once(store: Store) -> None:
    """The first and the last of many are found, each once however often it is named, in the order of their ids."""
    await file(store, "first")
    await file(store, "last")

    def hold(connection: Connection) -> list[str]:
        _restrain(connection)
        wanted = ["id-last", *MANY, "id-first", "id-last"]
        return [case.complaint.id for case in complaints.load_these(connection, wanted, lock=True)]

    assert ["id-first", "id-last"] == await store.write(hold)


async def test_what_was_told_of_any_number_goes_first_once_they_are_in_danger(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood is seen to be one: everything that waits to be published of everybody in it is urgent."""
    monkeypatch.setattr("gateway.store.parts.MOST", 10)

    def flood(connection: Connection) -> int:
        _restrain(connection, 40)
        with Ledger(connection, NOW) as ledger:
            filed = [ledger.create(complaint(f"{number}"), sender="s", account="a") for number in range(60)]
        with Ledger(connection, NOW) as ledger:
            for case in filed:
                ledger.amend(case, case.complaint.but(priority=Priority.DISTRESS), heard_at=NOW, facts={})
        return int(connection.execute(text("SELECT count(*) FROM relay WHERE urgent")).scalar_one())

    assert 120 == await sqlite_store.write(flood)


async def test_what_was_answered_to_any_number_of_complaints_is_known(store: Store) -> None:
    """A department accepted one of many, and went on with it: both answers are found, the older first."""
    verbs = ["accepted", "progressed"]
    for number, verb in enumerate(verbs):
        said = Answer(f"answer-{verb}", "water", verb, "digest", "4821093756", verb, "offer", NOW, NOW)
        await store.write(partial(answers.begin, answer=said))
        done = replace(said, complaint_id=MANY[-1], sequence=number)
        await store.write(partial(answers.conclude, answer=done))

    def look(connection: Connection) -> dict[str, list[str]]:
        _restrain(connection)
        return {name: [one.verb for one in found] for name, found in answers.in_hand(connection, MANY).items()}

    assert {MANY[-1]: verbs} == await store.read(look)
