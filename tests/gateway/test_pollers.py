"""What goes out to fetch: nothing is lost or doubled, whenever it stops, and nobody holds up anybody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.base import Barred, Busy, Reception, Refused
from channels.message import Inbound, Media
from gateway import quarantine
from gateway.breaker import BARRED_FOR
from gateway.city.city import City
from gateway.intake import NotStored
from gateway.pollers import Pollers
from gateway.recount import Recount
from gateway.store.engine import Connection
from tests.gateway.village import Post, Village
from tests.gateway.walk import Walk, logged, metric
from tests.servers.waiting import until

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(256)


@pytest.fixture
async def walk(tmp_path: Path, city: City) -> AsyncIterator[Walk]:
    """A house with a village."""
    made = Walk(tmp_path, city)
    made.house.channels["village"] = Village(Post(["الماء مقطوع", "الإنارة مطفأة", "حفرة في الشارع"]))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def village(walk: Walk) -> Village:
    """The channel that fetches."""
    found = walk.house.channels["village"]
    assert isinstance(found, Village)
    return found


@pytest.fixture
def pollers(walk: Walk) -> Pollers:
    """The house's pollers, on the same clock."""
    return Pollers(walk.house, clock=walk.clock)


async def journaled(walk: Walk) -> list[str]:
    rows = await walk.rows("SELECT external_id FROM journal WHERE channel = 'village' ORDER BY seq")
    return [row.external_id for row in rows]


async def test_what_lies_there_is_fetched_once(walk: Walk, village: Village, pollers: Pollers) -> None:
    """The second look begins where the first one ended."""
    assert (0.01, False) == await pollers.fetch(village, "")
    village.post.letters.append("رابعة")
    await pollers.fetch(village, "")

    assert ["L0", "L1", "L2", "L3"] == await journaled(walk)
    assert [0, 1, 2, 3] == village.post.fetched


async def test_what_could_not_be_stored_is_fetched_again(walk: Walk, village: Village, pollers: Pollers) -> None:
    """The cursor never runs ahead of what is on disk."""
    accept, calls = walk.house.intake.accept, iter([True, False])

    async def failing(inbound: object, **more: object) -> object:
        if not next(calls, True):
            raise NotStored("disk full")
        return await accept(inbound, **more)  # type: ignore[arg-type]

    walk.house.intake.accept = failing  # type: ignore[method-assign, assignment]
    assert (None, True) == await pollers.fetch(village, "")
    assert ["L0"] == await journaled(walk)
    await pollers.fetch(village, "")

    assert (["L0", "L1", "L2"], [0, 1, 1, 2]) == (await journaled(walk), village.post.fetched)


async def test_a_crash_before_the_cursor_moved_doubles_nothing(walk: Walk, village: Village, pollers: Pollers) -> None:
    """What was kept and not remembered comes again, and is known."""
    reception = pollers.reception("village")
    fetched = village.fetch("", reception)
    await walk.house.intake.accept(await anext(fetched))
    await fetched.aclose()  # type: ignore[attr-defined]
    await pollers.fetch(village, "")

    assert (["L0", "L1", "L2"], [0, 0, 1, 2]) == (await journaled(walk), village.post.fetched)


@pytest.mark.parametrize(
    ("fault", "pause", "alarm"),
    [
        (Busy("503", "away", retry_after=7.0), 7.0, None),
        (Busy("503", "away"), None, None),
        (Busy("429", "for ever", retry_after=float("inf")), 86_400.0, None),
        (Busy("429", "at once", retry_after=-5.0), 1.0, None),
        (Barred("190", "the token died"), BARRED_FOR, "channel_barred"),
        (ZeroDivisionError("الماء مقطوع"), None, "poll_failed"),
    ],
)
async def test_a_provider_that_fails(
    village: Village, pollers: Pollers, fault: Exception, pause: float | None, alarm: str | None
) -> None:
    """It is asked again after the pause it wants; a dead token and a bug call a person, without a citizen's words."""
    village.post.fault = fault
    before = metric("balagh_alarms_total", kind=alarm) if alarm else 0.0
    with logged() as log:
        assert (pause, True) == await pollers.fetch(village, "")
    assert "الماء" not in log.getvalue()
    assert (metric("balagh_alarms_total", kind=alarm) if alarm else 1.0) == before + 1
    assert float(isinstance(fault, Barred)) == metric("balagh_channel_barred", channel="village")
    village.post.fault = None
    await pollers.fetch(village, "")
    assert 0.0 == metric("balagh_channel_barred", channel="village")


