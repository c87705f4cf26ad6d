"""The published documents: valid in themselves, and true of what is served and sent."""

import dataclasses
import json
import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.api.documents import add_schemas
from gateway.app import running
from gateway.broker.bus import CONTENT_TYPE
from gateway.broker.topology import Topology
from gateway.city.city import City
from gateway.cloudevents import Envelopes
from gateway.schema import documents, write
from gateway.store import outbox
from gateway.store.answers import REFUSED, Answer
from gateway.store.outbox import Letter
from gateway.updates import read as read_update
from router.lifecycle import Refusal
from router.lifecycle import read as read_fields
from router.route import Route, Suggestion
from tests.channels.harness import example_values
from tests.gateway.api.caller import BOSS, JPEG, Door, document, form, make_house, site

URL = "https://city.example"
FULL = {
    "place": {"text": "قرب الجامع", "district": "karkh", "latitude": 33.3, "longitude": 44.4},
    "contact": {"phone": "07701234567", "email": "a@example.org", "name": "أم علي"},
    "occurred_at": "2026-11-01T06:00:00+03:00",
}


@pytest.fixture(scope="module")
def written(baghdad: City) -> dict[str, Any]:
    return documents(baghdad, URL)


def errors(schema: dict[str, Any], instance: Any) -> list[str]:
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator(schema, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(instance)]


async def letters(tmp_path: Path, city: City, **said: Any) -> list[Letter]:
    """File a complaint with a photo, let it be routed, and return its events as the relay sees them."""
    house = make_house(tmp_path, city)
    house.roles = house.roles - {"relay"}  # what the relay would take stays where this test finds it
    async with running(house), TestClient(TestServer(site(house))) as client:
        door = Door(house, client)
        status, receipt = await door.post(
            **form(("complaint", document(**{**FULL, **said}), None, None), ("p", JPEG, "p.jpg", None))
        )
        assert 201 == status, receipt
        found: list[Letter] = []
        while not found:
            found = await house.store.read(partial(outbox.unpublished, now=datetime.now(UTC), limit=10))
    return found


@pytest.mark.parametrize("confidential", [False, True])
@pytest.mark.parametrize("event", ["received", "offered", "amended", "recalled"])
async def test_what_is_sent_is_what_the_schemas_say(
    tmp_path: Path, baghdad: City, written: dict[str, Any], event: str, confidential: bool
) -> None:
    """Every event for everybody and for a department, and the complaint in it, hold to the published schemas."""
    (letter,) = await letters(tmp_path, baghdad, confidential=confidential)
    data = {
        "received": {},
        "offered": {"due_at": None},
        "amended": {"attachments_added": 1, "priority_raised": True},
        "recalled": {"offer": letter.event.id, "moved_to": "sewage"},
    }[event]
    route = Route(
        department="water", category="water.outage", automatic=True, rule="r", reason="why", confidence=0.9,
        suggestions=(Suggestion(category="water.leak", department="water", confidence=0.1),),
    )  # fmt: skip
    letter = dataclasses.replace(
        letter,
        event=dataclasses.replace(letter.event, type=event, data=data, department="water"),
        route=route if event == "offered" else None,
    )
    envelopes = Envelopes(baghdad.id, URL)

    for body in (envelopes.for_everybody(letter), envelopes.for_department(letter)):
        sent = json.loads(body)
        assert [] == errors(written["event.v1.json"], sent)
        assert [] == errors(written["complaint.v1.json"], sent["data"]["complaint"])
        assert written["complaint.v1.json"]["$id"] == sent["dataschema"]


async def test_what_the_schemas_refuse(tmp_path: Path, baghdad: City, written: dict[str, Any]) -> None:
    """The schemas are no empty promise: an event with a wrong reference, type or sequence does not pass."""
    (letter,) = await letters(tmp_path, baghdad)
    sent = json.loads(Envelopes(baghdad.id, URL).for_everybody(letter))

    for name, wrong in (("subject", "0"), ("type", "balagh.complaint.eaten.v1"), ("sequence", 3), ("time", 5)):
        assert [] != errors(written["event.v1.json"], {**sent, name: wrong}), name
    complaint = sent["data"]["complaint"]
    for name, wrong in (("reference", "12"), ("status", "eaten"), ("place", {"latitude": 91})):
        assert [] != errors(written["complaint.v1.json"], {**complaint, name: wrong}), name
    assert [] == errors(written["complaint.v1.json"], {**complaint, "of_a_later_version": 1})


