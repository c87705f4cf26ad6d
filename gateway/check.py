"""Check: look at everything a person would look at first, and say it in one line each."""

from __future__ import annotations

import asyncio
import difflib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

from channels.base import Adapter, Barred, Probes, SpeakError
from gateway import damage, observe, silence
from gateway.app import bus_of, channels_of, files_of
from gateway.broker.bus import Bus, Lost, Nacked, Parcel
from gateway.broker.topology import DEFAULT_EXCHANGE, ROUTER, ROUTER_DISTRESS, UPDATES, department_queue
from gateway.city.city import load as load_city
from gateway.city.problems import unknown
from gateway.city.reload import refused
from gateway.city.rules_checks import notes as rules_notes
from gateway.city.wordlists import twice
from gateway.files import Files, Unusable
from gateway.identity import Identities
from gateway.intake import Intake
from gateway.reception import HouseReception
from gateway.reconcile import Books, reconcile
from gateway.recount import Recount
from gateway.registry import CHANNELS
from gateway.settings import FILLED, PLAIN, Settings, load
from gateway.signals import Signal
from gateway.spool import Spool
from gateway.store import (
    attachments,
    journal,
    outbox,
    pointers,
    quarantine,
    replies,
    server,
    stranded,
    tasks,
    wal,
)
from gateway.store.engine import Connection, DatabaseError, Store, StoreUnavailable
from gateway.store.migrate import HEAD, demand, revision

FREE = 512 * 1024 * 1024  # bytes of disk below which it is time to act
STALE = 120.0  # seconds after which something that waits in front of a room is a problem
UNTAKEN = 900.0  # seconds after which what lies in a department's queue says that its system takes nothing
GIVEN_UP = timedelta(days=2)  # for which a reply that was never sent is spoken of: over a weekend
PATIENCE = 6.0  # seconds to wait for the broker

Say = Callable[[str], object]


async def check(say: Say) -> bool:
    """Say what is on, what is off and what is wrong. Returns whether all is well. Raises SettingsError, CityError."""
    settings = load()
    problems: list[str] = []

    def well(text: str) -> None:
        say(f"ok    {text}")

    def wrong(text: str) -> None:
        problems.append(text)
        say(f"WRONG {text}")

    well(f"settings: listens on {settings.listen}, known to providers as {settings.public_url}")
    _slips(settings, say)
    city = load_city(settings.city)
    size = f"{len(city.categories)} categories, {len(city.departments)} departments"
    well(f"city {city.id}: {size}, version {city.version}")
    for word, categories in twice(city.vocabulary).items():
        say(f"note  words: {word!r} stands for {' and '.join(categories)}: alone it cannot tell them apart")
    for problem in refused(settings.data_dir):
        wrong(f"city: refused by the gateway that runs here, the former files stay in force: {problem}")
    for note in rules_notes(city.rules.rules, bool(city.rules.calendar.holidays)):
        say(f"note  {note}")
    for key in settings.api_keys:
        for scope in sorted(key.scopes):
            kind, _, department = scope.partition(".")
            if kind == "department" and department not in city.departments:
                wrong(f"BALAGH_API_KEYS: {key.name}: the city's department {unknown(department, city.departments)}")
    await _channels(settings, say, well, wrong)
    for name, why in settings.off.items():
        say(f"off   channel {name}: {why}")
    await _store(settings, well, wrong)
    await _broker(settings, well, wrong)
    _disk(settings, well, wrong)
    return not problems


async def _channels(settings: Settings, say: Say, well: Say, wrong: Say) -> None:
    """Say which channels are on, and for those that can ask, whether their providers let us in.

    A provider that does not answer is no fault of the settings: it is said, and nothing is wrong here because of it.
    """
    on = channels_of(settings)
    answers = await asyncio.gather(*(_probe_channel(channel) for channel in on.values()))
    for name, (let_in, words) in zip(on, answers, strict=True):
        if let_in is None:
            say(f"note  channel {name}: {words}")
        (wrong if let_in is False else well)(f"channel {name}: on" + ("" if let_in is None else words))


