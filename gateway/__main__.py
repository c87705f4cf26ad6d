"""The command line. Exit codes: 0 well, 1 found a problem, 2 wrong usage or settings."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Balagh (بلاغ): every way a citizen speaks becomes one complaint in its department's queue.",
)
quarantine_app = typer.Typer(no_args_is_help=True, help="What could not be dealt with, kept for a person.")
app.add_typer(quarantine_app, name="quarantine")
user_app = typer.Typer(no_args_is_help=True, help="The people of the desk: who may sign in, and for what.")
app.add_typer(user_app, name="user")
rules_app = typer.Typer(
    no_args_is_help=True, help="The city's rules: look at them, try a change, edit them as a sheet."
)
app.add_typer(rules_app, name="rules")


@app.command()
def run(
    roles: Annotated[
        str, typer.Option(help="all, or a list of intake,interpret,relay,router,replies,clock,pollers")
    ] = "all",
) -> None:
    """Run the gateway until it is told to stop (SIGTERM, or Ctrl-C)."""
    from gateway.run import serve

    serve(roles)


@app.command()
def check() -> None:
    """Validate settings and the city's files, reach every configured service, say what is on and what is off."""
    from gateway.check import check as look

    raise typer.Exit(0 if _wait(look(typer.echo)) else 1)


@app.command()
def replay(
    channel: Annotated[str, typer.Argument(help="the channel's name, e.g. sms")],
    file: Annotated[Path, typer.Argument(help="a recorded provider payload", exists=True, dir_okay=False)],
    path: Annotated[str, typer.Option(help="below /channels/<name>, e.g. /status")] = "",
) -> None:
    """Post a recorded provider payload, correctly signed, to a running gateway."""
    from gateway.replay import replay as post

    status, body = _wait(post(channel, file.read_bytes(), path))
    typer.echo(f"{status} {body}".rstrip())
    raise typer.Exit(0 if status < 300 else 1)  # noqa: PLR2004 - HTTP's own boundary


@app.command()
def reconcile(
    since: Annotated[str, typer.Option(help="RFC 3339, e.g. 2026-11-21T00:00:00Z; all time when absent")] = "",
) -> None:
    """Account for every message; exit 1 when something is missing."""
    from gateway.check import books

    found = _wait(books(_moment(since)))
    for line in found.lines():
        typer.echo(line)
    raise typer.Exit(0 if found.balanced else 1)


@app.command()
def causes(since: Annotated[str, typer.Option(help="RFC 3339: only what has come back since then")] = "") -> None:
    """Say what keeps coming back where: complaints of the last 7, 30 and 90 days, counted."""
    from gateway import causes_command

    _wait(causes_command.show(_moment(since), typer.echo))


@app.command()
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
    raise typer.Exit(0 if make(folder, _say_now, base=base, follow=stop) else 1)


@app.command()
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
        raise typer.Exit(0 if door.verify(folder, _say_now) else 1)
    door.restore(folder, _say_now, republish=republish)


@app.command()
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


@app.command()
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
) -> None:
    """Make the model of categories anew and say what changes on the held cases. Needs the extra `learn`."""
    gc.disable()  # for the few seconds of this process: looking through all that it counts would be one in six of them
    try:
        from gateway.learning.learn import learn as study
    except ImportError as error:
        typer.echo(
            f"training needs scikit-learn ({error.name} is not installed): pip install 'balagh[learn]'", err=True
        )
        raise typer.Exit(2) from error
    done = _wait(study(typer.echo, adopting=adopt, even_so=even_so, history=history, page=report))
    raise typer.Exit(0 if done else 1)


@quarantine_app.command("list")
def quarantine_list() -> None:
    """List what is open."""
    from gateway import quarantine

    _wait(quarantine.show_all(typer.echo))


@quarantine_app.command("show")
def quarantine_show(number: int) -> None:
    """Show one entry whole. It holds a citizen's words."""
    from gateway import quarantine

    raise typer.Exit(0 if _wait(quarantine.show_one(number, typer.echo)) else 1)


@quarantine_app.command("retry")
def quarantine_retry(number: int) -> None:
    """Let it go through again, from where it broke."""
    from gateway import quarantine

    raise typer.Exit(0 if _wait(quarantine.retry(number, typer.echo)) else 1)


@quarantine_app.command("republish")
def quarantine_republish(reference: Annotated[str, typer.Argument(help="the complaint's ten digits")]) -> None:
    """Publish a complaint's last event again, after the broker moved it to balagh.dead."""
    from gateway import quarantine

    raise typer.Exit(0 if _wait(quarantine.republish(reference, typer.echo)) else 1)


@quarantine_app.command("drop")
def quarantine_drop(number: int, reason: Annotated[str, typer.Option(help="kept with the entry", prompt=True)]) -> None:
    """Close it for good, with a reason. Nothing is deleted."""
    from gateway import quarantine

    raise typer.Exit(0 if _wait(quarantine.drop(number, reason, typer.echo)) else 1)


