"""Seals: committed batches of events, chained by HMAC: an event that is removed, altered or cut off is found."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select, text
from sqlalchemy.exc import OperationalError

from gateway.store.complaints import EVENT_LOCK, salted
from gateway.store.tables import events, personal, seals
from normalizer.complaint import rfc3339

BATCH = 5_000  # events under one seal at most
ROWS = 500  # payloads in memory at once
PATIENCE = "500ms"  # for those who are appending to end; an append takes a few milliseconds
LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True, slots=True)
class Seal:
    """One link of the chain. `line()` is what is kept outside the store."""

    seq: int
    first_event: int
    last_event: int
    count: int
    digest: str
    sealed_at: datetime

    def line(self) -> str:
        """Write the seal as one line, for a place that who can change the store cannot change."""
        return f"{self.seq} {self.first_event} {self.last_event} {self.count} {self.digest} {rfc3339(self.sealed_at)}"

    @classmethod
    def read(cls, line: str) -> Seal:
        """Read a line back. Raises ValueError when it is none."""
        seq, first, last, count, digest, at = line.split()
        return cls(int(seq), int(first), int(last), int(count), digest, datetime.fromisoformat(at))


def seal(connection: Connection, key: bytes, now: datetime) -> Seal | None:
    """Seal the events that no seal covers yet; None when there are none, or when an appender takes too long."""
    if connection.dialect.name == "postgresql" and not alone(connection):
        return None
    last = connection.execute(select(seals).order_by(seals.c.seq.desc()).limit(1)).first()
    after, number, previous = (last.last_event, last.seq, last.digest) if last else (0, 0, "")
    rows = connection.execute(select(events).where(events.c.seq > after).order_by(events.c.seq).limit(BATCH)).all()
    if not rows:
        return None
    made = Seal(number + 1, rows[0].seq, rows[-1].seq, len(rows), chain(key, previous, rows), now)
    connection.execute(
        seals.insert(),
        {
            "seq": made.seq,
            "first_event": made.first_event,
            "last_event": made.last_event,
            "size": made.count,
            "digest": made.digest,
            "sealed_at": now,
        },
    )
    return made


def alone(connection: Connection) -> bool:
    """Wait until nobody is appending on PostgreSQL: then every lower sequence number is committed, or gone for good.

    Whoever wants to append now waits behind us, so a node that stopped amid its transaction must not keep us for long.
    """
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        savepoint.rollback()
        return False
    savepoint.commit()
    return True


def since(connection: Connection, number: int) -> list[Seal]:
    """Return the seals after the one with this number, in order."""
    rows = connection.execute(select(seals).where(seals.c.seq > number).order_by(seals.c.seq))
    return [Seal(row.seq, row.first_event, row.last_event, row.size, row.digest, row.sealed_at) for row in rows]


def altered(connection: Connection) -> Iterator[str]:
    """Yield a sentence for every personal payload that is not the one of which its event holds the digest.

    A payload that is not there says nothing: it may have been erased, which is what the digest is for.
    """
    payloads = (
        select(events.c.reference, events.c.digest, personal.c.version, personal.c.salt, personal.c.body)
        .join(personal, and_(personal.c.complaint_id == events.c.complaint_id, personal.c.version == events.c.version))
        .where(events.c.type.in_(("received", "amended")))  # these begin a version
        .order_by(events.c.seq)
        .execution_options(yield_per=ROWS)
    )
    for row in connection.execute(payloads):
        if not hmac.compare_digest(salted(row.salt, row.body), row.digest):
            yield f"the personal payload of {row.reference}, version {row.version}, was altered"


def reached(connection: Connection, at_most: int) -> int:
    """Return the number of the store's last seal, or `at_most` when it has more."""
    last = connection.execute(select(func.max(seals.c.seq))).scalar()
    return min(int(last or 0), at_most)


def holds(connection: Connection, seal: Seal) -> bool:
    """Tell whether the store has a seal of this number."""
    return connection.execute(select(seals.c.seq).where(seals.c.seq == seal.seq)).first() is not None


def chain(key: bytes, previous: str, rows: Iterable[Any]) -> str:
    """Compute the digest of a batch of events behind the digest before it."""
    mac = hmac.new(key, f"balagh-seal\n{previous}\n".encode(), hashlib.sha256)
    for row in rows:
        fields = (
            row.seq,
            row.id,
            row.complaint_id,
            row.reference,
            row.sequence,
            row.type,
            rfc3339(row.time),
            row.channel,
            row.priority,
            row.department or "",
            row.version,
            row.digest,
            row.data,
        )
        mac.update("".join(f"{len(str(value))}:{value}" for value in fields).encode())
    return mac.hexdigest()


def verify(connection: Connection, key: bytes, outside: Iterable[Seal] = ()) -> Iterator[str]:
    """Recompute the chain and yield a sentence for every break; `outside` are the seals kept out of the store."""
    kept: dict[int, set[str]] = {}
    for found in outside:  # a seal that was cut off and made anew stands there twice
        kept.setdefault(found.seq, set()).add(found.digest)
    previous, after = "", 0
    stored = connection.execute(select(seals).order_by(seals.c.seq)).all()
    for row in stored:
        rows = connection.execute(
            select(events).where(events.c.seq > after, events.c.seq <= row.last_event).order_by(events.c.seq)
        ).all()
        if len(rows) != row.size:
            yield f"seal {row.seq} covers {row.size} events, the store has {len(rows)} in its range"
        elif not hmac.compare_digest(chain(key, previous, rows), row.digest):
            yield f"seal {row.seq}: an event between {row.first_event} and {row.last_event} was altered"
        if kept.pop(row.seq, {row.digest}) != {row.digest}:
            yield f"seal {row.seq} differs from the one kept outside the store"
        previous, after = row.digest, row.last_event
    for number in sorted(kept):
        yield f"seal {number} is kept outside the store, but the store has lost it"
