"""What mailboxes hold against what was taken from them: nothing is missed, and one that is away costs no other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from channels.base import Barred
from channels.email.channel import Email
from channels.message import Inbound
from gateway.city.city import load
from gateway.pollers import Pollers
from gateway.recount import Recount, Tallied
from tests.channels.email.office import FROM, Office, hear, inbox, mail
from tests.gateway.walk import Walk, metric
from tests.servers.dovecot import DovecotServer

pytestmark = pytest.mark.servers

Build = Callable[..., Email]


class Counted(Recount):
    """A recount that remembers what each log listed, and whether it could be read."""

    def __init__(self, walk: Walk) -> None:
        super().__init__({"email": walk.house.channels["email"]}, Pollers(walk.house, clock=walk.clock).reception)
        self.read_now: list[tuple[int, bool]] = []

    async def read(self, name: str, line: str, since: datetime) -> Tallied:
        """Read one log."""
        tallied = await super().read(name, line, since)
        self.read_now.append((tallied.listed, not tallied.problem))
        return tallied


def lay(server: DovecotServer, user: str, *numbered: tuple[int, datetime]) -> None:
    """Put mails into a mailbox as if the server had received each at a moment."""
    staff = server.client(user)
    for number, moment in numbered:
        staff.append("INBOX", mail(number), msg_time=moment)
    staff.logout()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Walk]]]:
    """Build a house with inboxes, which is closed when the test ends."""
    walks: list[Walk] = []

    async def build(*inboxes: dict[str, Any]) -> Walk:
        relay = {"BALAGH_EMAIL__SMTP_URL": "smtp://127.0.0.1:25", "BALAGH_EMAIL__FROM": FROM}
        walks.append(Walk(tmp_path, load("baghdad"), BALAGH_EMAIL__INBOXES=json.dumps(inboxes), **relay))
        await walks[-1].open()
        return walks[-1]

    yield build
    for walk in walks:
        await walk.close()


async def recounted(channel: Email, office: Office, since: timedelta) -> list[Inbound]:
    """Read the log of the channel's first inbox."""
    return [one async for one in channel.recount_line(channel.lines()[0], datetime.now(UTC) - since, office)]


async def test_recount(dovecot_server: DovecotServer, user: str, opened: Build, office: Office) -> None:
    """The books are compared under the identities that mails were taken in with, and what was missed is there."""
    dovecot_server.deliver(mail(1), user)
    channel = opened(inbox(dovecot_server, user))
    await hear(channel, office, lambda: bool(office.accepted))
    now = datetime.now(UTC)
    # Missed, before the time that is asked for, and this very minute.
    lay(dovecot_server, user, (2, now - timedelta(minutes=30)), (3, now - timedelta(hours=2)), (4, now))
    first = await recounted(channel, office, timedelta(hours=1))

    assert ["شكوى 1", "شكوى 2"] == [inbound.text.split("\n")[0] for inbound in first]
    assert office.accepted[0] is first[0]  # not fetched again
    assert first == await recounted(opened(inbox(dovecot_server, user)), office, timedelta(hours=1))


async def test_what_is_to_be_left_alone(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """Mail from before the day that the operator names is missed by nobody, however far back the books are compared."""
    today = datetime.now(UTC)
    lay(dovecot_server, user, (1, today - timedelta(days=40)), (2, today - timedelta(days=5)))
    since = (today - timedelta(days=20)).date().isoformat()
    found = await recounted(opened(inbox(dovecot_server, user, since=since)), office, timedelta(days=60))

    assert ["شكوى 2"] == [inbound.text.split("\n")[0] for inbound in found]


async def test_inbox_behind_one_that_is_locked(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """An inbox whose password ended, or whose server is away, hides no other from the books; it is named there."""
    dovecot_server.deliver(mail(1), user)
    channel = opened(
        inbox(dovecot_server, f"a{user}", password="ended"),
        inbox(dovecot_server, f"b{user}", port=unused_port()),
        inbox(dovecot_server, user),
    )
    locked, away, well = channel.lines()
    with pytest.raises(Barred) as raised:
        await channel.probe()  # `balagh check` names each that cannot be read, and no other
    named = str(raised.value).removeprefix("inboxes: ").split("; ")
    assert [locked, away] == [words.partition(",")[0] for words in named]
    await hear(channel, office, lambda: bool(office.accepted), line=well)
    [tallied] = await Recount({"post": channel}, lambda _: office).all(datetime.now(UTC) - timedelta(hours=1))

    assert ("post", 1) == (tallied.channel, tallied.listed)
    assert [f"{locked}: login", f"{away}: connection"] == [
        problem.rpartition(": ")[0] for problem in tallied.problem.split("; ")
    ]
    assert [office.accepted[0]] * 2 == office.accepted
    assert 1.0 == metric("balagh_channel_barred", channel="post")  # the inbox that is well hides it there as little


async def test_an_inbox_that_is_away_costs_no_other(
    dovecot_server: DovecotServer, own_server: DovecotServer, user: str, house: Callable[..., Awaitable[Walk]]
) -> None:
    """While one server is away the inboxes of the others are not read back again and again; then nothing is missed."""
    inboxes = inbox(own_server, f"away{user}"), inbox(dovecot_server, user)
    walk = await house(*inboxes)
    now = datetime.now(UTC)
    walk.clock.now = now - timedelta(days=3)
    lay(own_server, f"away{user}", (1, now - timedelta(days=2)))
    lay(dovecot_server, user, *((number, now - timedelta(days=3)) for number in (2, 3)))
    own_server.kill9()
    counted, pollers = Counted(walk), Pollers(walk.house, clock=walk.clock)
    for moment in (now - timedelta(days=3), now, now + timedelta(minutes=15)):
        walk.clock.now = moment
        await pollers.recount(counted)
    assert [(0, False), (2, True)] * 2 + [(0, False), (0, True)] == counted.read_now
    own_server.start()
    await pollers.recount(counted)

    assert [(1, True), (0, True)] == counted.read_now[-2:]
    assert 3 == len(await walk.rows("SELECT id FROM journal"))
