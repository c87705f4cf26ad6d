"""Commands about copies of everything: make one, and put it back."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from gateway.command_line.terminal import say_now


def backup(
    folder: Annotated[Path, typer.Argument(help="a new folder; with --follow also one that was followed before")],
    base: Annotated[Path | None, typer.Option(help="an earlier backup on that disk: its photos are linked")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="go on until stopped: add what is new within a second")
    ] = False,
) -> None:
    """Copy everything that was acknowledged, while the gateway runs. The secret key is not in it: keep it apart."""
    from gateway.backup import backup as make

    os.umask(0o077)  # it holds what citizens wrote
    stop = threading.Event() if follow else None
    if stop is not None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
    raise typer.Exit(0 if make(folder, say_now, base=base, follow=stop) else 1)


def restore(
    folder: Annotated[Path, typer.Argument(help="what balagh backup made")],
    verify: Annotated[bool, typer.Option("--verify", help="only see whether it is whole")] = False,
    republish: Annotated[
        bool, typer.Option("--republish", help="the broker's queues are lost too: publish every event again")
    ] = False,
) -> None:
    """Put a backup into an empty data folder and an empty store, after seeing that it is whole."""
    from gateway import restore as door

    os.umask(0o077)
    if verify:
        raise typer.Exit(0 if door.verify(folder, say_now) else 1)
    door.restore(folder, say_now, republish=republish)
