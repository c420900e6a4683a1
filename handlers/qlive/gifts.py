"""The gift catalogue, and giving for gold and income. Source: QL-30 … QL-35, QL-43."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from itertools import chain, repeat
from typing import Annotated, Any, Final, Literal

import msgspec

from engine.errors import BelowFloor, NotFound
from handlers.qlive.access import QliveCaller
from handlers.qlive.envelope import ENVELOPE, Row, as_documented
from handlers.qlive.options import QliveOptions
from handlers.qlive.paging import PAGE_SIZE, Page, page_of
from handlers.qlive.shapes import UserId
from handlers.wire.fields import Id, blank, text
from handlers.wire.home import home_of
from handlers.wire.members import money_key
from handlers.wire.surface import Endpoint

__all__ = ["endpoints", "gift_list", "push_gift"]

_LIST: Final = "/wx/api/qlive/qlive_gift"


class WhichPage(msgspec.Struct):
    """Which page, from 1."""

    page: Page = 1


class GiftShown(msgspec.Struct):
    """A gift: what one costs in gold, and the animation it comes with."""

    id: int
    name: str
    image: str
    gold: int
    effect: str


class GiftPage(msgspec.Struct):
    """Some of ``count`` gifts, and where the others are."""

    count: int
    next: str | None
    previous: str | None
    results: list[GiftShown]


class PushGift(msgspec.Struct):
    """To whom, which and how many. ``request_id`` stands in for the header ``Idempotency-Key``."""

    user_id: UserId
    gift_id: Annotated[Id, blank()]
    num: Annotated[Annotated[int, msgspec.Meta(ge=1, le=9_999)], blank()]
    request_id: Annotated[str, text(64), blank()] = ""


class Pushed(msgspec.Struct, kw_only=True):
    """It was given; ``gold`` and ``income`` are what the giver has left of each."""

    status: Literal["success"] = "success"
    code: Literal["success"] = "success"
    gold: int
    income: int
    detail: Literal["赠送成功"] = "赠送成功"


async def gift_list(options: QliveOptions, caller: QliveCaller, wanted: WhichPage) -> GiftPage:
    """What can be given, in the order of the configuration."""
    catalogue, page = caller.engine.gold_gifts.catalogue(), wanted.page
    found = page_of(catalogue, page)
    if not found and page > 1:
        raise NotFound("page")
    base = home_of(options.public_url, caller.host)
    return GiftPage(
        count=len(catalogue),
        next=f"{base}{_LIST}/?page={page + 1}" if page * PAGE_SIZE < len(catalogue) else None,
        previous=f"{base}{_LIST}/?page={page - 1}" if page > 1 else None,
        results=[
            GiftShown(id=gift.id, name=gift.name, image=gift.image_url, gold=gift.gold, effect=gift.effect)
            for gift in found
        ],
    )


async def push_gift(caller: QliveCaller, wanted: PushGift) -> Pushed:
    """Give something, paid with gold first and then with income; the room in which both are sees it."""
    engine, giver = caller.engine, caller.principal.person
    recipient = await engine.qlive_people.person(wanted.user_id)
    receipt = await engine.gold_gifts.give(
        giver,
        recipient,
        wanted.gift_id,
        wanted.num,
        key=money_key(caller, request_id=wanted.request_id),
        room_id=engine.blind_dates.room_of_both(giver.id, recipient.id),
    )
    return Pushed(gold=receipt.gold, income=receipt.income)


def _not_enough(error: BelowFloor) -> Mapping[str, object]:
    gold, income, *_ = chain(error.purses, repeat(0, 2))
    return {"status": "failed", "code": "failed", "gold": gold, "income": income}


GIVING: Final = ENVELOPE.saying(INSUFFICIENT_BALANCE=Row(HTTPStatus.OK, as_documented("账户余额不足"), _not_enough))


def endpoints(options: QliveOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            _LIST,
            WhichPage,
            GiftPage,
            partial(gift_list, options),
            method="GET",
            aliases=("/wx/api/qlive/get_giftlist",),
            summary="Gift catalogue (获取礼物列表)",
            source_id="qlive-gift-list",
        ),
        Endpoint(
            "/wx/api/qlive/qlive_gift/push_gift",
            PushGift,
            Pushed,
            push_gift,
            method="GET",
            aliases=("POST /wx/api/qlive/qlive_gift/push_gift",),
            envelope=GIVING,
            summary="Give a gift (送礼物)",
            source_id="qlive-gift-push",
        ),
    )
