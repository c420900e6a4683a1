"""What every ``NoticeStore`` promises."""

import asyncio

import pytest
from msgspec.structs import replace

from store.interfaces.ids import PersonId
from store.interfaces.notices import AuditLine, MessageForm, WarningNotice
from store.interfaces.stores import Stores
from tests.support.records import ANN, BOB, MEI, T0, TOM
from tests.support.stores import on_every_store


def a_warning(number: int = 1, person_id: PersonId = MEI) -> WarningNotice:
    return WarningNotice(id=f"warning-{number}", person_id=person_id, text=f"警告 {number}", at_ms=T0 + number)


def a_form(number: int, person_id: PersonId = TOM, module: str = "call") -> MessageForm:
    return MessageForm(
        form_id=f"form-{number}",
        person_id=person_id,
        module=module,
        at_ms=T0 + number,
        expires_at_ms=T0 + 1_000 + number,
    )


def a_line(number: int) -> AuditLine:
    return AuditLine(id=number, at_ms=T0 + number, actor="root", action="ban", target="person 10001", reason="骚扰")


# --- warnings ------------------------------------------------------------------------------------------------------


@on_every_store
async def test_the_newest_unread_warning_of_the_person_is_found(stores: Stores) -> None:
    for number in (1, 3, 2):
        await stores.notices.warn(a_warning(number))
    await stores.notices.warn(a_warning(4, ANN))

    assert await stores.notices.newest_warning(MEI, read_after_ms=T0) == a_warning(3)
    assert await stores.notices.newest_warning(ANN, read_after_ms=T0) == a_warning(4, ANN)
    assert await stores.notices.newest_warning(TOM, read_after_ms=T0) is None


@on_every_store
@pytest.mark.parametrize(("read_after_ms", "is_found"), [(T0 + 99, True), (T0 + 100, False), (T0 + 101, False)])
async def test_a_read_warning_is_found_if_it_was_read_after_that_moment(
    stores: Stores, read_after_ms: int, is_found: bool
) -> None:
    await stores.notices.warn(a_warning())
    await stores.notices.mark_read("warning-1", T0 + 100)

    found = await stores.notices.newest_warning(MEI, read_after_ms=read_after_ms)

    assert found == (replace(a_warning(), read_at_ms=T0 + 100) if is_found else None)


@on_every_store
async def test_an_older_unread_warning_comes_up_when_the_newer_one_was_read_long_ago(stores: Stores) -> None:
    await stores.notices.warn(a_warning(1))
    await stores.notices.warn(a_warning(2))
    await stores.notices.mark_read("warning-2", T0 + 100)

    assert await stores.notices.newest_warning(MEI, read_after_ms=T0 + 200) == a_warning(1)


@on_every_store
async def test_only_the_first_reading_counts(stores: Stores) -> None:
    await stores.notices.warn(a_warning())

    for at_ms in (T0 + 100, T0 + 200, T0 + 50):
        await stores.notices.mark_read("warning-1", at_ms)
    await stores.notices.mark_read("warning-99", T0)

    found = await stores.notices.newest_warning(MEI, read_after_ms=T0)
    assert found is not None
    assert found.read_at_ms == T0 + 100


@on_every_store
async def test_warning_again_under_the_same_id_changes_nothing(stores: Stores) -> None:
    await stores.notices.warn(a_warning())
    await stores.notices.mark_read("warning-1", T0 + 100)

    await stores.notices.warn(a_warning())

    assert await stores.notices.newest_warning(MEI, read_after_ms=T0 + 100) is None


# --- forms ---------------------------------------------------------------------------------------------------------


@on_every_store
async def test_forms_are_taken_oldest_first_and_once_each(stores: Stores) -> None:
    for number in (2, 1, 3):
        await stores.notices.keep_form(a_form(number), keep_max=10)

    taken = [await stores.notices.take_form(TOM, "call", T0) for _ in range(4)]

    assert taken == [a_form(1), a_form(2), a_form(3), None]


@on_every_store
async def test_forms_of_other_people_and_modules_stay(stores: Stores) -> None:
    await stores.notices.keep_form(a_form(1, BOB), keep_max=10)
    await stores.notices.keep_form(a_form(2, module="order"), keep_max=10)

    assert await stores.notices.take_form(TOM, "call", T0) is None
    assert await stores.notices.take_form(TOM, "order", T0) == a_form(2, module="order")
    assert await stores.notices.take_form(BOB, "call", T0) == a_form(1, BOB)


@on_every_store
async def test_an_expired_form_is_not_taken(stores: Stores) -> None:
    for number in (1, 2):
        await stores.notices.keep_form(a_form(number), keep_max=10)

    assert await stores.notices.take_form(TOM, "call", a_form(1).expires_at_ms) == a_form(2)
    assert await stores.notices.take_form(TOM, "call", a_form(1).expires_at_ms) is None


@on_every_store
async def test_the_oldest_forms_of_the_person_beyond_the_maximum_are_dropped(stores: Stores) -> None:
    await stores.notices.keep_form(a_form(0, BOB), keep_max=3)
    for number in range(1, 6):
        await stores.notices.keep_form(a_form(number, module="call" if number % 2 else "order"), keep_max=3)

    assert [await stores.notices.take_form(TOM, "call", T0) for _ in range(3)] == [a_form(3), a_form(5), None]
    assert await stores.notices.take_form(TOM, "order", T0) == a_form(4, module="order")
    assert await stores.notices.take_form(TOM, "order", T0) is None
    assert await stores.notices.take_form(BOB, "call", T0) == a_form(0, BOB)


@on_every_store
async def test_keeping_the_same_form_again_is_fine(stores: Stores) -> None:
    for _ in range(2):
        await stores.notices.keep_form(a_form(1), keep_max=10)

    assert await stores.notices.take_form(TOM, "call", T0) == a_form(1)
    assert await stores.notices.take_form(TOM, "call", T0) is None


@on_every_store
async def test_many_who_take_at_once_get_different_forms(stores: Stores) -> None:
    for number in range(4):
        await stores.notices.keep_form(a_form(number), keep_max=10)

    taken = await asyncio.gather(*(stores.notices.take_form(TOM, "call", T0) for _ in range(8)))

    assert sorted(form.form_id for form in taken if form) == [f"form-{number}" for number in range(4)]


# --- audit ---------------------------------------------------------------------------------------------------------


@on_every_store
async def test_the_newest_audit_lines_come_first(stores: Stores) -> None:
    assert await stores.notices.audit_tail(10) == ()
    for number in range(1, 6):
        await stores.notices.audit(a_line(number))

    assert await stores.notices.audit_tail(2) == (a_line(5), a_line(4))
    assert await stores.notices.audit_tail(10) == tuple(a_line(number) for number in (5, 4, 3, 2, 1))


@on_every_store
async def test_appending_the_same_audit_line_again_is_fine(stores: Stores) -> None:
    await stores.notices.audit(a_line(1))

    await stores.notices.audit(a_line(1))

    assert await stores.notices.audit_tail(10) == (a_line(1),)
