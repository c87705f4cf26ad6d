"""A private PostgreSQL cluster on 127.0.0.1, durable as in the field (`fsync=on`)."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.servers.processes import await_end, await_true, free_port, kill_server, require, run_server

_USER = "balagh"
_PACKAGE = "postgresql"
_numbers = itertools.count(1)


class PostgresServer:
    """One cluster. PostgreSQL refuses to run as root, so there it runs as nobody."""

    def __init__(self) -> None:
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))[::-1]
        self._initdb = require("initdb", _PACKAGE, folders)
        self._postgres = require("postgres", _PACKAGE, folders)
        self._folder = Path(tempfile.mkdtemp(prefix="balagh-postgres-"))
        self._data = self._folder / "data"
        self._env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(self._folder)}
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            self._as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
            shutil.chown(self._folder, "nobody", "nogroup")
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the cluster, made at the first start, and wait until it answers. After a crash it recovers first."""
        if not self._data.exists():
            subprocess.run(
                [*self._as_user, self._initdb, "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
                env=self._env,
                cwd=self._folder,
                check=True,
                capture_output=True,
            )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "on",
            "synchronous_commit": "on",
            "shared_buffers": "32MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self._folder / "server.log"
        self._process = run_server(
            [*self._as_user, self._postgres, "-D", str(self._data), *options], env=self._env, log=log, cwd=self._folder
        )

        def up() -> bool:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-4000:]}")
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                return False
            return True

        await_true(up, 60, "PostgreSQL to answer")

    def stop(self) -> None:
        """Stop in good order; open connections are closed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            await_end(self._process, 30)
            self._process = None

    def restart(self) -> None:
        """Stop in good order and start again on the same port."""
        self.stop()
        self.start()

    def kill9(self) -> None:
        """Kill every process of the cluster as a power cut would."""
        if self._process is not None:
            kill_server(self._process)
            self._process = None

    def close(self) -> None:
        """End every process and remove the folder."""
        self.kill9()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, statement: str) -> None:
        """Run one statement outside a transaction, as the owner of the cluster."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())


@dataclass(frozen=True, slots=True)
class Database:
    """One database of a cluster: all that one test sees of it."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """The address, as settings take it."""
        return self.server.url(self.name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The cluster that all tests share; it must be running again when a test ends."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[Database]:
    """An empty database of the shared cluster that no other test sees."""
    database = Database(postgres_server, f"test{next(_numbers)}")
    postgres_server.run(f"CREATE DATABASE {database.name}")
    yield database
    postgres_server.run(f"DROP DATABASE {database.name} WITH (FORCE)")


@pytest.fixture
def postgres_node() -> Iterator[Callable[[], PostgresServer]]:
    """Make clusters of the test's own, not started yet, for whoever needs to break one."""
    servers: list[PostgresServer] = []

    def make() -> PostgresServer:
        servers.append(PostgresServer())
        return servers[-1]

    yield make
    for server in servers:
        server.close()
