"""Incidents at the desk: one press says one cause, another takes it back; and a second problem is split off."""

import re
from functools import partial

from channels.message import Pin
from gateway.incidents import Incidents
from gateway.store import complaints, incidents
from gateway.store.tasks import TaskKind
from normalizer.complaint import Status
from tests.gateway.desk.agent import Agent, hear
from tests.gateway.desk.test_desk_triage import TORN, undecided
from tests.servers.waiting import until

HERE = Pin(latitude=33.3331, longitude=44.3331)
WORDS = "الماء مقطوع عن بيتنا، رقمي 07701234567، دار"


async def offered(agent: Agent, count: int, first: int = 0) -> list[str]:
    """Let citizens of one street write, and wait until all is with its department."""
    numbers = range(first, first + count)
    about = {"answers": {"category": "water.outage"}, "place": HERE}
    receipts = [await hear(agent.house, f"{WORDS} {n}", number=f"+96477022200{n:02}", **about) for n in numbers]

    async def there() -> bool:
        cases = [await agent.house.store.read(partial(complaints.load, reference=one.reference)) for one in receipts]
        return all(case is not None and case.complaint.status is Status.OFFERED for case in cases)

    await until(there)
    return [receipt.reference for receipt in receipts]


async def until_suggested(agent: Agent, count: int) -> None:
    """Wait until so many complaints are suggested as one."""

    async def there() -> bool:
        return [count] == [len(one.members) for one in await Incidents(agent.house).suggestions()]

    await until(there)


async def test_one_press_makes_one_incident_and_another_takes_it_apart(busy: Agent) -> None:
    """Suggested with their words masked, put together, one taken out again, closed."""
    await busy.begin("triage")
    found = await offered(busy, 3)
    page = await busy.get("/desk/incidents")
    assert "دار 1" in page.words
    assert "07701234567" not in page.text
    ticked = {f"c{position}": reference for position, reference in enumerate(found)}
    page = await busy.press(page, "/desk/incidents", act="join", rest="", **ticked)
    assert "ضُمّت معاً" in page.words

    (made,) = await Incidents(busy.house).list()
    assert 3 == made.members
    page = await busy.press(page, f"/desk/incidents/{made.id}", act="leave", c0=found[2])
    assert "أُخرجت" in page.words
    assert 2 == (await Incidents(busy.house).get(made.id)).incident.members
    page = await busy.press(page, f"/desk/incidents/{made.id}", act="close")
    assert "لا حوادث قائمة" in page.words
    assert "sara" == (await busy.house.store.read(partial(incidents.find, incident_id=made.id))).created_by  # type: ignore[union-attr]


async def test_those_that_are_not_shown_go_with_the_others(busy: Agent) -> None:
    """Fifteen in one street: the page shows twelve of them, and one press takes all fifteen."""
    await busy.begin("triage")
    found = await offered(busy, 15)
    page = await busy.get("/desk/incidents")
    rest = page.value("rest")
    assert 3 == len(rest.split())
    ticked = dict(re.findall(r'name="(c\d+)" value="(\d{10})" checked', page.text))
    await busy.press(page, "/desk/incidents", act="join", rest=rest, **ticked)

    (made,) = await Incidents(busy.house).list()
    assert set(found) == {member.reference for member in (await Incidents(busy.house).get(made.id)).members}


async def test_danger_is_shown_before_all_others(busy: Agent) -> None:
    """The last of thirteen is in danger: it is the first on the page, and not among those that are not shown."""
    await busy.begin("triage")
    await offered(busy, 12)
    about = {"answers": {"category": "water.outage", "danger": True}, "place": HERE}
    last = await hear(busy.house, f"{WORDS} 99", number="+9647702220099", **about)
    await until_suggested(busy, 13)
    page = await busy.get("/desk/incidents")

    assert last.reference not in page.value("rest")
    assert last.reference == page.value("c0")


async def test_different_causes_are_not_asked_about_again(busy: Agent) -> None:
    """Dismissed: the suggestion is gone, and nothing of the complaints has changed."""
    await busy.begin("triage")
    found = await offered(busy, 2)
    page = await busy.get("/desk/incidents")
    page = await busy.press(page, "/desk/incidents", act="dismiss", c0=found[0], c1=found[1])

    assert "لا شيء يبدو من سبب واحد" in page.words
    assert None is (await busy.case(found[0])).complaint.incident


async def test_an_agent_without_the_right_sees_nothing_of_it(busy: Agent) -> None:
    """Who may not triage may not put complaints together either."""
    await busy.begin("agent")
    assert 403 == (await busy.get("/desk/incidents")).status


async def test_nonsense_in_the_form_breaks_nothing(busy: Agent) -> None:
    """Ids and references that nobody gave out: a note, and no fault."""
    await busy.begin("triage")
    page = await busy.get("/desk/incidents")
    await offered(busy, 1)
    page = await busy.get("/desk/triage") if "csrf" not in page.text else page
    for fields in (
        {"act": "join", "c0": "\x00'; --", "rest": "1234567897 nonsense"},
        {"act": "join", "incident": "\x00", "c0": "1234567897"},
        {"act": "join", "incident": "0" * 36, "c0": "1234567897"},
        {"act": "dismiss", "c0": "1234567897"},
        {},
    ):
        answered = await busy.press(page, "/desk/incidents", **fields)
        assert (200, "/desk/incidents") == (answered.status, answered.path)
    assert 200 == (await busy.press(page, f"/desk/incidents/{'0' * 36}", act="close")).status


async def test_a_second_problem_is_split_off_at_the_triage_desk(busy: Agent) -> None:
    """One press: a complaint of its own on its way to its department, and the first still waits."""
    await busy.begin("triage")
    (reference,) = await undecided(busy, TORN)
    page = await busy.get("/desk/triage")
    (task,) = await busy.tasks(TaskKind.TRIAGE)
    page = await busy.press(page, f"/desk/triage/{task.id}/split", second="waste.collection")

    assert "بلاغ مستقل" in page.words
    (half,) = (await busy.case(reference)).complaint.related

    async def sent() -> bool:
        case = await busy.house.store.read(partial(complaints.load_by_id, complaint_id=half))
        return case is not None and case.department == "waste"

    await until(sent)
    assert 1 == len(await busy.tasks(TaskKind.TRIAGE))
