"""What every webhook of Meta shares: the handshake by GET, and the signature.

WhatsApp's Cloud API, Facebook Pages with Messenger, and Instagram deliver alike: any number of entries in one POST, in
any order, again for up to seven days until they hear 200, and signed with the secret of the app.

Sources: Meta's "Webhooks: Getting Started" page; `X-Hub-Signature-256` is HMAC-SHA256, in lower-case hex, over the
bytes as they were sent, in which Meta escapes whatever is not ASCII.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import ClassVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from channels.base import Forged, Webhook

SIGNATURE = "X-Hub-Signature-256"
_PREFIX = b"sha256="


class MetaSettings(BaseModel):
    """The app at Meta that delivers to us."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app_secret: SecretStr = Field(min_length=1, description="Signs what Meta sends: the app's, not a token.")
    app_secret_secondary: SecretStr | None = Field(None, description="The other one, while it is being replaced.")
    verify_token: SecretStr = Field(min_length=1, description="Words of your own that Meta repeats when it subscribes.")


class MetaWebhook(Webhook):
    """A channel that Meta calls. A subclass fills `parse`."""

    provider = "meta"
    reads: ClassVar[Mapping[str, str]] = {"": "Meta asks whether this address is ours before it delivers there."}
    max_body: ClassVar[int] = 4 * 1024 * 1024  # Meta sends up to 3 MB, and goes on sending what was refused for days

    def __init__(self, settings: MetaSettings) -> None:
        super().__init__(settings)
        second = settings.app_secret_secondary
        secrets = [settings.app_secret.get_secret_value(), second.get_secret_value() if second else ""]
        self._secrets = [secret.encode() for secret in secrets if secret]

    def verify(self, request: web.Request, body: bytes) -> None:
        """Check the signature over the raw bytes. Raises Forged."""
        given = request.headers.get(SIGNATURE)
        if given is None:
            raise Forged(f"no {SIGNATURE}")
        # As bytes: compare_digest refuses a str that is not ASCII, and a hostile header would become a 500.
        given_bytes = given.encode("utf-8", "surrogateescape")
        if not any([hmac.compare_digest(given_bytes, _signature(secret, body)) for secret in self._secrets]):  # noqa: C419 - all of them, so that the time tells nothing
            raise Forged("the signature does not match")

    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that Meta would send with this body."""
        del url  # it is not signed
        return {"Content-Type": "application/json", SIGNATURE: _signature(self._secrets[0], body).decode("ascii")}

    def extend(self, app: web.Application) -> None:
        """Answer the handshake: Meta asks by GET whether this address is ours before it delivers there."""
        app.router.add_get("", self._subscribe)

    async def _subscribe(self, request: web.Request) -> web.Response:
        token = self.settings.verify_token.get_secret_value().encode()
        given = request.query.get("hub.verify_token", "").encode("utf-8", "surrogateescape")
        if request.query.get("hub.mode") != "subscribe" or not hmac.compare_digest(given, token):
            raise web.HTTPForbidden(text="")
        # As plain text: a page that repeats what is in its address would be a way to run a script on our site.
        return web.Response(
            text=request.query.get("hub.challenge", ""),
            content_type="text/plain",
            headers={"X-Content-Type-Options": "nosniff"},
        )


def _signature(secret: bytes, body: bytes) -> bytes:
    return _PREFIX + hmac.new(secret, body, hashlib.sha256).hexdigest().encode("ascii")
