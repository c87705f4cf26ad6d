"""`balagh quarantine`: what could not be dealt with."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.command_line.terminal import wait

app = typer.Typer(no_args_is_help=True, help="What could not be dealt with, kept for a person.")


@app.command("list")
def entries() -> None:
    """List what is open."""
    from gateway import quarantine

    wait(quarantine.show_all(typer.echo))


@app.command("show")
def show(number: int) -> None:
    """Show one entry whole. It holds a citizen's words."""
    from gateway import quarantine

    raise typer.Exit(0 if wait(quarantine.show_one(number, typer.echo)) else 1)


@app.command("retry")
def retry(number: int) -> None:
    """Let it go through again, from where it broke."""
    from gateway import quarantine

    raise typer.Exit(0 if wait(quarantine.retry(number, typer.echo)) else 1)


@app.command("republish")
def republish(reference: Annotated[str, typer.Argument(help="the complaint's ten digits")]) -> None:
    """Publish a complaint's last event again, after the broker moved it to balagh.dead."""
    from gateway import quarantine

    raise typer.Exit(0 if wait(quarantine.republish(reference, typer.echo)) else 1)


@app.command("drop")
def drop(
    number: int, reason: Annotated[str, typer.Option(help="kept with the entry; asked for when left out")] = ""
) -> None:
    """Close it for good, with a reason. Nothing is deleted."""
    from gateway import quarantine

    def why() -> str:
        return reason or str(typer.prompt("Reason"))

    raise typer.Exit(0 if wait(quarantine.drop(number, why, typer.echo)) else 1)