UserName = Annotated[str, typer.Argument(help="what they sign in with: 2 to 32 of a-z, 0-9, dot, hyphen, underscore")]
UserRights = Annotated[
    str, typer.Option("--rights", help="agent, triage, supervisor, admin, department.<id>; several with +")
]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input, one line")]


@user_app.command("add")
def user_add(
    name: UserName,
    rights: UserRights,
    display: Annotated[str, typer.Option(help="what colleagues call them, in any script")] = "",
    *,
    password_stdin: FromStdin = False,
) -> None:
    """Add somebody. The password is asked for, or read from standard input: never give it as an argument."""
    from gateway import user_command

    raise typer.Exit(0 if _wait(user_command.add(name, rights, display, typer.echo, from_stdin=password_stdin)) else 1)


@user_app.command("grant")
def user_grant(name: UserName, rights: UserRights) -> None:
    """Give somebody further rights. Who was let in no longer may sign in again."""
    from gateway import user_command

    raise typer.Exit(0 if _wait(user_command.grant(name, rights, typer.echo)) else 1)


@user_app.command("revoke")
def user_revoke(name: UserName, rights: UserRights = "") -> None:
    """Take rights away; without --rights, let somebody in no longer. It holds from their next page on."""
    from gateway import user_command

    raise typer.Exit(0 if _wait(user_command.revoke(name, rights, typer.echo)) else 1)


@user_app.command("password")
def user_password(name: UserName, *, password_stdin: FromStdin = False) -> None:
    """Give somebody another password. Their sessions end, and a name that was closed opens."""
    from gateway import user_command

    raise typer.Exit(0 if _wait(user_command.password(name, typer.echo, from_stdin=password_stdin)) else 1)


@user_app.command("list")
def user_list() -> None:
    """List everybody and their rights."""
    from gateway import user_command

    _wait(user_command.show_all(typer.echo))


RulesForm = Annotated[Path | None, typer.Argument(help="rules.toml or rules.csv; the city's own when absent")]


@rules_app.command("check")
def rules_check(file: RulesForm = None) -> None:
    """Say what is wrong with the rules, which are never reached, and which go before which."""
    from gateway import rules_command

    raise typer.Exit(0 if rules_command.check(file, typer.echo) else 1)


@rules_app.command("export")
def rules_export(
    sheet: Annotated[Path | None, typer.Option("--csv", help="write them for a spreadsheet")] = None,
    toml: Annotated[Path | None, typer.Option("--toml", help="write them as text")] = None,
) -> None:
    """Write the city's rules in the other form, or in both."""
    from gateway import rules_command

    if sheet is None and toml is None:
        raise typer.BadParameter("say where: --csv FILE or --toml FILE")
    rules_command.export(sheet, toml, typer.echo)


@rules_app.command("test")
def rules_test(
    rules: Annotated[
        Path | None, typer.Option(help="the rules to try; those in force when absent", exists=True, dir_okay=False)
    ] = None,
    since: Annotated[str, typer.Option(help="also past complaints, from this day: 2026-11-01")] = "",
    until: Annotated[str, typer.Option(help="to this day; today when absent")] = "",
) -> None:
    """Say, case by case, what would go elsewhere; exit 1 when a case that was right would go wrong."""
    from gateway import rules_command

    raise typer.Exit(0 if _wait(rules_command.trial(rules, since, until, typer.echo)) else 1)


def _moment(since: str) -> datetime | None:
    """Read --since, in UTC where it names no zone."""
    try:
        begin = datetime.fromisoformat(since) if since else None
    except ValueError as error:
        raise typer.BadParameter("must be RFC 3339, e.g. 2026-11-21T00:00:00Z", param_hint="--since") from error
    return begin.replace(tzinfo=UTC) if begin is not None and begin.tzinfo is None else begin


def _say_now(line: str) -> None:
    """Print a line at once: a log that is a file or a pipe must not keep it back for hours."""
    print(line, flush=True)  # noqa: T201 - this is the command line


def _wait(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def main() -> None:
    """Run the command line; a mistake of settings or files is one clear text and exit code 2, never a traceback."""
    from gateway import observe
    from gateway.city.problems import CityError
    from gateway.settings import SettingsError
    from gateway.spool import SpoolBroken
    from gateway.store.engine import StoreDamaged, StoreMismatch, StoreUnavailable
    from gateway.vault import BackupFailed, BackupRefused

    observe.configure("text", stream=sys.stderr)  # what a command prints is its answer; `run` says otherwise
    try:
        app()
    except (SettingsError, CityError, SpoolBroken, BackupRefused) as error:
        print(f"balagh: {error}", file=sys.stderr)  # noqa: T201 - this is the command line
        sys.exit(2)
    except BackupFailed as error:
        print(f"balagh: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except StoreMismatch as error:
        print(f"balagh: BALAGH_STORE_URL: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except StoreDamaged as error:
        print(f"balagh: BALAGH_STORE_URL: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except StoreUnavailable as error:
        print(f"balagh: BALAGH_STORE_URL: the store cannot be reached: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
