"""`balagh user`, as an operator types it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gateway.__main__ import app

PASSWORD = "نخلة على ضفة دجلة"

Run = Callable[..., Result]


@pytest.fixture
def balagh(tmp_path: Path) -> Run:
    """The command, on a store of its own."""

    def run(*words: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["user", *words], input=typed, env={"BALAGH_DATA_DIR": str(tmp_path)})

    return run


def test_somebody_is_added_given_rights_and_let_in_no_longer(balagh: Run) -> None:
    """Each command says what holds now; the list shows everybody."""
    done = balagh("add", "sara", "--rights", "agent", "--display", "سارة", "--password-stdin", typed=PASSWORD + "\n")
    assert (0, "sara may sign in: agent\n") == (done.exit_code, done.stdout)
    assert "sara may sign in: agent+triage\n" == balagh("grant", "sara", "--rights", "triage").stdout
    assert "sara may sign in: triage\n" == balagh("revoke", "sara", "--rights", "agent").stdout
    done = balagh("password", "sara", "--password-stdin", typed="كلمة أخرى طويلة جداً\n")
    assert (0, "sara has another password\n") == (done.exit_code, done.stdout)
    assert "triage" in balagh("list").stdout
    assert "sara is let in no longer\n" == balagh("revoke", "sara").stdout
    assert "0 may sign in" in balagh("list").stdout


def test_what_cannot_be_done_is_said_with_its_code(balagh: Run) -> None:
    """2 for wrong usage, 1 for somebody who is not there or is there already; a password is never repeated."""
    assert 2 == balagh("add", "Not a Name", "--rights", "agent", "--password-stdin", typed=PASSWORD).exit_code
    wrong = balagh("add", "sara", "--rights", "agent+root", "--password-stdin", typed=PASSWORD)
    assert (2, True) == (wrong.exit_code, "root" in wrong.stderr)
    short = balagh("add", "sara", "--rights", "agent", "--password-stdin", typed="kurz123\n")
    assert (2, False) == (short.exit_code, "kurz123" in short.stdout + short.stderr)
    assert 2 == balagh("add", "sara", "--rights", "agent", "--password-stdin").exit_code
    assert 0 == balagh("add", "sara", "--rights", "agent", "--password-stdin", typed=PASSWORD).exit_code
    assert 1 == balagh("add", "sara", "--rights", "agent", "--password-stdin", typed=PASSWORD).exit_code
    for words in (("grant", "zaid", "--rights", "agent"), ("revoke", "zaid"), ("password", "zaid", "--password-stdin")):
        assert (1, "there is no zaid\n") == (balagh(*words).exit_code, balagh(*words).stdout)


def test_a_password_is_no_argument(balagh: Run) -> None:
    """Everybody on the machine could read it in the list of processes."""
    assert 2 == balagh("add", "sara", "--rights", "agent", "--password", PASSWORD).exit_code
