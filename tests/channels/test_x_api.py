"""Fetching from X and speaking there, against a strict stand-in for its API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from channels.base import (
    Barred,
    Busy,
    Fetches,
    OutcomeUnknown,
    Poller,
    Probes,
    Recounts,
    Refused,
    Revisits,
    Speaker,
    Webhook,
)
from channels.message import Address, Inbound, Media, Purpose, Receipt, Reply, Scheme, Sent
from channels.x import X
from channels.x.speaking import shortened
from tests.channels.harness import example_settings

US = "1111111111111111111"
CITIZEN = "2222222222222222222"
POST = "2080765813578191301"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Answer = tuple[int, Any, dict[str, str]]


@dataclass
class Service:
    """X, as strictly as it is. `answers` come first, in order. Lists hold the newest first."""

    posts: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    locked: set[str] = field(default_factory=set)  # what only their author's followers may see
    page: int = 2
    hang_up: bool = False

    def app(self) -> web.Application:
        """Serve as much of version 2 as is used."""
        app = web.Application()
        app.router.add_get(f"/2/users/{US}/mentions", self.mentions)
        app.router.add_get(f"/2/users/{US}/tweets", self.own)
        app.router.add_get(f"/2/users/{US}", self.us)
        app.router.add_get("/2/dm_events", self.events)
        app.router.add_get(f"/2/dm_conversations/with/{CITIZEN}/dm_events", self.own)
        app.router.add_post(f"/2/dm_conversations/with/{CITIZEN}/messages", self.tell)
        app.router.add_post("/2/tweets", self.post)
        app.router.add_get("/2/tweets", self.show)
        app.router.add_get("/2/webhooks", self.list_hooks)
        return app

    def _first(self, request: web.Request, *, user: bool) -> web.Response | None:
        proof = request.headers.get("Authorization", "")
        assert proof.startswith("OAuth ") if user else proof == "Bearer replace-with-the-bearer-token"
        self.asked.append((request.path, dict(request.query)))
        if not self.answers:
            return None
        status, document, headers = self.answers.pop(0)
        return web.json_response(document, status=status, headers=headers)

    def _page(self, request: web.Request, entries: list[dict[str, Any]]) -> web.Response:
        begin = int(request.query.get("pagination_token", "0"))
        page = entries[begin : begin + self.page]
        meta: dict[str, Any] = {"result_count": len(page)}
        if begin + self.page < len(entries):
            meta["next_token"] = str(begin + self.page)
        users = [{"id": CITIZEN, "name": "سعاد"}]
        return web.json_response({**({"data": page} if page else {}), "includes": {"users": users}, "meta": meta})

    async def mentions(self, request: web.Request) -> web.Response:
        """List mentions, newest first."""
        query = request.query
        assert "author_id" in query["tweet.fields"]
        assert "note_tweet" in query["tweet.fields"]
        assert "100" == query["max_results"]
        entries = self.posts
        if "since_id" in query:
            entries = [one for one in entries if int(one["id"]) > int(query["since_id"])]
        if "start_time" in query:
            entries = [one for one in entries if one["created_at"] >= query["start_time"]]
        return self._first(request, user=False) or self._page(request, entries)

    async def events(self, request: web.Request) -> web.Response:
        """List direct messages, newest first."""
        assert "since_id" not in request.query, "this list has none"
        assert "MessageCreate" == request.query["event_types"]
        return self._first(request, user=True) or self._page(request, self.messages)

    async def own(self, request: web.Request) -> web.Response:
        """List what the account said."""
        return self._first(request, user=True) or web.json_response({"data": self.said})

    async def show(self, request: web.Request) -> web.Response:
        """Show posts by their ids, and say of each that is not shown why."""
        ids = request.query["ids"].split(",")
        assert 1 <= len(ids) <= 100
        there = {one["id"] for one in self.posts}
        problem = "https://api.twitter.com/2/problems/"
        errors = [
            {
                "resource_id": one,
                "type": problem + ("not-authorized-for-resource" if one in self.locked else "resource-not-found"),
            }
            for one in ids
            if one not in there
        ]
        document = {"data": [{"id": one} for one in ids if one in there], **({"errors": errors} if errors else {})}
        return self._first(request, user=False) or web.json_response(document)

    async def us(self, request: web.Request) -> web.Response:
        """Say who we are."""
        return self._first(request, user=False) or web.json_response({"data": {"id": US, "username": "baghdad_city"}})

    async def list_hooks(self, request: web.Request) -> web.Response:
        """List webhooks."""
        return self._first(request, user=False) or web.json_response({"data": self.hooks})

    async def tell(self, request: web.Request) -> web.StreamResponse:
        """Take a direct message."""
        document = await request.json()
        assert {"text"} == document.keys()
        return await self._take(request, document, {"dm_conversation_id": "1-2", "dm_event_id": f"dm-{len(self.sent)}"})

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Take a post."""
        document = await request.json()
        assert {"text", "reply"} == document.keys()
        assert {"in_reply_to_tweet_id"} == document["reply"].keys()
        return await self._take(request, document, {"id": f"post-{len(self.sent)}", "text": document["text"]})

    async def _take(self, request: web.Request, document: dict[str, Any], data: dict[str, str]) -> web.StreamResponse:
        refused = self._first(request, user=True)
        if refused is not None:
            return refused
        self.sent.append(document)
        if self.hang_up:
            assert request.transport
            request.transport.close()
        return web.json_response({"data": data}, status=201)


