"""What makes one kind of room different from another, as data: seats and who may sit, and how long silence is borne.

Knows no room. Source: seed behaviour §3.2 (blind dates), §6 (the live_room protocol, rooms of calls).
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from engine.settings import Settings
from store.interfaces.rooms import RoomKind

__all__ = ["CALL_SEATS_MAX", "FEMALE", "MALE", "PUSHER", "Format", "Rules", "SeatRule", "rules_of"]

MALE: Final = "male"
FEMALE: Final = "female"
PUSHER: Final = "pusher"
CALL_SEATS_MAX: Final = 2


class SeatRule(msgspec.Struct, frozen=True):
    """``places`` seats of one kind; ``gender`` (1 man, 2 woman) is who may sit there, None: anybody."""

    name: str
    places: int
    gender: int | None = None

    def admits(self, gender: int) -> bool:
        """Whether somebody of this gender may sit here."""
        return self.gender is None or self.gender == gender


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one kind of room.

    ``seat_policy`` says what a seat takes: an application or invitation, an invitation, or nothing. Where seats are
    ``held_by_pictures``, whoever may send pictures sits down without being in the room before, is held by heartbeats,
    and is gone when he gets up; the anchor sits like everybody, and the room closes when she gets up, or when nobody
    has sat for ``empty_ms``. Elsewhere people are held by their presence, the anchor is in her room without a seat, and
    whoever gets up goes on watching.

    People whose line is lost are waited for: ``seat_silent_ms`` on the stage, ``anchor_silent_ms`` (None: for ever, as
    the room goes on without her), ``viewer_silent_ms``, or ``lineless_ms`` if they never had a line; and for
    ``return_ms`` at least after the room has got a new owner. ``counts_everybody``: those on the stage and the anchor
    are counted too. Where it is ``heard_by_connection``, those inside hear the room with the connections that asked to
    (``Listen``), elsewhere with all they have.
    """

    seats: tuple[SeatRule, ...]
    held_by_pictures: bool
    is_for_members: bool = False
    seat_policy: Literal["open", "applied", "invited"] = "open"
    invitation_ms: int = 0
    audience_max: int
    seat_silent_ms: int
    anchor_silent_ms: int | None = None
    viewer_silent_ms: int
    lineless_ms: int
    return_ms: int = 0
    counts_everybody: bool = False
    heard_by_connection: bool = False
    empty_ms: int | None = None

    def seat_for(self, gender: int) -> SeatRule | None:
        """Where somebody of this gender may sit."""
        return next((rule for rule in self.seats if rule.admits(gender)), None)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds in every room, and the formats; see ``config.yaml``."""

    formats: Mapping[RoomKind, Format]
    custom_fields_max: int
    custom_field_bytes_max: int
    count_every_ms: int
    combo_ms: int
    sanctions_max: int
    sweep_ms: int


def rules_of(options: Settings) -> Rules:
    """The rules that the configuration asks for."""
    rooms, qlive = options.rooms, options.qlive
    reachable_ms = options.presence.reachable_ms
    call = Format(
        seats=(SeatRule(PUSHER, CALL_SEATS_MAX),),
        held_by_pictures=True,
        is_for_members=True,
        audience_max=0,
        seat_silent_ms=rooms.pusher_silent_ms,
        viewer_silent_ms=reachable_ms,
        lineless_ms=reachable_ms,
    )
    public = msgspec.structs.replace(
        call,
        seats=(SeatRule(PUSHER, rooms.pushers_max),),
        is_for_members=False,
        audience_max=rooms.audience_max,
        empty_ms=rooms.empty_ms,
    )
    blind_date = Format(
        seats=(SeatRule(MALE, 1, gender=1), SeatRule(FEMALE, 1, gender=2)),
        held_by_pictures=False,
        seat_policy=qlive.seat_policy,
        invitation_ms=qlive.invitation_ms,
        audience_max=rooms.audience_max,
        seat_silent_ms=qlive.seat_grace_ms,
        anchor_silent_ms=qlive.seat_grace_ms,
        viewer_silent_ms=qlive.viewer_grace_ms,
        lineless_ms=qlive.lineless_ms,
        counts_everybody=True,
    )
    show = Format(
        seats=(),
        held_by_pictures=False,
        audience_max=rooms.audience_max,
        seat_silent_ms=0,
        viewer_silent_ms=0,
        lineless_ms=0,
        return_ms=rooms.return_ms,
        heard_by_connection=True,
    )
    formats = {RoomKind.CALL: call, RoomKind.OPEN: public, RoomKind.BLIND_DATE: blind_date, RoomKind.SHOW: show}
    return Rules(
        formats=formats,
        custom_fields_max=rooms.custom_fields_max,
        custom_field_bytes_max=rooms.custom_field_bytes_max,
        count_every_ms=rooms.count_every_ms,
        combo_ms=rooms.combo_ms,
        sanctions_max=rooms.sanctions_max,
        sweep_ms=rooms.pusher_silent_ms // 4,
    )
