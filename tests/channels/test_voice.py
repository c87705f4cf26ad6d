"""What a call's requests mean, one by one: signatures, facts, prompts, settings."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from twilio.request_validator import RequestValidator

from channels.base import Fetches, Forgets, Probes, Recounts, Unreadable
from channels.message import Address, Inbound, Media, Purpose, Scheme
from channels.twilio_form import SIGNATURE
from channels.voice import Hosted, Voice
from gateway.calls import Ends, gather
from gateway.city.city import load
from gateway.hotline import open_lines
from tests.channels.caller import Caller
from tests.channels.harness import FIXTURES, Sink, example_settings, house, public
from tests.channels.hotline_house import AGENT, CITIZEN, voice_environ, voice_of
from tests.gateway.walk import NUMBER, Walk


async def test_recorded_prompts_are_played_and_served(tmp_path: Path, aiohttp_client: Any) -> None:
    """Where the city recorded a prompt it is played, from an address that Twilio may keep; nothing else is served."""
    folder = Path(shutil.copytree(Path(__file__).parents[2] / "config/cities/baghdad", tmp_path / "town"))
    wav = b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)
    (folder / "prompts" / "ar").mkdir(parents=True)
    (folder / "prompts" / "ar" / "welcome.wav").write_bytes(wav)
    made = Walk(tmp_path, load(str(folder)), **voice_environ())
    open_lines(made.house, clock=made.clock)
    client = await aiohttp_client(made.site())
    channel = voice_of(made)
    caller = await Caller(client, channel).dial()
    assert f"{caller.base}/prompts/ar/welcome.wav" in caller.heard
    response = await client.get("/channels/voice/prompts/ar/welcome.wav")
    assert (200, wav, "audio/wav") == (response.status, await response.read(), response.content_type)
    assert "max-age" in response.headers["Cache-Control"]
    etag = response.headers["ETag"]
    again = await client.get("/channels/voice/prompts/ar/welcome.wav", headers={"If-None-Match": etag})
    assert 304 == again.status
    for path in ("ar/goodbye", "en/welcome", "ar/..%2f..%2fcity", "..%2f/city"):
        assert 404 == (await client.get(f"/channels/voice/prompts/{path}.wav")).status
    await made.close()


# Folding and settings


def test_facts_fold_in_any_order() -> None:
    """What is known of a call does not depend on the order in which its facts stand."""

    def fact(**answers: Any) -> Inbound:
        return Inbound("voice", NUMBER, "x", Address(Scheme.CALL, "CA1"), purpose=Purpose.CALL, answers=answers)

    facts = [
        fact(event="begun", contact={"phone": CITIZEN}),
        fact(event="language", language="en"),
        fact(event="chosen", choice="agent", language="en"),
        fact(event="left", result="hangup"),
        fact(event="ended", status="completed"),
    ]
    assert gather(facts) == gather(list(reversed(facts)))
    assert "waited for an agent and was not heard" == gather(facts).reason
    heard = replace(facts[0], media=(Media("audio/wav", "https://x"),))
    assert "" == gather([*facts, heard]).reason


@pytest.mark.parametrize(
    "wrong",
    [{"agents": "123"}, {"agents": AGENT, "agent_pin": ""}, {"agent_pin": "12"}, {"number": "hotline"}],
    ids=str,
)
def test_half_set_agents_are_refused(wrong: dict[str, str]) -> None:
    """Numbers that are none, agents without a PIN, and a PIN that can be guessed stop the start."""
    with pytest.raises(ValidationError):
        example_settings(Voice, **wrong)


def test_it_is_what_the_house_looks_for() -> None:
    """The channel is asked for sources, deletions, probes and recounts, and takes the house's side of the line."""
    channel = Voice(example_settings(Voice))
    for kind in (Fetches, Forgets, Probes, Recounts, Hosted, Ends):
        assert isinstance(channel, kind)


def test_signature_is_twilios_own() -> None:
    """Twilio's own library signs a step of a call as the channel expects it."""
    channel = Voice(example_settings(Voice))
    body = (FIXTURES / "voice/menu/report.form").read_bytes()
    url = public("/channels/voice/menu?l=ar&t=2")
    theirs = RequestValidator("replace-with-the-auth-token").compute_signature(
        url, dict(parse_qsl(body.decode(), keep_blank_values=True))
    )
    assert theirs == channel.sign(url, body)[SIGNATURE]


async def test_a_changed_address_is_forged(aiohttp_client: Any, sink: Sink) -> None:
    """Where a caller stands is signed: nobody skips a try, a language or a proof by changing the address."""
    channel = Voice(example_settings(Voice))
    client = await aiohttp_client(house(channel, sink))
    body = (FIXTURES / "voice/menu/report.form").read_bytes()
    headers = channel.sign(public("/channels/voice/menu?l=ar&t=3"), body)
    response = await client.post("/channels/voice/menu?l=ar&t=1", data=body, headers=headers)

    assert 403 == response.status
    assert [] == sink.accepted


FIELDS = st.sampled_from(
    [
        *("CallSid", "From", "Digits", "CallStatus", "RecordingSid", "RecordingUrl", "RecordingStatus", "QueueResult"),
        *("SpeechResult", "Timestamp", "QueuePosition", "To", "AccountSid"),
    ]
)
LIKELY = st.sampled_from(
    ["CA1", "9", "1", "hangup", "completed", "RE1", "https://a/b", CITIZEN, "anonymous", "٩", "\0"]
)
PATHS = st.sampled_from(["", *Voice.paths])
QUERY = st.dictionaries(st.sampled_from("lntmsc"), LIKELY | st.text(max_size=8), max_size=4)


@settings(max_examples=300, deadline=None)
@given(path=PATHS, query=QUERY, form=st.dictionaries(FIELDS, LIKELY | st.text(max_size=30), max_size=8))
def test_any_request_is_facts_or_unreadable(path: str, query: dict[str, str], form: dict[str, str]) -> None:
    """Whatever a signed request holds, it becomes Inbounds that survive JSON, or is kept for a person."""
    channel = Voice(example_settings(Voice))
    address = f"/channels/voice{path}?{urlencode(query, errors='surrogatepass')}"
    body = urlencode(form, errors="surrogatepass").encode()
    request = make_mocked_request("POST", address)
    try:
        inbounds = list(channel.parse(request, body))
    except Unreadable:
        return
    for inbound in inbounds:
        assert inbound == Inbound.from_json(inbound.to_json())
        assert Scheme.CALL == inbound.sender.scheme
