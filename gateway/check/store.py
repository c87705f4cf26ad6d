"""The store: whether it is well, whether this program can work on it, and what waits in it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from gateway import damage, observe, silence
from gateway.check.findings import Findings
from gateway.identity import Identities
from gateway.settings import Settings
from gateway.spool import Spool
from gateway.store import (
    attachments,
    facts,
    journal,
    outbox,
    pointers,
    quarantine,
    replies,
    server,
    stranded,
    tasks,
    wal,
)
from gateway.store.engine import Connection, Store, StoreMismatch, StoreUnavailable
from gateway.store.migrate import HEAD, revision

STALE = 120.0  # seconds after which something that waits in front of a room is a problem
GIVEN_UP = timedelta(days=2)  # for which a reply that was never sent is spoken of: over a weekend


async def look_at_store(settings: Settings, findings: Findings) -> None:
    """Say how the store stands, and what is wrong with it."""
    damage.look(settings)
    store = Store(settings.store_url)

    def look(connection: Connection) -> None:
        now = datetime.now(UTC)
        for problem in server.problems(connection, now):
            findings.bad(f"store: {problem}")
        if not _ours(connection, store.name, findings):
            return
        try:
            facts.demand(connection, Identities(settings.secret_key).of_store)
        except StoreMismatch as error:
            findings.bad(f"BALAGH_SECRET_KEY: {error}")
        for problem in (*wal.broken(connection), *damage.behind(connection, settings.data_dir / "seals.log")):
            findings.bad(f"store: {problem}")
        _rooms(connection, now, findings)
        _people(connection, now, findings, settings.off)
        _replies(connection, now, findings)

    try:
        await store.read(look)
    except StoreUnavailable as error:
        findings.bad(f"BALAGH_STORE_URL: {store.name} cannot be reached: {error}")
    finally:
        store.close()
    for problem in damage.standing(settings):
        findings.bad(f"store: {problem}")
    if not store.embedded:
        spool = Spool(settings.data_dir / "spool")
        spool.look()
        findings.judge(f"spool: {spool.depth} wait for the store, {spool.spoiled} damaged", wrong=spool.spoiled)


def _ours(connection: Connection, name: str, findings: Findings) -> bool:
    """Whether the tables are of this program's version, so that one may look into them."""
    found = revision(connection)
    if found is None:
        findings.good(f"store {name}: empty, its tables are made at the first run")
    elif found != HEAD:
        findings.bad(f"store {name}: tables of version {found}, this program's are {HEAD}: the next run migrates them")
    else:
        findings.good(f"store {name}: version {found}")
    return found == HEAD


def _rooms(connection: Connection, now: datetime, findings: Findings) -> None:
    """Say what waits in front of each room, and what got stuck there."""
    waiting, since = journal.backlog(connection)
    age = observe.age(since, now)
    findings.judge(f"journal: {waiting} wait to be understood, the oldest for {age:.0f} s", wrong=age > STALE)
    unpublished, parked, since = outbox.backlog(connection)
    age = observe.age(since, now)
    findings.judge(
        f"outbox: {unpublished} wait for the broker, the oldest for {age:.0f} s, {parked} parked",
        wrong=age > STALE or parked,
    )
    undecided, since = stranded.unrouted(connection, stranded.settled_before(connection))
    age = observe.age(since, now)
    findings.judge(f"router: {undecided} wait for a decision, the oldest for {age:.0f} s", wrong=age > STALE)
    for reference, sequence, reason in outbox.parked(connection, 3):
        findings.bad(f"parked: {reference} event {sequence}: {reason}")
    held = quarantine.count(connection)
    findings.judge(f"quarantine: {held} open" + (": see balagh quarantine list" if held else ""), wrong=held)


def _people(connection: Connection, now: datetime, findings: Findings, off: Collection[str]) -> None:
    """Say which channel is unusually silent, what waits for a person, and what providers were asked for in vain."""
    for one in silence.quiet(connection, now, off=off):
        lasting, longest = one.lasting / 3600, one.longest / 3600
        text = f"{one.channel}: silent for {lasting:.1f} h, its longest pause lately was {longest:.1f} h"
        findings.judge(text, wrong=one.unusual)
    for kind, (number, since) in sorted(tasks.waiting(connection).items()):
        findings.good(f"tasks: {number} {kind}, the oldest for {observe.age(since, now) / 3600:.1f} h")
    asked, never = pointers.waiting(connection)
    if asked or never:
        findings.judge(f"pointers: {asked} to be asked for, {never} that nobody could give", wrong=never)


def _replies(connection: Connection, now: datetime, findings: Findings) -> None:
    """Say what citizens were not told, and which of their photos and recordings could not be fetched."""
    unsaid = replies.given_up(connection, now - GIVEN_UP)
    findings.judge(f"replies: {unsaid} given up in the last two days, their providers stayed away", wrong=unsaid)
    lost = attachments.states(connection).get("failed", 0)
    findings.good(f"attachments: {lost} could not be fetched; replies: {replies.states(connection) or 'none'}")
