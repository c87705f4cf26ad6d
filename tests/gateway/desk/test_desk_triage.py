"""The triage desk."""

import html
import re
from datetime import UTC, datetime

from gateway.store import complaints
from gateway.store.engine import Connection
from gateway.store.ledger import Ledger
from gateway.store.tasks import TaskKind
from gateway.updates import Update, Updates
from normalizer.complaint import Status
from router.rules.words import percent
from tests.gateway.desk.agent import VAGUE, Agent, hear
from tests.gateway.walk import OUTAGE
from tests.servers.waiting import until

TORN = "كهرباء وكلاب وحفرة"  # of three categories, each as likely as the others


async def undecided(agent: Agent, *texts: str) -> list[str]:
    """Let messages come in that no rule can place; return their references, in order."""
    receipts = [await hear(agent.house, text, number=f"+96477011100{n:02}") for n, text in enumerate(texts)]

    async def there() -> bool:
        return len(await agent.tasks(TaskKind.TRIAGE)) == len(texts)

    await until(there)
    return [receipt.reference for receipt in receipts]


def choices(text: str) -> list[tuple[str, str]]:
    """The suggestions on the page: the key, and what its button sends."""
    return [(key, value) for value, key in re.findall(r'name="choice" value="([^"]*)" data-key="(\d)"', text)]


async def test_each_complaint_comes_with_its_three_best_suggestions(busy: Agent) -> None:
    """The words, the suggestions under their keys, and every department by hand; no name and no number."""
    await busy.begin("triage")
    await undecided(busy, TORN)
    page = await busy.get("/desk/triage")
    assert TORN in page.text
    assert ["1", "2", "3"] == [key for key, _ in choices(page.text)]
    listed = page.text.partition('name="department"')[2].partition("</select>")[0]
    departments = set(re.findall(r'<option value="([a-z_-]+)">', listed))
    assert set(busy.house.city.departments) - {busy.house.city.triage} == departments
    assert "+964770111" not in page.text


async def test_the_page_says_why_a_person_must_decide(busy: Agent) -> None:
    """What was understood, how surely, and what was needed: in the language of the page."""
    await busy.begin("triage")
    (reference,) = await undecided(busy, TORN)
    route = (await busy.case(reference)).route
    assert route is not None
    arabic, _, english = route.reason.partition(" / ")

    assert arabic in html.unescape((await busy.get("/desk/triage")).text)
    assert english in html.unescape((await busy.get("/desk/triage?lang=en")).text)


async def test_a_figure_is_the_same_wherever_it_stands(busy: Agent) -> None:
    """A category's share beside its button is what the reason says of it: never one more for being rounded."""
    await busy.begin("triage")
    (reference,) = await undecided(busy, TORN)
    route = (await busy.case(reference)).route
    page = await busy.get("/desk/triage")

    assert route is not None
    shown = re.findall(r'<bdi dir="ltr">(\d+%)</bdi>', page.text)
    assert [percent(one.confidence) for one in route.suggestions] == shown
    assert f"({shown[0]}" in route.reason


async def test_what_it_can_hardly_be_has_no_key(busy: Agent) -> None:
    """A guess of less than one in a hundred is no button to press in passing; its department can still be chosen."""
    await busy.begin("triage")
    (reference,) = await undecided(busy, TORN)
    case = await busy.case(reference)
    assert case.route is not None
    first, second, third = case.route.suggestions[:3]
    hardly = [first, second.model_copy(update={"confidence": 0.01}), third.model_copy(update={"confidence": 0.009})]
    route = case.route.model_copy(update={"suggestions": tuple(hardly)})

    def suggest(connection: Connection) -> None:
        with Ledger(connection, datetime.now(UTC)) as ledger:
            ledger.offer(case, route, routed_sequence=case.sequence)

    await busy.house.store.write(suggest)
    page = await busy.get("/desk/triage")

    assert ["1", "2"] == [key for key, _ in choices(page.text)]
    assert f'<option value="{third.department}">' in page.text


