"""What departments answered, where people at the desk look at a complaint."""

from datetime import UTC, datetime, timedelta
from typing import Any

from babel.dates import format_date

from channels.message import Address, Scheme
from gateway.store.tasks import Draft, TaskKind
from gateway.updates import Update, Updates
from normalizer.complaint import Status
from tests.gateway.desk.agent import Agent, ask, hear
from tests.gateway.walk import OUTAGE
from tests.servers.waiting import until

HOSTILE = "<script>alert(1)</script> اتصلنا به على 07701234567"


async def offered(agent: Agent, **more: Any) -> str:
    """Let a complaint reach the water authority; return its reference."""
    receipt = await hear(agent.house, OUTAGE, **more)

    async def there() -> bool:
        found = await agent.get(f"/desk/complaints/{receipt.reference}")
        return found.status == 200 and (await agent.case(receipt.reference)).complaint.status == Status.OFFERED

    await until(there)
    return receipt.reference


async def answer(agent: Agent, reference: str, verb: str, **said: Any) -> None:
    """Let the department say something."""
    house, case = agent.house, await agent.case(reference)
    update = Update(f"{reference}-{verb}", "water", verb, reference, case.offer or "", said, datetime.now(UTC))
    outcome = await Updates(house.store, lambda: house.city, house.acknowledger, ()).answer(update)
    assert outcome.done, outcome


async def test_a_complaint_s_page_shows_what_departments_said(busy: Agent) -> None:
    """By when, who, and their words as text, in the page's language; the citizen's own number is hidden in them."""
    await busy.begin("triage")
    reference = await offered(busy, sender=Address(Scheme.TEL, "+9647701234567"))
    due = datetime.now(UTC) + timedelta(days=3)
    await answer(busy, reference, "accepted", due_at=due.isoformat(), officer="سعد عبد الله")
    await answer(busy, reference, "resolved", outcome="repaired", answer=HOSTILE)
    page = await busy.get(f"/desk/complaints/{reference}?lang=en")

    day = format_date(due.astimezone(busy.house.city.timezone), "EEEE d MMMM y", "en")
    assert f"Accepted · Baghdad Water Authority · by {day} · سعد عبد الله" in " ".join(page.words.split())
    assert "Resolved · Baghdad Water Authority · repaired" in page.words
    assert "&lt;script&gt;alert(1)&lt;/script&gt; اتصلنا به" in page.text
    assert "<script>alert" not in page.text
    assert "7701234567" not in page.text
    arabic = await busy.get(f"/desk/complaints/{reference}?lang=ar")
    assert "قبول · دائرة ماء بغداد" in arabic.words


async def test_a_complaint_that_a_department_passed_on_says_who_decided(busy: Agent) -> None:
    """Nobody at the desk decided it, and the page does not say so."""
    await busy.begin("triage")
    reference = await offered(busy)
    await answer(busy, reference, "rejected", reason="عمود كهرباء", suggested_department="electricity")
    page = await busy.get(f"/desk/complaints/{reference}?lang=en")
    assert "as the department that rejected it suggested" in page.words
    assert "decided by a person" not in page.words


async def test_whoever_rings_a_citizen_back_sees_what_was_answered(busy: Agent) -> None:
    """The first question on the telephone is what the department says."""
    await busy.begin("agent", "triage")
    reference = await offered(busy)
    await answer(busy, reference, "progressed", note="ننتظر قطعة غيار")
    complaint = (await busy.case(reference)).complaint
    draft = Draft(
        kind=TaskKind.CALL_BACK, subject="a call", channel="voice", complaint_id=complaint.id, reference=reference,
        journal_id=None, language="ar", urgent=False, body={},
    )  # fmt: skip
    task = await ask(busy.house, draft)
    listed = await busy.get("/desk/tasks")
    page = await busy.press(listed, f"/desk/tasks/{task}/claim")

    assert "ننتظر قطعة غيار" in page.words
    assert "قيد العمل · دائرة ماء بغداد" in page.words


async def test_what_is_said_of_a_confidential_complaint_is_for_supervisors(busy: Agent) -> None:
    """Who may not read the words does not read the department's either."""
    await busy.begin("triage")
    reference = await offered(busy, answers={"confidential": True})
    await answer(busy, reference, "progressed", note="ننتظر قطعة غيار")
    assert (await busy.case(reference)).complaint.confidential

    assert "قطعة غيار" not in (await busy.get(f"/desk/complaints/{reference}")).text
