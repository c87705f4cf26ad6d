"""What a store knows of itself: whose key it was made with, and which broker has confirmed its events."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, select, update

from gateway.store.engine import StoreMismatch
from gateway.store.journal import insert_or_ignore
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
    known = {row.name: row.value for row in connection.execute(select(facts))}
    if known[KEY] != key:
        raise StoreMismatch("this store was made with another BALAGH_SECRET_KEY: put the old one back")
    if broker is None or known[BROKER] == broker:
        return 0
    connection.execute(update(facts).where(facts.c.name == BROKER).values(value=broker))
    if known[BROKER] != "embedded":
        return 0
    anew = update(relay).where(relay.c.published_at.is_not(None)).values(published_at=None, parked_until=None)
    return connection.execute(anew).rowcount


def touch(connection: Connection) -> None:
    """Write something of no meaning: whether that can be committed says whether anything can."""
    connection.execute(insert_or_ignore(connection, facts), {"name": TOUCHED, "value": ""})
    connection.execute(update(facts).where(facts.c.name == TOUCHED).values(value=secrets.token_hex(4)))
