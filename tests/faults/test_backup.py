"""Backup while running, restore to the last acknowledged message."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.end_to_end.gateway_process import API_KEY, ROOT, GatewayProcess
from tests.faults.citizens import Citizens
from tests.faults.departments import Departments
from tests.servers.postgres import Database, PostgresServer
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + b"\x00" * 200 + bytes.fromhex("ffd9")
SAME = ("id", "reference", "text", "attachments", "received_at", "department")
STORES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]


class Follower:
    """`balagh backup FOLDER --follow` as a process."""

    def __init__(self, gateway: GatewayProcess, folder: Path) -> None:
        self.output = folder.with_name(f"{folder.name}.log")
        with self.output.open("ab") as log:
            self.process = gateway.spawn("backup", str(folder), "--follow", output=log)

    def said(self) -> str:
        return self.output.read_text("utf-8")

    async def following(self, times: int = 1) -> None:
        await until(lambda: self.said().count("following: ") >= times or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()

    def end(self, how: signal.Signals = signal.SIGKILL) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(20)


@pytest.fixture
def follow() -> Iterator[Callable[[GatewayProcess, Path], Follower]]:
    """Start followers that end with the test."""
    made: list[Follower] = []

    def start(gateway: GatewayProcess, folder: Path) -> Follower:
        made.append(Follower(gateway, folder))
        return made[-1]

    yield start
    for one in made:
        one.end()


def settings(kind: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """A store of either kind."""
    if kind == "sqlite":
        return {}
    database: Database = request.getfixturevalue("postgres")
    return {"BALAGH_STORE_URL": database.url}


def emptied(gateway: GatewayProcess) -> None:
    """The machine burned: its data folder and its database are gone."""
    shutil.rmtree(gateway.folder / "data")
    url = gateway.environment.get("BALAGH_STORE_URL", "")
    if url.startswith("postgresql"):
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")


async def settled(gateway: GatewayProcess) -> None:
    """Nothing waits in front of a room."""
    rooms = ("interpret", "relay")

    def peace() -> bool:
        return not any(gateway.metric(f'balagh_backlog{{room="{room}"}}') for room in rooms)

    await asyncio.sleep(0)
    await until(peace)


async def reconciled(gateway: GatewayProcess) -> None:
    """`balagh reconcile` finds everything, seals too, once nothing is on its way."""
    found = gateway.command("reconcile")

    def balanced() -> bool:
        nonlocal found
        found = gateway.command("reconcile")
        return found.returncode == 0 and " 0 complaints not routed" in found.stdout

    try:
        await until(balanced)
    except TimeoutError:
        raise AssertionError(found.stdout + found.stderr) from None


async def with_photo(gateway: GatewayProcess, words: str) -> str:
    """Report something with a photo, and return its reference."""
    form = aiohttp.FormData()
    form.add_field("complaint", json.dumps({"text": words}), content_type="application/json")
    form.add_field("file", JPEG, filename="photo.jpg", content_type="image/jpeg")
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "a-photo"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/api/v1/complaints", data=form, headers=headers) as answer,
    ):
        assert answer.status in {200, 201}, await answer.text()
        return str((await answer.json())["reference"])


async def offered(gateway: GatewayProcess, reference: str) -> None:
    """A department has it."""

    async def there() -> bool:
        return (await seen(gateway, reference))["department"] is not None

    await until(there)


async def seen(gateway: GatewayProcess, reference: str) -> dict[str, object]:
    """A complaint as a program that may read it sees it."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"{gateway.url}/api/v1/complaints/{reference}", headers={"Authorization": f"Bearer {API_KEY}"}
        ) as answer,
    ):
        assert answer.status in {200, 202}, await answer.text()
        found: dict[str, object] = await answer.json()
        return found


