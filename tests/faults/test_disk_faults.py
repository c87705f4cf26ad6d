"""A disk that is full, read-only or slow: nothing is acknowledged that is not on it, and all goes on by itself."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable

import aiohttp
import pytest

from tests.end_to_end.gateway_process import API_KEY, GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import Departments
from tests.faults.disk import Disk
from tests.faults.machine import Machine, Sync
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

Make = Callable[..., GatewayProcess]
PHOTO = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(400_000)
NOT_STORED = 'balagh_alarms_total{kind="not_stored"}'
PAUSE = 0.1  # seconds of a slow fsync


def ready(process: GatewayProcess) -> int:
    """What /health/ready answers."""
    try:
        with urllib.request.urlopen(f"{process.url}/health/ready", timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


async def report(process: GatewayProcess, key: str, *, photo: bool = False) -> tuple[int, str | None]:
    """Report through the API, as a program does that knows its note by a key; return the status and Retry-After."""
    form = aiohttp.FormData()
    form.add_field("complaint", '{"text": "حفرة كبيرة وسط الشارع"}', content_type="application/json")
    if photo:
        form.add_field("attachment", PHOTO, filename="a.jpg", content_type="image/jpeg")
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": key}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{process.url}/api/v1/complaints", data=form, headers=headers) as response,
    ):
        await response.read()
        return response.status, response.headers.get("Retry-After")


async def until_nobody_is_served(process: GatewayProcess, citizens: Citizens, ids: list[str]) -> None:
    """Deliver until the disk takes not one of them: what is allocated already lasts for a few more."""
    async with asyncio.timeout(60):
        while len(await citizens.deliver(process, ids)) < len(ids):
            pass


async def all_arrived(process: GatewayProcess, citizens: Citizens, departments: Departments) -> None:
    """Let every provider deliver again what was refused, and see that all is where it belongs, once."""
    await citizens.insist(process, citizens.deliveries())
    try:
        await departments.take(complaints=len(citizens.sayings))
    except TimeoutError as error:
        raise AssertionError(process.command("reconcile").stdout + process.log()[-3000:]) from error
    departments.kept_the_promise(citizens)
    books = process.command("reconcile")
    assert 0 == books.returncode, books.stdout + books.stderr


@pytest.mark.servers
async def test_a_full_disk_refuses_everybody_and_goes_on_when_there_is_room(
    gateway: Make, disk: Disk, rabbitmq: Vhost, size: Callable[[int, int], int]
) -> None:
    """The store's disk fills up: 503 and an alarm. There is room again: every message arrives, once."""
    citizens = Citizens(size(240, 4000))
    house = gateway(folder="small", BALAGH_BROKER_URL=rabbitmq.url, **disk.settings)
    (house.folder / "run-1.log").symlink_to("/dev/full")  # its log has no room either
    house.start()
    departments = Departments(rabbitmq.url)
    await departments.listen()
    ids = list(citizens.sayings)
    third = len(ids) // 3
    await citizens.insist(house, ids[:third])
    disk.fill()
    await until_nobody_is_served(house, citizens, ids[third : 2 * third])

    assert (503, "5") == await report(house, ids[-1])
    assert {200, 201, 503} == set(citizens.statuses)
    assert 503 == ready(house)
    assert house.metric(NOT_STORED) > third
    found = house.command("check")
    assert (1, True) == (found.returncode, "No space left on device" in found.stdout), found.stdout
    disk.free()
    await until(lambda: ready(house) == 200)
    await until(lambda: house.metric("balagh_disk_free_bytes") > 1e6)
    await all_arrived(house, citizens, departments)
    copies = Counter(event["id"] for event in departments.audited)
    assert max(copies.values()) < 4, "published again and again while nothing could be noted"


