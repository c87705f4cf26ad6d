"""The commands as an operator types them: exit codes, one clear line, an orderly end, and a log that names nobody."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from gateway.replay import replay
from gateway.run import GOODBYE
from tests.channels.harness import FIXTURES
from tests.end_to_end.gateway_process import API_KEY, ROOT, GatewayProcess
from tests.end_to_end.nursery import Nursery
from tests.servers.processes import free_port
from tests.servers.rabbitmq import Vhost

PHONE_IN_WORDS = "٠٧٧٠ ١٢٣ ٤٥٦٧"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., GatewayProcess]]:
    """Make gateways that end with the test."""
    made: list[GatewayProcess] = []
    numbers = itertools.count()

    def make(**settings: str) -> GatewayProcess:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        made.append(GatewayProcess(folder, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def often(gateway: Callable[..., GatewayProcess], nursery: Nursery) -> Callable[..., GatewayProcess]:
    """The same, for tests that run many commands."""

    def make(**settings: str) -> GatewayProcess:
        made = gateway(**settings)
        made.nursery = nursery
        return made

    return make


def test_every_mistake_is_one_line_that_names_it(often: Callable[..., GatewayProcess], tmp_path: Path) -> None:
    """Exit code 2 and one line on stderr, with the setting in it and no secret; never a traceback."""
    blocked = tmp_path / "a-file"
    blocked.write_text("", encoding="utf-8")
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"no database at all " * 100)
    taken = socket.create_server(("127.0.0.1", 0))
    occupied = f"127.0.0.1:{taken.getsockname()[1]}"
    secret = "hunter2hunter2"
    cases: list[tuple[str, tuple[str, ...], dict[str, str]]] = [
        ("BALAGH_LISTEN", ("run",), {"BALAGH_LISTEN": "everywhere"}),
        ("BALAGH_LISTEN", ("run",), {"BALAGH_LISTEN": occupied}),
        ("BALAGH_ADMIN_LISTEN", ("run",), {"BALAGH_ADMIN_LISTEN": occupied}),
        ("BALAGH_PUBLIC_URL", ("check",), {"BALAGH_PUBLIC_URL": "http://[::1"}),
        ("BALAGH_CITY", ("run",), {"BALAGH_CITY": "atlantis"}),
        ("BALAGH_CITY", ("check",), {"BALAGH_CITY": "atlantis"}),
        ("BALAGH_STORE_URL", ("run",), {"BALAGH_STORE_URL": f"mysql://u:{secret}@h/x"}),
        ("BALAGH_STORE_URL", ("run",), {"BALAGH_STORE_URL": f"postgresql://u:{secret}@h:port/x"}),
        ("BALAGH_STORE_URL", ("run",), {"BALAGH_STORE_URL": f"sqlite:///{garbage}"}),
        ("BALAGH_STORE_URL", ("reconcile",), {"BALAGH_STORE_URL": f"sqlite:///{tmp_path / 'empty.db'}"}),
        ("BALAGH_BROKER_URL", ("run",), {"BALAGH_BROKER_URL": f"amqp://u:{secret}@h:port/"}),
        ("BALAGH_BROKER_URL", ("check",), {"BALAGH_BROKER_URL": "amqp://"}),
        ("BALAGH_DATA_DIR", ("run",), {"BALAGH_DATA_DIR": str(blocked / "below")}),
        ("BALAGH_API_KEYS", ("run",), {"BALAGH_API_KEYS": f"desk:{secret}:emperor"}),
        ("BALAGH_SMS__AUTH_TOKEN", ("run",), {"BALAGH_SMS__AUTH_TOKEN": ""}),
        ("BALAGH_SMS__RATE", ("check",), {"BALAGH_SMS__RATE": "often"}),
        ("BALAGH_LOG", ("run",), {"BALAGH_LOG": "poetry"}),
        ("--roles", ("run", "--roles", "cook"), {}),
        ("BALAGH_BROKER_URL", ("run", "--roles", "router"), {}),
        ("nobody", ("replay", "nobody", str(blocked)), {}),
        ("BALAGH_LISTEN", ("replay", "sms", str(blocked)), {}),
        ("FOLDER", ("schema", str(blocked / "below")), {}),
        ("--since", ("reconcile", "--since", "yesterday"), {}),
        ("file", ("replay", "sms", str(tmp_path / "nothing.form")), {}),
    ]

    def run(case: tuple[str, tuple[str, ...], dict[str, str]]) -> subprocess.CompletedProcess[str]:
        return often(**case[2]).command(*case[1])

    with taken, ThreadPoolExecutor(3) as threads:
        ended = list(threads.map(run, cases))
    for (name, arguments, settings), result in zip(cases, ended, strict=True):
        shown = f"{arguments} {settings}: {result.returncode}\n{result.stdout}{result.stderr}"
        assert 2 == result.returncode, shown
        assert name in result.stderr, shown
        assert "Traceback" not in result.stderr + result.stdout, shown
        assert secret not in result.stderr + result.stdout, shown
        lines = result.stderr.strip().splitlines()
        assert 1 == len(lines) or lines[0].startswith("Usage: "), shown


def test_a_store_that_is_away_is_a_problem_and_not_a_mistake(often: Callable[..., GatewayProcess]) -> None:
    """Exit code 1 and one line: the settings are right, the server is not there."""
    away = often(BALAGH_STORE_URL=f"postgresql://balagh:hunter2hunter2@127.0.0.1:{free_port()}/x")
    for arguments in (("reconcile",), ("quarantine", "list"), ("check",)):
        result = away.command(*arguments)
        assert 1 == result.returncode, result.stderr
        assert "BALAGH_STORE_URL" in result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        assert "hunter2" not in result.stdout + result.stderr


def test_check_says_what_is_on_and_what_is_wrong(
    gateway: Callable[..., GatewayProcess], often: Callable[..., GatewayProcess]
) -> None:
    """Well: 0, with every channel and why it is off. A broker that is not there: 1, named by its setting."""
    well = gateway(BALAGH_WHATSAPP__AUTH_TOKEN="", BALAGH_WHATSAPP__ACCOUNT_SID="", BALAGH_WHATSAPP__NUMBER="",
                   BALAGH_WHATSAPP__API_URL="", BALAGH_COLOUR="red")  # fmt: skip
    well.start()
    assert 0 == well.stop()
    result = well.command("check")
    assert 0 == result.returncode, result.stdout + result.stderr
    assert "ok    channel sms: on" in result.stdout
    assert "off   channel whatsapp: no BALAGH_WHATSAPP__AUTH_TOKEN" in result.stdout
    assert "note  BALAGH_COLOUR is no setting of this program" in result.stdout
    assert "" == result.stderr

    result = often(BALAGH_BROKER_URL=f"amqp://guest:hunter2hunter2@127.0.0.1:{free_port()}/").command("check")
    assert 1 == result.returncode
    assert "WRONG BALAGH_BROKER_URL" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


def test_check_looks_for_slips(often: Callable[..., GatewayProcess], tmp_path: Path) -> None:
    """A setting's name mistyped, a key for a department that is none, a word that speaks for two: each is told."""
    city = tmp_path / "town"
    shutil.copytree(ROOT / "config/cities/baghdad", city)
    for category in ("water.outage", "electricity.outage"):
        words = city / "words" / f"{category.partition('.')[0]}.toml"
        text = words.read_text("utf-8")
        words.write_text(
            text.replace(f'id = "{category}"\nstrong = [', f'id = "{category}"\nstrong = ["ماكو خدمه", ', 1), "utf-8"
        )
    keys = "a:a-long-key:department.water,b:b-long-key:read+department.watr"
    inbox = {"host": "127.0.0.1", "port": 9, "tls": False, "user": "u", "password": "p"}
    result = often(
        BALAGH_CITY=str(city),
        BALAGH_API_KEYS=keys,
        BALAGH_LISTN="x",
        BALAGH_SMSS__NUMBER="x",
        BALAGH_EMAIL__INBOXES=json.dumps(
            [inbox | {"department": "water"}, inbox | {"department": "watr", "folder": "W"}]
        ),
        BALAGH_EMAIL__SMTP_URL="smtp+plain://127.0.0.1:9",
        BALAGH_EMAIL__FROM="complaints@city.example",
    ).command("check")
    lines = result.stdout.splitlines()

    assert 1 == result.returncode, result.stdout + result.stderr
    assert "note  BALAGH_LISTN is no setting of this program: did you mean BALAGH_LISTEN?" in lines
    assert "note  BALAGH_SMSS__NUMBER is no setting of this program: did you mean BALAGH_SMS__NUMBER?" in lines
    [told] = [line for line in lines if line.startswith("note  words: 'ماكو خدمه' ")]
    assert {"water.outage", "electricity.outage"} == set(re.findall(r"[a-z]+\.[a-z]+", told))
    assert told.endswith("alone it cannot tell them apart")
    [of_a_key, of_an_inbox] = [line for line in lines if "the city's department" in line]
    meant = "the city's department 'watr' is not known (did you mean 'water'?); allowed: "
    assert of_a_key.startswith(f"WRONG BALAGH_API_KEYS: b: {meant}")
    assert of_an_inbox.startswith(f"WRONG BALAGH_EMAIL__INBOXES: entry 2: {meant}")


