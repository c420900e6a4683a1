"""Items ring once, in order, never early, and finished ones do not pile up."""

from hypothesis import given
from hypothesis import strategies as st

from engine.actors.agenda import Agenda
from tests.support.fakes import FakeClock


class Bell:
    """An item that writes down when it rang."""

    def __init__(self, clock: FakeClock, due_mono_ms: int, rings: list["Bell"]) -> None:
        self.clock = clock
        self.due_mono_ms = due_mono_ms
        self.rings = rings
        self.rang_mono_ms = -1
        self.is_pending = True

    def ring(self) -> None:
        assert self.is_pending
        self.is_pending = False
        self.rang_mono_ms = self.clock.mono_ms()
        self.rings.append(self)


@given(
    dues=st.lists(st.integers(0, 500), max_size=40),
    finished=st.sets(st.integers(0, 39)),
    tick_ms=st.sampled_from([1, 7, 10, 50]),
    spare_max=st.sampled_from([0, 5]),
)
async def test_pending_items_ring_once_in_order_and_within_a_tick(
    dues: list[int], finished: set[int], tick_ms: int, spare_max: int
) -> None:
    clock = FakeClock()
    agenda = Agenda(clock, tick_ms=tick_ms, spare_max=spare_max)
    rings: list[Bell] = []
    bells = [Bell(clock, due, rings) for due in dues]
    for bell in bells:
        agenda.add(bell.due_mono_ms, bell)
    for number in sorted(finished):
        if number < len(bells):
            bells[number].is_pending = False
            agenda.finished()

    await clock.advance(600)

    expected = [bell for number, bell in enumerate(bells) if number not in finished]
    assert rings == sorted(expected, key=lambda bell: bell.due_mono_ms)
    assert all(0 <= bell.rang_mono_ms - bell.due_mono_ms < tick_ms for bell in rings)
    assert len(agenda) == 0


async def test_items_added_later_but_due_earlier_ring_in_time() -> None:
    clock = FakeClock()
    agenda = Agenda(clock)
    rings: list[Bell] = []
    for due_mono_ms in (5_000, 50, 500):
        agenda.add(due_mono_ms, Bell(clock, due_mono_ms, rings))

    await clock.advance(6_000)

    assert [bell.rang_mono_ms for bell in rings] == [50, 500, 5_000]


async def test_finished_items_never_outnumber_the_pending_and_the_spared() -> None:
    clock = FakeClock()
    agenda = Agenda(clock, spare_max=10)
    bells = [Bell(clock, 60_000, []) for _ in range(1_000)]
    for bell in bells:
        agenda.add(60_000, bell)

    for finished_count, bell in enumerate(bells, start=1):
        bell.is_pending = False
        agenda.finished()
        pending_count = len(bells) - finished_count
        assert len(agenda) == pending_count
        assert len(agenda._heap) <= 2 * pending_count + 10
