"""Getting in, being kept out, and getting out again."""

import re
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from gateway.app import admin_site, public_site
from gateway.city.city import City
from tests.gateway.citizen.visitor import make_house
from tests.gateway.desk.agent import PASSWORD, Agent

PAGES = ("/desk", "/desk/tasks", "/desk/entry", "/desk/triage", "/desk/receipt", "/desk/tasks/x", "/desk/attachments/x")


@pytest.mark.parametrize("path", PAGES)
async def test_whoever_is_not_signed_in_is_led_to_the_sign_in(agent: Agent, path: str) -> None:
    """No page of the desk shows anything before that."""
    page = await agent.get(path)
    assert ("/desk/sign-in", 200) == (page.path, page.status)


@pytest.mark.parametrize("path", ["/desk/entry", "/desk/tasks/x", "/desk/triage/x", "/desk/sign-out"])
async def test_a_form_without_a_session_does_nothing_and_says_how_to_send_it_again(agent: Agent, path: str) -> None:
    """The words are still in the browser: sign in beside it, and reload."""
    page = await agent.post(path, {"csrf": "x", "text": "انكسر أنبوب"})
    assert 401 == page.status
    assert "لم يضع شيء مما كتبتم" in page.words


async def test_name_and_password_lead_to_the_work(agent: Agent) -> None:
    """An agent sees tasks, a triage officer the triage; nobody sees what is not theirs."""
    page = await agent.begin("agent")
    assert ("/desk/tasks", 200) == (page.path, page.status)
    assert "سارة كريم" in page.words
    assert 403 == (await agent.get("/desk/triage")).status
    await agent.press(page, "/desk/sign-out")
    page = await agent.begin("triage", name="zaid")
    assert ("/desk/triage", 200) == (page.path, page.status)
    assert [403, 403] == [(await agent.get(path)).status for path in ("/desk/tasks", "/desk/entry")]


async def test_a_right_for_which_there_is_no_page_is_told_so(agent: Agent) -> None:
    """Somebody who may only look after people is not sent from page to page."""
    page = await agent.begin("admin")
    assert (200, "/desk") == (page.status, page.path)
    assert "لا شيء لكم هنا بعد" in page.words


async def test_a_wrong_password_and_an_unknown_name_get_one_answer(agent: Agent) -> None:
    """Nobody learns from it who works here; not even when the name is closed."""
    await agent.hire()
    told = {
        (page.status, page.words.replace("zaid", "").replace("sara", ""))
        for page in [await agent.sign_in("sara", "wrong"), await agent.sign_in("zaid", "wrong")]
    }
    for _ in range(5):
        await agent.sign_in("sara", "wrong")
    page = await agent.sign_in("sara", PASSWORD)
    told.add((page.status, page.words))
    assert 1 == len(told)
    assert 422 == page.status
    assert "لا يتطابقان" in page.words


async def test_the_password_is_never_shown_again(agent: Agent) -> None:
    """A page with a fault keeps the name, and not the password."""
    await agent.hire()
    page = await agent.sign_in("sara", "a wrong password")
    assert "sara" == page.value("name")
    assert "a wrong password" not in page.text


async def test_the_session_has_another_token_after_each_sign_in(agent: Agent) -> None:
    """A cookie that was planted before the sign-in opens nothing afterwards."""
    agent.client.session.cookie_jar.update_cookies({"balagh_desk": "planted"}, agent.client.make_url("/"))
    await agent.begin()
    first = _cookie(agent)
    assert "planted" != first
    await agent.post("/desk/sign-out", {"csrf": (await agent.get("/desk/tasks")).value("csrf")})
    await agent.sign_in()
    assert first != _cookie(agent)


async def test_signing_out_takes_the_session_away_and_not_only_the_cookie(agent: Agent) -> None:
    """Whoever copied the cookie is out too."""
    page = await agent.begin()
    stolen = _cookie(agent)
    out = await agent.press(page, "/desk/sign-out")
    assert "/desk/sign-in" == out.path
    agent.client.session.cookie_jar.update_cookies({"balagh_desk": stolen}, agent.client.make_url("/"))
    assert "/desk/sign-in" == (await agent.get("/desk/tasks")).path


async def test_signing_out_takes_a_form_of_ours(agent: Agent) -> None:
    """A page of somebody else cannot sign anybody out, nor can a form without the session's token."""
    await agent.begin()
    await agent.post("/desk/sign-out", {"csrf": "guessed"})
    assert "/desk/tasks" == (await agent.get("/desk/tasks")).path


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_from_another_site_is_refused(agent: Agent, headers: dict[str, str]) -> None:
    """Also with the right cookie and the right token, and also when it does not say where it was."""
    page = await agent.begin()
    sent = await agent.post("/desk/sign-out", {"csrf": page.value("csrf")}, origin=None, headers=headers)
    assert 403 == sent.status
    assert "/desk/tasks" == (await agent.get("/desk/tasks")).path


