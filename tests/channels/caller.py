"""A caller: walks the TwiML as Twilio would, listens, presses, speaks, stays silent, and hangs up at any step.

As strict as Twilio: a verb or an attribute that it does not know, a Say without words or with a voice that does not
speak its language, a Record without an action, an address that is not ours: each ends the test.
"""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp.test_utils import TestClient
from yarl import URL

from channels.voice import Voice

ATTRIBUTES = {
    "Response": set(),
    "Say": {"voice", "language"},
    "Play": set(),
    "Gather": {
        *("input", "action", "method", "numDigits", "finishOnKey", "timeout", "speechTimeout", "language"),
        *("profanityFilter", "actionOnEmptyResult"),
    },
    "Record": {
        *("action", "method", "maxLength", "timeout", "finishOnKey", "playBeep", "recordingStatusCallback"),
        *("recordingStatusCallbackMethod", "recordingStatusCallbackEvent"),
    },
    "Redirect": {"method"},
    "Hangup": set(),
    "Enqueue": {"action", "method", "maxQueueSize", "waitUrl", "waitUrlMethod"},
    "Leave": set(),
    "Dial": {"action", "method", "timeout", "callerId", "answerOnBridge"},
    "Queue": set(),
    "say-as": {"interpret-as"},
    "break": {"time"},
}
VOICES = {("Polly.Zeina", "arb"), ("Polly.Amy-Neural", "en-GB")}
MOST_STEPS = 60  # of a caller who does nothing: more is a circle

_calls = itertools.count(1)
_recordings = itertools.count(1)


class CircleError(AssertionError):
    """A caller who does nothing is never let go."""


