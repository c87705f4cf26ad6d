"""A stand-in for YouTube's Data API: it looks at every parameter, and every request costs what it costs there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

OURS = "UCbaghdad0000000000000AA"
CITIZEN = "UCcitizen0000000000000AA"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LIST = {"part", "order", "maxResults", "textFormat", "pageToken", "allThreadsRelatedToChannelId"}
SHOWN = 5  # answers that a list of threads shows

Page = list[dict[str, Any]]


def comment(id_: str, words: str, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    """Make a comment as the API writes it."""
    snippet = {
        "authorDisplayName": "@um_zainab",
        "authorProfileImageUrl": "https://yt3.ggpht.com/x",
        "authorChannelUrl": f"http://www.youtube.com/channel/{CITIZEN}",
        "authorChannelId": {"value": CITIZEN},
        "textDisplay": words,
        "canRate": True,
        "likeCount": 0,
        "publishedAt": stamp(at),
        "updatedAt": stamp(at),
        **({"parentId": id_.partition(".")[0]} if "." in id_ else {}),
        **changes,
    }
    return {"kind": "youtube#comment", "etag": "e", "id": id_, "snippet": snippet}


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@dataclass
class World:
    """YouTube, with one channel's threads. Every request costs, and past the quota there is nothing."""

    threads: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posted: list[tuple[str, str]] = field(default_factory=list)
    failures: list[Any] = field(default_factory=list)
    units: int = 0
    quota: int = 10_000
    tokens: int = 0
    hang_up: bool = False
    strict: bool = False  # of several comments of which one is missing it says that none is there
    films: dict[str, str] = field(default_factory=dict)  # by id, where a thread stands below another film
    unsaid: dict[str, tuple[int, str]] = field(default_factory=dict)  # by id: how it refuses whoever asks for it

    def say(self, id_: str, words: str, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
        """Begin a thread."""
        top = comment(id_, words, at, **changes)
        self.threads.append(top)
        return top

    def answer(self, id_: str, words: str, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
        """Answer below a thread."""
        made = comment(id_, words, at, **changes)
        self.answers.setdefault(id_.partition(".")[0], []).append(made)
        return made

    def app(self) -> web.Application:
        """Serve the methods that comments need."""
        app = web.Application()
        app.router.add_get("/youtube/v3/commentThreads", self.list_threads)
        app.router.add_get("/youtube/v3/comments", self.list_answers)
        app.router.add_post("/youtube/v3/comments", self.insert)
        app.router.add_get("/youtube/v3/channels", self.channel)
        app.router.add_post("/token", self.token)
        return app

    def spend(self, request: web.Request, units: int, allowed: set[str]) -> web.Response | None:
        """Look at what every request must have, and count it."""
        self.asked.append((request.path.rpartition("/")[2], dict(request.query)))
        self.units += units
        assert "key" not in request.query
        assert request.query.keys() <= allowed
        if self.hang_up:
            assert request.transport
            request.transport.close()
        if self.failures:
            failure: web.Response = self.failures.pop(0)()
            return failure
        if self.units > self.quota:
            return refused(403, "quotaExceeded")
        if request.method == "GET" and request.headers.get("X-Goog-Api-Key") != "replace-with-the-api-key":
            return refused(400, "badRequest")
        return None

    async def list_threads(self, request: web.Request) -> web.Response:
        """List threads, newest first."""
        if refusal := self.spend(request, 1, LIST):
            return refusal
        query = request.query
        assert {"snippet", "replies"} == set(query["part"].split(","))
        assert (OURS, "time", "plainText") == (
            query["allThreadsRelatedToChannelId"],
            query["order"],
            query["textFormat"],
        )
        newest = sorted(self.threads, key=lambda top: str(top["snippet"]["publishedAt"]), reverse=True)
        return page_of([self.thread(top) for top in newest], query)

    def thread(self, top: dict[str, Any]) -> dict[str, Any]:
        """Write a thread as the list does, with some of its answers."""
        below = self.answers.get(str(top.get("id")), [])
        replies = {"replies": {"comments": below[-SHOWN:]}} if below else {}
        film = self.films.get(str(top.get("id")), "vid1")
        snippet = {"channelId": OURS, "videoId": film, "topLevelComment": top, "canReply": True}
        return {"id": top.get("id"), "snippet": snippet | {"totalReplyCount": len(below)}, **replies}

    async def list_answers(self, request: web.Request) -> web.Response:
        """List what stands below a comment, or some comments by their ids."""
        if "id" in request.query:
            return self.by_id(request)
        if refusal := self.spend(request, 1, {"part", "parentId", "maxResults", "textFormat", "pageToken"}):
            return refusal
        assert ("snippet", "plainText") == (request.query["part"], request.query["textFormat"])
        if request.query["parentId"] not in {top.get("id") for top in self.threads}:
            return refused(404, "commentNotFound")
        return page_of(self.answers.get(request.query["parentId"], []), request.query)

    def by_id(self, request: web.Request) -> web.Response:
        """Show the comments of at most fifty ids; of one that is not there, that it is not."""
        if refusal := self.spend(request, 1, {"part", "id", "textFormat"}):
            return refusal
        ids = request.query["id"].split(",")
        assert ("snippet", "plainText") == (request.query["part"], request.query["textFormat"])
        assert 1 <= len(ids) <= 50
        for one in ids:
            if one in self.unsaid:
                return refused(*self.unsaid[one])
        there = {one["id"]: one for one in [*self.threads, *(one for below in self.answers.values() for one in below)]}
        found = [there[one] for one in ids if one in there]
        if not found or (self.strict and len(found) < len(ids)):
            return refused(404, "commentNotFound")
        return web.json_response({"items": found})

    async def insert(self, request: web.Request) -> web.Response:
        """Post an answer."""
        if refusal := self.spend(request, 50, {"part"}):
            return refusal
        if request.headers.get("Authorization") != f"Bearer access-{self.tokens}":
            return refused(401, "authError")
        snippet = (await request.json())["snippet"]
        assert {"parentId", "textOriginal"} == snippet.keys()
        self.posted.append((snippet["parentId"], snippet["textOriginal"]))
        return web.json_response({"id": f"{snippet['parentId']}.{len(self.posted)}", "snippet": snippet})

    async def channel(self, request: web.Request) -> web.Response:
        """Name the channel."""
        if refusal := self.spend(request, 1, {"part", "id"}):
            return refusal
        found = [{"id": OURS, "snippet": {"title": "أمانة بغداد"}}] if request.query["id"] == OURS else []
        return web.json_response({"items": found} if found else {})

    async def token(self, request: web.Request) -> web.Response:
        """Give an access token for an hour."""
        form = await request.post()
        assert "refresh_token" == form["grant_type"]
        if form["refresh_token"] != "replace-with-the-refresh-token":
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.tokens += 1
        return web.json_response({"access_token": f"access-{self.tokens}", "expires_in": 3599, "token_type": "Bearer"})


def page_of(found: Page, query: Any) -> web.Response:
    first, size = int(query.get("pageToken", "0")), int(query["maxResults"])
    assert 1 <= size <= 100
    more = {"nextPageToken": str(first + size)} if first + size < len(found) else {}
    return web.json_response({"items": found[first : first + size], "pageInfo": {"resultsPerPage": size}, **more})


def refused(status: int, reason: str) -> web.Response:
    error = {"code": status, "message": "words that name a key", "errors": [{"reason": reason, "domain": "youtube"}]}
    return web.json_response({"error": error}, status=status)