@dataclass
class Memory:
    """A house that remembers."""

    kept: dict[str, str] = field(default_factory=dict)

    async def accept(self, inbound: Inbound) -> Receipt:
        """Take anything."""
        return Receipt(inbound.external_id, "", "")

    async def keep(self, data: bytes, *, content_type: str = "", filename: str = "") -> Media:
        """Take no bytes: X's are fetched by the house."""
        raise ValueError(f"{len(data)} bytes of {content_type} as {filename}")

    async def recall(self, key: str) -> str:
        """Give back."""
        return self.kept.get(key, "")

    async def remember(self, key: str, value: str) -> None:
        """Keep."""
        self.kept[key] = value


@pytest.fixture
def service() -> Service:
    """Give the stand-in."""
    return Service()


@pytest.fixture
async def api(service: Service) -> AsyncIterator[str]:
    """Give the stand-in's address."""
    async with TestServer(service.app()) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def x(api: str) -> AsyncIterator[X]:
    """Give the channel, speaking to the stand-in."""
    channel = X(example_settings(X, api_url=api))
    yield channel
    await channel.close()


def post(number: int, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    created = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "id": f"20807658135781{number:05d}",
        "text": f"{number}",
        "author_id": CITIZEN,
        "created_at": created,
        **changes,
    }


