"""Whose credentials are believed without asking the store, and for how long (SEC-9)."""

from engine.services.known_people import KNOWN_MAX, Known, KnownPeople
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord, Role
from tests.support.fakes import FakeClock


def a_person(number: int = 1) -> PersonRecord:
    return PersonRecord(id=PersonId(number), surface="site", external_id=str(number), role=Role.GUEST, created_at_ms=0)


async def test_a_credential_is_believed_for_a_second():
    clock = FakeClock()
    people = KnownPeople(clock)
    people.keep("a", Known(a_person()))

    await clock.advance(999)
    assert people.get("a") == Known(a_person())
    await clock.advance(1)
    assert people.get("a") is None
    assert people.get("b") is None


async def test_all_that_is_a_persons_is_forgotten_at_once():
    people = KnownPeople(FakeClock())
    for credential, number in (("a", 1), ("b", 1), ("c", 2)):
        people.keep(credential, Known(a_person(number)))

    people.forget(PersonId(1))
    people.forget(PersonId(3))
    people.drop("z")

    assert [people.get(one) is not None for one in "abc"] == [False, False, True]


async def test_whoever_is_looked_up_again_is_known_as_he_is_now():
    people = KnownPeople(FakeClock())
    people.keep("a", Known(a_person(1)))

    people.keep("a", Known(a_person(2), "s"))
    people.forget(PersonId(1))

    assert people.get("a") == Known(a_person(2), "s")


async def test_the_one_looked_up_longest_ago_makes_room():
    people = KnownPeople(FakeClock())

    for number in range(KNOWN_MAX + 1):
        people.keep(str(number), Known(a_person(number)))

    assert people.get("0") is None
    assert people.get(str(KNOWN_MAX)) is not None