async def _probe_channel(channel: Adapter) -> tuple[bool | None, str]:
    """Whether a channel's provider lets us in, None when it does not say; and that in words."""
    if not isinstance(channel, Probes):
        return True, ""
    try:
        async with asyncio.timeout(PATIENCE):
            return True, f", {await channel.probe()}"
    except Barred as error:
        return False, f", but its provider does not let us in: {error}"
    except SpeakError as error:
        return None, f"its provider could not be asked: {error}"
    except TimeoutError:
        return None, "its provider does not answer"
    finally:
        await channel.close()


def _slips(settings: Settings, say: Say) -> None:
    """Say what works and was probably not meant."""
    for name in settings.weak:
        say(f"note  {name} is short enough to be guessed: for a trial only")
    for name in settings.unknown:
        say(f"note  BALAGH_{name} is no setting of this program{_meant(name)}")


def _meant(name: str) -> str:
    """Say which setting was probably meant, when one looks like it."""
    known = [*PLAIN]
    for kind in CHANNELS:
        known += [f"{kind.name.replace('-', '_')}__{key}".upper() for key in set(kind.Settings.model_fields) - FILLED]
    near = difflib.get_close_matches(name, known, n=1)
    return f": did you mean BALAGH_{near[0]}?" if near else ""


async def books(since: datetime | None) -> Books:
    """Draw up the books of the configured store and broker.

    Raises StoreUnavailable, StoreMismatch, SettingsError, CityError.
    """
    settings = load()
    damage.look(settings)
    store, bus = Store(settings.store_url), bus_of(settings, load_city(settings.city))
    channels = channels_of(settings)
    try:
        await store.read(demand)
        intake, files = Intake(store, Identities(settings.secret_key), None, Signal()), files_of(settings)
        recount = Recount(channels, lambda name: HouseReception(name, intake.accept, files, store))
        return await reconcile(settings, store, bus, since=since, recount=recount)
    finally:
        await bus.stop()
        for channel in channels.values():
            await channel.close()
        store.close()


async def _store(settings: Settings, well: Say, wrong: Say) -> None:
    damage.look(settings)
    store = Store(settings.store_url)
    now = datetime.now(UTC)

    def look(connection: Connection) -> None:
        for problem in server.problems(connection, datetime.now(UTC)):
            wrong(f"store: {problem}")
        found = revision(connection)
        if found is None:
            well(f"store {store.name}: empty, its tables are made at the first run")
            return
        if found != HEAD:
            wrong(
                f"store {store.name}: tables of version {found}, this program's are {HEAD}: the next run migrates them"
            )
            return
        well(f"store {store.name}: version {found}")
        for problem in (*wal.broken(connection), *damage.behind(connection, settings.data_dir / "seals.log")):
            wrong(f"store: {problem}")
        waiting, since = journal.backlog(connection)
        age = observe.age(since, now)
        (wrong if age > STALE else well)(f"journal: {waiting} wait to be understood, the oldest for {age:.0f} s")
        unpublished, parked, since = outbox.backlog(connection)
        age = observe.age(since, now)
        (wrong if age > STALE or parked else well)(
            f"outbox: {unpublished} wait for the broker, the oldest for {age:.0f} s, {parked} parked"
        )
        undecided, since = stranded.unrouted(connection, stranded.settled_before(connection))
        age = observe.age(since, now)
        (wrong if age > STALE else well)(f"router: {undecided} wait for a decision, the oldest for {age:.0f} s")
        for reference, sequence, reason in outbox.parked(connection, 3):
            wrong(f"parked: {reference} event {sequence}: {reason}")
        held = quarantine.count(connection)
        (wrong if held else well)(f"quarantine: {held} open" + (": see balagh quarantine list" if held else ""))
        _waiting(connection, now, well, wrong)
        unsaid = replies.given_up(connection, now - GIVEN_UP)
        (wrong if unsaid else well)(f"replies: {unsaid} given up in the last two days, their providers stayed away")
        lost = attachments.states(connection).get("failed", 0)
        well(f"attachments: {lost} could not be fetched; replies: {replies.states(connection) or 'none'}")

    try:
        await store.read(look)
    except StoreUnavailable as error:
        wrong(f"BALAGH_STORE_URL: {store.name} cannot be reached: {error}")
    finally:
        store.close()
    for problem in damage.standing(settings):
        wrong(f"store: {problem}")
    if not store.embedded:
        spool = Spool(settings.data_dir / "spool")
        spool.look()
        (wrong if spool.spoiled else well)(f"spool: {spool.depth} wait for the store, {spool.spoiled} damaged")


