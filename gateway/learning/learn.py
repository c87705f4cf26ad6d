"""`balagh learn`: make the model anew, say what changes on the held cases, and put it in force only when asked to."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from gateway.city.city import City, folder_of
from gateway.city.city import load as load_city
from gateway.learning.evaluate import Account, judge
from gateway.learning.hands import judged_unread
from gateway.learning.material import Case, read_cases
from gateway.learning.report import write
from gateway.learning.study import adopt, before, study, summary, tell
from gateway.opened import opened
from gateway.settings import Settings
from gateway.settings import load as load_settings
from gateway.store import lessons
from gateway.store.engine import Connection, Store
from gateway.store.lessons import Lesson
from normalizer.personal import mask


async def learn(
    say: Callable[[str], object],
    *,
    adopting: bool = False,
    even_so: bool = False,
    history: Path | None = None,
    page: Path | None = None,
    without: Sequence[str] = (),
) -> bool:
    """Do what the command says; returns False when the model was not adopted although that was asked for.

    With `without`, names of files of examples, nothing else is done than to say how danger is heard in each unread.

    Raises CityError, SettingsError, StoreUnavailable, OSError.
    """
    settings = load_settings()
    city, folder = load_city(settings.city), folder_of(settings.city)
    if without:
        for name, found, alarms in judged_unread(city, folder, without):
            say(f"{name}, unread: danger found: {found}; false alarms: {alarms}")
        return True
    cases = read_cases(history, city.categories, city.vocabulary.departments) if history else []
    if history:
        zero_shot = Account([judge(case, city.reader, city.rules) for case in cases])
        say(f"{history.name}, as the model in force reads it:")
        for line in summary(zero_shot):
            say(f"  {line}")
    async with _store(settings) as store:
        known = await store.read(lessons.all) if store else ()
        lecture = await asyncio.to_thread(study, city, folder, known, cases)
        well = tell(lecture, before(folder), say)
        if page is not None:
            await asyncio.to_thread(write, page, lecture.history if history else lecture.cases)
        if not adopting:
            say("not adopted: say --adopt to put it in force")
            return True
        if not well and not even_so:
            say("NOT adopted: it would send a held case wrongly that was not; look at it, or say --even-so")
            return False
        file = adopt(Path(str(folder)), lecture)
        if store:
            await store.write(partial(_keep, known=known, history=cases, city=city))
        elif cases:
            say("the history is NOT kept for the next training: let the gateway make its store first, then adopt again")
    say(f"adopted: {file.name} {lecture.trained.model.version}; a running gateway takes it up by itself")
    return True


def _keep(connection: Connection, *, known: Sequence[Lesson], history: Sequence[Case], city: City) -> None:
    """Remember what the adopted model has learned from: the next training begins with it."""
    now = datetime.now(UTC)
    for case in history:
        lesson = case.lesson(city.triage)
        if lesson is None or not case.acted_on or not case.departments:
            continue
        category = next((name for name in lesson.categories if name in city.categories), None)
        digest = hashlib.sha256(case.text.encode()).hexdigest()[:32]
        lessons.add(
            connection,
            Lesson(digest, mask(case.text), category, case.departments[0], lessons.IMPORT, "history", now, used=True),
        )
    lessons.mark_used(connection, [lesson.id for lesson in known])


def _made(store_url: str) -> bool:
    path = store_url.removeprefix("sqlite:///")
    return path == store_url or Path(path).is_file()


def _store(settings: Settings) -> AbstractAsyncContextManager[Store | None]:
    """Lend the city's store; None where no gateway has made one yet."""
    return opened(settings) if _made(settings.store_url) else nullcontext()