@pytest.mark.parametrize("kind", STORES)
async def test_a_backup_made_under_load_holds_all_that_was_answered_before_it(
    kind: str, gateway: Callable[..., GatewayProcess], size: Callable[[int, int], int], request: pytest.FixtureRequest
) -> None:
    """Citizens write all the while. The machine burns; what was acknowledged before the backup is there again."""
    house = gateway(**settings(kind, request))
    house.start()
    before, meanwhile = Citizens(size(120, 5_000)), Citizens(size(150, 20_000), first=50_000)
    await before.insist(house, before.deliveries())
    photo = await with_photo(house, "الماء مقطوع عن حي الجامعة وهذه صورة")
    await offered(house, photo)
    told = await seen(house, photo)
    writing = asyncio.create_task(meanwhile.deliver(house, meanwhile.deliveries()))
    await until(lambda: len(meanwhile.accepted) > 20)
    acknowledged = {one: set(meanwhile.references[one]) for one in meanwhile.accepted}

    folder = house.folder / "backup"
    made = await asyncio.to_thread(house.command, "backup", str(folder))
    assert (0, "") == (made.returncode, made.stderr), made.stdout
    assert "holds every message that was acknowledged before 20" in made.stdout
    house.kill9()
    await writing
    emptied(house)

    restored = house.command("restore", str(folder))
    assert (0, "") == (restored.returncode, restored.stderr), restored.stdout
    house.start()
    after = await seen(house, photo)
    assert {name: told[name] for name in SAME} == {name: after[name] for name in SAME}
    assert (house.folder / "data" / "files" / _sha(JPEG)[:2] / _sha(JPEG)).read_bytes() == JPEG
    # Nobody writes again before this: what stands in the books came out of the backup.
    total = len(before.accepted) + len(acknowledged) + 1
    assert total <= _accepted(house.command("reconcile").stdout)
    for references in acknowledged.values():
        for reference in references:
            assert reference == (await seen(house, reference))["reference"]
    # Providers that insist hear what they heard before.
    await before.insist(house, list(before.sayings))
    await meanwhile.insist(house, sorted(acknowledged))
    assert not [told for citizens in (before, meanwhile) for told in citizens.references.values() if len(told) > 1]
    await reconciled(house)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _accepted(books: str) -> int:
    return int(next(line for line in books.splitlines() if line.startswith("journal:")).split()[1])


@pytest.mark.servers
@pytest.mark.parametrize("kind", STORES)
async def test_a_tail_loses_nothing_to_the_last_second_and_tells_no_department_twice(
    kind: str,
    gateway: Callable[..., GatewayProcess],
    follow: Callable[[GatewayProcess, Path], Follower],
    rabbitmq: Vhost,
    size: Callable[[int, int], int],
    request: pytest.FixtureRequest,
) -> None:
    """A follower runs beside the gateway and is itself killed and started again; then everything dies at once."""
    house = gateway(BALAGH_BROKER_URL=rabbitmq.url, **settings(kind, request))
    house.start()
    departments = Departments(rabbitmq.url)
    await departments.listen()
    first, second, third = (Citizens(size(40, 3_000), first=10_000 * number) for number in (1, 2, 3))
    await first.insist(house, first.deliveries())
    folder = house.folder / "backup"
    follower = follow(house, folder)
    await follower.following()
    await second.insist(house, second.deliveries())
    follower.end()  # kill -9, in the middle of whatever it does
    await third.insist(house, third.deliveries())
    follower = follow(house, folder)
    await follower.following(2)
    last = Citizens(size(40, 3_000), first=40_000)
    await last.insist(house, last.deliveries())
    await settled(house)
    await until(lambda: _tailed(folder) >= _kept(house, kind))
    house.kill9()
    follower.end()
    emptied(house)

    restored = house.command("restore", str(folder))
    assert (0, "") == (restored.returncode, restored.stderr), restored.stdout
    house.start()
    everybody = Citizens(0)
    for citizens in (first, second, third, last):
        everybody.sayings |= citizens.sayings
        everybody.accepted |= citizens.accepted
        everybody.references |= citizens.references
    assert set(everybody.sayings) == everybody.accepted
    await departments.take(complaints=len(everybody.accepted))
    await everybody.insist(house, list(everybody.sayings))
    await departments.take(complaints=len(everybody.accepted))
    departments.kept_the_promise(everybody)
    await reconciled(house)


def _tailed(folder: Path) -> int:
    """The last journal entry of the tail that has become something."""
    last = 0
    for line in (folder / "tail.jsonl").read_bytes().splitlines():
        rows = json.loads(line.partition(b" ")[2])["rows"]
        last = max([last, *(row["seq"] for row in rows.get("events", []))])
    return last


def _kept(house: GatewayProcess, kind: str) -> int:
    if kind == "sqlite":
        with sqlite3.connect(house.folder / "data" / "balagh.db") as connection:
            return int(connection.execute("SELECT max(seq) FROM events").fetchone()[0])
    import psycopg

    with psycopg.connect(house.environment["BALAGH_STORE_URL"]) as connection:
        row = connection.execute("SELECT max(seq) FROM events").fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.servers
