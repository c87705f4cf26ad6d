"""Photos that messages only point at: fetched after acceptance, told to the department, and never worth a complaint."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.base import Barred, Fetches, Source
from channels.message import Media
from gateway.city.city import City
from gateway.media.worker import TRIES, MediaWorker
from gateway.store import attachments
from tests.gateway.twilio_house import TwilioHouse
from tests.gateway.walk import ACCOUNT, CITIZEN, Clock, Walk, logged, metric

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40
SHA256 = hashlib.sha256(JPEG).hexdigest()


@pytest.fixture
async def twilio() -> TwilioHouse:
    """A stand-in that has one photo."""
    return TwilioHouse(Clock(), files={"ME1": JPEG})


@pytest.fixture
async def api(twilio: TwilioHouse) -> AsyncIterator[str]:
    """Where the stand-in listens."""
    async with TestServer(twilio.app()) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def walk(tmp_path: Path, city: City, api: str) -> AsyncIterator[Walk]:
    """A house whose WhatsApp leads to the stand-in."""
    made = Walk(tmp_path, city, BALAGH_WHATSAPP__API_URL=api)
    await made.open()
    yield made
    await made.close()


def photo(media: str = "ME1", host: str = "https://api.twilio.com") -> Media:
    return Media("image/jpeg", url=f"{host}/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/{media}")


async def state(walk: Walk) -> dict[str, int]:
    return await walk.house.store.read(attachments.states)


async def test_a_photo_reaches_the_department_after_its_complaint(walk: Walk, twilio: TwilioHouse) -> None:
    """Offered at once; the photo, not there at first, follows as an amendment with its checksum, and can be read."""
    twilio.missing = 2
    await walk.hear(channel="whatsapp", media=(photo(),))
    await walk.publish()
    for _ in range(3):
        assert 1 == await walk.media.step()
        walk.clock.pass_by(seconds=30)
    assert 0 == await walk.media.step()
    await walk.publish()
    assert [("water", "offered"), ("water", "amended")] == walk.tape.told()
    [before], [after] = (event["data"]["complaint"]["attachments"] for event in walk.tape.events())
    assert (None, None) == (before["sha256"], before["url"])
    assert (SHA256, len(JPEG), "image/jpeg", "image") == (
        after["sha256"],
        after["size"],
        after["content_type"],
        after["kind"],
    )
    assert f"https://balagh.example/api/v1/attachments/{before['id']}" == after["url"]
    assert JPEG == walk.house.files.path(SHA256).read_bytes()
    assert 3 == len(twilio.fetched)


async def test_a_photo_fetched_before_the_routing_is_in_the_offer(walk: Walk) -> None:
    """However the two overtake each other, the department ends up with the same photo, once."""
    await walk.hear(channel="whatsapp", media=(photo(),))
    await walk.media.step()
    await walk.publish()
    assert [("water", "offered")] == walk.tape.told()
    assert SHA256 == walk.tape.events()[0]["data"]["complaint"]["attachments"][0]["sha256"]


async def test_a_photo_that_never_comes_costs_nothing(walk: Walk, twilio: TwilioHouse) -> None:
    """After its bounded tries it is given up, with an alarm; the complaint has long been at its department."""
    before = metric("balagh_alarms_total", kind="media_failed")
    twilio.missing = 10**6
    await walk.hear(channel="whatsapp", media=(photo(),))
    await walk.publish()
    for _ in range(TRIES + 3):
        await walk.media.step()
        walk.clock.pass_by(hours=2)
    assert (TRIES, {"failed": 1}) == (len(twilio.fetched), await state(walk))
    assert before + 1 == metric("balagh_alarms_total", kind="media_failed")
    assert [("water", "offered")] == walk.tape.told()


async def test_no_link_leads_elsewhere(walk: Walk, twilio: TwilioHouse) -> None:
    """A link to another host, another port of this machine or a private network is not even asked."""
    asked: list[str] = []

    async def trap(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=JPEG, content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/{anything:.*}", trap)
    async with TestServer(app) as server:
        here = str(server.make_url("")).rstrip("/")
        hosts = (here, here.replace("127.0.0.1", "localhost"), "http://169.254.169.254", "https://evil.example")
        media = (*(photo(host=host) for host in hosts), Media("image/jpeg", url="file:///etc/passwd"))
        await walk.hear(channel="whatsapp", media=media)
        while await walk.media.step():
            pass
    assert ([], [], {"failed": 5}) == (asked, twilio.fetched, await state(walk))
    await walk.publish()
    assert [("water", "offered")] == walk.tape.told()


async def test_a_program_sent_as_a_photo_is_not_kept(walk: Walk, twilio: TwilioHouse) -> None:
    """What it is goes by its content, whatever was declared."""
    twilio.files["ME1"] = b"MZ\x90\x00" + bytes(5000)
    await walk.hear(channel="whatsapp", media=(photo(),))
    await walk.media.step()
    assert {"failed": 1} == await state(walk)
    assert [] == [path for path in (walk.house.settings.data_dir / "files").rglob("*") if path.is_file()]


async def test_one_bug_holds_up_no_other_photo(walk: Walk, twilio: TwilioHouse) -> None:
    """A fault in fetching one leaves the others their turn, and the log quotes no link."""
    twilio.files["ME2"] = JPEG
    await walk.hear(channel="whatsapp", media=(photo(), photo("ME2")))
    channel = walk.house.channels["whatsapp"]

    class Breaking:
        """A channel with a bug that quotes what it was handed."""

        async def source(self, url: str) -> object:
            if url.endswith("ME1"):
                raise ValueError(f"{url} {CITIZEN}")
            return await channel.source(url)

    walk.media.sources = {"whatsapp": Breaking()}  # type: ignore[dict-item]
    with logged() as log:
        await walk.media.step()
    assert {"fetched": 1, "pending": 1} == await state(walk)
    assert "cannot be fetched" in log.getvalue()
    assert CITIZEN not in log.getvalue()
    assert "Media/ME1" not in log.getvalue()


async def test_two_workers_fetch_a_photo_once(walk: Walk, twilio: TwilioHouse) -> None:
    """What one has taken, another leaves alone; a worker that died leaves it for later."""
    await walk.hear(channel="whatsapp", media=(photo(),))
    other = MediaWorker(
        walk.house.store, walk.media.fetcher, walk.media.sources, walk.media.wanted, (), clock=walk.clock
    )
    assert [1, 0] == sorted([await walk.media.step(), await other.step()], reverse=True)
    assert 1 == len(twilio.fetched)


async def test_a_start_without_the_channels_settings_costs_no_photo(walk: Walk, twilio: TwilioHouse) -> None:
    """As long as its channel is off a photo waits, for a week; when the channel is on again it is fetched."""
    twilio.files["ME1"] = JPEG
    await walk.hear(channel="whatsapp", media=(photo(),))
    on, walk.media.sources = walk.media.sources, {}
    for _ in range(12):
        await walk.media.step()
        walk.clock.pass_by(hours=2)
    assert {"pending": 1} == await state(walk)
    walk.media.sources = on
    await walk.media.step()
    assert {"fetched": 1} == await state(walk)


async def test_a_token_that_ended_costs_no_photo(walk: Walk, twilio: TwilioHouse) -> None:
    """While the provider does not accept our token photos wait, and a person is told; then they are fetched."""
    twilio.files |= {"ME2": JPEG, "ME3": JPEG}
    await walk.hear(channel="whatsapp", media=(photo(), photo("ME2"), photo("ME3")))
    before = metric("balagh_alarms_total", kind="channel_barred")
    twilio.denies = True
    for _ in range(TRIES + 2):
        await walk.media.step()
        walk.clock.pass_by(hours=2)
    assert (True, 1.0) == (
        metric("balagh_alarms_total", kind="channel_barred") > before,
        metric("balagh_channel_barred", channel="whatsapp"),
    )
    twilio.denies = False
    await walk.media.step()
    assert ({"fetched": 3}, 0.0) == (await state(walk), metric("balagh_channel_barred", channel="whatsapp"))


async def test_files_that_are_refused_among_others_that_come_bar_nobody(walk: Walk, twilio: TwilioHouse) -> None:
    """Four photos of a sub-account, which our token does not open: no alarm, and each other photo comes at once."""
    before = metric("balagh_alarms_total", kind="channel_barred")
    for number in range(4):
        twilio.foreign.add(f"MX{number}")
        twilio.files[f"ME{number}"] = JPEG
        await walk.hear(channel="whatsapp", media=(photo(f"MX{number}"),))
        await walk.media.step()
        await walk.hear(channel="whatsapp", media=(photo(f"ME{number}"),))
        await walk.media.step()
        assert number + 1 == (await state(walk))["fetched"]
        walk.clock.pass_by(minutes=2)
    assert (before, {"fetched": 4, "pending": 4}) == (
        metric("balagh_alarms_total", kind="channel_barred"),
        await state(walk),
    )


async def test_what_bad_links_alone_have_said_ends_with_them(walk: Walk, twilio: TwilioHouse) -> None:
    """Three links in a row look like a dead token; given up after a week, they leave no alarm light on behind them."""
    twilio.foreign = {"MX1", "MX2", "MX3"}
    await walk.hear(channel="whatsapp", media=tuple(photo(name) for name in sorted(twilio.foreign)))
    await walk.media.step()
    shown = [metric("balagh_channel_barred", channel="whatsapp")]
    walk.clock.pass_by(days=8)
    await walk.media.step()
    shown.append(metric("balagh_channel_barred", channel="whatsapp"))

    assert ({"failed": 3}, [1.0, 0.0]) == (await state(walk), shown)


async def test_a_file_that_is_open_to_all_proves_no_token(walk: Walk, twilio: TwilioHouse) -> None:
    """Our token ended; a picture that lies open at the same provider comes, and the alarm stands all the same."""
    twilio.files["ME4"] = JPEG
    twilio.foreign = {"MX1", "MX2", "MX3"}
    opened = Open(walk)
    walk.media.sources = {"whatsapp": opened}
    await walk.hear(channel="whatsapp", media=tuple(photo(name) for name in sorted(twilio.foreign)))
    await walk.media.step()
    await walk.hear(channel="whatsapp", media=(photo("ME4"),))
    walk.clock.pass_by(minutes=6)
    async with opened.serving():
        await walk.media.step()

    assert ({"fetched": 1, "pending": 3}, 1.0) == (
        await state(walk),
        metric("balagh_channel_barred", channel="whatsapp"),
    )


async def test_an_alarm_ends_where_files_lie_open(walk: Walk, twilio: TwilioHouse) -> None:
    """A provider that wants our token only when it is asked where a file lies lets us in again: its alarm ends."""
    del twilio
    opened = Open(walk)
    opened.shut = True
    walk.media.sources = {"whatsapp": opened}
    await walk.hear(channel="whatsapp", media=(photo("ME4"),))
    await walk.media.step()
    shown = [metric("balagh_channel_barred", channel="whatsapp")]
    opened.shut = False
    walk.clock.pass_by(minutes=6)
    async with opened.serving():
        await walk.media.step()
    shown.append(metric("balagh_channel_barred", channel="whatsapp"))

    assert ({"fetched": 1}, [1.0, 0.0]) == (await state(walk), shown)


class Open:
    """A provider of whose files one lies open: it is asked for without a key."""

    def __init__(self, walk: Walk) -> None:
        channel = walk.house.channels["whatsapp"]
        assert isinstance(channel, Fetches)
        self.channel, self.address, self.shut = channel, "", False

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Lay a photo open."""
        app = web.Application()
        app.router.add_get("/open", _photo)
        async with TestServer(app) as server:
            self.address = str(server.make_url("/open"))
            yield

    async def source(self, url: str) -> Source:
        """Say where a file lies."""
        if self.shut:
            raise Barred("401", "the token died")
        if not url.endswith("ME4"):
            return await self.channel.source(url)
        host = urlsplit(self.address)
        return Source(self.address, {}, frozenset(), private=host.netloc)