def message(number: int, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    created = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {"id": f"dm{number}", "text": f"{number}", "sender_id": CITIZEN, "created_at": created, **changes}


async def fetched(x: X, memory: Memory, line: str = "mentions", most: int = 100) -> list[Inbound]:
    found = []
    async for inbound in x.fetch(line, memory):
        found.append(inbound)
        if len(found) == most:
            break
    return found


def reply(scheme: Scheme = Scheme.X, value: str = CITIZEN, **changes: Any) -> Reply:
    parts: dict[str, Any] = {"id": "r-1", "account": US, "text": "وصل بلاغكم 4821 093 756", **changes}
    return Reply(to=Address(scheme, value), **parts)


# Fetching


def test_is_what_it_says(x: X) -> None:
    """The channel hears, fetches, speaks, is asked after and counted again."""
    assert all(isinstance(x, kind) for kind in (Webhook, Poller, Speaker, Fetches, Probes, Recounts, Revisits))
    assert ("mentions", "messages") == x.lines()
    assert ("mentions",) == X(example_settings(X, user_token="", user_token_secret="")).lines()
    assert (0.1, 300) == (x.rate, x.interval)


async def test_new_mentions_come_oldest_first(x: X, service: Service) -> None:
    """All pages of new posts are read, and yielded in the order in which they were written; then nothing is new."""
    service.posts = [post(number) for number in (5, 4, 3, 2, 1)]
    memory = Memory()
    with time_machine.travel(NOW, tick=False):
        assert ["1", "2", "3", "4", "5"] == [inbound.text for inbound in await fetched(x, memory)]
    service.posts.insert(0, post(6))

    assert ["6"] == [inbound.text for inbound in await fetched(x, memory)]
    assert {"mentions": post(6)["id"]} == memory.kept
    assert [] == await fetched(x, memory)


async def test_the_cursor_waits_for_the_disk(x: X, service: Service) -> None:
    """When the house goes away in the midst, what it had not kept is fetched again."""
    service.posts = [post(number) for number in (3, 2, 1)]
    memory = Memory()
    with time_machine.travel(NOW, tick=False):
        assert ["1", "2"] == [inbound.text for inbound in await fetched(x, memory, most=2)]
        assert ["2", "3"] == [inbound.text for inbound in await fetched(x, memory)]


async def test_the_first_look_is_short(x: X, service: Service) -> None:
    """What was posted long before the city listened is not taken for new."""
    service.posts = [post(2, NOW - timedelta(hours=23)), post(1, NOW - timedelta(hours=25))]
    service.messages = [message(2, NOW - timedelta(hours=23)), message(1, NOW - timedelta(hours=25))]
    with time_machine.travel(NOW, tick=False):
        assert ["2"] == [inbound.text for inbound in await fetched(x, Memory())]
        assert ["2"] == [inbound.text for inbound in await fetched(x, Memory(), "messages")]


async def test_new_messages(x: X, service: Service) -> None:
    """Direct messages are read back to the last known one; our own side is left out and moves the place on."""
    service.messages = [message(4, sender_id=US), message(3), message(2), message(1)]
    memory = Memory({"messages": "dm1"})

    assert ["2", "3"] == [inbound.text for inbound in await fetched(x, memory, "messages")]
    assert {"messages": "dm4"} == memory.kept
    assert [False, False] == [inbound.public for inbound in await fetched(x, Memory({"messages": "dm1"}), "messages")]


async def test_what_was_delivered_is_fetched_under_the_same_id(x: X, service: Service) -> None:
    """A post or a message that came by webhook is the same when it is listed."""
    service.posts, service.messages = [post(1)], [message(1)]
    with time_machine.travel(NOW, tick=False):
        [mention] = await fetched(x, Memory())
        [private] = await fetched(x, Memory(), "messages")

    assert ("x", US, post(1)["id"]) == (mention.channel, mention.account, mention.external_id)
    assert ("x", US, "dm1") == (private.channel, private.account, private.external_id)
    assert ("سعاد", True, False) == (private.sender_name, mention.public, private.public)


async def test_one_bad_entry_of_a_list_costs_no_other(x: X, service: Service) -> None:
    """What cannot be read in a list is kept for a person."""
    service.answers.append((200, {"data": [post(3), {"text": "no id"}, 7, post(1)], "meta": {}}, {}))
    memory = Memory()
    purposes = [inbound.purpose for inbound in await fetched(x, memory)]

    assert [Purpose.MESSAGE, Purpose.UNREADABLE, Purpose.UNREADABLE, Purpose.MESSAGE] == purposes
    assert {"mentions": post(3)["id"]} == memory.kept


async def test_recount(x: X, service: Service) -> None:
    """What X lists since a moment is all told again, whatever was fetched before."""
    service.posts = [post(2), post(1, NOW - timedelta(days=3))]
    service.messages = [message(2), message(1, NOW - timedelta(days=3))]
    memory = Memory({"mentions": post(2)["id"]})
    found = [inbound.external_id async for inbound in x.recount(NOW - timedelta(days=1), memory)]

    assert [post(2)["id"], "dm2"] == found
    assert {"mentions": post(2)["id"]} == memory.kept


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": "1"}), Busy),
        ((429, {"type": "https://api.x.com/2/problems/usage-capped"}, {}), Barred),
        ((401, {"title": "Unauthorized"}, {}), Barred),
        ((402, {"title": "CreditsDepleted"}, {}), Barred),
        ((403, {"type": "https://api.x.com/2/problems/client-forbidden"}, {}), Barred),
        ((503, {"title": "Service Unavailable"}, {}), Busy),
        ((302, None, {"Location": "/elsewhere"}), Barred),
        ((404, None, {}), Barred),
        ((400, {"title": "Invalid Request"}, {}), Barred),
        ((403, {"title": "Forbidden"}, {}), Barred),
    ],
)
async def test_how_x_may_refuse_a_list(x: X, service: Service, answer: Answer, kind: type[Exception]) -> None:
    """A quota is waited for, a dead token stops the fetching and tells a person."""
    service.answers.append(answer)
    with pytest.raises(kind):
        await fetched(x, Memory())


async def test_a_quota_says_until_when(x: X, service: Service) -> None:
    """The next try is when X says, and not before."""
    with time_machine.travel(NOW, tick=False):
        service.answers.append((429, {}, {"x-rate-limit-reset": str(int(time.time()) + 421)}))
        service.answers.append((429, {}, {}))
        with pytest.raises(Busy) as said:
            await fetched(x, Memory())
        with pytest.raises(Busy) as unsaid:
            await fetched(x, Memory())

    assert [421, 900] == [said.value.retry_after, unsaid.value.retry_after]


