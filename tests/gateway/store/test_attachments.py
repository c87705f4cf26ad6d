"""Photos and recordings: fetched once, tried again, and never given up in silence."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from gateway.store import attachments
from gateway.store.attachments import Wanted
from gateway.store.engine import Connection, Store
from gateway.store.ledger import Ledger
from normalizer.complaint import Attachment
from tests.gateway.store.making import ACCOUNT, NOW, file, later

HOLD = timedelta(minutes=5)
URL = "https://api.twilio.com/media/1"


async def want(store: Store, name: str, *, url: str | None = URL, sha256: str | None = None) -> None:
    size = 3 if sha256 else None
    photo = Attachment(id=name, kind="image", content_type="image/jpeg", sha256=sha256, size=size)

    def job(connection: Connection) -> None:
        with Ledger(connection, NOW) as ledger:
            ledger.attach("one", "sms", photo, url)

    await store.write(job)


async def take(store: Store, minutes: float = 0) -> list[Wanted]:
    return await store.write(partial(attachments.due, now=later(minutes=minutes), limit=9, hold=HOLD))


async def test_an_attachment_is_held_by_who_fetches_it(store: Store) -> None:
    """One worker gets it; if that dies, it is due again after the hold."""
    await want(store, "photo")
    (wanted,) = await take(store)

    assert Wanted("photo", "one", "sms", URL, "image/jpeg", 1, NOW) == wanted
    assert [] == await take(store, 4.9)
    assert [2] == [again.attempts for again in await take(store, 5)]


async def test_an_attachment_knows_at_which_account_its_complaint_was_heard(store: Store) -> None:
    """A provider may bar one of our numbers alone; what came on another channel than its complaint names none."""
    case = await file(store, "one")

    def job(connection: Connection) -> None:
        with Ledger(connection, NOW) as ledger:
            for channel in ("sms", "telegram"):
                photo = Attachment(id=channel, kind="image", content_type="image/jpeg")
                ledger.attach(case.complaint.id, channel, photo, URL)

    await store.write(job)

    assert {"sms": ACCOUNT, "telegram": ""} == {wanted.channel: wanted.account for wanted in await take(store)}


async def test_what_is_on_our_disk_is_not_fetched(store: Store) -> None:
    """A photo that came with the form itself is there already, and one without an address cannot be had."""
    await want(store, "held", sha256="ab" * 32)
    await want(store, "nowhere", url=None)

    assert [] == await take(store)
    assert {"fetched": 1, "pending": 1} == await store.read(attachments.states)


async def test_a_fetched_attachment_forgets_its_address(store: Store) -> None:
    """The address may carry a secret and is of no more use; a second worker's success changes nothing."""
    await want(store, "photo")
    await take(store)
    done = partial(attachments.fetched, attachment_id="photo", size=3, content_type="image/png")

    assert await store.write(partial(done, sha256="ab" * 32))
    assert not await store.write(partial(done, sha256="cd" * 32))
    row = await store.read(partial(attachments.find, attachment_id="photo"))
    assert row is not None
    assert ("fetched", None, "ab" * 32, 3, "image/png") == (
        row.state, row.url, row.sha256, row.size, row.content_type,
    )  # fmt: skip
    assert [] == await take(store, 60)


async def test_a_try_that_failed_for_now_comes_again(store: Store) -> None:
    """Later means when it was said."""
    await want(store, "photo")
    await take(store)
    await store.write(
        partial(attachments.later, attachment_id="photo", reason="503 from the provider", at=later(minutes=20))
    )

    assert [] == await take(store, 19)
    assert [2] == [again.attempts for again in await take(store, 20)]


async def test_what_cannot_be_had_waits_for_a_person(store: Store) -> None:
    """Given up: kept with reason and address, and not tried again by itself."""
    await want(store, "photo")
    await take(store)
    await store.write(partial(attachments.failed, attachment_id="photo", reason="404 from the provider"))

    assert [] == await take(store, 600)
    row = await store.read(partial(attachments.find, attachment_id="photo"))
    assert row is not None
    assert ("failed", URL, "404 from the provider") == (row.state, row.url, row.reason)


@pytest.mark.servers
async def test_workers_share_what_is_to_fetch(postgres_store: Store) -> None:
    """Six workers look at once: nothing is fetched by two."""
    for number in range(18):
        await want(postgres_store, str(number))
    parts = await asyncio.gather(*(take(postgres_store) for _ in range(6)))

    ids = [wanted.id for part in parts for wanted in part]
    assert len(ids) == len(set(ids))
