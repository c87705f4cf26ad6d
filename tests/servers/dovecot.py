"""A private Dovecot on 127.0.0.1: IMAP, IMAPS and LMTP, any user, one password."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from tests.servers.processes import await_end, await_true, free_port, kill_server, require, run_server

PASSWORD = "pw"
_PACKAGES = "dovecot-imapd dovecot-lmtpd"

_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
instance_name = balagh-{port}
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
mail_max_userip_connections = 100
first_valid_uid = 0
imap_idle_notify_interval = 30s
mailbox_idle_check_interval = 1s
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner_group} home={folder}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
"""


class DovecotServer:
    """One mail server. Every user name is known to it, and all have the same password."""

    def __init__(self) -> None:
        self._dovecot = require("dovecot", _PACKAGES, [Path("/usr/sbin")])
        self._folder = Path(tempfile.mkdtemp(prefix="balagh-dovecot-"))
        self.port, self.tls_port, self._lmtp_port = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        root = os.geteuid() == 0
        me = getpass.getuser()
        (self._folder / "mail").mkdir()
        self._folder.chmod(0o755)
        if root:
            shutil.chown(self._folder / "mail", "nobody", "nogroup")
        self._certify()
        config = _CONFIG.format(
            folder=self._folder,
            port=self.port,
            tls_port=self.tls_port,
            lmtp_port=self._lmtp_port,
            password=PASSWORD,
            internal="dovecot" if root else me,
            internal_group="dovecot" if root else os.getgid(),
            login="dovenull" if root else me,
            owner="nobody" if root else os.getuid(),
            owner_group="nogroup" if root else os.getgid(),
        )
        (self._folder / "dovecot.conf").write_text(config)

    @property
    def certificate(self) -> Path:
        """The file with the server's certificate, which it signed itself, for 127.0.0.1."""
        return self._folder / "cert.pem"

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self._folder / "output.log"
        self._process = run_server(
            [self._dovecot, "-F", "-c", str(self._folder / "dovecot.conf")],
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            log=log,
            cwd=self._folder,
        )

        def up() -> bool:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"Dovecot did not start:\n{log.read_text()[-4000:]}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                    return probe.recv(4) == b"* OK"
            except OSError:
                return False

        await_true(up, 30, "Dovecot to answer")

    def stop(self) -> None:
        """Stop in good order."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            await_end(self._process, 30)
            self._process = None

    def kill9(self) -> None:
        """Kill every process of it as a power cut would."""
        if self._process is not None:
            kill_server(self._process)
            self._process = None
            # Its master's number may belong to another process by the next start; it must not wait for that one.
            (self._folder / "run" / "master.pid").unlink(missing_ok=True)

    def close(self) -> None:
        """End every process and remove the folder."""
        self.kill9()
        shutil.rmtree(self._folder, ignore_errors=True)

    def deliver(self, mail: bytes, *users: str) -> None:
        """Deliver a mail by LMTP, as a mail server would."""
        with smtplib.LMTP("127.0.0.1", self._lmtp_port, local_hostname="mx.example") as session:
            session.sendmail("sender@example.org", list(users), mail)

    def client(self, user: str) -> Any:
        """Return a connection of a member of staff, logged in."""
        client = IMAPClient("127.0.0.1", self.port, ssl=False, timeout=30)
        client.login(user, PASSWORD)
        return client

    def _certify(self) -> None:
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        files = ["-keyout", str(self._folder / "key.pem"), "-out", str(self.certificate)]
        subprocess.run(
            ["openssl", "req", "-x509", *key, *files, *subject],
            check=True,
            capture_output=True,
        )


@pytest.fixture(scope="session")
def dovecot_server() -> Iterator[DovecotServer]:
    """The mail server that all tests share; it must be running again when a test ends."""
    server = DovecotServer()
    try:
        server.start()
        yield server
    finally:
        server.close()
