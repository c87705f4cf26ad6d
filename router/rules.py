"""An ordered table of rules, and the pure function that asks it who is responsible."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from normalizer.complaint import Complaint
from normalizer.text import fold
from router.route import Route, Suggestion

MOST_SUGGESTIONS = 5  # more than a person at the triage desk would read

# What may be written together with an Arabic word: and, so; in, to, like, on, this; the. A clerk writes the bare word.
_CLITICS = "(?:[وف]?(?:[بلكعه]?ال|لل|[بل])?)?"

_KINDS = {"complaint": "شكوى", "request": "طلب", "suggestion": "مقترح", "enquiry": "استفسار"}
_PRIORITIES = {"normal": "اعتيادية", "high": "عالية", "distress": "خطر على الحياة"}


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. It fits when every condition that is not empty holds; without conditions it fits all.

    `words` are words or phrases of which one must stand in the text, however it is spelled. `min_confidence` (0 to 1)
    replaces the table's for this rule, and counts only where the rule asks for a category: what a clerk's words or a
    district say is certain. `reason` maps a language to what the officer shall read instead of the conditions.
    `confidential` keeps from the department who complains.
    """

    id: str
    department: str
    categories: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    districts: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    priorities: frozenset[str] = frozenset()
    min_confidence: float | None = None
    reason: Mapping[str, str] = field(default_factory=_nothing)
    confidential: bool = False
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _needles: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", _pattern(self.words))
        object.__setattr__(self, "_needles", tuple({_needle(word) for word in self.words} - {""}))

    @property
    def unconditional(self) -> bool:
        """Whether it fits every complaint."""
        return not (self.words or any(self._conditions()))

    def covers(self, other: Rule) -> bool:
        """Tell whether it fits every complaint that `other` fits, so that `other`, standing below, is never reached."""
        mine, theirs = (*self._conditions(), frozenset(self.words)), (*other._conditions(), frozenset(other.words))
        return all(not wide or (narrow and narrow <= wide) for wide, narrow in zip(mine, theirs, strict=True))

    def fits(self, complaint: Complaint, folded: str) -> bool:
        """Tell whether every condition holds; `folded` is the complaint's text, folded once for all rules."""
        if (
            (self.categories and complaint.category not in self.categories)
            or (self.channels and complaint.channel not in self.channels)
            or (self.kinds and complaint.kind not in self.kinds)
            or (self.priorities and complaint.priority not in self.priorities)
            or (self.districts and (complaint.place is None or complaint.place.district not in self.districts))
        ):
            return False
        return not self.words or self._said(folded)

    def _said(self, folded: str) -> bool:
        """Tell whether one of the words stands in the text. The pattern is slow, and most texts have none of them."""
        if self._pattern is None or not any(needle in folded for needle in self._needles):
            return False
        return self._pattern.search(folded) is not None

    def _conditions(self) -> tuple[frozenset[str], ...]:
        return self.categories, self.districts, self.channels, self.kinds, self.priorities


@dataclass(frozen=True, slots=True)
class RuleTable:
    """A city's rules in their order.

    `triage` is the department where a person decides; it takes whatever no rule fits, and every category understood
    less surely than `min_confidence` (0 to 1). `responsible` maps a category to its department, for suggestions;
    the names, by id and language, are for the reasons that officers read.
    """

    rules: tuple[Rule, ...]
    triage: str
    min_confidence: float
    responsible: Mapping[str, str] = field(default_factory=_nothing)
    category_names: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    district_names: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))


def confidential(route: Route, table: RuleTable) -> bool:
    """Tell whether the rule that decided keeps from the department who complains."""
    return any(rule.confidential for rule in table.rules if rule.id == route.rule)


