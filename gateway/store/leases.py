"""Leases: what only one process may do at a time (the relay, the sealer), whoever of them is alive."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select, update

from gateway.store.insert import insert_or_ignore
from gateway.store.moments import has_come
from gateway.store.tables import leases


def hold(connection: Connection, name: str, holder: str, *, now: datetime, term: timedelta) -> bool:
    """Take or renew a lease until `now + term`; False while another holds it.

    On PostgreSQL the server's clock decides, so that nodes whose clocks differ agree. When that clock is set back,
    a lease that was taken before ends within minutes of its holder, and not hours later.
    """
    if connection.dialect.name == "postgresql":
        now = connection.execute(select(func.clock_timestamp())).scalar_one()
    connection.execute(insert_or_ignore(connection, leases), {"name": name, "holder": holder, "until": now})
    result = connection.execute(
        update(leases)
        .where(leases.c.name == name, or_(leases.c.holder == holder, has_come(leases.c.until, now, term)))
        .values(holder=holder, until=now + term)
    )
    return bool(result.rowcount)


def release(connection: Connection, name: str, holder: str, *, now: datetime) -> None:
    """Let go of a lease, so that another need not wait for its term."""
    if connection.dialect.name == "postgresql":
        now = connection.execute(select(func.clock_timestamp())).scalar_one()
    connection.execute(update(leases).where(leases.c.name == name, leases.c.holder == holder).values(until=now))
