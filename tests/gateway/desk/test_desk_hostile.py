"""Whatever is sent to the desk, it answers in pages and breaks nowhere."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from gateway import observe
from gateway.app import admin_site, running
from gateway.city.city import City
from gateway.desk import entry, sign_in, triage, work
from gateway.store.tasks import Draft, TaskKind
from tests.gateway.citizen.visitor import make_house
from tests.gateway.desk.agent import Agent, ask, hear
from tests.gateway.desk.test_desk_triage import VAGUE, undecided
from tests.servers.waiting import until

NASTY = (
    "\0",
    "\u202e\u2066\u200f",
    "'\"><svg/onload=alert(1)>",
    "{{ 7*7 }}${7*7}%s%n",
    "ش" * 9000,
    "-1",
    "../../../../etc/passwd",
    "a\r\nSet-Cookie: x=y",
    "\U0001f4a7\ufeff\u0007",
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def anywhere(request: pytest.FixtureRequest, tmp_path: Path, baghdad: City) -> AsyncIterator[Agent]:
    """Somebody at the desk of a house at work, on a store of either kind: what one takes the other may refuse."""
    on_a_server = request.param == "postgresql"
    store = {"BALAGH_STORE_URL": request.getfixturevalue("postgres").url} if on_a_server else {}
    house = make_house(tmp_path, baghdad, BALAGH_PUBLIC_URL="http://city.example", **store)
    site = TestServer(admin_site(house))
    async with running(house), TestClient(site, cookie_jar=CookieJar(unsafe=True)) as client:
        yield Agent(house, client)


def _bugs() -> float:
    return observe.ALARM.labels("bug")._value.get()


@pytest.mark.parametrize("nasty", NASTY)
async def test_strange_fields_are_refused_or_taken_as_words(anywhere: Agent, nasty: str) -> None:
    """In every field of every form, alone or in all of them at once: never a 5xx, never a bug."""
    await anywhere.begin("supervisor")
    before = _bugs()
    form = await anywhere.get("/desk/entry")
    for name in sorted(entry.FIELDS - {"nonce"}):
        page = await anywhere.enter(page=form, **{"text": VAGUE, name: nasty})
        assert page.status < 500, (name, page.words)
    task = await ask(
        anywhere.house, Draft(kind=TaskKind.CALL_BACK, subject="call", channel="voice", body={"phone": nasty})
    )
    page = await anywhere.press(await anywhere.get("/desk/tasks"), f"/desk/tasks/{task}/claim")
    for name in sorted(work.FIELDS):
        answer = {"outcome": "shouted", "text": VAGUE, name: nasty}
        assert (await anywhere.press(form, f"/desk/tasks/{task}", **answer)).status < 500, name
    await anywhere.press(form, f"/desk/tasks/{task}", **dict.fromkeys(work.FIELDS, nasty))
    await undecided_one(anywhere)
    (waiting, *_) = await anywhere.tasks(TaskKind.TRIAGE)
    for name in sorted(triage.FIELDS):
        assert (await anywhere.press(form, f"/desk/triage/{waiting.id}", **{name: nasty})).status < 500, name
    await anywhere.press(form, "/desk/sign-out")
    token = (await anywhere.get("/desk/sign-in")).value("csrf")
    for name in sorted(sign_in.FIELDS):
        sent = {"csrf": token, "name": "sara", "password": "x", name: nasty}
        assert (await anywhere.post("/desk/sign-in", sent)).status == 422, name
    assert before == _bugs()


async def undecided_one(agent: Agent) -> None:
    """Have something at the triage desk."""
    await hear(agent.house, VAGUE, number="+9647701119999")

    async def there() -> bool:
        return bool(await agent.tasks(TaskKind.TRIAGE))

    await until(there)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "multipart/form-data; boundary=x", 400),
        (b"--x\r\n", "multipart/form-data; boundary=x", 400),
        (b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nabc', "multipart/form-data; boundary=x", 400),
        (b"{}", "application/json", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"a=" + b"b" * 2_000_000, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"a=b"] * 200), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_a_body_that_is_no_form_of_ours_gets_a_page(agent: Agent, body: bytes, kind: str, status: int) -> None:
    """Cut off, of another type, too large, of too many parts: said in a page, and nothing is kept."""
    await agent.begin()
    page = await agent.post("/desk/entry", io.BytesIO(body), headers={"Content-Type": kind})
    assert status == page.status
    assert "لم يُحفظ شيء" in page.words


@pytest.mark.parametrize(
    "cookie", ["", "x" * 4000, "routed/12/water", "routed/<b>/<script>", "no-such/1/2", "done/١٢٣"]
)
async def test_a_cookie_that_we_did_not_set_shows_nothing_of_itself(agent: Agent, cookie: str) -> None:
    """The note that a page leaves for the next one holds words of a closed list, and digits."""
    await agent.begin()
    page = await agent.get("/desk/tasks", headers={"Cookie": f"{_all(agent)}; balagh_desk_note={cookie}"})
    assert 200 == page.status
    assert "<script>" not in page.text.replace("<script src", "")
    assert "<b>" not in page.text


def _all(agent: Agent) -> str:
    cookies = agent.client.session.cookie_jar.filter_cookies(agent.client.make_url("/"))
    return "; ".join(f"{name}={one.value}" for name, one in cookies.items())


async def test_many_complaints_at_the_triage_desk_are_shown_in_turn(busy: Agent) -> None:
    """Twenty on a page, and a word that there are more."""
    await busy.begin("triage")
    await undecided(busy, *(f"{VAGUE} {number}" for number in range(22)))
    page = await busy.get("/desk/triage")
    assert 20 == page.text.count('data-keys="triage"')
    assert "وراء هذه غيرها" in page.words
