"""The fixed prompts of the hotline: each is a phrase `voice-<name>` of the city, or a recording <name>.wav."""

from __future__ import annotations

PROMPTS = (
    "welcome",
    "danger-key",  # that 9 means danger, at any time
    "not-heard",  # nothing was pressed, or a key that does nothing
    "about",  # say in a few words what it is about and where
    "speak",  # after the tone
    "speak-danger",  # where you are and what is happening, after the tone
    "danger",  # the emergency numbers
    "nothing-recorded",
    "thanks",
    "your-number",  # and the digits follow
    "your-pin",  # and the digits follow
    "by-sms",
    "more",  # 1 another report, * the menu
    "goodbye",
    "follow",  # ten digits and #
    "follow-wrong",
    "code-sent",
    "code-wrong",
    "too-many",
    "services",
    "press",  # and the key follows
    "transaction",  # its number and #
    "transaction-unknown",
    "transaction-away",
    "closed",
    "busy",  # 1 a message, 2 a call back
    "will-call-back",
    "place",  # in the queue; the number follows
    "wait",  # and 1 leaves a message instead
    "not-answered",  # by any agent, for as long as anybody should wait
    "agent-pin",
    "agent-wrong",
    "agent-joined",
    "apology",  # the house cannot store anything: speak after the tone all the same
    "standing-received",
    "standing-triage",
    "standing-offered",
    "standing-accepted",
    "standing-in_progress",
    "standing-resolved",
    "standing-closed",
    "standing-withdrawn",
)
"""Every prompt that takes no words of the moment, so that a voice can record it once."""