def test_what_the_schema_command_writes_can_be_checked_against(
    gateway: Callable[..., GatewayProcess], tmp_path: Path
) -> None:
    """Four documents, each named on stdout, each JSON."""
    result = gateway().command("schema", str(tmp_path / "schemas"))
    assert 0 == result.returncode, result.stderr
    names = {f"{name}.v1.json" for name in ("complaint", "event", "update", "refused")}
    names |= {"asyncapi.json", "openapi.json"}
    assert names == {Path(line).name for line in result.stdout.splitlines()}
    for line in result.stdout.splitlines():
        assert json.loads(Path(line).read_text("utf-8"))


@pytest.mark.servers
def test_a_day_in_the_life(
    gateway: Callable[..., GatewayProcess], nursery: Nursery, rabbitmq: Vhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every recorded payload replayed, the books balanced, a quick and orderly end, and a log that names nobody."""
    admin = free_port()
    balagh = gateway(BALAGH_BROKER_URL=rabbitmq.url, BALAGH_ADMIN_LISTEN=f"127.0.0.1:{admin}")
    balagh.start()
    account = balagh.environment["BALAGH_SMS__ACCOUNT_SID"]
    fixtures = [file for name in ("sms", "whatsapp") for file in sorted((FIXTURES / name).rglob("*.form"))]
    payloads = []
    for number, file in enumerate(fixtures):
        body = re.sub(rb"AC0000[0-9a-f]+", account.encode(), file.read_bytes())
        copy = balagh.folder / f"{number}.form"
        copy.write_bytes(body)
        below = file.relative_to(FIXTURES).parts[1:-1]
        payloads.append((file.relative_to(FIXTURES).parts[0], copy, "/".join(below)))

    for name, value in balagh.environment.items():
        if name.startswith("BALAGH_"):
            monkeypatch.setenv(name, value)
    for file, (channel, copy, path) in zip(fixtures, payloads, strict=True):
        answer = asyncio.run(replay(channel, copy.read_bytes(), path))
        assert (200, "<Response/>") == answer, file.name
    channel, copy, path = next(payload for payload in payloads if payload[2])
    typed = balagh.command("replay", channel, str(copy), "--path", path)
    assert (0, "200 <Response/>", "") == (typed.returncode, typed.stdout.strip(), typed.stderr)

    words = {"SM" + "c" * 32: ("+9647701234567", f"الماء مقطوع، رقمي {PHONE_IN_WORDS} انا زينب \x1b[2J\u202e")}
    [(_, body, headers)] = balagh.forms("sms", words)
    request = urllib.request.Request(f"{balagh.url}/channels/sms", body, headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        assert 200 == response.status

    def metrics() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10) as response:
            return str(response.read().decode())

    deadline = time.monotonic() + 20
    while not _settled(metrics()):
        assert time.monotonic() < deadline, balagh.log()[-3000:]
        time.sleep(0.1)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{balagh.url}/metrics", timeout=10)
    with urllib.request.urlopen(f"{balagh.url}/health/ready", timeout=10) as response:
        assert {"status": "ok", "broker": "up", "store": "up"} == json.load(response)

    idle = socket.create_connection(("127.0.0.1", balagh.port))  # a browser that keeps its connection
    began = time.monotonic()
    assert 0 == balagh.stop()
    assert GOODBYE > time.monotonic() - began, "it waited for somebody who asks for nothing"
    idle.close()

    balagh.nursery = nursery
    books = balagh.command("reconcile")
    assert 0 == books.returncode, books.stdout + books.stderr
    assert "balanced: every message is accounted for" in books.stdout
    listed = balagh.command("quarantine", "list")
    assert 0 == listed.returncode
    assert not listed.stdout.startswith("0 open")
    assert not set(listed.stdout + books.stdout) & set("\x1b\u202e\u2066")

    log = balagh.log()
    assert "stopping" in log
    assert "Traceback" not in log
    assert not set(log) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066)}
    for line in log.splitlines():
        json.loads(line)
    secrets = {balagh.environment[name] for name in ("BALAGH_SMS__AUTH_TOKEN", "BALAGH_SECRET_KEY")} | {
        API_KEY,
        "guest:guest",
    }
    for secret in secrets | _personal([path for _, path, _ in payloads]) | {PHONE_IN_WORDS, "زينب", "9647701234567"}:
        assert secret not in log, ascii(secret)


def _settled(text: str) -> bool:
    """Whether nothing waits any more before the rooms that end in a department, and something has come that far."""
    waiting = [
        float(value)
        for value in re.findall(r'^balagh_backlog\{room="(?:interpret|relay)"\} (\S+)$', text, re.MULTILINE)
    ]
    return waiting == [0, 0] and 'balagh_room_total{outcome="offered",room="dispatch"}' in text


def _personal(files: list[Path]) -> set[str]:
    """The words, numbers and names in recorded payloads that no log may hold."""
    found = set()
    for file in files:
        for name, value in parse_qsl(file.read_bytes().decode("ascii", "replace")):
            if name in {"From", "Body", "ProfileName", "Address", "WaId"} and len(value) > 6:
                found.add(value.removeprefix("whatsapp:").lstrip("+"))
    assert len(found) > 10
    return found


def test_a_report_on_its_way_at_the_end_is_not_lost(often: Callable[..., GatewayProcess]) -> None:
    """SIGTERM amid forty messages: whatever was answered 200 is in the journal, and done after the next start."""
    balagh = often()
    balagh.start()
    messages = {f"SM{number:032x}": (f"+96477011{number:05d}", "حفرة كبيرة وسط الشارع") for number in range(40)}
    answered = []
    for number, (sid, body, headers) in enumerate(balagh.forms("sms", messages)):
        if number == 25:
            assert balagh.process is not None
            balagh.process.send_signal(signal.SIGTERM)
        request = urllib.request.Request(f"{balagh.url}/channels/sms", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                answered += [sid] if response.status == 200 else []
        except OSError:
            continue
    assert 0 == balagh.stop()
    assert 25 <= len(answered)
    balagh.start()
    deadline = time.monotonic() + 20
    while (row := _row(balagh, "sms"))[6] != "0":
        assert time.monotonic() < deadline, row
        time.sleep(0.1)
    assert len(answered) <= int(row[1])  # an answer may be lost on the way, what was answered may not
    assert 0 == balagh.stop()


def test_a_second_gateway_keeps_out_of_the_first_ones_folder(often: Callable[..., GatewayProcess]) -> None:
    """Started twice by mistake, on another port: the second ends with one line; after kill -9 the folder is free."""
    first = often()
    first.start()
    second = often(BALAGH_DATA_DIR=first.environment["BALAGH_DATA_DIR"])
    result = second.command("run")
    assert (2, 1) == (result.returncode, len(result.stderr.splitlines()))
    assert "BALAGH_DATA_DIR: another gateway is running" in result.stderr
    assert 0 == first.command("reconcile").returncode
    first.kill9()
    second.start()
    assert 0 == second.stop()


def _row(balagh: GatewayProcess, channel: str) -> list[str]:
    """A channel's row in the books: its name, then accepted, complaints, amendments, other, nothing, waiting."""
    books = balagh.command("reconcile").stdout
    return next(line.split() for line in books.splitlines() if line.startswith(channel))


def test_the_program_starts_without_a_command(gateway: Callable[..., GatewayProcess]) -> None:
    """Alone it explains itself; an unknown command is wrong usage."""
    alone, unknown = gateway().command(), gateway().command("fly")
    assert "reconcile" in alone.stdout + alone.stderr
    assert 2 == unknown.returncode
