"""What the caller hears: TwiML in which every prompt is a recording where the city made one, and a voice elsewhere.

An attribute that Twilio does not know makes the verb fail in the caller's ear, so every verb is made here once, with
all of its attributes said: `<Record>` without an action records for ever, and ends at any key unless it is told which.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from twilio.twiml.voice_response import Dial, Gather, Say, VoiceResponse

from channels.voice.hotline import DANGER, Hotline, Voice
from channels.voice.place import Place

PATIENCE = 8  # seconds for the next digit of a number; an elderly caller looks each up on paper
MENU_PATIENCE = 6  # seconds for a key, after the menu was read
QUEUE = "balagh"
MOST_WAITING = 100  # in Twilio's queue; how many lines there are is the city's to say
AGENT_TURN = 600  # seconds for which an agent waits for a caller before the line is asked for anew

Part = str | tuple[str, str]
"""A prompt by its name, or words to be read: ("words", …), ("digits", …)."""


class Speech:
    """A document in one language, put together verb by verb."""

    def __init__(self, hotline: Hotline, base: str, language: str) -> None:
        self.hotline, self.base = hotline, base
        self.voice = next((voice for voice in hotline.voices if voice.language == language), hotline.voices[0])
        self.response = VoiceResponse()

    def say(self, *parts: Part, within: Gather | None = None, voice: Voice | None = None) -> Speech:
        """Say prompts one after the other; `within` a Gather, a key ends them."""
        spoken = voice or self.voice
        into = self.response if within is None else within
        for part in parts:
            if isinstance(part, tuple):
                self._read(into, part, spoken)
            elif self.hotline.recorded(spoken.language, part):
                into.play(self._file(spoken, part))
            else:
                words = self.hotline.words(spoken.language, part)
                if words:
                    into.say(words, voice=spoken.voice, language=spoken.accent)
        return self

    def _read(self, into: VoiceResponse | Gather, part: tuple[str, str], voice: Voice) -> None:
        kind, value = part
        if kind == "words":
            into.say(value, voice=voice.voice, language=voice.accent)
            return
        digits = [digit for digit in value if digit.isdecimal()]
        if all(self.hotline.recorded(voice.language, f"digit-{digit}") for digit in digits):
            for digit in digits:
                into.play(self._file(voice, f"digit-{digit}"))
            return
        say: Say = into.say(voice=voice.voice, language=voice.accent)
        for position, group in enumerate(value.split()):
            if position:
                say.break_(time="400ms")
            say.say_as(group, interpret_as="digits")

    def _file(self, voice: Voice, prompt: str) -> str:
        return f"{self.base}/prompts/{voice.language}/{prompt}.wav"

    def key(self, then: Place, *parts: Part, patience: int = MENU_PATIENCE) -> Speech:
        """Ask for one key. Without one, the same step hears of it: the document must go on after a Gather."""
        self.say(*parts, within=self.gather(then, num_digits=1, finish_on_key="", timeout=patience))
        return self.go(then)

    def number(self, then: Place, *parts: Part) -> Speech:
        """Ask for several digits and #."""
        self.say(*parts, within=self.gather(then, num_digits=20, finish_on_key="#", timeout=PATIENCE))
        return self.go(then)

    def gather(self, then: Place, *, num_digits: int, finish_on_key: str, timeout: int) -> Gather:
        """Begin to listen for keys."""
        return self.response.gather(
            input="dtmf",
            action=then.url(self.base),
            method="POST",
            num_digits=num_digits,
            finish_on_key=finish_on_key,
            timeout=timeout,
        )

    def listen(self, then: Place, *parts: Part) -> Speech:
        """Ask for a few words, which a machine writes down as a proposal, or a key."""
        gather = self.response.gather(
            input="dtmf speech",
            action=then.url(self.base),
            method="POST",
            num_digits=1,
            timeout=5,
            speech_timeout="auto",
            language=self.voice.listens or None,
            profanity_filter=False,  # a complaint is evidence: nothing in it becomes ***
            action_on_empty_result=True,
        )
        return self.say(*parts, within=gather)

    def record(self, place: Place, *parts: Part) -> Speech:
        """Ask to speak after the tone. A key during the prompt goes to the tone at once, 9 to whoever is in danger."""
        if parts:
            before = self.gather(place.to("speak"), num_digits=1, finish_on_key="", timeout=1)
            self.say(*parts, within=before)
        self.response.record(
            action=place.to("recorded", tries=place.tries).url(self.base),
            method="POST",
            max_length=self.hotline.longest,
            timeout=self.hotline.silence,
            finish_on_key=f"#{DANGER}",
            play_beep=True,
            recording_status_callback=place.to("recording").url(self.base),
            recording_status_callback_method="POST",
            recording_status_callback_event="completed absent",
        )
        # Twilio goes on here when it heard nothing at all.
        return self.go(place.to("unheard", tries=place.tries))

    def enqueue(self, place: Place) -> Speech:
        """Put the caller in the queue for an agent."""
        self.response.enqueue(
            QUEUE,
            action=place.to("queued").url(self.base),
            method="POST",
            max_queue_size=MOST_WAITING,
            wait_url=place.to("wait").url(self.base),
            wait_url_method="POST",
        )
        return self

    def join_queue(self, then: Place, caller_id: str) -> Speech:
        """Give an agent whoever has waited longest; with nobody there, wait for the next."""
        dial: Dial = self.response.dial(
            action=then.url(self.base), method="POST", timeout=AGENT_TURN, caller_id=caller_id, answer_on_bridge=True
        )
        dial.queue(QUEUE)
        return self.go(then)

    def leave(self) -> Speech:
        """Take the caller out of the queue; Twilio then asks what comes next."""
        self.response.leave()
        return self

    def go(self, place: Place) -> Speech:
        """Go on at another step."""
        self.response.redirect(place.url(self.base), method="POST")
        return self

    def hangup(self, *parts: Part) -> Speech:
        """Say good-bye and end the call."""
        self.say(*parts)
        self.response.hangup()
        return self

    def answer(self) -> web.Response:
        """Return the document as Twilio takes it."""
        return answer(self.response)


def answer(response: VoiceResponse) -> web.Response:
    """Return a document as Twilio takes it: 200 and UTF-8, for an error would end the call."""
    return web.Response(text=str(response), content_type="text/xml", charset="utf-8")


def digits(value: str, groups: Sequence[int] = (4, 3, 3)) -> tuple[str, str]:
    """Return digits to be read one by one, with a rest between the groups that they are written in."""
    parts, rest = [], value
    for size in groups:
        parts.append(rest[:size])
        rest = rest[size:]
    return "digits", " ".join(filter(None, [*parts, rest]))
