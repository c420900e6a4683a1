"""Rooms to decide about: small bounds, short times, and faces that say as little as they must."""

from msgspec.structs import replace

from engine.room.formats import CALL_SEATS_MAX, FEMALE, MALE, PUSHER, Format, Rules, SeatRule
from engine.room.lifecycle import step
from engine.room.messages import Enter, Message, Sit
from engine.room.state import Decision, RoomState, Tell, TellRoom
from store.interfaces.ids import CallId, PersonId, RoomId
from store.interfaces.rooms import Face, RoomKind, RoomRecord

__all__ = [
    "ANN", "BO", "GUESTS", "HONG", "JIM", "LIN", "ROOM", "RULES", "after", "decide", "enter", "face_of", "named",
    "names", "room", "rules", "sit",
]  # fmt: skip

HONG, BO, JIM, LIN, ANN = (PersonId(10_001 + number) for number in range(5))
"""The anchor, two men, two women."""

GUESTS = (BO, JIM, LIN, ANN)
ROOM = RoomId("a_room")
MEN = (BO, JIM)

CALL = Format(
    seats=(SeatRule(PUSHER, CALL_SEATS_MAX),),
    held_by_pictures=True,
    is_for_members=True,
    audience_max=0,
    seat_silent_ms=20_000,
    viewer_silent_ms=60_000,
    lineless_ms=60_000,
)
OPEN = Format(
    seats=(SeatRule(PUSHER, 3),),
    held_by_pictures=True,
    audience_max=3,
    seat_silent_ms=20_000,
    viewer_silent_ms=60_000,
    lineless_ms=60_000,
    empty_ms=30_000,
)
BLIND_DATE = Format(
    seats=(SeatRule(MALE, 1, gender=1), SeatRule(FEMALE, 1, gender=2)),
    held_by_pictures=False,
    seat_policy="applied",
    invitation_ms=30_000,
    audience_max=3,
    seat_silent_ms=60_000,
    anchor_silent_ms=60_000,
    viewer_silent_ms=30_000,
    lineless_ms=1_800_000,
    counts_everybody=True,
)
SHOW = Format(
    seats=(),
    held_by_pictures=False,
    audience_max=3,
    seat_silent_ms=0,
    viewer_silent_ms=0,
    lineless_ms=0,
    return_ms=30_000,
    heard_by_connection=True,
)
RULES = Rules(
    formats={RoomKind.CALL: CALL, RoomKind.OPEN: OPEN, RoomKind.BLIND_DATE: BLIND_DATE, RoomKind.SHOW: SHOW},
    custom_fields_max=2,
    custom_field_bytes_max=20,
    count_every_ms=500,
    combo_ms=5_000,
    sanctions_max=3,
    sweep_ms=5_000,
)


def rules(**changes) -> Rules:
    """The rules, with something changed in how blind dates go."""
    return replace(RULES, formats={**RULES.formats, RoomKind.BLIND_DATE: replace(BLIND_DATE, **changes)})


def face_of(person_id: PersonId) -> Face:
    """Bo and jim are men, lin, ann and hong are women."""
    return Face(public_id=str(person_id), gender=1 if person_id in MEN else 2)


def room(kind: RoomKind = RoomKind.BLIND_DATE, **changes) -> RoomState:
    """Hong's room, without anybody else in it; that of a call is for her and bo."""
    of_call = {"call_id": CallId(1), "members": (BO, HONG)} if kind is RoomKind.CALL else {}
    record = RoomRecord(
        **{
            "id": ROOM,
            "kind": kind,
            "anchor_id": HONG,
            "anchor": face_of(HONG),
            "created_at_ms": 0,
            **of_call,
            **changes,
        }
    )
    return RoomState(record=record, silent_since_ms=0)


def decide(state: RoomState, message: Message, *, now_ms: int = 0, by: Rules = RULES) -> Decision:
    """One step."""
    return step(state, message, now_ms=now_ms, rules=by)


def after(state: RoomState, *messages: Message, now_ms: int = 0, by: Rules = RULES) -> RoomState:
    """Where those steps lead."""
    for message in messages:
        state = decide(state, message, now_ms=now_ms, by=by).state
    return state


def enter(person_id: PersonId, *, at_ms: int = 0) -> Enter:
    return Enter(person_id=person_id, face=face_of(person_id), at_ms=at_ms)


def sit(person_id: PersonId, *, at_ms: int = 0) -> Sit:
    return Sit(person_id=person_id, face=face_of(person_id), stream=str(person_id), at_ms=at_ms)


def names(decision: Decision) -> list[str]:
    """What is told, in order: ``Event`` to the room, ``Event>10002`` to one; counts left out."""
    told = [
        type(effect.event).__name__ + (f">{effect.person_id}" if isinstance(effect, Tell) else "")
        for effect in decision.effects
        if isinstance(effect, Tell | TellRoom)
    ]
    return [name for name in told if not name.startswith(("AudienceChanged", "CrowdChanged"))]


def named(event: str, person_id: PersonId) -> str:
    """How ``names`` writes an event that one person is told."""
    return f"{event}>{person_id}"
