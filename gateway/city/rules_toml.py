"""Rules written as rules.toml, the form with room for remarks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

_ORDER: Final = (
    "id", "category", "words", "district", "kind", "channel", "hours", "days", "group", "priority", "public",
    "vulnerable", "is_confidential", "min_confidence", "department", "set_priority", "notice", "confidential", "reason",
)  # fmt: skip
_ESCAPED: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_UNWRITABLE: Final = re.compile(r'[\\"\x00-\x1f\x7f]')
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_WIDE: Final = 100  # characters of a list on one line


def write(min_confidence: float, rules: Iterable[Mapping[str, Any]]) -> str:
    """Write rules, given as tables with the keys of rules.toml."""
    blocks = [f"min_confidence = {min_confidence!r}\n"]
    for rule in rules:
        lines = [f"{key} = {_value(rule[key])}\n" for key in _ORDER if key in rule]
        blocks.append("[[rule]]\n" + "".join(lines))
    return "\n".join(blocks)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return _list([_value(one) for one in value])
        case dict():
            return f"{{ {', '.join(f'{_key(key)} = {_value(one)}' for key, one in value.items())} }}"
        case str():
            return _text(value)
        case _:
            return repr(value)


def _list(written: list[str]) -> str:
    if len(written) == 1:
        return written[0]
    line = f"[{', '.join(written)}]"
    return line if len(line) <= _WIDE else "[\n" + "".join(f"  {one},\n" for one in written) + "]"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(value: str) -> str:
    escaped = _UNWRITABLE.sub(lambda found: _ESCAPED.get(found[0], f"\\u{ord(found[0]):04x}"), value)
    return f'"{escaped}"'
