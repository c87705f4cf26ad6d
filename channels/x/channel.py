"""X: posts that mention the city's account, answers to its posts, and direct messages.

X delivers by webhook and forgets what it could not deliver, so the same is fetched as well, under the same ids. X lets
us answer in public only whoever named us in their post, and in private whoever takes messages from us.

X proves itself in two ways with one secret: it signs what it delivers, and it has us sign a word of its own (the CRC).
A stranger can ask for that signature too. So only such words are signed as X asks for, and no delivery can be such a
word.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Self
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from channels.base import ApiUrl, Barred, Forged, Poller, Reception, Refused, Source, Webhook
from channels.message import Inbound, Reply, Scheme, Sent
from channels.payload import part, parts, text
from channels.x.api import DEFAULT_URL, XApi
from channels.x.credentials import Bearer, Credentials, OAuth1
from channels.x.lists import MENTIONS, MESSAGES, Lists
from channels.x.reading import Reader
from channels.x.speaking import Voice

SIGNATURE = "x-twitter-webhooks-signature"

_WORD = re.compile(rb"[A-Za-z0-9+/=_.~-]{1,512}")  # what X asks us to sign; no JSON object is one
_PICTURES = frozenset({"pbs.twimg.com", "video.twimg.com"})
_PRIVATE_PICTURE = re.compile(r"https://ton\.(?:twitter|x)\.com/1\.1/ton/data/dm/([0-9]+/[0-9]+/[A-Za-z0-9_.-]+)")


class XSettings(BaseModel):
    """The app and the city's account at X."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    consumer_secret: SecretStr = Field(min_length=1, description="The app's API key secret: signs what X sends.")
    bearer_token: SecretStr = Field(min_length=1, description="Opens what is public to the app.")
    user_id: str = Field(pattern=r"^[0-9]{1,19}$", description="The number of the city's account.")
    consumer_key: str = Field("", description="The app's API key, for tokens of OAuth 1.0a.")
    user_token: SecretStr = Field(
        SecretStr(""), description="The account's access token: without it nobody is answered."
    )
    user_token_secret: SecretStr = Field(SecretStr(""), description="Its secret; a token without is one of OAuth 2.0.")
    public_answers: bool = Field(False, description="Whether a neutral line is posted below a public complaint.")
    api_url: ApiUrl = Field(DEFAULT_URL, description="Replaces the API's scheme and host, and nothing else.")
    public_url: str = Field("", description="Where X reaches us: BALAGH_PUBLIC_URL.")
    rate: float = Field(0.1, gt=0, description="Replies a second.")
    interval: float = Field(300.0, gt=0, description="Seconds between two looks for what was not delivered.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.user_token_secret.get_secret_value() and not (self.consumer_key and self.user_token.get_secret_value()):
            raise ValueError("a user_token_secret needs the user_token and the consumer_key beside it")
        return self


class X(Webhook, Poller):
    """Hears and answers the city's account on X."""

    name = "x"
    reads: ClassVar[Mapping[str, str]] = {"": "X asks for proof that this address is ours."}
    provider = "x"
    Settings: ClassVar[type[BaseModel]] = XSettings

    def __init__(self, settings: XSettings) -> None:
        super().__init__(settings)
        self.rate, self.interval = settings.rate, settings.interval
        self._secret = settings.consumer_secret.get_secret_value().encode()
        self._api = XApi(settings.api_url)
        self._app = Bearer(settings.bearer_token.get_secret_value())
        self._user = _user(settings)
        public = settings.public_answers and self._user is not None
        us = settings.user_id
        self._reader = Reader(self.name, self.provider, us, self._user is not None, public, self.unreadable)
        self._lists = Lists(self._api, self._reader, self._app, self._user, us)
        self._voice = Voice(self._api, self._user, us) if self._user else None

    def verify(self, request: web.Request, body: bytes) -> None:
        """Check the signature over the raw bytes. Raises Forged."""
        given = request.headers.get(SIGNATURE, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._signature(body)):
            raise Forged("the signature does not match")
        if _WORD.fullmatch(body):
            raise Forged("it is a word that anybody can have signed")

    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that X would send with this body."""
        del url  # it is not signed
        return {"Content-Type": "application/json", SIGNATURE: self._signature(body).decode("ascii")}

    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Read a post, a direct message, a deletion. Raises Unreadable."""
        del request  # everything is in the body
        return self._reader.read(body)

    def extend(self, app: web.Application) -> None:
        """Answer the CRC: X asks by GET whether we know the secret. A redirect would end all deliveries."""
        app.router.add_get("", self._crc)

    async def _crc(self, request: web.Request) -> web.Response:
        word = request.query.get("crc_token", "").encode("utf-8", "surrogateescape")
        if not _WORD.fullmatch(word):
            raise web.HTTPBadRequest(text="")
        return web.json_response({"response_token": self._signature(word).decode("ascii")})

    def lines(self) -> Sequence[str]:
        """Name what is fetched separately: mentions, and direct messages when the account lets us read them."""
        return (MENTIONS, MESSAGES) if self._user else (MENTIONS,)

    def fetch(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what is new, oldest first. Raises Barred or Busy."""
        return self._lists.new(line, reception)

    async def recount(self, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what X lists since then. Raises Barred or Busy."""
        del reception  # nothing is remembered
        for line in self.lines():
            for inbound in await self._lists.since(line, since):
                yield inbound

    def revisit(self, posts: Sequence[Inbound]) -> AsyncIterator[Inbound]:
        """Yield which posts are not there any more: X tells only of some. Raises Refused, Barred or Busy."""
        return self._lists.removed(posts)

    async def send(self, reply: Reply) -> Sent:
        """Send a direct message, or a line below a post. Raises Refused, Barred, Busy or OutcomeUnknown.

        After a try of unknown outcome what we said there is looked through first.
        """
        if self._voice is None:
            raise Refused("no-token", "without a token of the city's account nobody can be answered", elsewhere=True)
        if reply.to.scheme == Scheme.X:
            return await self._voice.tell(reply)
        if reply.to.scheme == Scheme.PUBLIC:
            return await self._voice.post(reply)
        raise Refused("no-address", "this is nobody on X")

    async def source(self, url: str) -> Source:
        """Say how to fetch a picture: openly, or one of a direct message in the account's name."""
        private = _PRIVATE_PICTURE.fullmatch(url)
        if private is None or self._user is None:
            return Source(url, {}, _PICTURES)
        near = ""
        if isinstance(self._user, Bearer):  # tokens of OAuth 2.0 are not taken where the link leads
            api = self.settings.api_url
            url = f"{api}/2/dm_conversations/media/{private[1]}"
            if api != DEFAULT_URL:
                split = urlsplit(api)
                near = f"{split.hostname}:{split.port or (443 if split.scheme == 'https' else 80)}"
        hosts = frozenset({urlsplit(url).hostname or ""}) | _PICTURES
        return Source(url, self._user.headers("GET", url, {}), hosts, near)

    async def probe(self) -> str:
        """Ask X who we are, and whether it still delivers to us. Raises Refused, Barred or Busy."""
        account = await self._api.get(f"users/{self.settings.user_id}", {}, self._app)
        name = f"@{text(part(account, 'data'), 'username')}"
        hooks = parts(await self._api.get("webhooks", {}, self._app), "data")
        ours = [hook for hook in hooks if text(hook, "url") == f"{self.settings.public_url}/channels/{self.name}"]
        if not ours:
            return f"{name}, fetched from; no webhook leads here"
        if not any(hook.get("valid") is True for hook in ours):
            raise Barred("webhook", "X has marked the webhook invalid and delivers nothing: validate it again")
        return f"{name}, webhook valid"

    async def close(self) -> None:
        """Close the session with the API."""
        await self._api.close()

    def _signature(self, body: bytes) -> bytes:
        return b"sha256=" + base64.b64encode(hmac.new(self._secret, body, hashlib.sha256).digest())


def _user(settings: XSettings) -> Credentials | None:
    token, secret = settings.user_token.get_secret_value(), settings.user_token_secret.get_secret_value()
    if not token:
        return None
    if not secret:
        return Bearer(token)
    return OAuth1(settings.consumer_key, settings.consumer_secret.get_secret_value(), token, secret)
