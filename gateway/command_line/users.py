"""`balagh user`: the people of the desk."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.command_line.terminal import wait

app = typer.Typer(no_args_is_help=True, help="The people of the desk: who may sign in, and for what.")

UserName = Annotated[str, typer.Argument(help="what they sign in with: 2 to 32 of a-z, 0-9, dot, hyphen, underscore")]
UserRights = Annotated[
    str, typer.Option("--rights", help="agent, triage, supervisor, admin, department.<id>; several with +")
]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input, one line")]


@app.command("add")
def add(
    name: UserName,
    rights: UserRights,
    display: Annotated[str, typer.Option(help="what colleagues call them, in any script")] = "",
    *,
    password_stdin: FromStdin = False,
) -> None:
    """Add somebody. The password is asked for, or read from standard input: never give it as an argument."""
    from gateway import user_command

    raise typer.Exit(0 if wait(user_command.add(name, rights, display, typer.echo, from_stdin=password_stdin)) else 1)


@app.command("grant")
def grant(name: UserName, rights: UserRights) -> None:
    """Give somebody further rights. Who was let in no longer may sign in again."""
    from gateway import user_command

    raise typer.Exit(0 if wait(user_command.grant(name, rights, typer.echo)) else 1)


@app.command("revoke")
def revoke(name: UserName, rights: UserRights = "") -> None:
    """Take rights away; without --rights, let somebody in no longer. It holds from their next page on."""
    from gateway import user_command

    raise typer.Exit(0 if wait(user_command.revoke(name, rights, typer.echo)) else 1)


@app.command("password")
def password(name: UserName, *, password_stdin: FromStdin = False) -> None:
    """Give somebody another password. Their sessions end, and a name that was closed opens."""
    from gateway import user_command

    raise typer.Exit(0 if wait(user_command.password(name, typer.echo, from_stdin=password_stdin)) else 1)


@app.command("list")
def everybody() -> None:
    """List everybody and their rights."""
    from gateway import user_command

    wait(user_command.show_all(typer.echo))
