"""Entering what came on paper, by word of mouth or in print."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from channels.message import Scheme
from gateway.desk.entry import WAYS
from gateway.store import journal
from gateway.store.engine import StoreUnavailable
from gateway.store.tasks import TaskKind
from normalizer.complaint import Priority
from tests.gateway.citizen.visitor import JPEG, PIPE
from tests.gateway.desk.agent import Agent
from tests.servers.waiting import until


async def _filed(agent: Agent) -> int:
    return (await agent.house.store.read(journal.backlog))[0]


async def test_an_entry_is_kept_with_how_and_when_it_came(agent: Agent) -> None:
    """Everything that was stated is in the journal, under the agent's name, before the receipt is shown."""
    await agent.begin()
    page = await agent.enter(
        ("رسالة.jpg", JPEG),
        way="newspaper",
        date="2026-11-02",
        time="09:30",
        text=PIPE,
        where="قرب مدرسة النور",
        district="karkh",
        category="water.outage",
        kind="complaint",
        danger="yes",
        name="أم علي",
        phone="٠٧٩٠١٢٣٤٥٦٧",
        email="um.ali@example.org",
        confidential="yes",
    )
    assert "/desk/receipt" == page.path
    found = await agent.inbound(agent.reference(page))
    assert ("desk", "sara", "newspaper", PIPE) == (found.channel, found.account, found.way, found.text)
    assert Scheme.API == found.sender.scheme
    assert ("قرب مدرسة النور", "karkh") == (found.place.text, found.place.district) if found.place else False
    assert {
        "channel": "newspaper",
        "occurred_at": "2026-11-02T09:30:00+03:00",
        "kind": "complaint",
        "category": "water.outage",
        "danger": True,
        "confidential": True,
        "contact": {"phone": "+9647901234567", "email": "um.ali@example.org"},
    } == dict(found.answers)
    assert "أم علي" == found.sender_name
    assert [("image/jpeg", "رسالة.jpg")] == [(media.content_type, media.filename) for media in found.media]


async def test_the_receipt_shows_both_numbers_and_goes_on_with_the_same_box(agent: Agent) -> None:
    """Reference and PIN are there, neither is in an address, and the next paper of the box has its way and date."""
    await agent.begin()
    page = await agent.enter(way="paper_box", date="2026-11-02", text=PIPE)
    reference = agent.reference(page)
    pin = agent.house.identities.pin(reference)
    assert pin in page.words
    assert reference not in str(page.response.url)
    assert pin not in str(page.response.url)
    found = re.search(r'href="(/desk/entry\?way=[^"]*)"', page.text)
    assert found
    form = await agent.get(found[1].replace("&amp;", "&"))
    assert 'value="paper_box" required checked' in form.text
    assert "2026-11-02" == form.value("date")


@pytest.mark.parametrize("way", WAYS)
async def test_every_way_has_a_name_in_both_languages(agent: Agent, way: str) -> None:
    """No way of the contract is shown as its bare word."""
    await agent.begin()
    for language in ("ar", "en"):
        page = await agent.get(f"/desk/entry?lang={language}")
        found = re.search(rf'value="{way}"[^>]*><span>([^<]*)</span>', page.text)
        assert found
        assert way != found[1]


async def test_a_second_press_gives_the_same_receipt(agent: Agent) -> None:
    """A double click, a reload: one complaint."""
    await agent.begin()
    form = await agent.get("/desk/entry")
    receipts = {agent.reference(await agent.enter(page=form, text=PIPE)) for _ in range(2)}
    assert 1 == len(receipts)
    assert 1 == await _filed(agent)


