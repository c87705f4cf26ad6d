"""The walk through the hotline: for each step, what the caller hears next.

The same step with the same input is always answered alike, so that a request that Twilio repeats does no harm. Each
prompt is asked three times at most; whoever presses nothing speaks after a tone, and is not sent round in circles.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web

from channels.message import Receipt
from channels.twilio_form import Form
from channels.voice.facts import CALL_BACK, HUNG_UP, LEAVE, call_of, caller_of, sender_of
from channels.voice.hotline import BACK, DANGER, MAIN, Caller, Choice, Hotline, Key, Outcome, Service, Standing
from channels.voice.place import COMPLAINTS, Place
from channels.voice.speech import Part, Speech, digits

GONE = frozenset({"hangup", "redirected"})
AFTER_TALK = frozenset({"bridged", "bridging-in-process"})

Doc = Speech
Step = Callable[["Walk"], Awaitable[Doc]]


class Walk:
    """One request of one call, and the document that answers it."""

    def __init__(self, hotline: Hotline, base: str, place: Place, form: Form, receipts: Sequence[Receipt]) -> None:
        self.hotline, self.base, self.place, self.form, self.receipts = hotline, base, place, form, receipts
        self.pressed = form.get("Digits")
        self.caller = Caller(call_of(form), caller_of(form), place.language)

    async def answer(self) -> web.Response:
        """Say what comes next."""
        if self.pressed == DANGER and self.place.step not in {"", "queued", "waiting", "status"}:
            return self.danger().answer()
        return (await STEPS[self.place.step](self)).answer()

    # What is said

    def speech(self, place: Place | None = None) -> Speech:
        """Begin a document in the caller's language."""
        return Speech(self.hotline, self.base, (place or self.place).language)

    def again(self, ask: Callable[[Place, Sequence[Part]], Doc]) -> Doc:
        """Ask once more; after the last try, let the caller speak after a tone."""
        if self.place.last_try:
            return self.speak(self.place, "not-heard", "speak")
        after = self.place.to(self.place.step, tries=self.place.tries + 1)
        return ask(after, ("not-heard",))

    def danger(self) -> Doc:
        """Say whom to call now, and record: the complaint is filed already."""
        return self.speech().say("danger").record(self.place.to("speak"), "speak-danger")

    def speak(self, place: Place, *parts: Part) -> Doc:
        """Ask to speak after the tone."""
        return self.speech(place).record(place.to("speak"), *parts)

    def report(self, place: Place) -> Doc:
        """Take a report: the recording is what counts."""
        speech = self.speech(place)
        if self.hotline.speech and speech.voice.listens:
            return speech.listen(place.to("about"), "about")
        return self.speak(place, "speak")

    def menu(self, place: Place, before: Sequence[Part] = ()) -> Doc:
        """Read a menu."""
        menu = self.hotline.menus.get(place.menu) or self.hotline.menus[MAIN]
        parts: list[Part] = [*before]
        speech = self.speech(place)
        if self.hotline.recorded(speech.voice.language, f"menu-{place.menu}"):
            parts.append(f"menu-{place.menu}")
        else:
            parts.append(("words", menu.says.get(speech.voice.language, "")))
        return speech.key(place.to("menu", tries=place.tries), *parts, "danger-key")

    def languages(self, place: Place, before: Sequence[Part] = ()) -> Doc:
        """Offer the languages, each in its own."""
        speech = self.speech(place)
        gather = speech.gather(place, num_digits=1, finish_on_key="", timeout=6)
        speech.say(*before, within=gather)
        for voice in self.hotline.voices:
            recorded = self.hotline.recorded(voice.language, "language")
            speech.say("language" if recorded else ("words", voice.offer), "danger-key", within=gather, voice=voice)
        return speech.go(place)

    def follow(self, place: Place, before: Sequence[Part] = ()) -> Doc:
        """Ask for the number of a complaint."""
        return self.speech(place).number(place.to("follow", tries=place.tries), *before, "follow")

    def services(self, place: Place, before: Sequence[Part] = ()) -> Doc:
        """Read the services, each with its key."""
        parts: list[Part] = [*before, "services"]
        for service in self.hotline.services:
            parts += [self._named(service), "press", ("digits", service.key)]
        return self.speech(place).key(place.to("services", tries=place.tries), *parts)

    def transaction(self, place: Place, before: Sequence[Part] = ()) -> Doc:
        """Ask for the number of a transaction."""
        return self.speech(place).number(place.to("transaction", tries=place.tries), *before, "transaction")

    def code(self, place: Place, *before: Part) -> Doc:
        """Ask for the code that was sent."""
        return self.speech(place).number(place.to("code", tries=place.tries), *before)

    def busy(self, place: Place, before: Sequence[Part] = ()) -> Doc:
        """Offer a message or a call back; whoever shows no number can only leave a message."""
        if not self.caller.phone:
            return self.speak(place, *before, "speak")
        return self.speech(place).key(place.to("busy", tries=place.tries), *before, "busy")

    def standing(self, known: Standing) -> Doc:
        """Say where a complaint stands, or why not."""
        place = self.place
        match known.outcome:
            case Outcome.KNOWN:
                return self.menu(place.to("menu", menu=MAIN), (f"standing-{known.status}",))
            case Outcome.CODE_SENT:
                return self.code(place.to("code"), "code-sent")
            case Outcome.NO_NUMBER if not place.last_try:
                return self.follow(place.to("follow", tries=place.tries + 1), ("follow-wrong",))
            case Outcome.WRONG_CODE if not place.last_try:
                return self.code(place.to("code", tries=place.tries + 1), "code-wrong")
        return self.menu(place.to("menu", menu=MAIN), ("too-many",))

    async def choose(self, key: Key) -> Doc:
        """Do what a key of a menu says."""
        place = self.place.to("menu", menu=key.menu or MAIN, category=key.category)
        match key.does:
            case Choice.FOLLOW:
                return self.follow(place)
            case Choice.SERVICES if self.hotline.services:
                return self.services(place)
            case Choice.AGENT:
                return await self.agent(place)
            case Choice.MENU | Choice.SERVICES:
                return self.menu(place)
        return self.report(place)

    async def agent(self, place: Place) -> Doc:
        """Put the caller through: to the queue, or to what there is when nobody can answer."""
        if not self.hotline.open_now():
            return self.busy(place, ("closed",))
        if not await self.hotline.take_line(self.caller.call):
            return self.busy(place)
        return self.speech(place).enqueue(place)

    def _named(self, service: Service) -> Part:
        language = self.speech().voice.language
        if self.hotline.recorded(language, f"service-{service.id}"):
            return f"service-{service.id}"
        return "words", service.names.get(language, "")

    def _details(self, service: Service) -> Part:
        language = self.speech().voice.language
        if self.hotline.recorded(language, f"service-{service.id}-details"):
            return f"service-{service.id}-details"
        return "words", service.details.get(language, "")

    # The steps

    async def begin(self) -> Doc:
        """Greet, and offer the languages."""
        return self.languages(self.place.to("language"), ("welcome",))

    async def at_language(self) -> Doc:
        """A language was chosen, or none in three tries: then the city's own."""
        for voice in self.hotline.voices:
            if voice.key == self.pressed:
                return self.menu(self.place.to("menu", language=voice.language))
        if self.place.last_try:
            return self.menu(self.place.to("menu", language=self.hotline.voices[0].language))
        return self.languages(self.place.to("language", tries=self.place.tries + 1))

    async def at_menu(self) -> Doc:
        """A key of a menu."""
        menu = self.hotline.menus.get(self.place.menu) or self.hotline.menus[MAIN]
        if self.pressed == BACK:
            return self.menu(self.place.to("menu", menu=MAIN))
        key = menu.keys.get(self.pressed)
        return self.again(self.menu) if key is None else await self.choose(key)

    async def at_about(self) -> Doc:
        """Something was said, or not: it is recorded either way."""
        return self.speak(self.place, "speak")

    async def at_speak(self) -> Doc:
        """A key during the prompt: straight to the tone."""
        return self.speak(self.place)

    async def at_recorded(self) -> Doc:
        """Thank for a recording, with its number."""
        if self.pressed == HUNG_UP:
            return self.speech().hangup()
        reference = await self.hotline.reference(self.caller.call, sender_of(self.caller.call, self.place.complaint))
        if reference == "":  # it has just been accepted, and makes one of its own
            reference = next((receipt.reference for receipt in self.receipts if receipt.reference), "")
        parts: list[Part] = ["thanks"]
        if reference:
            parts += ["your-number", digits(reference), "your-number", digits(reference)]
            pin = next((receipt.pin for receipt in self.receipts if receipt.reference == reference), "")
            if self.caller.phone and self.hotline.texts:
                parts.append("by-sms")
            elif pin:  # no SMS reaches whoever shows no number
                parts += ["your-pin", digits(pin, (3, 3)), "your-pin", digits(pin, (3, 3))]
        more = self.place.to("more", category="")
        return self.speech().key(more, *parts, *(["more"] if self.place.complaint < COMPLAINTS else []))

    async def at_unheard(self) -> Doc:
        """Nothing came after the tone."""
        if not self.place.last_try:
            return self.speak_again()
        return self.speech().hangup("nothing-recorded", *(["will-call-back"] if self.caller.phone else []), "goodbye")

    def speak_again(self) -> Doc:
        """Let the tone sound once more."""
        place = self.place.to("speak", tries=self.place.tries + 1)
        return self.speech().record(place, "nothing-recorded", "speak")

    async def at_more(self) -> Doc:
        """Another report, the menu, or good-bye."""
        if self.pressed == LEAVE and self.place.complaint < COMPLAINTS:
            return self.report(self.place.to("menu", complaint=self.place.complaint + 1))
        if self.pressed:
            return self.menu(self.place.to("menu", menu=MAIN))
        return self.speech().hangup("goodbye")

    async def at_follow(self) -> Doc:
        """The number of a complaint."""
        if not self.pressed:
            return self.again(self.follow)
        if self.pressed in {BACK, "0"}:
            return self.menu(self.place.to("menu", menu=MAIN))
        step = self.receipts[0].id if self.receipts else ""
        return self.standing(await self.hotline.standing(self.caller, self.pressed, step))

    async def at_code(self) -> Doc:
        """The code that was sent by SMS: it takes its time to arrive."""
        if not self.pressed:
            return self.standing(Standing(Outcome.WRONG_CODE))
        return self.standing(await self.hotline.standing_by_code(self.caller, self.pressed))

    async def at_services(self) -> Doc:
        """One of the services."""
        if self.pressed == BACK:
            return self.menu(self.place.to("menu", menu=MAIN))
        service = next((known for known in self.hotline.services if known.key == self.pressed), None)
        if service is None:
            return self.again(self.services)
        place = self.place.to("transaction", service=service.id)
        if service.tracked:
            return self.transaction(place, (self._details(service),))
        return self.services(self.place.to("services"), (self._details(service),))

    async def at_transaction(self) -> Doc:
        """The number of a transaction: its state, from the city's own system."""
        if not self.pressed:
            return self.menu(self.place.to("menu", menu=MAIN, service=""))
        try:
            said = await self.hotline.transaction(self.caller, self.place.service, self.pressed)
        except TimeoutError:
            return self.menu(self.place.to("menu", menu=MAIN, service=""), ("transaction-away",))
        if said:
            return self.menu(self.place.to("menu", menu=MAIN, service=""), (("words", said),))
        if self.place.last_try:
            return self.menu(self.place.to("menu", menu=MAIN, service=""), ("transaction-unknown",))
        return self.transaction(self.place.to("transaction", tries=self.place.tries + 1), ("transaction-unknown",))

    async def at_busy(self) -> Doc:
        """A message, or a call back: silence means a call back."""
        if self.pressed == LEAVE:
            return self.speak(self.place, "speak")
        if self.pressed and self.pressed != CALL_BACK and not self.place.last_try:
            return self.busy(self.place.to("busy", tries=self.place.tries + 1), ("not-heard",))
        return self.speech().hangup("will-call-back", "goodbye")

    async def at_wait(self) -> Doc:
        """Tell the place in the queue, and how to leave it; Twilio asks again and again."""
        waited = self.form.get("QueueTime")
        if waited.isdecimal() and waited.isascii() and int(waited) > self.hotline.patience:
            return self.speech().say("not-answered").leave()
        position = self.form.get("QueuePosition")
        parts: list[Part] = ["place", ("digits", position)] if position.isdecimal() and position.isascii() else []
        return self.speech().key(self.place.to("waiting"), *parts, "wait", patience=20)

    async def at_waiting(self) -> Doc:
        """A key while waiting: out of the queue, to a recording or, in danger, to the emergency numbers."""
        if self.pressed == DANGER:
            return self.speech().say("danger").leave()
        if self.pressed == LEAVE:
            return self.speech().leave()
        return self.speech().go(self.place.to("wait"))

    async def at_queued(self) -> Doc:
        """Out of the queue: after the talk, or into a recording. Nobody is left in silence."""
        await self.hotline.free_line(self.caller.call)
        result = self.form.get("QueueResult")
        if result in GONE:
            return self.speech().hangup()
        if result in AFTER_TALK:
            return self.speech().hangup("goodbye")
        if result == "leave":
            return self.speak(self.place, "speak")
        return self.busy(self.place)  # the queue is full, or Twilio has trouble of its own


STEPS: Mapping[str, Step] = {
    "": Walk.begin,
    "language": Walk.at_language,
    "menu": Walk.at_menu,
    "about": Walk.at_about,
    "speak": Walk.at_speak,
    "recorded": Walk.at_recorded,
    "unheard": Walk.at_unheard,
    "more": Walk.at_more,
    "follow": Walk.at_follow,
    "code": Walk.at_code,
    "services": Walk.at_services,
    "transaction": Walk.at_transaction,
    "busy": Walk.at_busy,
    "wait": Walk.at_wait,
    "waiting": Walk.at_waiting,
    "queued": Walk.at_queued,
}
"""Every step at which a caller waits for an answer."""
