"""Options of the simulator: ``pytest tests/sim --seed=1234 --sim-trace`` runs one seed again, and tells everything."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("simulation")
    group.addoption("--seed", type=int, default=None, help="run this one seed and nothing else")
    group.addoption("--sim-trace", action="store_true", help="print all that happened in it")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "replay: runs the seed that --seed names")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--seed``, only the test that replays it."""
    if config.getoption("--seed", default=None) is None:
        return
    replay = [item for item in items if item.get_closest_marker("replay")]
    config.hook.pytest_deselected(items=[item for item in items if item not in replay])
    items[:] = replay
