"""The words of a message, each with where it stands, folded, and with the small words that Arabic glues to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from normalizer.place import sorani
from normalizer.text import fold

_ARABIC = (
    "\u0610-\u061a\u061c\u0620-\u065f\u066e-\u06d3\u06d5-\u06dc\u06df-\u06e8\u06ea-\u06ef\u06fa-\u06ff"
    "\u0750-\u077f\u08a0-\u08ff\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufb50-\ufdff\ufe70-\ufeff"
)
_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
# What is longer than anybody's word is cut: words are remembered, and are looked for without each of their letters.
_WORD = re.compile(f"[0-9]{{0,3}}[{_LATIN}][{_LATIN}0-9'’]{{0,63}}|\\d{{1,64}}|[{_ARABIC}]{{1,64}}")
_BREAK = re.compile(r"[\n.,،؛;:!؟?()\[\]/|\\«»\"•-]")
_ARTICLE = "ال"
_SHORT = frozenset({"حي", "تل", "ام"})  # words so short that begin a name all the same
_LETTERS_LEFT = 3  # what must remain of a word when something is taken off its front
_REMEMBERED = 8192  # words


@dataclass(frozen=True, slots=True)
class Words:
    """A message word by word: `folded[i]` stands in the text from `starts[i]` to `ends[i]`."""

    text: str
    folded: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def parted(self, before: int) -> bool:
        """Say whether a mark or an end of line stands before this word, or whether it is the first or past the last."""
        if before <= 0 or before >= len(self.folded):
            return True
        return bool(_BREAK.search(self.text, self.ends[before - 1], self.starts[before]))


def words_of(text: str) -> Words:
    """Split a text into words. Folded one by one, so that each can be found again where the citizen wrote it."""
    found = list(_WORD.finditer(text))
    # One call folds them all: nothing is folded across a line end, and no word holds one.
    folded = fold("\n".join(map(re.Match.group, found))).split("\n")
    if "" in folded:  # a word of nothing but marks; or no word at all
        found = [match for match, word in zip(found, folded, strict=False) if word]
        folded = [word for word in folded if word]
    if sorani.written(text):
        folded = [sorani.retold(match[0], word) for match, word in zip(found, folded, strict=True)]
    return Words(text, tuple(folded), tuple(map(re.Match.start, found)), tuple(map(re.Match.end, found)))


def bare(word: str) -> str:
    """Return a folded word without the article."""
    return word[2:] if word.startswith(_ARTICLE) and len(word) >= len(_ARTICLE) + _LETTERS_LEFT else word


def heads(word: str) -> tuple[tuple[str, str], ...]:
    """Return the ways to read the first word of a name, each with the preposition glued to its front (ب ل ع م) or "".

    "وبالدورة" is read as it stands, as "بالدورة" and, behind ب, as "الدورة".
    """
    return tuple(dict.fromkeys(_heads(word)))


def _heads(word: str) -> Iterator[tuple[str, str]]:
    yield word, ""
    whole = [word]
    if word[:1] in "وف" and (len(word) > _LETTERS_LEFT or word[1:] in _SHORT):
        whole.append(word[1:])
        yield word[1:], ""
    for rest in whole:
        if rest[:1] in "بلع" and (len(rest) > _LETTERS_LEFT or rest[1:] in _SHORT):
            yield rest[1:], rest[0]
        if rest[:2] in {"لل", "بل", "عل", "مل"} and len(rest) > _LETTERS_LEFT + 1:  # the article without its alif
            yield _ARTICLE + rest[2:], rest[0]


@lru_cache(maxsize=_REMEMBERED)
def plain(word: str) -> str:
    """Return a small word without what is glued to its front, to be looked up among cue words."""
    if word[:1] in "وف" and (len(word) > _LETTERS_LEFT or word[1:] in _SHORT):
        word = word[1:]
    if word[:1] in "بل" and (len(word) > _LETTERS_LEFT or word[1:] in _SHORT):
        word = f"{_ARTICLE}{word[2:]}" if word.startswith("لل") else word[1:]
    return bare(word)
