"""The tally: the first lines are written, the rest is counted."""

from __future__ import annotations

from gateway.tally import Tally


def test_a_flood_of_one_kind_is_said_a_few_times_and_then_counted() -> None:
    """Ten lines a minute of each kind; the first of the next minute says how many went unsaid."""
    now = 1000.0
    tally = Tally(lines=10, window=60, clock=lambda: now)

    first = [tally.say("forged") for _ in range(500)]
    other = tally.say("too large")
    now += 61
    later = [tally.say("forged"), tally.say("forged")]

    assert [0] * 10 + [None] * 490 == first
    assert 0 == other
    assert [490, 0] == later
