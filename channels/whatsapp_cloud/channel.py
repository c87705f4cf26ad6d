"""WhatsApp through Meta's own Cloud API: hearing, speaking, fetching photos and recordings.

Meta delivers for up to seven days until it hears 200, and keeps no log that could be asked afterwards. It has no key
against sending twice: what may have been sent is told by the report that follows, which carries our own id.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field, SecretStr

from channels.base import ApiUrl, Busy, OutcomeUnknown, Refused, Source
from channels.graph import DEFAULT_URL, VERSION, Graph
from channels.message import DeliveryState, Inbound, Reply, Scheme, Sent
from channels.meta import MetaSettings, MetaWebhook
from channels.payload import parts, text
from channels.whatsapp_cloud.faults import REENGAGE, WHATSAPP_FAULTS
from channels.whatsapp_cloud.reading import MEDIA, Reader
from channels.whatsapp_cloud.speaking import ANY, Template, envelope, spoken, within_window

PATIENCE = timedelta(minutes=15)
"""How long the report of a message that may have been sent is waited for, before it is sent again."""

_MEDIA_HOSTS = frozenset({"lookaside.fbsbx.com", "*.fbsbx.com", "*.fbcdn.net", "*.whatsapp.net"})
_HEX = re.compile(r"[0-9a-f]{64}")
_PORTS = {"http": 80, "https": 443}


def _mapping(value: Any) -> Any:
    if isinstance(value, str):
        try:
            # Some readers of .env files, a container's among them, leave the quotation marks of a value on it.
            return json.loads(value.strip().removeprefix("'").removesuffix("'"))
        except ValueError as error:
            raise ValueError("must be JSON, a template for each purpose") from error
    return value


class WhatsappCloudSettings(MetaSettings):
    """The app and the number at Meta."""

    access_token: SecretStr = Field(min_length=1, description="A system user's token, which does not expire.")
    phone_number_id: str = Field(pattern=r"^[0-9]+$", description="Meta's id of our number; not the number itself.")
    api_url: ApiUrl = Field(DEFAULT_URL, description="Replaces the API's scheme and host, and nothing else.")
    version: str = Field(VERSION, pattern=r"^v[0-9]+\.[0-9]+$", description="The version of the Graph API.")
    templates: Annotated[Mapping[str, Template], BeforeValidator(_mapping)] = Field(
        default_factory=dict, description="Which template serves which purpose, in JSON."
    )
    rate: float = Field(20.0, gt=0, description="Replies a second.")


class WhatsappCloud(MetaWebhook):
    """Hears and answers WhatsApp through Meta's Cloud API."""

    name = "whatsapp-cloud"
    Settings: ClassVar[type[BaseModel]] = WhatsappCloudSettings

    def __init__(self, settings: WhatsappCloudSettings) -> None:
        super().__init__(settings)
        self.rate = settings.rate
        self._graph = Graph(settings.access_token, settings.api_url, settings.version, WHATSAPP_FAULTS)
        self._reader = Reader(self.name, self.provider, self._graph.fault_of, self.unreadable)

    def parse(self, request: web.Request, body: bytes) -> Iterable[Inbound]:
        """Read messages, edits, deletions, and what became of replies of ours. Raises Unreadable."""
        del request  # everything is in the body
        return self._reader.read(body)

    async def send(self, reply: Reply) -> Sent:
        """Send a reply: in its own words within a day of the citizen's, and else as a template.

        Raises Refused, Barred, Busy or OutcomeUnknown. After a try of unknown outcome it is Busy for a while: the
        report of what became of that one carries the reply's id, and there is no other way to ask.
        """
        if reply.to.scheme != Scheme.WHATSAPP or not reply.to.value:
            raise Refused("no-address", "this is nobody on WhatsApp")
        if reply.first_tried_at is not None:
            left = PATIENCE - (datetime.now(UTC) - reply.first_tried_at)
            if left > timedelta(0):
                raise Busy("unknown", "the report of the earlier try may still come", retry_after=left.total_seconds())
        if not within_window(reply):
            return await self._post(reply, self._template(reply))
        try:
            return await self._post(reply, spoken(reply))
        except Refused as error:
            if error.code != REENGAGE:
                raise
            return await self._post(reply, self._template(reply))

    async def source(self, url: str) -> Source:
        """Ask where a photo or a recording may be fetched: the address that Meta names lives for five minutes."""
        account, media_id = _media(url)
        media = await self._graph.get(media_id, phone_number_id=account or self.settings.phone_number_id)
        address = text(media, "url")
        if not address:
            raise Busy("no-url", "Meta names no address")
        hosts, private = _MEDIA_HOSTS, ""
        if self.settings.api_url != DEFAULT_URL:
            parts_of = urlsplit(self.settings.api_url)
            hosts = hosts | {parts_of.hostname or ""}
            private = f"{parts_of.hostname}:{parts_of.port or _PORTS[parts_of.scheme]}"
        return Source(address, self._graph.headers, hosts, private, _sha256(text(media, "sha256")))

    async def forget(self, url: str) -> None:
        """Delete a photo or a recording at Meta; returns also when it is gone already. Raises Refused, Barred, Busy."""
        account, media_id = _media(url)
        try:
            await self._graph.delete(media_id, phone_number_id=account or self.settings.phone_number_id)
        except Refused as error:
            if error.code != "100/33":
                raise

    async def probe(self) -> str:
        """Ask Meta for our number. Raises Refused, Barred or Busy."""
        number = await self._graph.get(
            self.settings.phone_number_id, fields="display_phone_number,verified_name,quality_rating"
        )
        words = (text(number, name) for name in ("verified_name", "display_phone_number", "quality_rating"))
        return ", ".join(filter(None, words)) or "let in"

    async def close(self) -> None:
        """Close the session with the API."""
        await self._graph.close()

    def _template(self, reply: Reply) -> Mapping[str, Any]:
        templates: Mapping[str, Template] = self.settings.templates
        template = templates.get(reply.purpose) or templates.get(ANY)
        if template is None:
            raise Refused("window", "a day has passed, and there is no template for this", elsewhere=True)
        return template.document(reply)

    async def _post(self, reply: Reply, words: Mapping[str, Any]) -> Sent:
        number = reply.account or self.settings.phone_number_id
        answer = await self._graph.post(number, "messages", document={**envelope(reply), **words})
        ids = [text(message, "id") for message in parts(answer, "messages")]
        if not ids or not ids[0]:
            raise OutcomeUnknown("WhatsApp took it and gave no id")
        return Sent(ids[0], DeliveryState.QUEUED)


def _media(url: str) -> tuple[str, str]:
    """Return the number that heard a photo or a recording, and its id."""
    if not url.startswith(MEDIA):
        raise Refused("no-media", "this is nothing that WhatsApp keeps")
    account, _, media_id = url.removeprefix(MEDIA).partition("/")
    return account, media_id


def _sha256(digest: str) -> str:
    """Return a digest as the API gives it, in hex, or as its webhook does, in base64; empty when it is neither."""
    if _HEX.fullmatch(digest.lower()):
        return digest.lower()
    try:
        plain = base64.b64decode(digest, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""
    return plain if _HEX.fullmatch(plain) else ""
