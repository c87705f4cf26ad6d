"""The ordered table of rules, and the pure function that asks it who is responsible."""

from router.rules.gate import MOST_SUGGESTIONS, STATED, Decision, decide, route
from router.rules.group import Group
from router.rules.moment import WEEK, Calendar, Days, Moment, Period, minutes
from router.rules.reach import Shadow, shadows, unreachable
from router.rules.rule import Rule
from router.rules.table import RuleTable

__all__ = [
    "MOST_SUGGESTIONS",
    "STATED",
    "WEEK",
    "Calendar",
    "Days",
    "Decision",
    "Group",
    "Moment",
    "Period",
    "Rule",
    "RuleTable",
    "Shadow",
    "decide",
    "minutes",
    "route",
    "shadows",
    "unreachable",
]
