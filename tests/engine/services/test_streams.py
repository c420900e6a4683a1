"""Streams at media servers: let in, kept, lost, cut; and what each of it means to rooms and people."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.errors import Banned, Busy, EngineError, Forbidden, NotFound, RoomFull, SessionEnded, StoreDown
from engine.ports import Provider
from engine.records import BanKind
from engine.services.streams import Publishing
from store.interfaces.ids import RoomId
from tests.people import STORE_EPOCH_MS, Stage, on_stage

ROOM = RoomId("room_1")
PUSH = (("signed", "push"),)


def session(person, number=1, *, room=ROOM, **changes) -> Publishing:
    name = str(person.id) if room is None else f"{room}_{person.id}"
    told = Publishing(provider=Provider.NGINX, session_id=str(number), app="live", name=name, query=PUSH)
    return replace(told, **changes)


def hint(person, sequence, *, at_s=0, **changes) -> Publishing:
    return session(person, sequence, provider=Provider.CSS, began_s=STORE_EPOCH_MS // 1000 + at_s, **changes)


async def opened(cast, person=None, room=ROOM):
    """A public room without pictures."""
    await cast.engine.live_rooms.create(person or cast.mei, room_id=room, info="", guest_id=None)


def on_air(cast) -> list[str]:
    return [state.record.id for state in cast.engine.live_rooms.listed(skip=0, limit=10)]


def running(cast) -> list[str]:
    return [stream.name for stream in cast.engine.streams.live() if not stream.is_silent]


class Cutter:
    def __init__(self, *, fails: bool = False) -> None:
        self.names: list[str] = []
        self.fails = fails

    async def cut(self, name: str) -> None:
        self.names.append(name)
        if self.fails:
            raise StoreDown


def cutting(cast, provider: Provider, cutter: Cutter) -> Cutter:
    cast.stage.world.cutters[provider] = cutter
    return cutter


async def keep_sending(cast, told: Publishing, length_ms: int) -> None:
    for media_ms in range(3_000, length_ms + 1, 3_000):
        await cast.stage.advance(3_000, seen=cast.both)
        await cast.engine.streams.beat(replace(told, media_ms=media_ms))


async def test_a_stream_puts_its_room_on_air_and_holds_its_sender():
    async with on_stage() as cast:
        await opened(cast)
        assert on_air(cast) == []

        await cast.engine.streams.publish(session(cast.mei))
        assert on_air(cast) == [ROOM]

        await keep_sending(cast, session(cast.mei), 120_000)
        assert on_air(cast) == [ROOM]
        assert cast.engine.presence.is_here(cast.mei.id)


async def test_a_stream_that_ends_takes_its_room_off_the_air_unless_it_comes_back_soon():
    async with on_stage() as cast:
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei, 1))

        cast.engine.streams.done(session(cast.mei, 1))
        assert running(cast) == []
        await cast.stage.advance(15_000)
        await cast.engine.streams.publish(session(cast.mei, 2))
        await keep_sending(cast, session(cast.mei, 2), 30_000)
        assert on_air(cast) == [ROOM]

        cast.engine.streams.done(session(cast.mei, 2))
        await cast.stage.advance(30_000)
        assert on_air(cast) == []


async def refusal(cast, told: Publishing) -> type[EngineError] | None:
    try:
        await cast.engine.streams.publish(told)
    except EngineError as error:
        return type(error)
    return None


async def test_who_may_not_begin():
    async with on_stage() as cast:
        await opened(cast)
        await opened(cast, cast.mei, RoomId("closed"))
        await cast.engine.live_rooms.destroy(cast.mei, RoomId("closed"))
        banned = await cast.stage.sign_in("dev:banned")
        await cast.engine.notices.ban(banned.id, BanKind.BROADCAST, "no", until_ms=None)
        stranger = replace(cast.tom, id=99_999)

        for why, told, expected in (
            ("not signed", session(cast.mei, query=()), Forbidden),
            ("signed to watch", session(cast.mei, query=(("signed", "play"),)), Forbidden),
            ("the room is closed", session(cast.mei, room="closed"), NotFound),
            ("there is no room", session(cast.mei, room="none"), NotFound),
            ("nobody", session(stranger), NotFound),
            ("nobody, without a room", session(stranger, room=None), NotFound),
            ("banned", session(banned), Banned),
            ("banned, without a room", session(banned, room=None), Banned),
            ("not a stream of ours", session(cast.mei, name="backdoor"), NotFound),
        ):
            refused = await refusal(cast, told)
            assert refused is not None, why
            assert refused.code == expected.code, why

        assert running(cast) == []
        assert on_air(cast) == []
        assert cast.engine.metrics.streams_refused.value == 9
        for name in "abcd":
            await cast.engine.streams.publish(session(await cast.stage.sign_in(f"dev:{name}")))
        assert await refusal(cast, session(cast.mei)) is RoomFull


async def test_only_the_two_of_a_call_send_into_its_room():
    async with on_stage() as cast:
        await cast.connect()
        await cast.engine.live_rooms.create(cast.mei, room_id=ROOM, info="", guest_id=cast.tom.id)
        jim = await cast.stage.sign_in("dev:jim")

        assert await refusal(cast, session(jim)) is Forbidden
        for person in cast.both:
            assert await refusal(cast, session(person)) is None
        assert on_air(cast) == []


async def test_a_call_is_lost_with_the_pictures_and_found_with_them():
    async with on_stage() as cast:
        await cast.connect()
        await cast.engine.live_rooms.create(cast.mei, room_id=ROOM, info="", guest_id=cast.tom.id)
        await cast.engine.streams.publish(session(cast.tom))

        cast.engine.streams.done(session(cast.tom))
        await cast.stage.clock.settle()
        assert cast.heard(cast.mei)[-1] == "PartyLost"
        await cast.engine.live_rooms.beat(cast.tom, ROOM)  # What his client says is no picture.
        assert cast.heard(cast.mei)[-1] == "PartyLost"

        await cast.engine.streams.publish(session(cast.tom, 2))
        await cast.stage.clock.settle()
        assert "PartyReturned" in cast.heard(cast.mei)


async def test_one_stream_has_one_session_and_only_its_own_end_ends_it():
    async with on_stage() as cast:
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei, 4))

        assert await refusal(cast, session(cast.mei, 4)) is None  # Asked again.
        assert await refusal(cast, session(cast.mei, 4, query=())) is Forbidden  # Numbers start over with each server.
        assert await refusal(cast, session(cast.mei, 31)) is Busy
        # The media server refuses the second one by itself, and then reports its end under the same name.
        cast.engine.streams.done(session(cast.mei, 31))
        cast.engine.streams.done(session(cast.mei, 4, provider=Provider.CSS))
        with pytest.raises(Busy):
            await cast.engine.streams.beat(session(cast.mei, 31, media_ms=5))
        assert running(cast) == [f"{ROOM}_{cast.mei.id}"]

        cast.engine.streams.done(session(cast.mei, 4))
        assert running(cast) == []
        assert await refusal(cast, session(cast.mei, 31)) is None


async def test_of_two_that_begin_at_once_one_does():
    async with on_stage() as cast:
        await opened(cast)

        results = await asyncio.gather(*(refusal(cast, session(cast.mei, number)) for number in range(5)))

        assert sorted(str(result) for result in results) == sorted([str(None), *[str(Busy)] * 4])
        assert len(cast.engine.streams.live()) == 1


async def test_a_session_that_ends_while_it_is_being_decided_about_has_not_begun():
    async with on_stage() as cast:
        await opened(cast)

        for told, begin in (
            (session(cast.mei, 1), cast.engine.streams.publish),
            (hint(cast.mei, "s1"), cast.engine.streams.told_began),
        ):
            begun = asyncio.ensure_future(begin(told))
            await asyncio.sleep(0)
            cast.engine.streams.done(told)
            await begun
            assert cast.engine.streams.live() == ()

        await cast.stage.advance(30_000)
        assert on_air(cast) == []


async def test_a_media_server_that_says_nothing_more_has_lost_its_streams():
    async with on_stage() as cast:
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei))
        await keep_sending(cast, session(cast.mei), 6_000)

        await cast.stage.advance(9_000, seen=cast.both)
        assert running(cast) != []
        await cast.stage.advance(2_000, seen=cast.both)
        assert cast.engine.streams.live() == ()
        assert cast.engine.metrics.streams_lost.value == 1
        # The one after it numbers its connections anew.
        assert await refusal(cast, session(cast.mei, 1)) is None


async def test_pictures_that_stand_still_are_silence_and_going_on_is_heard():
    async with on_stage() as cast:
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei))
        frozen = session(cast.mei, media_ms=700)
        await cast.engine.streams.beat(frozen)

        for _ in range(5):
            await cast.stage.advance(3_000, seen=cast.both)
            await cast.engine.streams.beat(frozen)
        assert running(cast) == []
        assert cast.engine.metrics.streams_lost.value == 1

        await cast.engine.streams.beat(replace(frozen, media_ms=800))
        assert running(cast) == [frozen.name]
        await keep_sending(cast, frozen, 60_000)
        assert on_air(cast) == [ROOM]


async def test_a_frozen_stream_may_be_replaced_by_a_new_connection():
    async with on_stage() as cast:
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei, 1))
        for _ in range(4):
            await cast.stage.advance(3_000, seen=cast.both)
            await cast.engine.streams.beat(session(cast.mei, 1))
        assert running(cast) == []

        await cast.engine.streams.publish(session(cast.mei, 2))
        cast.engine.streams.done(session(cast.mei, 1))

        assert running(cast) == [f"{ROOM}_{cast.mei.id}"]


async def test_a_stream_that_began_before_this_node_is_known_again_by_its_first_report():
    async with on_stage() as cast:
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei))
        await cast.stage.kill()
        second = Stage(cast.stage.stores, cast.stage.engine.options, seed=1)
        await second.start()
        try:
            await second.engine.streams.beat(session(cast.mei, media_ms=9_000, began_s=0))
            assert [stream.person_id for stream in second.engine.streams.live()] == [cast.mei.id]

            with pytest.raises(Forbidden):
                await second.engine.streams.beat(session(cast.tom, query=(), began_s=0))
        finally:
            await second.tasks.cancel_all()


async def test_a_store_that_does_not_answer_lets_nobody_in_and_ends_nothing():
    async with on_stage() as cast:
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei))
        cast.switch.is_down = True

        assert await refusal(cast, session(cast.tom)) is StoreDown
        await cast.engine.streams.beat(session(cast.mei, media_ms=1))
        assert running(cast) == [f"{ROOM}_{cast.mei.id}"]
        cast.switch.is_down = False


@pytest.mark.parametrize("is_cuttable", [True, False])
async def test_a_banned_sender_is_cut_now_or_with_the_next_report(is_cuttable):
    async with on_stage() as cast:
        cutter = cutting(cast, Provider.NGINX, Cutter()) if is_cuttable else None
        await opened(cast)
        await cast.engine.streams.publish(session(cast.tom))

        await cast.engine.notices.ban(cast.tom.id, BanKind.BROADCAST, "no", until_ms=None)
        await cast.stage.clock.settle()

        if cutter is not None:
            assert cutter.names == [f"{ROOM}_{cast.tom.id}"]
        with pytest.raises(Forbidden):
            await cast.engine.streams.beat(session(cast.tom, media_ms=1))
        cast.engine.streams.done(session(cast.tom))
        assert await refusal(cast, session(cast.tom, 2)) is Banned


async def test_a_closed_room_and_a_removed_pusher_are_cut():
    async with on_stage() as cast:
        cutter = cutting(cast, Provider.NGINX, Cutter())
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei))
        await cast.engine.streams.publish(session(cast.tom))

        await cast.engine.live_rooms.remove_pusher(cast.mei, ROOM, cast.tom.id)
        await cast.stage.advance(1_000)
        assert cutter.names == [f"{ROOM}_{cast.tom.id}"]
        await cast.engine.live_rooms.destroy(cast.mei, ROOM)
        await cast.stage.advance(1_000)
        assert set(cutter.names) == {f"{ROOM}_{cast.tom.id}", f"{ROOM}_{cast.mei.id}"}


async def test_a_cut_that_fails_is_tried_again():
    async with on_stage() as cast:
        cutter = cutting(cast, Provider.NGINX, Cutter(fails=True))
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei))
        await cast.engine.live_rooms.destroy(cast.mei, ROOM)

        await cast.stage.advance(9_000)

        assert len(cutter.names) == 2
        for _ in cutter.names:
            cast.stage.log.take("stream_not_cut")


async def test_an_outage_of_this_node_cuts_nobody():
    async with on_stage() as cast:
        cutter = cutting(cast, Provider.NGINX, Cutter())
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei))

        for _ in range(4):
            await cast.stage.advance(3_000)
            await cast.engine.streams.beat(session(cast.mei))
        assert running(cast) == []
        await cast.engine.rooms.drop_all()
        await cast.stage.advance(1_000)
        with pytest.raises(SessionEnded):
            await cast.engine.streams.beat(session(cast.mei, media_ms=1))

        assert cutter.names == []


async def test_a_stream_of_a_persons_own_feeds_the_rooms_it_is_sent_into():
    async with on_stage() as cast:
        own = session(cast.mei, room=None)
        await cast.engine.streams.publish(own)
        assert on_air(cast) == []
        await cast.engine.live_rooms.add_pusher(
            cast.mei, ROOM, name="", avatar_url="", push_address=f"push:{cast.mei.id}", info=None
        )

        await keep_sending(cast, own, 60_000)
        assert on_air(cast) == [ROOM]

        cast.engine.streams.done(own)
        await cast.stage.advance(10_000)
        await cast.engine.live_rooms.beat(cast.mei, ROOM)
        await cast.stage.advance(15_000)
        assert on_air(cast) == []


async def test_a_stream_to_try_with_runs_and_does_nothing():
    async with on_stage() as cast:
        trial = session(cast.mei, name="test_00112233aabbccdd")

        await cast.engine.streams.publish(trial)
        await keep_sending(cast, trial, 6_000)

        assert [stream.person_id for stream in cast.engine.streams.live()] == [None]
        cast.engine.streams.done(trial)
        assert running(cast) == []


async def test_only_play_addresses_open_a_stream_to_watch():
    async with on_stage() as cast:
        await cast.engine.streams.play(session(cast.mei, query=(("signed", "play"),)))

        with pytest.raises(Forbidden):
            await cast.engine.streams.play(session(cast.mei))


# Hints


async def test_hints_put_a_room_on_air_and_take_it_off():
    async with on_stage() as cast:
        await opened(cast)

        await cast.engine.streams.told_began(hint(cast.mei, "s1"))
        assert on_air(cast) == [ROOM]

        cast.engine.streams.done(hint(cast.mei, "s1"))
        await cast.stage.advance(30_000)
        assert on_air(cast) == []


async def test_hints_alone_hold_nobody():
    async with on_stage() as cast:
        await opened(cast)
        await cast.engine.streams.told_began(hint(cast.mei, "s1"))

        await cast.stage.advance(60_000)

        assert on_air(cast) == []
        assert not cast.engine.presence.is_here(cast.mei.id)


@pytest.mark.parametrize(
    ("story", "is_running"),
    [
        ("began 1, ended 1", False),
        ("ended 1, began 1", False),  # Out of order.
        ("began 1, began 2, ended 1", True),  # The delayed end of a connection that was replaced.
        ("began 2, ended 1", True),
        ("began 2, began 1, ended 1", True),  # The older beginning comes late.
        ("began 1, began 2, ended 1, ended 2", False),
        ("began 1, began 1, ended 1, began 1", False),  # Repeated.
    ],
)
async def test_hints_are_matched_by_their_sequence(story, is_running):
    async with on_stage() as cast:
        await opened(cast)

        for event in story.split(", "):
            kind, number = event.split()
            told = hint(cast.mei, f"s{number}", at_s=int(number) - 10)
            if kind == "began":
                await cast.engine.streams.told_began(told)
            else:
                cast.engine.streams.done(told)

        assert bool(running(cast)) is is_running


async def test_a_hint_is_cut_for_what_we_know_and_not_for_what_it_says():
    async with on_stage() as cast:
        cutter = cutting(cast, Provider.CSS, Cutter())
        await opened(cast)
        await cast.engine.streams.told_began(hint(cast.mei, "s1"))

        await cast.engine.streams.told_began(hint(cast.tom, "s2", query=()))  # Signed by nobody.
        await cast.engine.streams.told_began(hint(cast.mei, "s3", at_s=-3_600))  # An hour late.
        await cast.engine.streams.told_began(hint(cast.mei, "s5", name="another-programs"))
        await cast.stage.clock.settle()
        assert cutter.names == []

        await cast.engine.notices.ban(cast.tom.id, BanKind.BROADCAST, "no", until_ms=None)
        await cast.engine.streams.told_began(hint(cast.tom, "s4"))
        await cast.stage.clock.settle()
        assert cutter.names == [f"{ROOM}_{cast.tom.id}"]

        await cast.engine.live_rooms.destroy(cast.mei, ROOM)
        await cast.stage.advance(1_000)
        assert cutter.names[1:] == [f"{ROOM}_{cast.mei.id}"]
        assert cast.engine.streams.live() == ()


async def test_a_hint_changes_nothing_about_a_stream_that_is_asked_about():
    async with on_stage() as cast:
        await opened(cast)
        await cast.engine.streams.publish(session(cast.mei, 1))

        await cast.engine.streams.told_began(hint(cast.mei, "s1"))
        cast.engine.streams.done(hint(cast.mei, "s1"))

        assert [stream.provider for stream in cast.engine.streams.live()] == [Provider.NGINX]


async def test_a_hint_that_nobody_ends_is_forgotten_after_a_day():
    async with on_stage() as cast:
        await cast.engine.streams.told_began(hint(cast.mei, "s1", room=None))

        await cast.stage.advance(86_401_000)

        assert cast.engine.streams.live() == ()
