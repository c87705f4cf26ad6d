import pytest

from gateway.broker.address import Address

SECRET = "pa:ss@wörd"


@pytest.mark.parametrize(
    "url", ["", "http://host", "amqp://", "amqp:///vhost", f"amqp://user:{SECRET}@host:x", "host:5672"]
)
def test_a_wrong_address_is_refused_without_repeating_it(url: str) -> None:
    """The message names the form that is wanted; what was given may hold a password, so it is not quoted."""
    with pytest.raises(ValueError, match=r"must be amqp://") as refusal:
        Address(url, heartbeat=20)

    assert refusal.value.__context__ is None
    assert SECRET not in str(refusal.value)


def test_errors_are_told_without_the_password() -> None:
    """Whatever a library puts into its errors, the password never reaches a log, plain or quoted."""
    address = Address("amqp://user:pa%3Ass%40word@host/vhost", heartbeat=20)

    words = address.words(OSError("cannot reach amqp://user:pa%3Ass%40word@host\nor pa:ss@word"))

    assert words == "OSError: cannot reach amqp://user:***@host or ***"
    assert "pa" not in repr(address)


def test_the_operator_may_choose_another_heartbeat() -> None:
    """Twenty seconds unless the URL says otherwise."""
    assert Address("amqp://host", heartbeat=20).url.endswith("heartbeat=20")
    assert Address("amqp://host/?heartbeat=5", heartbeat=20).url.endswith("?heartbeat=5")
