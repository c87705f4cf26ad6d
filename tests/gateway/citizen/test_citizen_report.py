"""Reporting on the city's own page."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from gateway import observe
from gateway.citizen import posted, report
from gateway.citizen.posted import FILE_SIZE
from gateway.citizen.tokens import Tokens
from gateway.city.city import City
from gateway.store.engine import Store
from normalizer.reference import read
from tests.gateway.citizen.visitor import JPEG, PIPE, Page, Visitor, form, make_house, site


async def test_the_form_is_arabic_and_right_to_left_at_first(visitor: Visitor) -> None:
    """Who opens the page for the first time sees Arabic, from right to left, with a way to English."""
    page = await visitor.get("/")
    assert 200 == page.status
    assert '<html lang="ar" dir="rtl">' in page.text
    assert "بغداد" in page.words
    assert 'lang="en" hreflang="en" dir="ltr">English</a>' in page.text


async def test_the_chosen_language_is_remembered(visitor: Visitor) -> None:
    """Who once chose English gets English on every page after that."""
    await visitor.get("/?lang=en")
    page = await visitor.get("/track")
    assert '<html lang="en" dir="ltr">' in page.text
    assert "Follow a report" in page.words


async def test_the_form_offers_what_the_city_has(visitor: Visitor, baghdad: City) -> None:
    """Districts, categories and emergency numbers are the city's own."""
    page = await visitor.get("/")
    for row in (*baghdad.districts.values(), *baghdad.categories.values()):
        assert f'<option value="{row.id}">' in page.text
    for row in baghdad.emergency:
        assert f'href="tel:{row.number}"' in page.text


async def test_a_report_is_kept_as_it_was_written_and_answered_with_both_numbers(visitor: Visitor) -> None:
    """Everything that was filled in is in the journal, and the receipt shows a reference and its PIN."""
    page = await visitor.send(
        ("صورة.jpg", JPEG),
        text=f"{PIPE}\r\nمنذ الصباح",
        where="قرب مدرسة النور",
        district="karkh",
        category="water.leak",
        kind="request",
        danger="yes",
        name="أم علي",
        phone="٠٧٩٠١٢٣٤٥٦٧",
        email="Um.Ali@Example.COM",
        confidential="yes",
    )
    assert (200, "/receipt") == (page.status, page.response.url.path)
    reference, pin = page.receipt
    assert visitor.house.identities.pin(read(reference) or "") == pin
    kept = await visitor.inbound(reference)
    assert ("web", "baghdad", "balagh") == (kept.channel, kept.account, kept.provider)
    assert f"{PIPE}\nمنذ الصباح" == kept.text
    assert kept.place is not None
    assert ("قرب مدرسة النور", "karkh") == (kept.place.text, kept.place.district)
    assert "أم علي" == kept.sender_name
    assert {
        "kind": "request",
        "category": "water.leak",
        "contact": {"phone": "+9647901234567", "email": "Um.Ali@example.com"},
        "danger": True,
        "confidential": True,
    } == dict(kept.answers)
    [photo] = kept.media
    assert ("image/jpeg", "صورة.jpg", len(JPEG)) == (photo.content_type, photo.filename, photo.size)
    assert JPEG == visitor.house.files.path(photo.sha256 or "").read_bytes()


async def test_who_reports_danger_sees_the_emergency_numbers_on_the_receipt(visitor: Visitor) -> None:
    """The receipt of a report of danger begins with whom to call."""
    page = await visitor.send(text=PIPE, danger="yes")
    assert 'href="tel:122"' in page.text
    assert 'href="tel:122"' not in (await visitor.send(text=PIPE, danger="no")).text


async def test_a_photo_alone_is_a_report(visitor: Visitor) -> None:
    """Who cannot write may send a picture; the language is then that of the page."""
    page = await visitor.send(("1.jpg", JPEG), text="")
    kept = await visitor.inbound(page.receipt[0])
    assert {"language": "ar"} == dict(kept.answers)
    assert 1 == len(kept.media)


async def test_the_receipt_says_how_many_files_arrived(visitor: Visitor) -> None:
    """Whoever sent photos reads that they are here; without any nothing is said of them."""
    photos = [(f"{number}.jpg", JPEG + bytes([number])) for number in range(1, 4)]
    assert "وصلت معه 3 ملفات" in (await visitor.send(*photos, text=PIPE)).words
    assert "وصلت معه صورة واحدة" in (await visitor.send(*photos[:1], text=PIPE)).words
    assert "وصل" not in (await visitor.send(text=PIPE)).words
    await visitor.get("/?lang=en")
    assert "2 photos or documents arrived with it." in (await visitor.send(*photos[:2], text=PIPE)).words


