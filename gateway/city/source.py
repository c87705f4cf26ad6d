"""One TOML file of a city: read, checked against its model, and able to say on which line a key stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from gateway.city.lines import Place, lines
from gateway.city.problems import Problem, unknown

Model = TypeVar("Model", bound=BaseModel)

_PACKED = b"PK\x03\x04"  # how .xlsx and .ods begin, whatever name somebody gave them


def read_text(file: Traversable, problems: list[Problem]) -> str | None:
    """Read a file as UTF-8, with or without the mark that Windows editors put in front; None when it cannot be read."""
    try:
        held = file.read_bytes()
        if held.startswith(_PACKED):
            problems.append(Problem(str(file), 0, "", "is a packed file such as .xlsx; save a sheet as CSV UTF-8"))
            return None
        return held.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.append(Problem(str(file), line, "", "is not UTF-8; save the file with the encoding UTF-8"))
    except OSError as error:
        problems.append(Problem(str(file), 0, "", f"cannot be read: {error.strerror or 'it is not there'}"))
    return None


@dataclass(frozen=True)
class Source:
    """A TOML file as it stands on disk."""

    path: str
    text: str
    data: Mapping[str, Any]

    @classmethod
    def read(cls, file: Traversable, problems: list[Problem]) -> Source | None:
        """Read a file, or add to `problems` why it is not TOML."""
        text = read_text(file, problems)
        if text is None:
            return None
        try:
            return cls(str(file), text, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            what, _, where = str(error).partition(" (at ")
            found = re.search(r"line (\d+)", where)
            line = int(found.group(1)) if found else text.count("\n") + 1
            said = f"is not valid TOML: {what[:1].lower()}{what[1:]}{_guess(what)}"
            problems.append(Problem(str(file), line, "", said))
        except (ValueError, RecursionError) as error:  # thousands of digits, or of brackets within brackets
            what = "goes too deep" if isinstance(error, RecursionError) else "has a number with too many digits"
            problems.append(Problem(str(file), 0, "", f"cannot be read: it {what}"))
        return None

    @cached_property
    def lines(self) -> Mapping[Place, int]:
        """Where everything stands; worked out only once somebody must be told."""
        return lines(self.text)

    def problem(self, place: Place, what: str) -> Problem:
        """Say what is wrong at a key; for a missing key the line is that of the table that lacks it."""
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        return Problem(self.path, self.lines.get(known, 0), self._key(place), what)

    def checked(self, model: type[Model], problems: list[Problem]) -> Model | None:
        """Return the file as `model`, or add everything that does not fit to `problems`."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            details = error.errors(include_url=False)
            problems.extend(self.problem(detail["loc"], _said(detail, model)) for detail in details)
            return None

    def ids(self, table: str) -> frozenset[str]:
        """Return the ids that the file's tables carry, whatever else may be wrong with them."""
        rows = self.data.get(table)
        found = (row.get("id") for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
        return frozenset(name for name in found if isinstance(name, str))

    def _key(self, place: Place) -> str:
        """Write a place as a person would: rule[water].department, or words[3] counted from 1."""
        written, value = "", self.data
        for step in place:
            value = _inside(value, step)
            if isinstance(step, int):
                name = value.get("id") if isinstance(value, dict) else None
                written += f"[{name if isinstance(name, str) else step + 1}]"
            else:
                written += f".{step}" if written else step
        return written


def _inside(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None


def _guess(fault: str) -> str:
    """Ask for what is most likely missing where tomllib only says at what it stumbled."""
    if fault.startswith(("Unterminated string", "Illegal character '\\n'", "Expected '\"'", "Expected \"'")):
        return ': is a closing " missing?'
    if fault.startswith("Unclosed array"):
        return ": is a comma or ] missing?"
    return ""


def repeated(source: Source, table: str, key: str, values: Iterable[str]) -> Iterator[Problem]:
    """Find what stands under one key in two rows of a table, where it may stand but once."""
    seen: set[str] = set()
    for position, value in enumerate(values):
        if value in seen:
            yield source.problem((table, position, key), f"{value!r} stands there for the second time")
        seen.add(value)


def _said(detail: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Turn what pydantic found into what a clerk can act on."""
    found = detail["input"]
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return unknown(str(detail["loc"][-1]), _fields(model, detail["loc"][:-1]))
        case "literal_error" | "enum":
            return f"must be {detail['ctx']['expected']}, not {found!r}"
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            what = str(detail["msg"])
            told = isinstance(found, str | int | float | bool) and not model.model_config.get("hide_input_in_errors")
            shown = f", not {found!r}" if told else ""
            return f"{what[:1].lower()}{what[1:]}{shown}"


def _fields(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """List the keys that a model allows at a place."""
    for step in place:
        if isinstance(step, str) and step in model.model_fields:
            model = next(_models(model.model_fields[step].annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
