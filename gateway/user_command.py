"""`balagh user`: who may sign in at the desk. A password is asked for or read from standard input, no argument."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import typer

from gateway.city.city import load as load_city
from gateway.opened import opened
from gateway.people import NotAllowed, People, read_name, read_password, read_rights
from gateway.settings import load
from gateway.store import users
from gateway.store.engine import Connection

DISPLAY = 80  # characters of what colleagues call somebody

Say = Callable[[str], object]


async def add(name: str, rights: str, display: str, say: Say, *, from_stdin: bool) -> bool:
    """Add somebody, who may sign in at once. Returns False when the name is taken. Raises typer.BadParameter."""
    known, wanted = _name(name), _rights(rights)
    password = _password(known, from_stdin=from_stdin)
    called = " ".join(display.split())[:DISPLAY] or known
    async with opened(load()) as store:
        added = await People(store).add(known, display=called, rights=wanted, password=password)
    say(f"{known} may sign in: {_words(wanted)}" if added else f"there is a {known} already")
    return added


async def grant(name: str, rights: str, say: Say) -> bool:
    """Give somebody further rights; who was let in no longer may sign in again. Returns False for nobody's name."""
    wanted = _rights(rights)
    return await _change(name, lambda held: held | wanted, say)


async def revoke(name: str, rights: str, say: Say) -> bool:
    """Take rights away, all of them when none is named: then they are let in no longer. False for nobody's name."""
    taken = frozenset(word.strip() for word in rights.replace(",", "+").split("+"))
    return await _change(name, lambda held: held - taken if rights else frozenset(), say)


async def password(name: str, say: Say, *, from_stdin: bool) -> bool:
    """Give somebody another password and end their sessions. Returns False for nobody's name."""
    known = _name(name)
    async with opened(load()) as store:
        if await store.read(partial(users.find, name=known)) is None:
            say(f"there is no {known}")
            return False
        await People(store).set_password(known, _password(known, from_stdin=from_stdin))
    say(f"{known} has another password")
    return True


async def show_all(say: Say) -> None:
    """List everybody: what they may do, or since when they are let in no longer."""
    now = datetime.now(UTC)
    async with opened(load()) as store:
        everybody = await store.read(users.everybody)
    for user in everybody:
        state = f"let in no longer since {user.disabled_at:%Y-%m-%d}" if user.disabled_at else _words(user.rights)
        closed = user.locked_until if user.locked_until and user.locked_until > now else None
        say(f"{user.name:<20}  {state}" + (f"  closed until {closed:%H:%M:%S} UTC: wrong passwords" if closed else ""))
    say(f"{sum(user.disabled_at is None for user in everybody)} may sign in")


async def _change(name: str, change: Callable[[frozenset[str]], frozenset[str]], say: Say) -> bool:
    known = _name(name)

    def work(connection: Connection) -> frozenset[str] | None:
        user = users.find(connection, known, lock=True)
        if user is None:
            return None
        rights, now = change(user.rights), datetime.now(UTC)
        if rights:
            users.set_rights(connection, known, rights, now)
        else:
            users.disable(connection, known, now)
        return rights

    async with opened(load()) as store:
        rights = await store.write(work)
    if rights is None:
        say(f"there is no {known}")
        return False
    say(f"{known} may sign in: {_words(rights)}" if rights else f"{known} is let in no longer")
    return True


def _name(given: str) -> str:
    try:
        return read_name(given)
    except NotAllowed as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error


def _rights(given: str) -> frozenset[str]:
    try:
        return read_rights(given, load_city(load().city).departments)
    except NotAllowed as error:
        raise typer.BadParameter(str(error), param_hint="--rights") from error


def _password(name: str, *, from_stdin: bool) -> str:
    """Ask for a new password: twice on a terminal, or one line of standard input."""
    try:
        if from_stdin:
            given = again = sys.stdin.readline().rstrip("\r\n")
        else:
            given, again = getpass.getpass("Password: "), getpass.getpass("The same again: ")
        if given != again:
            raise NotAllowed("the two are not the same")
        return read_password(given, name)
    except (NotAllowed, EOFError) as error:
        raise typer.BadParameter(str(error) or "none was given", param_hint="password") from error


def _words(rights: frozenset[str]) -> str:
    return "+".join(sorted(rights))