async def test_pressing_twice_gives_one_report(visitor: Visitor) -> None:
    """A double click, or a form sent again from history, shows the same numbers and files nothing new."""
    page = await visitor.get("/")
    once, twice = await asyncio.gather(
        visitor.send(("a.jpg", JPEG), page=page, text=PIPE), visitor.send(("a.jpg", JPEG), page=page, text=PIPE)
    )
    later = await visitor.send(("a.jpg", JPEG), page=page, text=PIPE)
    assert once.receipt == twice.receipt == later.receipt
    assert 1 == await visitor.filed()


async def test_a_form_sent_again_with_other_words_is_not_lost_behind_the_first(visitor: Visitor) -> None:
    """Who goes back, changes the text and sends again is told that the change is new, and may file it."""
    page = await visitor.get("/")
    first = await visitor.send(page=page, text=PIPE)
    again = await visitor.send(page=page, text="والكهرباء مقطوعة أيضاً")
    assert 409 == again.status
    assert "والكهرباء مقطوعة أيضاً" == again.typed
    assert first.receipt[0] not in again.text
    second = await visitor.send(page=again, text=again.typed)
    assert first.receipt[0] != second.receipt[0]
    assert 2 == await visitor.filed()


async def test_the_name_of_a_report_does_not_open_its_receipt(visitor: Visitor) -> None:
    """Departments see a report's external id: sending it as the form's own secret gives nobody the PIN."""
    reference, _ = (await visitor.send(text=PIPE)).receipt
    kept = await visitor.inbound(reference)
    page = await visitor.post("/", form(nonce=kept.external_id, text=PIPE))
    assert 422 == page.status


@pytest.mark.parametrize("nonce", ["", "made.up", "é.🙂", "." * 5000, "WzFd.0"])
async def test_a_form_that_we_did_not_give_out_is_shown_again(visitor: Visitor, nonce: str) -> None:
    """A made-up form files nothing, loses nothing, and comes back with a good one."""
    page = await visitor.post("/", form(nonce=nonce, text=PIPE))
    assert (422, PIPE) == (page.status, page.typed)
    assert 0 == await visitor.filed()
    assert 200 == (await visitor.send(page=page, text=page.typed)).status


async def test_a_form_left_open_for_more_than_a_day_is_shown_again(visitor: Visitor) -> None:
    """The words of yesterday's form are kept, and it can be sent at once."""
    old = Tokens(visitor.house.identities).nonce(datetime.now(UTC) - timedelta(hours=24, minutes=1))
    page = await visitor.post("/", form(nonce=old, text=PIPE))
    assert (422, PIPE) == (page.status, page.typed)
    assert "أكثر من يوم" in page.words
    assert 200 == (await visitor.send(page=page, text=page.typed)).status
    young = Tokens(visitor.house.identities).nonce(datetime.now(UTC) - timedelta(hours=23, minutes=59))
    assert 200 == (await visitor.post("/", form(nonce=young, text=PIPE))).status


async def test_what_is_wrong_is_said_once_for_each_field_in_the_page_s_language(visitor: Visitor) -> None:
    """Each fault stands at its field; everything that was typed is still there."""
    page = await visitor.send(text="", phone="abc", email="x@", district="mars", where="w" * 501, name="ن" * 81)
    assert 422 == page.status
    for name in ("text", "where", "district", "name", "phone", "email"):
        assert 1 == len(re.findall(rf'<div class="fault" id="{name}-fault"><p>[^<]', page.text)), name
        assert re.search(rf'id="{name}"[^>]*aria-describedby="[^"]*{name}-fault"[^>]*aria-invalid="true"', page.text)
    assert ("abc", "x@") == (page.value("phone"), page.value("email"))
    assert 0 == await visitor.filed()
    english = await visitor.post("/?lang=en", form(nonce=page.value("nonce"), phone="abc", text=PIPE))
    assert "Write the phone number in digits." in english.words


async def test_a_text_that_is_too_long_comes_back_whole(visitor: Visitor) -> None:
    """More than 10,000 characters are refused with the number, and none of them is lost."""
    long = "ماء " * 2_501
    page = await visitor.send(text=long)
    assert (422, long) == (page.status, page.typed)
    assert "10,000" in page.words
    assert 200 == (await visitor.send(text="م" * 10_000)).status


