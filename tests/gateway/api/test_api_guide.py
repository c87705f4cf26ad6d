"""The examples of docs/api.md and docs/queues.md, run and compared, so that they stay true."""

import io
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from gateway.api import body, complaints, offers, problem, updates
from gateway.api.report import Report, Way
from gateway.broker.bus import CONTENT_TYPE
from gateway.broker.topology import Topology
from gateway.city.city import City
from gateway.schema import documents
from gateway.settings import load
from router.lifecycle import LONGEST, Verb
from tests.gateway.api.caller import JPEG, Door

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "api.md").read_text(encoding="utf-8")
QUEUES = (DOCS / "queues.md").read_text(encoding="utf-8")
VOLATILE = {"id", "reference", "pin", "time", "received_at", "url", "external_id", "Location", "version"}


def examples() -> Iterator[tuple[list[str], str]]:
    """Each curl command of the guide with the answer that is printed below it."""
    for command, answer in re.findall(r"```sh\n(curl .*?)```\n\n```http\n(.*?)```", GUIDE, re.DOTALL):
        yield shlex.split(command.replace("\\\n", " "))[1:], answer


def even(value: Any) -> Any:
    """A document without what differs from run to run."""
    if isinstance(value, dict):
        return {name: "…" if name in VOLATILE and inner else even(inner) for name, inner in value.items()}
    return [even(inner) for inner in value] if isinstance(value, list) else value


