"""Friends, groups and who is in them, against a model, whatever is done in whatever order and by whomever at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from store.interfaces.errors import Conflict
from store.interfaces.groups import GroupRecord, Joined
from store.interfaces.ids import PersonId, Snowflake
from tests.support.records import T0
from tests.support.store_machines import StoreModel, machine_of

PEOPLE = tuple(PersonId(10_001 + number) for number in range(4))
NAMES = ("一", "二")
people = st.sampled_from(PEOPLE)


class Model(StoreModel):
    """The stores beside what they should say."""

    def __init__(self) -> None:
        super().__init__()
        self._friends: dict[frozenset[PersonId], int] = {}
        self._groups: dict[Snowflake, GroupRecord] = {}
        self._members: dict[Snowflake, dict[PersonId, int]] = {}
        self._now_ms = T0

    def _later(self) -> int:
        self._now_ms += 1
        return self._now_ms

    async def _at_once(self, *tries: Coroutine[Any, Any, object]) -> list[object]:
        ended = await asyncio.gather(*tries, return_exceptions=True)
        assert all(not isinstance(one, BaseException) or isinstance(one, Conflict) for one in ended), ended
        return list(ended)

    # --- what is done ----------------------------------------------------------------------------------------------

    @rule(one=people, other=people, tries_count=st.integers(1, 4))
    def befriend(self, one: PersonId, other: PersonId, tries_count: int) -> None:
        if one == other:
            return
        at_ms = self._later()
        tries = [
            self._stores.friends.befriend(*((one, other) if number % 2 else (other, one)), at_ms)
            for number in range(tries_count)
        ]

        ended = self._run(self._at_once(*tries))

        is_new = self._friends.setdefault(frozenset((one, other)), at_ms) == at_ms
        assert sum(one is None for one in ended) == is_new

    @rule(owner=people, name=st.sampled_from(NAMES), tries_count=st.integers(1, 3))
    def create(self, owner: PersonId, name: str, tries_count: int) -> None:
        at_ms = self._later()
        made = [
            GroupRecord(id=Snowflake(at_ms * 10 + number), owner_id=owner, name=name, created_at_ms=at_ms)
            for number in range(tries_count)
        ]

        ended = self._run(self._at_once(*(self._stores.groups.create(one) for one in made)))

        there = [group for group, end in zip(made, ended, strict=True) if end is None]
        had = any((group.owner_id, group.name) == (owner, name) for group in self._groups.values())
        assert len(there) == (not had)
        for group in there:
            self._groups[group.id] = group
            self._members[group.id] = {owner: at_ms}

    @rule(person_id=people, pick=st.integers(0, 7), tries_count=st.integers(1, 3))
    def join(self, person_id: PersonId, pick: int, tries_count: int) -> None:
        if not self._groups:
            return
        group_id = [*self._groups][pick % len(self._groups)]
        joined = Joined(group_id, person_id, self._later())

        ended = self._run(self._at_once(*(self._stores.groups.join(joined) for _ in range(tries_count))))

        assert ended.count(True) == (person_id not in self._members[group_id])
        self._members[group_id].setdefault(person_id, joined.at_ms)

    # --- what must be so -------------------------------------------------------------------------------------------

    @invariant()
    def friends_are_as_they_should(self) -> None:
        for person_id in PEOPLE:
            his = {pair: at_ms for pair, at_ms in self._friends.items() if person_id in pair}
            latest = sorted(his, key=lambda pair: his[pair], reverse=True)
            expected = tuple(next(iter(pair - {person_id})) for pair in latest)
            assert self._run(self._stores.friends.friends_of(person_id, limit=100)) == expected
            for other in PEOPLE:
                are = self._run(self._stores.friends.are_friends(person_id, other))
                assert are == (frozenset((person_id, other)) in self._friends)

    @invariant()
    def groups_are_as_they_should(self) -> None:
        groups = self._stores.groups
        for group_id, members in self._members.items():
            assert self._run(groups.get(group_id)) == self._groups[group_id]
            in_order = tuple(sorted(members, key=lambda one: members[one]))
            assert self._run(groups.members_of(group_id, limit=100)) == in_order
        for person_id in PEOPLE:
            his = {group_id: members[person_id] for group_id, members in self._members.items() if person_id in members}
            expected = tuple(self._groups[one] for one in sorted(his, key=lambda one: his[one]))
            assert self._run(groups.groups_of(person_id, limit=100)) == expected


TestMemoryStores = machine_of(Model, "memory", examples=40, steps=15)


@pytest.mark.slow
@pytest.mark.mongo
class TestRealStores(machine_of(Model, "real", examples=8, steps=15)):  # type: ignore[misc]
    """The same on MongoDB."""
