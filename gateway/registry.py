"""Every channel the house has: one line each, and nothing that happens by itself.

A new channel is a file in `channels/`, a line here, fixtures and a page: `docs/write-a-channel.md` goes through it.
Whether a channel is on is decided by its settings, not here.
"""

from __future__ import annotations

from channels.base import Adapter, Webhook
from channels.carrier import Carrier
from channels.email.channel import Email
from channels.facebook import Facebook
from channels.instagram import Instagram
from channels.smpp import Smpp
from channels.sms import Sms
from channels.telegram.channel import Telegram
from channels.voice import Voice
from channels.whatsapp import Whatsapp
from channels.whatsapp_cloud import WhatsappCloud
from channels.x import X
from channels.youtube.channel import Youtube

CHANNELS: tuple[type[Adapter], ...] = (
    Carrier,
    Email,
    Facebook,
    Instagram,
    Smpp,
    Sms,
    Telegram,
    Voice,
    Whatsapp,
    WhatsappCloud,
    X,
    Youtube,
)

WEBHOOKS: tuple[type[Webhook], ...] = tuple(kind for kind in CHANNELS if issubclass(kind, Webhook))
"""Those that a provider calls."""