async def test_a_place_that_is_its_district_is_named_once(busy: Agent) -> None:
    """Who writes of Karrada reads Karrada once, in either language."""
    await busy.begin("triage")
    await hear(busy.house, "أرجو النظر في موضوع الكرادة", answers={"place": {"text": "الكرادة", "district": "karrada"}})

    async def asked() -> bool:
        return bool(await busy.tasks(TaskKind.TRIAGE))

    await until(asked)
    for language, name in (("ar", "الكرادة"), ("en", "Karrada")):
        text = (await busy.get(f"/desk/triage?lang={language}")).text
        assert [name] == re.findall(r"<p><bdi>([^<]*)</bdi><bdi></bdi></p>", text)


async def test_one_press_puts_it_to_its_department(busy: Agent) -> None:
    """The department gets the offer, the page says so, and the next complaint is there."""
    await busy.begin("triage")
    first, second = await undecided(busy, TORN, VAGUE)
    page = await busy.get("/desk/triage")
    task = next(task for task in await busy.tasks(TaskKind.TRIAGE) if task.reference == first)
    category, _, department = choices(page.text)[1][1].partition(":")
    page = await busy.press(page, f"/desk/triage/{task.id}", choice=f"{category}:{department}")
    assert "/desk/triage" == page.path
    assert busy.house.city.departments[department].names["ar"] in page.words.partition("الفرز")[2]
    case = await busy.case(first)
    assert (Status.OFFERED, department, category) == (case.complaint.status, case.department, case.complaint.category)
    assert case.route is not None
    assert "sara" not in case.route.reason
    opened = await busy.get(f"/desk/complaints/{first}")
    assert "حدّده موظف الفرز" in opened.words and "بيد sara" in re.sub("[\u2066-\u2069]", "", opened.words)
    assert [second] == [task.reference for task in await busy.tasks(TaskKind.TRIAGE)]


async def test_a_department_can_be_chosen_by_hand(busy: Agent) -> None:
    """Where no suggestion fits; without one nothing happens, and the page says what is missing."""
    await busy.begin("triage")
    (reference,) = await undecided(busy, VAGUE)
    (task,) = await busy.tasks(TaskKind.TRIAGE)
    page = await busy.press(await busy.get("/desk/triage"), f"/desk/triage/{task.id}", department="")
    assert "اختاروا الدائرة أولاً" in page.words
    for wrong in (busy.house.city.triage, "no-such"):
        page = await busy.press(page, f"/desk/triage/{task.id}", department=wrong)
        assert "اختاروا الدائرة أولاً" in page.words
    page = await busy.press(page, f"/desk/triage/{task.id}", department="roads")
    assert "roads" == (await busy.case(reference)).department


async def test_who_complains_is_not_in_the_words_on_the_card_either(busy: Agent) -> None:
    """The sender's own number is hidden in them; what else they say is there."""
    await busy.begin("triage")
    await hear(busy.house, f"{VAGUE}، رقمي 07709876543", number="+9647709876543")

    async def asked() -> bool:
        return bool(await busy.tasks(TaskKind.TRIAGE))

    await until(asked)
    page = await busy.get("/desk/triage")
    assert VAGUE in page.words
    assert "7709876543" not in page.text


async def test_when_the_citizen_said_it_stands_beside_when_it_came(busy: Agent) -> None:
    """A paper of months ago is decided on as one: its own day is on the card and its page, without a made-up hour."""
    await busy.begin("triage", "agent")
    receipt = await busy.enter(way="paper_box", date="2026-02-03", text=VAGUE)
    await busy.enter(way="phone", date="2026-02-04", time="16:20", text=f"{VAGUE} مرة ثانية")

    async def both() -> bool:
        return len(await busy.tasks(TaskKind.TRIAGE)) == 2

    await until(both)
    words = re.sub("[\u2066-\u2069]", "", (await busy.get("/desk/triage?lang=ar")).words)
    assert "قاله المواطن: الثلاثاء 3 شباط 2026 ·" in words
    assert "قاله المواطن: الأربعاء 4 شباط 2026، 4:20" in words
    page = await busy.get(f"/desk/complaints/{busy.reference(receipt)}?lang=en")
    assert "said on Tuesday 3 February 2026" in re.sub("[\u2066-\u2069]", "", page.words)


async def test_no_second_problem_is_split_off_by_a_stray_press(busy: Agent) -> None:
    """Where nothing suggests a subject none is chosen yet, and pressing the button then changes nothing."""
    await busy.begin("triage")
    await undecided(busy, VAGUE)
    page = await busy.get("/desk/triage")
    assert '<option value="">' in page.text.partition('name="second"')[2].partition("</select>")[0]
    (task,) = await busy.tasks(TaskKind.TRIAGE)
    page = await busy.press(page, f"/desk/triage/{task.id}/split", second="")
    assert "لا يمكن فصل هذا" in page.words
    assert 1 == len(await busy.tasks(TaskKind.TRIAGE))


