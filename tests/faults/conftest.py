"""What the fault tests share: gateways that end with the test, and how large it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.gateway_process import GatewayProcess
from tests.end_to_end.nursery import Nursery
from tests.faults.disk import Disk
from tests.faults.machine import Machine, compiled


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Choose between the suite's size and that of `make soak`."""
    soaking = bool(request.config.getoption("--soak"))
    return lambda small, large: large if soaking else small


@pytest.fixture
def gateway(tmp_path: Path, nursery: Nursery) -> Iterator[Callable[..., GatewayProcess]]:
    """Make gateways that end with the test, each in a folder of its own (`folder` names one, to share it)."""
    made: list[GatewayProcess] = []

    def make(*, folder: str | None = None, **settings: str) -> GatewayProcess:
        place = tmp_path / (folder or f"gateway-{len(made) + 1}")
        place.mkdir(exist_ok=True)
        made.append(GatewayProcess(place, **settings))
        made[-1].nursery = nursery
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def machine_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile once what lets a disk or a clock go wrong."""
    return compiled(tmp_path_factory.mktemp("machine"))


@pytest.fixture
def machine(machine_library: Path, tmp_path: Path) -> Machine:
    """Make what goes wrong below the test's folder, for the programs that are given `machine.settings`."""
    return Machine(machine_library, tmp_path / "orders", tmp_path)


@pytest.fixture
def disk(machine_library: Path, tmp_path: Path) -> Iterator[Disk]:
    """Make a disk of 24 MiB: the data folder of `gateway(folder="small")`."""
    folder = tmp_path / "small" / "data"
    made = Disk(folder, Machine(machine_library, tmp_path / "disk-orders", folder), megabytes=24)
    yield made
    made.close()