async def test_an_inbox_that_is_well_hides_none_whose_password_ended(village: Village, pollers: Pollers) -> None:
    """Of two lines of one channel one is barred: the channel counts as barred until that one is let in again."""
    village.post.fault = Barred("LOGIN", "the password ended")
    await pollers.fetch(village, "water@city")
    village.post.fault = None
    await pollers.fetch(village, "roads@city")
    assert 1.0 == metric("balagh_channel_barred", channel="village")
    await pollers.fetch(village, "water@city")
    assert 0.0 == metric("balagh_channel_barred", channel="village")


@pytest.mark.parametrize("way", ["log", "following"])
async def test_a_token_that_opens_no_log_calls_a_person(
    walk: Walk, village: Village, pollers: Pollers, way: str
) -> None:
    """A dead token is an alarm also where it is first met in reading the provider's log, or asking for words."""
    recount = Recount({"village": village}, pollers.reception)
    await walk.house.intake.accept(village.pointer("C7"))
    await walk.understand()
    before = metric("balagh_alarms_total", kind="channel_barred")

    async def look() -> None:
        await (recount.all(walk.clock()) if way == "log" else pollers.follow("village", village))

    village.post.fault = Barred("190", "the token died")
    with logged() as log:
        await look()
    assert (before + 1, 1.0) == (
        metric("balagh_alarms_total", kind="channel_barred"),
        metric("balagh_channel_barred", channel="village"),
    )
    assert way in log.getvalue()
    village.post.fault = None
    walk.clock.pass_by(hours=1)
    await look()
    assert 0.0 == metric("balagh_channel_barred", channel="village")


async def test_it_runs_by_itself(walk: Walk, village: Village, pollers: Pollers) -> None:
    """The role fetches again and again, until it ends."""
    running = asyncio.create_task(pollers.run())

    async def all_there() -> bool:
        return len(village.post.letters) == len(await journaled(walk))

    await until(all_there)
    village.post.letters.append("رابعة")
    await until(all_there)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_what_is_pointed_at_is_asked_for(walk: Walk, village: Village, pollers: Pollers) -> None:
    """A notification without words is on disk at once; its words come when the provider gives them."""
    village.post.fault = Busy("2", "later", retry_after=5.0)
    await walk.house.intake.accept(village.pointer("C7"))
    await walk.understand()
    assert 1 == await pollers.follow("village", village)
    assert ["PC7"] == await journaled(walk)
    village.post.fault, village.post.words["C7"] = None, "المجاري طافحة"
    assert 0 == await pollers.follow("village", village)
    walk.clock.pass_by(seconds=6)
    assert 1 == await pollers.follow("village", village)
    await walk.understand()

    assert ["PC7", "C7"] == await journaled(walk)
    assert 1 == len(await walk.rows("SELECT 1 FROM complaints"))
    walk.clock.pass_by(hours=3)
    assert 0 == await pollers.follow("village", village)


async def test_what_nobody_will_ever_give_is_said(walk: Walk, village: Village, pollers: Pollers) -> None:
    """A pointer whose words are refused for good is an alarm, and not forgotten in silence."""
    village.post.fault = Refused("100", "no such comment")
    await walk.house.intake.accept(village.pointer("C7"))
    await walk.understand()
    before = metric("balagh_alarms_total", kind="pointer_lost")
    await pollers.follow("village", village)

    assert before + 1 == metric("balagh_alarms_total", kind="pointer_lost")
    (row,) = await walk.rows("SELECT next_at, reason FROM pointers")
    assert (None, "100: no such comment") == (row.next_at, row.reason)


