"""Paying for a room, once and for good. Source: SITE-30 … SITE-32."""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from engine.errors import BadInput
from engine.services.shows import name_of_show, show_named
from handlers.site.access import SiteCaller, claiming, member_of
from handlers.site.envelope import ENVELOPE, Row, Told
from handlers.site.shapes import RoomName, Uid
from handlers.wire.fields import Count, also, blank
from handlers.wire.language import Said
from handlers.wire.members import money_key
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "pay"]


class PayToEnter(msgspec.Struct):
    """Which room. Its price and its anchor are looked up; ``amount`` and ``anchor_id`` may be left out, or agree."""

    room_id: Annotated[RoomName, also("room_name")]
    amount: Annotated[Count | None, blank()] = None
    anchor_id: Uid = ""
    room_name: Annotated[RoomName, blank()] = ""
    uid: Annotated[Uid, also("user_id")] = ""


class PaidToEnter(msgspec.Struct, kw_only=True):
    """He may enter from now on."""

    user_id: str
    room_id: str
    room_name: str
    anchor_id: str
    pay_coin_num: int
    remaining_balance: int


async def pay(caller: SiteCaller, wanted: PayToEnter) -> Told[PaidToEnter]:
    """Pay what entering the room costs."""
    engine, user = caller.engine, member_of(caller)
    show = await engine.shows.get(show_named(wanted.room_id))
    anchor = await engine.site_people.person(show.anchor_id)
    if wanted.anchor_id not in ("", anchor.public_id):
        raise BadInput("not this room's anchor", field="anchor_id")
    receipt = await engine.admissions.pay(user, show, amount=wanted.amount, key=money_key(caller))
    name = name_of_show(show.id)
    return Told(
        message="paid",
        data=PaidToEnter(
            user_id=str(user.id),
            room_id=name,
            room_name=name,
            anchor_id=anchor.public_id,
            pay_coin_num=receipt.price,
            remaining_balance=receipt.balance,
        ),
    )


PAYING: Final = ENVELOPE.saying(
    ALREADY_EXISTS=Row(HTTPStatus.CONFLICT, Said("已支付", "already paid")),
    WRONG_PHASE=Row(HTTPStatus.CONFLICT, Said("该直播间无需支付", "there is nothing to pay")),
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/live/pay_vip_coin",
        PayToEnter,
        Told[PaidToEnter],
        pay,
        credential=claiming("uid", "user_id"),
        envelope=PAYING,
        summary="Pay for entering a room, once and for good (房间vip支付接口)",
        source_id="site-pay-vip-coin",
    ),
)
"""The endpoints of this module."""
