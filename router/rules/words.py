"""Why a complaint went where it went, in the city's words: Arabic first, English beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from normalizer.complaint import Complaint
from normalizer.guess import Guess
from router.rules.moment import WEEK, Days
from router.rules.rule import Facts, Rule
from router.rules.table import Names, RuleTable

Said = tuple[str, str]
"""The same in Arabic and in English."""

_KINDS = {"complaint": "شكوى", "request": "طلب", "suggestion": "مقترح", "enquiry": "استفسار"}
_PRIORITIES = {"normal": "اعتيادية", "high": "عالية", "distress": "خطر على الحياة"}
_DAYS = ("الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد")
_FEW = 3  # words that are worth reading as a reason


def both(said: Said) -> str:
    """Write it as it stands on a route."""
    return f"{said[0]} / {said[1]}"


def percent(sure: float) -> str:
    """Write a confidence as a percentage that is never more than it is."""
    return f"{math.floor(100 * sure + 1e-9)}%"


class Sure(NamedTuple):
    """How likely a category is by itself, and all categories of the rule that asks for it together."""

    own: float
    together: float


def _share(sure: Sure) -> Said:
    """Write the category's own share, as it stands beside it everywhere, and that of its whole family if it is more."""
    own, together = percent(sure.own), percent(sure.together)
    if own == together:
        return own, own
    return f"{own}، ومع أصناف القاعدة الأخرى {together}", f"{own}, {together} with the rule's other categories"


def named(known: str, names: Names) -> Said:
    """Return the Arabic and the English name of an id: the id itself where there is none."""
    found = names.get(known, {})
    return found.get("ar", known), found.get("en", known)


def category(known: str, table: RuleTable) -> Said:
    """Return the names of a category; programs' id stands beside the English one."""
    arabic, english = named(known, table.category_names)
    return arabic, english if english == known else f"{known} ({english})"


def joined(parts: Iterable[Said]) -> Said:
    """Join parts of a reason to one."""
    found = list(parts)
    return "، ".join(one[0] for one in found), ", ".join(one[1] for one in found)


def beside(reason: Said, further: Iterable[str], table: RuleTable) -> Said:
    """Add to a reason which other problems the text speaks of."""
    names = joined(category(one, table) for one in further)
    return f"{reason[0]}، وفيه أيضاً: {names[0]}", f"{reason[1]}; it also speaks of {names[1]}"


def of_rule(rule: Rule, facts: Facts, table: RuleTable, understood: Said | None) -> Said:
    """Say why a rule fits: the city's own words for it, or the conditions that held.

    `understood` tells how the category was known, for a rule that asks for one.
    """
    if rule.reason.get("ar") and rule.reason.get("en"):
        return rule.reason["ar"], rule.reason["en"]
    held = [understood] if rule.categories and understood else []
    held += (say(rule, facts, table) for asked, say in _CONDITIONS if asked(rule))
    return joined(held) if held else ("القاعدة العامة", "the general rule")


def _word(rule: Rule, facts: Facts, _table: RuleTable) -> Said:
    word = rule.word(facts.folded)
    return f"ورد في النص «{word}»", f'the text says "{word}"'


def _district(_rule: Rule, facts: Facts, table: RuleTable) -> Said:
    place = facts.complaint.place
    arabic, english = named(place.district if place and place.district else "", table.district_names)
    return f"المنطقة «{arabic}»", f"district {english}"


def _channel(_rule: Rule, facts: Facts, _table: RuleTable) -> Said:
    return f"وصل عبر {facts.complaint.channel}", f"came by {facts.complaint.channel}"


def _kind(_rule: Rule, facts: Facts, _table: RuleTable) -> Said:
    kind = facts.complaint.kind
    return f"نوعه {_KINDS.get(kind, kind)}", f"is a {kind}"


def _priority(_rule: Rule, facts: Facts, _table: RuleTable) -> Said:
    priority = facts.complaint.priority
    return f"أولويته {_PRIORITIES.get(priority, priority)}", f"priority {priority}"


# A route is published to programs that must not learn who complains: these say no more than that something held.
def _group(_rule: Rule, _facts: Facts, _table: RuleTable) -> Said:
    return "المرسل من جهة تعرفها المدينة", "its sender is known to the city"


def _hours(_rule: Rule, facts: Facts, _table: RuleTable) -> Said:
    clock = f"{facts.moment.minute // 60:02}:{facts.moment.minute % 60:02}"
    return f"وصل الساعة {clock}", f"came at {clock}"


def _day(rule: Rule, facts: Facts, _table: RuleTable) -> Said:
    days, moment = rule.days, facts.moment
    if moment.day.weekday() in days.weekdays:
        return f"وصل يوم {_DAYS[moment.day.weekday()]}", f"came on a {WEEK[moment.day.weekday()].capitalize()}"
    if Days(periods=days.periods).hold(moment):
        return f"وصل في {moment.day:%Y-%m-%d}", f"came on {moment.day:%Y-%m-%d}"
    return "وصل في عطلة", "came on a holiday"