async def run(door: Door, arguments: list[str], names: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Do what curl would do with these arguments."""
    url, headers, data, parts = "", {}, "", []
    words = iter(arguments)
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = next(words)
        elif word == "-F":
            parts.append(next(words))
        elif word == "-o":
            next(words)
        elif word != "-i":
            url = word
    for name, value in names.items():
        url = url.replace(f"${name}", value)
        headers = {key: said.replace(f"${name}", value) for key, said in headers.items()}
        data = data and data.replace(f"${name}", value)
    path = url.removeprefix("http://127.0.0.1:8080").removeprefix("https://city.example")
    method = "POST" if data or parts else "GET"
    sent = form(parts) if parts else data.encode() or None
    async with door.client.request(method, path, headers=headers, data=sent) as response:
        return response.status, dict(response.headers), await response.read()


def form(parts: list[str]) -> aiohttp.FormData:
    """The form that curl makes of its -F arguments."""
    made = aiohttp.FormData(default_to_multipart=True)
    for part in parts:
        name, _, value = part.partition("=")
        value, _, kind = value.partition(";type=")
        if value.startswith("@"):
            made.add_field(name, io.BytesIO(JPEG), filename=value[1:], content_type="image/jpeg")
        else:
            made.add_field(name, value, content_type=kind or None)
    return made


async def test_every_example_answers_as_it_is_printed(door: Door) -> None:
    """Run in their order, the commands give the statuses, headers and bodies that stand below them."""
    names = {"KEY": "desk-key-1", "READ_KEY": "reader-key", "WATER_KEY": "water-key-1", "REFERENCE": ""}
    names |= {"ATTACHMENT": "", "OFFER": "", "DUE": (datetime.now(UTC) + timedelta(days=3)).isoformat()}
    seen = 0
    for arguments, answer in examples():
        head, _, expected = answer.partition("\n\n")
        status_line, *lines = head.splitlines()
        status, headers, content = await run(door, arguments, names)

        assert int(status_line.split()[1]) == status, content
        for line in lines:
            name, _, value = line.partition(": ")
            found = headers[name]
            if name in VOLATILE:
                value, found = (re.sub(r"\d{10}", "…", text) for text in (value, found))
            assert value == found, arguments
        if expected:
            assert even(json.loads(expected)) == even(json.loads(content)), content.decode()
        if status == 201:
            shown = await door.settled(json.loads(content)["reference"])
            names["REFERENCE"] = names["REFERENCE"] or shown["reference"]
            names["ATTACHMENT"] = names["ATTACHMENT"] or next((one["url"] for one in shown["attachments"]), "")
        if "offers" in arguments[1]:
            names["OFFER"] = json.loads(content)["events"][0]["id"]
        seen += 1
    assert 10 == seen


def test_the_keys_of_the_guide_are_taken(tmp_path: Path, baghdad: City) -> None:
    """The operator can paste the line: every key is long enough, every scope exists, and the examples use its keys."""
    [line] = re.findall(r"^    BALAGH_API_KEYS=(.*)$", GUIDE, re.MULTILINE)
    keys = {key.key: key.scopes for key in load({"BALAGH_API_KEYS": line, "BALAGH_DATA_DIR": str(tmp_path)}).api_keys}
    [exported] = re.findall(r"^    export (KEY=.*)$", GUIDE, re.MULTILINE)
    used = dict(word.split("=", 1) for word in exported.split())

    assert [{"intake"}, {"read"}, {"department.water"}] == [
        keys[used[name]] for name in ("KEY", "READ_KEY", "WATER_KEY")
    ]
    scopes = {scope for wanted in keys.values() for scope in wanted if scope.startswith("department.")}
    assert scopes <= {f"department.{name}" for name in baghdad.departments}
    assert set(re.findall(r"\$([A-Z_]+)", "".join(re.findall(r"```sh\n(curl .*?)```", GUIDE, re.DOTALL)))) == set(
        re.findall(r"\b(?:export )?([A-Z_]+)=[^ `\n]+", exported + "".join(re.findall(r"`export [^`]+`", GUIDE)))
    )


def test_the_guide_names_every_problem_and_every_field() -> None:
    """The tables are whole, and name nothing that is not there."""
    named = dict(re.findall(r"\| `/problems/([a-z-]+)` \| (\d{3}) \|", GUIDE))
    assert {kind.slug: str(kind.status) for kind in problem.KINDS} == named
    fields = GUIDE.partition("| field | what |")[2].partition("A field that")[0]
    assert list(Report.model_fields) == re.findall(r"^\| `(\w+)` \|", fields, re.MULTILINE)
    assert set(Way.__args__) == set(re.findall(r"`(\w+)`", fields.partition("how the citizen came")[2]))


def test_the_guide_names_the_limits_in_force() -> None:
    """Numbers in the guide are those of the code."""
    assert f"Up to {body.MOST_FILES} files of {body.LARGEST_FILE >> 20} MiB each" in GUIDE
    assert f"up to {body.LARGEST_DOCUMENT >> 10} KiB" in GUIDE
    assert f"{body.PATIENCE / 60:.0f} minutes to arrive, and {complaints.UPLOADS}\nforms" in GUIDE
    assert f"waits up to {complaints.TURN:.0f} seconds" in GUIDE
    assert f"wait up to {offers.LONGEST} seconds for something" in GUIDE
    assert f"up to {offers.MOST} events" in GUIDE
    assert f"the body has {updates.LARGEST >> 10} KiB at most" in GUIDE
    assert f"at most {LONGEST.days} days ahead" in GUIDE
    assert [*Verb] == re.findall(r"^\| `balagh\.update\.(\w+)\.v1` \|", GUIDE, re.MULTILINE)


# Queues


def test_the_event_in_the_guide_is_one(baghdad: City) -> None:
    """The examples of the queues' guide hold to the schemas that are published, and belong to one complaint."""
    event, update, refused = (json.loads(found) for found in re.findall(r"```json\n(.*?)```", QUEUES, re.DOTALL))
    published = documents(baghdad, "https://complaints.example.gov")
    schema = published["event.v1.json"]
    for name, example in (("update", update), ("refused", refused)):
        validator = Draft202012Validator(published[f"{name}.v1.json"])
        assert [] == [error.message for error in validator.iter_errors(example)]
        assert (event["subject"], event["id"]) == (example["subject"], example["data"]["offer"])
    assert update["id"] == refused["data"]["update"]

    assert [] == [error.message for error in Draft202012Validator(schema).iter_errors(event)]
    assert event["subject"] == event["data"]["complaint"]["reference"]
    assert event["dataschema"] == schema["$id"].replace("event", "complaint")


def test_the_queues_in_the_guide_are_those_that_are_declared(baghdad: City) -> None:
    """Every exchange, queue, binding and argument stands in the guide."""
    topology = Topology(["water"])

    for exchange in topology.exchanges:
        assert f"| `{exchange.name}` | topic exchange" in QUEUES
    for queue in topology.queues:
        name = queue.name.replace("water", "<id>")
        row = next(line for line in QUEUES.splitlines() if line.startswith(f"| `{name}` |") and "queue" in line)
        for bound in queue.bindings:
            assert f"`{bound.pattern.replace('water', '<id>')}`" in row
    for name in topology.queue("department.water").arguments:
        assert f"`{name}`" in QUEUES
    assert CONTENT_TYPE in QUEUES


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", QUEUES, re.DOTALL))
def test_the_consumer_in_the_guide_is_python(block: str) -> None:
    """The example of a consumer can at least be compiled."""
    compile(block, "docs/queues.md", "exec")
