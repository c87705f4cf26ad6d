"""What can be wrong with a store as a whole."""


class StoreUnavailable(Exception):
    """The store cannot be reached or cannot write now. Nothing of the job was kept, or its outcome is unknown."""


class StoreDamaged(StoreUnavailable):
    """Its file holds what no database holds: a person must bring back a backup."""


class StoreMismatch(Exception):
    """The store was written by a newer version of this program, or is not ours. Says which in one line."""
