"""Following a report with its reference and PIN."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient, TestServer
from babel.dates import format_date

from channels.message import Inbound
from gateway.citizen import live, track
from gateway.city.city import City
from gateway.incidents import Incidents
from gateway.store import complaints
from gateway.store.engine import Connection, Store
from gateway.store.ledger import Ledger
from gateway.updates import Update, Updates
from normalizer.normalize import normalize
from normalizer.reference import make
from router.route import Route
from tests.gateway.citizen.visitor import PIPE, Page, Visitor, site


async def enter(visitor: Visitor, reference: str, pin: str, **more: Any) -> Page:
    return await visitor.post("/track", {"reference": reference, "pin": pin}, **more)


async def reported(visitor: Visitor) -> tuple[str, str]:
    """File a report and forget it, as who comes back on another day."""
    numbers = (await visitor.send(text=PIPE)).receipt
    await visitor.post("/forget", {})
    return numbers


async def test_reference_and_pin_open_the_report(visitor: Visitor) -> None:
    """Both numbers of the receipt show the report, which is received before anybody has looked at it."""
    reference, pin = await reported(visitor)
    page = await enter(visitor, reference, pin)
    assert (200, "/track/view") == (page.status, page.response.url.path)
    assert reference in page.words
    assert "استلمنا البلاغ" in page.words


@pytest.mark.parametrize(
    "write",
    [
        lambda number: number.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
        lambda number: number.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")),
        lambda number: f" \u200f{'-'.join(number)}\u200e ",
    ],
)
async def test_numbers_are_read_in_any_digits(visitor: Visitor, write: Callable[[str], str]) -> None:
    """Arabic and Persian digits, hyphens, blanks and the invisible marks of a telephone are all understood."""
    reference, pin = await reported(visitor)
    page = await enter(visitor, write(reference.replace(" ", "")), write(pin))
    assert "/track/view" == page.response.url.path


async def test_neither_number_is_ever_in_an_address(visitor: Visitor) -> None:
    """Addresses end up in histories and logs."""
    reference, pin = await reported(visitor)
    page = await enter(visitor, reference, pin, allow_redirects=False)
    assert (303, "/track/view") == (page.status, page.response.headers["Location"])
    assert pin not in page.response.headers["Set-Cookie"]


async def test_a_wrong_answer_does_not_say_which_number_was_wrong(visitor: Visitor) -> None:
    """A wrong PIN, a reference that nobody has and one that cannot exist get the same page."""
    reference, pin = await reported(visitor)
    unknown = make(b"another city's key", "nobody")
    right = visitor.house.identities.pin(unknown)
    wrong = f"{(int(pin) + 1) % 10**6:06}"
    tries = [(reference, wrong), (unknown, right), (unknown, wrong), ("1", pin), ("", ""), (reference, "")]
    pages = [await enter(visitor, *numbers) for numbers in tries]
    assert {422} == {page.status for page in pages}
    assert 1 == len({re.sub(r'value="[^"]*"', "", page.text) for page in pages})


async def test_five_wrong_pins_close_a_reference_for_a_while(visitor: Visitor) -> None:
    """After five wrong tries the right PIN does not help either, and the page says when it will."""
    reference, pin = await reported(visitor)
    wrong = f"{(int(pin) + 1) % 10**6:06}"
    assert [422] * 5 == [(await enter(visitor, reference, wrong)).status for _ in range(5)]
    page = await enter(visitor, reference, pin)
    assert 429 == page.status
    assert re.search(r"حاولوا عند الساعة \d{1,2}:\d\d [صم]", page.words)


async def test_guessing_many_references_is_slowed_too(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who tries one PIN on each of many references runs out of tries."""
    monkeypatch.setattr(track, "AT_ONCE", 3)
    monkeypatch.setattr(track, "PER_SECOND", 0.0)
    async with TestClient(TestServer(site(visitor.house)), cookie_jar=CookieJar(unsafe=True)) as client:
        guesser = Visitor(visitor.house, client)
        assert [422, 422, 422, 429] == [(await enter(guesser, str(number), "000000")).status for number in range(4)]


async def test_another_site_cannot_open_a_report(visitor: Visitor) -> None:
    """The form of another page is refused, with the right numbers too."""
    reference, pin = await reported(visitor)
    page = await enter(visitor, reference, pin, headers={"Sec-Fetch-Site": "cross-site"})
    assert 403 == page.status


