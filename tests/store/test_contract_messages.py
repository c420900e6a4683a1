"""What every ``MessageStore`` promises."""

import asyncio

import pytest

from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.messages import EVERYBODY, NOTHING, ConversationId, Media, MessageRecord
from store.interfaces.stores import Stores
from tests.support.messages import GROUP, OTHER_GROUP, PAIR, a_message
from tests.support.records import BOB, TOM
from tests.support.stores import on_every_store

ANN = PersonId(TOM + BOB + 1)


async def kept(stores: Stores, numbers: tuple[int, ...], conversation: ConversationId = GROUP) -> None:
    for previous, number in zip((0, *numbers), numbers, strict=False):
        await stores.messages.keep(a_message(number, previous, conversation))


def ids(messages: tuple[MessageRecord, ...]) -> list[int]:
    return [one.id for one in messages]


@on_every_store
async def test_a_message_is_found_as_it_was_kept(stores: Stores) -> None:
    whole = a_message(
        2**62, conversation=PAIR, media=Media.IMAGE, url="/uploads/a.png", picture_url="p", description="d", amount=3
    )
    await stores.messages.keep(whole)

    assert await stores.messages.after(PAIR, NOTHING, limit=5) == (whole,)
    assert await stores.messages.last_id_of(PAIR) == 2**62
    assert await stores.messages.last_id_of(GROUP) == NOTHING


@on_every_store
async def test_nothing_comes_after_a_message_but_one(stores: Stores) -> None:
    await kept(stores, (10, 20))

    for late in (a_message(30, 10), a_message(30, 0), a_message(20, 20 - 1), a_message(10, 0, OTHER_GROUP)):
        with pytest.raises(Conflict):
            await stores.messages.keep(late)

    assert ids(await stores.messages.after(GROUP, NOTHING, limit=9)) == [10, 20]
    assert await stores.messages.last_id_of(OTHER_GROUP) == NOTHING


@on_every_store
async def test_of_many_that_would_come_next_one_does(stores: Stores) -> None:
    await kept(stores, (10,))

    tries = (stores.messages.keep(a_message(20 + number, 10)) for number in range(10))
    ended = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(one is None for one in ended) == 1
    assert all(one is None or isinstance(one, Conflict) for one in ended)
    assert len(await stores.messages.after(GROUP, NOTHING, limit=50)) == 2


@on_every_store
async def test_a_conversation_is_read_forward_and_backward_from_anywhere(stores: Stores) -> None:
    await kept(stores, (10, 20, 30, 40))
    await kept(stores, (15, 25), OTHER_GROUP)

    assert ids(await stores.messages.after(GROUP, Snowflake(15), limit=2)) == [20, 30]
    assert ids(await stores.messages.before(GROUP, None, limit=3)) == [40, 30, 20]
    assert ids(await stores.messages.before(GROUP, Snowflake(30), limit=3)) == [20, 10]
    assert ids(await stores.messages.before(GROUP, Snowflake(10), limit=3)) == []
    assert ids(await stores.messages.before(GROUP, None, limit=0)) == []


@on_every_store
async def test_the_newest_of_a_person_are_of_his_conversations_alone(stores: Stores) -> None:
    await kept(stores, (10, 40))
    await kept(stores, (20, 50), PAIR)
    await kept(stores, (30,), OTHER_GROUP)
    await kept(stores, (60,), EVERYBODY)

    assert ids(await stores.messages.newest(TOM, (GROUP, EVERYBODY), limit=9)) == [60, 50, 40, 20, 10]
    assert ids(await stores.messages.newest(TOM, (), limit=9)) == [50, 20]
    assert ids(await stores.messages.newest(ANN, (OTHER_GROUP,), limit=9)) == [30]
    assert ids(await stores.messages.newest(ANN, (), limit=9)) == []
    assert ids(await stores.messages.newest(BOB, (GROUP,), limit=2)) == [50, 40]
    between = await stores.messages.newest(BOB, (GROUP,), after_id=Snowflake(10), before_id=Snowflake(50), limit=9)
    assert ids(between) == [40, 20]


@on_every_store
async def test_a_person_may_be_in_more_conversations_than_are_looked_at_together(stores: Stores) -> None:
    groups = [ConversationId(f"g:{number}") for number in range(1_000, 1_230)]
    for number in (0, 115, 229):
        await stores.messages.keep(a_message(100 + number, 0, groups[number]))

    assert ids(await stores.messages.newest(TOM, groups, limit=2)) == [329, 215]


@on_every_store
async def test_all_conversations_are_read_together_in_the_order_of_ids(stores: Stores) -> None:
    await kept(stores, (10, 40))
    await kept(stores, (20,), PAIR)

    assert await stores.messages.kept_after(NOTHING, limit=9) == ((GROUP, 10), (PAIR, 20), (GROUP, 40))
    assert await stores.messages.kept_after(Snowflake(10), limit=1) == ((PAIR, 20),)


@on_every_store
async def test_whoever_has_been_told_is_never_further_back_than_before(stores: Stores) -> None:
    assert await stores.messages.told_up_to(TOM) == NOTHING

    await stores.messages.tell_up_to({TOM: Snowflake(20), BOB: Snowflake(5)})
    await stores.messages.tell_up_to({TOM: Snowflake(10), BOB: Snowflake(6)})
    await stores.messages.tell_up_to({})

    assert await stores.messages.told_up_to(TOM) == 20
    assert await stores.messages.told_up_to(BOB) == 6
