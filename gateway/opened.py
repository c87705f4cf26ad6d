"""The store as a command opens it: looked at for damage, its tables right, closed whatever happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway import damage
from gateway.settings import Settings
from gateway.store.engine import Store
from gateway.store.migrate import demand


@asynccontextmanager
async def opened(settings: Settings, *, migrate: bool = True) -> AsyncIterator[Store]:
    """Lend the configured store, with the tables of this version.

    A command that changes something brings them there; one that only looks demands them (`migrate=False`), so that to
    look at a store never changes it. Raises StoreUnavailable, StoreMismatch.
    """
    damage.look(settings)
    store = Store(settings.store_url)
    try:
        if migrate:
            store.migrate()
        else:
            await store.read(demand)
        yield store
    finally:
        store.close()
