"""A carrier's habits as data: what it calls things, how it proves itself, how it is spoken to. Read at the start."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    ValidationError,
    field_validator,
    model_validator,
)

from channels.message import DeliveryState

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
PLACES = frozenset(
    {"to", "to_plain", "from", "text", "text_hex", "id", "token", "user", "basic", "callback", "coding", "language"}
)
_QUIET = frozenset({"text", "text_hex"})  # a citizen may read them in a body; in a header or a URL they end in logs
SECRET_PLACES = frozenset({"token", "basic"})

Method = Literal["POST", "GET"]
Meaning = Literal["refused", "opted_out", "busy", "barred", "alarm"]


def _charset(value: str) -> str:
    try:
        return codecs.lookup(value).name
    except LookupError as error:
        raise ValueError("is no character set") from error


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError("is no regular expression") from error
    return value


Charset = Annotated[str, AfterValidator(_charset)]
Regex = Annotated[str, AfterValidator(_pattern)]


class Part(BaseModel):
    """What every part of a profile is: closed, so that a slip of the pen is found at the start."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Fields(Part):
    """Where a message's parts stand: names of form fields, or paths with dots into a JSON document."""

    sender: str = Field(min_length=1, alias="from")
    to: str = ""
    text: str = Field(min_length=1)
    id: str = ""
    time: str = ""
    part: str = ""
    parts: str = ""
    coding: str = ""


class Hmac(Part):
    """A keyed digest of the request, in a header or a field."""

    kind: Literal["hmac"]
    header: str = ""
    field: str = ""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    over: Literal["body", "query"] | tuple[str, ...] = "body"
    separator: str = ""
    timestamp_header: str = ""
    timestamp_field: str = ""
    tolerance: int = Field(300, ge=1, le=86_400)  # seconds

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.header) is bool(self.field):
            raise ValueError("says where the signature stands: in a header or in a field")
        if not self.over:
            raise ValueError("says what is signed: body, query, or the fields")
        if self.field and isinstance(self.over, str):
            raise ValueError("a signature in a field cannot cover the field itself: list the fields that it covers")
        if self.timestamp_field and isinstance(self.over, tuple) and self.timestamp_field not in self.over:
            raise ValueError("over: the time must be signed as well")
        return self


class Header(Part):
    """The secret itself in a header."""

    kind: Literal["header"]
    header: str = Field(min_length=1)
    prefix: str = ""


class Secret(Part):
    """The secret itself in a field of the request or of its address."""

    kind: Literal["field"]
    field: str = Field(min_length=1)


class Basic(Part):
    """HTTP's basic authentication; the secret is user:password."""

    kind: Literal["basic"]


Proof = Annotated[Hmac | Header | Secret | Basic, Field(discriminator="kind")]


class Answer(Part):
    """What the carrier wants to hear when we have it."""

    status: int = Field(200, ge=200, le=299)
    body: str = ""
    content_type: str = "text/plain"


class Incoming(Part):
    """How citizens' messages arrive."""

    method: Method = "POST"
    format: Literal["json", "form"] = "json"  # a GET has its fields in the address, whatever this says
    charset: Charset = "utf-8"
    fields: Fields
    items: str = ""  # the path to a list of messages in a JSON document
    numbers: Literal["international", "as-given"] = "as-given"
    time_format: str = "iso"
    utc_offset: str = Field("+00:00", pattern=r"^[+-][0-9]{2}:[0-9]{2}$")
    text_form: Literal["plain", "ucs2-hex"] = "plain"
    ucs2_when: tuple[str, ...] = ()  # values of the field `coding` with which the text is UCS-2 in hexadecimal
    proof: Proof
    sources: tuple[IPvAnyNetwork, ...] = ()
    answer: Answer = Answer()

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        if not self.fields.id and not self.fields.time:
            raise ValueError("fields: id or time is needed, or the same words a year later would be the same message")
        if self.method == "GET" and isinstance(self.proof, Hmac) and self.proof.over == "body":
            raise ValueError("proof: a GET has no body that could be signed")
        return self


