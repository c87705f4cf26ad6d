"""The small interface behind which the brokers stand.

How publishing one parcel can end:

    Confirmed    every queue that must take it has it on disk (embedded: its handler has returned)
    Returned     no queue takes its routing key
    Nacked       the broker has it and refuses it
    Lost         nobody knows: no connection, or no answer in time. Publish it again; it may then be there twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, Protocol

from gateway.broker.topology import Topology

CONTENT_TYPE: Final = "application/cloudevents+json"
APP_ID: Final = "balagh"
REFUSED: Final = "RabbitMQ refused it: a queue is full or cannot write"
LONGEST_KEY: Final = 255  # bytes: AMQP writes its length in one

HeaderValue = str | int | bool


def _no_headers() -> Mapping[str, HeaderValue]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message for one exchange. `id` is the event's id: the same at every try. Raises ValueError if unsendable.

    `priority` is 0 to 9; `mandatory` says that a queue must take it; `type` is the CloudEvents type.
    """

    exchange: str
    routing_key: str
    id: str
    body: bytes = field(repr=False)
    priority: int = 0
    mandatory: bool = True
    headers: Mapping[str, HeaderValue] = field(default_factory=_no_headers)
    type: str = ""
    timestamp: datetime | None = None

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("A parcel needs the id of its event.")
        if any(len(text.encode()) > LONGEST_KEY for text in (self.exchange, self.routing_key, self.id, self.type)):
            raise ValueError(f"AMQP names are at most {LONGEST_KEY} bytes long.")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message out of a queue. `tries` counts this delivery too, as far as the broker knows."""

    queue: str
    id: str
    body: bytes = field(repr=False)
    headers: Mapping[str, object] = field(default_factory=dict, repr=False)
    redelivered: bool = False
    routing_key: str = ""
    tries: int = 1


class Retry(Exception):
    """A handler asks to see the message again after so many seconds. Nothing is wrong enough to log."""

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after


# Returning acknowledges, so it returns after its commit; raising leaves the message where it is, to come again.
Handler = Callable[[Delivery], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """It is on disk in every queue that must take it."""


@dataclass(frozen=True, slots=True)
class Returned:
    """No queue takes its routing key."""

    reason: str


@dataclass(frozen=True, slots=True)
class Nacked:
    """The broker has it and refuses it: a person should look."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Nobody knows what became of it: publish it again."""

    reason: str


Outcome = Confirmed | Returned | Nacked | Lost


class Bus(Protocol):
    """A broker: RabbitMQ, or the embedded one."""

    name: str
    topology: Topology
    blocked: bool  # the broker takes nothing for now, being short of memory or disk
    made: dict[str, datetime]  # queues that were missing and when they were made; whoever deals with one takes it out

    @property
    def connected(self) -> bool:
        """Whether parcels can be published and queues are consumed now."""

    async def start(self, *, declare: bool = True) -> None:
        """Begin; returns at once, also when the broker is not there yet.

        Without `declare` nothing is put on the broker, so that `check` can tell what is missing there.
        """

    async def stop(self) -> None:
        """Stop consuming, let running handlers finish for a few seconds, and part from the broker."""

    async def publish(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Publish all of them at once and say what became of each, in the same order. Never raises for the broker."""

    async def consume(self, queue: str, handler: Handler, prefetch: int) -> None:
        """Hand every message of a queue to `handler`, up to `prefetch` at a time, from now on and after every loss."""

    async def pause(self, queue: str) -> None:
        """Take no more from a queue; what is being handled goes on. Raises KeyError for a queue nobody consumes."""

    async def resume(self, queue: str) -> None:
        """Take from a paused queue again. Raises KeyError for a queue nobody consumes."""

    async def depths(self, queues: Sequence[str]) -> dict[str, int | None]:
        """How many messages wait in each queue; None where nobody can say."""

    async def consumers(self, queues: Sequence[str]) -> dict[str, int | None]:
        """How many consume each queue, whoever they are; None where nobody can say."""

    def doubt(self) -> None:
        """See at once that queues, bindings and consumers are as they should be, and mend what is not."""

    def renew(self) -> None:
        """Publish over a new connection soon: the present one may go on refusing what is welcome again."""

    async def check(self) -> list[str]:
        """What is wrong, one clear sentence each, for the operator; empty when all is well."""
