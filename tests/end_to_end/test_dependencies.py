"""What the program imports is what it says it needs, and the lock holds it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TRAINER = ROOT / "gateway" / "learning"
OURS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def normal(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extra: str = "") -> dict[str, str]:
    """Return what pyproject.toml names for running, or for an extra, with the version."""
    project = PROJECT["project"]
    listed = project["optional-dependencies"][extra] if extra else project["dependencies"]
    pins = (re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[\w+\])?==(\S+)", one) for one in listed)
    return {normal(pin[1]): pin[2] for pin in pins if pin}


def imported(*, learning: bool) -> set[str]:
    """Return the top names that the trainer's files import, or all others; without their own and Python's."""
    names: set[str] = set()
    for file in (file for room in OURS for file in (ROOT / room).rglob("*.py")):
        if learning != file.is_relative_to(TRAINER):
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(OURS) - sys.stdlib_module_names


def test_every_import_is_declared() -> None:
    """Nothing is there only because something else happens to bring it."""
    made_by = packages_distributions()
    for learning, known in ((False, declared()), (True, declared() | declared("learn"))):
        names = imported(learning=learning)
        assert set() == {name for name in names if not {normal(one) for one in made_by.get(name, [])} & known.keys()}


def test_the_lock_holds_what_is_declared() -> None:
    """Every dependency is pinned, to the version that the lock installs; no lock names a host."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = {
        normal(name): version for name, version in re.findall(r"^([\w.-]+)(?:\[\w+\])?==(\S+)", lock, re.MULTILINE)
    }

    assert len(PROJECT["project"]["dependencies"]) == len(declared())
    assert declared() == {name: locked.get(name) for name in declared()}
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert "://" not in (ROOT / name).read_text("utf-8")
