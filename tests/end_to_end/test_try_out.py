"""What the README and the Makefile tell a newcomer to type, typed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from tests.end_to_end.gateway_process import ROOT, GatewayProcess

README = (ROOT / "README.md").read_text("utf-8")


def test_the_sms_of_the_readme_is_taken(tmp_path: Path) -> None:
    """With the settings that are printed there the recorded message is answered 200; no reply leaves the machine."""
    [block] = re.findall(r"^    export (.*?)\n\n", README, re.MULTILINE | re.DOTALL)
    exported = dict(word.split("=", 1) for word in shlex.split(block.replace("\\\n", " ")))
    [command] = re.findall(r"^    \.venv/bin/balagh (replay .*?)(?: +#.*)?$", README, re.MULTILINE)
    gateway = GatewayProcess(tmp_path, **exported)
    try:
        gateway.start()
        result = gateway.command(*shlex.split(command))
    finally:
        gateway.close()

    assert (0, "200 <Response/>") == (result.returncode, result.stdout.strip()), result.stderr
    assert "127.0.0.1" == urlsplit(exported["BALAGH_SMS__API_URL"]).hostname


def test_make_run_reads_what_stands_in_env(tmp_path: Path) -> None:
    """Settings in .env reach the program; what the shell has set already stays, without the file all is as before."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    program = tmp_path / ".venv/bin/balagh"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$1 $BALAGH_LISTEN $BALAGH_CITY $BALAGH_LOG"\n', "utf-8")
    program.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BALAGH_", "MAKE"))}

    def said(**more: str) -> str:
        command = ["make", "-s", "-o", "setup", "run"]
        run = subprocess.run(
            command, cwd=tmp_path, env={**environment, **more}, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()

    assert "run   text" == said()
    (tmp_path / ".env").write_text("# a note\nBALAGH_LISTEN=127.0.0.1:9\nBALAGH_CITY='of two words'\n", "utf-8")
    assert "run 127.0.0.1:9 of two words text" == said()
    assert "run 127.0.0.1:8 of two words json" == said(BALAGH_LISTEN="127.0.0.1:8", BALAGH_LOG="json")
