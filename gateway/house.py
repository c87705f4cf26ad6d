"""The house's parts under one roof: what the doors (api, citizen, channels) are handed, and nothing global."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from channels.base import Adapter, Speaker
from gateway.acknowledge import Acknowledger
from gateway.broker.bus import Bus
from gateway.city.city import City
from gateway.cloudevents import Envelopes
from gateway.files import Files
from gateway.identity import Identities
from gateway.intake import Intake
from gateway.settings import Settings
from gateway.signals import Signal
from gateway.spool import Spool
from gateway.store.engine import Store


@dataclass(slots=True)
class Signals:
    """Who nudges whom inside one process."""

    arrived: Signal = field(default_factory=Signal)  # intake → interpret
    filed: Signal = field(default_factory=Signal)  # interpret, dispatch, media → relay
    owed: Signal = field(default_factory=Signal)  # interpret → replies
    media: Signal = field(default_factory=Signal)  # interpret → media


@dataclass(slots=True)
class House:
    """Everything that runs, built by `gateway.app`."""

    settings: Settings
    city: City
    store: Store
    identities: Identities
    files: Files
    intake: Intake
    spool: Spool | None
    bus: Bus
    signals: Signals
    channels: dict[str, Adapter]  # name -> the channel, for those that are on
    roles: frozenset[str]

    @property
    def speakers(self) -> dict[str, Speaker]:
        """The channels that can answer."""
        return {name: channel for name, channel in self.channels.items() if isinstance(channel, Speaker)}

    @property
    def acknowledger(self) -> Acknowledger:
        """Who says what a citizen is told, and whether. Any role may owe a reply, whichever role sends it."""
        texts = {name: channel for name, channel in self.channels.items() if channel.texts}
        return Acknowledger(
            lambda: self.city,
            self.identities,
            frozenset(self.speakers),
            {name: str(getattr(channel.settings, "number", "")) for name, channel in texts.items()},
        )

    @property
    def envelopes(self) -> Envelopes:
        """What writes the messages to departments and to everybody, by the city's files as they are now."""
        withhold = frozenset(name for name, found in self.city.departments.items() if found.withhold_contact)
        return Envelopes(self.city.id, self.settings.public_url, withhold)


HOUSE: web.AppKey[House] = web.AppKey("house", House)
"""Where an application keeps the house it serves."""