async def test_another_site_cannot_sign_anybody_in_under_its_own_name(agent: Agent) -> None:
    """The form carries what belongs to this browser: a form made elsewhere has nothing of it."""
    await agent.hire()
    page = await agent.post("/desk/sign-in", {"csrf": "guessed", "name": "sara", "password": PASSWORD})
    assert (422, "/desk/sign-in") == (page.status, page.path)
    agent.client.session.cookie_jar.clear()
    page = await agent.post("/desk/sign-in", {"csrf": "", "name": "sara", "password": PASSWORD})
    assert 422 == page.status


async def test_the_cookies_are_kept_from_scripts_and_other_sites(agent: Agent) -> None:
    """HttpOnly and SameSite=Strict, for this site's whole path, and gone with the browser."""
    await agent.hire()
    token = (await agent.get("/desk/sign-in")).value("csrf")
    async with agent.client.post(
        "/desk/sign-in",
        data={"csrf": token, "name": "sara", "password": PASSWORD},
        headers={"Origin": agent.origin},
        allow_redirects=False,
    ) as response:
        (cookie,) = [one for one in response.headers.getall("Set-Cookie") if one.startswith("balagh_desk=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert not re.search(r"Secure|Max-Age|expires", cookie)


async def test_behind_https_the_cookie_cannot_be_planted_by_a_neighbour(tmp_path: Path, baghdad: City) -> None:
    """The prefix __Host- makes browsers insist on https, on this very host, and on the whole path."""
    house = make_house(tmp_path, baghdad, BALAGH_PUBLIC_URL="https://city.example")
    site = TestServer(admin_site(house))
    async with TestClient(site, cookie_jar=CookieJar(unsafe=True)) as client, client.get("/desk/sign-in") as response:
        (cookie,) = [one for one in response.headers.getall("Set-Cookie") if "desk" in one]
    house.store.close()
    assert cookie.startswith("__Host-balagh_desk_form=")
    assert "Secure" in cookie


async def test_one_address_cannot_try_without_end(agent: Agent) -> None:
    """After so many tries the page asks to wait, whatever the names were."""
    await agent.get("/desk/sign-in")
    found = [await agent.post("/desk/sign-in", {"csrf": "x", "name": f"n{n}", "password": "x"}) for n in range(61)]
    assert 429 == found[-1].status
    assert "أعيدوا المحاولة بعد دقيقة" in found[-1].words


@pytest.mark.parametrize("path", [*PAGES, "/desk/sign-in", "/desk/nowhere"])
async def test_every_page_carries_the_strict_headers(agent: Agent, path: str) -> None:
    """No page may be framed, kept on the way, found by a search engine or run a script of somebody else."""
    await agent.begin("supervisor")
    response = (await agent.get(path, allow_redirects=False)).response
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert ("same-origin", "nosniff", "no-store", "DENY") == tuple(
        response.headers[name]
        for name in ("Referrer-Policy", "X-Content-Type-Options", "Cache-Control", "X-Frame-Options")
    )


async def test_an_address_that_does_not_exist_has_a_page(agent: Agent) -> None:
    """People get a page; a wrong method says which is right."""
    await agent.begin()
    page = await agent.get("/desk/nowhere")
    assert (404, True) == (page.status, "لا توجد صفحة بهذا العنوان" in page.words)
    page = await agent.get("/desk/sign-out")
    assert (405, "POST") == (page.status, page.response.headers["Allow"])


async def test_the_desk_is_where_the_admins_are(agent: Agent) -> None:
    """With an address of its own for staff, the public one has no desk."""
    site = TestServer(public_site(agent.house, admin=False))
    async with TestClient(site) as client, client.get("/desk/sign-in") as response:
        assert 404 == response.status


async def test_the_other_language_stays_on_the_page(agent: Agent) -> None:
    """English is one press away, and remembered."""
    await agent.begin()
    page = await agent.get("/desk/entry?lang=en")
    assert 'lang="en" dir="ltr"' in page.text
    assert "How did it come?" in page.words
    assert "What waits for a person" in (await agent.get("/desk/tasks")).words


def _cookie(agent: Agent) -> str:
    cookies = agent.client.session.cookie_jar.filter_cookies(agent.client.make_url("/"))
    return cookies["balagh_desk"].value
