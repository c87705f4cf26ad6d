"""What the tests of the whole program share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.gateway_process import GatewayProcess
from tests.servers.rabbitmq import Vhost


@pytest.fixture
def balagh(tmp_path: Path, rabbitmq: Vhost) -> Iterator[GatewayProcess]:
    """A running gateway with RabbitMQ."""
    made = GatewayProcess(tmp_path, BALAGH_BROKER_URL=rabbitmq.url)
    made.start()
    yield made
    made.close()
