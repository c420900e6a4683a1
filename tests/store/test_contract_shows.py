"""What every ``ShowStore`` promises."""

import pytest
from msgspec.structs import replace

from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import RoomId
from store.interfaces.shows import ShowInfo, ShowKind, ShowRecord
from store.interfaces.stores import Stores
from tests.support.records import ANN, MEI, T0
from tests.support.stores import on_every_store

TINA = ShowRecord(
    id=RoomId("site:gGAlOXloThS9r8d5HgeBzg_Tina"),
    anchor_id=MEI,
    character="Tina",
    character_date="2025-07-03@18h17m20s",
    created_at_ms=T0,
)
SERA = replace(TINA, id=RoomId("site:gGAlOXloThS9r8d5HgeBzg_Seraphina"), character="Seraphina", created_at_ms=T0 + 1)
INFO = ShowInfo(title="Tina's room", describe="hello", price=10, kind=ShowKind.VIP)


@on_every_store
async def test_a_show_comes_back_as_kept(stores: Stores) -> None:
    assert await stores.shows.keep(TINA) == TINA
    assert await stores.shows.get(TINA.id) == TINA
    assert await stores.shows.get(SERA.id) is None


@on_every_store
async def test_a_newer_card_changes_the_date_and_nothing_else(stores: Stores) -> None:
    await stores.shows.keep(TINA)
    described = await stores.shows.describe(TINA.id, INFO)
    newer = replace(TINA, character_date="2026-01-01@00h00m00s", created_at_ms=T0 + 99)

    kept = await stores.shows.keep(newer)

    assert kept == replace(described, character_date="2026-01-01@00h00m00s")
    assert await stores.shows.keep(replace(TINA, character_date="")) == kept
    assert await stores.shows.get(TINA.id) == kept


@on_every_store
async def test_a_show_stays_its_anchors(stores: Stores) -> None:
    await stores.shows.keep(TINA)

    for date in ("", "2026"):
        with pytest.raises(Conflict):
            await stores.shows.keep(replace(TINA, anchor_id=ANN, character_date=date))

    assert await stores.shows.get(TINA.id) == TINA


@on_every_store
async def test_what_is_said_of_a_show_can_be_said_anew(stores: Stores) -> None:
    await stores.shows.keep(TINA)
    other = ShowInfo(title="", price=0, kind=ShowKind.FREE)

    assert await stores.shows.describe(TINA.id, INFO) == replace(TINA, info=INFO)
    assert await stores.shows.describe(TINA.id, other) == replace(TINA, info=other)
    assert await stores.shows.get(TINA.id) == replace(TINA, info=other)
    with pytest.raises(NotThere):
        await stores.shows.describe(SERA.id, INFO)


@on_every_store
async def test_many_are_looked_up_at_once(stores: Stores) -> None:
    for show in (TINA, SERA):
        await stores.shows.keep(show)

    assert await stores.shows.many([SERA.id, RoomId("nowhere"), TINA.id]) == {SERA.id: SERA, TINA.id: TINA}
    assert await stores.shows.many([]) == {}


@on_every_store
async def test_an_anchors_shows_come_oldest_first(stores: Stores) -> None:
    for show in (SERA, TINA, replace(TINA, id=RoomId("site:other"), anchor_id=ANN)):
        await stores.shows.keep(show)

    assert await stores.shows.of_anchor(MEI, limit=10) == (TINA, SERA)
    assert await stores.shows.of_anchor(MEI, limit=1) == (TINA,)
