"""The command line: every command, in the order in which `balagh --help` lists them."""

import typer

from gateway.command_line import quarantine, rules, users
from gateway.command_line.copies import backup, restore
from gateway.command_line.house import causes, check, learn, reconcile, replay, run, schema

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Balagh (بلاغ): every way a citizen speaks becomes one complaint in its department's queue.",
)
for command in (run, check, replay, reconcile, causes, backup, restore, schema, learn):
    app.command()(command)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(users.app, name="user")
app.add_typer(rules.app, name="rules")
