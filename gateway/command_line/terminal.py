"""What commands have in common with a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import typer

T = TypeVar("T")


def moment(since: str) -> datetime | None:
    """Read --since, in UTC where it names no zone."""
    try:
        begin = datetime.fromisoformat(since) if since else None
    except ValueError as error:
        raise typer.BadParameter("must be RFC 3339, e.g. 2026-11-21T00:00:00Z", param_hint="--since") from error
    return begin.replace(tzinfo=UTC) if begin is not None and begin.tzinfo is None else begin


def say_now(line: str) -> None:
    """Print a line at once: a log that is a file or a pipe must not keep it back for hours."""
    print(line, flush=True)  # noqa: T201 - this is the command line


def wait(work: Coroutine[Any, Any, T]) -> T:
    """Do the work of a command, and return what came of it."""
    return asyncio.run(work)
