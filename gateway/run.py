"""Serve: settings, city, house, sites, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator

import uvloop
from aiohttp import web

from gateway import damage, observe
from gateway.app import ROLES, admin_site, build, public_site, running
from gateway.city.city import load as load_city
from gateway.house import House
from gateway.settings import Address, Settings, SettingsError, load
from gateway.threshold import Threshold

GOODBYE = 8.0  # seconds that requests in flight are given to end

GARBAGE = 20_000  # objects between two looks for cycles; the default of 700 means one or two for every message
TURN = 0.001  # seconds that the store's thread keeps the interpreter while the door waits for it

READING = frozenset({"interpret", "router"})  # the roles that read what citizens write

log = observe.logger("house")


def serve(roles: str) -> None:
    """Run until SIGTERM or SIGINT. Raises SettingsError, CityError, StoreMismatch, SpoolBroken, StoreUnavailable."""
    begun = time.perf_counter()
    wanted = frozenset(ROLES if roles == "all" else (role.strip() for role in roles.split(",")))
    if unknown := sorted(wanted - set(ROLES)):
        raise SettingsError(f"--roles: {unknown[0]!r} is not one of all, {', '.join(ROLES)}")
    os.umask(0o077)  # what it writes (the store, its log, photos) is for nobody else on this machine
    settings = load()
    observe.configure(settings.log, stream=observe.Unhurried(sys.stdout))
    city = load_city(settings.city)
    if wanted & READING:
        city.reader.ready()
    house = build(settings, city, wanted)
    uvloop.run(_serve(house, begun))


@contextlib.contextmanager
def _sole(house: House) -> Iterator[None]:
    """Keep a second process away from a folder that only one may write: a SQLite store, a spool."""
    folder = house.settings.data_dir
    with (folder / "lock").open("w") as file:
        if house.store.embedded or house.spool is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of it however the process ends
            except BlockingIOError as error:
                raise SettingsError(f"BALAGH_DATA_DIR: another gateway is running in {folder.absolute()}") from error
            except OSError as error:  # some network file systems know no locks
                log.warning("cannot tell whether another gateway runs here", reason=error.strerror)
        yield


async def _serve(house: House, begun: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_sole(house))
        damage.look(house.settings)
        await stack.enter_async_context(running(house))
        settings = house.settings
        admin = settings.admin_listen
        await stack.enter_async_context(_site(public_site(house, admin=admin is None), settings.listen, "LISTEN"))
        if admin is not None:
            await stack.enter_async_context(_site(admin_site(house), admin, "ADMIN_LISTEN"))
        gc.freeze()  # what start-up made stays for good: the collector need not look at it again
        gc.set_threshold(GARBAGE, 20, 50)
        sys.setswitchinterval(TURN)
        _announce(house, settings, time.perf_counter() - begun)
        await stop.wait()
        log.info("stopping")


@contextlib.asynccontextmanager
async def _site(app: web.Application, address: Address, name: str) -> AsyncIterator[None]:
    threshold = Threshold(app, goodbye=GOODBYE)
    try:
        await threshold.open(address.host, address.port)
    except OSError as error:
        raise SettingsError(f"BALAGH_{name}: cannot listen on {address}: {error.strerror}") from error
    try:
        yield
    finally:
        await threshold.close()


def _announce(house: House, settings: Settings, seconds: float) -> None:
    for name, why in settings.off.items():
        log.info("channel off", channel=name, reason=why)
    for name in settings.weak:
        log.warning("short enough to be guessed: for a trial only", setting=name)
    for name in settings.unknown:
        log.warning("unknown setting ignored", setting=f"BALAGH_{name}")
    log.info(
        "open",
        address=settings.public_url,
        city=house.city.id,
        store="sqlite" if house.store.embedded else "postgresql",
        broker=house.bus.name,
        channels=sorted(house.channels),
        roles=sorted(house.roles),
        seconds=round(seconds, 2),
    )
    if sys.stdout.isatty() or settings.log == "text":
        print(f"\n    بلاغ  ·  Balagh  ·  {settings.public_url}\n", flush=True)  # noqa: T201 - the one address
