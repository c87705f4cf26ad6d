"""Hot reload: a valid change of the city's files is taken while the gateway runs; an invalid one is refused.

The folder is looked at off the event loop. It must stand still between two looks before it is read, so that a clerk
who saves three files is not read after the first. What is read is taken whole or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway import observe
from gateway.city.city import City, folder_of, load
from gateway.city.problems import CityError, Problem
from gateway.city.stamp import stamp

LOOK: Final = 2.0  # seconds between two looks

NOTE: Final = "city-refused"  # in the data folder

log = observe.logger("city")


@dataclass(slots=True)
class Follower:
    """Follows the folder of a city. `take` is given each new city; `city` says which one is in force.

    What is refused is noted in the file `note` as long as that lasts, for `balagh check` to say.
    """

    name: str
    city: Callable[[], City]
    take: Callable[[City], None]
    note: Path
    look: float = LOOK
    refused: tuple[Problem, ...] = ()

    async def run(self) -> None:
        """Follow it for ever."""
        await asyncio.to_thread(_note, self.note, ())
        folder = folder_of(self.name)
        if isinstance(folder, Path):
            await self._follow(folder)
        else:  # packed away in an archive: nobody edits it there
            await asyncio.Event().wait()

    async def _follow(self, folder: Path) -> None:
        known = self.city().stamp  # not as it stands now: it may have changed since it was read
        while True:
            await asyncio.sleep(self.look)
            seen = await asyncio.to_thread(stamp, folder)
            if seen == known:
                continue
            await asyncio.sleep(self.look)
            if await asyncio.to_thread(stamp, folder) == seen:
                known = seen
                await self._read()

    async def _read(self) -> None:
        """Read the city; take it, or say why not."""
        try:
            found = await asyncio.to_thread(_read, self.name)
        except CityError as error:
            await self._refuse(tuple(error.problems))
            return
        except Exception as error:  # a file that nobody foresaw must not end the following
            log.exception("city cannot be read", exc_info=observe.bare(error))
            await self._refuse((Problem(self.name, 0, "", f"cannot be read ({type(error).__name__})"),))
            return
        present = self.city()
        if found.version == present.version:
            await self._refuse(())
        elif fixed := tuple(Problem(self.name, 0, "", what) for what in needs_restart(present, found)):
            await self._refuse(fixed)
        else:
            await self._refuse(())
            self.take(found)
            observe.CITY.labels("taken").inc()
            log.info("city taken", version=found.version, rules=found.rules.version, before=present.version)

    async def _refuse(self, problems: tuple[Problem, ...]) -> None:
        observe.CITY_PROBLEMS.set(len(problems))
        await asyncio.to_thread(_note, self.note, problems)
        if problems and problems != self.refused:
            observe.CITY.labels("refused").inc()
            for problem in problems:
                log.error("city refused", problem=str(problem), in_force=self.city().version)
        self.refused = problems


def _note(path: Path, problems: Iterable[Problem]) -> None:
    """Keep what is refused where another process finds it. A disk that takes nothing has alarms of its own."""
    with contextlib.suppress(OSError):
        if lines := "".join(f"{problem}\n" for problem in problems):
            path.write_text(lines, "utf-8", errors="backslashreplace")  # a file's name may be no UTF-8
        else:
            path.unlink(missing_ok=True)


def refused(data_dir: Path) -> list[str]:
    """Return what the gateway that runs on a data folder refuses of its city's files, a line for each problem."""
    try:
        return (data_dir / NOTE).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def needs_restart(present: City, found: City) -> Iterator[str]:
    """Say what differs that only a start can change: queues, feeds and pages are laid out by it."""
    if found.id != present.id:
        yield f"city.toml: id: it is another city ({found.id!r}, not {present.id!r}): restart the service to take it"
    if found.languages != present.languages:
        yield "city.toml: languages: the pages are laid out by them at the start: restart the service to take them"
    for name in sorted(present.departments.keys() | found.departments.keys()):
        old, new = present.departments.get(name), found.departments.get(name)
        if old is None:
            yield f"departments.toml: {name!r} is new; its queue is made at the start: restart the service to take it"
        elif new is None:
            yield f"departments.toml: {name!r} is gone; its queue is served until a restart: restart the service"
        elif old.delivery != new.delivery:
            yield f"departments.toml: {name!r}: its delivery is settled at the start: restart the service to take it"
    for name in sorted(present.senses - found.senses):
        yield f"{name}: is gone, and messages would be read without it: put it back, or restart the service"
    if (present.line is None) != (found.line is None):
        yield "hotline.toml: the hotline opens and closes at the start: restart the service to take it"


def _read(name: str) -> City:
    """Load a city and compile what reads messages, away from the event loop. Raises CityError."""
    city = load(name)
    city.reader.ready()
    return city
