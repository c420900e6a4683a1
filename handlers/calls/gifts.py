"""The gift catalogue, and giving. Source: seeds/004 §5, §6; CA-27."""

from typing import Annotated, Any, Final

import msgspec

from handlers.calls.access import CallsCaller, guest_of
from handlers.calls.shapes import Nothing
from handlers.wire.fields import Id
from handlers.wire.members import money_key
from handlers.wire.surface import Endpoint
from store.interfaces.ids import PersonId

__all__ = ["ENDPOINTS", "gift_list", "send_gift"]


class SendGift(msgspec.Struct, rename="camel"):
    """Which gift and how many. The recipient is looked up; one that is named must be the same."""

    gift_id: Id
    amount: Annotated[int, msgspec.Meta(ge=1, le=9_999)] = 1
    target_user_id: Id | None = None


class GiftSent(msgspec.Struct, rename="camel"):
    """What the giver has left, without a unit."""

    diamond: str


class GiftLine(msgspec.Struct, rename="camel"):
    """One gift; its cost in diamonds."""

    gift_id: int
    gift_name: str
    gift_img_url: str
    gift_cost: int


class GiftList(msgspec.Struct, rename="camel"):
    """The catalogue."""

    item_list: list[GiftLine]


async def send_gift(caller: CallsCaller, wanted: SendGift) -> GiftSent:
    """Give to the anchor of the running call, else of the room that the guest watches."""
    to = None if wanted.target_user_id is None else PersonId(wanted.target_user_id)
    receipt = await caller.engine.gifts.give(
        guest_of(caller), wanted.gift_id, wanted.amount, to=to, key=money_key(caller)
    )
    return GiftSent(diamond=str(receipt.balance_diamonds))


async def gift_list(caller: CallsCaller, _wanted: Nothing) -> GiftList:
    """What can be given, in the order of the configuration."""
    guest_of(caller)
    return GiftList(
        item_list=[
            GiftLine(gift_id=gift.id, gift_name=gift.name, gift_img_url=gift.image_url, gift_cost=gift.cost_diamonds)
            for gift in caller.engine.gifts.catalogue()
        ]
    )


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/app/live/sendGift",
        SendGift,
        GiftSent,
        send_gift,
        summary="Send a gift (送礼物)",
        source_id="calls-send-gift",
    ),
    Endpoint(
        "/app/live/getGiftList",
        Nothing,
        GiftList,
        gift_list,
        summary="Gift catalogue (礼物列表)",
        source_id="calls-get-gift-list",
    ),
)
