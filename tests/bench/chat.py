"""What it costs to tell a group something: our chat beside bare Tornado, in one run.

::

    python -m tests.bench.chat [rounds]

A thousand people are in one group; one after another says something, and everybody hears it. Ours asks who he is and
whether he is in it, keeps the message after the one before it (in memory: what a store takes is another's figure), and
tells the group; the other passes on frames of the same length. The figure is the server's CPU time per delivery.
"""

import asyncio
import sys
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from engine import settings
from engine.events import MessageSaid
from engine.records import Media, Member, MessageRecord, PersonRecord, Role
from engine.services.accounts import SOCIAL
from handlers.social.access import Insider
from handlers.social.frames import encode_new
from handlers.wire.access import Presented
from handlers.wire.codec import write_json
from handlers.wire.http import server_options
from handlers.wire.outbox import text_frame
from store.interfaces.groups import GroupRecord, Joined
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.messages import ConversationId
from tests.bench import fanout
from tests.bench.common import alternate, cpu_seconds, keep, median, pin, serving, show
from tests.bench.crowd import Crowd, masked
from tests.bench.fanout import LIMITS, PEOPLE
from tests.surfaces.served import _Http
from tests.surfaces.social.scene import OPTIONS, Scene

FIRST_ID: Final = 1_956_000_000_000_000_000
GROUP_ID: Final = Snowflake(FIRST_ID)
TEXT: Final = "x" * 40
IN_FLIGHT: Final = 8
MESSAGES: Final = {"ours": 2_000, "naive Tornado": 60}
GOAL: Final = 10.0
"""Bare Tornado takes so many times as long."""

QUIET: Final = masked(write_json({"type": "history", "content": '{"to_type": "all"}'}))
"""Says which dialect is spoken, and is answered by nothing."""
PING: Final = masked(b"ping")
SAY: Final = masked(
    write_json(
        {"type": "chat", "content": write_json({"content": TEXT, "to_type": "group", "to": str(GROUP_ID)}).decode()}
    )
)


def person(number: int) -> PersonRecord:
    """The same length for everybody."""
    return PersonRecord(
        id=PersonId(100_000 + number),
        surface=SOCIAL,
        external_id=f"p{number:05}",
        public_id=str(FIRST_ID + number),
        role=Role.GUEST,
        created_at_ms=1,
        nickname=f"p{number:05}",
    )


def frame_bytes() -> int:
    """How long what everybody hears is."""
    one = person(1)
    message = MessageRecord(
        id=Snowflake(FIRST_ID),
        conversation_id=ConversationId(f"g:{GROUP_ID}"),
        previous_id=Snowflake(0),
        sender_id=one.id,
        sender_public_id=one.public_id,
        sender_name=one.nickname,
        target_public_id=str(GROUP_ID),
        target_name="everybody",
        media=Media.TEXT,
        text=TEXT,
        at_ms=1_767_225_600_000,
    )
    encoded = encode_new(MessageSaid(message=message))
    assert encoded is not None
    return len(text_frame(encoded))


async def authenticate(presented: Presented) -> Insider:
    number = int(presented.token[2:])
    return Insider(person=person(number), member=Member(person_id=person(number).id), sign_in_id=str(number))


async def serve() -> None:
    """The social app over memory stores, with everybody in one group."""
    scene = Scene(settings.Settings(), OPTIONS)
    scene.hub.limits = LIMITS
    engine, stores = scene.engine, scene.engine.world.stores
    scene.door.admissions["social"]._authenticate = authenticate
    # They have no sign-in that could end.
    engine.social_sign_ins.watch = lambda known: None  # type: ignore[method-assign]
    await engine.start(supersedes=True)
    owner = person(1)
    await stores.groups.create(GroupRecord(id=GROUP_ID, owner_id=owner.id, name="everybody", created_at_ms=1))
    for number in range(1, PEOPLE + 1):
        await stores.people.add(person(number))
        scene.database.members[person(number).id] = Member(person_id=person(number).id)
        await stores.groups.join(Joined(GROUP_ID, person(number).id, 1))
    sock, port = bind_unused_port()
    HTTPServer(scene.door, **server_options(_Http())).add_socket(sock)
    print(port, flush=True)
    await asyncio.Event().wait()


def cost(name: str, pid: int, crowd: Crowd, frame: bytes) -> float:
    """CPU microseconds of the server per delivery."""
    messages = MESSAGES[name]
    before_s = cpu_seconds(pid)
    crowd.converse(frame, messages=messages, in_flight=IN_FLIGHT, message_bytes=PEOPLE * frame_bytes())
    return (cpu_seconds(pid) - before_s) / messages / PEOPLE * 1e6


def main(rounds: int) -> None:
    """Measure, and print."""
    pin(1)
    size = frame_bytes()
    relayed = masked(b"x" * (size - 4))
    assert len(text_frame(b"x" * (size - 4))) == size
    with serving("tests.bench.chat") as (pid, port), fanout.running("naive Tornado") as (other_pid, other_port):
        crowd = Crowd(port, PEOPLE, path_of=lambda number: f"/api/chat/ws?token=t-{number}")
        for _ in range(PEOPLE):
            crowd.send(QUIET)
        for _ in range(PEOPLE):
            crowd.send(PING)
        crowd.hear(PEOPLE * len(text_frame(b"pong")))
        other = Crowd(other_port, PEOPLE, path_of=lambda _number: "/ws")
        figures = alternate(
            {
                "ours": lambda: cost("ours", pid, crowd, SAY),
                "naive Tornado": lambda: cost("naive Tornado", other_pid, other, relayed),
            },
            rounds=rounds,
        )
        crowd.close()
        other.close()
    show(figures, unit="CPU µs", subject="ours")
    ratio = median(figures["naive Tornado"]) / median(figures["ours"])
    print(f"{'naive Tornado / ours':36} {ratio:10.2f} (goal {GOAL}) {'ok' if ratio >= GOAL else 'MISS'}")
    result: dict[str, Any] = {"people": PEOPLE, "frame_bytes": size, "figures": figures, "ratio": ratio, "goal": GOAL}
    keep("chat", result)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        pin(0)
        asyncio.run(serve())
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
