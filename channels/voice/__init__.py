"""The hotline: one door to the channel, and to what it asks of the house."""

from channels.voice.channel import Voice
from channels.voice.hotline import (
    DANGER,
    MAIN,
    Caller,
    Choice,
    Hosted,
    Hotline,
    Key,
    Menu,
    Outcome,
    Service,
    Standing,
)
from channels.voice.hotline import Voice as Speaking
from channels.voice.place import COMPLAINTS
from channels.voice.prompts import PROMPTS

__all__ = [
    "COMPLAINTS",
    "DANGER",
    "MAIN",
    "PROMPTS",
    "Caller",
    "Choice",
    "Hosted",
    "Hotline",
    "Key",
    "Menu",
    "Outcome",
    "Service",
    "Speaking",
    "Standing",
    "Voice",
]
