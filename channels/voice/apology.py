"""What a caller hears when the house cannot answer: an apology, whom to call in danger, and a tone to speak after.

Nothing here asks the store. The recording waits at Twilio; its callback, or the next recount, brings it in.
"""

from __future__ import annotations

from aiohttp import web
from twilio.twiml.voice_response import VoiceResponse

from channels.voice.hotline import Hotline, Voice
from channels.voice.place import Place
from channels.voice.speech import Speech, answer

SORRY = "sorry"  # the step after the tone
LONGEST, SILENCE = 180, 10  # seconds, before a city has said its own

_WORDS = (  # before a city has said its own
    (
        Voice("ar", "1", "", "Polly.Zeina", "arb"),
        "نعتذر، لدينا عطل الآن. إن كان هناك خطر على الحياة فاتصلوا بالطوارئ فوراً. تكلموا بعد النغمة وسنسمع رسالتكم.",
    ),
    (
        Voice("en", "2", "", "Polly.Amy-Neural", "en-GB"),
        (
            "We are sorry, we have a fault. If life is in danger, call the emergency services now. "
            "Speak after the tone, and we will listen to your message."
        ),
    ),
)


def apology(hotline: Hotline | None, base: str, place: Place) -> web.Response:
    """Apologise in every language of the city, for nobody may know which one was chosen, and record."""
    if hotline is not None:
        speech = Speech(hotline, base, place.language)
        for voice in hotline.voices:
            speech.say("apology", voice=voice)
        response, longest, silence = speech.response, hotline.longest, hotline.silence
    else:
        response, longest, silence = VoiceResponse(), LONGEST, SILENCE
        for voice, words in _WORDS:
            response.say(words, voice=voice.voice, language=voice.accent)
    response.record(
        action=place.to(SORRY).url(base),
        method="POST",
        max_length=longest,
        timeout=silence,
        finish_on_key="#",
        play_beep=True,
        recording_status_callback=place.to("recording").url(base),
        recording_status_callback_method="POST",
        recording_status_callback_event="completed absent",
    )
    response.hangup()
    return answer(response)


def thanks(hotline: Hotline | None, base: str, place: Place) -> web.Response:
    """Thank for what was said after the apology, and end the call: asking further would only fail again."""
    if hotline is not None:
        return Speech(hotline, base, place.language).hangup("thanks", "goodbye").answer()
    response = VoiceResponse()
    response.hangup()
    return answer(response)
