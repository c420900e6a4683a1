"""Following rooms, and which of those are on air. Source: SITE-36, SITE-41."""

from typing import Annotated, Any, Final

import msgspec

from engine.services.shows import name_of_show, show_named
from handlers.site.access import SiteCaller, claiming, member_of
from handlers.site.envelope import Told
from handlers.site.live import Lives
from handlers.site.rooms import lives_shown
from handlers.site.shapes import Nothing, RoomName, Uid
from handlers.wire.fields import Flag, also, blank
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "followed", "toggle"]


class ToggleFollow(msgspec.Struct):
    """Which room, and whether to follow it; where that is not said, the other way round than so far."""

    room_id: Annotated[RoomName, also("room_name")]
    follow_status: Annotated[Flag | None, blank()] = None
    room_name: Annotated[RoomName, blank()] = ""
    user_id: Uid = ""


class FollowShown(msgspec.Struct, kw_only=True):
    """``status`` is whether the caller follows the room now."""

    user_id: str
    room_id: str
    room_name: str
    status: bool


async def toggle(caller: SiteCaller, wanted: ToggleFollow) -> Told[FollowShown]:
    """Follow a room, or do not."""
    engine, user = caller.engine, member_of(caller)
    show = await engine.shows.get(show_named(wanted.room_id))
    status = await engine.follows.set(user.id, show, follows=wanted.follow_status)
    name = name_of_show(show.id)
    return Told(
        message=f"{'Followed' if status else 'Unfollowed'} the room successfully",
        data=FollowShown(user_id=str(user.id), room_id=name, room_name=name, status=status),
    )


async def followed(caller: SiteCaller, _wanted: Nothing) -> Told[Lives]:
    """The rooms the caller follows that are on air, in the order of the list of all."""
    engine = caller.engine
    rooms = set(await engine.follows.rooms_of(member_of(caller).id))
    on_air = [state for state in engine.show_rooms.listed() if state.record.id in rooms]
    return Told(data=Lives(await lives_shown(engine, on_air)))


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/follow_live/toggle_follow_room",
        ToggleFollow,
        Told[FollowShown],
        toggle,
        credential=claiming("user_id"),
        summary="Follow a room, or do not (用户关注/取消关注直播间)",
        source_id="site-toggle-follow-room",
    ),
    Endpoint(
        "/api/follow_live/get_followed_rooms",
        Nothing,
        Told[Lives],
        followed,
        method="GET",
        summary="Followed rooms that are live now",
        source_id="site-get-followed-rooms",
    ),
)
"""The endpoints of this module."""
