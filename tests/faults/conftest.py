"""What the fault tests share: gateways that end with the test, and how large it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.gateway_process import GatewayProcess


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Choose between the suite's size and that of `make soak`."""
    soaking = bool(request.config.getoption("--soak"))
    return lambda small, large: large if soaking else small


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., GatewayProcess]]:
    """Make gateways that end with the test, each in a folder of its own (`folder` names one, to share it)."""
    made: list[GatewayProcess] = []

    def make(*, folder: str | None = None, **settings: str) -> GatewayProcess:
        place = tmp_path / (folder or f"gateway-{len(made) + 1}")
        place.mkdir(exist_ok=True)
        made.append(GatewayProcess(place, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
