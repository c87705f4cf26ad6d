"""The books of the configured store and broker."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from gateway import damage
from gateway.app import bus_of, channels_of, files_of
from gateway.city.city import load as load_city
from gateway.identity import Identities
from gateway.intake import Intake
from gateway.reception import HouseReception
from gateway.reconcile import Books, reconcile
from gateway.recount import Recount
from gateway.settings import load
from gateway.signals import Signal
from gateway.store import facts
from gateway.store.engine import Store
from gateway.store.migrate import demand


async def books(since: datetime | None) -> Books:
    """Draw up the books of the configured store and broker.

    Raises StoreUnavailable, StoreMismatch, SettingsError, CityError.
    """
    settings = load()
    damage.look(settings)
    store, bus = Store(settings.store_url), bus_of(settings, load_city(settings.city))
    channels = channels_of(settings)
    try:
        await store.read(demand)
        identities = Identities(settings.secret_key)
        # With another key all that the providers list would look new, and every seal altered.
        await store.read(partial(facts.demand, key=identities.of_store))
        intake, files = Intake(store, identities, None, Signal()), files_of(settings)
        recount = Recount(channels, lambda name: HouseReception(name, intake.accept, files, store))
        return await reconcile(settings, store, bus, since=since, recount=recount)
    finally:
        await bus.stop()
        for channel in channels.values():
            await channel.close()
        store.close()
