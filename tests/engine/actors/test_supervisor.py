"""When a crash is forgiven."""

import pytest

from engine.actors.supervisor import Supervisor
from tests.support.fakes import FakeClock, RecordingLog


@pytest.mark.parametrize(
    ("gap_ms", "crashes_count", "is_parked"),
    [
        (0, 3, False),
        (0, 4, True),
        (19_999, 4, True),  # The first is 59,997 ms ago when the fourth comes.
        (20_000, 4, False),  # The first is a minute ago: outside the window.
        (20_000, 100, False),
    ],
)
async def test_three_crashes_in_a_minute_are_forgiven(gap_ms: int, crashes_count: int, is_parked: bool) -> None:
    clock, log = FakeClock(), RecordingLog(strict=False)
    supervisor = Supervisor("call", clock=clock, log=log)
    crashes: tuple[int, ...] | None = ()

    for number in range(crashes_count):
        assert crashes is not None
        if number:
            await clock.sleep(gap_ms)
        crashes = supervisor.crashed("7", KeyError(), earlier=crashes)

    assert (crashes is None) == is_parked
    assert log.events().count("actor_crashed") == crashes_count
    assert log.events().count("actor_parked") == is_parked


async def test_what_is_remembered_of_crashes_is_bounded_by_the_window() -> None:
    clock = FakeClock()
    supervisor = Supervisor("call", clock=clock, log=RecordingLog(strict=False))
    crashes: tuple[int, ...] | None = ()

    for _ in range(50):
        assert crashes is not None
        crashes = supervisor.crashed("7", KeyError(), earlier=crashes)
        await clock.sleep(30_000)

    assert crashes is not None
    assert len(crashes) <= 3
