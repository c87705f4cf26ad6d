"""A city's rules in their order, with what they are measured against and the names they are told by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from router.rules.group import Group
from router.rules.moment import PLAIN, Calendar
from router.rules.rule import Rule

Names = Mapping[str, Mapping[str, str]]
"""What something is called: by id, then by language."""


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


def _nameless() -> Names:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RuleTable:
    """A city's rules in their order.

    `triage` is the department where a person decides; it takes whatever no rule fits, and every category understood
    less surely than is needed: `min_confidence` (0 to 1), or what `thresholds` says of the category, and for a public
    post `public_min_confidence` at least. `responsible` maps a category to its department, for suggestions. The names
    are for the reasons that officers read. `version` changes with whatever changes a decision.
    """

    rules: tuple[Rule, ...]
    triage: str
    min_confidence: float
    public_min_confidence: float = 0.0
    responsible: Mapping[str, str] = field(default_factory=_nothing)
    thresholds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    groups: Mapping[str, Group] = field(default_factory=lambda: MappingProxyType({}))
    calendar: Calendar = PLAIN
    category_names: Names = field(default_factory=_nameless)
    district_names: Names = field(default_factory=_nameless)
    department_names: Names = field(default_factory=_nameless)
    version: str = ""

    def needed(self, rule: Rule, category: str, *, public: bool) -> float:
        """Say how surely a category must be understood for a rule to act on it: the rule's or the category's own."""
        own = [sure for sure in (rule.min_confidence, self.thresholds.get(category)) if sure is not None]
        least = max(own, default=self.min_confidence)
        return max(least, self.public_min_confidence) if public else least
