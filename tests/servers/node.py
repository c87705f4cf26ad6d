"""Stand-ins that come from npm: a script of ours beside the packages it uses, in a process of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import Popen

import pytest

from tests.servers.processes import kill_server, require, run_server

FOLDER = Path(__file__).parent / "node"
MODULES = FOLDER / "node_modules"


@contextlib.contextmanager
def running(
    script: str | Path, *arguments: str, log: Path, env: dict[str, str] | None = None
) -> Iterator[Popen[bytes]]:
    """Run a script of `tests/servers/node`, or of its packages, with its output in `log`; kill it at the end."""
    process = run_server(command(script, *arguments), env={**os.environ, **(env or {})}, log=log, cwd=FOLDER)
    try:
        yield process
    finally:
        kill_server(process)


def command(script: str | Path, *arguments: str) -> Sequence[str]:
    """Return how to run a script with the packages of `tests/servers/node`; fails when they are not installed."""
    node = require("node", "nodejs")
    if not MODULES.is_dir():
        pytest.fail("the packages of tests/servers/node are not installed: make servers", pytrace=False)
    return [node, str(FOLDER / script), *arguments]


def prism(document: Path, port: int, log: Path) -> contextlib.AbstractContextManager[Popen[bytes]]:
    """Serve a provider's OpenAPI document strictly on a port: a request that it does not describe is refused."""
    cli = MODULES / "@stoplight" / "prism-cli" / "dist" / "index.js"
    return running(cli, "mock", "--errors", "--host", "127.0.0.1", "--port", str(port), str(document), log=log)
