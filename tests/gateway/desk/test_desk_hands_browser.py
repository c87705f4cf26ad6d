"""The desk under people's hands: stopped while it sends, gone through by keyboard, read out."""

import re

from playwright.async_api import Browser, Route, expect

from gateway.house import House
from gateway.store.tasks import Draft, TaskKind
from tests.gateway.citizen.visitor import PIPE
from tests.gateway.desk.agent import VAGUE, ask, hear
from tests.gateway.desk.test_desk_browser import (  # noqa: F401
    NUMBER,
    SCREEN,
    address,
    chromium,
    house,
    open_of,
    pytestmark,
    sign_in,
)

STOPPED = """(press) => {
    const halt = () => { stop(); document.documentElement.dataset.stopped = "yes"; };
    navigation.addEventListener("navigate", () => setTimeout(halt), { once: true });
    setTimeout(() => document.querySelector(press).click()); }"""


async def test_stopping_the_browser_while_it_sends_opens_the_form_again(
    chromium: Browser,  # noqa: F811
    address: str,  # noqa: F811
    house: House,  # noqa: F811
) -> None:
    """Stop during an upload or a decision: the button says again what it does, and does it."""
    await hear(house, VAGUE)
    await open_of(house, TaskKind.TRIAGE)
    context = await chromium.new_context(viewport=SCREEN)
    page = await sign_in(context, address, "en")

    async def never(route: Route) -> None:
        """Keep the browser waiting, as a slow line does."""

    for name, press in (("entry", ".send"), ("triage", ".case .by-hand button:not([formaction])")):
        await page.goto(f"{address}/desk/{name}")
        if name == "entry":
            await page.get_by_label("Walk-in").check()
            await page.fill("#text", PIPE)
        else:
            await page.locator(".case select[name=department]").select_option("roads")
        await page.route("**/desk/**", never)
        await page.evaluate(STOPPED, press)
        await expect(page.locator("html[data-stopped]")).to_be_attached()
        await expect(page.locator(press)).to_be_enabled()
        await expect(page.locator(press)).to_have_text("Save and show the receipt" if name == "entry" else "Route")
        await page.unroute_all()
        await page.click(press)
        await expect(page.locator("#reference" if name == "entry" else ".note")).to_be_visible()
    await expect(page.locator(".note")).to_contain_text("is on its way: Roads and Projects")
    await context.close()


async def test_by_keyboard_the_header_goes_as_it_is_seen_and_each_button_says_of_what(
    chromium: Browser,  # noqa: F811
    address: str,  # noqa: F811
    house: House,  # noqa: F811
) -> None:
    """Tab reaches the pages first and "sign out" last; "take" is read out with the task that it takes."""
    await ask(house, Draft(kind=TaskKind.CALL_BACK, subject="1", channel="voice", urgent=True, body={"phone": NUMBER}))
    context = await chromium.new_context(viewport=SCREEN)
    page = await sign_in(context, address, "en")
    lefts = [
        await one.evaluate("one => Math.round(one.getBoundingClientRect().left)")
        for one in await page.locator("header a, header button").all()
    ]
    assert sorted(lefts) == lefts
    await expect(page.get_by_role("button", name="Take")).to_have_accessible_description(
        re.compile("Danger to life Call back.*Hotline")
    )
    await context.close()
