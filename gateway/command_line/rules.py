"""`balagh rules`: the city's rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.command_line.terminal import wait

app = typer.Typer(no_args_is_help=True, help="The city's rules: look at them, try a change, edit them as a sheet.")

RulesForm = Annotated[Path | None, typer.Argument(help="rules.toml or rules.csv; the city's own when absent")]


@app.command("check")
def check(file: RulesForm = None) -> None:
    """Say what is wrong with the rules, which are never reached, and which go before which."""
    from gateway import rules_command

    raise typer.Exit(0 if rules_command.check(file, typer.echo) else 1)


@app.command("export")
def export(
    sheet: Annotated[Path | None, typer.Option("--csv", help="write them for a spreadsheet")] = None,
    toml: Annotated[Path | None, typer.Option("--toml", help="write them as text")] = None,
) -> None:
    """Write the city's rules in the other form, or in both."""
    from gateway import rules_command

    if sheet is None and toml is None:
        raise typer.BadParameter("say where: --csv FILE or --toml FILE")
    rules_command.export(sheet, toml, typer.echo)


@app.command("test")
def trial(
    rules: Annotated[
        Path | None, typer.Option(help="the rules to try; those in force when absent", exists=True, dir_okay=False)
    ] = None,
    since: Annotated[str, typer.Option(help="also past complaints, from this day: 2026-11-01")] = "",
    until: Annotated[str, typer.Option(help="to this day; today when absent")] = "",
) -> None:
    """Say, case by case, what would go elsewhere; exit 1 when a case that was right would go wrong."""
    from gateway import rules_command

    raise typer.Exit(0 if wait(rules_command.trial(rules, since, until, typer.echo)) else 1)