async def test_a_person_can_have_it_asked_for_again(
    walk: Walk, village: Village, pollers: Pollers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies in quarantine until then; once the provider gives the words they are a complaint."""
    village.post.fault = Refused("10", "no permission")
    await walk.house.intake.accept(village.pointer("C7"))
    await walk.understand()
    await pollers.follow("village", village)
    (row,) = await walk.rows("SELECT id, stage, reason FROM quarantine WHERE state = 'open'")
    assert ("follow", "its words cannot be had: 10: no permission") == (row.stage, row.reason)
    village.post.fault, village.post.words["C7"] = None, "المجاري طافحة"
    assert 0 == await pollers.follow("village", village)
    settings = walk.house.settings
    monkeypatch.setenv("BALAGH_DATA_DIR", str(settings.data_dir))
    said: list[str] = []
    assert await quarantine.retry(row.id, said.append)
    walk.clock.now = datetime.now(UTC) + timedelta(seconds=1)
    assert 1 == await pollers.follow("village", village)
    await walk.understand()

    assert [f"{row.id}: its words are asked for again"] == said
    assert 1 == len(await walk.rows("SELECT 1 FROM complaints"))


async def test_the_recount_takes_in_what_never_came(walk: Walk, village: Village, pollers: Pollers) -> None:
    """The provider's log and the journal are laid side by side; the second look finds nothing missing."""
    await walk.house.intake.accept(village.letter(1))
    recount = Recount(walk.house.channels, pollers.reception)
    (first,) = [one for one in await recount.all(walk.clock()) if one.channel == "village"]
    (second,) = [one for one in await recount.all(walk.clock()) if one.channel == "village"]

    assert (3, 2, "") == (first.listed, first.missing, first.problem)
    assert (3, 0) == (second.listed, second.missing)
    assert {"L0", "L1", "L2"} == set(await journaled(walk))


async def test_an_outage_of_days_is_recounted(walk: Walk, village: Village, pollers: Pollers) -> None:
    """The scheduled recount begins where the last whole one ended, and not a few hours ago."""
    recount = Recount({"village": village}, pollers.reception)
    first = walk.clock()
    await pollers.recount(recount)
    walk.clock.pass_by(days=3)
    village.post.fault = Busy("503", "away")
    await pollers.recount(recount)
    walk.clock.pass_by(hours=5)
    village.post.fault = None
    await pollers.recount(recount)

    overlap = timedelta(hours=2)
    assert [first - overlap, first - overlap, first - overlap] == village.post.counted
    walk.clock.pass_by(days=90)
    await pollers.recount(recount)
    assert walk.clock() - timedelta(days=30) == village.post.counted[-1]


async def test_lines_that_were_read_as_one_log_go_on_where_that_ended(walk: Walk, pollers: Pollers) -> None:
    """A house that is mended after days of silence looks into each mailbox as far back as it last saw them all."""
    ended, looks = walk.clock(), list[tuple[str, datetime]]()

    class Mailboxes:
        def lines(self) -> Sequence[str]:
            return ("north", "south")

        async def recount_line(self, line: str, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
            looks.append((line, since))
            for inbound in list[Inbound]():
                yield inbound

    await pollers.reception("mailboxes").remember("recounted", ended.isoformat())
    walk.clock.pass_by(days=3)
    began = walk.clock()
    for _ in range(2):
        await pollers.recount(Recount({"mailboxes": Mailboxes()}, pollers.reception))  # type: ignore[dict-item]

    overlap = timedelta(hours=2)
    assert [(line, at - overlap) for at in (ended, began) for line in ("north", "south")] == looks


async def test_a_bug_in_one_log_hides_no_other(walk: Walk, village: Village, pollers: Pollers) -> None:
    """What breaks while one provider's log is read is said, without a citizen's words; the next is read."""
    broken = Village(Post(fault=ZeroDivisionError("الماء مقطوع")))
    recount = Recount({"broken": broken, "village": village}, pollers.reception)
    with logged() as log:
        first, second = await recount.all(walk.clock())

    assert ("ZeroDivisionError while reading it", 3, "") == (first.problem, second.missing, second.problem)
    assert "الماء" not in log.getvalue()


async def test_following_goes_on_when_nothing_can_be_stored(walk: Walk, village: Village, pollers: Pollers) -> None:
    """A full disk ends no poller: the others go on, and the words are asked for again."""
    village.post.words["C7"] = "المجاري طافحة"
    await walk.house.intake.accept(village.pointer("C7"))
    await walk.understand()
    accept, refused = walk.house.intake.accept, asyncio.Event()

    async def failing(inbound: object, **more: object) -> object:
        refused.set()
        raise NotStored("disk full")

    walk.house.intake.accept = failing  # type: ignore[method-assign, assignment]
    following = asyncio.create_task(pollers._follow("village", village))
    await refused.wait()
    await asyncio.sleep(0.05)
    assert not following.done()
    following.cancel()
    walk.house.intake.accept = accept  # type: ignore[method-assign]
    walk.clock.pass_by(minutes=3)
    assert 1 == await pollers.follow("village", village)
    assert ["PC7", "C7"] == await journaled(walk)


async def test_a_log_that_cannot_be_read_is_said(walk: Walk, village: Village, pollers: Pollers) -> None:
    """Whoever reads the books learns which provider could not be asked."""
    village.post.fault = Barred("190", "the token died")
    (found,) = await Recount({"village": village}, pollers.reception).all(walk.clock())

    assert "190: the token died" == found.problem


async def test_a_photo_is_deleted_at_the_provider_once_it_is_safe(walk: Walk, village: Village) -> None:
    """Not before it has been on our disk for a while, and again when the provider was away."""

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=JPEG, content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/p.jpg", serve)
    async with TestServer(app) as server:
        url = f"http://127.0.0.1:{server.port}/p.jpg"
        inbound = village.letter(0).but(media=(Media(content_type="image/jpeg", url=url),))
        await walk.house.intake.accept(inbound)
        await walk.understand()
        await walk.media.step()
    (held,) = await walk.rows("SELECT state, sha256, url FROM attachments")
    assert ("fetched", True, []) == (held.state, bool(held.sha256), village.post.forgotten)
    walk.clock.pass_by(minutes=11)
    village.post.fault = Busy("503", "away")
    await walk.media.step()
    village.post.fault = None
    walk.clock.pass_by(minutes=11)
    await walk.media.step()

    assert [url] == village.post.forgotten
    (held,) = await walk.rows("SELECT state, url, next_at FROM attachments")
    assert ("fetched", None, None) == (held.state, held.url, held.next_at)


async def test_memory_lasts_and_is_each_channels_own(walk: Walk, pollers: Pollers) -> None:
    """What is remembered is there for the next process; an empty value is forgotten."""
    mine, yours = pollers.reception("village"), pollers.reception("town")
    await mine.remember("k", "1")
    await mine.remember("k", "2")
    assert ("2", "") == (await mine.recall("k"), await yours.recall("k"))
    await mine.remember("k", "")

    def count(connection: Connection) -> int:
        from sqlalchemy import text

        return int(connection.execute(text("SELECT count(*) FROM memory WHERE key = 'k'")).scalar_one())

    assert ("", 0) == (await mine.recall("k"), await walk.house.store.read(count))


@pytest.mark.parametrize(
    ("data", "said", "is_"),
    [
        (JPEG, "application/x-msdownload", "image/jpeg"),
        (b"PK\x03\x04" + bytes(64), "application/vnd.ms-excel", "application/vnd.ms-excel"),
        (b"<html><script>alert(1)</script>", "image/jpeg", "text/html"),
        (b"MZ" + bytes(64), "image/png", "application/x-msdownload"),
        (b"\x00\x01\x02", "text/html", "application/octet-stream"),
    ],
)
async def test_an_attachment_is_what_its_bytes_say(pollers: Pollers, data: bytes, said: str, is_: str) -> None:
    """Nothing is taken for a photo, or for anything a browser would run, because its sender says so."""
    media = await pollers.reception("village").keep(data, content_type=said, filename="تقرير.xls")

    assert (is_, len(data), "تقرير.xls") == (media.content_type, media.size, media.filename)


async def test_an_attachment_of_nothing(pollers: Pollers) -> None:
    """There is nothing to keep, and the channel is told."""
    with pytest.raises(ValueError, match="not one byte"):
        await pollers.reception("village").keep(b"")
