"""Settings, the city's files, the channels, the store, the broker and the disk, looked at in this order."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Iterator

from channels.email.settings import EmailSettings, inboxes_of
from gateway.check.broker import look_at_broker
from gateway.check.channels import look_at_channels
from gateway.check.findings import Findings
from gateway.check.store import look_at_store
from gateway.city.city import City
from gateway.city.city import load as load_city
from gateway.city.problems import unknown
from gateway.city.reload import refused
from gateway.city.rules_checks import notes as rules_notes
from gateway.city.wordlists import twice
from gateway.files import Files, Unusable
from gateway.registry import CHANNELS
from gateway.settings import FILLED, PLAIN, Settings, load

FREE = 512 * 1024 * 1024  # bytes of disk below which it is time to act


async def check(say: Callable[[str], object]) -> bool:
    """Say what is on, what is off and what is wrong. Returns whether all is well. Raises SettingsError, CityError."""
    settings, findings = load(), Findings(say)
    findings.good(f"settings: listens on {settings.listen}, known to providers as {settings.public_url}")
    _slips(settings, findings)
    city = load_city(settings.city)
    _city(settings, city, findings)
    await look_at_channels(settings, findings)
    await look_at_store(settings, findings)
    await look_at_broker(settings, city, findings)
    _disk(settings, findings)
    return not findings.wrong


def _slips(settings: Settings, findings: Findings) -> None:
    """Say what works and was probably not meant."""
    for name in settings.weak:
        findings.note(f"{name} is short enough to be guessed: for a trial only")
    for name in settings.unknown:
        findings.note(f"BALAGH_{name} is no setting of this program{_meant(name)}")


def _meant(name: str) -> str:
    """Say which setting was probably meant, when one looks like it."""
    known = [*PLAIN]
    for kind in CHANNELS:
        known += [f"{kind.name.replace('-', '_')}__{key}".upper() for key in set(kind.Settings.model_fields) - FILLED]
    near = difflib.get_close_matches(name, known, n=1)
    return f": did you mean BALAGH_{near[0]}?" if near else ""


def _city(settings: Settings, city: City, findings: Findings) -> None:
    """Say which city it is, what is odd in its files, and which settings name what it has not."""
    size = f"{len(city.categories)} categories, {len(city.departments)} departments"
    findings.good(f"city {city.id}: {size}, version {city.version}")
    for word, categories in twice(city.vocabulary).items():
        findings.note(f"words: {word!r} stands for {' and '.join(categories)}: alone it cannot tell them apart")
    for problem in refused(settings.data_dir):
        findings.bad(f"city: refused by the gateway that runs here, the former files stay in force: {problem}")
    for note in rules_notes(city.rules.rules, bool(city.rules.calendar.holidays)):
        findings.note(note)
    for where, department in _departments(settings):
        if department not in city.departments:
            findings.bad(f"{where}: the city's department {unknown(department, city.departments)}")


def _departments(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield where a setting names a department of the city, and which."""
    for key in settings.api_keys:
        for scope in sorted(key.scopes):
            kind, _, department = scope.partition(".")
            if kind == "department":
                yield f"BALAGH_API_KEYS: {key.name}", department
    for channel in settings.channels.values():
        inboxes = inboxes_of(channel.inboxes) if isinstance(channel, EmailSettings) else ()
        for number, inbox in enumerate(inboxes, start=1):
            if inbox.department:
                yield f"BALAGH_EMAIL__INBOXES: entry {number}", inbox.department


def _disk(settings: Settings, findings: Findings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        Files(settings.data_dir / "files")
    except (OSError, Unusable) as error:
        findings.bad(f"BALAGH_DATA_DIR: {error}")
        return
    free = shutil.disk_usage(settings.data_dir).free
    findings.judge(f"disk: {free // 1024**2} MiB free in {settings.data_dir}", wrong=free <= FREE)