async def _photo(_: web.Request) -> web.Response:
    return web.Response(body=JPEG, content_type="image/jpeg")


class Barring:
    """A provider that must be asked where a photo lies, and does not let us in until it does."""

    def __init__(self, walk: Walk) -> None:
        channel = walk.house.channels["whatsapp"]
        assert isinstance(channel, Fetches)
        self.channel, self.asked, self.fault = channel, 0, True
        self.only = ""  # the file whose number is barred; all of them when empty

    async def source(self, url: str) -> Source:
        self.asked += 1
        if self.fault and url.endswith(self.only):
            raise Barred("190", "the token died")
        return await self.channel.source(url)

    async def forget(self, url: str) -> None:
        self.asked += 1
        if self.fault:
            raise Barred("190", "the token died")


async def test_a_barred_provider_is_asked_once_for_all_photos(walk: Walk, twilio: TwilioHouse) -> None:
    """The others wait without being asked for, and every five minutes one is; none is given up within a week."""
    twilio.files |= {"ME2": JPEG, "ME3": JPEG}
    await walk.hear(channel="whatsapp", media=(photo(),))
    barring = Barring(walk)
    walk.media.sources = {"whatsapp": barring}
    await walk.media.step()
    await walk.hear(channel="whatsapp", media=(photo("ME2"), photo("ME3")))
    await walk.media.step()
    assert (1, {"pending": 3}) == (barring.asked, await state(walk))
    for _ in range(TRIES + 2):
        walk.clock.pass_by(hours=2)
        await walk.media.step()
    assert {"pending": 3} == await state(walk)
    barring.fault = False
    walk.clock.pass_by(minutes=6)
    await walk.media.step()
    assert {"fetched": 3} == await state(walk)


