"""A private RabbitMQ node: its own folders, cookie, ports and epmd, on 127.0.0.1 alone."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.processes import await_end, await_true, free_port, kill_server, require, run_server

# Debian's wrapper in /usr/sbin does `su rabbitmq`; the scripts below do not.
_SCRIPTS = Path("/usr/lib/rabbitmq/bin")
_PACKAGE = "rabbitmq-server"
_CONFIG = "loopback_users.guest = true\ndisk_free_limit.absolute = 200MB\nlog.file.level = warning\n"
_VHOSTS_AT_ONCE = 8  # a rabbitmqctl call costs a second, whatever it does
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue as the broker lists it. `messages` are those ready and those delivered but not acknowledged."""

    name: str
    messages: int
    consumers: int


class RabbitNode:
    """One node. Restarting it keeps its folder, so what it had on disk is there again."""

    def __init__(self) -> None:
        self._server = require("rabbitmq-server", _PACKAGE, [_SCRIPTS])
        self._ctl = require("rabbitmqctl", _PACKAGE, [_SCRIPTS])
        self._epmd_program = require("epmd", "erlang-base", [])
        self._folder = Path(tempfile.mkdtemp(prefix="balagh-rabbitmq-"))
        self.port, self._epmd_port = free_port(), free_port()
        self._env = self._environment()
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._spare_vhosts: deque[str] = deque()

    def _environment(self) -> dict[str, str]:
        cookie = self._folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        (self._folder / "rabbitmq.conf").write_text(_CONFIG)
        (self._folder / "advanced.config").write_text("[].\n")
        (self._folder / "env.conf").touch()
        (self._folder / "plugins").write_text("[].\n")
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self._folder),
            "RABBITMQ_NODENAME": f"balagh{os.getpid()}n{next(_numbers)}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(self._folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self._folder / "advanced.config"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self._folder / "generated"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "env.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # Makes the start script become the Erlang machine instead of its parent: one process to wait for.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    @property
    def pid(self) -> int:
        """The process of the running node."""
        assert self._process is not None
        return self._process.pid

    def url(self, vhost: str = "%2F") -> str:
        """The AMQP address of a virtual host; the password is the node's well-known one."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{vhost}"

    @property
    def name(self) -> str:
        """Its name among nodes."""
        return self._env["RABBITMQ_NODENAME"]

    def join(self, names: Sequence[str], *, cookie: str, epmd: int) -> None:
        """Make it one of several nodes, before its first start; they share a cookie and an epmd."""
        jar = self._folder / ".erlang.cookie"
        jar.chmod(0o600)
        jar.write_text(cookie)
        jar.chmod(0o400)
        known = "".join(
            f"cluster_formation.classic_config.nodes.{place} = {name}\n" for place, name in enumerate(names, 1)
        )
        (self._folder / "rabbitmq.conf").write_text(
            f"{_CONFIG}cluster_formation.peer_discovery_backend = classic_config\n"
            f"cluster_partition_handling = pause_minority\n{known}"
        )
        self._epmd_port = epmd
        self._env["ERL_EPMD_PORT"] = str(epmd)

    def start_epmd(self) -> None:
        """Start the epmd, unless one answers; here and not by the node, which would leave it running for ever."""
        if self._epmd is None and not _answers(self._epmd_port, b""):
            self._epmd = run_server(
                [self._epmd_program, "-port", str(self._epmd_port), "-address", "127.0.0.1"],
                env=self._env,
                log=self._folder / "epmd.log",
                cwd=self._folder,
            )
            await_true(lambda: _answers(self._epmd_port, b""), 10, "epmd")

    def start(self) -> None:
        """Start the node and wait until it answers AMQP, about five seconds."""
        self.start_epmd()
        self._process = run_server([self._server], env=self._env, log=self._folder / "console.log", cwd=self._folder)
        self._await_amqp()

    def _await_amqp(self) -> None:
        def up() -> bool:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"RabbitMQ did not start:\n{(self._folder / 'console.log').read_text()[-4000:]}")
            return _answers(self.port, b"AMQP\x00\x00\x09\x01")

        await_true(up, 60, "RabbitMQ to answer")

    @property
    def runs(self) -> bool:
        """Whether it was started and not ended since."""
        return self._process is not None

    def stop(self) -> None:
        """Stop the node in good order, about two seconds."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            await_end(self._process, 30)
            self._process = None

    def kill9(self) -> None:
        """Kill the node as a power cut would."""
        if self._process is not None:
            kill_server(self._process)
            self._process = None

    def freeze(self) -> None:
        """Stop the node's clock: connections stay open and nothing answers, like a cut cable."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen node go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def stop_app(self) -> None:
        """Stop the broker inside the running Erlang machine: connections close in good order, nothing listens."""
        self.ctl("stop_app")

    def start_app(self) -> None:
        """Start the broker again after `stop_app`."""
        self.ctl("start_app")
        self._await_amqp()

    def close(self) -> None:
        """End every process of the node and remove its folder."""
        self.kill9()
        if self._epmd is not None:
            kill_server(self._epmd)
            self._epmd = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl and return what it prints, about a second. Raises RuntimeError with its complaint."""
        done = subprocess.run(
            [self._ctl, "-q", *arguments], env=self._env, capture_output=True, text=True, timeout=90, check=False
        )
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def new_vhost(self) -> Vhost:
        """Make a virtual host that nobody has used."""
        if not self._spare_vhosts:
            names = [f"test{next(_numbers)}" for _ in range(_VHOSTS_AT_ONCE)]
            listed = ",".join(f'<<"{name}">>' for name in names)
            self.ctl(
                "eval",
                f'[begin rabbit_vhost:add(V, <<"suite">>), rabbit_auth_backend_internal:set_permissions('
                f'<<"guest">>, V, <<".*">>, <<".*">>, <<".*">>, <<"suite">>) end || V <- [{listed}]].',
            )
            self._spare_vhosts.extend(names)
        return Vhost(self, self._spare_vhosts.popleft())