@pytest.mark.parametrize(
    ("verb", "data", "well"),
    [
        ("accepted", {}, True),
        ("accepted", {"due_at": "2026-11-24T14:00:00+03:00", "officer": "سعاد"}, True),
        ("accepted", {"due_at": "2026-11-24T14:00:00"}, False),
        ("rejected", {"reason": "لا", "suggested_department": "sewage"}, True),
        ("rejected", {"suggested_department": "sewage"}, False),
        ("progressed", {"note": "x" * 2000}, True),
        ("progressed", {"note": "x" * 2001}, False),
        ("resolved", {"outcome": "repaired"}, True),
        ("resolved", {"anser": "أُصلح"}, False),
        ("accepted", {"note": "x", "outcome": "x", "reason": None}, True),
        ("eaten", {}, False),
    ],
)
def test_an_answer_is_what_its_schema_says(
    baghdad: City, written: dict[str, Any], verb: str, data: dict[str, Any], well: bool
) -> None:
    """What the schema of an answer takes, the gateway takes, and what it refuses is refused."""
    event = {
        "specversion": "1.0",
        "id": "1",
        "type": f"balagh.update.{verb}.v1",
        "subject": "8058834987",
        "time": "2026-11-22T08:10:00Z",
        "data": {"offer": "an-offer", **data},
    }
    assert well == (errors(written["update.v1.json"], event) == [])
    update = read_update(f"water.{verb}", json.dumps(event).encode(), baghdad.departments)
    said = read_fields(
        update.verb, update.data, at=update.at, department="water", departments=baghdad.departments, triage="citizens"
    )
    assert well == (not isinstance(said, Refusal))


def test_a_refusal_is_what_its_schema_says(baghdad: City, written: dict[str, Any]) -> None:
    """The refusal that a department gets holds to the published schema, with a field and without."""
    now = datetime.now(UTC)
    answer = Answer("1", "water", "u", "", "8058834987", "accepted", "offer", now, now, {}, REFUSED, reason="لا / no")
    for one in (answer, dataclasses.replace(answer, field="offer")):
        assert [] == errors(written["refused.v1.json"], json.loads(Envelopes(baghdad.id, URL).refusal(one)))


# OpenAPI


def test_the_description_of_the_http_api_is_valid(written: dict[str, Any]) -> None:
    """It is OpenAPI 3.1, by the standard's own schema."""
    OpenAPIV31SpecValidator(written["openapi.json"]).validate()