async def test_a_number_whose_media_are_barred_bars_no_other(walk: Walk, twilio: TwilioHouse) -> None:
    """One of two numbers may not fetch: what was sent to the other comes at once, and the log names the one."""
    twilio.files["ME2"] = JPEG
    barring = Barring(walk)
    barring.only = "ME1"
    walk.media.sources = {"whatsapp": barring}
    await walk.hear(channel="whatsapp", account="+9647800000125", media=(photo(),))
    with logged() as log:
        await walk.media.step()
    await walk.hear(sender="+9647709999999", channel="whatsapp", media=(photo("ME2"),))
    await walk.media.step()

    assert {"fetched": 1, "pending": 1} == await state(walk)
    [alarm] = [entry for entry in map(json.loads, log.getvalue().splitlines()) if entry["level"] == "error"]
    assert ("whatsapp", "media", "+9647800000125") == (alarm["channel"], alarm["way"], alarm["account"])


async def test_what_is_safe_is_deleted_when_the_provider_lets_us_in_again(walk: Walk, twilio: TwilioHouse) -> None:
    """A token that ended between fetching and deleting leaves nothing behind at the provider."""
    del twilio
    await walk.hear(channel="whatsapp", media=(photo(),))
    barring = Barring(walk)
    barring.fault = False
    walk.media.sources = {"whatsapp": barring}
    await walk.media.step()
    barring.fault = True
    for _ in range(TRIES + 2):
        walk.clock.pass_by(hours=2)
        await walk.media.step()
    assert [(True, 0)] == [
        (row.url is not None, row.attempts) for row in await walk.rows("SELECT url, attempts FROM attachments")
    ]
    assert 1.0 == metric("balagh_channel_barred", channel="whatsapp")
    barring.fault = False
    walk.clock.pass_by(hours=2)
    await walk.media.step()
    assert [(None, None)] == [tuple(row) for row in await walk.rows("SELECT url, reason FROM attachments")]
    assert 0.0 == metric("balagh_channel_barred", channel="whatsapp")


