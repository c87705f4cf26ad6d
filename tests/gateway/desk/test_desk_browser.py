"""The desk with a real browser: Chromium, with and without scripts, by hand and by keyboard."""

import os
import re
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from sqlalchemy import delete

from gateway.app import admin_site, running
from gateway.city.city import City
from gateway.house import House
from gateway.people import People
from gateway.split import Splits
from gateway.store import complaints, tasks
from gateway.store.tables import sessions
from gateway.store.tasks import Draft, TaskKind
from tests.gateway.citizen.test_citizen_browser import CHROMIUM, CONTRAST
from tests.gateway.citizen.visitor import PIPE, make_house
from tests.gateway.desk.agent import PASSWORD, VAGUE, Agent, ask, hear, keep
from tests.gateway.desk.test_desk_complaints import BOTH
from tests.gateway.desk.test_desk_tasks import tape
from tests.gateway.desk.test_desk_triage import TORN
from tests.servers.waiting import until

pytestmark = pytest.mark.browser

SCREEN = {"width": 1280, "height": 900}
TELEPHONE = {"width": 360, "height": 740}
NUMBER = "+9647704444444"
TWICE = """() => { let sent = 0;
    document.querySelector("#report").addEventListener("submit", (event) => { sent += !event.defaultPrevented; });
    for (const press of [1, 2]) dispatchEvent(new KeyboardEvent("keydown", {ctrlKey: true, code: "Enter"}));
    return sent; }"""


@pytest.fixture
async def house(tmp_path: Path, baghdad: City) -> AsyncIterator[House]:
    """A whole house at work, with one person who may do everything."""
    async with running(make_house(tmp_path, baghdad, BALAGH_PUBLIC_URL="")) as house:
        await People(house.store).add("sara", display="سارة كريم", rights={"supervisor"}, password=PASSWORD)
        yield house


@pytest.fixture
async def address(house: House) -> AsyncIterator[str]:
    """Where the desk is."""
    async with TestServer(admin_site(house)) as server:
        yield str(server.make_url("/")).rstrip("/")


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser of its own for each test."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        await browser.close()