async def test_with_the_store_away_the_page_says_so(visitor: Visitor) -> None:
    """Nobody is told that the numbers are wrong when they only could not be looked up."""
    reference, pin = await reported(visitor)
    whole, visitor.house.store = visitor.house.store, Store("sqlite:////nowhere/balagh.db")
    page = await enter(visitor, reference, pin)
    visitor.house.store.close()
    visitor.house.store = whole
    assert (503, True) == (page.status, "لا نستطيع النظر الآن" in page.words)


async def test_the_way_of_a_report_is_told_in_facts_alone(follower: Visitor, baghdad: City) -> None:
    """The page names the department and each step with its local time, and no reason, rule or number of ours."""
    page = await follower.send(text=PIPE, category="water.leak")
    case = await follower.offered(page.receipt[0])
    assert "water" == case.department
    page = await follower.get("/track/view")
    water = baghdad.departments["water"].names["ar"]
    assert f"أُرسل البلاغ إلى {water}" in page.words
    here = case.complaint.received_at.astimezone(baghdad.timezone)
    assert f'datetime="{here:%Y-%m-%dT%H:%M}' in page.text
    assert case.route is not None
    for secret in (case.route.rule, case.route.reason, case.complaint.id, PIPE):
        assert secret not in page.text
    english = await follower.get("/track/view?lang=en")
    assert f"The report was sent to {baghdad.departments['water'].names['en']}" in english.words


async def test_a_page_without_script_looks_again_by_itself(visitor: Visitor) -> None:
    """Without a script the browser asks again every few seconds, and only then."""
    await visitor.send(text=PIPE)
    text = (await visitor.get("/track/view")).text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


async def next_story(response: ClientResponse) -> str:
    """Read the next event of a stream and return its data."""
    lines = []
    async with asyncio.timeout(60):
        while (line := (await response.content.readline()).decode().rstrip("\r\n")) or not lines:
            lines.append(line)
    return "\n".join(line.removeprefix("data: ") for line in lines if line.startswith("data: "))


async def test_an_open_page_hears_of_each_step(visitor: Visitor) -> None:
    """The stream tells how the report stands at once, and again when it reaches a department."""
    page = await visitor.send(text=PIPE)
    kept = await visitor.inbound(page.receipt[0])
    async with visitor.client.get("/track/events") as response:
        assert ("text/event-stream", "no-store") == (response.content_type, response.headers["Cache-Control"])
        assert "استلمنا البلاغ" in await next_story(response)
        await file_and_offer(visitor, kept, page.receipt[0])
        assert "دائرة ماء بغداد" in await next_story(response)


async def file_and_offer(visitor: Visitor, kept: Inbound, reference: str, *, automatic: bool = True) -> None:
    """Do by hand what the house's rooms would: file the report, fetch its photo, and put it to a department."""
    plain, now = reference.replace(" ", ""), datetime.now(UTC)
    entry = visitor.house.identities.entry(kept, now)
    complaint = normalize(kept, visitor.house.city.reader, id=entry.id, reference=plain, received_at=now)
    route = Route(
        department="water" if automatic else "citizens",
        category="water.leak",
        automatic=automatic,
        rule="the-rule",
        reason="because of the words",
        confidence=1.0,
    )

    def job(connection: Connection) -> None:
        with Ledger(connection, now) as ledger:
            case = ledger.create(complaint, sender=entry.sender, account=entry.account)
            case = ledger.amend(case, complaint, heard_at=now, facts={"attachments_fetched": 1})
            ledger.offer(case, route, routed_sequence=1)

    await visitor.house.store.write(job)


async def test_a_report_at_the_triage_desk_is_said_to_be_with_a_person(visitor: Visitor) -> None:
    """What no rule could decide is not "sent to" the desk; and a photo that we fetched is no news to the citizen."""
    page = await visitor.send(text=PIPE)
    await file_and_offer(visitor, await visitor.inbound(page.receipt[0]), page.receipt[0], automatic=False)
    page = await visitor.get("/track/view")
    assert ["استلمنا البلاغ", "ينظر فيه موظف ليحدد الدائرة المسؤولة"] == re.findall(
        r"<p>([^<]+)</p>\s*<time", page.text
    )
    assert "لدى شعبة شؤون المواطنين" in page.words


