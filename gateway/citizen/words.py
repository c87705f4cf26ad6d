"""What the citizens' pages say of themselves: labels, hints and faults, one Project Fluent file for each language.

What the city says (statuses, events, names) is not here but in its own files. Fluent wraps every placeable in bidi
isolates; in a page they become <bdi>, so that a number or a file's name never turns the sentence around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from fluent.runtime import FluentBundle, FluentResource
from markupsafe import Markup, escape

from normalizer.text import clean

_OPEN, _CLOSE = "\u2068", "\u2069"

RIGHT_TO_LEFT = frozenset({"ar", "ckb", "fa", "ur"})


class Words:
    """The pages' words in those of the city's languages that there are words for; in all of them if there are none."""

    def __init__(self, languages: Sequence[str], room: str = "gateway.citizen") -> None:
        entries = files(room).joinpath("words").iterdir()
        books = {book.name.removesuffix(".ftl"): book for book in entries if book.name.endswith(".ftl")}
        self.languages = tuple(language for language in languages if language in books) or tuple(sorted(books))
        self._bundles: dict[str, FluentBundle] = {}
        for language in self.languages:
            bundle = FluentBundle([language])
            bundle.add_resource(FluentResource(books[language].read_text(encoding="utf-8")))
            self._bundles[language] = bundle

    def plain(self, language: str, message: str, /, **arguments: str | int) -> str:
        """Say it for an attribute or a title: no markup, no isolates. Raises KeyError when there is no such message."""
        return self._format(language, message, arguments).replace(_OPEN, "").replace(_CLOSE, "")

    def say(self, language: str, message: str, /, **arguments: str | int) -> Markup:
        """Say it for a page, escaped, with <bdi> around what was filled in. Raises KeyError as `plain` does."""
        return isolated(self._format(language, message, arguments))

    def _format(self, language: str, message: str, arguments: Mapping[str, str | int]) -> str:
        bundle = self._bundles[language]
        # Cleaned: a citizen's own isolates would be taken for ours.
        safe = {name: clean(value) if isinstance(value, str) else value for name, value in arguments.items()}
        pattern = bundle.get_message(message).value
        if pattern is None:
            raise KeyError(message)
        text, faults = bundle.format_pattern(pattern, safe)
        if faults:
            raise KeyError(f"{message}: {faults[0]}")
        return str(text)


def isolate(value: str) -> str:
    """Wrap a value that goes into one of the city's phrases, which has no isolates of its own."""
    return f"{_OPEN}{clean(value)}{_CLOSE}"


def isolated(text: str) -> Markup:
    """Escape a text for a page and make its bidi isolates <bdi> elements."""
    return Markup(str(escape(text)).replace(_OPEN, "<bdi>").replace(_CLOSE, "</bdi>"))  # noqa: S704 - escaped just before
