"""What a reply looks like on WhatsApp: free words within a day of the citizen's own, and afterwards a template.

A template is a text that Meta has approved under a name, with places for a few values. Which one serves which purpose
is the city's to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from channels.base import Refused
from channels.message import Reply

WINDOW = timedelta(hours=24) - timedelta(minutes=10)
"""How long after a citizen's words we may answer in our own; a little less than WhatsApp says, for the way there."""

LONGEST = 4096
"""Characters in one message; Meta refuses a longer one."""

ANY = "*"
"""The template for a purpose that has none of its own."""

_NUMBER = re.compile(r"\+?[0-9]+")


class Template(BaseModel):
    """A template at Meta: its name, what stands in its places, in their order, and its languages there."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    parameters: tuple[str, ...] = ()
    languages: Mapping[str, str] = Field({"ar": "ar", "en": "en"}, min_length=1)

    def document(self, reply: Reply) -> Mapping[str, Any]:
        """Fill it in. A citizen's language that it does not have becomes its first. Raises Refused."""
        language = self.languages.get(reply.language) or next(iter(self.languages.values()))
        said = {"reference": reply.reference, "text": reply.text, **reply.values}
        # Meta refuses a value that is empty, or has line breaks or many spaces in it.
        values = [" ".join(said.get(name, "").split()) for name in self.parameters]
        if not all(values):
            raise Refused(
                "no-value", "the template wants a value that this reply does not have", alarm=True, elsewhere=True
            )
        template: dict[str, Any] = {"name": self.name, "language": {"policy": "deterministic", "code": language}}
        if values:
            places = [{"type": "text", "text": value} for value in values]
            template["components"] = [{"type": "body", "parameters": places}]
        return {"type": "template", "template": template}


def spoken(reply: Reply) -> Mapping[str, Any]:
    """Lay out a reply in our own words, beside the message that it answers."""
    words = reply.text if len(reply.text) <= LONGEST else f"{reply.text[: LONGEST - 1]}…"
    document: dict[str, Any] = {"type": "text", "text": {"body": words, "preview_url": False}}
    return {**document, "context": {"message_id": reply.thread}} if reply.thread else document


def envelope(reply: Reply) -> Mapping[str, Any]:
    """Address a reply, and mark it with its id, which comes back in every report of what became of it."""
    value = reply.to.value
    # Somebody without a number is addressed in a field of its own.
    to = {"to": value.removeprefix("+")} if _NUMBER.fullmatch(value) else {"recipient": value}
    marks = {"biz_opaque_callback_data": reply.id}
    return {"messaging_product": "whatsapp", "recipient_type": "individual", **to, **marks}


def within_window(reply: Reply) -> bool:
    """Say whether we may still answer in our own words."""
    return reply.heard_at is not None and datetime.now(UTC) - reply.heard_at < WINDOW
