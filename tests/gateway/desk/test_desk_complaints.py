"""One complaint, opened by its number: what is on its page, who sees it, and its second problem split off."""

import html
import re
from functools import partial

from channels.message import Media
from gateway.store import complaints
from gateway.store.tasks import Draft, TaskKind
from normalizer.complaint import Status
from normalizer.reference import make, show
from tests.gateway.desk.agent import Agent, Page, ask, hear
from tests.gateway.desk.test_desk_triage import TORN
from tests.servers.waiting import until

BOTH = "كسر في أنبوب الماء، ومصابيح الشارع مطفأة، رقمي 07701234567"
WIRE = "سلك كهرباء مكشوف قرب باب المدرسة والأطفال يلعبون عنده"
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


async def routed(agent: Agent, text: str, *media: Media, **more: object) -> str:
    """Let a message come in, and wait until it is with a department or at the triage desk."""
    receipt = await hear(agent.house, text, *media, **more)

    async def there() -> bool:
        found = await agent.get(f"/desk/complaints/{receipt.reference}")
        return found.status == 200 and (await agent.case(receipt.reference)).complaint.status != Status.RECEIVED

    await until(there)
    return receipt.reference


def history(page: Page) -> list[str]:
    """What happened, without when."""
    return [html.unescape(one) for one in re.findall(r'<li><span class="kind">([^<]*)</span>', page.text)]


async def test_a_second_problem_of_what_went_by_itself_is_asked_about_and_split_off_by_one_press(busy: Agent) -> None:
    """It is listed with the words and the second subject; pressed once, both are on their way and nobody asks again."""
    await busy.begin("triage")
    reference = await routed(busy, BOTH)
    assert Status.OFFERED == (await busy.case(reference)).complaint.status
    page = await busy.get("/desk/complaints")
    assert show(reference) in page.text and "مصابيح الشارع مطفأة" in page.words
    assert "07701234567" not in page.text
    (second,) = re.findall(r'name="second" value="([^"]*)"', page.text)
    assert "lighting.broken" == second

    page = await busy.press(page, f"/desk/complaints/{reference}/split", second=second, back="list")
    assert "/desk/complaints" == page.path
    whole = (await busy.case(reference)).complaint
    (other,) = await busy.house.store.read(partial(complaints.load_these, ids=whole.related))
    assert "lighting.broken" == other.complaint.category
    half = other.complaint.reference
    assert show(half) in page.words
    assert "لا يبدو أن في أي بلاغ مشكلة ثانية" in page.words
    opened = await busy.get(f"/desk/complaints/{reference}")
    assert f"/desk/complaints/{half}" in opened.text
    assert "زِيد عليه أو عُدّل" in history(opened)
    assert "sara" in opened.words


async def test_a_complaint_is_opened_by_its_number_as_people_type_it(busy: Agent) -> None:
    """Blanks and Arabic digits are read; the page says where it is, why, and what happened, in both languages."""
    await busy.begin("triage")
    reference = await routed(busy, BOTH)
    page = await busy.get("/desk/complaints", params={"reference": show(reference).translate(ARABIC_DIGITS)})
    assert f"/desk/complaints/{reference}" == page.path
    case = await busy.case(reference)
    assert case.route is not None
    arabic, _, english = case.route.reason.partition(" / ")

    assert arabic in html.unescape(page.text)
    assert ["وصل", "عُرض على دائرة"] == history(page)
    assert 'value="lighting.broken" selected' in page.text
    assert "+9647701234567" not in page.text  # who sent it
    page = await busy.get(f"/desk/complaints/{reference}?lang=en")
    assert english in html.unescape(page.text)
    assert ["Received", "Offered to a department"] == history(page)
    assert f'href="/desk/complaints/{reference}?lang=ar"' in page.text


async def test_who_sent_it_is_not_in_the_words_on_its_page_either(busy: Agent) -> None:
    """The sender's own number is hidden in what they wrote; another's, which may be needed, is not."""
    await busy.begin("triage")
    words = "كسر في أنبوب الماء، رقمي 07709876543 ورقم الحارس 07701234567"
    reference = await routed(busy, words, number="+9647709876543")
    page = await busy.get(f"/desk/complaints/{reference}")
    assert "كسر في أنبوب الماء" in page.words
    assert ("7709876543" in page.text, "07701234567" in page.text) == (False, True)


async def test_a_number_of_no_complaint_is_said_and_nothing_breaks(agent: Agent) -> None:
    """What was typed stays in the field, harmless."""
    await agent.begin("triage")
    for typed in (make(b"another city", "x"), "12", '"><script>alert(1)</script>', "٩" * 500):
        page = await agent.get("/desk/complaints", params={"reference": typed})
        assert (404, True) == (page.status, "لا بلاغ بهذا الرقم" in page.words)
        assert "<script>alert" not in page.text
    assert 404 == (await agent.get(f"/desk/complaints/{make(b'another city', 'y')}")).status
    assert 404 == (await agent.get("/desk/complaints/nonsense")).status


