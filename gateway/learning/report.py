"""The account of a city's understanding as tables for people: Markdown, to be put between two marks of a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gateway.learning.evaluate import Account
from gateway.learning.material import Case

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_MOST_CONFUSED = 15
_NONE = "–"

_Cells = Sequence[object]


def put_into(page: str, figures: str) -> str:
    """Return a page with the figures between its two marks, at its end where it has none."""
    head, mark, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2] if mark else "\n"
    return f"{head.rstrip()}\n\n{BEGIN}\n{figures.strip()}\n{END}{tail}"


def write(file: Path, account: Account) -> None:
    """Put the figures of an account into a page, which need not be there yet. Raises OSError."""
    page = file.read_text("utf-8") if file.is_file() else ""
    file.write_text(put_into(page, figures(account)), "utf-8")


def figures(account: Account) -> str:
    """Write every table of an account."""
    return "\n\n".join(_tables(account))


def _tables(account: Account) -> Iterator[str]:
    yield _table(
        ("all cases", "count of all, share, 95 % interval"),
        (
            ("sent without a person", account.coverage()),
            ("right among those", account.precision()),
            ("right department first, sent or suggested", account.first()),
            ("right department among the first three", account.among_three()),
            ("no complaint, sent all the same", account.idle()),
            ("danger found", account.danger_found()),
            ("false alarms of danger", account.false_alarms()),
            ("district right, where one is named", account.districts()),
            ("district given, where none is named", account.placed_wrongly()),
        ),
    )
    for title, group in _GROUPS.items():
        yield _by(title, account.by(group))
    yield _table(
        ("stated confidence", "cases", "stated on average", "right"),
        ((tenth, share.of, f"{stated:.1%}", share) for tenth, (share, stated) in account.calibration().items()),
    )
    confused = account.confusion().most_common(_MOST_CONFUSED)
    yield _table(("right department", "taken for", "cases"), ((*pair, count) for pair, count in confused))
    yield _matrix(account)


def _by(title: str, groups: Mapping[str, Account]) -> str:
    rows = (
        (name or _NONE, len(one.acted_on()), one.coverage(), one.precision(), one.among_three())
        for name, one in groups.items()
        if one.acted_on()
    )
    return _table((title, "cases", "sent without a person", "right among those", "right among three"), rows)


def _matrix(account: Account) -> str:
    """Set the right department of each case (down) against the one it went to without a person (across)."""
    automatic = [one for one in account.acted_on() if one.automatic and one.case.departments]
    # A case with several right departments counts as the one it went to.
    sent = Counter((one.first if one.right else one.case.departments[0], one.first) for one in automatic)
    names = sorted({name for pair in sent for name in pair})
    rows = ((down, *(sent[down, across] or "" for across in names)) for down in names)
    return _table(("right, down; sent to, across", *names), rows)


def _table(head: _Cells, rows: Iterable[_Cells]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _one(name: str) -> Callable[[Case], Iterable[str]]:
    return lambda case: (str(getattr(case, name)),)


_GROUPS: Mapping[str, Callable[[Case], Iterable[str]]] = {
    "dialect": _one("dialect"),
    "language": _one("language"),
    "channel": _one("channel"),
    "category": lambda case: case.categories[:1],
}
