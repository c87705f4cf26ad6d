"""What a store knows of itself: whose key it was made with, and which broker has confirmed its events."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, select, update

from gateway.store import outbox
from gateway.store.engine import StoreMismatch
from gateway.store.insert import insert_or_ignore
from gateway.store.tables import facts, relay

KEY, BROKER, TOUCHED = "key", "broker", "touched"


def settle(connection: Connection, *, key: str, broker: str | None) -> int:
    """Hold the store to its key, and publish anew to a broker what only the embedded one has confirmed.

    `key` is a digest of the city's secret key: with another one, references would be given anew to old messages, PINs
    would open nothing and every seal would look broken. Returns how many events are published anew. Raises
    StoreMismatch. A process that publishes nothing gives no `broker`.
    """
    first = {KEY: key, **({BROKER: broker} if broker else {})}
    connection.execute(
        insert_or_ignore(connection, facts), [{"name": name, "value": value} for name, value in first.items()]
    )
    demand(connection, key)
    held = {row.name: row.value for row in connection.execute(select(facts))}
    if broker is None or held[BROKER] == broker:
        return 0
    keep(connection, BROKER, broker)
    if held[BROKER] != "embedded":
        return 0
    return outbox.anew(connection, relay.c.published_at.is_not(None))


def demand(connection: Connection, key: str) -> None:
    """Hold the store to its key, given as a digest; one that was never begun is anybody's. Raises StoreMismatch."""
    if known(connection, KEY) not in {None, key}:
        raise StoreMismatch("this store was made with another BALAGH_SECRET_KEY: put the old one back")


def touch(connection: Connection) -> None:
    """Write something of no meaning: whether that can be committed says whether anything can."""
    keep(connection, TOUCHED, secrets.token_hex(4))


def known(connection: Connection, name: str) -> str | None:
    """Return what is kept under a name; None when nothing is."""
    return connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar()


def hold(connection: Connection, name: str) -> str:
    """Return what is kept under a name, empty when nothing is; until the commit nobody else changes it."""
    connection.execute(insert_or_ignore(connection, facts), {"name": name, "value": ""})
    held: str = connection.execute(select(facts.c.value).where(facts.c.name == name).with_for_update()).scalar_one()
    return held


def keep(connection: Connection, name: str, value: str) -> None:
    """Keep something under a name, in place of what was kept there."""
    if not connection.execute(update(facts).where(facts.c.name == name).values(value=value)).rowcount:
        connection.execute(insert_or_ignore(connection, facts), {"name": name, "value": value})