@pytest.mark.servers
async def test_with_postgresql_away_a_full_disk_refuses_and_goes_on_when_there_is_room(
    gateway: Make,
    disk: Disk,
    rabbitmq: Vhost,
    postgres_node: Callable[[], PostgresServer],
    size: Callable[[int, int], int],
) -> None:
    """PostgreSQL is stopped and the spool's disk full: 503. Both come back, and every message arrives, once."""
    server = postgres_node()
    server.start()
    citizens = Citizens(size(180, 3000))
    house = gateway(folder="small", BALAGH_BROKER_URL=rabbitmq.url, BALAGH_STORE_URL=server.url(), **disk.settings)
    house.start()
    departments = Departments(rabbitmq.url)
    ids = list(citizens.sayings)
    third = len(ids) // 3
    await citizens.insist(house, ids[:third])
    server.stop()
    await citizens.insist(house, ids[third : 2 * third])
    await until(lambda: house.metric("balagh_spool_depth") == third)
    disk.fill()
    await until_nobody_is_served(house, citizens, ids[2 * third :])

    assert (503, "5") == await report(house, ids[-1])
    assert 503 == ready(house)
    disk.free()
    await until(lambda: ready(house) == 200)
    await citizens.insist(house, ids[2 * third : -third // 2])
    disk.fill()
    await until_nobody_is_served(house, citizens, ids[-third // 2 :])
    server.start()  # with the disk still full: what waits there leaves, and the others need it no more
    await citizens.insist(house, ids[-third // 2 :])
    await until(lambda: house.metric("balagh_spool_depth") == 0)
    await until(lambda: ready(house) == 200)
    disk.free()
    await all_arrived(house, citizens, departments)


@pytest.mark.servers
async def test_a_photo_that_finds_no_room_is_refused_with_its_message(
    gateway: Make, disk: Disk, postgres_node: Callable[[], PostgresServer]
) -> None:
    """The disk for files is full, PostgreSQL is well: 503, nothing is kept; later the same report is taken."""
    server = postgres_node()
    server.start()
    house = gateway(folder="small", BALAGH_STORE_URL=server.url(), **disk.settings)
    house.start()
    disk.fill()

    status, retry_after = await report(house, "with-a-photo", photo=True)
    assert (503, True) == (status, retry_after is not None)
    assert (201, None) == await report(house, "words-alone")
    assert [] == list((house.folder / "data/files/tmp").iterdir())
    disk.free()
    assert (201, None) == await report(house, "with-a-photo", photo=True)
    await until(lambda: house.metric('balagh_room_total{outcome="complaint",room="interpret"}') == 2)


@pytest.mark.servers
async def test_a_disk_that_becomes_read_only_refuses_everybody_until_it_is_mended(
    gateway: Make, machine: Machine, rabbitmq: Vhost, size: Callable[[int, int], int]
) -> None:
    """The kernel sets the disk to read-only: 503, an alarm; mended, all goes on without a restart."""
    citizens = Citizens(size(120, 3000))
    house = gateway(BALAGH_BROKER_URL=rabbitmq.url, **machine.settings)
    house.start()
    departments = Departments(rabbitmq.url)
    ids = list(citizens.sayings)
    half = len(ids) // 2
    delivering = asyncio.create_task(citizens.insist(house, ids[:half]))
    await until(lambda: len(citizens.accepted) > 5)
    machine.read_only()
    await until_nobody_is_served(house, citizens, ids[half:])

    assert (503, "5") == await report(house, ids[-1])
    assert 503 == ready(house)
    assert house.metric(NOT_STORED) >= half
    machine.well()
    await until(lambda: ready(house) == 200)
    await delivering
    await all_arrived(house, citizens, departments)


def test_a_read_only_disk_stops_the_start_with_one_line(gateway: Make, disk: Disk) -> None:
    """Started on a disk that nobody may write: exit code 2, and the folder by name; writable again, it starts."""
    house = gateway(folder="small", **disk.settings)
    house.start()
    house.stop()
    disk.read_only()
    house.launch()
    assert house.process is not None
    assert 2 == house.process.wait(20)
    [said] = [line for line in house.log().splitlines() if line.startswith("balagh:")]
    assert said.startswith("balagh: BALAGH_DATA_DIR: ")
    assert "Read-only file system" in said
    assert "Traceback" not in house.log()
    found = house.command("check")
    assert (1, True) == (found.returncode, "Read-only file system" in found.stdout), found.stdout + found.stderr


async def timed(process: GatewayProcess, citizens: Citizens, *, at_once: int = 64) -> dict[str, tuple[float, float]]:
    """Deliver every message once and return when each was sent and answered, on the monotonic clock."""
    times: dict[str, tuple[float, float]] = {}
    gate = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession() as session:

        async def one(id_: str) -> None:
            saying = citizens.sayings[id_]
            async with gate:
                begun = time.monotonic()
                status = await citizens._post(session, process, saying)
                times[id_] = begun, time.monotonic()
                assert 200 <= status < 300
                citizens.accepted.add(id_)

        await asyncio.gather(*(one(id_) for id_ in citizens.sayings))
    return times


def unproven(times: dict[str, tuple[float, float]], syncs: list[Sync]) -> list[str]:
    """Name the messages that were answered without an fsync that began after they came and ended before the answer."""
    return [
        id_
        for id_, (sent, answered) in times.items()
        if not any(sent <= sync.begun and sync.ended <= answered for sync in syncs)
    ]


async def test_nobody_is_answered_before_the_slow_disk_has_the_message(
    gateway: Make, machine: Machine, size: Callable[[int, int], int]
) -> None:
    """Each fsync takes 100 ms: every answer waits for one of the store's own, and many share one."""
    citizens = Citizens(size(300, 3000))
    house = gateway(**machine.settings)
    house.start()
    machine.slow(round(PAUSE * 1000))
    before = len(machine.syncs())
    begun = time.monotonic()
    times = await timed(house, citizens)
    took = time.monotonic() - begun

    syncs = [sync for sync in machine.syncs()[before:] if sync.name.endswith("balagh.db-wal")]
    assert [] == unproven(times, syncs)
    assert all(sync.ended - sync.begun >= PAUSE for sync in syncs)
    assert len(syncs) < len(times) / 4, "one fsync a message"
    assert took < len(times) * PAUSE
    machine.well()
    await until(lambda: house.metric('balagh_room_total{outcome="complaint",room="interpret"}') == len(times))


@pytest.mark.servers
async def test_nobody_is_answered_before_the_slow_spool_has_the_message(
    gateway: Make, machine: Machine, postgres_node: Callable[[], PostgresServer], size: Callable[[int, int], int]
) -> None:
    """PostgreSQL is away and each fsync takes 100 ms: no answer before the file and its name are on the disk."""
    server = postgres_node()
    server.start()
    citizens = Citizens(size(60, 600))
    house = gateway(BALAGH_STORE_URL=server.url(), **machine.settings)
    house.start()
    server.stop()
    assert (201, None) == await report(house, "the first, which finds out")
    machine.slow(round(PAUSE * 1000))
    times = await timed(house, citizens)

    syncs = machine.syncs()
    files = [sync for sync in syncs if sync.name.endswith(".tmp")]
    folders = [sync for sync in syncs if sync.name.endswith("/data/spool")]
    assert ([], []) == (unproven(times, files), unproven(times, folders))
    machine.well()
    server.start()
    await until(lambda: house.metric('balagh_room_total{outcome="complaint",room="interpret"}') == len(times) + 1)
