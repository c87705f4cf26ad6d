"""Build the house: start its parts in order, stop them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiohttp import web

from channels.base import Adapter, Fetches
from gateway import damage, observe, silence
from gateway.api.documents import add_schemas
from gateway.api.routes import add_api
from gateway.broker.bus import Bus
from gateway.broker.loopback import Loopback
from gateway.broker.relay import Relay
from gateway.broker.supervision import end
from gateway.broker.topology import Topology
from gateway.calls import Ends, Sweeper
from gateway.citizen.routes import add_citizen
from gateway.city.city import City
from gateway.city.reload import NOTE, Follower
from gateway.desk.routes import add_desk
from gateway.dispatch import Dispatcher
from gateway.doors import add_channels, add_health, add_metrics, answer_faults
from gateway.files import Files, Unusable
from gateway.hotline import open_lines
from gateway.house import HOUSE, House, Signals
from gateway.identity import Identities
from gateway.intake import Intake
from gateway.interpret import Interpreter
from gateway.lease import Lease
from gateway.media.fetch import Fetcher
from gateway.media.worker import MediaWorker
from gateway.pollers import Pollers
from gateway.registry import CHANNELS
from gateway.replies import Replies
from gateway.rescue import Rescue
from gateway.sealer import Sealer
from gateway.settings import Settings, SettingsError
from gateway.spool import Spool
from gateway.store import facts
from gateway.store.engine import Store, StoreMismatch, StoreUnavailable
from gateway.updates import Listener, Updates
from gateway.watch import watch

ROLES = ("intake", "interpret", "relay", "router", "replies", "clock", "pollers")

LISTENING = 60.0  # seconds between two looks at what each channel has heard

log = observe.logger("house")


def build(settings: Settings, city: City, roles: frozenset[str]) -> House:
    """Put the parts together; nothing runs yet. Raises SettingsError, StoreMismatch."""
    store = Store(settings.store_url)
    bus = bus_of(settings, city)
    if not settings.broker_url and ("relay" in roles) != ("router" in roles):
        raise SettingsError(
            "--roles: the embedded broker lives in one process, so relay and router run together; "
            "set BALAGH_BROKER_URL=amqp://… to run them apart"
        )
    files = files_of(settings)
    identities = Identities(settings.secret_key)
    # Only who drains it may fill it.
    spool = Spool(settings.data_dir / "spool") if "intake" in roles and not store.embedded else None
    signals = Signals()
    house = House(
        settings=settings,
        city=city,
        store=store,
        identities=identities,
        files=files,
        intake=Intake(store, identities, spool, signals.arrived),
        spool=spool,
        bus=bus,
        signals=signals,
        channels=channels_of(settings),
        roles=roles,
    )
    open_lines(house)
    return house


def files_of(settings: Settings) -> Files:
    """Return the folder for photos, recordings and scans. Raises SettingsError when it cannot be used."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return Files(settings.data_dir / "files")
    except (OSError, Unusable) as error:
        raise SettingsError(f"BALAGH_DATA_DIR: {error}") from error


def channels_of(settings: Settings) -> dict[str, Adapter]:
    """Build the channels that are on, by name."""
    return {kind.name: kind(settings.channels[kind.name]) for kind in CHANNELS if kind.name in settings.channels}


def bus_of(settings: Settings, city: City) -> Bus:
    """Return the broker that the settings name. Raises SettingsError."""
    topology = Topology(name for name, department in city.departments.items() if department.delivery == "amqp")
    if not settings.broker_url:
        return Loopback(topology)
    from gateway.broker.rabbitmq import RabbitMQ

    try:
        return RabbitMQ(settings.broker_url, topology)
    except ValueError as error:
        raise SettingsError(f"BALAGH_BROKER_URL: {error}") from error


def public_site(house: House, *, admin: bool) -> web.Application:
    """Return the application that citizens and providers reach; with `admin`, staff and programs as well."""
    app = _site(house)
    if "intake" in house.roles:
        add_channels(app, house)
        add_citizen(app, house)
    if admin:
        _add_staff(app, house)
    else:
        add_schemas(app, house)  # every event names its schema at the public address
    return app


def admin_site(house: House) -> web.Application:
    """Return the application of BALAGH_ADMIN_LISTEN."""
    app = _site(house)
    _add_staff(app, house)
    return app


def _site(house: House) -> web.Application:
    app = web.Application(middlewares=[answer_faults])
    app[HOUSE] = house
    add_health(app, house)
    return app


def _add_staff(app: web.Application, house: House) -> None:
    add_api(app, house)
    add_metrics(app, house)
    add_desk(app, house)


@contextlib.asynccontextmanager
async def running(house: House) -> AsyncIterator[House]:
    """Run the house's roles while the context lasts: consumers stop before publishers, the store closes last.

    Raises StoreUnavailable, StoreMismatch, SpoolBroken.
    """
    if house.spool is not None:
        house.spool.open()
    ready = asyncio.Event()
    await _prepare(house, ready)
    tasks = [asyncio.create_task(watch(house), name="watch")]
    if not ready.is_set():
        tasks.append(asyncio.create_task(_prepare_later(house, ready), name="prepare"))
    tasks.append(asyncio.create_task(_forever("city", _follower(house).run, _at_once()), name="city"))
    await house.bus.start()
    held = Lease(house.store, "relay"), Lease(house.store, "sealer")
    tasks += [asyncio.create_task(_forever(name, step, ready), name=name) for name, step in _steps(house, *held)]
    try:
        if "router" in house.roles:
            tasks.append(asyncio.create_task(_route(house, ready), name="router"))
            if ready.is_set():
                await asyncio.wait({tasks[-1]}, timeout=5)  # whoever files next finds it listening
        yield house
    finally:
        await house.bus.stop()
        await end(*tasks)
        for lease in held:
            await lease.release()
        for channel in house.channels.values():
            await channel.close()
        await asyncio.to_thread(house.store.close)