def _waiting(connection: Connection, now: datetime, well: Say, wrong: Say) -> None:
    """Say which channel is unusually silent, what waits for a person, and what providers were asked for in vain."""
    for one in silence.quiet(connection, now):
        lasting, longest = one.lasting / 3600, one.longest / 3600
        text = f"{one.channel}: silent for {lasting:.1f} h, its longest pause lately was {longest:.1f} h"
        (wrong if one.unusual else well)(text)
    for kind, (number, since) in sorted(tasks.waiting(connection).items()):
        well(f"tasks: {number} {kind}, the oldest for {observe.age(since, now) / 3600:.1f} h")
    asked, never = pointers.waiting(connection)
    if asked or never:
        (wrong if never else well)(f"pointers: {asked} to be asked for, {never} that nobody could give")


async def _broker(settings: Settings, well: Say, wrong: Say) -> None:
    if not settings.broker_url:
        well("broker: embedded")
        return
    bus = bus_of(settings, load_city(settings.city))
    await bus.start()
    try:
        async with asyncio.timeout(PATIENCE):
            while not bus.connected:
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    refusal = await _takes(bus)
    problems = await bus.check() or refusal
    names = [queue.name for queue in bus.topology.queues]
    depths, consumers = await bus.depths(names), await bus.consumers(names)
    await bus.stop()
    for problem in problems:
        wrong(f"BALAGH_BROKER_URL: {problem}")
    if not problems:
        well("broker: connected, it takes messages, its exchanges and queues are as they should be")
    for queue in (ROUTER_DISTRESS, ROUTER, UPDATES):
        if depths[queue] and not consumers[queue]:
            wrong(f"queue {queue}: {depths[queue]} wait and nobody consumes it: no process runs the role router")
    waiting = {queue: (depth, consumers[queue] or 0) for queue, depth in depths.items() if depth}
    await _queues(settings, bus, waiting, well, wrong)


async def _takes(bus: Bus) -> list[str]:
    """Whether the broker takes messages, by two that go to no queue.

    It tells of an alarm only whoever publishes, and blocks a connection no sooner than after its first message.
    """
    if not bus.connected:
        return []
    probe = asyncio.create_task(_probe(bus))
    try:
        async with asyncio.timeout(PATIENCE):
            while not probe.done() and not bus.blocked:
                await asyncio.sleep(0.05)
    except TimeoutError:
        return ["RabbitMQ is connected and takes no message."]
    finally:
        probe.cancel()
    await asyncio.wait({probe})
    return [] if probe.cancelled() else probe.result()


async def _probe(bus: Bus) -> list[str]:
    for _ in range(2):
        [outcome] = await bus.publish([Parcel(DEFAULT_EXCHANGE, "balagh.check", f"check-{uuid4()}", b"")])
        if isinstance(outcome, Lost | Nacked):
            return [f"RabbitMQ takes no message: {outcome.reason}."]
    return []


async def _queues(settings: Settings, bus: Bus, waiting: dict[str, tuple[int, int]], well: Say, wrong: Say) -> None:
    """Say how much the departments' own systems have not taken, and for how long the oldest lies there."""
    store = Store(settings.store_url)
    try:
        now = datetime.now(UTC)
        for name in bus.topology.departments:
            messages, consumers = waiting.get(queue := department_queue(name), (0, 0))
            if not messages:
                continue
            since = await store.read(partial(stranded.waits_since, department=name, messages=messages))
            age = observe.age(since, now)
            text = f"queue {queue}: {messages} not taken, the oldest for about {age:.0f} s"
            text += "" if consumers else ", nobody consumes it"
            (wrong if age > (UNTAKEN if consumers else STALE) else well)(text)
    except (StoreUnavailable, DatabaseError):
        return  # said already
    finally:
        store.close()


def _disk(settings: Settings, well: Say, wrong: Say) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        Files(settings.data_dir / "files")
    except (OSError, Unusable) as error:
        wrong(f"BALAGH_DATA_DIR: {error}")
        return
    free = shutil.disk_usage(settings.data_dir).free
    (well if free > FREE else wrong)(f"disk: {free // 1024**2} MiB free in {settings.data_dir}")
