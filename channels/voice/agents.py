"""Agents: they call the hotline themselves, say who they are by a PIN, and get one waiting citizen after the other.

Nothing has to be installed at the agent's end, and a city may change who answers by a line of its settings. A number
alone proves nothing, since whoever knows how can show any number: hence the PIN.
"""

from __future__ import annotations

from aiohttp import web

from channels.twilio_form import Form
from channels.voice.facts import caller_of
from channels.voice.hotline import Hotline
from channels.voice.place import Place
from channels.voice.speech import Speech

STEPS = frozenset({"agent", "agent-next"})


def answer(hotline: Hotline, base: str, place: Place, form: Form, our_number: str) -> web.Response:
    """Say what an agent hears at a step."""
    speech = Speech(hotline, base, place.language)
    if place.step == "agent":
        if not hotline.admits(caller_of(form), form.get("Digits")):
            if place.last_try:
                return speech.hangup("agent-wrong").answer()
            return speech.number(place.to("agent", tries=place.tries + 1), "agent-wrong", "agent-pin").answer()
        return speech.say("agent-joined").join_queue(place.to("agent-next"), our_number).answer()
    if place.step == "agent-next":
        return speech.join_queue(place, our_number).answer()
    return speech.number(place.to("agent"), "agent-pin").answer()
