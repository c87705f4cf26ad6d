"""A channel that usually hears something and does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway import silence
from gateway.silence import Quiet
from gateway.store import journal
from gateway.store.engine import Connection, Store
from tests.gateway.store.making import entry

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def hear(store: Store, channel: str, *hours: float) -> None:
    """Journal a message of a channel at each of these hours."""

    def write(connection: Connection) -> None:
        journal.append(
            connection,
            [entry(f"{channel}-{hour}", channel=channel, at=START + hour * HOUR) for hour in hours],
        )

    await store.write(write)


async def quiet(store: Store, hour: float) -> dict[str, Quiet]:
    """Learn, and ask at an hour who is silent."""
    now = START + hour * HOUR
    await store.write(lambda connection: silence.listen(connection, now))
    found = await store.read(lambda connection: silence.quiet(connection, now))
    return {one.channel: one for one in found}


async def test_unusual_silence_is_noticed(store: Store) -> None:
    """A channel that heard something every hour is silent at ten; one that paused ten hours every night is not."""
    await hear(store, "busy", *range(48))
    await hear(store, "daily", *(day * 24 + hour for day in range(2) for hour in range(14)))
    found = await quiet(store, 57)

    assert {"busy": True, "daily": False} == {name: one.unusual for name, one in found.items()}
    assert (10 * 3600, 3600) == (found["busy"].lasting, found["busy"].longest)


async def test_a_word_ends_the_silence(store: Store) -> None:
    """As soon as something is heard, nobody need look."""
    await hear(store, "busy", *range(48))
    assert (await quiet(store, 57))["busy"].unusual
    await hear(store, "busy", 57)

    assert not (await quiet(store, 57.5))["busy"].unusual


async def test_who_is_new_or_rarely_heard_is_not_judged(store: Store) -> None:
    """A day is too short and a dozen messages too few to know what is usual."""
    await hear(store, "new", *(hour / 10 for hour in range(100)))
    await hear(store, "rare", 0, 30, 60)
    assert {} == await quiet(store, 20)
    assert {"new"} == (await quiet(store, 100)).keys()


async def test_what_was_long_ago_counts_no_more(store: Store) -> None:
    """A pause of the summer's holidays does not excuse one of today."""
    await hear(store, "busy", 0, 500, *range(501, 501 + 24 * 40))
    found = await quiet(store, 501 + 24 * 40 + 5)

    assert 3600 == found["busy"].longest