async def test_what_only_the_spool_holds_is_in_the_backup_too(
    gateway: Callable[..., GatewayProcess],
    follow: Callable[[GatewayProcess, Path], Follower],
    postgres_node: Callable[[], PostgresServer],
) -> None:
    """PostgreSQL dies for good with messages in the spool, and then the gateway's machine: a follower had them."""
    server = postgres_node()
    server.start()
    house = gateway(BALAGH_STORE_URL=server.url())
    house.start()
    stored, spooled = Citizens(30), Citizens(40, first=1_000)
    await stored.insist(house, stored.deliveries())
    folder = house.folder / "backup"
    follower = follow(house, folder)
    await follower.following()
    server.kill9()
    await spooled.insist(house, list(spooled.sayings))
    await until(lambda: 40 == len(list((folder / "spool").glob("*.json"))))
    await until(lambda: "WRONG not following: " in follower.said())
    house.kill9()
    assert 0 == follower.end(signal.SIGTERM)
    shutil.rmtree(house.folder / "data")

    house.environment["BALAGH_STORE_URL"] = f"sqlite:///{house.folder / 'data' / 'anew.db'}"
    restored = house.command("restore", str(folder))
    assert (0, "") == (restored.returncode, restored.stderr), restored.stdout
    assert "of them 40 had waited for the store in the spool" in restored.stdout
    house.start()
    await stored.insist(house, list(stored.sayings))
    await spooled.insist(house, list(spooled.sayings))
    assert not [told for citizens in (stored, spooled) for told in citizens.references.values() if len(told) > 1]
    await settled(house)
    await reconciled(house)
    assert 70 == _accepted(house.command("reconcile").stdout)


@pytest.mark.servers
async def test_a_city_moves_from_sqlite_to_postgresql_by_backup_and_restore(
    gateway: Callable[..., GatewayProcess], postgres: Database
) -> None:
    """A trial's store goes over into PostgreSQL, and goes on counting there."""
    old, new = gateway(), gateway(BALAGH_STORE_URL=postgres.url)
    citizens = Citizens(40)
    old.start()
    await citizens.insist(old, list(citizens.sayings))
    await settled(old)
    assert 0 == old.stop()
    folder = old.folder / "backup"
    made = old.command("backup", str(folder))
    assert 0 == made.returncode, made.stderr

    restored = new.command("restore", str(folder))
    assert (0, "") == (restored.returncode, restored.stderr), restored.stdout
    new.start()
    await citizens.insist(new, list(citizens.sayings))
    more = Citizens(20, first=500)
    await more.insist(new, list(more.sayings))
    await settled(new)
    assert not [told for told in citizens.references.values() if len(told) > 1]
    await reconciled(new)
    assert 60 == _accepted(new.command("reconcile").stdout)
    again = new.command("restore", str(folder))
    assert 2 == again.returncode
    assert 1 == len(again.stderr.splitlines())


async def test_what_cannot_be_backed_up_or_restored_is_one_clear_line(gateway: Callable[..., GatewayProcess]) -> None:
    """A folder in the way, no store, another's key, a damaged part, a full disk: each is said, nothing is written."""
    house = gateway()
    folder = house.folder / "backup"

    def line(command: subprocess.CompletedProcess[str]) -> tuple[int, str]:
        assert command.stderr.count("\n") == 1, command.stderr
        return command.returncode, command.stderr.strip()

    assert (2, f"balagh: BALAGH_STORE_URL: there is no store at {house.folder}/data/balagh.db") == line(
        house.command("backup", str(folder))
    )
    citizens = Citizens(30)
    house.start()
    await citizens.insist(house, list(citizens.sayings))
    await with_photo(house, "الماء مقطوع عن بيتنا")
    small = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", f"ulimit -f 64; exec {sys.executable} -m gateway backup {folder}"],
        cwd=ROOT,
        env=house.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    code, said = line(small)
    assert 1 == code
    assert "disk" in said
    assert [] == list(house.folder.glob("backup*"))

    assert 0 == house.command("backup", str(folder)).returncode
    assert (2, f"balagh: {folder} is there already: name a new folder") == line(house.command("backup", str(folder)))
    assert 0 == house.command("restore", str(folder), "--verify").returncode
    assert (2, f"balagh: BALAGH_DATA_DIR: a gateway is running in {house.folder}/data") == line(
        house.command("restore", str(folder))
    )
    house.stop()
    assert (2, f"balagh: BALAGH_DATA_DIR: {house.folder}/data holds balagh.db: restore into an empty folder") == line(
        house.command("restore", str(folder))
    )

    other = gateway(BALAGH_SECRET_KEY="another-key-than-the-city-had-before--")
    code, said = line(other.command("restore", str(folder)))
    assert (2, True) == (code, "BALAGH_SECRET_KEY is not the key that this backup was made with" in said)
    keyless = gateway()
    del keyless.environment["BALAGH_SECRET_KEY"]
    code, said = line(keyless.command("restore", str(folder)))
    assert (2, True, False) == (
        code,
        said.startswith("balagh: BALAGH_SECRET_KEY: set the key of this backup"),
        (keyless.folder / "data" / "secret.key").exists(),
    )
    other = gateway()
    for name in ("store.db", "tail.jsonl", "manifest.json", f"files/{_sha(JPEG)[:2]}/{_sha(JPEG)}"):
        path = folder / name
        whole = path.read_bytes()
        path.write_bytes(_flipped(whole) if whole else b"more\nthan\nwas there\n")
        assert 1 == other.command("restore", str(folder), "--verify").returncode, name
        code, said = line(other.command("restore", str(folder)))
        assert (1, True) == (code, Path(name).name in said), said
        path.write_bytes(whole)
    assert not (other.folder / "data" / "balagh.db").exists()
    assert 0 == other.command("restore", str(folder)).returncode