def route(complaint: Complaint, table: RuleTable, suggestions: Sequence[tuple[str, float]] = ()) -> Route:
    """Say who is responsible for a complaint, and why. Every complaint gets a department; nothing raises.

    `suggestions` are further categories that the text might mean, each with a confidence from 0 to 1. The first rule
    that fits decides; when it rests on a category that was not understood surely enough, a person decides instead.
    """
    folded = fold(complaint.text)
    sure = _clamped(complaint.category_confidence)
    rule = next((rule for rule in table.rules if rule.fits(complaint, folded)), None)
    if rule is None:
        department, reason, confidence = table.triage, "لم تنطبق أي قاعدة / no rule fits", sure
    elif rule.categories and sure < (needed := _needed(rule, table)):
        department, confidence = table.triage, sure
        arabic, english = _category(complaint.category, table)
        reason = f"التصنيف «{arabic}» غير مؤكد ({sure:.0%}، والمطلوب {needed:.0%}) / "
        reason += f"category {english} is not certain ({sure:.0%}, needed {needed:.0%})"
    else:
        department, reason = rule.department, _reason(rule, complaint, folded, table)
        confidence = sure if rule.categories or department == table.triage else 1.0
    automatic = department != table.triage
    return Route(
        department=department,
        category=complaint.category,
        automatic=automatic,
        rule=rule.id if rule else "none",
        reason=reason,
        confidence=confidence,
        suggestions=_suggestions(complaint, table, suggestions, automatic=automatic),
    )


def _needed(rule: Rule, table: RuleTable) -> float:
    return table.min_confidence if rule.min_confidence is None else rule.min_confidence


def _suggestions(
    complaint: Complaint, table: RuleTable, offered: Iterable[tuple[str, float]], *, automatic: bool
) -> tuple[Suggestion, ...]:
    """List the categories that a person may choose from, the likeliest first; only those that the city knows."""
    best: dict[str, float] = {}
    own = (complaint.category, complaint.category_confidence)
    for category, confidence in (*offered, own):
        if table.responsible.get(category, table.triage) != table.triage:
            best[category] = max(best.get(category, 0.0), _clamped(confidence))
    if automatic:
        best.pop(complaint.category, None)
    ranked = sorted(best.items(), key=lambda item: -item[1])[:MOST_SUGGESTIONS]
    return tuple(
        Suggestion(category=name, department=table.responsible[name], confidence=sure) for name, sure in ranked
    )


def _reason(rule: Rule, complaint: Complaint, folded: str, table: RuleTable) -> str:
    """Say in Arabic and in English why a rule fits: the city's own words for it, or the conditions that held."""
    if rule.reason.get("ar") and rule.reason.get("en"):
        return f"{rule.reason['ar']} / {rule.reason['en']}"
    arabic, english = [], []
    if rule.categories:
        names = _category(complaint.category, table)
        arabic.append(f"التصنيف «{names[0]}» ({_clamped(complaint.category_confidence):.0%})")
        english.append(f"category {names[1]} ({_clamped(complaint.category_confidence):.0%})")
    if rule.words:
        word = next((word for word in rule.words if _stands(word, folded)), "")
        arabic.append(f"ورد في النص «{word}»")
        english.append(f'the text says "{word}"')
    if rule.districts and complaint.place and complaint.place.district:
        district = complaint.place.district
        names = _named(district, table.district_names)
        arabic.append(f"المنطقة «{names[0]}»")
        english.append(f"district {names[1]}")
    if rule.channels:
        arabic.append(f"وصل عبر {complaint.channel}")
        english.append(f"came by {complaint.channel}")
    if rule.kinds:
        arabic.append(f"نوعه {_KINDS.get(complaint.kind, complaint.kind)}")
        english.append(f"is a {complaint.kind}")
    if rule.priorities:
        arabic.append(f"أولويته {_PRIORITIES.get(complaint.priority, complaint.priority)}")
        english.append(f"priority {complaint.priority}")
    return f"{'، '.join(arabic) or 'القاعدة العامة'} / {', '.join(english) or 'the general rule'}"


def _category(category: str, table: RuleTable) -> tuple[str, str]:
    arabic, english = _named(category, table.category_names)
    return arabic, english if english == category else f"{category} ({english})"


def _named(known: str, names: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    found = names.get(known, {})
    return found.get("ar", known), found.get("en", known)


def _pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    """Compile words into one pattern over folded text: whole words, whatever is written together with them in front."""
    phrases = sorted({phrase for word in words if (phrase := _phrase(word))}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)") if phrases else None


def _phrase(word: str) -> str:
    return r"\W+".join(_CLITICS + re.escape(part) for part in re.findall(r"\w+", fold(word)))


def _needle(word: str) -> str:
    """Return the longest part of a phrase as it must stand in a folded text for the phrase to stand there."""
    return max(re.findall(r"\w+", fold(word)), key=len, default="")


def _stands(word: str, folded: str) -> bool:
    pattern = _pattern([word])
    return pattern is not None and pattern.search(folded) is not None


def _clamped(confidence: float) -> float:
    return confidence if 0.0 <= confidence <= 1.0 else float(confidence > 1.0)
