"""The gate: who is responsible for a complaint, and whether that is sure enough for no person to look at it first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from normalizer.complaint import Complaint, Priority
from normalizer.guess import Guess
from normalizer.text import fold
from router.route import Route, Suggestion
from router.rules import words
from router.rules.rule import Facts, Rule
from router.rules.table import RuleTable
from router.rules.words import Said, Sure

MOST_SUGGESTIONS: Final = 3  # one for each key of the triage desk
STATED: Final = 1.0  # the confidence of a category that a person named; no reading reaches it

_FAINT: Final = 0.02  # a share below which a category is not worth naming beside a decision

_RANK: Final = {Priority.NORMAL: 0, Priority.HIGH: 1, Priority.DISTRESS: 2}


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a complaint goes, and what the rules ask beside: a priority to raise it to, and to hide who complains.

    `raised_by` is the id of the rule that raises it. `settled` says that a rule, and no doubt, wants a person to
    decide: not the last one, which takes what is left.
    """

    route: Route
    raises: Priority | None = None
    raised_by: str = ""
    confidential: bool = False
    settled: bool = False


def route(complaint: Complaint, table: RuleTable, guess: Guess | None = None) -> Route:
    """Say who is responsible for a complaint, and why: the route of `decide`."""
    return decide(complaint, table, guess).route


def decide(complaint: Complaint, table: RuleTable, guess: Guess | None = None, *, confirmed: bool = False) -> Decision:
    """Say who is responsible for a complaint, why, and what else follows. Every complaint gets a department.

    `guess` is how the text was read; a category that a person stated needs none. The first rule that fits decides.
    When it rests on a category that was not understood surely enough, a person decides instead. Nothing raises.
    `confirmed` says that somebody has looked at a public post and called it a complaint to the city: it is then doubted
    no more than what was said in private.
    """
    return _Asking(complaint, table, guess or Guess(complaint.category, 0.0), confirmed=confirmed).decide()


