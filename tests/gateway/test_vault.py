"""The tail of a backup as a file: what is whole is read, what a crash cut off is left out, what rotted is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.vault import BackupFailed, Chain


def chain(path: Path, *frames: str) -> Chain:
    made = Chain(path)
    made.begin()
    for frame in frames:
        made.append({"said": frame})
    return made


def said(path: Path) -> list[str]:
    return [frame["said"] for frame in Chain(path).frames()]


def test_what_was_added_is_read_back_in_order(tmp_path: Path) -> None:
    """Three frames, by two processes."""
    chain(tmp_path / "tail", "ماء", "كهرباء")
    later = Chain(tmp_path / "tail")
    assert 2 == len(list(later.frames()))
    later.append({"said": "طرق"})
    assert ["ماء", "كهرباء", "طرق"] == said(tmp_path / "tail")


def test_a_line_that_a_crash_cut_off_is_left_out_and_written_over(tmp_path: Path) -> None:
    """Killed while it wrote, at any byte: what was whole is there, and the next frame is too."""
    path = tmp_path / "tail"
    chain(path, "one", "two")
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first + 1, len(whole)):
        path.write_bytes(whole[:length])
        cut = Chain(path)
        assert ["one"] == [frame["said"] for frame in cut.frames()]
        assert cut.torn
        cut.append({"said": "three"})
        assert ["one", "three"] == said(path)


@pytest.mark.parametrize("change", ["flip", "drop", "swap"])
def test_what_was_changed_in_the_middle_is_said(tmp_path: Path, change: str) -> None:
    """A bit, a line that is gone, two that changed places: the line that does not follow is named."""
    path = tmp_path / "tail"
    chain(path, "one", "two", "three", "four")
    lines = path.read_bytes().splitlines(keepends=True)
    match change:
        case "flip":
            lines[1] = lines[1].replace(b"two", b"twp")
        case "drop":
            del lines[1]
        case "swap":
            lines[1], lines[2] = lines[2], lines[1]
    path.write_bytes(b"".join(lines))
    with pytest.raises(BackupFailed, match="line 2 is damaged"):
        said(path)
