"""The spool: what was thanked for is on the disk, in order, once, and comes back whole."""

# ruff: noqa: ASYNC240 - a test may wait for its own few small files

from __future__ import annotations

import asyncio
import json
import os
import resource
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import time_machine

from gateway import observe, spool
from gateway.spool import Spool, SpoolBroken
from tests.gateway.store.making import IDENTITIES, NOW, WORDS, entry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def opened(folder: Path) -> Spool:
    made = Spool(folder)
    made.open()
    return made


def ids(found: list[spool.Spooled]) -> list[str]:
    return [one.fields["external_id"] for one in found]


def alarms(kind: str) -> float:
    return observe.registry.get_sample_value("balagh_alarms_total", {"kind": kind}) or 0.0


async def test_what_is_kept_comes_back_word_for_word(folder: Path) -> None:
    """Every field of the entry, Arabic and all, also for the next run of the program."""
    await opened(folder).keep(entry("SM1", fingerprint="print"))

    (found,) = opened(folder).oldest(9)
    again = IDENTITIES.restore(found.fields)
    wanted = entry("SM1", fingerprint="print")
    assert (wanted.id, wanted.identity, wanted.sender, wanted.purpose) == (
        again.id, again.identity, again.sender, again.purpose,
    )  # fmt: skip
    assert (wanted.body, NOW, "print") == (again.body, again.received_at, again.fingerprint)
    assert wanted.refer is not None
    assert again.refer is not None
    assert wanted.refer(0) == again.refer(0)
    assert WORDS == json.loads(again.body)["text"]


async def test_files_come_back_in_the_order_in_which_they_were_kept(folder: Path) -> None:
    """A hundred, one after the other, in two runs of the program."""
    first = opened(folder)
    for number in range(50):
        await first.keep(entry(f"SM{number}"))
    second = opened(folder)
    for number in range(50, 100):
        await second.keep(entry(f"SM{number}"))

    assert [f"SM{number}" for number in range(100)] == ids(second.oldest(1000))
    assert ["SM0", "SM1"] == ids(second.oldest(2))


async def test_a_clock_that_is_set_back_changes_no_order(folder: Path) -> None:
    """The machine corrects its clock by an hour, also between two runs: later messages stay later."""
    with time_machine.travel(NOW, tick=False):
        await opened(folder).keep(entry("SM1"))
    with time_machine.travel(NOW.replace(hour=7), tick=False):
        again = opened(folder)
        await again.keep(entry("SM2"))
        await again.keep(entry("SM3"))

    assert ["SM1", "SM2", "SM3"] == ids(again.oldest(9))


async def test_a_redelivery_is_one_file_with_the_first_one_s_fingerprint(folder: Path) -> None:
    """Sent again while it waits, in this run or the next: known, and the fingerprint of the first body is told."""
    kept = opened(folder)
    assert await kept.keep(entry("SM1", fingerprint="first")) is None
    assert "first" == await kept.keep(entry("SM1", fingerprint="second"))
    again = opened(folder)
    assert "first" == await again.keep(entry("SM1", fingerprint="third"))
    assert (1, 1) == (again.depth, len(list(folder.glob("*.json"))))


async def test_nobody_is_thanked_before_the_disk_has_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty copies at once while the disk is slow: one file, and not one of them is answered before it is whole."""
    kept = opened(folder)
    gate, writes = threading.Event(), []
    sync = os.fsync

    def slow(descriptor: int) -> None:
        writes.append(descriptor)
        assert gate.wait(10)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    callers = [asyncio.create_task(kept.keep(entry("SM1", fingerprint="print"))) for _ in range(20)]
    while not writes:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    assert not any(caller.done() for caller in callers)
    assert 1 == kept.depth
    gate.set()
    answers = await asyncio.gather(*callers)

    assert (1, 19) == (answers.count(None), answers.count("print"))
    assert 2 == len(writes)  # the file, and the folder that names it
    assert ["SM1"] == ids(kept.oldest(9))


async def test_a_caller_that_goes_away_takes_nothing_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider hangs up while the file is written: it counts until it is there, and then waits like others."""
    kept = opened(folder)
    gate = threading.Event()
    write = spool._write_through

    def slow(path: Path, content: bytes) -> None:
        assert gate.wait(10)
        write(path, content)

    monkeypatch.setattr(spool, "_write_through", slow)
    caller = asyncio.create_task(kept.keep(entry("SM1", fingerprint="print")))
    await asyncio.sleep(0.01)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    assert 1 == kept.depth
    second = asyncio.create_task(kept.keep(entry("SM1")))
    await asyncio.sleep(0.01)
    gate.set()

    assert "print" == await second
    assert (1, ["SM1"]) == (kept.depth, ids(kept.oldest(9)))


