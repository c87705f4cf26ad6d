"""What the statistical model sees of a text: words, pairs of words, and short runs of letters within a word.

Runs of letters carry misspellings and what clings to a word; pairs carry what a word alone does not say. The trainer
and the running gateway call the same functions, so that what was learned is what is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from normalizer.stem import MARKS

SHORTEST, LONGEST = 3, 5  # letters in a run
_MOST_LETTERS = 24  # of one word: nobody's word is longer, and hostile ones cost no more than this
_PREFIXES = ("وبال", "وعال", "وهال", "وال", "بال", "كال", "فال", "عال", "هال", "ولل", "ال", "لل")
_LEAST = 3


def words(tokens: Sequence[str]) -> list[str]:
    """Return the words among a text's tokens. Figures are left out: a number of a house or a meter says nothing."""
    return [token[:_MOST_LETTERS] for token in tokens if token not in MARKS and not token.isdigit()]


@lru_cache(maxsize=16_384)
def of_word(word: str) -> tuple[str, ...]:
    """Return the features of one word: itself without its article, and the runs of letters within it."""
    bare = without_article(word)
    padded = f"_{word}_"
    runs = {
        padded[start : start + length]
        for length in range(SHORTEST, LONGEST + 1)
        for start in range(len(padded) - length + 1)
    }
    return (f"={bare}", *sorted(runs))


def of_pairs(found: Sequence[str]) -> Iterator[str]:
    """Yield a feature for each two words that follow one another."""
    bare = [without_article(word) for word in found]
    for first, second in pairwise(bare):
        yield f"{first} {second}"


@lru_cache(maxsize=16_384)
def without_article(word: str) -> str:
    """Return a folded word without the article and what is written together with it."""
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= _LEAST:
            return word[len(prefix) :]
    return word
