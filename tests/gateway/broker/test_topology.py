import pytest

from gateway.broker.topology import (
    COMPLAINTS,
    DEAD,
    DEPARTMENTS,
    ROUTER,
    ROUTER_DISTRESS,
    UPDATES,
    Topology,
    explain_difference,
)

TOPOLOGY = Topology(["water", "roads"])


@pytest.mark.parametrize(
    ("exchange", "routing_key", "queues"),
    [
        (COMPLAINTS, "received.sms.normal", {ROUTER}),
        (COMPLAINTS, "amended.web.high", {ROUTER}),
        (COMPLAINTS, "received.whatsapp.distress", {ROUTER_DISTRESS}),
        (COMPLAINTS, "accepted.sms.normal", set()),
        (COMPLAINTS, "received.normal", set()),
        (DEPARTMENTS, "water.offered", {"department.water"}),
        (DEPARTMENTS, "water", {"department.water"}),
        (DEPARTMENTS, "water.offered.again", {"department.water"}),
        (DEPARTMENTS, "waterworks.offered", set()),
        (UPDATES, "roads.accepted", {UPDATES}),
        (UPDATES, "", {UPDATES}),
        ("", DEAD, {DEAD}),
        ("", "nowhere", set()),
        ("another", "water.offered", set()),
    ],
)
def test_every_routing_key_reaches_the_queues_of_the_contract(
    exchange: str, routing_key: str, queues: set[str]
) -> None:
    """Distress has its own queue, a department gets its own keys and no other's, events of record go nowhere."""
    assert queues == {queue.name for queue in TOPOLOGY.queues_for(exchange, routing_key)}


@pytest.mark.parametrize("name", ["", "water.north", "*", "#", "Water", "ماء", "water ", "a" * 101])
def test_a_department_id_is_one_word_of_a_routing_key(name: str) -> None:
    """An id that would take another department's messages, or none, is refused by name."""
    with pytest.raises(ValueError, match="is no department id"):
        Topology(["roads", name])


def test_the_gateway_knows_which_queues_are_its_own() -> None:
    """The router's and the updates' queues are the gateway's to consume; the departments' and the dead are not."""
    assert {ROUTER, ROUTER_DISTRESS, UPDATES} == {queue.name for queue in TOPOLOGY.queues if queue.ours}


def test_a_difference_is_told_in_words() -> None:
    """The operator reads which queue differs in what, and what to do, instead of a protocol error."""
    reply = (
        "ChannelPreconditionFailed: PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'department.water' "
        "in vhost '/': received the value 'quorum' of type 'longstr' but current is none"
    )

    sentence = explain_difference(reply)

    assert sentence.startswith(
        "The queue department.water exists on the broker with x-queue-type = none, and Balagh needs quorum:"
    )


def test_what_is_no_difference_is_told_as_it_is() -> None:
    """An error of another kind keeps its own words."""
    assert explain_difference("ACCESS_REFUSED - no") == "ACCESS_REFUSED - no"