class ReportFields(Part):
    """Where a report's parts stand."""

    id: str = Field(min_length=1)
    state: str = Field(min_length=1)
    error: str = ""
    reply: str = ""
    to: str = ""


class Reports(Part):
    """How the carrier tells what became of a reply. It proves itself as it does with messages."""

    method: Method = "POST"
    format: Literal["json", "form"] = "json"
    charset: Charset = "utf-8"
    fields: ReportFields
    items: str = ""
    states: Mapping[str, DeliveryState]
    transient: tuple[str, ...] = ()

    @field_validator("states", mode="before")
    @classmethod
    def _ours(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for state in value.values():
            if state not in set(DeliveryState):
                raise ValueError(f"{state} is none of {', '.join(DeliveryState)}")
        return value


class Match(Part):
    """What an answer must be: every condition that is given holds."""

    status: tuple[int, ...] = ()
    path: str = ""
    values: tuple[str, ...] = ()
    regex: Regex = ""


class Fault(Match):
    """An answer of the carrier's, and what it means."""

    means: Meaning

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.status or (self.path and self.values) or self.regex):
            raise ValueError("says which answers it means: by status, path and values, or regex")
        return self


class Identity(Part):
    """Where the carrier's id for a reply stands: at a path of the document, or as the regex's first group."""

    path: str = ""
    regex: Regex = ""


class Coding(Part):
    """What {coding} becomes: for words of the GSM alphabet, and for all others."""

    plain: str = "0"
    unicode: str = "8"


class Outgoing(Part):
    """How replies are sent."""

    url: str
    method: Method = "POST"
    format: Literal["json", "form"] = "json"
    charset: Charset = "utf-8"
    headers: Mapping[str, str] = {}
    fields: Mapping[str, Any]
    signature: Hmac | None = None
    coding: Coding = Coding()
    success: Match = Match(status=(200, 201, 202))
    id: Identity = Identity()
    errors: tuple[Fault, ...] = ()

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "{" in parts.netloc:
            raise ValueError("must be http:// or https:// with a host")
        return value

    @model_validator(mode="after")
    def _known_places(self) -> Self:
        quiet = {place for text in (self.url, *self.headers.values()) for place in PLACEHOLDER.findall(text)}
        if quiet & _QUIET:
            raise ValueError("a citizen's words belong in fields, not in the URL or a header")
        unknown = self.places - PLACES
        if unknown:
            raise ValueError(f"nothing is called {{{min(unknown)}}}")
        return self

    @model_validator(mode="after")
    def _signable(self) -> Self:
        signed = self.signature
        if signed and signed.over == ("body" if self.method == "GET" else "query"):
            raise ValueError(f"signature: a {self.method} has no {signed.over} that could be signed")
        if signed and isinstance(signed.over, tuple):
            missing = set(signed.over) - self.fields.keys() - {signed.timestamp_field}
            if missing:
                raise ValueError(f"signature: over names {min(missing)}, which is none of the fields")
        return self

    @property
    def places(self) -> frozenset[str]:
        """The placeholders that stand somewhere in it."""
        texts = [self.url, *self.headers.values(), *_texts(self.fields)]
        return frozenset(place for text in texts for place in PLACEHOLDER.findall(text))


class Profile(Part):
    """One carrier's habits."""

    inbound: Incoming
    reports: Reports | None = None
    outbound: Outgoing | None = None


def load(name: str) -> Profile:
    """Read a profile: a path to a TOML file, or the name of one that comes with the program.

    Raises ValueError, with what is wrong and where.
    """
    try:
        if name.endswith(".toml"):
            text = Path(name).read_text("utf-8")
        else:
            text = resources.files("channels.carrier").joinpath(f"{Path(name).name}.toml").read_text("utf-8")
        return Profile.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read ({type(error).__name__}): the path of a TOML file, or 'example'") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
