"""Likes of whatever can be liked, put and taken back."""

from collections.abc import MutableMapping
from typing import TypeVar

from msgspec.structs import replace

from store.interfaces.comments import CommentRecord
from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.videos import VideoRecord
from store.memory.database import MemoryDatabase

__all__ = ["ranked", "toggle_like"]

ThingT = TypeVar("ThingT", VideoRecord, CommentRecord)


def toggle_like(
    database: MemoryDatabase,
    things: MutableMapping[Snowflake, ThingT],
    thing_id: Snowflake,
    person_id: PersonId,
    at_ms: int,
) -> bool:
    """``LikableStore.toggle_like`` for one kind of things."""
    thing = things.get(thing_id)
    if thing is None:
        raise NotThere(f"nothing to like under {thing_id}")
    mark = (thing_id, person_id)
    is_there = database.likes_of_things.pop(mark, None) is None
    if is_there:
        database.likes_of_things[mark] = at_ms
    things[thing_id] = replace(thing, likes_count=thing.likes_count + (1 if is_there else -1))
    return is_there


def ranked(things: list[ThingT], ranking: Ranking, skip: int, limit: int) -> tuple[ThingT, ...]:
    """A page of them."""

    def rank(thing: ThingT) -> tuple[int, int]:
        return (thing.likes_count if ranking is Ranking.POPULAR else 0, thing.id)

    return tuple(sorted(things, key=rank, reverse=True)[skip : skip + limit])