async def test_a_field_of_a_megabyte_is_answered_and_not_kept_whole(visitor: Visitor) -> None:
    """Somebody who sends a megabyte as text, or as a name, gets the form again and not more than a part of it."""
    page = await visitor.send(text="x" * 1_000_000, name="y" * 1_000_000)
    assert 422 == page.status
    assert len(page.text) < 400_000


async def test_a_refused_file_is_named_and_nothing_else_is_lost(visitor: Visitor) -> None:
    """A program among the photos is refused by name; the photo and the text are there at the second try."""
    page = await visitor.send(("صورة.jpg", JPEG), ("برنامج.exe", b"MZ" + bytes(500)), text=PIPE)
    assert 422 == page.status
    assert "برنامج.exe ليس صورة" in page.words
    assert (PIPE, 1) == (page.typed, len(page.kept))
    page = await visitor.send(page=page, text=page.typed, kept=page.kept)
    assert ["صورة.jpg"] == [media.filename for media in (await visitor.inbound(page.receipt[0])).media]


async def test_a_file_that_is_too_large_is_named(visitor: Visitor) -> None:
    """A file over 16 MB is refused by name, and what comes after it is still read."""
    page = await visitor.send(("film.jpg", JPEG + bytes(FILE_SIZE)), ("صورة.jpg", JPEG), text=PIPE)
    assert 422 == page.status
    assert "film.jpg أكبر من 16 ميغابايت" in page.words
    assert 1 == len(page.kept)