async def test_the_house_can_stop_while_pages_are_open(visitor: Visitor) -> None:
    """An open stream ends at once when the house stops, and does not hold it up."""
    await visitor.send(text=PIPE)
    async with visitor.client.get("/track/events") as response:
        await next_story(response)
        begun = asyncio.get_running_loop().time()
        await visitor.client.server.close()
        assert asyncio.get_running_loop().time() - begun < 30, "it waited for the reader to leave"


async def test_a_stream_is_only_for_who_may_see_the_report(visitor: Visitor) -> None:
    """Without the right to see a report there is no stream, and the browser does not ask again."""
    async with visitor.client.get("/track/events") as response:
        assert 204 == response.status


async def test_the_number_of_open_streams_is_bounded(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound a page is told to come back later, and a closed stream makes room again."""
    monkeypatch.setattr(live, "STREAMS_OF_ONE", 1)
    monkeypatch.setattr(live, "POLL", 0.02)
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)
    await visitor.send(text=PIPE)
    async with visitor.client.get("/track/events") as first:
        await next_story(first)
        async with visitor.client.get("/track/events") as second:
            assert 503 == second.status
        first.close()
        async with asyncio.timeout(60):
            while True:
                async with visitor.client.get("/track/events") as third:
                    if third.status == 200:
                        break
                    await asyncio.sleep(0.05)


async def test_a_stream_ends_after_its_time(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's forgotten page keeps a stream for ever: it is told to stop asking."""
    monkeypatch.setattr(live, "LIFE", 0.1)
    monkeypatch.setattr(live, "POLL", 0.02)
    await visitor.send(text=PIPE)
    async with visitor.client.get("/track/events") as response, asyncio.timeout(60):
        assert "event: end" in (await response.text())


# What the department answers


async def answered(visitor: Visitor, reference: str, verb: str, by: str = "water", **said: Any) -> None:
    """Let the department that has a report say something."""
    house = visitor.house
    plain = reference.replace(" ", "")
    case = await house.store.read(lambda connection: complaints.load(connection, plain))
    assert case is not None
    outcome = await Updates(house.store, lambda: house.city, house.acknowledger, ()).answer(
        Update(
            id=str(uuid4()),
            department=by,
            verb=verb,
            reference=plain,
            offer=case.offer or "",
            data=said,
            at=datetime.now(UTC),
        )
    )
    assert outcome.done, outcome


async def at_the_department(visitor: Visitor) -> str:
    """File a report and put it to the water authority; return its reference."""
    page = await visitor.send(text=PIPE)
    await file_and_offer(visitor, await visitor.inbound(page.receipt[0]), page.receipt[0])
    return page.receipt[0]


async def test_an_accepted_report_says_by_when(visitor: Visitor, baghdad: City) -> None:
    """The citizen reads the promised day, above and beside the step, in their language; who works on it is not told."""
    reference = await at_the_department(visitor)
    due = datetime.now(UTC) + timedelta(days=3)
    await answered(visitor, reference, "accepted", due_at=due.isoformat(), officer="سعد عبد الله")
    arabic, english = await visitor.get("/track/view"), await visitor.get("/track/view?lang=en")

    here = due.astimezone(baghdad.timezone)
    assert "قُبل البلاغ لدى دائرة ماء بغداد" in arabic.words
    assert 2 == arabic.words.count(format_date(here, "EEEE d MMMM y", "ar_IQ"))
    assert f"To be done by {here:%A} {here.day} {here:%B} {here.year}" in english.words
    assert "سعد" not in arabic.text + english.text


def told(page: Page) -> list[str]:
    """What the timeline says happened, in order."""
    return [re.sub(r"<[^>]+>", "", line) for line in re.findall(r"<li[^>]*>\s*<p>(.+?)</p>", page.text)]


async def test_a_date_that_is_moved_is_said_as_that(visitor: Visitor) -> None:
    """Nothing is accepted twice: the second line says that the department set a new date, and which."""
    reference = await at_the_department(visitor)
    for days in (3, 9):
        due = datetime.now(UTC) + timedelta(days=days)
        await answered(visitor, reference, "accepted", due_at=due.isoformat())
    page = await visitor.get("/track/view")

    water = "دائرة ماء بغداد"
    expected = ["استلمنا البلاغ", f"أُرسل البلاغ إلى {water}", f"قُبل البلاغ لدى {water}", f"حُدّد موعد جديد لدى {water}"]
    assert expected == told(page)
    moved = format_date(due.astimezone(visitor.house.city.timezone), "EEEE d MMMM y", "ar_IQ")
    assert 2 == page.words.count(moved)  # above, and beside the step
    assert "set a new date" in (await visitor.get("/track/view?lang=en")).words


async def test_another_department_that_accepts_it_moves_no_date(visitor: Visitor) -> None:
    """What one department accepted and then rejected is accepted by the next, not put off."""
    reference = await at_the_department(visitor)
    await answered(visitor, reference, "accepted")
    await answered(visitor, reference, "rejected", reason="ليس لنا", suggested_department="electricity")
    await answered(visitor, reference, "accepted", by="electricity")
    steps = told(await visitor.get("/track/view"))

    assert 2 == sum(step.startswith("قُبل") for step in steps)
    assert not any("موعد" in step for step in steps)


async def test_what_others_reported_is_no_news_of_ones_own(visitor: Visitor) -> None:
    """Put into an incident and taken out again, a report says nothing of it: its citizen added nothing."""
    other, own = [(await at_the_department(visitor)).replace(" ", "") for _ in range(2)]
    before = told(await visitor.get("/track/view"))
    made = await Incidents(visitor.house).create([other, own], "sara")
    await Incidents(visitor.house).leave(made.incident.id, [own], "sara")
    assert ["استلمنا البلاغ", "أُرسل البلاغ إلى دائرة ماء بغداد"] == before
    assert before == told(await visitor.get("/track/view"))


async def test_work_in_progress_keeps_the_promised_day(visitor: Visitor) -> None:
    """The note is for the city's people; the citizen sees that work goes on, and until when."""
    reference = await at_the_department(visitor)
    due = datetime.now(UTC) + timedelta(days=3)
    await answered(visitor, reference, "accepted", due_at=due.isoformat())
    await answered(visitor, reference, "progressed", note="ننتظر موافقة المقاول")
    page = await visitor.get("/track/view")

    assert "قيد المعالجة لدى دائرة ماء بغداد" in page.words
    assert 'id="due"' in page.text
    assert 1 == page.text.count('class="due"')
    assert "المقاول" not in page.text


async def test_a_resolved_report_shows_what_the_department_wrote(visitor: Visitor) -> None:
    """The answer stands on the page as text, whatever was put into it, and the day that was promised is gone."""
    reference = await at_the_department(visitor)
    due = datetime.now(UTC) + timedelta(days=3)
    await answered(visitor, reference, "accepted", due_at=due.isoformat())
    hostile = "أصلحنا الأنبوب.\n<script>alert(1)</script> {{ 7 * 7 }} \u202eشكراً\u2069"
    await answered(visitor, reference, "resolved", outcome="repaired", answer=hostile)
    page = await visitor.get("/track/view")

    assert "أُنجز لدى دائرة ماء بغداد" in page.words
    assert ">الدائرة التي عالجته</dt>" in page.text
    assert "الدائرة المسؤولة الآن" not in page.words
    assert ">Handled by</dt>" in (await visitor.get("/track/view?lang=en")).text
    assert "أصلحنا الأنبوب.\n&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }}" in page.text
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    assert 'id="due"' not in page.text


async def test_an_open_page_hears_the_answer(visitor: Visitor) -> None:
    """Whoever looks at the page when the department answers sees it at once, and the stream ends with it."""
    reference = await at_the_department(visitor)
    async with visitor.client.get("/track/events") as response:
        await next_story(response)
        await answered(visitor, reference, "resolved", answer="أصلحنا الأنبوب")
        assert "أصلحنا الأنبوب" in await next_story(response)


async def test_why_a_department_said_no_stays_in_the_house(visitor: Visitor) -> None:
    """The citizen reads that it goes elsewhere; what departments write of each other is theirs."""
    reference = await at_the_department(visitor)
    await answered(visitor, reference, "rejected", reason="هذا خطأ جماعة الكهرباء", suggested_department="electricity")
    page = await visitor.get("/track/view")

    assert "رُدّ البلاغ من دائرة ماء بغداد لأنه خارج الاختصاص" in page.words
    assert "أُرسل إلى" in page.words
    assert "جماعة" not in page.text
