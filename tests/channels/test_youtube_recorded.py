"""What YouTube's Data API answers, as its pages show it, given to the channel over HTTP.

The folder of a file of `fixtures/youtube` is the method that is asked; in `refused` a name begins with the status. A
name that begins with `ignored_` promises that nothing is heard, `unreadable_` that a person sees it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import time_machine
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.base import Barred, Busy, OutcomeUnknown, Refused, SpeakError
from channels.message import Address, Inbound, Purpose, Reply, Scheme, Sent
from channels.youtube.channel import Youtube
from tests.channels.harness import FIXTURES, example_settings
from tests.channels.smsc import House
from tests.channels.video_site import CITIZEN, NOW, OURS

HERE = FIXTURES / "youtube"
PAGES = sorted(HERE.glob("commentThreads/*.json"))
TOP = "UgxKREWxIgDrw8w2e_Z4AaABAg"
WATER = "الماء مقطوع من يومين بحي الجامعة"


@dataclass
class Site:
    """An API that gives one recorded page of threads, or refuses, and takes one answer."""

    page: Path | None = None
    refusal: Path | None = None
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as it was recorded."""
        method = request.path.rpartition("/")[2]
        self.asked.append(method)
        if method == "token":
            return web.json_response({"access_token": "access", "expires_in": 3599, "token_type": "Bearer"})
        if self.refusal is not None:
            status = int(self.refusal.stem.partition("_")[0])
            return web.Response(status=status, body=self.refusal.read_bytes(), content_type="application/json")
        file = HERE / "comments/answered.json" if request.method == "POST" else self.page
        assert file is not None
        return web.Response(body=file.read_bytes(), content_type="application/json")


@asynccontextmanager
async def listening(site: Site) -> AsyncIterator[Youtube]:
    """Give the channel before such an API, at noon of the day on which the comments were written."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.answer)
    with time_machine.travel(NOW):
        async with TestServer(app) as server:
            channel = Youtube(example_settings(Youtube, api_url=str(server.make_url("")).rstrip("/")))
            yield channel
            await channel.close()


async def hear(name: str) -> list[Inbound]:
    async with listening(Site(HERE / f"commentThreads/{name}.json")) as youtube:
        return [inbound async for inbound in youtube.fetch("", House())]


@pytest.mark.parametrize("name", [file.stem for file in PAGES])
async def test_page_of_each_kind(name: str) -> None:
    """Each recorded page becomes what its name promises, and all of it survives the journal."""
    heard = await hear(name)

    kind = name.partition("_")[0]
    purposes = {"ignored": set(), "unreadable": {Purpose.UNREADABLE}}
    assert purposes.get(kind, {Purpose.MESSAGE}) == {inbound.purpose for inbound in heard} - {Purpose.EDIT}
    assert all(inbound.note for inbound in heard if inbound.purpose is Purpose.UNREADABLE)
    assert heard == [Inbound.from_json(inbound.to_json()) for inbound in heard]


async def test_what_the_pages_say() -> None:
    """Words, author, thread and link are the comment's own; our answer below it is not heard."""
    [inbound] = await hear("comment_arabic")
    answered, below = await hear("comment_with_answers")
    first, edit = await hear("comment_edited")
    [nobody] = await hear("comment_of_nobody_known")
    [channel] = await hear("comment_on_the_channel")
    [closed] = await hear("comment_nobody_can_answer")

    assert (TOP, WATER, Address(Scheme.YOUTUBE, CITIZEN)) == (inbound.external_id, inbound.text, inbound.sender)
    assert f"https://www.youtube.com/watch?v=dQw4w9WgXcQ&lc={TOP}" == inbound.url
    assert (inbound, Address(Scheme.PUBLIC, TOP)) == (answered.but(raw=inbound.raw), below.comment_to)
    assert (f"{TOP}.9abcDEF", "وعندنا كذلك بشارع ٩") == (below.external_id, below.text)
    assert (Purpose.EDIT, TOP, WATER) == (edit.purpose, edit.revises, first.text)
    assert (Address(Scheme.UNKNOWN, ""), WATER) == (nobody.sender, nobody.text)
    assert f"https://www.youtube.com/channel/{OURS}/discussion?lc={TOP}" == channel.url
    assert (Address(Scheme.PUBLIC, TOP), None) == (channel.comment_to, closed.comment_to)


ENDS: dict[str, tuple[type[SpeakError], type[SpeakError]] | None] = {  # when asked for comments, when answering one
    "400_key_not_valid": (Barred, Barred),
    "400_page_token": (Busy, Busy),
    "403_access_not_configured": (Barred, Barred),
    "403_comments_disabled": None,
    "403_quota_exceeded": (Busy, Busy),
    "403_rate_limit_exceeded": (Busy, Busy),
    "404_channel_not_found": (Refused, Refused),
    "503_backend_error": (Busy, OutcomeUnknown),
}


def reply() -> Reply:
    return Reply("r1", OURS, Address(Scheme.PUBLIC, TOP), "وصلتنا ملاحظتكم")


@pytest.mark.parametrize("file", sorted(HERE.glob("refused/*.json")), ids=lambda file: file.stem)
async def test_refusals(file: Path) -> None:
    """A refusal passes by itself, waits for a person, or says that there are no comments; and quotes nobody."""
    ended: list[Any] = []
    async with listening(Site(refusal=file)) as youtube:
        for trying in (anext(youtube.fetch("", House()), None), youtube.send(reply())):
            try:
                ended.append(await trying)
            except SpeakError as refusal:
                ended.append(type(refusal))
                assert "href" not in str(refusal)

    if (ends := ENDS[file.stem]) is None:
        assert ended[0] is None
        assert issubclass(ended[1], Refused)
    else:
        assert all(issubclass(one, end) for one, end in zip(ended, ends, strict=True))


async def test_an_answer_that_was_taken() -> None:
    """The id under which YouTube keeps our answer is the answer's."""
    site = Site()
    async with listening(site) as youtube:
        assert Sent(f"{TOP}.9abcDEH") == await youtube.send(reply())

    assert ["token", "comments"] == site.asked
