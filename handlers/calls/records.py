"""Looking back: one's calls, one call, and an anchor's income. Source: seeds/004 §13, §20, §21; CA-22 … CA-25, 5.4."""

from functools import partial
from typing import Any

import msgspec

from engine.records import CallRecord, Side
from engine.services.statements import bill_of
from handlers.calls import amounts
from handlers.calls.access import CallsCaller, anchor_of
from handlers.calls.envelope import APP
from handlers.calls.options import CallsOptions
from handlers.calls.shapes import Nothing, Page, PageSize
from handlers.wire.fields import Id
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint
from handlers.wire.zone import Zone
from store.interfaces.ids import CallId, PersonId

__all__ = ["endpoints", "my_calls", "my_income", "one_call"]

_MISSED = 1
_CONNECTED = 2


class OneRecord(msgspec.Struct, rename="camel"):
    """Which call."""

    record_id: Id


class CallShown(msgspec.Struct, rename="camel", kw_only=True):
    """One call, for an anchor in points, for a guest in diamonds. ``status`` 1 missed, 2 connected."""

    nickname: str
    age: int
    record_time: str
    status: int
    unit_price: str
    call_time: str
    call_point: str
    head_img: str


class WantedCalls(msgspec.Struct, rename="camel"):
    """Which page of the list."""

    page: Page = 1
    page_size: PageSize = 50


class CallLine(msgspec.Struct, rename="camel", kw_only=True):
    """One call of a list; ``age`` is text here, and name and picture come under both spellings of the documents."""

    user_id: int
    record_id: int
    nick_name: str
    nickname: str
    record_datetime: str
    age: str
    img_url: str
    head_img: str


class CallList(msgspec.Struct, rename="camel"):
    """Calls, newest first."""

    item_list: list[CallLine]


class Income(msgspec.Struct, rename="camel"):
    """All she ever earned, with units."""

    point: str
    call_time: str


async def one_call(zone: Zone, caller: CallsCaller, wanted: OneRecord) -> CallShown:
    """One call of the caller's, anchor or guest."""
    engine, person = caller.engine, caller.principal.person
    call = await engine.calls.of_party(person, CallId(wanted.record_id))
    bill = bill_of(call)
    other = await engine.profiles.person(_other(call, person.id))
    if call.side_of(person.id) is Side.ANCHOR:
        unit_price = amounts.points_per_minute(call.price.points)
        amount = f"获得{amounts.points(bill.points)}"
    else:
        unit_price = amounts.diamonds_per_minute(call.price.diamonds)
        amount = f"消耗{amounts.diamonds(bill.diamonds)}"
    return CallShown(
        nickname=other.nickname if other else "",
        age=other.age if other else 0,
        record_time=zone.to_minute(call.rung_at_ms),
        status=_MISSED if call.started_at_ms is None else _CONNECTED,
        unit_price=unit_price,
        call_time=amounts.minutes(bill.minutes),
        call_point=amount,
        head_img=other.avatar_url if other else "",
    )


async def my_calls(zone: Zone, caller: CallsCaller, wanted: WantedCalls) -> CallList:
    """The caller's calls."""
    engine, person = caller.engine, caller.principal.person
    calls = await engine.calls.records_of(person, skip=(wanted.page - 1) * wanted.page_size, limit=wanted.page_size)
    others = await engine.profiles.people(tuple({_other(call, person.id) for call in calls}))
    lines = []
    for call in calls:
        other_id = _other(call, person.id)
        other = others.get(other_id)
        nickname, avatar_url = (other.nickname, other.avatar_url) if other else ("", "")
        line = CallLine(
            user_id=other_id,
            record_id=call.id,
            nick_name=nickname,
            nickname=nickname,
            record_datetime=zone.to_minute(call.rung_at_ms),
            age=str(other.age if other else 0),
            img_url=avatar_url,
            head_img=avatar_url,
        )
        lines.append(line)
    return CallList(item_list=lines)


async def my_income(caller: CallsCaller, _wanted: Nothing) -> Income:
    """All the anchor ever earned by calls and gifts, and all minutes that were paid. Source: CA-25."""
    income = await caller.engine.statements.income_of(anchor_of(caller).id)
    return Income(point=amounts.points(income.points), call_time=amounts.minutes(income.minutes))


def _other(call: CallRecord, person_id: PersonId) -> PersonId:
    return call.person(call.side_of(person_id).other)


def endpoints(options: CallsOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    zone = Zone(options.time_zone)
    return (
        Endpoint(
            "/app/live/getCallRecordDesc",
            OneRecord,
            CallShown,
            partial(one_call, zone),
            envelope=APP.saying(NOT_FOUND=Said("记录不存在", "no such record")),
            summary="One call record (获取通话明细)",
            source_id="calls-get-call-record-desc",
        ),
        Endpoint(
            "/app/live/myCallRecord",
            WantedCalls,
            CallList,
            partial(my_calls, zone),
            summary="The caller's calls (我的通话)",
            source_id="calls-my-call-record",
        ),
        Endpoint(
            "/app/live/getMyIncome",
            Nothing,
            Income,
            my_income,
            summary="The anchor's earnings (我的收益)",
            source_id="calls-get-my-income",
        ),
    )