async def test_a_file_is_not_moved_on_while_its_writer_waits_for_the_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drain is faster than the disk: had it taken the file, the spool would count it for ever."""
    kept = opened(folder)
    gate, named = threading.Event(), threading.Event()
    sync = os.fsync

    def slow(descriptor: int) -> None:
        if list(folder.glob("*.json")):
            named.set()
            assert gate.wait(10)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    caller = asyncio.create_task(kept.keep(entry("SM1")))
    await asyncio.to_thread(named.wait, 10)
    assert [] == kept.oldest(9)
    gate.set()
    await caller
    (found,) = kept.oldest(9)
    kept.remove([found.path])

    assert (0, []) == (kept.depth, list(folder.glob("*.json")))


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda _content: b"",
        lambda content: content.replace(b"sms", b"sns"),
        lambda content: content.replace(b"\n", b" "),
        lambda _content: b"\x00" * 4096,
    ],
    ids=["one byte short", "half", "empty", "changed", "one line", "zeros"],
)
async def test_a_damaged_file_is_set_aside_and_said(
    folder: Path, harm: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad disk: the file goes to bad/ with an alarm and its name in the log, and the ones behind it come through."""
    kept = opened(folder)
    for sid in ("SM1", "SM2", "SM3"):
        await kept.keep(entry(sid))
    path = sorted(folder.glob("*.json"))[1]
    path.write_bytes(harm(path.read_bytes()))
    before = alarms("spool_spoiled")

    assert ["SM1", "SM3"] == ids(kept.oldest(9))
    assert (2, 1, 1) == (kept.depth, kept.spoiled, alarms("spool_spoiled") - before)
    assert (folder / "bad" / path.name).is_file()
    said = capsys.readouterr().out
    assert path.name in said
    assert "الماء" not in said
    assert await kept.keep(entry("SM2")) is None  # sent again by the provider, it is kept anew


async def test_a_file_that_cannot_be_read_at_all_holds_up_nobody(folder: Path) -> None:
    """Where a file should be the disk has something unreadable: it is set aside like a damaged one."""
    kept = opened(folder)
    await kept.keep(entry("SM2"))
    (folder / f"{1:020d}-{'0' * 32}.json").mkdir()

    assert ["SM2"] == ids(kept.oldest(9))
    assert 1 == kept.spoiled


async def test_halves_of_a_former_run_are_cleared_away(folder: Path) -> None:
    """Killed in the middle of writing: nobody was thanked for it, so it is thrown away at the next start."""
    opened(folder)
    (folder / "00000000000000000001-x.tmp").write_bytes(b"half")

    kept = opened(folder)
    assert (0, []) == (kept.depth, [path.name for path in folder.iterdir() if path.is_file()])


async def test_what_is_kept_is_for_our_eyes_alone(folder: Path) -> None:
    """A citizen's words lie there: no other user of the machine may read them."""
    await opened(folder).keep(entry("SM1"))

    (path,) = folder.glob("*.json")
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    """The data folder is a file, or belongs to somebody else: said at the start, with its name."""
    (tmp_path / "data").write_text("")

    with pytest.raises(SpoolBroken, match=r"the spool folder .*/data/spool cannot be written: Not a directory"):
        Spool(tmp_path / "data" / "spool").open()


async def test_a_folder_that_went_away_refuses_everybody_who_waits(folder: Path) -> None:
    """The disk is gone: the first caller and the copy that waits with it hear the same, and the next ones too."""
    kept = opened(folder)
    (folder / "bad").rmdir()
    folder.rmdir()

    answers = await asyncio.gather(*(kept.keep(entry("SM1")) for _ in range(5)), return_exceptions=True)
    assert [SpoolBroken] * 5 == [type(answer) for answer in answers]
    assert 0 == kept.depth
    folder.mkdir()
    assert await kept.keep(entry("SM1")) is None


async def test_a_full_disk_is_not_filled_by_halves(folder: Path) -> None:
    """No room for the whole file: refused, and the half that was written is taken away again."""
    kept = opened(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # the kernel ends every write at 100 bytes
    try:
        with pytest.raises(SpoolBroken, match="File too large"):
            await kept.keep(entry("SM1"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert (0, []) == (kept.depth, [path for path in folder.iterdir() if path.is_file()])
    assert await kept.keep(entry("SM1")) is None
