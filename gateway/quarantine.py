"""Quarantine on the command line: list, show, retry, republish, drop. Nothing is ever deleted."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from gateway import observe
from gateway.opened import opened
from gateway.settings import load
from gateway.store import accounts, journal, outbox, pointers, quarantine
from gateway.store.engine import Connection, Store
from normalizer.text import ascii_digits

Say = Callable[[str], object]


async def show_all(say: Say) -> None:
    """List what is open: number, since when, where it broke, and why."""
    async with opened(load()) as store:
        rows, count = await store.read(
            lambda connection: (quarantine.entries(connection), quarantine.count(connection))
        )
    for row in rows:
        say(f"{row.id:>6}  {row.created_at:%Y-%m-%d %H:%M:%S}  {row.stage:<10}  {_plain(row.reason)}")
    say(f"{count} open" + (f", the oldest {len(rows)} are shown" if count > len(rows) else ""))


async def show_one(number: int, say: Say) -> bool:
    """Show one entry whole. Returns False when there is none."""
    async with opened(load()) as store:
        row = await store.read(lambda connection: quarantine.entry(connection, number))
    if row is None:
        say(f"there is no entry {number}")
        return False
    say(f"{row.id} {row.state}, broke in {row.stage}, subject {_plain(row.subject)}")
    say(f"because: {_plain(row.reason)}")
    try:
        say(
            json.dumps(json.loads(row.body), ensure_ascii=True, indent=2)
        )  # ASCII: a terminal must not be turned around
    except ValueError:
        say(ascii(row.body))
    return True


async def retry(number: int, say: Say) -> bool:
    """Let an open entry go through again: an Inbound is understood anew, an event published, an answer heard."""

    def again(connection: Connection) -> str | None:
        row = quarantine.entry(connection, number)
        if row is None or row.state != "open":
            return None
        if row.stage == quarantine.INTERPRET and journal.reopen(connection, row.subject):
            done = "it is understood again"
        elif row.stage == quarantine.DISPATCH and outbox.republish(connection, row.subject):
            done = "its event is published again"
        elif row.stage == quarantine.FOLLOW and pointers.again(connection, row.subject, datetime.now(UTC)):
            done = "its words are asked for again"
        elif row.stage == quarantine.UPDATES and heard:
            done = heard
        else:
            return ""
        quarantine.settle(connection, number, state="retried", by=_person(), now=datetime.now(UTC))
        return done

    async with opened(load()) as store:
        row = await store.read(lambda connection: quarantine.entry(connection, number))
        heard = (
            await _hear(store, row)
            if row is not None and row.stage == quarantine.UPDATES and row.state == "open"
            else ""
        )
        done = await store.write(again)
    if done is None:
        say(f"there is no open entry {number}")
    else:
        say(f"{number}: {done or 'it cannot be retried from here; drop it once it is settled by hand'}")
    return bool(done)


async def _hear(store: Store, row: Any) -> str:
    """Let a department's answer be heard, and say what came of it; empty when it still cannot be read."""
    from gateway.app import build
    from gateway.city.city import load as city_of
    from gateway.updates import Unreadable, Updates, read, sent_to

    settings = load()
    city = city_of(settings.city)
    try:
        update = read(sent_to(row.subject), row.body.encode("utf-8"), city.departments)
    except Unreadable:
        return ""
    house = build(settings, city, frozenset())
    try:
        outcome = await Updates(store, lambda: city, house.acknowledger, ()).answer(update, tell=True)
    finally:
        house.store.close()
    return f"the answer is heard: {outcome.status}" if outcome.done else f"the answer is refused: {outcome.reason}"


async def republish(reference: str, say: Say) -> bool:
    """Publish the last words of a complaint's citizen again: the way back for what RabbitMQ moved to balagh.dead.

    Whoever had them already sees the same event id a second time, and a router decides nothing twice.
    """
    digits = "".join(letter for letter in ascii_digits(reference) if letter.isdecimal())

    def again(connection: Connection) -> bool:
        event_id = accounts.last_heard(connection, digits)
        return event_id is not None and outbox.republish(connection, event_id)

    async with opened(load()) as store:
        done = await store.write(again)
    say(f"{digits}: its last event is published again" if done else f"there is no complaint {_plain(reference)}")
    return done


async def drop(number: int, why: Callable[[], str], say: Say) -> bool:
    """Close an open entry for good, its Inbound done with the reason; `why` is asked for it once the entry is found."""

    def open_entry(connection: Connection) -> Any | None:
        row = quarantine.entry(connection, number)
        return row if row is not None and row.state == "open" else None

    def close(connection: Connection, reason: str) -> bool:
        row, now = open_entry(connection), datetime.now(UTC)
        if row is None:
            return False
        if row.stage == quarantine.INTERPRET:
            journal.drop(connection, row.subject, f"dropped: {reason}"[:300], now)
        return quarantine.settle(connection, number, state="dropped", by=f"{_person()}: {reason}"[:300], now=now)

    async with opened(load()) as store:
        done = await store.read(open_entry) is not None and await store.write(partial(close, reason=why()))
    say(f"{number}: dropped" if done else f"there is no open entry {number}")
    return done


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"user {os.getuid()}"


def _plain(text: str) -> str:
    """Write it on one line that cannot turn a terminal around or pass for another row."""
    return observe.CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
