"""What hangs on the broker, as AsyncAPI 3.0: written from the topology that is declared there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from gateway.broker.bus import CONTENT_TYPE
from gateway.broker.topology import COMPLAINTS, DEAD, DEPARTMENTS, UPDATES, Queue, Topology, department_queue
from gateway.city.city import City
from gateway.cloudevents import REFUSED
from gateway.schemas.event import TYPES
from normalizer.complaint import Priority
from router.lifecycle import Verb

_BINDING: Final = {"bindingVersion": "0.3.0"}  # of AsyncAPI's bindings for AMQP 0-9-1
_OF_THE_EXCHANGE: Final = {
    COMPLAINTS: (
        "{event}.{channel}.{priority}",
        "Every event of every complaint's life, without contact or anything that identifies the citizen.",
    ),
    DEPARTMENTS: (
        "{department}.{event}",
        "What a department must hear. What no queue takes is returned to the gateway, parked and alarmed.",
    ),
    UPDATES: (
        "{department}.{verb}",
        "Where departments answer. The routing key says who speaks, and the type must agree with it.",
    ),
}


_CARRIED: Final = {
    COMPLAINTS: ("complaintEvent",),
    DEPARTMENTS: ("complaintEvent", "refused"),
    UPDATES: ("update",),
}
"""The messages on each exchange, by their names in this document."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Where the schemas of the messages are published: of a complaint's event, an answer, a refused answer."""

    event: str
    update: str
    refused: str


def program_version() -> str:
    """The version of this program, 0 where it is not installed."""
    try:
        return version("balagh")
    except PackageNotFoundError:
        return "0"


def asyncapi(city: City, public_url: str, schemas: Messages) -> dict[str, Any]:
    """Describe the exchanges, queues and messages of a city."""
    topology = Topology(name for name, department in city.departments.items() if department.delivery == "amqp")
    exchanges = {_key(exchange.name): _exchange(exchange.name, exchange.kind, city) for exchange in topology.exchanges}
    queues = {f"queue_{_key(queue.name)}": _queue(queue, city) for queue in topology.queues}
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:balagh:{city.id}",
        "info": {
            "title": f"Balagh, {city.names.get('en', city.id)}: queues",
            "version": program_version(),
            "description": "Complaints on their way to the departments. All is durable and persistent; the same "
            "message_id again is a copy. docs/queues.md goes through it.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "externalDocs": {"url": f"{public_url}/schemas/event.v1.json"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "broker": {
                "host": "{host}",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "The city's RabbitMQ.",
                "variables": {"host": {"default": "localhost:5672", "description": "As the city's operator tells it."}},
            }
        },
        "channels": exchanges | queues,
        "operations": _operations(topology),
        "components": {
            "messages": {"dead": _dead(), **_events(schemas)},
        },
    }


def _key(name: str) -> str:
    return name.replace(".", "_")


def _exchange(name: str, kind: str, city: City) -> dict[str, Any]:
    address, description = _OF_THE_EXCHANGE[name]
    choices: dict[str, dict[str, Any]] = {
        "event": {"enum": list(TYPES)},
        "channel": {"description": "The citizen's way: sms, whatsapp, web, walk_in, …"},
        "priority": {"enum": [priority.value for priority in Priority]},
        "department": {"enum": list(city.departments)},
        "verb": {"enum": [verb.value for verb in Verb]},
    }
    exchange = {"name": name, "type": kind, "durable": True, "autoDelete": False, "vhost": "/"}
    return {
        "address": address,
        "title": name,
        "description": description,
        "servers": [{"$ref": "#/servers/broker"}],
        "parameters": {word: choices[word] for word in choices if f"{{{word}}}" in address},
        "messages": _named(_CARRIED[name]),
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, **_BINDING}},
    }


def _named(messages: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in messages}