async def test_a_provider_that_lets_nothing_be_deleted_is_asked_once_for_all(walk: Walk, twilio: TwilioHouse) -> None:
    """The second photo waits without being asked for; once the provider lets us in again both are deleted."""
    twilio.files["ME2"] = JPEG
    barring = Barring(walk)
    barring.fault = False
    walk.media.sources = {"whatsapp": barring}
    await walk.hear(channel="whatsapp", media=(photo(),))
    await walk.media.step()
    walk.clock.pass_by(minutes=2)
    await walk.hear(sender="+9647709999999", channel="whatsapp", media=(photo("ME2"),))
    await walk.media.step()
    barring.fault, barring.asked = True, 0
    for minutes in (9, 2):
        walk.clock.pass_by(minutes=minutes)
        assert 1 == await walk.media.step()
    assert 1 == barring.asked
    barring.fault = False
    walk.clock.pass_by(minutes=6)
    await walk.media.step()
    assert [(None, None)] * 2 == [tuple(row) for row in await walk.rows("SELECT url, reason FROM attachments")]


async def test_a_channel_that_stays_off_is_given_up_after_a_week(walk: Walk, twilio: TwilioHouse) -> None:
    """Providers keep their files about as long."""
    del twilio
    await walk.hear(channel="whatsapp", media=(photo(),))
    walk.media.sources = {}
    walk.clock.pass_by(days=8)
    await walk.media.step()
    assert {"failed": 1} == await state(walk)