async def test_a_number_whose_message_nobody_has_understood_yet_is_not_called_wrong(agent: Agent) -> None:
    """Whoever rings with it is not told to look again: the message is on disk, or in quarantine."""
    await agent.begin("triage")
    receipt = await hear(agent.house, BOTH)
    page = await agent.get("/desk/complaints", params={"reference": receipt.reference})
    assert (404, True) == (page.status, "الرقم صحيح، والرسالة محفوظة" in page.words)
    assert "لا بلاغ بهذا الرقم" not in page.words


async def test_only_who_may_triage_opens_it_and_only_from_our_own_pages(busy: Agent) -> None:
    """Not an agent, not another site, not a form of an earlier session; a hostile text stays text."""
    await busy.hire("ali", "agent")
    await busy.begin("triage")
    reference = await routed(busy, "كسر في أنبوب الماء <script>alert(1)</script> '\"&")
    page = await busy.get(f"/desk/complaints/{reference}")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    address = f"/desk/complaints/{reference}/split"
    sent = {"csrf": page.value("csrf"), "second": "lighting.broken"}
    assert 403 == (await busy.post(address, sent, origin="https://evil.example")).status
    await busy.post(address, {**sent, "csrf": "guessed"})
    for wrong in ((await busy.case(reference)).complaint.category, "no.such", ""):
        assert "لا يمكن فصل هذا" in (await busy.post(address, {**sent, "second": wrong})).words
    assert () == (await busy.case(reference)).complaint.related

    await busy.post("/desk/sign-out", {"csrf": page.value("csrf")})
    await busy.sign_in("ali")
    assert 403 == (await busy.get(f"/desk/complaints/{reference}")).status
    assert 403 == (await busy.get("/desk/complaints")).status


async def test_the_words_of_a_confidential_complaint_are_for_its_department(busy: Agent) -> None:
    """Who may triage sees where it went and not what it says, nor the words that sent it there; a supervisor may."""
    await busy.hire("mudir", "supervisor")
    await busy.begin("triage")
    words = "امي مقعدة. موظف البلدية طلب رشوة لتمشية معاملتي"
    reference = await routed(busy, words, answers={"category": "staff.conduct"})
    page = await busy.get(f"/desk/complaints/{reference}")
    assert "سري" in page.words and "رشوة لتمشية" not in page.words
    assert 'class="badge care"' not in page.text  # that somebody at home is ill is of the same words
    assert 404 == (await busy.press(page, f"/desk/complaints/{reference}/split", second="roads.damage")).status
    assert reference not in (await busy.get("/desk/complaints")).text

    await busy.post("/desk/sign-out", {"csrf": page.value("csrf")})
    await busy.sign_in("mudir")
    page = await busy.get(f"/desk/complaints/{reference}")
    assert words in page.words and 'class="badge care"' in page.text


async def test_who_needs_particular_care_is_marked_where_staff_decide_and_call(busy: Agent) -> None:
    """On the page, on the triage card and beside the task; not on the pages of people who are well."""
    await busy.begin("triage", "agent")
    well, needy = await routed(busy, BOTH), await routed(busy, f"امي مقعدة. {TORN}", number="+9647709990001")
    mark = 'class="badge care"'
    assert mark not in (await busy.get(f"/desk/complaints/{well}")).text
    for path, said in (
        ("/desk/triage", "يحتاج عناية خاصة"),
        (f"/desk/complaints/{needy}?lang=en", "Needs particular care"),
    ):
        page = await busy.get(path)
        assert (1, True) == (page.text.count(mark), said in page.words)

    draft = Draft(
        kind=TaskKind.CALL_BACK, subject="call", channel="voice", complaint_id=(await busy.case(needy)).complaint.id
    )
    task = await ask(busy.house, draft)
    assert mark in (await busy.press(await busy.get("/desk/tasks"), f"/desk/tasks/{task}/claim")).text


async def test_why_danger_was_seen_is_on_the_page_and_beside_the_task(busy: Agent) -> None:
    """The city's words that were found and the frame's name; who says so outright is named as that."""
    await busy.begin("supervisor")
    reference = await routed(busy, WIRE)
    for path, said in (("", "لماذا عُدّ خطراً: «"), ("?lang=en", "Why it is taken for danger: «")):
        words = (await busy.get(f"/desk/complaints/{reference}{path}")).words
        assert said in words and "wire" in words and "«سلك" in words
    pressed = await routed(busy, "", answers={"danger": True, "category": "water.leak"}, number="+9647709990000")
    assert "the citizen or somebody at the desk said so" in (await busy.get(f"/desk/complaints/{pressed}")).words

    complaint = (await busy.case(reference)).complaint
    task = await ask(
        busy.house,
        Draft(
            kind=TaskKind.TRANSCRIBE,
            subject=complaint.id,
            channel="whatsapp",
            complaint_id=complaint.id,
            reference=reference,
            urgent=True,
        ),
    )
    page = await busy.press(await busy.get("/desk/tasks"), f"/desk/tasks/{task}/claim")
    assert "Why it is taken for danger: «" in page.words and "wire" in page.words


async def test_why_danger_was_seen_is_on_the_triage_card(busy: Agent) -> None:
    """Where no rule knows a department, the person who chooses one reads why it is first."""
    await busy.begin("triage")
    await routed(busy, TORN, answers={"danger": True})
    assert "قال ذلك صاحبه أو موظف" in (await busy.get("/desk/triage")).words
