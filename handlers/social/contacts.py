"""Friends: added by name, listed to whoever they are of. Source: SO-37, SO-38."""

from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from engine.services.friends import NotYourself
from handlers.social.access import SocialCaller, claiming
from handlers.social.envelope import DONE, ENVELOPE, Done, Row
from handlers.social.limits import OFTEN
from handlers.social.online import Users
from handlers.social.options import SocialOptions
from handlers.social.paging import PageNumber, page_of, size_of
from handlers.social.shapes import SnowflakeText, user_of
from handlers.wire.fields import MissingInput, also, blank, text
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint
from handlers.wire.zone import Zone

__all__ = ["endpoints"]

ADDING: Final = ENVELOPE.saying(
    {
        MissingInput: Row(10014, Said("好友ID为空", "say who is to be added")),
        NotYourself: Row(10012, Said("不能加自己", "nobody is his own friend")),
    }
)


class AddFriend(msgspec.Struct):
    """Who, by his name."""

    username: Annotated[str, text(64), also("user_name"), blank()]


class Order(StrEnum):
    """In which order friends are listed."""

    LATEST = "latest"
    USERNAME = "username"


class FriendsWanted(msgspec.Struct):
    """Which of the caller's friends; all of them when no page is asked for. ``user_id`` is his own or nobody's."""

    user_id: SnowflakeText = ""
    page: PageNumber = 0
    page_size: PageNumber = 0
    order_by: Annotated[Order, blank()] = Order.LATEST


async def add(caller: SocialCaller, wanted: AddFriend) -> Done:
    """The two are friends from now on."""
    await caller.engine.friends.add(caller.principal.person, wanted.username)
    return DONE


async def listed(zone: Zone, caller: SocialCaller, wanted: FriendsWanted) -> Users:
    """The caller's friends."""
    person, friends = caller.principal.person, caller.engine.friends
    ask = friends.latest if wanted.order_by is Order.LATEST else friends.by_name
    if wanted.page or wanted.page_size:
        size = size_of(wanted.page_size)
        found = await ask(person.id, skip=(page_of(wanted.page) - 1) * size, limit=size)
    else:
        found = await ask(person.id)
    return Users([user_of(one, zone, viewer=person) for one in found])


def endpoints(options: SocialOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/api/contact/add-friend",
            AddFriend,
            Done,
            add,
            limit=OFTEN,
            envelope=ADDING,
            summary="Add a friend by name (添加好友)",
            source_id="social-contact-add-friend",
        ),
        Endpoint(
            "/api/contact/get-friend-list",
            FriendsWanted,
            Users,
            partial(listed, Zone(options.time_zone)),
            credential=claiming("user_id"),
            limit=OFTEN,
            summary="Friends of the caller (获取好友列表)",
            source_id="social-contact-get-friend-list",
        ),
    )