# Speaking


async def test_direct_message_is_sent(x: X, service: Service) -> None:
    """A reply goes to its citizen alone, in the account's name."""
    assert Sent("dm-0") == await x.send(reply())
    assert [{"text": "وصل بلاغكم 4821 093 756"}] == service.sent


async def test_a_line_below_a_post(x: X, service: Service) -> None:
    """A public answer stands below the post that called us."""
    assert Sent("post-0") == await x.send(reply(Scheme.PUBLIC, POST, text="تم استلام ملاحظتكم"))
    assert [{"text": "تم استلام ملاحظتكم", "reply": {"in_reply_to_tweet_id": POST}}] == service.sent


async def test_no_link_in_public(x: X, service: Service) -> None:
    """A line that everybody reads holds no link: it would be somebody's case."""
    for words in ("https://x.example/1", "www.x.example"):
        with pytest.raises(Refused) as refused:
            await x.send(reply(Scheme.PUBLIC, POST, text=words))
        assert refused.value.alarm
    assert [] == service.sent


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ا" * 280, "ا" * 280),
        ("ا" * 281, "ا" * 278 + "…"),
        ("😀" * 140, "😀" * 140),
        ("😀" * 141, "😀" * 139 + "…"),
        ("", ""),
    ],
    ids=["fits", "arabic", "emoji fit", "emoji", "empty"],
)
def test_long_lines_are_cut(words: str, expected: str) -> None:
    """What X does not take in one post is cut by the weight that X gives each letter."""
    assert expected == shortened(words)


@pytest.mark.parametrize(
    ("answer", "kind", "elsewhere", "alarm"),
    [
        ((403, {"title": "Forbidden", "detail": "You cannot send messages to this user."}, {}), Refused, True, False),
        ((403, {"detail": "You are not allowed to create a Tweet with duplicate content."}, {}), Refused, False, False),
        ((404, {"title": "Not Found Error", "detail": f"user {CITIZEN}"}, {}), Refused, False, False),
        ((400, {"title": "Invalid Request"}, {}), Refused, False, True),
        ((401, {"title": "Unauthorized"}, {}), Barred, None, None),
        ((403, {"type": "https://api.twitter.com/2/problems/oauth1-permissions"}, {}), Barred, None, None),
        ((429, {}, {"x-rate-limit-reset": "9999999999999"}), Busy, None, None),
        ((500, {}, {}), OutcomeUnknown, None, None),
        ((201, {"data": {}}, {}), OutcomeUnknown, None, None),
    ],
)
async def test_how_x_may_refuse_words(
    x: X, service: Service, answer: Answer, kind: type[Exception], elsewhere: Any, alarm: Any
) -> None:
    """Each refusal ends in what the house can act on, and quotes nobody."""
    service.answers.append(answer)
    with pytest.raises(kind) as caught:
        await x.send(reply())

    assert elsewhere is getattr(caught.value, "elsewhere", None)
    assert alarm is getattr(caught.value, "alarm", None)
    assert CITIZEN not in str(caught.value)
    assert 86_400 >= (getattr(caught.value, "retry_after", 0) or 0)


async def test_a_message_that_went_through_is_not_repeated(x: X, service: Service) -> None:
    """After a try of unknown outcome the conversation is looked through; what stands there is not said again."""
    service.hang_up = True
    with pytest.raises(OutcomeUnknown):
        await x.send(reply())
    service.hang_up = False
    made = NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    service.said = [{"id": "dm-before", "sender_id": US, "text": "وصل بلاغكم 4821 093 756 ", "created_at": made}]

    assert Sent("dm-before") == await x.send(reply(first_tried_at=NOW))
    assert 1 == len(service.sent)


@pytest.mark.parametrize(
    "said",
    [
        {"sender_id": CITIZEN},
        {"text": "غيره"},
        {"created_at": "2026-11-20T12:00:00.000Z"},
    ],
    ids=["theirs", "other words", "long before"],
)
async def test_what_did_not_go_through_is_sent(x: X, service: Service, said: dict[str, str]) -> None:
    """Somebody else's words, other words, or the same words of another day are no proof that ours arrived."""
    made = NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    service.said = [{"id": "1", "sender_id": US, "text": reply().text, "created_at": made, **said}]

    assert Sent("dm-0") == await x.send(reply(first_tried_at=NOW))


