"""Fixtures that every room's tests may ask for."""

import pytest

pytest_plugins = ["tests.servers.rabbitmq", "tests.servers.postgres", "tests.end_to_end.nursery"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --soak: the fault tests at their large size, and without a limit of time."""
    parser.addoption("--soak", action="store_true", help="run the fault tests at their large size (make soak)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the large size an hour for each test."""
    if config.getoption("--soak"):
        for item in items:
            item.add_marker(pytest.mark.timeout(3600), append=False)
