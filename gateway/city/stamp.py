"""How the files of a city's folder stand: whether a byte may have changed, told without reading them."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

Stamp = Mapping[str, tuple[int, int, int]]
"""Of each file when its words and when its entry changed last, in nanoseconds, and its size in bytes."""


def stamp(folder: Traversable) -> Stamp:
    """Return how the files of a folder stand. What vanishes meanwhile is left out, and nothing raises.

    A folder that is packed away in an archive has none: nobody edits it there.
    """
    found = {}
    for place, _, names in os.walk(folder) if isinstance(folder, Path) else ():
        for name in names:
            path = os.path.join(place, name)  # noqa: PTH118 - looked at every few seconds, for ever
            try:
                status = os.stat(path)  # noqa: PTH116
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                found[path] = status.st_mtime_ns, status.st_ctime_ns, status.st_size
    return found