@dataclass(frozen=True, slots=True)
class Vhost:
    """One virtual host of a node: all that one test sees of the broker."""

    node: RabbitNode
    name: str

    @property
    def url(self) -> str:
        """The AMQP address."""
        return self.node.url(self.name)

    def ctl(self, command: str, *arguments: str) -> str:
        """Run a rabbitmqctl command on this virtual host."""
        return self.node.ctl(command, "-p", self.name, *arguments)

    def list_queues(self) -> dict[str, QueueState]:
        """Every queue by name. Quorum queues refresh these figures every five seconds."""
        rows = json.loads(self.ctl("list_queues", "--formatter", "json", "name", "messages", "consumers"))
        return {row["name"]: QueueState(row["name"], row["messages"] or 0, row["consumers"] or 0) for row in rows}

    def delete_queue(self, name: str) -> None:
        """Delete a queue by hand, with what is in it."""
        self.ctl("delete_queue", name)


def _answers(port: int, greeting: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(greeting)
            return not greeting or bool(connection.recv(1))
    except OSError:
        return False


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitNode]:
    """The node that all tests share; it must be running again when a test ends."""
    node = RabbitNode()
    try:
        node.start()
        yield node
    finally:
        node.close()


@pytest.fixture
def rabbitmq(rabbitmq_server: RabbitNode) -> Vhost:
    """A virtual host of the shared node that no other test sees."""
    return rabbitmq_server.new_vhost()


@pytest.fixture
def rabbitmq_node() -> Iterator[Callable[[], RabbitNode]]:
    """Make nodes of the test's own, not started yet, for whoever needs to break one."""
    nodes: list[RabbitNode] = []

    def make() -> RabbitNode:
        nodes.append(RabbitNode())
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()