def _steps(house: House, relaying: Lease, sealing: Lease) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
    """Name the loops of the house's roles."""
    settings, store, signals, roles = house.settings, house.store, house.signals, house.roles
    steps: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = []
    if "intake" in roles and house.spool is not None:
        steps.append(("spool", house.intake.drain))
    if "interpret" in roles:
        acknowledger = house.acknowledger
        wake = (signals.filed, signals.owed, signals.media)
        steps.append(("interpret", Interpreter(store, lambda: house.city, acknowledger, signals.arrived, wake).run))
    if "relay" in roles:
        pulling = frozenset(name for name, found in house.city.departments.items() if found.delivery == "pull")
        relay = Relay(store, house.bus, lambda: house.envelopes, signals.filed, mine=relaying.mine, pulling=pulling)
        steps.append(("relay", relay.run))
    looks = relaying.mine if "relay" in roles else None  # whoever had to make a queue restores it, whatever its role
    steps.append(("rescue", Rescue(store, house.bus, signals.filed, mine=looks).run))
    if "replies" in roles:
        steps.append(("replies", Replies(store, house.speakers, signals.owed, house.acknowledger).run))
        sources = {name: channel for name, channel in house.channels.items() if isinstance(channel, Fetches)}
        worker = MediaWorker(store, Fetcher(house.files), sources, signals.media, (signals.filed,))
        steps.append(("media", worker.run))
    if "pollers" in roles:
        steps.append(("pollers", Pollers(house).run))
        ending = (channel for channel in house.channels.values() if isinstance(channel, Ends))
        steps += [(f"sweep {channel.name}", Sweeper(store, channel, house.intake.accept).run) for channel in ending]
    if "clock" in roles:
        steps.append(("silence", partial(listen, store)))
        sealer = Sealer(store, settings.secret_key, settings.data_dir / "seals.log", mine=sealing.mine)
        steps.append(("sealer", sealer.run))
    return steps


def _follower(house: House) -> Follower:
    """Return what takes a valid change of the city's files while we run."""

    def take(city: City) -> None:
        house.city = city

    return Follower(house.settings.city, lambda: house.city, take, house.settings.data_dir / NOTE)


def _at_once() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def listen(store: Store) -> None:
    """Learn how long each channel is usually silent, for ever."""
    while True:
        with contextlib.suppress(StoreUnavailable):
            await store.write(lambda connection: silence.listen(connection, datetime.now(UTC)))
        await asyncio.sleep(LISTENING)


async def _route(house: House, ready: asyncio.Event) -> None:
    await ready.wait()
    wake = (house.signals.filed, house.signals.owed)
    await Dispatcher(house.store, house.bus, lambda: house.city, house.acknowledger, wake).start()
    updates = Updates(house.store, lambda: house.city, house.acknowledger, wake)
    await Listener(updates, house.bus).start()


async def _prepare(house: House, ready: asyncio.Event) -> None:
    """Bring the store to this version and see that it is ours. PostgreSQL may come later; until then intake spools."""
    try:
        await _settle(house)
        ready.set()
    except StoreUnavailable as error:
        if house.store.embedded:
            raise
        if house.spool is not None:
            house.intake.spool_only()
        log.warning("store away at start", reason=str(error), spooling=house.spool is not None)


async def _prepare_later(house: House, ready: asyncio.Event) -> None:
    while not ready.is_set():
        await asyncio.sleep(1)
        try:
            await _settle(house)
            ready.set()
        except StoreUnavailable:
            continue
        except Exception as error:  # noqa: BLE001 - tables it may not make, another's store
            # A person can mend that while we spool.
            observe.ALARM.labels("store_unusable").inc()
            reason = str(error) if isinstance(error, StoreMismatch) else type(error).__name__
            log.error("store cannot be used", reason=reason)
            await asyncio.sleep(10)


async def _settle(house: House) -> None:
    await asyncio.to_thread(house.store.migrate)
    key = house.identities.of_store
    broker = house.bus.name if "relay" in house.roles else None
    anew = await house.store.write(partial(facts.settle, key=key, broker=broker))
    for problem in await house.store.read(partial(damage.behind, witness=house.settings.data_dir / "seals.log")):
        observe.ALARM.labels("store_behind").inc()
        log.error("the store has lost what it had", reason=problem)
    if anew:
        log.warning("published anew: until now only the embedded broker had them", events=anew)


async def _forever(name: str, step: Callable[[], Coroutine[Any, Any, None]], ready: asyncio.Event) -> None:
    """Keep a loop alive: an error in it is a bug, said loudly, and not the end of the role."""
    await ready.wait()
    while True:
        try:
            await step()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            observe.ALARM.labels("role_failed").inc()
            log.exception("a role failed and is started again", role=name, exc_info=observe.bare(error))
            await asyncio.sleep(1)
