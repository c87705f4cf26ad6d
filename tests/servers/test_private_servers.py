import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.servers.postgres import PostgresServer
from tests.servers.processes import await_true


def test_a_killed_test_run_leaves_no_server_behind(tmp_path: Path) -> None:
    """When the test run itself is killed with -9, the servers that it had started end too."""
    script = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from tests.servers.processes import run_server
        folder = Path({str(tmp_path)!r})
        server = run_server(["/bin/sleep", "600"], env={{}}, log=folder / "log", cwd=folder)
        print(server.pid, flush=True)
        time.sleep(600)
        """
    )
    root = Path(__file__).parents[2]
    run = subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE
    )
    assert run.stdout is not None
    server = int(run.stdout.readline())

    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()

    def ended() -> bool:
        stat = Path(f"/proc/{server}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    await_true(ended, 10, "the server to end")


@pytest.mark.servers
def test_postgres_keeps_what_was_committed_before_a_power_cut(postgres_node: Callable[[], PostgresServer]) -> None:
    """A committed row is there again after kill -9 and a start on the same port."""
    server = postgres_node()
    server.start()
    server.run("CREATE TABLE kept (word text)")
    server.run("INSERT INTO kept VALUES ('ماء')")

    server.kill9()
    with pytest.raises(psycopg.OperationalError):
        server.run("SELECT 1")
    server.start()

    with psycopg.connect(server.url()) as connection:
        rows = connection.execute("SELECT word FROM kept").fetchall()
    assert ["ماء"] == [word for (word,) in rows]