def _flipped(content: bytes) -> bytes:
    """One bit is another, in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


async def test_photos_of_an_earlier_backup_are_linked_and_a_damaged_one_is_said(
    gateway: Callable[..., GatewayProcess],
) -> None:
    """The nightly backup copies what is new; a photo whose bytes rotted on the disk ends it with 1, all else in it."""
    house = gateway()
    house.start()
    await with_photo(house, "الماء مقطوع عن بيتنا")
    first, second = house.folder / "first", house.folder / "second"
    assert 0 == house.command("backup", str(first)).returncode
    made = house.command("backup", str(second), "--base", str(first))
    assert (0, True) == (made.returncode, "files: 1 (0 copied)" in made.stdout), made.stdout
    photo = Path("files") / _sha(JPEG)[:2] / _sha(JPEG)
    assert (first / photo).stat().st_ino == (second / photo).stat().st_ino

    kept = house.folder / "data" / photo
    kept.write_bytes(_flipped(JPEG))
    made = house.command("backup", str(house.folder / "third"))
    assert (1, True) == (made.returncode, f"WRONG {kept} is damaged: it is not in the backup" in made.stdout)
    assert 0 == house.command("restore", str(house.folder / "third"), "--verify").returncode


async def test_a_backup_or_a_restore_that_is_killed_is_begun_again(gateway: Callable[..., GatewayProcess]) -> None:
    """Killed with -9 at moments through both: the same command again does it, and everything is there."""
    house = gateway()
    house.start()
    citizens = Citizens(60)
    await citizens.insist(house, list(citizens.sayings))
    await with_photo(house, "الماء مقطوع عن بيتنا")
    folder = house.folder / "backup"

    async def killed_until_it_ends(*command: str) -> int:
        """Give it more time each time; returns how often it was killed."""
        for number in range(40):
            with (house.folder / "said").open("wb") as said:
                process = house.spawn(*command, output=said)
            try:
                await asyncio.to_thread(process.wait, 0.05 * 1.25**number)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                await asyncio.to_thread(process.wait)
                continue
            errors = (house.folder / "said").read_text("utf-8")
            if process.returncode == 2:  # killed a moment before, when all was done and it had only to say so
                assert "is there already" in errors or "holds balagh.db: " in errors, errors
            else:
                assert 0 == process.returncode, errors
            return number
        raise AssertionError("it never ended")

    assert await killed_until_it_ends("backup", str(folder)) > 0
    house.kill9()
    emptied(house)
    assert await killed_until_it_ends("restore", str(folder)) > 0
    data = house.folder / "data"
    assert [] == list(data.glob("*restor*"))
    (data / "restore.partial" / "spool").mkdir(parents=True)  # as if killed when only its sweeping was left
    said = house.command("restore", str(folder))
    assert (2, True) == (said.returncode, "holds balagh.db: restore into an empty folder" in said.stderr), said.stderr
    assert [] == list(data.glob("*restor*"))
    house.start()
    await citizens.insist(house, list(citizens.sayings))
    assert not [told for told in citizens.references.values() if len(told) > 1]
    await reconciled(house)
