"""Citizens with a real browser: Chromium, on a telephone's screen, with and without scripts."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, async_playwright, expect

from gateway.app import running
from gateway.city.city import City
from gateway.house import House
from tests.gateway.citizen.visitor import JPEG, PIPE, make_house, site

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
TELEPHONE = {"width": 360, "height": 740}


@pytest.fixture
async def house(tmp_path: Path, baghdad: City) -> AsyncIterator[House]:
    """A whole house at work."""
    async with running(make_house(tmp_path, baghdad, BALAGH_PUBLIC_URL="")) as house:
        yield house


@pytest.fixture
async def address(house: House) -> AsyncIterator[str]:
    """Where its pages are."""
    async with TestServer(site(house)) as server:
        yield str(server.make_url("/")).rstrip("/")


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser of its own for each test."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def test_a_citizen_reports_in_arabic_without_a_script_and_follows_it_to_its_department(
    chromium: Browser, address: str, house: House, baghdad: City
) -> None:
    """With scripts off: fill in the form, attach a photo, read both numbers; later, with them on, see where it is."""
    telephone = await chromium.new_context(java_script_enabled=False, viewport=TELEPHONE, locale="ar-IQ")
    page = await telephone.new_page()
    await page.goto(address)
    await page.get_by_label("ما الذي حدث؟").fill(PIPE)
    await page.get_by_label("صور أو مستندات").set_input_files(
        {"name": "الأنبوب.jpg", "mimeType": "image/jpeg", "buffer": JPEG}
    )
    await page.get_by_label("البلدية").select_option(label="مركز الكرخ")
    await page.get_by_label("لا", exact=True).check()
    await page.get_by_label("الهاتف").fill("٠٧٩٠١٢٣٤٥٦٧")
    await page.get_by_role("button", name="إرسال البلاغ").click()
    await page.wait_for_url("**/receipt")
    reference, pin = await page.inner_text("#reference"), await page.inner_text("#pin")
    assert re.fullmatch(r"\d{4} \d{3} \d{3}", reference)
    assert house.identities.pin(reference.replace(" ", "")) == pin
    await page.get_by_role("link", name="متابعة البلاغ").click()
    # The page asks again by itself until the department is there.
    await expect(page.locator("#department")).to_have_text(baghdad.departments["water"].names["ar"], timeout=20_000)
    await telephone.close()

    another = await chromium.new_context(viewport={"width": 1280, "height": 800})
    page = await another.new_page()
    await page.goto(f"{address}/track")
    await page.get_by_label("رقم البلاغ").fill(reference.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")))
    await page.get_by_label("الرمز السري").fill(pin)
    await page.get_by_role("button", name="عرض البلاغ").click()
    await page.wait_for_url("**/track/view")
    await expect(page.locator(".timeline li")).to_have_count(2)
    await expect(page.locator("#status")).to_contain_text("دائرة ماء بغداد")
    await another.close()


async def test_with_a_script_the_department_appears_without_a_reload(
    chromium: Browser, tmp_path: Path, baghdad: City
) -> None:
    """The page is open while nobody works; when the house begins to, the department appears on the same page."""
    house = make_house(tmp_path, baghdad, BALAGH_PUBLIC_URL="")
    async with TestServer(site(house)) as server:
        telephone = await chromium.new_context(viewport=TELEPHONE)
        page = await telephone.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await page.goto(str(server.make_url("/?lang=en")))
        await page.get_by_label("What happened?").fill(PIPE)
        await page.get_by_role("button", name="Send the report").click()
        await page.get_by_role("link", name="Follow the report").click()
        await expect(page.locator(".timeline li")).to_have_count(1)
        await page.evaluate("window.same = true")
        async with running(house):
            await expect(page.locator("#department")).to_have_text("Baghdad Water Authority", timeout=20_000)
            assert await page.evaluate("window.same")
            assert [] == complaints
            await telephone.close()
            await server.close()


async def test_a_file_that_is_too_large_is_named_before_it_is_sent(chromium: Browser, address: str) -> None:
    """With a script nobody uploads twenty megabytes to be told that sixteen are allowed; without, one button shows."""
    telephone = await chromium.new_context(viewport=TELEPHONE)
    page = await telephone.new_page()
    await page.goto(address)
    film = {"name": "film.jpg", "mimeType": "image/jpeg", "buffer": JPEG + bytes(17 * 1024 * 1024)}
    await page.set_input_files("#files", [film, {"name": "صورة.jpg", "mimeType": "image/jpeg", "buffer": JPEG}])
    await expect(page.locator("#chosen li")).to_have_text(["film.jpg أكبر من 16 ميغابايت.", "صورة.jpg 11 كيلوبايت"])
    await telephone.close()
    plain = await chromium.new_context(viewport=TELEPHONE, java_script_enabled=False)
    page = await plain.new_page()
    await page.goto(address)
    assert (True, False) == (await page.is_visible("#files"), await page.is_visible(".pick"))
    await plain.close()


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_every_choice_holds_its_words(chromium: Browser, address: str, language: str) -> None:
    """No kind sticks out of its frame or column, however wide the screen is; a fault begins beside its bullet."""
    sticks_out = """() => [...document.querySelectorAll(".pills label")].filter((label) => {
        const [frame, word] = [label, label.querySelector("span")].map((part) => part.getBoundingClientRect());
        const column = label.parentElement.getBoundingClientRect();
        return word.left < frame.left + 8 || word.right > frame.right - 8
            || frame.left < column.left - 0.5 || frame.right > column.right + 0.5;
    }).map((label) => label.textContent)"""
    page = await chromium.new_page()
    for width in (320, 360, 384, 412, 640, 720, 736, 1280):
        await page.set_viewport_size({"width": width, "height": 740})
        await page.goto(f"{address}/?lang={language}")
        assert (width, []) == (width, await page.evaluate(sticks_out))
    await page.set_viewport_size(TELEPHONE)
    await page.locator(".send").click()
    link = page.locator("#faults li a").first
    assert "inline" == await link.evaluate("link => getComputedStyle(link).display")
    await page.close()


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_nothing_runs_off_a_narrow_screen(chromium: Browser, address: str, language: str) -> None:
    """On the narrowest telephones no page has to be moved sideways, also after faults with long names of files."""
    telephone = await chromium.new_context(viewport={"width": 320, "height": 640})
    page = await telephone.new_page()

    async def fits() -> bool:
        return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    await page.goto(f"{address}/?lang={language}")
    assert await fits()
    await page.set_input_files(
        "#files", [{"name": f"{'a' * 90}.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ" + bytes(500)}]
    )
    await page.locator(".send").click()
    await page.wait_for_selector("#faults")
    assert await fits()
    assert await page.evaluate("document.activeElement.id") == "faults"
    await page.locator("#text").fill(PIPE)
    await page.locator(".send").click()
    await page.wait_for_url("**/receipt")
    assert await fits()
    await page.goto(f"{address}/track/view")
    assert await fits()
    await telephone.close()


async def test_what_is_touched_is_large_enough_and_what_is_asked_has_a_name(chromium: Browser, address: str) -> None:
    """Every link, button and field is at least 44 pixels high for a finger, and is called something."""
    telephone = await chromium.new_context(viewport=TELEPHONE, has_touch=True)
    page = await telephone.new_page()
    await page.goto(address)
    small = await page.evaluate(
        """() => [...document.querySelectorAll('a:not(.skip), button, select, textarea, input:not([type=hidden])')]
            .filter((one) => !one.closest('.trap') && one.type !== 'file')
            .map((one) => (['radio', 'checkbox'].includes(one.type) ? one.closest('label') : one))
            .filter((one) => one.getBoundingClientRect().height < 44)
            .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert [] == small
    nameless = await page.evaluate(
        """() => [...document.querySelectorAll('select, textarea, input:not([type=hidden])')]
            .filter((one) => !one.labels.length).map((one) => one.outerHTML)"""
    )
    assert [] == nameless
    await telephone.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_from_its_ground(chromium: Browser, address: str, scheme: str) -> None:
    """In light and in dark every text has a contrast of at least 4.5 to 1 (WCAG 2.2 AA)."""
    screen = await chromium.new_context(color_scheme=scheme)
    page = await screen.new_page()
    for path in ("/", "/track", "/nowhere"):
        await page.goto(address + path)
        assert [] == await page.evaluate(CONTRAST)
    await screen.close()


CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.body.querySelectorAll('*')]
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) && one.offsetParent)
    .map((one) => {
      const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
      return [one.outerHTML.slice(0, 60), (a + 0.05) / (b + 0.05)];
    })
    .filter(([, ratio]) => ratio < 4.5);
}"""
