"""What others recorded of providers and mail servers, through a whole house, where it is at hand.

It is no part of this project. Every file ends as a complaint, an amendment, a task for a person, ignored with a reason
or quarantined with a reason; none meets a bug; and nothing that a machine sent is ever answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from channels.base import Follows, Forged, Webhook
from channels.email.channel import Email
from channels.message import Receipt
from channels.twilio_form import Signer
from channels.youtube.ledger import Ledger
from gateway.city.city import City, load
from gateway.pollers import Pollers
from gateway.recount import Recount
from tests.channels.email.office import inbox
from tests.channels.harness import example_values
from tests.end_to_end.recordings import (
    CAPTURED,
    DOORS,
    MAILS,
    RECORDED,
    TWILIO,
    VECTORS,
    Replay,
    deliveries_of,
    document_of,
    files,
    listed,
    mail_in,
    mails_of,
    mentions,
    place_of,
    reads,
)
from tests.gateway.walk import Walk, metric
from tests.servers.dovecot import DovecotServer, dovecot_server

__all__ = ["dovecot_server"]

ACCOUNT = "17841400000000000"
MACHINES = re.compile(
    rb"^(?:auto-submitted: *auto|precedence: *(?:bulk|list|junk|auto_reply)|list-(?:id|post|unsubscribe):"
    rb"|x-auto(?:reply|respond)|return-path: *<>|content-type: *multipart/report)",
    re.IGNORECASE | re.MULTILINE,
)
FAR_BACK = datetime(2000, 1, 1, tzinfo=UTC)
ENDS = re.compile(
    r"complaint|amendment|edit|deletion|opt_out|opt_in|(?:ignored|nothing to file|candidate|delivery|pointer|edit"
    r"|deletion): ?\S.*",
    re.DOTALL,
)
BUG = re.compile(r"while (?:reading|understanding|filing) it")
HEARD = {"complaint", "amendment", "edit", "deletion", "opt_out", "opt_in"}

Told = Callable[[str, object], None]


def uid_of(answer: bytes) -> int:
    """Read under which number the mail server keeps what was given to it."""
    found = re.search(rb"(\d+)\]", answer)
    assert found
    return int(found[1])


def name(path: Path) -> str:
    return path.stem


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Told:
    """Note with the test's report what became of a file."""
    return lambda file, end: request.node.user_properties.append((file, end))


@pytest.fixture(scope="module")
def city() -> City:
    """The sample city."""
    return load("baghdad")


@pytest.fixture
async def replay() -> AsyncIterator[tuple[Replay, str]]:
    """Give a provider, and where it is."""
    made = Replay()
    async with TestServer(made.app()) as server:
        yield made, str(server.make_url("")).rstrip("/")


@pytest.fixture
async def walk(tmp_path: Path, city: City, replay: tuple[Replay, str]) -> AsyncIterator[Walk]:
    """A house with the channels on whose traffic was recorded."""
    names = ("FACEBOOK", "INSTAGRAM", "WHATSAPP_CLOUD", "TELEGRAM", "X", "YOUTUBE")
    settings = {
        key: value
        for key, value in example_values().items()
        if key.startswith(tuple(f"BALAGH_{one}__" for one in names))
    }
    settings |= {f"BALAGH_{one}__API_URL": replay[1] for one in names}
    settings |= {f"BALAGH_{one}__APP_SECRET": "test" for one in names[:3]}
    settings |= {"BALAGH_TELEGRAM__SECRET": "s" * 16, "BALAGH_FACEBOOK__PAGE_ID": "100100100100100"}
    settings |= {"BALAGH_INSTAGRAM__PAGE_ID": ACCOUNT}
    async with opened(tmp_path, city, **settings) as made:
        yield made


@asynccontextmanager
async def opened(folder: Path, city: City, **environ: str) -> AsyncIterator[Walk]:
    """Open a house, and close it again."""
    made = Walk(folder, city, **environ)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def post(walk: Walk, channel: str, body: bytes, headers: Any = None) -> int:
    """Post to the door of a channel as its provider would."""
    webhook = walk.house.channels[channel]
    assert isinstance(webhook, Webhook)
    signed = headers or dict(webhook.sign(f"https://balagh.example/channels/{channel}", body))
    async with TestClient(TestServer(walk.site())) as client:
        response = await client.post(f"/channels/{channel}", data=body, headers=signed)
        await response.read()
        return response.status