class _Asking:
    """One complaint put to one table."""

    def __init__(self, complaint: Complaint, table: RuleTable, guess: Guess, *, confirmed: bool) -> None:
        self.complaint, self.table, self.guess = complaint, table, guess
        self.doubtful = complaint.source.public and not confirmed
        self.stated = complaint.category_confidence == STATED
        groups = frozenset(name for name, group in table.groups.items() if group.has(complaint))
        self.facts = Facts(complaint, fold(complaint.text), table.calendar.at(complaint.received_at), groups)

    def decide(self) -> Decision:
        beside: list[Rule] = []
        rule = None
        for one in self.table.rules:
            if not one.fits(self.facts):
                continue
            if one.department is not None:
                rule = one
                break
            if self._doubt(one) is None:
                beside.append(one)
        doubt = self._doubt(rule) if rule else None
        acting = beside if rule is None or doubt else [*beside, rule]
        raising = self._raising(acting)
        return Decision(
            route=self._route(rule, doubt, acting),
            raises=raising.raises if raising else None,
            raised_by=raising.id if raising else "",
            # What shall be hidden stays so while a person looks whether the rule was right.
            confidential=any(one.confidential for one in (*beside, *([rule] if rule else []))),
            settled=rule is not None and not doubt and rule.department == self.table.triage and not rule.unconditional,
        )

    def _route(self, rule: Rule | None, doubt: Said | None, acting: list[Rule]) -> Route:
        department = rule.department if rule and rule.department and doubt is None else self.table.triage
        automatic = department != self.table.triage
        reason = doubt or (self._reason(rule, automatic=automatic) if rule else self._puzzled("no rule fits"))
        notice = tuple(dict.fromkeys(one for asked in acting for one in asked.notice if one != department))
        if notice:
            also = words.told(notice, self.table)
            reason = reason[0] + also[0], reason[1] + also[1]
        return Route(
            department=department,
            category=self.complaint.category,
            automatic=automatic,
            rule=rule.id if rule else "none",
            reason=words.both(reason),
            confidence=self._confidence(rule, automatic=automatic),
            suggestions=self._suggestions(automatic=automatic),
            version=self.table.version,
            notice=notice,
            second=tuple(one for one in self.guess.second if one != self.complaint.category),
        )

    def _doubt(self, rule: Rule) -> Said | None:
        """Say why a rule may not act by itself, or nothing: only what was read can be doubted."""
        if self.stated:
            return None
        if not rule.categories:
            return self._doubt_of_a_post(rule)
        sure = self._mass(rule.categories)
        if sure <= 0.0 and not self.guess.words:
            return words.nothing()
        if not self.guess.agreed:
            return words.at_odds(self.complaint, self.guess, self._share().own, self.table)
        needed = self.table.needed(rule, self.complaint.category, public=self.doubtful)
        if sure < needed:
            return words.unsure(self.complaint, self.guess, self._share(sure), needed, self.table)
        return None

    def _doubt_of_a_post(self, rule: Rule) -> Said | None:
        """Say why a public post that a clerk's words or a district would send somewhere may be no complaint at all."""
        table = self.table
        if not self.doubtful or rule.department in {None, table.triage}:
            return None
        sure = self._mass(name for name, department in table.responsible.items() if department != table.triage)
        if self.guess.agreed and sure >= table.public_min_confidence:
            return None
        return words.hardly(sure, table.public_min_confidence)

    def _reason(self, rule: Rule, *, automatic: bool) -> Said:
        if self.stated:
            understood = words.stated(self.complaint, self.table)
        else:
            sure = self._share(self._mass(rule.categories))
            understood = words.understood(self.complaint, self.guess, sure, self.table)
        reason = words.of_rule(rule, self.facts, self.table, understood)
        if automatic and self.guess.second:  # nobody else will look: who gets it is told of the other one
            reason = words.beside(reason, self.guess.second, self.table)
        if automatic or self.stated or not rule.unconditional:
            return reason
        why = self._puzzled()
        return f"{reason[0]}: {why[0]}", f"{reason[1]}: {why[1]}"

    def _puzzled(self, english: str = "") -> Said:
        """Say what was understood of a complaint that no rule sends anywhere."""
        if english:
            return "لم تنطبق أي قاعدة", english
        likely = self.guess.scores[0] if self.guess.scores else (self.complaint.category, 0.0)
        if self.table.responsible.get(likely[0], self.table.triage) == self.table.triage or likely[1] <= 0.0:
            return words.nothing()
        seen = self.complaint.but(category=likely[0])
        sure = _clamped(likely[1])
        if not self.guess.agreed:
            return words.at_odds(seen, self.guess, sure, self.table)
        return words.understood(seen, self.guess, Sure(sure, sure), self.table)

    def _confidence(self, rule: Rule | None, *, automatic: bool) -> float:
        """Say how sure it is that the department is right, or, at the triage desk, what the complaint is about."""
        if self.stated:
            return 1.0
        if rule is not None and rule.categories:
            return self._mass(rule.categories)
        return 1.0 if automatic else self._mass({self.complaint.category})

    def _mass(self, categories: Iterable[str]) -> float:
        """Return how likely it is that the text is about one of some categories."""
        asked = set(categories)
        return _clamped(sum(_clamped(sure) for name, sure in self.guess.scores if name in asked))

    def _share(self, together: float = 0.0) -> Sure:
        """Return how likely the complaint's own category is, beside those that would go the same way."""
        return Sure(self._mass({self.complaint.category}), together)

    def _raising(self, acting: Iterable[Rule]) -> Rule | None:
        """Return the rule that raises the priority of the complaint, if any: rules never lower it."""
        asked = [one for one in acting if one.raises and _RANK[one.raises] > _RANK[self.complaint.priority]]
        return max(asked, key=lambda one: _RANK[one.raises or Priority.NORMAL], default=None)

    def _suggestions(self, *, automatic: bool) -> tuple[Suggestion, ...]:
        """List what a person may choose from: the likeliest of each department first, then what else is likely."""
        table, best = self.table, dict[str, float]()
        for category, sure in self.guess.scores:
            if table.responsible.get(category, table.triage) != table.triage:
                best[category] = max(best.get(category, 0.0), _clamped(sure))
        if automatic:  # what else it might be, as far as that is worth a look
            best = {name: sure for name, sure in best.items() if name != self.complaint.category and sure >= _FAINT}
        ranked = sorted(best, key=lambda category: -best[category])
        first = list({table.responsible[category]: category for category in reversed(ranked)}.values())
        order = sorted(ranked, key=lambda category: (category not in first, -best[category]))
        return tuple(
            Suggestion(category=category, department=table.responsible[category], confidence=best[category])
            for category in order[:MOST_SUGGESTIONS]
        )


def _clamped(confidence: float) -> float:
    return confidence if 0.0 <= confidence <= 1.0 else float(confidence > 1.0)