async def test_what_cannot_be_split_off_is_said_as_that(busy: Agent) -> None:
    """Nobody is asked for a department where it was the subject that does not fit."""
    await busy.begin("triage")
    (reference,) = await undecided(busy, VAGUE)
    (task,) = await busy.tasks(TaskKind.TRIAGE)
    known = (await busy.case(reference)).complaint.category
    page = await busy.press(await busy.get("/desk/triage"), f"/desk/triage/{task.id}/split", second=known)
    assert "لا يمكن فصل هذا" in page.words
    assert () == (await busy.case(reference)).complaint.related


async def test_the_second_who_decides_is_told_and_changes_nothing(busy: Agent) -> None:
    """Two look at the same page: the first decision stands."""
    await busy.begin("triage")
    (reference,) = await undecided(busy, VAGUE)
    (task,) = await busy.tasks(TaskKind.TRIAGE)
    page = await busy.get("/desk/triage")
    await busy.press(page, f"/desk/triage/{task.id}", department="roads")
    page = await busy.press(page, f"/desk/triage/{task.id}", department="water")
    assert "أُنجز هذا من قبل" in page.words
    assert "roads" == (await busy.case(reference)).department


async def test_a_press_without_the_sessions_token_decides_nothing(busy: Agent) -> None:
    """Nor does one from another site."""
    await busy.begin("triage")
    (reference,) = await undecided(busy, VAGUE)
    (task,) = await busy.tasks(TaskKind.TRIAGE)
    await busy.post(f"/desk/triage/{task.id}", {"csrf": "guessed", "department": "roads"})
    page = await busy.get("/desk/triage")
    sent = {"csrf": page.value("csrf"), "department": "roads"}
    assert 403 == (await busy.post(f"/desk/triage/{task.id}", sent, origin="https://evil.example")).status
    assert Status.TRIAGE == (await busy.case(reference)).complaint.status


async def test_nothing_waits_when_nothing_waits(agent: Agent) -> None:
    """An empty desk says so."""
    await agent.begin("triage")
    assert "لا شيء ينتظر قراراً" in (await agent.get("/desk/triage")).words


async def test_only_triage_tasks_are_decided_here(agent: Agent) -> None:
    """The address of another task, or of none, is not there."""
    await agent.begin("triage")
    page = await agent.get("/desk/tasks")
    assert 403 == page.status
    page = await agent.get("/desk/triage")
    assert 404 == (await agent.press(page, "/desk/triage/no-such", department="roads")).status


async def test_what_a_department_rejected_comes_with_its_reason(busy: Agent) -> None:
    """The card names who rejected it and whom it suggests, in the language of the page, with its words as text."""
    await busy.begin("triage")
    receipt = await hear(busy.house, OUTAGE, number="+9647701110099")
    updates = Updates(busy.house.store, lambda: busy.house.city, busy.house.acknowledger, ())
    for number, (department, suggested) in enumerate((("water", "roads"), ("roads", "sewage"))):

        async def offered(department: str = department) -> bool:
            found = await busy.house.store.read(lambda connection: complaints.load(connection, receipt.reference))
            return found is not None and found.department == department

        await until(offered)
        offer = (await busy.case(receipt.reference)).offer or ""
        data = {"reason": f"<b>ليست لنا {number}</b> اتصلنا على 07701110099", "suggested_department": suggested}
        update = Update("1", department, "rejected", receipt.reference, offer, data, datetime.now(UTC))
        assert (await updates.answer(update)).done

    page = await busy.get("/desk/triage?lang=en")
    assert all(f"&lt;b&gt;ليست لنا {number}&lt;/b&gt;" in page.text for number in (0, 1))
    assert "Baghdad Water Authority" in page.text
    assert "7701110099" not in page.text  # who complains
    assert "Baghdad Sewerage Authority" in page.text
    arabic = (await busy.get("/desk/triage?lang=ar")).words
    assert "دائرة مجاري بغداد" in arabic
    assert 1 == arabic.count("رُفض لدى دائرة ماء بغداد")