async def became(walk: Walk) -> list[str]:
    """Understand what was heard since the last time, and say what became of each; nothing is left to chance."""
    await walk.understand()
    await walk.publish()
    rows = await walk.rows("SELECT id, outcome, state FROM journal ORDER BY seq")
    ends = []
    for row in rows:
        assert row.state in {"done", "quarantined"}
        assert row.outcome
        assert not BUG.search(row.outcome), row.outcome
        assert row.state == "quarantined" or ENDS.fullmatch(row.outcome), row.outcome
        ends.append(f"quarantined: {row.outcome}" if row.state == "quarantined" else row.outcome)
    answered = "SELECT j.channel, j.outcome, j.state FROM replies r JOIN journal j ON j.id = r.journal_id"
    for row in await walk.rows(answered):
        private = row.channel in {"whatsapp-cloud", "telegram", "email"}
        assert row.state == "done"
        assert row.outcome in HEARD or (private and row.outcome.startswith("nothing to file")), "nobody said this to us"
    held = await walk.rows("SELECT id FROM quarantine")
    assert len(held) == sum(end.startswith("quarantined") for end in ends), "set aside, and in nobody's list"
    return ends


async def shown(walk: Walk, since: int = 0) -> str:
    """Write in one line what became of all that was heard but the first so many, and what of it is answered."""
    owed = "SELECT count(*) FROM replies r WHERE r.journal_id = j.id"
    rows = await walk.rows(f"SELECT outcome, state, ({owed}) AS owed FROM journal j ORDER BY seq")
    ends = [f"{row.state}: {row.outcome}{', answered' if row.owed else ''}" for row in rows[since:]]
    return "; ".join(f"{ends.count(end)} × {end}" for end in dict.fromkeys(ends)) or "heard, and nothing to keep"


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda captured: str(captured["name"]))
async def test_deliveries_of_metas(captured: Any, walk: Walk, note: Told) -> None:
    """A delivery of a Page or an Instagram account, signed by others, ends somewhere; again it is the same."""
    channel = "facebook" if captured["payload"]["object"] == "page" else "instagram"
    headers = {"X-Hub-Signature-256": captured["x_hub_signature_256_with_secret_test"]}
    headers["Content-Type"] = "application/json"
    body = captured["raw_body"].encode()
    assert 403 == await post(walk, channel, body + b" ", headers)
    assert 200 == await post(walk, channel, body, headers)
    ends = await became(walk)
    assert 200 == await post(walk, channel, body, headers)
    note(f"channels/meta_page_ig_shapes.jsonl: {captured['name']}", await shown(walk))

    assert ends == await became(walk)
    assert "ignore" not in captured["name"] or set(ends).isdisjoint(HEARD)
    assert (
        "ignore" in captured["name"]
        or channel != "facebook"
        or ends
        or "hide" in captured["name"]
        or "photo" in body.decode()
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_signatures_of_twilios(vector: dict[str, Any], note: Told) -> None:
    """A form that Twilio signed is genuine under the address that it called, and one letter more makes it forged."""
    base, _, path = str(vector["uri"]).partition("//")
    host, _, path = path.partition("/")
    signer = Signer(f"{base}//{host}", [vector["token"]])
    headers = {"X-Twilio-Signature": vector["signature"]}
    body = urlencode(vector["params"]).encode()
    note(f"channels/{TWILIO.name}: {vector['name']}", "proved genuine; the same with one letter more is forged")

    signer.verify(make_mocked_request("POST", f"/{path}", headers=headers), body)
    with pytest.raises(Forged):
        signer.verify(make_mocked_request("POST", f"/{path}", headers=headers), body + b"x")


@pytest.mark.parametrize("file", [file for folder in DOORS for file in files(folder)], ids=name)
async def test_deliveries(file: Path, walk: Walk, note: Told) -> None:
    """An update of Telegram's, a delivery of WhatsApp's: each ends somewhere, and again it is the same."""
    channel, deliveries = DOORS[file.parent.name], deliveries_of(file)
    ends: list[str] = []
    for title, delivery in deliveries.items():
        assert 200 == await post(walk, channel, json.dumps(delivery).encode())
        known, ends = len(ends), await became(walk)
        note(f"channels/{file.parent.name}/{file.name}: {title}", await shown(walk, since=known))
        walk.clock.pass_by(days=30)  # each by itself, for one person wrote them all
    for delivery in deliveries.values():
        assert 200 == await post(walk, channel, json.dumps(delivery).encode())

    assert ends == await became(walk)


@pytest.mark.parametrize("file", mentions(), ids=name)
async def test_mentions(file: Path, walk: Walk, replay: tuple[Replay, str], note: Told) -> None:
    """Somebody mentioned the city, and Instagram says so alone: the words that it then gives go to a person."""
    (provider, _), document = replay, document_of(file)
    provider.document, provider.always = {**document, "username": "amana"}, True
    [(said, words)] = [(key, found) for key, found in document.items() if key.startswith("mentioned_")]
    value = {"media_id": words["id"], **({"comment_id": words["id"]} if said == "mentioned_comment" else {})}
    entry = {"id": ACCOUNT, "time": 1795300001, "changes": [{"field": "mentions", "value": value}]}
    body = json.dumps({"object": "instagram", "entry": [entry]}).encode()
    instagram = walk.house.channels["instagram"]
    assert isinstance(instagram, Follows)
    for _ in range(2):
        assert 200 == await post(walk, "instagram", body)
        await walk.understand()
        await Pollers(walk.house, clock=walk.clock).follow("instagram", instagram)
    ends = await became(walk)
    note(f"channels/{file.parent.name}/{file.name} as instagram", await shown(walk))

    assert ["pointer", "candidate"] == [end.partition(":")[0] for end in ends]


@pytest.mark.parametrize(("file", "channel"), reads(), ids=lambda one: one.stem if isinstance(one, Path) else one)
async def test_what_was_fetched(file: Path, channel: str, walk: Walk, replay: tuple[Replay, str], note: Told) -> None:
    """An answer of an API, given to whatever the channel asks: its posts and messages end somewhere, once each."""
    provider, _ = replay
    provider.document, provider.place = listed(file, channel), place_of(file, channel)
    accidents = metric("balagh_alarms_total", kind="poll_failed")
    pollers, asked = Pollers(walk.house), walk.house.channels[channel]
    long_ago = Ledger(FAR_BACK, FAR_BACK).to_json()
    await pollers.reception("youtube").remember("threads", long_ago)  # else what was said before we came is left out
    for _ in range(2):
        provider.asked.clear()
        [tallied] = await Recount({channel: asked}, pollers.reception).all(FAR_BACK)
    for line in asked.lines():  # type: ignore[attr-defined]
        provider.asked.clear()
        await pollers.fetch(asked, line)  # type: ignore[arg-type]
    await became(walk)
    problem = f" (its log: {tallied.problem})" if tallied.problem else ""
    note(f"channels/{file.parent.name}/{file.name} as {channel}", await shown(walk) + problem)

    assert 0 == tallied.missing, "the second look found as new what the first had taken in"
    assert accidents == metric("balagh_alarms_total", kind="poll_failed")


@pytest.mark.servers
@pytest.mark.parametrize("folder", MAILS, ids=name)
async def test_mail(folder: Path, tmp_path: Path, city: City, dovecot_server: DovecotServer, note: Told) -> None:
    """Mails of many programs and the bounces of many servers, out of a real mailbox: machines are never answered."""
    mails = mails_of(folder)
    user = f"{folder.name}@city.example"
    settings = {"INBOXES": json.dumps([inbox(dovecot_server, user)]), "SMTP_URL": "smtp://127.0.0.1:9", "FROM": user}
    async with opened(tmp_path, city, **{f"BALAGH_EMAIL__{key}": value for key, value in settings.items()}) as walk:
        with dovecot_server.client(user) as client:
            uids = [uid_of(client.append("INBOX", mail_in(path))) for path in mails]
        channel = walk.house.channels["email"]
        assert isinstance(channel, Email)
        channel.idle = 0.05
        receipts: dict[int, Receipt] = {}
        async with aclosing(channel.fetch(channel.lines()[0], Pollers(walk.house).reception("email"))) as fetched:  # type: ignore[type-var]
            async for inbound in fetched:
                receipts[inbound.raw["uid"]] = await walk.house.intake.accept(inbound)
                await walk.understand()
                walk.clock.pass_by(days=30)  # each by itself, also where one person wrote several
        await became(walk)
        for path, uid in zip(mails, uids, strict=True):
            [row] = await walk.rows("SELECT outcome, state FROM journal WHERE id = :id", id=receipts[uid].id)
            answers = await walk.rows("SELECT purpose FROM replies WHERE journal_id = :id", id=receipts[uid].id)
            machine = MACHINES.search(re.split(rb"\r?\n\r?\n", mail_in(path), maxsplit=1)[0])
            assert not (machine or folder.name == "sisimai_bounces") or not answers, path.name
            assert folder.name != "sisimai_bounces" or row.outcome not in HEARD, path.name
            note(
                path.relative_to(RECORDED).as_posix(),
                f"{row.state}: {row.outcome}"
                + (" (known already)" if receipts[uid].duplicate else "")
                + ("" if answers else ", not answered"),
            )

    assert sorted(uids) == sorted(receipts)
