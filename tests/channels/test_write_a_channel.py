"""docs/write-a-channel.md, followed to the letter in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.channels.harness import ROOT

GUIDE = (ROOT / "docs/write-a-channel.md").read_text("utf-8")
BLOCK = re.compile(r"^(Create|Append to|Change) `([^`]+)`[^\n]*:\n\n```[a-z]+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEPS = dict(re.findall(r"^## (\d)\. ([^\n]+\n.*?)(?=^## \d\. |\Z)", GUIDE, re.MULTILINE | re.DOTALL))


def follow(checkout: Path, text: str) -> None:
    """Do what a step says: create files, append to one, or add lines to one."""
    for verb, name, content in BLOCK.findall(text):
        file = checkout / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if verb == "Create":
            assert not file.exists(), f"{name} is there already"
            file.write_text(content, "utf-8")
        elif verb == "Append to":
            file.write_text(file.read_text("utf-8") + content, "utf-8")
        else:
            file.write_text(changed(file.read_text("utf-8"), content), "utf-8")


def undo(checkout: Path, text: str) -> None:
    """Take out what a step leaves behind, where somebody has followed it: the guide's own last step runs this test."""
    for verb, name, content in BLOCK.findall(text):
        file = checkout / name
        if verb == "Create":
            file.unlink(missing_ok=True)
        elif verb == "Append to":
            file.write_text(file.read_text("utf-8").replace(content, ""), "utf-8")
        else:
            added = {line[1:] for line in content.splitlines() if line.startswith("+")}
            kept = [line for line in file.read_text("utf-8").splitlines() if line not in added]
            file.write_text("\n".join(kept) + "\n", "utf-8")


def changed(text: str, difference: str) -> str:
    """Add each line that a difference marks with + below the one that it shows before it."""
    lines, at = text.splitlines(), 0
    for line in difference.splitlines():
        if line.startswith("+"):
            at += 1
            lines.insert(at, line[1:])
        elif line.startswith(" "):
            at = lines.index(line[1:])  # ValueError: the guide shows a line that is no longer there
    return "\n".join(lines) + "\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what a newcomer has: the packages, the tests of channels, the pages and the example settings."""
    for name in ("channels", "normalizer", "router", "gateway", "config", "docs", "tests/channels"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", ".env.example"):
        shutil.copy(ROOT / name, tmp_path / name)
    for text in STEPS.values():
        undo(tmp_path, text)
    return tmp_path


def tried(checkout: Path) -> subprocess.CompletedProcess[str]:
    """Run in the copy what the guide's last step runs, for the new channel's sake: the contract and its own tests."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    own = ["tests/channels/test_nahr.py"] if (checkout / "tests/channels/test_nahr.py").exists() else []
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "tests/channels/test_contract.py", *own]
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def test_guide_has_seven_steps() -> None:
    """The guide counts its steps from 0 to 6, and all but the last leave something behind."""
    assert list("0123456") == list(STEPS)
    assert list("012345") == [number for number, text in STEPS.items() if BLOCK.search(text)]


def test_followed_to_the_letter(checkout: Path) -> None:
    """Whoever does every step has a channel that keeps the contract."""
    for text in STEPS.values():
        follow(checkout, text)
    run = tried(checkout)

    assert 0 == run.returncode, run.stdout[-3000:]

    assert "skipped" not in run.stdout


def test_it_can_be_followed_again(checkout: Path) -> None:
    """Whoever has followed the guide in the checkout can run these tests there: they begin without its channel."""
    before = {file: file.read_bytes() for file in checkout.rglob("*") if file.is_file()}
    for text in STEPS.values():
        follow(checkout, text)
    assert before != {file: file.read_bytes() for file in checkout.rglob("*") if file.is_file()}
    for text in STEPS.values():
        undo(checkout, text)

    assert before == {file: file.read_bytes() for file in checkout.rglob("*") if file.is_file()}


@pytest.mark.parametrize("left_out", [number for number, text in STEPS.items() if BLOCK.search(text)])
def test_no_step_can_be_left_out(left_out: str, checkout: Path) -> None:
    """Whoever leaves a step out is told so by the tests."""
    for number, text in STEPS.items():
        if number != left_out:
            follow(checkout, text)
    run = tried(checkout)

    assert 0 != run.returncode, run.stdout[-3000:]
    assert "nahr" in run.stdout.lower()
