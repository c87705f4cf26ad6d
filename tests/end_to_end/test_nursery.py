"""What the nursery starts is a program like any other: its own process, environment, output and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.gateway_process import GatewayProcess
from tests.end_to_end.nursery import ROOT, Nursery


def test_a_command_says_the_same_however_it_was_started(nursery: Nursery, tmp_path: Path) -> None:
    """Exit code, output and complaint are those of a real start; what the test run has in its environment is not."""
    environment = {**os.environ, "BALAGH_DATA_DIR": str(tmp_path), "BALAGH_SECRET_KEY": "k" * 40}
    for command in (["schema", str(tmp_path)], ["reconcile", "--since", "yesterday"]):
        real = subprocess.run(
            [sys.executable, "-m", "gateway", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        quick = nursery.run("gateway", *command, env=environment, seconds=60)
        assert (real.returncode, real.stdout, real.stderr) == (quick.returncode, quick.stdout, quick.stderr)


def test_a_gateway_ends_as_it_was_told_to(nursery: Nursery, tmp_path: Path) -> None:
    """Asked to stop it ends with 0, killed by the signal; the second start is another process."""
    gateway = GatewayProcess(tmp_path)
    gateway.nursery = nursery
    try:
        gateway.start()
        assert gateway.process is not None
        first = gateway.process.pid
        with pytest.raises(subprocess.TimeoutExpired):
            gateway.process.wait(0.01)
        assert 0 == gateway.stop()
        gateway.start()
        assert first != gateway.process.pid
        gateway.kill9()
        assert -signal.SIGKILL == gateway.process.returncode
    finally:
        gateway.close()
    assert "Traceback" not in gateway.log()
