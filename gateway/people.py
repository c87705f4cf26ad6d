"""The people behind the phones: who they are, what each may do, and how they prove that they are it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.store import users
from gateway.store.engine import Store
from gateway.store.users import User

RIGHTS: Final = ("agent", "triage", "supervisor", "admin")
"""And department.<id>. A supervisor may do everything but change who may do what: that takes admin."""

SHORTEST_PASSWORD: Final = 12  # characters
LONGEST_PASSWORD: Final = 256  # characters
IDLE: Final = timedelta(minutes=30)
LONGEST_SESSION: Final = timedelta(hours=12)
SEEN: Final = timedelta(minutes=1)  # how old the note of somebody's last page may grow before it is written anew
FREE_TRIES: Final = 4  # wrong passwords in a row that cost nothing
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
AT_ONCE: Final = 2  # passwords checked at the same time: each takes 64 MiB
MOST_WAITING: Final = 32  # more are turned away

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
_DEPARTMENT: Final = re.compile(r"department\.([a-z0-9_-]+)")
_HASHER: Final = PasswordHasher()  # argon2id with the parameters of RFC 9106 for machines that have other work too


class NotAllowed(ValueError):
    """A name, a right or a password cannot be taken. The text says why, and quotes no password."""


class WrongPassword(Exception):
    """Name and password do not fit, or the name is closed for a while: nobody learns which."""


class TooManyAtOnce(Exception):
    """So many passwords are being checked that another one would have to wait too long."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is signed in. `csrf` is what their forms must carry."""

    name: str
    display: str
    rights: frozenset[str]
    csrf: str = field(repr=False)

    def may(self, *rights: str) -> bool:
        """Say whether they have one of these rights; a supervisor has them all but admin."""
        return not self.rights.isdisjoint(rights) or ("supervisor" in self.rights and set(rights) != {"admin"})


@dataclass(frozen=True, slots=True)
class Key:
    """What a browser keeps to stay signed in: nothing of it is in the store but its digest."""

    token: str = field(repr=False)
    until: datetime


def read_name(given: str) -> str:
    """Return a name as it is kept. Raises NotAllowed."""
    name = unicodedata.normalize("NFKC", given).strip().lower()
    if not _NAME.fullmatch(name):
        raise NotAllowed(
            "a name has 2 to 32 of a-z, 0-9, dot, hyphen and underscore, and begins with a letter or digit"
        )
    return name


def read_rights(given: str, departments: Collection[str]) -> frozenset[str]:
    """Read rights as they are written, such as agent+triage. Raises NotAllowed."""
    rights = frozenset(filter(None, (word.strip() for word in re.split(r"[+,]", given))))
    for word in sorted(rights - set(RIGHTS)):
        found = _DEPARTMENT.fullmatch(word)
        if found is None:
            raise NotAllowed(f"{word!r} is not one of {', '.join(RIGHTS)}, department.<id>")
        if found[1] not in departments:
            raise NotAllowed(f"the city has no department {found[1]!r}")
    if not rights:
        raise NotAllowed(f"name at least one of {', '.join(RIGHTS)}, department.<id>")
    return rights


def read_password(given: str, name: str) -> str:
    """Return a new password as it is hashed. Raises NotAllowed."""
    password = _plain(given)
    if len(password) < SHORTEST_PASSWORD:
        raise NotAllowed(f"a password has {SHORTEST_PASSWORD} characters or more")
    if len(password) > LONGEST_PASSWORD:
        raise NotAllowed(f"a password has {LONGEST_PASSWORD} characters at most")
    if len(set(password)) < SHORTEST_PASSWORD // 3 or name in password.lower():
        raise NotAllowed("a password is not a few characters repeated, and does not hold the name")
    return password


def pause(failures: int) -> timedelta:
    """Return for how long so many wrong passwords in a row close a name."""
    if failures <= FREE_TRIES:
        return timedelta()
    # The exponent is bounded: a name that was tried for a year must not overflow.
    return min(FIRST_PAUSE * (1 << min(failures - FREE_TRIES - 1, 10)), LONGEST_PAUSE)


class People:
    """Everybody who may sign in, in one store."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store, self._clock = store, clock
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def add(self, name: str, *, display: str, rights: Collection[str], password: str) -> bool:
        """Add somebody. Returns False when the name is taken."""
        hashed = await asyncio.to_thread(_HASHER.hash, password)
        return await self._store.write(
            partial(users.add, name=name, display=display, rights=rights, password_hash=hashed, now=self._clock())
        )

    async def set_password(self, name: str, password: str) -> None:
        """Give somebody another password; every session of theirs ends."""
        hashed = await asyncio.to_thread(_HASHER.hash, password)
        await self._store.write(partial(users.set_password, name=name, password_hash=hashed, now=self._clock()))

    async def sign_in(self, name: str, password: str, *, instead_of: str = "") -> Key:
        """Open a session, and end the one that the browser had, `instead_of`. Raises WrongPassword, TooManyAtOnce.

        A name that nobody has costs as much time as one that somebody has.
        """
        try:
            known = read_name(name)
        except NotAllowed:
            known = ""
        if self._waiting >= MOST_WAITING:
            raise TooManyAtOnce
        self._waiting += 1
        try:
            tried = await self._store.write(partial(users.begin_try, name=known, now=self._clock(), pause=pause))
            async with self._turns:
                fits, better = await asyncio.to_thread(_compare, tried, _plain(password[:LONGEST_PASSWORD]))
        finally:
            self._waiting -= 1
        key, csrf = self._key(), secrets.token_urlsafe(32)
        if tried is None or not fits:
            raise WrongPassword
        opened = await self._store.write(
            partial(
                users.admit,
                tried=tried,
                id_digest=_digest(key.token),
                csrf=csrf,
                now=self._clock(),
                until=key.until,
                password_hash=better,
            )
        )
        if not opened:
            raise WrongPassword
        if instead_of:
            await self.sign_out(instead_of)
        return key

    async def sign_out(self, token: str) -> None:
        """End a session."""
        await self._store.write(partial(users.close, id_digest=_digest(token)))

    async def visit(self, token: str) -> Visit | None:
        """Return who is signed in with this token, if the session is not over."""
        now, digest = self._clock(), _digest(token)
        found = await self._store.read(
            partial(users.session, id_digest=digest, now=now, idle=IDLE, longest=LONGEST_SESSION)
        )
        if found is None:
            return None
        if abs(now - found.seen_at) > SEEN:
            await self._store.write(partial(users.seen, id_digest=digest, now=now))
        return Visit(found.user.name, found.user.display, found.user.rights, found.csrf)

    def _key(self) -> Key:
        return Key(secrets.token_urlsafe(32), self._clock() + LONGEST_SESSION)


def _plain(password: str) -> str:
    # The same letters typed on another keyboard, or composed otherwise, are the same password (NIST SP 800-63B).
    return unicodedata.normalize("NFKC", password)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _nobodys() -> str:
    """Hash a password that nobody knows, to compare with where there is none."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _compare(tried: User | None, password: str) -> tuple[bool, str | None]:
    """Say whether a password fits, and how it is hashed today if it was hashed otherwise. Takes long: in a thread."""
    nobodys = _nobodys()  # asked for in any case, for the first one who asks waits until it is made
    hashed = tried.password_hash if tried is not None else nobodys
    try:
        _HASHER.verify(hashed, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False, None
    return tried is not None, _HASHER.hash(password) if _HASHER.check_needs_rehash(hashed) else None
