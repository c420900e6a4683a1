"""An anchor's daily calls of her character's AI."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from engine.errors import StoreDown, WrongRole
from engine.services.quotas import DAY_MS, Quotas
from engine.settings import Settings, Site
from tests.people import on_a_visit


async def test_an_anchor_has_so_many_calls_in_a_utc_day_and_the_next_day_anew():
    async with on_a_visit() as visit:
        clock = SimpleNamespace(now_ms=lambda: 20_000 * DAY_MS - 1)
        options = Settings(site=Site(ai_calls_per_day=2))
        quotas = Quotas(visit.stage.world, options, node=clock)

        used = [await quotas.take(visit.jliu) for _ in range(3)]

        assert [(one.is_counted, one.count, one.left) for one in used] == [
            (True, 1, 1),
            (True, 2, 0),
            (False, 2, 0),
        ]
        clock.now_ms = lambda: 20_000 * DAY_MS
        assert (await quotas.take(visit.jliu)).count == 1


async def test_only_anchors_have_a_quota_and_a_store_that_is_away_gives_none():
    async with on_a_visit() as visit:
        with pytest.raises(WrongRole):
            await visit.engine.quotas.take(visit.yi)

        visit.switch.is_down, visit.switch.only = True, "quotas.take"
        with pytest.raises(StoreDown):
            await visit.engine.quotas.take(replace(visit.jliu))
