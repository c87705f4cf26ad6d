import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from gateway.broker.bus import Bus, Confirmed, Delivery, Lost, Outcome, Parcel, Retry, Returned
from gateway.broker.loopback import Loopback
from gateway.broker.rabbitmq import RabbitMQ
from gateway.broker.topology import COMPLAINTS, DEAD, DEPARTMENTS, ROUTER, ROUTER_DISTRESS, Topology
from tests.servers.rabbitmq import Vhost
from tests.servers.waiting import until

TOPOLOGY = Topology(["water", "roads"])
CONFIRMED = Confirmed()


@pytest.fixture(params=["embedded", pytest.param("rabbitmq", marks=pytest.mark.servers)])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    made: Bus
    if request.param == "embedded":
        made = Loopback(TOPOLOGY)
    else:
        vhost = cast(Vhost, request.getfixturevalue("rabbitmq"))
        made = RabbitMQ(vhost.url, TOPOLOGY, pauses=(0.05, 0.2))
    await made.start()
    await until(lambda: made.connected)
    yield made
    await made.stop()


def received(number: int = 1, priority: str = "normal") -> Parcel:
    return Parcel(COMPLAINTS, f"received.sms.{priority}", f"event-{number}", f"بلاغ {number}".encode())


def offered(number: int = 1) -> Parcel:
    return Parcel(DEPARTMENTS, "water.offered", f"event-{number}", b"{}")


async def publish(bus: Bus, parcel: Parcel) -> Outcome:
    return (await bus.publish([parcel]))[0]


async def insist(bus: Bus, parcel: Parcel) -> None:
    """Publish as the relay does: again and again until it is confirmed."""

    async def out() -> bool:
        return await publish(bus, parcel) == CONFIRMED

    await until(out)


async def test_each_parcel_has_its_own_outcome_in_the_order_given(bus: Bus) -> None:
    """What no queue takes is said to be returned, and what stands beside it is confirmed all the same."""
    parcels = [offered(1), Parcel(DEPARTMENTS, "nobody.offered", "event-2", b"{}"), offered(3)]

    outcomes = await bus.publish(parcels)

    assert [Confirmed, Returned, Confirmed] == [type(outcome) for outcome in outcomes]


async def test_one_event_for_two_exchanges_keeps_its_outcomes_apart(bus: Bus) -> None:
    """The same id goes to both exchanges at once; the one that was returned is not taken for the other."""
    for number in range(20):
        event = f"event-{number}"
        outcomes = await bus.publish(
            [Parcel(DEPARTMENTS, "nobody.offered", event, b"{}"), Parcel(DEPARTMENTS, "water.offered", event, b"{}")]
        )
        assert [Returned, Confirmed] == [type(outcome) for outcome in outcomes]


async def test_an_event_of_record_needs_no_queue(bus: Bus) -> None:
    """What need not be taken by anybody is confirmed although nobody takes it."""
    parcel = Parcel(COMPLAINTS, "closed.sms.normal", "event-1", b"{}", mandatory=False)

    assert CONFIRMED == await publish(bus, parcel)


async def test_what_waits_for_a_department_is_counted(bus: Bus) -> None:
    """Depths tell how many offers wait in a department's queue, and say so when there is no such queue."""
    await bus.publish([offered(number) for number in range(50)])
    await bus.publish([Parcel("", DEAD, "event-99", b"{}", headers={"reason": "سبب"})])

    depths = await bus.depths(["department.water", "department.roads", DEAD, "department.none"])

    assert depths == {"department.water": 50, "department.roads": 0, DEAD: 1, "department.none": None}


async def test_a_consumer_sees_the_message_as_it_was_published(bus: Bus) -> None:
    """Id, body, headers and routing key arrive unchanged, once."""
    seen: list[Delivery] = []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery)

    await bus.consume(ROUTER, handle, prefetch=4)
    await insist(bus, Parcel(COMPLAINTS, "received.web.high", "event-1", "ماء".encode(), headers={"city": "بغداد"}))
    await until(lambda: bool(seen))

    (delivery,) = seen
    assert (ROUTER, "event-1", "ماء", "received.web.high") == (
        delivery.queue,
        delivery.id,
        delivery.body.decode(),
        delivery.routing_key,
    )
    assert delivery.headers["city"] == "بغداد"
    assert (False, 1) == (delivery.redelivered, delivery.tries)


