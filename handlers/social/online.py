"""Who is there. Source: SO-18, SO-19."""

from functools import partial
from typing import Any

import msgspec

from handlers.social.access import SocialCaller
from handlers.social.limits import OFTEN
from handlers.social.options import SocialOptions
from handlers.social.shapes import Nothing, User, user_of
from handlers.wire.access import OPTIONAL
from handlers.wire.surface import Endpoint
from handlers.wire.zone import Zone

__all__ = ["Users", "endpoints"]


class Users(msgspec.Struct):
    """People, without what is their own business."""

    users: list[User]


async def online(zone: Zone, caller: SocialCaller, _wanted: Nothing) -> Users:
    """Whoever was heard of within five minutes; those heard of last come first."""
    viewer = caller.known.person if caller.known is not None else None
    return Users([user_of(one, zone, viewer=viewer) for one in await caller.engine.online.people()])


def endpoints(options: SocialOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/api/contact/get-user-list-online",
            Nothing,
            Users,
            partial(online, Zone(options.time_zone)),
            method="GET",
            access=OPTIONAL,
            limit=OFTEN,
            summary="Who is online (获取在线用户列表)",
            source_id="social-contact-get-user-list-online",
        ),
    )
