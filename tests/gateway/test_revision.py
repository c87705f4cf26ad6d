"""Second thoughts: what was edited or taken back, in whatever order it comes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from channels.message import Media, Purpose, Scheme
from gateway.store import accounts
from gateway.store.engine import Connection
from gateway.store.tasks import TaskKind
from gateway.tasks import Answer, Tasks
from normalizer.normalize import REMOVED
from tests.gateway.walk import Walk

EDITED = "المجاري طافحة في الزقاق 7 منذ أمس"


async def say(walk: Walk, text: str, **more: Any) -> None:
    await walk.hear(text, channel="whatsapp", scheme=Scheme.WHATSAPP, **more)


async def edit(walk: Walk, of: str, text: str, at: datetime, external_id: str = "E1") -> None:
    await say(walk, text, external_id=external_id, revises=of, purpose=Purpose.EDIT, sent_at=at)


async def take_back(walk: Walk, of: str) -> None:
    await say(walk, "", external_id=f"{of}:gone", revises=of, purpose=Purpose.DELETION)


async def texts(walk: Walk) -> list[str]:
    """The text of every version of every complaint, in order."""
    rows = await walk.rows("SELECT body FROM personal ORDER BY complaint_id, version")
    return [json.loads(row.body)["text"] for row in rows]


async def outcomes(walk: Walk) -> list[str]:
    return [row.outcome for row in await walk.rows("SELECT outcome FROM journal ORDER BY seq")]


async def test_an_edit_is_a_version(walk: Walk) -> None:
    """The newer words stand in place of the older, which stay in the earlier version; there is one complaint."""
    await say(walk, "المجاري طافحة", external_id="M1")
    await say(walk, "قرب المدرسة", external_id="M2")
    await edit(walk, "M1", EDITED, walk.clock())

    assert ["المجاري طافحة", "المجاري طافحة\nقرب المدرسة", f"{EDITED}\nقرب المدرسة"] == await texts(walk)
    assert ["complaint", "amendment", "edit"] == await outcomes(walk)


async def test_a_second_edit_replaces_the_first(walk: Walk) -> None:
    """Each edit replaces what the one before it said."""
    await say(walk, "واحد المجاري طافحة", external_id="M1")
    await edit(walk, "M1", "اثنان المجاري طافحة", walk.clock(), "E1")
    await edit(walk, "M1", "ثلاثة المجاري طافحة", walk.clock() + timedelta(seconds=9), "E2")

    assert "ثلاثة المجاري طافحة" == (await texts(walk))[-1]


async def test_an_older_edit_that_comes_late_changes_nothing(walk: Walk) -> None:
    """Providers deliver in any order: what was said last counts."""
    await say(walk, "واحد المجاري طافحة", external_id="M1")
    await edit(walk, "M1", "ثلاثة المجاري طافحة", walk.clock() + timedelta(seconds=9), "E2")
    await edit(walk, "M1", "اثنان المجاري طافحة", walk.clock(), "E1")

    assert "ثلاثة المجاري طافحة" == (await texts(walk))[-1]
    assert ["complaint", "edit", "nothing to file: what came later is known"] == await outcomes(walk)


async def test_an_edit_before_its_original_is_filed_once(walk: Walk) -> None:
    """The edit becomes the complaint; the original that comes after it adds nothing and doubles nothing."""
    await edit(walk, "M1", EDITED, walk.clock())
    await say(walk, "المجاري طافحة", external_id="M1")

    assert [EDITED] == await texts(walk)
    assert ["complaint", "nothing to file: its edit came first"] == await outcomes(walk)


async def test_what_was_taken_back_leaves_a_mark(walk: Walk) -> None:
    """The words go from the complaint as it stands; that something was said, and the complaint, stay."""
    await say(walk, "المجاري طافحة", external_id="M1")
    await say(walk, "قرب المدرسة", external_id="M2")
    await take_back(walk, "M2")

    assert f"المجاري طافحة\n{REMOVED}" == (await texts(walk))[-1]
    assert ["complaint", "amendment", "taken back"] == await outcomes(walk)


async def test_what_was_taken_back_before_it_came_is_not_filed(walk: Walk) -> None:
    """A removal that overtakes its message keeps the message from being filed."""
    await take_back(walk, "M1")
    await say(walk, "المجاري طافحة", external_id="M1")

    assert [] == await texts(walk)
    assert ["nothing to file: taken back", "nothing to file: its deletion came first"] == await outcomes(walk)


async def test_the_department_hears_of_an_edit(walk: Walk) -> None:
    """Once a complaint is with its department, an edit goes there too, and does not move it."""
    await say(walk, "المجاري طافحة في الزقاق", external_id="M1")
    await walk.publish()
    await edit(walk, "M1", "المجاري طافحة والماء مقطوع", walk.clock())
    await walk.publish()

    assert [("sewage", "offered"), ("sewage", "amended")] == walk.tape.told()


@pytest.fixture
def tasks(walk: Walk) -> Tasks:
    """The door to the tasks of this house, on the same clock."""
    return Tasks(walk.house, clock=walk.clock)


async def gaps(walk: Walk) -> list[str]:
    """What the books say is missing, a day later."""
    later = walk.clock() + timedelta(days=1)

    def look(connection: Connection) -> list[str]:
        return [gap.what for gap in accounts.gaps(connection, None, later) if not gap.what.startswith("an event")]

    return await walk.house.store.read(look)


async def test_a_post_removed_before_a_person_saw_it(walk: Walk, tasks: Tasks) -> None:
    """Nobody is asked about it any more, and the books do not miss it."""
    await say(walk, "شوفوا هاي الصورة", external_id="P1", public=True)
    await take_back(walk, "P1")

    assert [] == await tasks.list([TaskKind.CONFIRM])
    assert ["nothing to file: its author removed it", "nothing to file: taken back"] == await outcomes(walk)
    assert [] == await gaps(walk)


@pytest.mark.parametrize("known", [True, False])
async def test_a_post_that_is_edited_again_and_again_is_asked_about_once(
    walk: Walk, tasks: Tasks, *, known: bool
) -> None:
    """The person sees its last words, also where it mentioned the city only from an edit on; so does the complaint."""
    if known:
        await say(walk, "شوفوا هاي الصورة", external_id="P1", public=True)
    for number, words in enumerate(("شوفوا هاي", "شوفوا هاي الصورة كلها", "شوفوا هاي الصورة الآن")):
        walk.clock.pass_by(seconds=5)
        await say(
            walk, words, external_id=f"E{number}", revises="P1", purpose=Purpose.EDIT, sent_at=walk.clock(), public=True
        )
    (task,) = await tasks.list([TaskKind.CONFIRM])
    assert "شوفوا هاي الصورة الآن" == task.body["text"]
    await tasks.complete(task.id, "zainab", Answer(accepted=True))
    walk.clock.pass_by(seconds=5)
    await say(
        walk, "الماء مقطوع", external_id="E9", revises="P1", purpose=Purpose.EDIT, sent_at=walk.clock(), public=True
    )

    assert ["شوفوا هاي الصورة الآن", "الماء مقطوع"] == await texts(walk)
    assert 1 == len(await walk.rows("SELECT 1 FROM complaints"))


async def test_a_removed_post_whose_edit_came_first(walk: Walk, tasks: Tasks) -> None:
    """It is not shown to a person any more."""
    await say(walk, "شوفوا هاي الصورة", external_id="E1", revises="P1", purpose=Purpose.EDIT, public=True)
    await take_back(walk, "P1")

    assert [] == await tasks.list([TaskKind.CONFIRM])
    assert [] == await gaps(walk)


async def test_a_photo_that_an_edit_adds_is_fetched(walk: Walk) -> None:
    """Captions are edited, and so are pictures: the new one is attached."""
    photo = Media(content_type="image/jpeg", url="https://api.twilio.com/2010-04-01/Accounts/AC/Messages/MM1/Media/ME1")
    await say(walk, "المجاري طافحة", external_id="M1")
    await say(walk, EDITED, external_id="E1", revises="M1", purpose=Purpose.EDIT, sent_at=walk.clock(), media=(photo,))

    assert 1 == len(await walk.rows("SELECT 1 FROM attachments"))
