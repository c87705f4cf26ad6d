"""The whole program between a real mailbox and a real mail server's manners, killed while mail comes in."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from tests.channels.email.office import inbox, mail
from tests.channels.email.test_smtp import Sink
from tests.end_to_end.gateway_process import GatewayProcess
from tests.end_to_end.nursery import Nursery
from tests.servers.dovecot import DovecotServer
from tests.servers.processes import await_true, free_port

MAILS = 30


@pytest.mark.servers
def test_killed_while_mail_comes_in(dovecot_server: DovecotServer, user: str, tmp_path: Path, nursery: Nursery) -> None:
    """The gateway is killed three times while thirty mails come: each becomes one complaint and is answered once."""
    sink = Sink()
    server = Controller(sink, hostname="127.0.0.1", port=free_port())
    server.start()
    gateway = GatewayProcess(
        tmp_path,
        BALAGH_EMAIL__INBOXES=json.dumps([inbox(dovecot_server, user)]),
        BALAGH_EMAIL__SMTP_URL=f"smtp://127.0.0.1:{server.port}",
        BALAGH_EMAIL__FROM="complaints@city.example",
        BALAGH_EMAIL__RATE="100",
    )
    gateway.nursery = nursery
    try:
        for number in range(MAILS):
            dovecot_server.deliver(mail(number, From=f"s{number}@example.org"), user)
        for taken in (1, 8, 16):
            gateway.start(roles="intake,interpret,relay,router,clock,pollers")
            await_true(_at_least(gateway, taken), 60, f"{taken} mails to be taken")
            gateway.kill9()
        gateway.start()
        await_true(lambda: _complaints(gateway) == MAILS, 60, "all mails to be complaints")
        await_true(lambda: len(sink.envelopes) >= MAILS, 60, "all to be answered")
        time.sleep(0.5)  # whatever would come twice has had its time
    finally:
        gateway.close()
        server.stop()

    assert MAILS == _complaints(gateway)
    assert Counter(f"s{number}@example.org" for number in range(MAILS)) == Counter(
        recipient for one in sink.envelopes for recipient in one.rcpt_tos
    )


def _at_least(gateway: GatewayProcess, count: int) -> Callable[[], bool]:
    return lambda: _rows(gateway, "SELECT count(*) FROM journal") >= count


def _complaints(gateway: GatewayProcess) -> int:
    return _rows(gateway, "SELECT count(*) FROM complaints")


def _rows(gateway: GatewayProcess, query: str) -> int:
    path = gateway.folder / "data" / "balagh.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as store:
        return int(store.execute(query).fetchone()[0])
