"""Which messages somebody still works with: those that a second visit asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy import update

from channels.message import Purpose
from gateway.store import journal, revisions
from gateway.store.engine import Store
from gateway.store.tables import complaints
from tests.gateway.store.making import NOW, complaint, entry, file, finish, later, refer


async def heard(store: Store, name: str, outcome: str, *, at: datetime = NOW, channel: str = "x") -> journal.Row:
    """Journal a post that became something."""
    made = replace(entry(name, at=at, channel=channel), id=f"id-{name}", refer=refer(complaint(name).reference))
    await store.write(partial(journal.append, entries=[made]))
    [row] = [row for row in await store.read(partial(journal.pending, limit=99, per_sender=99)) if row.id == made.id]
    if outcome == "complaint":
        await file(store, name)
    filed = f"id-{name}" if outcome == "complaint" else None
    await store.write(partial(finish, seq=row.seq, outcome=outcome, now=NOW, complaint_id=filed))
    return row


async def standing(store: Store, **more: int) -> list[str]:
    asked = {"channel": "x", "after": 0, "since": NOW, "limit": 9, **more}
    return [row.id[3:] for row in await store.read(partial(revisions.standing, **asked))]  # type: ignore[arg-type]


async def test_what_somebody_works_with(store: Store) -> None:
    """Complaints that are not done with, and candidates, of one channel and not too old; none that is known as gone."""
    first = await heard(store, "open", "complaint")
    gone = await heard(store, "gone", "complaint")
    for name, outcome in (("done", "complaint"), ("asked", journal.CANDIDATE), ("praise", "nothing to file: thanks")):
        await heard(store, name, outcome)
    await heard(store, "old", "complaint", at=later(days=-1))
    await heard(store, "elsewhere", "complaint", channel="sms")
    close = update(complaints).where(complaints.c.id == "id-done").values(status="closed")
    await store.write(lambda connection: connection.execute(close))
    deletion = partial(revisions.keep, row=gone, revises="gone", purpose=Purpose.DELETION, now=NOW)
    await store.write(deletion)

    assert ["open", "asked"] == await standing(store)
    assert ["open"] == await standing(store, limit=1)
    assert ["asked"] == await standing(store, after=first.seq)
