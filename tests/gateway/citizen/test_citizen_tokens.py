"""What the pages hand out cannot be made, changed or used for something else by anybody but us."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from channels.message import Media
from gateway.citizen.tokens import GRANT_LIFE, KEPT_LIFE, Grant, Nonce, Tokens
from gateway.identity import Identities

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
OURS, THEIRS = Tokens(Identities(b"k" * 32)), Tokens(Identities(b"t" * 32))
PHOTO = Media(content_type="image/jpeg", filename="صورة.jpg", sha256="ab" * 32, size=9)


def changed(token: str) -> str:
    """Put another content under the seal of a token."""
    body, _, mac = token.rpartition(".")
    opened = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    other = json.dumps([*opened[:1], "4821093756", *opened[2:]]).encode()
    return f"{base64.urlsafe_b64encode(other).decode().rstrip('=')}.{mac}"


def test_what_we_gave_out_is_recognised() -> None:
    """Each token opens to what went into it, under the same key on any node."""
    assert Nonce.GOOD is OURS.judge(OURS.nonce(NOW), NOW)
    sent = Grant("4821093756", danger=True, files=2)
    assert sent == OURS.granted(OURS.grant(sent, NOW), NOW)
    assert PHOTO == OURS.kept(OURS.keep(PHOTO, NOW), NOW)


def test_another_key_s_tokens_and_changed_ones_are_worth_nothing() -> None:
    """A grant for one's own report cannot be turned into one for somebody else's."""
    for nonce in (THEIRS.nonce(NOW), changed(OURS.nonce(NOW))):
        assert Nonce.FORGED is OURS.judge(nonce, NOW)
    grant = OURS.grant(Grant("1234567890"), NOW)
    for token in (THEIRS.grant(Grant("1234567890"), NOW), changed(grant), grant[:-1], grant.rpartition(".")[0], ""):
        assert OURS.granted(token, NOW) is None
    assert OURS.kept(changed(OURS.keep(PHOTO, NOW)), NOW) is None


def test_a_token_is_good_for_one_purpose() -> None:
    """The nonce of a form opens no report, and a grant is no nonce."""
    assert OURS.granted(OURS.nonce(NOW), NOW) is None
    assert Nonce.FORGED is OURS.judge(OURS.grant(Grant("1234567890"), NOW), NOW)
    assert OURS.kept(OURS.nonce(NOW), NOW) is None


@pytest.mark.parametrize("age", [-timedelta(minutes=10), timedelta(days=2)])
def test_tokens_do_not_last(age: timedelta) -> None:
    """After their time, or from a clock far ahead of ours, they open nothing."""
    issued = NOW - age
    assert Nonce.EXPIRED is OURS.judge(OURS.nonce(issued), NOW)
    assert OURS.granted(OURS.grant(Grant("1234567890"), issued), NOW) is None
    assert OURS.kept(OURS.keep(PHOTO, issued), NOW) is None


def test_tokens_last_long_enough() -> None:
    """Up to their time they open what they are for, and a node whose clock is a little ahead is no trouble."""
    assert OURS.granted(OURS.grant(Grant("1234567890"), NOW - GRANT_LIFE), NOW) is not None
    assert OURS.kept(OURS.keep(PHOTO, NOW - KEPT_LIFE), NOW) is not None
    assert Nonce.GOOD is OURS.judge(OURS.nonce(NOW + timedelta(minutes=4)), NOW)