def _public(rule: Rule, _facts: Facts, _table: RuleTable) -> Said:
    return ("منشور عام", "is public") if rule.public else ("ليس منشوراً عاماً", "is not public")


def _vulnerable(_rule: Rule, _facts: Facts, _table: RuleTable) -> Said:
    return "بحسب حال صاحبه", "by the circumstances of whoever sent it"


def _hidden(rule: Rule, _facts: Facts, _table: RuleTable) -> Said:
    return ("بلاغ سري", "is confidential") if rule.hidden else ("ليس سرياً", "is not confidential")


_CONDITIONS: tuple[tuple[Callable[[Rule], object], Callable[[Rule, Facts, RuleTable], Said]], ...] = (
    (lambda rule: rule.words, _word),
    (lambda rule: rule.districts, _district),
    (lambda rule: rule.channels, _channel),
    (lambda rule: rule.kinds, _kind),
    (lambda rule: rule.priorities, _priority),
    (lambda rule: rule.groups, _group),
    (lambda rule: rule.hours, _hours),
    (lambda rule: rule.days, _day),
    (lambda rule: rule.public is not None, _public),
    (lambda rule: rule.vulnerable is not None, _vulnerable),
    (lambda rule: rule.hidden is not None, _hidden),
)


def stated(complaint: Complaint, table: RuleTable) -> Said:
    """Say that a person named the category."""
    arabic, english = category(complaint.category, table)
    return f"التصنيف «{arabic}» كما ذكره شخص", f"category {english}, as a person stated"


def understood(complaint: Complaint, guess: Guess, sure: Sure, table: RuleTable) -> Said:
    """Say how surely the category was read, and in which of the city's words."""
    arabic, english = category(complaint.category, table)
    by, share = _by(guess), _share(sure)
    return f"التصنيف «{arabic}» ({share[0]}{by[0]})", f"category {english} ({share[1]}{by[1]})"


def unsure(complaint: Complaint, guess: Guess, sure: Sure, needed: float, table: RuleTable) -> Said:
    """Say that the category is less certain than it must be, by how much, and in which words it was read."""
    arabic, english = category(complaint.category, table)
    by, share = _by(guess), _share(sure)
    public = ("، لأنه منشور عام", ", as it is public") if complaint.source.public else ("", "")
    return (
        f"التصنيف «{arabic}» غير مؤكد ({share[0]}، والمطلوب {_asked(needed)}{public[0]}{by[0]})",
        f"category {english} is not certain ({share[1]}, needed {_asked(needed)}{public[1]}{by[1]})",
    )


def at_odds(complaint: Complaint, guess: Guess, sure: float, table: RuleTable) -> Said:
    """Say that words and model name different departments, or that no word was known; `sure` is the category's own."""
    arabic, english = category(complaint.category, table)
    if not guess.words:
        return (
            f"لم تُعرف في النص كلمة من كلمات المدينة، والأقرب «{arabic}» ({percent(sure)})",
            f"no word of the city was recognised; the nearest is {english} ({percent(sure)})",
        )
    words = _quoted(guess)
    return (
        f"الكلمات ({words[0]}) والنموذج لا يتفقان على الدائرة، والأقرب «{arabic}» ({percent(sure)})",
        f"words ({words[1]}) and model disagree on the department; the nearest is {english} ({percent(sure)})",
    )


def hardly(sure: float, needed: float) -> Said:
    """Say that a public post is not certainly meant for the city."""
    return (
        f"منشور عام لا يُعرف يقيناً أنه بلاغ ({percent(sure)}، والمطلوب {_asked(needed)} مع اتفاق الكلمات والنموذج)",
        f"a public post, not certainly a complaint ({percent(sure)}, needed {_asked(needed)}, words and model agreed)",
    )


def nothing() -> Said:
    """Say that nothing was understood."""
    return "لم يُعرف في النص شيء من أصناف المدينة", "nothing of the city's categories was recognised"


def told(notice: Iterable[str], table: RuleTable) -> Said:
    """Say who is told beside the department."""
    names = [named(one, table.department_names) for one in notice]
    return f"؛ ويُعلَم أيضاً: {'، '.join(name[0] for name in names)}", f"; also told: {', '.join(n[1] for n in names)}"


def _by(guess: Guess) -> Said:
    words = _quoted(guess)
    return (f"، بكلمات {words[0]}", f", by the words {words[1]}") if guess.words else ("", "")


def _quoted(guess: Guess) -> Said:
    words = guess.words[:_FEW]
    return "، ".join(f"«{word}»" for word in words), ", ".join(f'"{word}"' for word in words)


def _asked(needed: float) -> str:
    """Write what was needed, never less than it is."""
    return f"{math.ceil(100 * needed - 1e-9)}%"
