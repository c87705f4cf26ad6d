"""The people who work at the desk, their rights, and the sessions they are signed in with."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from gateway.store import facts
from gateway.store.insert import insert_or_ignore
from gateway.store.moments import MARGIN
from gateway.store.tables import sessions, users

Pause = Callable[[int], timedelta]


@dataclass(frozen=True, slots=True)
class User:
    """One person's row. `disabled_at` is set for somebody who may no longer sign in."""

    name: str
    display: str
    rights: frozenset[str]
    password_hash: str = field(repr=False)
    disabled_at: datetime | None = None
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """An open session: whose it is, and the token that its forms must carry."""

    user: User
    csrf: str = field(repr=False)
    seen_at: datetime


def add(
    connection: Connection, name: str, *, display: str, rights: Collection[str], password_hash: str, now: datetime
) -> bool:
    """Add a person. Returns False when the name is taken."""
    row = {
        "name": name,
        "display": display,
        "password_hash": password_hash,
        "rights": json.dumps(sorted(rights)),
        "created_at": now,
        "changed_at": now,
    }
    # Not by rowcount: for an INSERT psycopg's is unknown, and unknown is not nothing.
    added = connection.execute(insert_or_ignore(connection, users).returning(users.c.name), row)
    return added.scalar() is not None


def find(connection: Connection, name: str, *, lock: bool = False) -> User | None:
    """Return a person; `lock` keeps others from changing the row until the commit."""
    wanted = select(users).where(users.c.name == name)
    row = connection.execute(wanted.with_for_update() if lock else wanted).first()
    return _user(row) if row is not None else None


def everybody(connection: Connection) -> list[User]:
    """Return all, by name."""
    return [_user(row) for row in connection.execute(select(users).order_by(users.c.name))]


def set_rights(connection: Connection, name: str, rights: Collection[str], now: datetime) -> None:
    """Replace a person's rights and let them in again; open sessions have the new rights from their next page on."""
    _change(connection, name, now, rights=json.dumps(sorted(rights)), disabled_at=None)


def set_password(connection: Connection, name: str, password_hash: str, now: datetime) -> None:
    """Replace a person's password. Whoever is signed in with the old one is signed out."""
    _change(connection, name, now, password_hash=password_hash, failures=0, locked_until=None)
    close_all(connection, name)


def disable(connection: Connection, name: str, now: datetime) -> None:
    """Let a person in no longer, from now on."""
    _change(connection, name, now, disabled_at=now, rights="[]")
    close_all(connection, name)


def begin_try(connection: Connection, name: str, now: datetime, pause: Pause) -> User | None:
    """Count a try to sign in before it is known to fail, so that tries at the same moment are counted too.

    `pause` says how long a number of failures in a row closes the name. None for somebody who is unknown, disabled or
    closed now: their try is over.
    """
    row = connection.execute(select(users).where(users.c.name == name).with_for_update()).first()
    if row is None or row.disabled_at is not None or _closed(row.locked_until, now, pause(row.failures)):
        facts.touch(connection)  # a commit that writes takes longer than one that does not, and would tell names apart
        return None
    failures = row.failures + 1
    wait = pause(failures)
    connection.execute(
        update(users).where(users.c.name == name).values(failures=failures, locked_until=now + wait if wait else None)
    )
    return _user(row)


def admit(
    connection: Connection,
    tried: User,
    *,
    id_digest: str,
    csrf: str,
    now: datetime,
    until: datetime,
    password_hash: str | None = None,
) -> bool:
    """Open a session for somebody whose password was right, and forget their failures.

    `password_hash` replaces the one that was tried, when that was made with weaker parameters. Returns False when the
    password was changed, or the person disabled, since the try began.
    """
    row = connection.execute(select(users).where(users.c.name == tried.name).with_for_update()).first()
    if row is None or row.disabled_at is not None or row.password_hash != tried.password_hash:
        return False
    fresh = {"password_hash": password_hash} if password_hash else {}
    connection.execute(update(users).where(users.c.name == tried.name).values(failures=0, locked_until=None, **fresh))
    connection.execute(delete(sessions).where(sessions.c.expires_at < now))
    connection.execute(
        sessions.insert(),
        {
            "id_digest": id_digest,
            "user": tried.name,
            "csrf": csrf,
            "created_at": now,
            "seen_at": now,
            "expires_at": until,
        },
    )
    return True


def session(
    connection: Connection, id_digest: str, now: datetime, *, idle: timedelta, longest: timedelta
) -> Session | None:
    """Return an open session, unless it is over.

    It is over when nothing came from it for `idle`, when it has lasted `longest`, or when its person was disabled. One
    of the future is over too: a clock that was set back must not make it last.
    """
    row = connection.execute(
        select(sessions.c.csrf, sessions.c.seen_at, sessions.c.expires_at, users)
        .join(users, users.c.name == sessions.c.user)
        .where(sessions.c.id_digest == id_digest)
    ).first()
    if row is None or row.disabled_at is not None:
        return None
    if not now < row.expires_at <= now + longest + MARGIN or not -MARGIN <= now - row.seen_at <= idle:
        return None
    return Session(_user(row), row.csrf, row.seen_at)


def seen(connection: Connection, id_digest: str, now: datetime) -> None:
    """Record that somebody is still there."""
    connection.execute(update(sessions).where(sessions.c.id_digest == id_digest).values(seen_at=now))


def close(connection: Connection, id_digest: str) -> None:
    """End a session."""
    connection.execute(delete(sessions).where(sessions.c.id_digest == id_digest))


def close_all(connection: Connection, name: str) -> None:
    """End every session of a person."""
    connection.execute(delete(sessions).where(sessions.c.user == name))


def count(connection: Connection) -> int:
    """Count those who may sign in."""
    return int(
        connection.execute(select(func.count()).select_from(users).where(users.c.disabled_at.is_(None))).scalar_one()
    )


def _change(connection: Connection, name: str, now: datetime, **values: Any) -> None:
    connection.execute(update(users).where(users.c.name == name).values(changed_at=now, **values))


def _closed(until: datetime | None, now: datetime, longest: timedelta) -> bool:
    """Tell whether a name is still closed; a moment beyond the longest pause is a clock's that has been set back."""
    return until is not None and now < until <= now + longest + MARGIN


def _user(row: Any) -> User:
    return User(
        name=row.name,
        display=row.display,
        rights=frozenset(json.loads(row.rights)),
        password_hash=row.password_hash,
        disabled_at=row.disabled_at,
        locked_until=row.locked_until,
    )
