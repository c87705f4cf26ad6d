"""Incidents with a real browser: without scripts, on a telephone, in Arabic."""

from playwright.async_api import Browser, expect

from gateway.house import House
from gateway.incidents import Incidents
from tests.gateway.citizen.test_citizen_browser import CONTRAST
from tests.gateway.desk.agent import Agent
from tests.gateway.desk.test_desk_browser import TELEPHONE, address, chromium, house, pytestmark, sign_in  # noqa: F401
from tests.gateway.desk.test_desk_incidents import offered


async def test_one_cause_is_said_with_a_thumb(chromium: Browser, address: str, house: House) -> None:  # noqa: F811
    """Unticked what does not belong, pressed once, opened and taken apart again; nothing is wider than the screen."""
    agent = Agent.__new__(Agent)
    agent.house = house
    found = await offered(agent, 3)
    context = await chromium.new_context(java_script_enabled=False, viewport=TELEPHONE, locale="ar-IQ")
    page = await sign_in(context, address)
    await page.get_by_role("link", name="الحوادث").click()
    await page.locator(".members input").nth(2).uncheck()
    await page.get_by_role("button", name="سبب واحد").click()
    await expect(page.locator(".note")).to_contain_text("ضُمّت معاً")
    (made,) = await Incidents(house).list()
    assert 2 == made.members

    await page.get_by_text("بلاغاتها").click()
    await page.locator("details .members input").nth(1).check()
    await page.get_by_role("button", name="إخراج المعلّم منها").click()
    await expect(page.locator(".note")).to_contain_text("أُخرجت")
    assert found[:1] == [member.reference for member in (await Incidents(house).get(made.id)).members]
    await context.close()

    context = await chromium.new_context(viewport=TELEPHONE)
    page = await sign_in(context, address, "en")
    await page.goto(f"{address}/desk/incidents")
    assert TELEPHONE["width"] >= await page.evaluate("document.documentElement.scrollWidth")
    assert [] == await page.evaluate(CONTRAST)
    await context.close()
