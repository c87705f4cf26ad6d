"""Answers when something is amiss: a wrong clock, a department that has left, a broker that lost its queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from gateway.store.complaints import Case
from gateway.updates import Update
from tests.gateway.walk import CITIZEN, OUTAGE, Walk


async def offered(walk: Walk, sender: str = CITIZEN) -> Case:
    """A complaint that the water department has been offered."""
    receipt = await walk.hear(OUTAGE, sender)
    await walk.publish()
    return await walk.case(receipt.reference)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"])
async def test_a_department_whose_clock_is_wrong_is_heard(walk: Walk, at: str) -> None:
    """Its clock started anew or runs ahead: the date that it gives is held against ours, and it breaks nothing."""
    found = await offered(walk)
    due, moment = {"due_at": "2026-11-23T14:00:00Z"}, datetime.fromisoformat(at)
    update = Update("one", "water", "accepted", found.complaint.reference, found.offer or "", due, moment)
    assert "accepted" == (await walk.updates.answer(update)).status
    past = replace(update, id="two", data={"due_at": "1970-01-02T00:00:00Z"})
    assert "due_at" == (await walk.updates.answer(past)).field
