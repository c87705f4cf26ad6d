"""The one seam: a channel is an aiohttp application that is handed one function, and optionally knows how to speak.

`Webhook` is the base of those that a provider calls, `Poller` of those that go out to fetch; `endings` says how hearing
and speaking can end, `abilities` what else a channel may be able to do.
"""

from __future__ import annotations

from channels.base.abilities import (
    Fetches,
    Follows,
    Forgets,
    Probes,
    Reception,
    Recounts,
    RecountsEach,
    Revisits,
    Source,
    Speaker,
)
from channels.base.adapter import Adapter, Poller
from channels.base.api_url import ApiUrl, BaseUrl, base_url
from channels.base.endings import (
    Barred,
    Busy,
    ChannelError,
    Forged,
    Malformed,
    OutcomeUnknown,
    Refused,
    SpeakError,
    TooLarge,
    TooSlow,
    Unreadable,
)
from channels.base.unanswered import unanswered
from channels.base.webhook import Accept, Webhook, public_url

__all__ = [
    "Accept",
    "Adapter",
    "ApiUrl",
    "Barred",
    "BaseUrl",
    "Busy",
    "ChannelError",
    "Fetches",
    "Follows",
    "Forged",
    "Forgets",
    "Malformed",
    "OutcomeUnknown",
    "Poller",
    "Probes",
    "Reception",
    "Recounts",
    "RecountsEach",
    "Refused",
    "Revisits",
    "Source",
    "SpeakError",
    "Speaker",
    "TooLarge",
    "TooSlow",
    "Unreadable",
    "Webhook",
    "base_url",
    "public_url",
    "unanswered",
]
