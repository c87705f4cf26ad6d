"""What a request says, by name: the fields of a form or an address, or the places of a JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl

from aiohttp import web

from channels.base import Unreadable
from channels.sms_alphabet import decode

_MOST_FIELDS = 200
_EIGHT_BIT = 0x04  # the data_coding that says nothing but "bytes"


class Words(Protocol):
    """A request, or one message of several in it."""

    def get(self, name: str) -> str:
        """Return what stands under a name; empty when nothing does, or the name is empty."""

    def has(self, name: str) -> bool:
        """Whether something stands under a name, be it nothing but emptiness."""

    def raw(self, secret: str) -> Mapping[str, Any]:
        """Return all of it for the record, without the field that holds a secret."""


class Form:
    """Fields of a form or an address. The first of a name counts; bytes that are not of the charset are guessed."""

    def __init__(self, encoded: bytes, charset: str) -> None:
        try:
            # As Latin-1 both ways, bytes come through as they are, also where they stand unescaped.
            pairs = parse_qsl(
                encoded.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=_MOST_FIELDS
            )
        except ValueError as error:
            raise Unreadable("more fields than any message has") from error
        self._fields: dict[str, str] = {}
        for name, value in pairs:
            self._fields.setdefault(_read(name, charset), _read(value, charset))

    def get(self, name: str) -> str:
        """Return the value of a field."""
        return self._fields.get(name, "") if name else ""

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        return name in self._fields

    def raw(self, secret: str) -> Mapping[str, Any]:
        """Return the fields."""
        return {name: value for name, value in self._fields.items() if name != secret}


class Document:
    """A JSON document. A name is a path: `message.text`, `items.0.id`. Numbers keep the digits that were written."""

    def __init__(self, value: Any) -> None:
        self._value = value

    @classmethod
    def read(cls, body: bytes) -> Document:
        """Read a body. Raises Unreadable."""
        try:
            value = json.loads(body, parse_int=str, parse_float=str)
            json.dumps([[[value]]])  # nested as it will be kept: what is too deep then is too deep now
            return cls(value)
        except (ValueError, RecursionError) as error:
            raise Unreadable("not JSON") from error

    def get(self, name: str) -> str:
        """Return the text at a path. What is no text, number or truth value is nothing."""
        value = self._at(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        return value if isinstance(value, str) else ""

    def has(self, name: str) -> bool:
        """Whether there is a text, a number or a truth value at a path."""
        return isinstance(self._at(name), (str, bool))

    def raw(self, secret: str) -> Mapping[str, Any]:
        """Return the document."""
        if not isinstance(self._value, dict):
            return {"document": self._value}
        return {name: value for name, value in self._value.items() if name != secret.partition(".")[0] or not secret}

    def each(self, path: str) -> Iterator[Document]:
        """Yield the messages of a list at a path. Raises Unreadable when there is none."""
        value = self._at(path)
        if not isinstance(value, list):
            raise Unreadable("no list of messages where the profile says that it is")
        for item in value:
            yield Document(item)

    def _at(self, path: str) -> Any:
        value = self._value if path else None
        for step in path.split("."):
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and step.isascii() and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        return value


def read(request: web.Request, body: bytes, kind: Literal["json", "form"], charset: str) -> Words:
    """Read a request: the address of a GET, the body of a POST. Raises Unreadable."""
    if request.method == "GET":
        return Form(query_of(request), charset)
    return Document.read(body) if kind == "json" else Form(body, charset)


def query_of(request: web.Request) -> bytes:
    """Return the part of the address after the question mark, as it came."""
    return request.raw_path.partition("?")[2].encode("utf-8", "surrogateescape")


def _read(value: str, charset: str) -> str:
    data = value.encode("latin-1")
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        return decode(data, _EIGHT_BIT)  # some carrier on the way did not do as it said: see what it can be
