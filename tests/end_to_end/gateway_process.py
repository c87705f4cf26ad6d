"""The real program as a process, for tests that kill it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

import aiohttp
from twilio.request_validator import RequestValidator

from tests.end_to_end.nursery import Nursery, Process
from tests.servers.processes import free_port

ROOT = Path(__file__).parents[2]
TOKEN = "an-auth-token-of-32-characters--"
ACCOUNT = "AC" + "1" * 32
NUMBER = "+9647800000124"
API_KEY = "a-key-that-only-tests-know"


class GatewayProcess:
    """`balagh run` with settings of its own, in a folder of its own."""

    program = "gateway"  # the module that is run; a test may put one of its own around it
    nursery: Nursery | None = None  # who starts it quickly; else it is started as by a person

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: Process | None = None
        self.starts = 0
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BALAGH_")},
            "BALAGH_LISTEN": f"127.0.0.1:{self.port}",
            "BALAGH_DATA_DIR": str(folder / "data"),
            "BALAGH_SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
            "BALAGH_LOG": "json",
            "BALAGH_API_KEYS": f"reader:{API_KEY}:intake+read+admin",
            "BALAGH_SMS__ACCOUNT_SID": ACCOUNT,
            "BALAGH_SMS__AUTH_TOKEN": TOKEN,
            "BALAGH_SMS__NUMBER": NUMBER,
            "BALAGH_SMS__API_URL": "http://127.0.0.1:9",  # the discard port: nobody answers there
            "BALAGH_WHATSAPP__ACCOUNT_SID": ACCOUNT,
            "BALAGH_WHATSAPP__AUTH_TOKEN": TOKEN,
            "BALAGH_WHATSAPP__NUMBER": NUMBER,
            "BALAGH_WHATSAPP__API_URL": "http://127.0.0.1:9",
            "PYTHONDONTWRITEBYTECODE": "1",
            **settings,
        }

    def start(self, *, roles: str = "all", wait: float = 60) -> None:
        """Start it and return once it answers."""
        self.launch(roles=roles)
        assert self.process is not None
        deadline = time.monotonic() + wait
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the gateway did not start:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def launch(self, *, roles: str = "all") -> None:
        """Start it and do not wait: it may die before it answers."""
        self.starts += 1
        with (self.folder / f"run-{self.starts}.log").open("wb") as log:
            self.process = self.spawn("run", "--roles", roles, program=self.program, output=log)

    def spawn(self, *arguments: str, output: IO[bytes], program: str = "gateway") -> Process:
        """Start a command with the same settings, and do not wait for its end; what it says goes to `output`."""
        if self.nursery is not None:
            descriptor = output.fileno()
            return self.nursery.start(program, *arguments, env=self.environment, stdout=descriptor, stderr=descriptor)
        return subprocess.Popen(
            [sys.executable, "-m", program, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def answers(self) -> bool:
        """Whether /health/live answers."""
        import urllib.request

        try:
            with urllib.request.urlopen(f"{self.url}/health/live", timeout=1) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def metric(self, name: str) -> float:
        """One number of /metrics, named with its labels as it stands there; 0 when it is not there."""
        import urllib.request

        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as response:
            for line in response.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.rsplit(" ", 1)[1])
        return 0.0

    def kill9(self) -> None:
        """End it at once, as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def stop(self) -> int:
        """End it in order and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def close(self) -> None:
        """End it whatever its state."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(60)

    def log(self) -> str:
        """What it wrote, every run."""
        return "".join(path.read_text("utf-8", "replace") for path in sorted(self.folder.glob("run-*.log")))

    def command(self, *arguments: str, program: str = "gateway") -> subprocess.CompletedProcess[str]:
        """Run another `balagh` command with the same settings."""
        if self.nursery is not None:
            return self.nursery.run(program, *arguments, env=self.environment, seconds=60)
        return subprocess.run(
            [sys.executable, "-m", program, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def forms(
        self, channel: str, messages: Mapping[str, tuple[str, str]]
    ) -> Iterator[tuple[str, bytes, dict[str, str]]]:
        """Make Twilio's requests of messages: sid -> (sender, words). Yields sid, body, headers."""
        prefix = "whatsapp:" if channel == "whatsapp" else ""
        for sid, (sender, words) in messages.items():
            fields = {
                "MessageSid": sid,
                "AccountSid": ACCOUNT,
                "From": prefix + sender,
                "To": prefix + NUMBER,
                "Body": words,
                "NumMedia": "0",
                "ApiVersion": "2010-04-01",
            }
            signature = RequestValidator(TOKEN).compute_signature(f"{self.url}/channels/{channel}", fields)
            headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
            yield sid, urlencode(fields).encode(), headers

    async def post(self, session: aiohttp.ClientSession, channel: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post one request; 0 stands for a connection that failed."""
        try:
            async with session.post(f"{self.url}/channels/{channel}", data=body, headers=headers) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0
