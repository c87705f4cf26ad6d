"""How often somebody may try."""

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.citizen import throttle
from gateway.citizen.throttle import Buckets, Locks, client_address


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def test_a_bucket_fills_again() -> None:
    """After a burst one may go on at the rate, and a neighbour is not held up."""
    clock = Clock()
    buckets = Buckets(2, 0.5, clock=clock)
    assert [True, True, False] == [buckets.take("a") for _ in range(3)]
    assert (True, False) == (buckets.empty("a"), buckets.empty("b"))
    clock.now += 2
    assert [True, False] == [buckets.take("a") for _ in range(2)]
    clock.now += 1000
    assert [True, True, False] == [buckets.take("a") for _ in range(3)]


def test_a_lock_opens_when_the_first_wrong_try_is_old_enough() -> None:
    """The time that the citizen is told is the time at which it opens."""
    clock = Clock()
    locks = Locks(2, 60, clock=clock)
    locks.wrong("a")
    clock.now += 10
    assert 0 == locks.remaining("a")
    locks.wrong("a")
    assert (50, 0) == (locks.remaining("a"), locks.remaining("b"))
    clock.now += 50
    assert 0 == locks.remaining("a")
    locks.wrong("a")
    assert 10 == locks.remaining("a")  # the try of ten seconds after the first still counts


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of strangers leaves a bounded trace, and the newest are remembered."""
    monkeypatch.setattr(throttle, "ENTRIES", 3)
    buckets, locks = Buckets(1, 0), Locks(2, 60)
    for number in range(100):
        buckets.take(str(number))
        locks.wrong(str(number))
    assert (3, 3) == (len(buckets._levels), len(locks._open))
    assert buckets.empty("99")
    locks.wrong("99")
    assert locks.remaining("99") > 0


def test_what_is_closed_stays_closed_whatever_else_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong PINs for any number of other references buy nobody another guess at the one that is closed."""
    monkeypatch.setattr(throttle, "ENTRIES", 3)
    clock = Clock()
    locks = Locks(2, 60, clock=clock)
    locks.wrong("a")
    locks.wrong("a")
    clock.now += 10
    for number in range(100):
        locks.wrong(str(number))
    assert (50, 0) == (locks.remaining("a"), locks.remaining("5"))


def test_where_nobody_can_count_nobody_may_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many closed as can be, all are closed, and all are open again as soon as the first of them is."""
    monkeypatch.setattr(throttle, "CLOSED", 2)
    clock = Clock()
    locks = Locks(1, 60, clock=clock)
    locks.wrong("a")
    clock.now += 10
    locks.wrong("b")
    locks.wrong("c")
    assert (50, 60, 50) == (locks.remaining("a"), locks.remaining("b"), locks.remaining("c"))
    assert 2 == len(locks._closed) == len(locks._opening)
    clock.now += 50
    assert (0, 10, 0) == (locks.remaining("a"), locks.remaining("b"), locks.remaining("c"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("37.236.1.1", None, "37.236.1.1"),
        ("37.236.1.1", "8.8.8.8", "37.236.1.1"),  # a stranger's word about himself
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "8.8.8.8, 37.236.1.1", "37.236.1.1"),
        ("10.0.0.2", "37.236.1.1", "37.236.1.1"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "not an address", "127.0.0.1"),
    ],
)
def test_the_address_is_what_our_own_proxy_wrote(peer: str, forwarded: str | None, expected: str) -> None:
    """Behind a proxy people are told apart, and nobody can choose his own address."""
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("POST", "/", headers=headers).clone(remote=peer)
    assert expected == client_address(request)