async def test_every_route_is_described_and_no_other(tmp_path: Path, baghdad: City, written: dict[str, Any]) -> None:
    """With every channel on, the description's addresses and methods are exactly those that are served."""
    environ = {name: value for name, value in example_values().items() if "__" in name}
    house = make_house(tmp_path, baghdad, **environ)
    served = {
        (route.method, re.sub(r"\{(\w+)[^}]*\}", r"{\1}", route.resource.canonical))
        for route in site(house).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    house.store.close()

    described = {
        (method.upper(), path) for path, methods in written["openapi.json"]["paths"].items() for method in methods
    }
    assert served == described


async def test_what_is_answered_is_what_is_described(door: Door, written: dict[str, Any]) -> None:
    """Receipts, complaints and problems hold to the description's own schemas."""
    components = written["openapi.json"]["components"]

    def of(name: str) -> dict[str, Any]:
        return {"$ref": f"#/components/schemas/{name}", "components": components}

    _, receipt = await door.post(json.loads(document(**FULL)))
    shown = await door.settled(receipt["reference"])
    _, problem = await door.post({"text": "", "kind": "x"})

    assert [] == errors(of("ReceiptView"), receipt)
    assert [] == errors(of("ComplaintView"), shown)
    assert [] == errors(of("ProblemDetails"), problem)
    assert [] == errors(of("Report"), json.loads(document(**FULL)))
    for wrong in ({"text": "x", "category": "dragons"}, {"text": "x", "place": {"district": "atlantis"}}, {"a": 1}):
        assert [] != errors(of("Report"), wrong), wrong


# AsyncAPI


def test_the_description_of_the_queues_is_whole(baghdad: City, written: dict[str, Any]) -> None:
    """What AsyncAPI 3.0 requires is there, and every reference leads somewhere."""
    described = written["asyncapi.json"]
    assert "3.0.0" == described["asyncapi"]
    assert {"title", "version"} <= set(described["info"])
    assert all({"host", "protocol"} <= set(server) for server in described["servers"].values())
    for channel in described["channels"].values():
        assert sorted(re.findall(r"\{(\w+)\}", channel["address"])) == sorted(channel.get("parameters", {}))
        assert channel["bindings"]["amqp"]["is"] in {"queue", "routingKey"}
    for operation in described["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["messages"]
        within = operation["channel"]["$ref"] + "/messages/"
        assert all(message["$ref"].startswith(within) for message in operation["messages"])
    for reference in references(described):
        assert resolve(described, reference) is not None, reference
    assert CONTENT_TYPE == described["components"]["messages"]["complaintEvent"]["contentType"]
    assert (
        written["event.v1.json"]["$id"]
        == described["components"]["messages"]["complaintEvent"]["payload"]["schema"]["$ref"]
    )


def test_every_exchange_and_queue_is_described_and_no_other(baghdad: City, written: dict[str, Any]) -> None:
    """Names, kinds, bindings and arguments are those that the gateway declares."""
    topology = Topology(baghdad.departments)
    channels = written["asyncapi.json"]["channels"].values()
    amqp = [channel["bindings"]["amqp"] for channel in channels]

    assert {(exchange.name, exchange.kind) for exchange in topology.exchanges} == {
        (binding["exchange"]["name"], binding["exchange"]["type"]) for binding in amqp if binding["is"] == "routingKey"
    }
    assert {
        queue.name: (dict(queue.arguments), [(bound.exchange, bound.pattern) for bound in queue.bindings])
        for queue in topology.queues
    } == {
        channel["address"]: (
            channel["x-arguments"],
            [(bound["exchange"], bound["routingKey"]) for bound in channel["x-bound-to"]],
        )
        for channel in channels
        if channel["bindings"]["amqp"]["is"] == "queue"
    }


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) and node["$ref"].startswith("#") else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def resolve(document_: Any, reference: str) -> Any:
    for step in reference.removeprefix("#/").split("/"):
        document_ = document_[step]
    return document_


# Where they are


@pytest.mark.parametrize(
    "name",
    [
        "complaint.v1.json",
        "event.v1.json",
        "update.v1.json",
        "refused.v1.json",
        "asyncapi.json",
        "openapi.json",
    ],
)
async def test_a_document_is_public_and_can_be_cached(idle: Door, written: dict[str, Any], name: str) -> None:
    """Anybody can read it, from any page, and need not read it twice."""
    async with idle.client.get(f"/schemas/{name}") as response:
        assert (200, written[name]) == (response.status, await response.json(content_type=None))
        assert ("public, max-age=3600", "*") == (
            response.headers["Cache-Control"], response.headers["Access-Control-Allow-Origin"],
        )  # fmt: skip
        etag = response.headers["ETag"]
    async with idle.client.get(f"/schemas/{name}", headers={"If-None-Match": etag}) as response:
        assert (304, b"") == (response.status, await response.read())


async def test_the_api_describes_itself(idle: Door, written: dict[str, Any]) -> None:
    """The description is where the API is, without a key."""
    async with idle.client.get("/api/v1/openapi.json") as response:
        assert (200, written["openapi.json"]) == (response.status, await response.json())
    async with idle.client.get("/api/v1/openapi.json", headers=BOSS) as response:
        assert 200 == response.status


def test_the_documents_are_written_to_a_folder(tmp_path: Path, baghdad: City, written: dict[str, Any]) -> None:
    """`balagh schema` leaves a file for each document, as it is served."""
    paths = write(tmp_path / "new" / "schemas", baghdad, URL)

    assert written == {path.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}


async def test_the_schemas_stay_public_when_the_api_moves(tmp_path: Path, baghdad: City) -> None:
    """A site that has the schemas and no API serves them, and says what it has not as a problem."""
    house = make_house(tmp_path, baghdad)
    app = web.Application()
    add_schemas(app, house)
    async with TestClient(TestServer(app)) as client:
        for path, status in (("complaint.v1.json", 200), ("other.json", 404)):
            async with client.get(f"/schemas/{path}") as response:
                assert status == response.status
        async with client.get("/api/v1/openapi.json") as response:
            assert 404 == response.status
    house.store.close()