def _within(channel: str, messages: Iterable[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages]


def _in(queue: Queue) -> tuple[str, ...]:
    """Name the messages in a queue: those of the exchange that it is bound to."""
    return next((_CARRIED[bound.exchange] for bound in queue.bindings), ("dead",))


def _queue(queue: Queue, city: City) -> dict[str, Any]:
    return {
        "address": queue.name,
        "title": queue.name,
        "description": _about(queue, city),
        "servers": [{"$ref": "#/servers/broker"}],
        "messages": _named(_in(queue)),
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {"name": queue.name, "durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"},
                **_BINDING,
            }
        },
        # AsyncAPI's binding has no words for these two.
        "x-arguments": dict(queue.arguments),
        "x-bound-to": [{"exchange": bound.exchange, "routingKey": bound.pattern} for bound in queue.bindings],
    }


def _about(queue: Queue, city: City) -> str:
    for department in city.departments.values():
        if queue.name == department_queue(department.id):
            return f"Consumed by the system of {department.names.get('en', department.id)}."
    if queue.name == DEAD:
        return "Copies of what went to quarantine, with the reason in the headers. For a person."
    return "The gateway's own: do not consume it."


def _operations(topology: Topology) -> dict[str, Any]:
    """Say what the gateway does: what it sends, and what it takes itself."""
    sent = {
        f"send_{_key(exchange.name)}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{_key(exchange.name)}"},
            "summary": f"Events on {exchange.name}.",
            "bindings": {"amqp": {"deliveryMode": 2, "mandatory": exchange.name == DEPARTMENTS, **_BINDING}},
            "messages": _within(_key(exchange.name), _CARRIED[exchange.name]),
        }
        for exchange in topology.exchanges
        if exchange.name != UPDATES
    }
    taken = {
        f"receive_{_key(queue.name)}": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/queue_{_key(queue.name)}"},
            "summary": "Hear what departments answer."
            if queue.name == UPDATES
            else "Decide which department is responsible.",
            "bindings": {"amqp": {"ack": True, **_BINDING}},
            "messages": _within(f"queue_{_key(queue.name)}", _in(queue)),
        }
        for queue in topology.queues
        if queue.ours
    }
    return sent | taken


def _events(schemas: Messages) -> dict[str, Any]:
    complaint = {"description": "The complaint's reference.", "location": "$message.payload#/subject"}
    answer = {"description": "The id of the answer.", "location": "$message.payload#/data/update"}
    return {
        "complaintEvent": {
            "name": "complaintEvent",
            "title": "An event of a complaint's life",
            "summary": "CloudEvents 1.0 in structured JSON. message_id is the event's id, type its CloudEvents type, "
            "priority 9 is danger to life.",
            "correlationId": complaint,
            **_cloudevent("balagh.complaint.<event>.v1", schemas.event),
        },
        "update": {
            "name": "update",
            "title": "What a department answers to an offer",
            "summary": "CloudEvents 1.0 in structured JSON. The same id of one department again does nothing twice.",
            "correlationId": complaint,
            **_cloudevent("balagh.update.<verb>.v1", schemas.update),
        },
        "refused": {
            "name": "refused",
            "title": "An answer that changed nothing, and why",
            "summary": "Under <department>.refused, in the queue of the department that answered, and nowhere else.",
            "correlationId": answer,
            **_cloudevent(REFUSED, schemas.refused),
        },
    }


def _cloudevent(kind: str, schema: str) -> dict[str, Any]:
    return {
        "contentType": CONTENT_TYPE,
        "payload": {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": {"$ref": schema}},
        "bindings": {"amqp": {"messageType": kind, **_BINDING}},
    }


def _dead() -> dict[str, Any]:
    return {
        "name": "dead",
        "title": "A copy of a quarantined message",
        "summary": "The body is what could not be dealt with, as it was; it may hold a citizen's words.",
        "headers": {
            "type": "object",
            "properties": {
                "reason": {"type": "string", "description": "Why, in words."},
                "stage": {"type": "string", "description": "The room in which it broke."},
                "subject": {"type": "string", "description": "The id of the message or event."},
                "quarantine": {"type": "string", "description": "Its number for `balagh quarantine show`."},
            },
            "required": ["reason", "stage", "subject", "quarantine"],
        },
        "bindings": {"amqp": {"messageType": "balagh.quarantine.v1", **_BINDING}},
    }