@pytest.mark.parametrize("failure", [RuntimeError("the store is away"), Retry(0.05), asyncio.CancelledError()])
async def test_a_message_whose_handler_fails_comes_again(bus: Bus, failure: BaseException) -> None:
    """Nothing is acknowledged before its handler returned: after a failure the message is there again."""
    tries: list[Delivery] = []

    async def handle(delivery: Delivery) -> None:
        tries.append(delivery)
        if len(tries) == 1:
            raise failure

    await bus.consume(ROUTER, handle, prefetch=1)
    await insist(bus, received())
    await until(lambda: len(tries) == 2)

    assert ["event-1", "event-1"] == [delivery.id for delivery in tries]


async def test_a_paused_queue_takes_nothing_until_it_is_resumed(bus: Bus) -> None:
    """While the store is away nothing is taken, and nothing is lost by that."""
    seen: list[str] = []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.id)

    await bus.consume(ROUTER, handle, prefetch=4)
    await insist(bus, received(1))
    await until(lambda: seen == ["event-1"])

    await bus.pause(ROUTER)
    publishing = asyncio.create_task(insist(bus, received(2)))
    await asyncio.sleep(0.3)
    while_paused = list(seen)
    await bus.resume(ROUTER)
    await until(lambda: seen == ["event-1", "event-2"])
    await publishing

    assert while_paused == ["event-1"]


async def test_distress_does_not_wait_behind_the_rest(bus: Bus) -> None:
    """While the router's own queue is stuck in a slow handler, danger to life is handled."""
    release = asyncio.Event()
    urgent: list[str] = []

    async def slow(delivery: Delivery) -> None:
        await release.wait()

    async def handle(delivery: Delivery) -> None:
        urgent.append(delivery.id)

    await bus.consume(ROUTER, slow, prefetch=1)
    await bus.consume(ROUTER_DISTRESS, handle, prefetch=1)
    stuck = [asyncio.create_task(insist(bus, received(number))) for number in range(3)]
    await insist(bus, received(9, "distress"))
    await until(lambda: urgent == ["event-9"])
    release.set()
    await asyncio.gather(*stuck)


async def test_no_more_messages_are_in_hand_than_asked_for(bus: Bus) -> None:
    """A consumer with room for two never handles three at once."""
    at_once = most = done = 0

    async def handle(delivery: Delivery) -> None:
        nonlocal at_once, most, done
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        done += 1

    await bus.consume(ROUTER, handle, prefetch=2)
    await asyncio.gather(*(insist(bus, received(number)) for number in range(12)))
    await until(lambda: done == 12)

    assert most == 2


async def test_stopping_lets_a_running_handler_finish(bus: Bus) -> None:
    """A handler in the middle of its commit is not cut off, and nothing is published afterwards."""
    steps: list[str] = []

    async def handle(delivery: Delivery) -> None:
        steps.append("began")
        await asyncio.sleep(0.3)
        steps.append("finished")

    await bus.consume(ROUTER, handle, prefetch=1)
    publishing = asyncio.create_task(insist(bus, received()))
    await until(lambda: steps == ["began"])
    await bus.stop()
    await publishing

    assert steps == ["began", "finished"]
    assert Lost is type(await publish(bus, offered()))
    assert await bus.check() != []


async def test_a_healthy_bus_has_nothing_to_tell(bus: Bus) -> None:
    """`balagh check` prints nothing about a broker that is well."""
    assert await bus.check() == []


async def test_only_queues_of_the_contract_are_consumed(bus: Bus) -> None:
    """A typing error in a queue's name is found at once."""
    with pytest.raises(KeyError):
        await bus.consume("balagh.rooter", lambda _: asyncio.sleep(0), prefetch=1)


@pytest.mark.parametrize("fields", [{"routing_key": "w" * 256}, {"id": ""}, {"type": "ن" * 128}])
def test_a_parcel_that_amqp_cannot_carry_is_refused_when_it_is_made(fields: dict[str, str]) -> None:
    """The fault shows where the parcel is made, not as trouble with the broker."""
    with pytest.raises(ValueError, match=r"AMQP|id"):
        Parcel(**{"exchange": DEPARTMENTS, "routing_key": "water.offered", "id": "event", "body": b"", **fields})