async def test_files_that_are_too_much_together_are_refused_with_the_words_kept(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that goes on and on is not read to its end, and the text that came before the files is shown again."""
    monkeypatch.setattr(posted, "BODY_SIZE", 100_000)
    page = await visitor.send(("film.jpg", JPEG + bytes(200_000)), text=PIPE)
    assert (413, PIPE) == (page.status, page.typed)
    assert "أكبر مما نستطيع استلامه" in page.words


async def test_the_ninth_file_is_named(visitor: Visitor) -> None:
    """Eight files are taken, the ninth is refused by name; an empty one is too."""
    photos = [(f"{number}.jpg", JPEG + bytes([number])) for number in range(1, 10)]
    page = await visitor.send(*photos, text=PIPE)
    assert 422 == page.status
    assert "9.jpg زائد على العدد" in page.words
    assert 8 == len(page.kept)
    assert "فراغ.jpg فارغ" in (await visitor.send(("فراغ.jpg", b""), text=PIPE)).words


async def test_a_file_that_we_did_not_receive_cannot_be_claimed(visitor: Visitor) -> None:
    """A made-up token adds no file to a report."""
    page = await visitor.send(text=PIPE, kept=["WzEsImEiXQ.00000000000000000000000000000000"])
    assert () == (await visitor.inbound(page.receipt[0])).media


async def test_who_fills_in_the_hidden_field_is_asked_again(visitor: Visitor) -> None:
    """A robot fills in everything; a person whose browser did so only has to press once more."""
    page = await visitor.send(text=PIPE, website="https://spam.example")
    assert (422, PIPE) == (page.status, page.typed)
    assert 0 == await visitor.filed()
    assert 200 == (await visitor.send(page=page, text=page.typed, website="")).status


async def test_hostile_words_are_shown_as_words(visitor: Visitor) -> None:
    """Markup in any field comes back as text, and what turns the direction of a line does not leave its field."""
    evil = "</textarea><script>alert(1)</script>"
    page = await visitor.send(
        ('a"><script>alert(2)</script>.exe', b"MZ" + bytes(500)),
        ("\u202egpj.exe", b"MZ" + bytes(500)),
        text=evil,
        where='"><script>alert(3)</script>',
        phone="'\"><img src=x>",
    )
    assert 422 == page.status
    assert evil == page.typed
    assert ["page."] == re.findall(r'<script src="/static/(page\.)\w+\.js" defer>', page.text)
    assert 1 == page.text.count("<script")
    assert "<img src=x" not in page.text
    assert "\u202e" not in page.text
    assert "<bdi>gpj.exe</bdi>" in page.text


async def test_what_was_written_reaches_the_journal_untouched(visitor: Visitor) -> None:
    """Even a text of controls, halves of characters and markup is kept as it is."""
    text = "سطر\u202e مقلوب <script> \x01 \u0000 🙂"
    page = await visitor.send(text=text)
    assert text == (await visitor.inbound(page.receipt[0])).text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header end"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nnever ends'),
        ("multipart/form-data; boundary=x", b"garbage" * 100),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--\r\n",
        ),
        ("multipart/form-data; boundary=" + "x" * 200, b"--x\r\n"),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("application/x-www-form-urlencoded", b"a=1&" * 200),
    ],
)
async def test_what_is_no_form_is_refused_in_words(visitor: Visitor, content_type: str, body: bytes) -> None:
    """A broken body gets a page that says nothing was received, and never a fault of ours."""
    page = await visitor.post("/", body, headers={"Content-Type": content_type})
    assert page.status in {400, 422}
    assert 0 == await visitor.filed()


async def test_an_upload_that_breaks_off_leaves_nothing(visitor: Visitor) -> None:
    """A telephone that loses its connection in the middle of a photo leaves no report and no file, and is counted."""

    def broken() -> float:
        labels = {"channel": "web", "status": "400"}
        return observe.registry.get_sample_value("balagh_refused_total", labels) or 0

    before = broken()
    runner = web.AppRunner(site(visitor.house))  # as the house runs it: the test client's server cancels its handlers
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _, writer = await asyncio.open_connection(*runner.addresses[0])
    head = (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000\r\n\r\n"
    )
    part = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    writer.write(head.encode() + part.encode() + JPEG + bytes(500_000))
    await writer.drain()
    drafts = visitor.house.files.root / "tmp"
    async with asyncio.timeout(60):
        while not list(drafts.iterdir()):
            await asyncio.sleep(0.01)
        writer.transport.abort()
        while list(drafts.iterdir()) or broken() == before:
            await asyncio.sleep(0.01)
    await runner.cleanup()
    assert 0 == await visitor.filed()


def stuck(page: Page, until: asyncio.Event, text: str = PIPE) -> dict[str, Any]:
    """A form whose photo stops half-way until something has happened."""
    parts = [("nonce", page.value("nonce")), ("text", text)]
    head = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{said}\r\n' for name, said in parts)
    head += '--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'

    async def body() -> AsyncIterator[bytes]:
        yield head.encode() + JPEG + bytes(600_000)  # the reader looks a chunk ahead
        await until.wait()
        yield b"\r\n--x--\r\n"

    return {"data": body(), "headers": {"Content-Type": "multipart/form-data; boundary=x"}}


async def test_a_form_that_never_ends_is_ended_with_the_words_kept(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stops half-way holds no place for ever, is shown what came, and leaves no half of a file."""
    page, never = await visitor.get("/"), asyncio.Event()
    monkeypatch.setattr(posted, "PATIENCE", 0.2)
    async with asyncio.timeout(60):
        shown = await visitor.post("/", **stuck(page, never))
    never.set()
    assert (400, PIPE) == (shown.status, shown.typed)
    assert "طال وصوله" in shown.words
    assert [] == list((visitor.house.files.root / "tmp").iterdir())
    assert 0 == await visitor.filed()


async def test_only_so_many_files_are_written_at_once(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every place taken a photo waits, and then its sender is asked to come again; words alone need no place."""
    monkeypatch.setattr(posted, "TURN", 0.05)
    pages = [await visitor.get("/") for _ in range(posted.UPLOADS)]
    release = asyncio.Event()
    held = [
        asyncio.create_task(visitor.post("/", **stuck(page, release, f"{PIPE} {n}"))) for n, page in enumerate(pages)
    ]
    drafts = visitor.house.files.root / "tmp"
    async with asyncio.timeout(60):
        while len(list(drafts.iterdir())) < posted.UPLOADS:
            await asyncio.sleep(0.01)
        refused = await visitor.send(("b.jpg", JPEG), text=PIPE)
        words_alone = await visitor.send(text=PIPE)
        release.set()
        taken = [(await task).status for task in held]
    assert (503, PIPE, []) == (refused.status, refused.typed, refused.kept)
    assert "صور ومستندات كثيرة" in refused.words
    assert 200 == words_alone.status
    assert [200] * posted.UPLOADS == taken


async def test_a_body_in_broken_chunks_is_refused(visitor: Visitor) -> None:
    """Who speaks broken HTTP gets an answer and no fault of ours."""
    server = visitor.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n5\r\n--x\r\n\r\nnonsense\r\n")
    async with asyncio.timeout(60):
        assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_form_with_too_many_parts_is_refused(visitor: Visitor) -> None:
    """A thousand fields are not read to the end."""
    data = form(nonce="x", text=PIPE)
    for number in range(200):
        data.add_field(f"field{number}", "x")
    assert 400 == (await visitor.post("/", data)).status


async def test_a_report_that_could_not_be_stored_says_so_and_keeps_the_words(visitor: Visitor) -> None:
    """With the store broken nobody gets a number: the page says NOT received, and sending again works later."""
    whole = visitor.house.intake.store
    visitor.house.intake.store = Store("sqlite:////nowhere/balagh.db")
    page = await visitor.send(("صورة.jpg", JPEG), text=PIPE, danger="yes")
    assert (503, PIPE, 1) == (page.status, page.typed, len(page.kept))
    assert "لم نستلم بلاغكم" in page.words
    assert "124" in page.words
    visitor.house.intake.store.close()
    visitor.house.intake.store = whole
    page = await visitor.send(page=page, text=page.typed, kept=page.kept)
    assert 1 == len((await visitor.inbound(page.receipt[0])).media)


async def test_a_disk_that_takes_no_files_is_not_the_citizen_s_fault(visitor: Visitor) -> None:
    """When a photo cannot be written the page says that the report was not received."""
    for shard in visitor.house.files.root.iterdir():
        if shard.name != "tmp":
            shard.rmdir()
    page = await visitor.send(("صورة.jpg", JPEG), text=PIPE)
    assert (503, PIPE) == (page.status, page.typed)
    assert 0 == await visitor.filed()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://city.example.evil.example"}, 403),
        ({"Origin": "https://city.example"}, 403),  # the public address is http here
        ({"Origin": "http://[broken"}, 403),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "null"}, 200),
        ({"Origin": "http://city.example"}, 200),
        ({"Origin": "http://localhost:8080", "Host": "localhost:8080"}, 200),
        ({}, 200),
    ],
)
async def test_only_our_own_page_can_send_a_report(visitor: Visitor, headers: dict[str, str], status: int) -> None:
    """Another site cannot make somebody's browser report; our own page can, in old browsers and behind a proxy too."""
    page = await visitor.get("/")
    sent = await visitor.post("/", form(nonce=page.value("nonce"), text=PIPE), headers=headers, allow_redirects=False)
    assert status == (200 if sent.status == 303 else sent.status)
    assert (1 if status == 200 else 0) == await visitor.filed()


async def test_a_flood_from_one_address_is_slowed_and_loses_nothing(
    visitor: Visitor, tmp_path: Path, baghdad: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the limit the form comes back with its words; the neighbours behind the same proxy go on."""
    monkeypatch.setattr(report, "AT_ONCE", 2)
    monkeypatch.setattr(report, "PER_SECOND", 0.0)
    async with TestClient(TestServer(site(visitor.house)), cookie_jar=CookieJar(unsafe=True)) as client:
        flood = Visitor(visitor.house, client)

        async def send(address: str) -> Page:
            page = await flood.get("/")
            data = form(("a.jpg", JPEG), nonce=page.value("nonce"), text=PIPE)
            return await flood.post("/", data, headers={"X-Forwarded-For": f"9.9.9.9, {address}"})

        assert [200, 200, 429] == [(await send("37.236.1.1")).status for _ in range(3)]
        page = await send("37.236.1.1")
        assert (PIPE, True) == (page.typed, "اختيار ملفاتكم من جديد" in page.words)
        assert 200 == (await send("37.236.1.2")).status


async def test_a_browser_without_cookies_still_gets_its_numbers(visitor: Visitor) -> None:
    """Who refuses cookies could not open the receipt's page, so it is the answer itself."""
    page = await visitor.get("/")
    visitor.client.session.cookie_jar.clear()
    sent = await visitor.post("/", form(nonce=page.value("nonce"), text=PIPE), allow_redirects=False)
    assert 200 == sent.status
    assert visitor.house.identities.pin(read(sent.receipt[0]) or "") == sent.receipt[1]


async def test_the_receipt_is_for_this_browser_alone_and_never_in_an_address(visitor: Visitor) -> None:
    """The redirect names no number; another browser is asked for both; finishing takes the right away."""
    page = await visitor.get("/")
    sent = await visitor.post("/", form(nonce=page.value("nonce"), text=PIPE), allow_redirects=False)
    assert (303, "/receipt") == (sent.status, sent.response.headers["Location"])
    cookie = sent.response.cookies["balagh_report"]
    assert (True, "Lax", "") == (cookie["httponly"], cookie["samesite"], cookie["max-age"])
    assert 200 == (await visitor.get("/receipt")).status
    await visitor.post("/forget", {})
    assert "/track" == (await visitor.get("/receipt")).response.url.path


async def test_on_https_the_cookies_are_secure(tmp_path: Path, baghdad: City) -> None:
    """Where the city's address is https, no cookie ever travels in the clear."""
    house = make_house(tmp_path, baghdad)
    async with TestClient(TestServer(site(house))) as client, client.get("/") as response:
        assert response.cookies["balagh_lang"]["secure"]
    house.store.close()
