"""Whatever a program sends, the answer is one of those that the description names."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.api.body import read_json
from gateway.api.problem import Problem
from gateway.schema import documents
from normalizer.reference import make
from tests.gateway.api.caller import DESK, WATER, Door

ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**310)
    | st.floats()
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["text", "kind", "category", "place", "contact", "language", "occurred_at", "confidential", "channel"]
)
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat() + "+14:00") | st.from_regex(
    r"\A\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)\Z"
)
PLACES = st.fixed_dictionaries(
    {}, optional={"text": ANY, "district": st.just("karkh") | ANY, "latitude": ANY, "longitude": ANY}
)
CONTACTS = st.fixed_dictionaries(
    {}, optional={"phone": st.text() | ANY, "email": st.emails() | ANY, "name": st.text(max_size=80) | ANY}
)
REPORTS = st.fixed_dictionaries(
    {"text": st.text(min_size=1) | ANY},
    optional={
        "place": PLACES | ANY,
        "contact": CONTACTS | ANY,
        "occurred_at": MOMENTS | ANY,
        "kind": st.just("request") | ANY,
        "channel": st.just("fax") | ANY,
        "language": st.from_regex(r"\A[a-z]{2}(-[A-Z]{2})?\Z") | ANY,
    },
) | st.dictionaries(NAMES | st.text(max_size=8), ANY)
DATA = st.fixed_dictionaries(
    {"offer": st.text(min_size=1, max_size=9) | ANY},
    optional={name: st.text() | ANY for name in ("due_at", "officer", "reason", "note", "outcome", "answer")},
)
ENVELOPES = st.fixed_dictionaries(
    {
        "specversion": st.just("1.0"),
        "id": st.text(min_size=1) | ANY,
        "source": st.just("/x"),
        "type": st.sampled_from(
            [f"balagh.update.{verb}.v1" for verb in ("accepted", "rejected", "progressed", "eaten")]
        ),
        "subject": st.just(make(b"a city's key", "nobody")) | ANY,
        "data": DATA | ANY,
    },
    optional={"time": MOMENTS | ANY, "datacontenttype": ANY, "extension": ANY},
)
IN_A_FIXTURE = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
async def documented(idle: Door) -> AsyncIterator[tuple[Door, set[int]]]:
    described = documents(idle.house.city, "https://city.example")["openapi.json"]
    responses = described["paths"]["/api/v1/complaints"]["post"]["responses"]
    yield idle, {int(status) for status in responses} - {500, 503}


@IN_A_FIXTURE
@given(body=REPORTS | ANY)
async def test_any_document_gets_an_answer_that_is_described(documented: tuple[Door, set[int]], body: Any) -> None:
    """No JSON breaks the door, and what is refused is refused by problem details."""
    door, statuses = documented
    status, said = await door.post(data=json.dumps(body).encode(), headers={**DESK, "Content-Type": "application/json"})

    assert status in statuses
    if status == 201:
        found, shown = await door.get(said["reference"])
        assert 200 == found
        assert [] == list(_schema(door).iter_errors(shown))
    else:
        assert said["type"].startswith("/problems/")


@IN_A_FIXTURE
@given(body=st.binary(max_size=200))
async def test_any_bytes_as_a_form_get_an_answer(documented: tuple[Door, set[int]], body: bytes) -> None:
    """No form breaks the door."""
    door, statuses = documented
    framed = b'--edge\r\nContent-Disposition: form-data; name="text"\r\n' + body + b"\r\n--edge--\r\n"
    for sent in (body, framed):
        headers = {**DESK, "Content-Type": "multipart/form-data; boundary=edge"}
        assert (await door.post(data=sent, headers=headers))[0] in statuses


@settings(IN_A_FIXTURE, max_examples=80)
@given(envelope=ENVELOPES | ANY)
async def test_any_answer_of_a_department_gets_one_that_is_described(idle: Door, envelope: Any) -> None:
    """No envelope breaks the door of departments, and none is taken for an answer to an offer that was never made."""
    headers = {**WATER, "Content-Type": "application/cloudevents+json"}
    async with idle.client.post("/api/v1/updates", data=json.dumps(envelope).encode(), headers=headers) as response:
        said = await response.json()

    assert response.status in {400, 404, 422}, said
    assert said["type"].startswith("/problems/")


@given(content=st.binary() | st.text().map(str.encode))
def test_any_bytes_are_json_or_refused(content: bytes) -> None:
    """Reading JSON ends in a document or in a problem, never in anything else."""
    try:
        read_json(content)
    except Problem as problem:
        assert 400 == problem.kind.status


def _schema(door: Door) -> Draft202012Validator:
    return Draft202012Validator(documents(door.house.city, "https://city.example")["complaint.v1.json"])
