"""Cutting a long text into messages, at the places where a reader pauses."""

from __future__ import annotations

LONGEST = 4096  # Telegram counts as UTF-16 does: an emoji is two


def pieces(text: str, longest: int = LONGEST) -> list[str]:
    """Cut a text at paragraphs, else at lines, else at spaces, else anywhere between two characters."""
    found = []
    rest = text.strip()
    while _length(rest) > longest:
        head = _head(rest, longest)
        cut = next((at for pause in ("\n\n", "\n", " ") if (at := head.rfind(pause)) > 0), len(head))
        found.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*found, rest]


def _head(text: str, longest: int) -> str:
    """Return as much of the beginning as fits, whole characters only."""
    units = text[:longest].encode("utf-16-le", "surrogatepass")[: 2 * longest]
    return units.decode("utf-16-le", "ignore")


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
