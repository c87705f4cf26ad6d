"""What every page of the citizens' door has in common."""

import re
from pathlib import Path

import pytest

import gateway.citizen
from gateway.citizen.words import Words
from tests.gateway.citizen.visitor import PIPE, Visitor

ROOM = Path(gateway.citizen.__file__).parent


@pytest.mark.parametrize("path", ["/", "/track", "/receipt", "/nowhere", "/track/view"])
async def test_every_page_carries_the_strict_headers(visitor: Visitor, path: str) -> None:
    """No page may be framed, kept on the way, run a foreign script or tell the next site where one came from."""
    response = (await visitor.get(path, allow_redirects=False)).response
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert ("no-referrer", "nosniff", "no-store") == tuple(
        response.headers[name] for name in ("Referrer-Policy", "X-Content-Type-Options", "Cache-Control")
    )


async def test_no_page_has_script_or_style_in_itself(visitor: Visitor) -> None:
    """The policy forbids them, so a page that needed one would break."""
    await visitor.send(text=PIPE)
    for path in ("/", "/receipt", "/track", "/track/view", "/nowhere"):
        text = (await visitor.get(path)).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)", text), path


async def test_an_address_that_does_not_exist_has_a_page(visitor: Visitor) -> None:
    """People get a page in their language; programs keep their own answer; a link never leads to another site."""
    page = await visitor.get("/nowhere")
    assert (404, True) == (page.status, "لا توجد صفحة" in page.words)
    assert "<html" not in (await visitor.get("/channels/nobody")).text
    strange = visitor.client.make_url("/").with_path("//evil.example/")
    async with visitor.client.session.get(strange) as response:
        assert (404, False) == (response.status, "evil.example" in await response.text())
    assert 405 == (await visitor.get("/forget")).status


async def test_style_and_script_may_be_kept_for_ever(visitor: Visitor) -> None:
    """Their names change with their content, so browsers need not ask again."""
    page = await visitor.get("/")
    names = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
    assert {"css", "js", "svg"} == {name.rpartition(".")[2] for name in names}
    for name in names:
        found = await visitor.get(name)
        assert (200, "public, max-age=31536000, immutable") == (found.status, found.response.headers["Cache-Control"])
    assert 404 == (await visitor.get("/static/page.css")).status
    assert 404 == (await visitor.get("/static/..%2fpage.py")).status


async def test_robots_see_the_form_and_nothing_personal(visitor: Visitor) -> None:
    """Search engines may list the form only."""
    assert "Disallow: /\n" in (await visitor.get("/robots.txt")).text
    assert "noindex" == (await visitor.get("/track")).response.headers["X-Robots-Tag"]


@pytest.mark.parametrize("path", ["/", "/track", "/nowhere"])
async def test_the_hotline_can_be_called_from_every_page(visitor: Visitor, path: str) -> None:
    """A tap on the number at the foot of the page dials it."""
    footer = (await visitor.get(path)).text.partition("<footer>")[2]
    assert re.search(r'<a href="tel:124">.*124.*</a>', footer)


def test_both_languages_say_the_same_things_and_nothing_unused() -> None:
    """A label that is missing in one language, or that no page shows, is found here."""
    books = {
        book.stem: set(re.findall(r"^([a-z][a-z-]*) =", book.read_text(), re.MULTILINE))
        for book in (ROOM / "words").glob("*.ftl")
    }
    assert {"ar", "en"} == set(books)
    assert books["ar"] == books["en"]
    shown = "\n".join(
        file.read_text() for file in (*(ROOM / "templates").iterdir(), *ROOM.glob("*.py")) if file.is_file()
    )
    # Some names are put together: the heading and text of an alarm, the kinds, the faults of files.
    made = re.compile(
        r"(not-stored|too-much|too-slow|full|busy|unreadable|foreign|not-found|away|kind|fault-file|fault-nonce)-"
    )
    assert [] == sorted(name for name in books["ar"] if name not in shown and not made.match(name))


def test_a_citizen_s_own_isolates_do_not_close_ours() -> None:
    """What is filled into a sentence stands in one <bdi>, whatever characters it brings."""
    said = Words(["en"]).say("en", "fault-file-empty", file="a\u2069\u2068<b>")
    assert "<bdi>a&lt;b&gt;</bdi> is empty." == said