async def test_the_same_form_with_other_words_is_not_lost_behind_the_first(agent: Agent) -> None:
    """It comes back with the new words, and says that the first one stands; sent again it is an entry of its own."""
    await agent.begin()
    form = await agent.get("/desk/entry")
    await agent.enter(page=form, text=PIPE)
    again = await agent.enter(page=form, text="شيء آخر تماماً")
    assert (409, "شيء آخر تماماً") == (again.status, again.typed)
    assert "/desk/receipt" == (await agent.enter(page=again, text=again.typed)).path
    assert 2 == await _filed(agent)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"text": ""}, "اكتبوا الموضوع"),
        ({"way": "sms"}, "حددوا كيف ورد"),
        ({"way": ""}, "حددوا كيف ورد"),
        ({"date": "yesterday"}, "هذا ليس تاريخاً"),
        ({"date": "0001-01-01", "time": "25:00"}, "هذا ليس تاريخاً"),
        ({"time": "10:00"}, "الوقت يحتاج إلى تاريخه"),
        ({"date": "9999-12-31", "time": "23:59"}, "التاريخ في المستقبل"),
        ({"date": "1890-05-01"}, "التاريخ قبل سنة 1900"),
        ({"date": "0001-01-01"}, "التاريخ قبل سنة 1900"),
        ({"phone": "قلعة"}, "في رقم الهاتف حروف"),
        ({"email": "not an address"}, "هذا ليس عنوان بريد"),
        ({"category": "no.such"}, "اختاروا من القائمة"),
        ({"text": "ش" * 10_001}, "يتسع الحقل"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_typed_is_lost(
    agent: Agent, fields: dict[str, str], says: str
) -> None:
    """The form comes back with everything in it, and nothing is kept."""
    await agent.begin()
    page = await agent.enter(**{"text": PIPE, "name": "أم علي", **fields})
    assert 422 == page.status
    assert says in page.words
    assert fields.get("text", PIPE) == page.typed
    assert "أم علي" == page.value("name")
    assert 0 == await _filed(agent)


async def test_a_date_of_today_is_not_the_future(agent: Agent) -> None:
    """In Baghdad it is tomorrow for three hours of every day of UTC."""
    await agent.begin()
    today = datetime.now(agent.house.city.timezone).date().isoformat()
    assert "/desk/receipt" == (await agent.enter(text=PIPE, date=today)).path
    late = (datetime.now(agent.house.city.timezone) + timedelta(days=1)).date().isoformat()
    assert 422 == (await agent.enter(text=PIPE, date=late)).status


async def test_a_form_of_an_earlier_session_is_shown_again_with_its_words(agent: Agent) -> None:
    """The session ended over a long text: after signing in anew, a reload brings it back, and nothing was done."""
    await agent.begin()
    form = await agent.get("/desk/entry")
    await agent.press(form, "/desk/sign-out")
    lost = await agent.enter(("a.jpg", JPEG), page=form, text=PIPE)
    assert 401 == lost.status
    await agent.sign_in()
    page = await agent.enter(("a.jpg", JPEG), page=form, text=PIPE)
    assert (422, PIPE) == (page.status, page.typed)
    assert 'name="kept"' in page.text
    assert 0 == await _filed(agent)
    assert "/desk/receipt" == (await agent.enter(page=page, text=page.typed)).path


@pytest.mark.parametrize("nonce", ["", "forged", "eyJ4Ijox.abc"])
async def test_a_form_that_we_did_not_make_is_not_taken(agent: Agent, nonce: str) -> None:
    """Without our own number on the form nobody could tell a second press from a second complaint."""
    await agent.begin()
    page = await agent.enter(text=PIPE, nonce=nonce)
    assert (422, PIPE) == (page.status, page.typed)
    assert 0 == await _filed(agent)


async def test_a_form_from_another_site_stores_nothing(agent: Agent) -> None:
    """Nor does it put a file on our disk."""
    await agent.begin()
    form = await agent.get("/desk/entry")
    page = await agent.post(
        "/desk/entry",
        {"csrf": form.value("csrf"), "nonce": form.value("nonce"), "text": PIPE},
        origin="https://x.example",
    )
    assert 403 == page.status
    assert 0 == await _filed(agent)


async def test_an_entry_that_cannot_be_stored_says_so_and_keeps_the_words(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk there is no receipt: the words stay on the page for another try."""
    await agent.begin()
    form = await agent.get("/desk/entry")

    async def full(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(agent.house.intake._batches, "ask", full)
    page = await agent.enter(("a.jpg", JPEG), page=form, text=PIPE)
    assert (503, PIPE) == (page.status, page.typed)
    assert "تعذر الحفظ" in page.words
    monkeypatch.undo()
    assert "/desk/receipt" == (await agent.enter(page=page, text=PIPE)).path


async def test_with_the_store_away_every_page_asks_to_wait(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 503 and no bug, and what was typed can be sent again."""
    page = await agent.begin()

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("it is away")

    monkeypatch.setattr(agent.house.store, "read", away)
    for found in (await agent.get("/desk/tasks"), await agent.press(page, "/desk/entry")):
        assert (503, "10") == (found.status, found.response.headers["Retry-After"])
        assert "لم يضع شيء مما كتبتم" in found.words


async def test_what_is_typed_cannot_become_part_of_the_page(agent: Agent) -> None:
    """A citizen's words, names and files are text, whatever they look like."""
    await agent.begin()
    bad = '"><script>alert(1)</script>'
    page = await agent.enter((f"{bad}.jpg", JPEG), way="", text=f"</textarea>{bad}", where=bad, name=bad)
    assert 422 == page.status
    assert "<script>alert" not in page.text


async def test_an_entry_reaches_its_department_and_paper_becomes_a_task(busy: Agent) -> None:
    """Words go their way; a scan without words waits for somebody who writes down what it says."""
    await busy.begin()
    spoken = busy.reference(await busy.enter(way="radio", date="2026-11-02", text=PIPE, danger="yes"))
    scanned = busy.reference(await busy.enter(("box.jpg", JPEG), way="paper_box"))

    async def offered() -> bool:
        tasks = await busy.tasks(TaskKind.TRANSCRIBE)
        return bool(tasks) and (await busy.case(spoken)).department is not None

    await until(offered)
    complaint = (await busy.case(spoken)).complaint
    assert ("radio", Priority.DISTRESS) == (complaint.channel, complaint.priority)
    assert datetime(2026, 11, 1, 21, tzinfo=UTC) == complaint.occurred_at
    assert [scanned] == [task.reference for task in await busy.tasks(TaskKind.TRANSCRIBE)]


async def test_the_next_at_the_same_browser_sees_no_receipt_of_another(agent: Agent) -> None:
    """A session that ran out leaves its receipt behind, with the PIN on it: whoever signs in next does not get it."""
    await agent.begin()
    await agent.enter(text=PIPE)
    await agent.people.set_password("sara", "another-long-password-7")  # every session of hers is over
    await agent.begin(name="ali")
    page = await agent.get("/desk/receipt")

    assert 'id="reference"' not in page.text