async def test_a_line_that_stands_is_not_repeated(x: X, service: Service) -> None:
    """A line below the same post is found among our own; one below another post is not it."""
    below = {"id": "9", "created_at": "", "referenced_tweets": [{"type": "replied_to", "id": POST}]}
    service.said = [below]

    assert Sent("9") == await x.send(reply(Scheme.PUBLIC, POST, first_tried_at=NOW))
    assert Sent("post-0") == await x.send(reply(Scheme.PUBLIC, "77", first_tried_at=NOW))


async def test_the_look_before_a_second_try_may_fail(x: X, service: Service) -> None:
    """While X cannot be asked what became of the first, nothing is sent again."""
    service.answers.append((503, {}, {}))
    with pytest.raises(Busy):
        await x.send(reply(first_tried_at=NOW))
    assert [] == service.sent


async def test_nobody_to_be_answered(x: X, service: Service) -> None:
    """An address that is none of X's, and a channel without a token, send nothing."""
    for to in ((Scheme.TEL, "+9647701234567"), (Scheme.X, "../tweets"), (Scheme.PUBLIC, "")):
        with pytest.raises(Refused):
            await x.send(reply(*to))
    silent = X(example_settings(X, user_token="", user_token_secret=""))
    with pytest.raises(Refused) as refused:
        await silent.send(reply())

    assert refused.value.elsewhere
    assert [] == service.sent


async def test_nobody_answers() -> None:
    """With X out of reach nothing was sent, and it is tried again."""
    channel = X(example_settings(X, api_url=f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(Busy):
        await channel.send(reply())
    await channel.close()


# Pictures and health


async def test_pictures(x: X, api: str) -> None:
    """A public picture is fetched openly, one of a message in the account's name; no link elsewhere sees a secret."""
    ton = "https://ton.twitter.com/1.1/ton/data/dm/103/104/oP5p359h.jpg"
    public = await x.source("https://pbs.twimg.com/media/a.jpg")
    private = await x.source(ton)
    elsewhere = await x.source("https://ton.twitter.com.evil.example/1.1/ton/data/dm/1/2/a.jpg")
    modern = X(example_settings(X, api_url=api, user_token_secret=""))
    newer = await modern.source(ton)

    assert ({}, {}) == (public.headers, elsewhere.headers)
    assert {"pbs.twimg.com", "video.twimg.com"} == public.hosts == elsewhere.hosts
    assert private.headers["Authorization"].startswith("OAuth ")
    assert {"ton.twitter.com", "pbs.twimg.com", "video.twimg.com"} == private.hosts
    assert f"{api}/2/dm_conversations/media/103/104/oP5p359h.jpg" == newer.url
    assert {"Authorization": "Bearer replace-with-the-access-token"} == newer.headers


async def test_health(x: X, service: Service) -> None:
    """`balagh check` learns who we are, and that X has stopped delivering."""
    assert "@baghdad_city, fetched from; no webhook leads here" == await x.probe()
    hook = {"id": "1", "url": "https://balagh.example/channels/x", "valid": True}
    service.hooks = [hook]
    assert "@baghdad_city, webhook valid" == await x.probe()
    service.hooks = [{**hook, "valid": False}]
    with pytest.raises(Barred) as barred:
        await x.probe()
    assert "webhook" == barred.value.code


# What became of it


async def test_posts_that_are_gone(x: X, service: Service) -> None:
    """Of a hundred and more that were heard, those that X says are not there are taken back, as when it tells of it."""
    service.posts = [post(number) for number in range(120)]
    service.page = 100
    with time_machine.travel(NOW, tick=False):
        heard = await fetched(x, Memory(), most=120)
    gone, hidden = service.posts[3]["id"], service.posts[110]["id"]
    service.posts = [one for one in service.posts if one["id"] not in {gone, hidden}]
    service.locked = {hidden}
    service.asked.clear()
    [said] = [inbound async for inbound in x.revisit(heard)]

    assert (f"{gone}:deleted", Purpose.DELETION, gone) == (said.external_id, said.purpose, said.revises)
    assert (Address(Scheme.X, CITIZEN), True, "") == (said.sender, said.public, said.text)
    assert ["/2/tweets"] * 2 == [path for path, _ in service.asked]