def scan() -> bytes:
    """A white paper of 60 by 40 pixels, as PNG."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 60, 40, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * 60) * 40)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def sign_in(context: BrowserContext, address: str, language: str = "ar") -> Page:
    """Open the desk and sign in."""
    page = await context.new_page()
    await page.goto(f"{address}/desk/sign-in?lang={language}")
    await page.fill("#name", "sara")
    await page.fill("#password", PASSWORD)
    await page.click("main button")
    await page.wait_for_url("**/desk/tasks")
    return page


async def open_of(house: House, kind: TaskKind, number: int = 1) -> list[tasks.Task]:
    """Wait until so many tasks of a kind are open."""
    door = Agent.__new__(Agent)
    door.house = house
    found: list[tasks.Task] = []

    async def there() -> bool:
        found[:] = await door.tasks(kind)
        return len(found) >= number

    await until(there)
    return found


async def case(house: House, reference: str) -> complaints.Case:
    found = await house.store.read(lambda connection: complaints.load(connection, reference))
    assert found is not None
    return found


async def test_an_agent_enters_and_transcribes_without_a_script(chromium: Browser, address: str, house: House) -> None:
    """With scripts off, in Arabic: a paper from the box is scanned in, taken from the list and written down."""
    context = await chromium.new_context(java_script_enabled=False, viewport=TELEPHONE, locale="ar-IQ")
    page = await sign_in(context, address)
    await page.get_by_role("link", name="إدخال جديد").click()
    await page.get_by_label("صندوق الشكاوى").check()
    await page.get_by_label("التاريخ").fill("2026-11-02")
    await page.set_input_files("#files", {"name": "ورقة.png", "mimeType": "image/png", "buffer": scan()})
    await page.get_by_role("button", name="حفظ وعرض الإيصال").click()
    await page.wait_for_url("**/desk/receipt*")
    reference = (await page.inner_text("#reference")).replace(" ", "")
    assert house.identities.pin(reference) == await page.inner_text("#pin")

    (task,) = await open_of(house, TaskKind.TRANSCRIBE)
    await page.get_by_role("link", name="المهام").click()
    await page.get_by_role("button", name="أخذ المهمة").click()
    await page.wait_for_url(f"**/desk/tasks/{task.id}")
    assert 60 == await page.locator(".item img").evaluate("image => image.decode().then(() => image.naturalWidth)")
    await page.get_by_label("ما قيل").fill(PIPE)
    await page.get_by_role("button", name="حفظ ثم التالي").click()
    await expect(page.locator(".note")).to_have_text("تم الحفظ.")

    async def offered() -> bool:
        return (await case(house, reference)).department == "water"

    await until(offered)
    await context.close()


async def test_triage_goes_by_one_key_also_on_an_arabic_keyboard(chromium: Browser, address: str, house: House) -> None:
    """2 routes the marked complaint and the next one is marked; J and K move; D opens the list of departments."""
    references = [
        (await hear(house, text, number=f"+96477011{n:05}")).reference for n, text in enumerate([TORN, VAGUE])
    ]
    await open_of(house, TaskKind.TRIAGE, 2)
    context = await chromium.new_context(viewport=SCREEN)
    page = await sign_in(context, address)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    await page.goto(f"{address}/desk/triage")
    await expect(page.locator(".case").nth(0)).to_have_class("card case current")
    wanted = await page.locator(".case.current [data-key='2']").get_attribute("value")
    assert wanted
    await page.keyboard.press("KeyJ")
    await expect(page.locator(".case").nth(1)).to_have_class("card case current")
    await page.keyboard.press("KeyK")
    # The key in the place of J types another letter on an Arabic keyboard, and 2 may type ٢.
    await page.evaluate("dispatchEvent(new KeyboardEvent('keydown', {key: 'ت', code: 'KeyJ'}))")
    await expect(page.locator(".case").nth(1)).to_have_class("card case current")
    await page.keyboard.press("KeyK")
    await page.evaluate("dispatchEvent(new KeyboardEvent('keydown', {key: '٢', code: 'Digit2'}))")
    await expect(page.locator(".note")).to_contain_text("في طريقه")
    assert wanted.partition(":")[2] == (await case(house, references[0])).department
    await expect(page.locator(".case")).to_have_count(1)
    await page.keyboard.press("KeyD")
    assert "SELECT" == await page.evaluate("document.activeElement.tagName")
    await page.keyboard.press("1")  # in the list it is a letter to find a department by, and no decision
    await page.locator(".case select[name=department]").select_option("roads")
    await page.locator(".by-hand button:not([formaction])").click()
    await expect(page.locator(".quiet")).to_contain_text("لا شيء ينتظر قراراً")
    assert "roads" == (await case(house, references[1])).department
    assert [] == faults
    await context.close()


async def test_a_recording_plays_and_stops_by_keyboard_and_the_work_is_sent_by_it(
    chromium: Browser, address: str, house: House
) -> None:
    """Hands stay on the keys: Ctrl+Space plays and pauses, Ctrl+B goes back, Ctrl+Enter saves, once, and goes on."""
    voice = await keep(house, tape())
    for n in range(2):
        await hear(house, "", voice, number=f"+96477012{n:05}")
    await open_of(house, TaskKind.TRANSCRIBE, 2)
    context = await chromium.new_context(viewport=SCREEN)
    page = await sign_in(context, address, "en")
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.get_by_role("button", name="Take").first.click()
    await page.wait_for_url("**/desk/tasks/*")
    first = page.url
    await until(lambda: page.evaluate("document.querySelector('audio').readyState >= 1"))
    await page.keyboard.press("Control+Space")
    await until(lambda: page.evaluate("document.querySelector('audio').currentTime > 0.05"))
    await page.keyboard.press("Control+Space")
    await until(lambda: page.evaluate("document.querySelector('audio').paused"))
    await page.keyboard.press("Control+KeyB")
    assert await page.evaluate("document.querySelector('audio').currentTime") == 0
    await page.keyboard.type("Water stands in the street")  # where the words go: the page begins there
    await page.focus("#place")
    await page.keyboard.press("Enter")  # in a line of the form, where it would save what is half written
    assert first == page.url
    await page.focus("#text")
    assert 1 == await page.evaluate(TWICE)
    await page.wait_for_url(lambda url: "/desk/tasks/" in url and url != first)
    await expect(page.locator(".note")).to_have_text("Saved.")
    assert [] == faults
    assert 1 == len(await open_of(house, TaskKind.TRANSCRIBE))
    await context.close()


async def test_a_long_entry_survives_the_end_of_its_session(chromium: Browser, address: str, house: House) -> None:
    """The session ends while somebody types: sign in in the other tab, reload this one, and the words are there."""
    context = await chromium.new_context(viewport=SCREEN)
    page = await sign_in(context, address)
    await page.goto(f"{address}/desk/entry")
    await page.get_by_label("مراجعة شخصية").check()
    await page.fill("#text", PIPE)
    await house.store.write(lambda connection: connection.execute(delete(sessions)))
    await page.click(".send")
    await expect(page.locator("h1")).to_have_text("انتهت جلستكم")
    async with context.expect_page() as opened:
        await page.get_by_role("link", name="الدخول من جديد").click()
    other = await opened.value
    await other.fill("#name", "sara")
    await other.fill("#password", PASSWORD)
    await other.click("main button")
    await other.wait_for_url("**/desk/tasks")
    await page.reload()
    assert PIPE == await page.input_value("#text")
    await page.click(".send")
    await page.wait_for_url("**/desk/receipt*")
    await context.close()


async def test_a_call_back_shows_its_number_to_be_dialled(chromium: Browser, address: str, house: House) -> None:
    """The number reads from left to right on an Arabic page, and a tap dials it."""
    await ask(house, Draft(kind=TaskKind.CALL_BACK, subject="1", channel="voice", urgent=True, body={"phone": NUMBER}))
    context = await chromium.new_context(viewport=TELEPHONE)
    page = await sign_in(context, address)
    await page.get_by_role("button", name="أخذ المهمة").click()
    assert f"tel:{NUMBER}" == await page.locator(".call a").get_attribute("href")
    plus, last = [
        await page.evaluate(
            """(place) => { const text = document.getElementById("phone").firstChild;
            const range = document.createRange();
            range.setStart(text, place); range.setEnd(text, place + 1); return range.getBoundingClientRect().left; }""",
            place,
        )
        for place in (0, len(NUMBER) - 1)
    ]
    assert plus < last
    await context.close()


async def every_page(page: Page, address: str, house: House) -> AsyncIterator[str]:
    """Open every page of the desk, one after the other, with something on each."""
    yield "tasks"
    await page.locator(".task button").first.click()
    await page.wait_for_url("**/desk/tasks/*")
    yield "task"
    for name in ("tasks", "entry", "triage", "complaints", "nowhere"):
        await page.goto(f"{address}/desk/{name}")
        yield name
    await page.goto(f"{address}/desk/triage")
    number = await page.locator(".case .number").first.text_content()
    await page.goto(f"{address}/desk/complaints?reference={number}")
    await page.get_by_role("link", name=re.compile("^[0-9 ]+$")).wait_for()
    yield "complaint"
    await page.goto(f"{address}/desk/entry")
    await page.locator("form#report").evaluate("form => form.noValidate = true")
    await page.click(".send")
    await page.wait_for_selector("#faults")
    yield "faults"
    await page.check("input[name=way] >> nth=0")
    await page.fill("#text", PIPE)
    await page.click(".send")
    await page.wait_for_url("**/desk/receipt*")
    yield "receipt"


@pytest.mark.parametrize(("language", "scheme"), [("ar", "light"), ("en", "dark")])
async def test_every_page_fits_can_be_touched_and_can_be_read(
    chromium: Browser, address: str, house: House, language: str, scheme: str
) -> None:
    """On a narrow screen nothing runs off, everything to press is 44 pixels high, and every text stands out."""
    await ask(house, Draft(kind=TaskKind.CALL_BACK, subject="1", channel="voice", urgent=True, body={"phone": NUMBER}))
    torn = await hear(house, TORN)
    await hear(house, BOTH, number="+9647701230002")
    await hear(house, "", await keep(house, tape()), number="+9647701230001")
    await open_of(house, TaskKind.TRIAGE, 2)
    await Splits(house).split(torn.reference, "roads.damage", "sara", text="حفرة")
    context = await chromium.new_context(viewport={"width": 320, "height": 700}, color_scheme=scheme)
    page = await sign_in(context, address, language)
    async for name in every_page(page, address, house):
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert (name, []) == (name, await page.evaluate(CONTRAST))
        assert (name, []) == (name, await page.evaluate(SMALL))
        assert (name, []) == (name, await page.evaluate(NAMELESS))
        await page.emulate_media(media="print")  # on white paper, also from a dark screen
        assert (name, [], "rgb(255, 255, 255)") == (
            name,
            await page.evaluate(CONTRAST),
            await page.evaluate("getComputedStyle(document.body).backgroundColor"),
        )
        await page.emulate_media(media="screen")
    await context.close()


SMALL = """() => [...document.querySelectorAll('a:not(.skip), button, select, textarea, input:not([type=hidden])')]
    .filter((one) => one.type !== 'file' && one.offsetParent && !one.closest('.banner'))
    .map((one) => (['radio', 'checkbox'].includes(one.type) ? one.closest('label') : one))
    .filter((one) => one.getBoundingClientRect().height < 43.5)
    .map((one) => one.outerHTML.slice(0, 80))"""

NAMELESS = """() => [...document.querySelectorAll('select, textarea, input:not([type=hidden])')]
    .filter((one) => !one.labels.length).map((one) => one.outerHTML)"""
