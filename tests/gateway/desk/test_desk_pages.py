"""What every page of the desk has in common."""

import re
from pathlib import Path

import gateway.desk
from gateway.desk.page import NOTES
from gateway.store.tasks import Draft, TaskKind
from tests.gateway.citizen.visitor import PIPE
from tests.gateway.desk.agent import Agent, ask

ROOM = Path(gateway.desk.__file__).parent
PAGES = ("tasks", "entry", "triage", "sign-in", "nowhere")


async def test_no_page_has_script_or_style_in_itself(agent: Agent) -> None:
    """The policy forbids them, so a page that needed one would break."""
    await agent.get("/desk/sign-in")
    await agent.begin("supervisor")
    task = await ask(
        agent.house, Draft(kind=TaskKind.CALL_BACK, subject="1", channel="voice", body={"phone": "+96477"})
    )
    page = await agent.get("/desk/tasks")
    page = await agent.press(page, f"/desk/tasks/{task}/claim")
    assert "+96477" in page.text
    pages = [page, await agent.enter(text=PIPE), *[await agent.get(f"/desk/{name}") for name in PAGES]]
    for found in pages:
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)", found.text), found.path


async def test_style_and_script_come_from_the_desks_own_address(agent: Agent) -> None:
    """On the staff's address there is no citizens' page to fetch them from."""
    page = await agent.get("/desk/sign-in")
    names = set(re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js|svg))"', page.text))
    assert 5 == len(names)
    for name in names:
        assert name.startswith("/desk/static/")
        found = await agent.get(name)
        assert (200, "public, max-age=31536000, immutable") == (found.status, found.response.headers["Cache-Control"])


def test_both_languages_say_the_same_things_and_nothing_unused() -> None:
    """A label that is missing in one language, or that no page shows, is found here."""
    books = {
        book.stem: set(re.findall(r"^([a-z][a-z_-]*) =", book.read_text(), re.MULTILINE))
        for book in (ROOM / "words").glob("*.ftl")
    }
    assert {"ar", "en"} == set(books)
    assert books["ar"] == books["en"]
    sources = [*ROOM.glob("*.py"), *(ROOM / "templates").glob("*.html")]
    shared = [ROOM.parent / "citizen" / name for name in ("draft.py", "page.py", "templates/form.html")]
    shown = "\n".join(path.read_text() for path in [*sources, *shared])
    quoted = set(re.findall(r"""["']([a-z][a-z_-]*)["']""", shown))
    # Names that are put together: "note-" ~ word, name ~ "-heading", f"task-fault-{field}".
    begins = set(re.findall(r"""["']([a-z_-]+-)["'{]""", shown)) | {"task-fault-", "fault-file-"}
    ends = set(re.findall(r"""["'](-[a-z]+)["']""", shown))
    unused = {
        name
        for name in books["ar"] - quoted
        if not any(name.startswith(begin) for begin in begins) and not any(name.endswith(end) for end in ends)
    }
    assert set() == unused


def test_every_note_that_a_page_may_leave_has_words() -> None:
    """A note without words would be a page that breaks."""
    names = set(re.findall(r"^note-([a-z-]+) =", (ROOM / "words" / "en.ftl").read_text(), re.MULTILINE))
    assert names >= NOTES
