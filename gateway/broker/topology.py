"""What hangs on the broker, as data: the exchanges, queues and bindings of the public contract.

The names and kinds are promised to departments; `docs/decisions/0002-broker-topology.md` says why each argument is what
it is. Arguments of a queue cannot be changed once it exists, so a change here is a migration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

COMPLAINTS: Final = "balagh.complaints"
DEPARTMENTS: Final = "balagh.departments"
UPDATES: Final = "balagh.updates"  # the exchange and its queue share the name
DEFAULT_EXCHANGE: Final = ""  # reaches any queue by its name

ROUTER: Final = "balagh.router"
ROUTER_DISTRESS: Final = "balagh.router.distress"
DEAD: Final = "balagh.dead"

DELIVERY_LIMIT: Final = 10_000  # failed deliveries of one message before it is moved to balagh.dead
_NEVER: Final = 1_000_000_000  # RabbitMQ 3.10 has no word for "no limit", and 4.x would take 20

_DEPARTMENT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}", re.ASCII)

_QUORUM: Final[Mapping[str, str | int]] = MappingProxyType(
    {"x-queue-type": "quorum", "x-overflow": "reject-publish", "x-delivery-limit": DELIVERY_LIMIT}
)
_WORK: Final[Mapping[str, str | int]] = MappingProxyType(
    {
        **_QUORUM,
        "x-dead-letter-exchange": DEFAULT_EXCHANGE,
        "x-dead-letter-routing-key": DEAD,
        "x-dead-letter-strategy": "at-least-once",
    }
)
_LAST: Final[Mapping[str, str | int]] = MappingProxyType({**_QUORUM, "x-delivery-limit": _NEVER})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: str = "topic"


@dataclass(frozen=True, slots=True)
class Binding:
    """What an exchange hands to a queue: every routing key that the pattern matches (`*` one word, `#` any number)."""

    exchange: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue. `ours` says that the gateway itself consumes it."""

    name: str
    bindings: tuple[Binding, ...] = ()
    arguments: Mapping[str, str | int] = field(default_factory=lambda: _WORK)
    ours: bool = False


class Topology:
    """The exchanges and queues of a city, for the ids of its departments that take complaints by AMQP.

    Raises ValueError for an id that a routing key could not carry as exactly one word.
    """

    def __init__(self, departments: Iterable[str]) -> None:
        self.departments: Final = tuple(departments)
        for department in self.departments:
            if not _DEPARTMENT_ID.fullmatch(department):
                raise ValueError(f"{department!r} is no department id: use small letters, digits, - and _.")
        self.exchanges: Final = (Exchange(COMPLAINTS), Exchange(DEPARTMENTS), Exchange(UPDATES))
        self.queues: Final = (
            Queue(DEAD, arguments=_LAST),  # first, so that the others have where to send their dead
            Queue(ROUTER_DISTRESS, _by_priority("distress"), ours=True),
            Queue(ROUTER, _by_priority("normal", "high"), ours=True),
            Queue(UPDATES, (Binding(UPDATES, "#"),), ours=True),
            *(Queue(department_queue(name), (Binding(DEPARTMENTS, f"{name}.#"),)) for name in self.departments),
        )
        self._by_name: Final = {queue.name: queue for queue in self.queues}
        self._patterns: Final = [
            (binding.exchange, binding.pattern.split("."), queue) for queue in self.queues for binding in queue.bindings
        ]

    def queue(self, name: str) -> Queue:
        """The queue of that name. Raises KeyError."""
        return self._by_name[name]

    def queues_for(self, exchange: str, routing_key: str) -> tuple[Queue, ...]:
        """The queues that take what is published under a routing key, each once."""
        if exchange == DEFAULT_EXCHANGE:
            return (self._by_name[routing_key],) if routing_key in self._by_name else ()
        words = routing_key.split(".") if routing_key else []
        taken = {
            queue.name: queue
            for source, pattern, queue in self._patterns
            if source == exchange and _matches(pattern, words)
        }
        return tuple(taken.values())


def department_queue(department: str) -> str:
    """The name of the queue that a department's own system consumes."""
    return f"department.{department}"


_INEQUIVALENT: Final = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)' for (?P<kind>queue|exchange) '(?P<name>[^']+)' in vhost '[^']*': "
    r"received (?P<ours>.+) but current is (?P<theirs>.+)"
)


def explain_difference(reply: str) -> str:
    """Say in words for the operator what RabbitMQ's PRECONDITION_FAILED means; other texts are returned as they are."""
    found = _INEQUIVALENT.search(reply)
    if found is None:
        return reply
    ours, theirs = (_value(found[side]) for side in ("ours", "theirs"))
    return (
        f"The {found['kind']} {found['name']} exists on the broker with {found['argument']} = {theirs}, "
        f"and Balagh needs {ours}: empty and delete it, or use a virtual host of its own; "
        "until then nothing is published to it."
    )


def _value(words: str) -> str:
    quoted = re.search(r"'(.*?)'", words)
    return quoted[1] or "''" if quoted else words.strip()


def _by_priority(*priorities: str) -> tuple[Binding, ...]:
    return tuple(
        Binding(COMPLAINTS, f"{event}.*.{priority}") for event in ("received", "amended") for priority in priorities
    )


def _matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """Whether a topic pattern takes a routing key, both as lists of words."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_matches(pattern[1:], words[start:]) for start in range(len(words) + 1))
    return bool(words) and pattern[0] in {"*", words[0]} and _matches(pattern[1:], words[1:])
