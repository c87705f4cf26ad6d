"""Commands about the whole house: run it, look at it, account for it, and what it can write down."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.command_line.terminal import moment, wait


def run(
    roles: Annotated[
        str, typer.Option(help="all, or a list of intake,interpret,relay,router,replies,clock,pollers")
    ] = "all",
) -> None:
    """Run the gateway until it is told to stop (SIGTERM, or Ctrl-C)."""
    from gateway.run import serve

    serve(roles)


def check() -> None:
    """Validate settings and the city's files, reach every configured service, say what is on and what is off."""
    from gateway.check import check as look

    raise typer.Exit(0 if wait(look(typer.echo)) else 1)


def replay(
    channel: Annotated[str, typer.Argument(help="the channel's name, e.g. sms")],
    file: Annotated[Path, typer.Argument(help="a recorded provider payload", exists=True, dir_okay=False)],
    path: Annotated[str, typer.Option(help="below /channels/<name>, e.g. /status")] = "",
) -> None:
    """Post a recorded provider payload, correctly signed, to a running gateway."""
    from gateway.replay import replay as post

    status, body = wait(post(channel, file.read_bytes(), path))
    typer.echo(f"{status} {body}".rstrip())
    raise typer.Exit(0 if status < 300 else 1)  # noqa: PLR2004 - HTTP's own boundary


def reconcile(
    since: Annotated[str, typer.Option(help="RFC 3339, e.g. 2026-11-21T00:00:00Z; all time when absent")] = "",
) -> None:
    """Account for every message; exit 1 when something is missing."""
    from gateway.check import books

    found = wait(books(moment(since)))
    for line in found.lines():
        typer.echo(line)
    raise typer.Exit(0 if found.balanced else 1)


def causes(since: Annotated[str, typer.Option(help="RFC 3339: only what has come back since then")] = "") -> None:
    """Say what keeps coming back where: complaints of the last 7, 30 and 90 days, counted."""
    from gateway import causes_command

    wait(causes_command.show(moment(since), typer.echo))


def schema(folder: Annotated[Path, typer.Argument(help="where to write them")] = Path("schemas")) -> None:
    """Write the JSON Schema, AsyncAPI and OpenAPI documents."""
    from gateway.city.city import load as load_city
    from gateway.schema import write
    from gateway.settings import load

    settings = load()
    try:
        written = write(folder, load_city(settings.city), settings.public_url)
    except OSError as error:
        raise typer.BadParameter(f"cannot be written: {error.strerror}", param_hint="FOLDER") from error
    for path in written:
        typer.echo(str(path))


def learn(
    *,
    adopt: Annotated[bool, typer.Option("--adopt", help="put the model in force")] = False,
    even_so: Annotated[
        bool, typer.Option("--even-so", help="also when a held case is sent wrongly that was not")
    ] = False,
    history: Annotated[
        Path | None,
        typer.Option(help="a CSV of the city's own history: text, category or department", exists=True, dir_okay=False),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="write the tables into this Markdown page")] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="only say how danger is heard in this file of examples, unread (may be said again)"),
    ] = None,
) -> None:
    """Make the model of categories anew and say what changes on the held cases. Needs the extra `learn`."""
    if without and (adopt or even_so or history or report):
        raise typer.BadParameter("goes with no other option", param_hint="--without")
    gc.disable()  # for the few seconds of this process: looking through all that it counts would be one in six of them
    try:
        from gateway.learning.learn import learn as study
    except ImportError as error:
        # The pip of another environment would take whatever the world calls balagh.
        mend = f"{sys.executable} -m pip install 'balagh[learn]'"
        typer.echo(f"training needs scikit-learn ({error.name} is not installed): {mend}", err=True)
        raise typer.Exit(2) from error
    done = wait(study(typer.echo, adopting=adopt, even_so=even_so, history=history, page=report, without=without or ()))
    raise typer.Exit(0 if done else 1)