@dataclass
class Caller:
    """Somebody on the telephone. `at` is the verb that waits for them; None once the call is over."""

    client: TestClient[Any, Any]
    channel: Voice
    number: str = "+9647701234567"
    call: str = field(default_factory=lambda: f"CA{next(_calls):032d}")
    heard: list[str] = field(default_factory=list)
    at: ET.Element | None = None
    doc: list[ET.Element] = field(default_factory=list)
    recordings: list[tuple[str, str]] = field(default_factory=list)  # callback address and recording id
    queue: ET.Element | None = None
    steps: int = 0
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    last: str = ""

    @property
    def base(self) -> str:
        """Where the channel is, as Twilio knows it."""
        return f"{self.channel.settings.public_url}/channels/voice"

    @property
    def waits_for(self) -> str:
        """What the call waits for: a key (Gather), words (Record), an agent (Enqueue), or nothing."""
        return "" if self.at is None else self.at.tag

    def words(self) -> str:
        """What was said since the last key."""
        return " ".join(self.heard)

    async def dial(self) -> Caller:
        """Call the hotline."""
        await self._go(self.base, CallStatus="ringing")
        return self

    async def press(self, *keys: str) -> Caller:
        """Press keys, one menu after the other; a number ends with #."""
        for key in keys:
            gather = self._waiting("Gather")
            digits = key.removesuffix(gather.get("finishOnKey") or "") or key
            assert len(digits) <= int(gather.get("numDigits", "1")), "more keys than the prompt takes"
            await self._go(gather.get("action", ""), Digits=digits, msg="Gather")
        return self

    async def say(self, words: str) -> Caller:
        """Say a few words to a machine that listens."""
        gather = self._waiting("Gather")
        assert "speech" in gather.get("input", "").split()
        await self._go(gather.get("action", ""), SpeechResult=words, Confidence="0.81")
        return self

    async def silent(self) -> Caller:
        """Press nothing: Twilio goes on with what stands after the Gather, or the Record."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise CircleError(self.words())
        assert self.at is not None
        if self.at.tag == "Gather" and self.at.get("actionOnEmptyResult") == "true":
            await self._go(self.at.get("action", ""))
            return self
        self.heard = []
        await self._play(self.doc)
        return self

    async def to_the_tone(self) -> Caller:
        """Listen until the tone."""
        while self.waits_for == "Gather" and any(verb.tag == "Record" for verb in self.doc):
            await self.silent()
        self._waiting("Record")
        return self

    async def speak(self, *, ends: str = "#", action: bool = True) -> str:
        """Speak after the tone, and end by a key or by hanging up. Returns the recording's id."""
        await self.to_the_tone()
        record = self._waiting("Record")
        recording = f"RE{next(_recordings):032d}"
        self.recordings.append((record.get("recordingStatusCallback", ""), recording))
        assert "completed absent" == record.get("recordingStatusCallbackEvent")
        if action:
            await self._go(record.get("action", ""), Digits=ends, **self._recording(recording))
        if ends == "hangup":
            self.at, self.doc = None, []
        return recording

    async def recorded(self, recording: str, status: str = "completed") -> int:
        """Let Twilio tell of a recording, when it likes."""
        address = next(where for where, known in self.recordings if known == recording)
        fields = {"CallSid": self.call, "RecordingStatus": status, **self._recording(recording)}
        return (await self.post(address, fields))[0]

    async def hang_up(self, status: str = "completed") -> int:
        """End the call: no step hears of it, only the status callback."""
        self.at, self.doc = None, []
        fields = {**self._call(), "CallStatus": status, "Timestamp": "Sun, 22 Nov 2026 07:11:40 +0000"}
        return (await self.post(f"{self.base}/status", fields))[0]

    async def wait(self, position: int = 1, seconds: int = 12) -> Caller:
        """Wait in the queue until the waiting prompt asks for a key."""
        self.queue = self.queue if self.queue is not None else self._waiting("Enqueue")
        await self._go(self.queue.get("waitUrl", ""), QueuePosition=str(position), QueueTime=str(seconds))
        return self

    async def leaves_queue(self, result: str) -> Caller:
        """Come out of the queue."""
        queue = self.queue if self.queue is not None else self._waiting("Enqueue")
        self.queue = None
        await self._go(queue.get("action", ""), QueueResult=result, QueueTime="30")
        return self

    async def post(self, address: str, fields: Mapping[str, str]) -> tuple[int, str]:
        """Post a form as Twilio would, signed; every request is kept to be sent again."""
        assert address.startswith(self.base), address
        body = urlencode({"AccountSid": self.channel.settings.account_sid, **fields}).encode()
        self.sent.append((address, body))
        return await self.repeat(address, body)

    async def repeat(self, address: str, body: bytes) -> tuple[int, str]:
        """Send a request, the first time or again."""
        path = address.removeprefix(self.channel.settings.public_url)
        response = await self.client.post(
            URL(path, encoded=True), data=body, headers=dict(self.channel.sign(address, body))
        )
        return response.status, await response.text()

    async def _go(self, address: str, **fields: str) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise CircleError(self.words())
        status, text = await self.post(address, {**self._call(), **fields})
        assert 200 == status, f"{address} answered {status}"
        self.last = text
        root = ET.fromstring(text)
        _strict(root)
        self.heard = []
        await self._play(list(root))

    async def _play(self, verbs: list[ET.Element]) -> None:
        self.at, self.doc = None, []
        for position, verb in enumerate(verbs):
            match verb.tag:
                case "Say" | "Play":
                    self.heard.append(" ".join(verb.itertext()).strip())
                case "Redirect":
                    heard = self.heard
                    await self._go(verb.text or "")
                    self.heard = heard + self.heard
                    return
                case "Hangup":
                    return
                case "Leave":
                    heard = self.heard
                    await self.leaves_queue("leave")
                    self.heard = heard + self.heard
                    return
                case _:
                    self.heard += [" ".join(said.itertext()).strip() for said in verb if said.tag in {"Say", "Play"}]
                    self.at, self.doc = verb, verbs[position + 1 :]
                    return

    def _waiting(self, tag: str) -> ET.Element:
        assert self.at is not None, f"the call is over, after: {self.words()}"
        assert tag == self.at.tag, f"it waits for {self.at.tag}: {self.words()}"
        return self.at

    def _call(self) -> dict[str, str]:
        return {
            "CallSid": self.call,
            "From": self.number,
            "To": self.channel.settings.number,
            "CallStatus": "in-progress",
            "Direction": "inbound",
        }

    def _recording(self, recording: str) -> dict[str, str]:
        account = self.channel.settings.account_sid
        return {
            "RecordingSid": recording,
            "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{recording}",
            "RecordingDuration": "14",
        }


def _strict(root: ET.Element) -> None:
    assert "Response" == root.tag
    for verb in root.iter():
        assert verb.tag in ATTRIBUTES, verb.tag
        assert set(verb.attrib) <= ATTRIBUTES[verb.tag], (verb.tag, verb.attrib)
        match verb.tag:
            case "Say":
                assert "".join(verb.itertext()).strip(), "nothing to say"
                assert (verb.get("voice"), verb.get("language")) in VOICES
            case "Record":
                assert verb.get("action"), "it would record for ever"
                assert int(verb.get("timeout", "5")) >= 8, "too short for an elderly caller"
                assert re.fullmatch("[0-9#*]+", verb.get("finishOnKey", "")), "any key would end it"
            case "Gather" | "Redirect" | "Enqueue":
                assert "POST" == verb.get("method")
    assert root[-1].tag in {"Hangup", "Redirect", "Enqueue", "Leave", "Gather"}, f"silence after {root[-1].tag}"
