"""What an operator sees, and what nobody may see there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer

from channels.message import Purpose
from gateway import observe, silence
from gateway.check.findings import Findings
from gateway.check.store import look_at_store
from gateway.store import facts
from gateway.watch import _measure
from tests.gateway.walk import CITIZEN, OUTAGE, Walk, logged, metric

NAMED = (
    "balagh_inbound_total",
    "balagh_refused_total",
    "balagh_room_total",
    "balagh_room_seconds",
    "balagh_backlog",
    "balagh_oldest_seconds",
    "balagh_spool_depth",
    "balagh_spool_spoiled",
    "balagh_relay_parked",
    "balagh_quarantine_open",
    "balagh_broker_up",
    "balagh_broker_blocked",
    "balagh_broker_problems",
    "balagh_queue_depth",
    "balagh_store_up",
    "balagh_alarms_total",
)


async def test_one_line_for_each_complaint_in_each_room(walk: Walk) -> None:
    """Intake, interpret, dispatch and relay each say one thing of a complaint, under its reference and nothing else."""
    with logged() as log:
        receipt = await walk.hear(f"{OUTAGE} رقمي ٠٧٧٠١٢٣٤٥٦٧", sender_name="زينب كاظم")
        await walk.publish()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [
        ("intake", "accepted"),
        ("interpret", "complaint"),
        ("dispatch", "offered"),
        ("relay", "published"),
        ("relay", "published"),
    ] == [(line["room"], line["event"]) for line in lines]
    assert {receipt.reference} == {line["reference"] for line in lines}
    written = log.getvalue().replace(receipt.reference, "")
    for secret in ("770123", "٧٧٠", "زينب", "مقطوع", receipt.pin):
        assert secret not in written


@pytest.mark.parametrize("style", ["json", "text"])
async def test_nothing_in_a_log_line_can_turn_a_terminal_around(walk: Walk, style: str) -> None:
    """Whatever a provider's field held: no control characters, no bidi overrides, one line."""
    evil = "\x1b[2J\u202e\u2066\x07\x9b"
    with logged(style) as log:
        await walk.hear(purpose=Purpose.UNREADABLE, note=f"half a form {evil}")
        observe.logger("house").warning("odd", reason=evil)
    written = log.getvalue()
    assert "odd" in written
    assert not set(written) & set(evil.replace("[2J", "")), ascii(written)


async def test_the_metrics_that_the_guide_names_are_there(walk: Walk) -> None:
    """Every series of the operator's guide, with numbers that tell of the last complaint."""
    before = metric("balagh_room_seconds_count", room="journey")
    heard = metric("balagh_inbound_total", channel="sms", outcome="accepted")
    await walk.hear()
    await walk.publish()
    async with (
        TestClient(TestServer(walk.site())) as client,
        client.get("/metrics") as response,
    ):
        text = await response.text()
        assert response.headers["Content-Type"].startswith("text/plain; version=")
    for name in NAMED:
        assert f"# TYPE {name.removesuffix('_total')}" in text, name
    assert before + 1 == metric("balagh_room_seconds_count", room="journey")
    assert heard + 1 == metric("balagh_inbound_total", channel="sms", outcome="accepted")
    assert CITIZEN not in text


async def test_silence_is_not_peace(walk: Walk) -> None:
    """What waits before a room is counted, with its age, until it has gone."""
    walk.clock.now = datetime.now(UTC) - timedelta(days=1)
    await walk.house.intake.accept(walk.message())
    await walk.house.store.read(_measure)
    assert 1 == metric("balagh_backlog", room="interpret")
    assert metric("balagh_oldest_seconds", room="interpret") > 3600

    await walk.understand()
    await walk.house.store.read(_measure)
    assert (0, 0) == (metric("balagh_backlog", room="interpret"), metric("balagh_oldest_seconds", room="interpret"))
    assert (1, 1) == (metric("balagh_backlog", room="relay"), metric("balagh_backlog", room="replies"))

    await walk.publish()
    await walk.house.store.read(_measure)
    assert 0 == metric("balagh_backlog", room="relay")


async def test_a_channel_that_falls_silent_shows(walk: Walk) -> None:
    """The metric and the check say for how long, but of a channel that somebody turned off neither says a word."""
    begun = datetime.now(UTC) - timedelta(days=2)
    for channel in ("sms", "telegram"):
        for number in range(30):
            walk.clock.now = begun + timedelta(hours=number)
            await walk.house.intake.accept(walk.message(f"{number}", channel=channel))
    await walk.understand()
    await walk.house.store.write(lambda connection: silence.listen(connection, datetime.now(UTC)))
    await walk.house.store.read(partial(_measure, off=walk.house.settings.off))
    findings: list[str] = []
    await look_at_store(walk.house.settings, Findings(findings.append))

    assert metric("balagh_channel_silent_ratio", channel="sms") == pytest.approx(19, abs=0.1)
    assert 0.0 == metric("balagh_channel_silent_ratio", channel="telegram")
    assert ["WRONG sms: silent for 19.0 h, its longest pause lately was 1.0 h"] == [
        line for line in findings if "silent for" in line
    ]


async def test_the_check_knows_another_key_than_that_of_the_store(walk: Walk) -> None:
    """It says what the start would refuse to begin with: the references and PINs of citizens would open nothing."""
    await walk.house.store.write(partial(facts.settle, key=walk.house.identities.of_store, broker=None))
    same: list[str] = []
    await look_at_store(walk.house.settings, Findings(same.append))
    other: list[str] = []
    settings = replace(walk.house.settings, secret_key=b"another key than the one of the store")
    await look_at_store(settings, Findings(other.append))

    said = ["WRONG BALAGH_SECRET_KEY: this store was made with another BALAGH_SECRET_KEY: put the old one back"]
    assert ([], said) == tuple([line for line in lines if "SECRET_KEY" in line] for lines in (same, other))


async def test_a_traceback_shows_where_and_not_what() -> None:
    """An exception that quotes a citizen, and the one that caused it, are shown without their words."""
    with logged() as log:
        try:
            try:
                raise ValueError(CITIZEN)
            except ValueError as cause:
                raise RuntimeError(OUTAGE) from cause
        except RuntimeError as error:
            observe.logger("house").exception("broken", exc_info=observe.bare(error))
    assert "test_observe.py" in log.getvalue()
    assert CITIZEN not in log.getvalue()
    assert OUTAGE not in log.getvalue()


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """Log afterwards as before."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_a_log_that_cannot_be_written_costs_lines_and_nothing_else(as_it_was: None) -> None:
    """Its disk is full, or nobody reads the pipe any more: what is logged is lost, what is being done goes on."""
    read, write = os.pipe()
    os.close(read)
    for broken in (os.open("/dev/full", os.O_WRONLY), write):
        stream = os.fdopen(broken, "w")  # closing it fails as well
        observe.configure("json", stream=stream)
        observe.logger("test").error("nobody hears this")
        observe.logger("test").error("nor this", reason="x" * 100_000)
        with contextlib.suppress(OSError):
            stream.close()
