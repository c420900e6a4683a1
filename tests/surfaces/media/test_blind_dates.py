"""Streams of blind-date rooms at media servers: whose may be on air, how long, and who is shown as on.

The two schemes share a key, an application and a media server on purpose: only the names tell them apart.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.media_addresses import DAY_S, tx_secret
from engine.ports import SealedProfile
from engine.records import BanKind, PersonRecord
from engine.services.accounts import QLIVE
from engine.services.blind_dates import room_of
from handlers.media.css import ENDED
from store.interfaces.ids import RoomId
from tests.surfaces.media.booth import NOW_S, Booth, in_booth, pairs_of
from tests.surfaces.media.test_css import notice

pytestmark = pytest.mark.real_loop(deadline_s=20)


class Date:
    """Hong is live; tom sits with her, mei watches, and bob is nowhere."""

    def __init__(self, booth: Booth) -> None:
        self.booth = booth
        self.engine = booth.engine
        self.people: dict[str, PersonRecord] = {}

    @property
    def room_id(self) -> RoomId:
        return room_of(self.people["hong"].public_id)

    async def come_in(self) -> None:
        for name, said in (
            ("hong", "gender=2&matchmaker=1"),
            ("tom", "gender=1"),
            ("mei", "gender=2"),
            ("bob", "gender=1"),
        ):
            sealed = SealedProfile(encrypted_data="", iv="")
            signed_in = await self.engine.identity.sign_up(QLIVE, f"dev:{name}?{said}", app_id="", sealed=sealed)
            self.people[name] = signed_in.person
            self.engine.presence.seen(signed_in.person)
        await self.engine.blind_dates.open(self.people["hong"])
        for name in ("tom", "mei"):
            await self.engine.blind_dates.enter(self.people[name], self.room_id)
        await self.engine.blind_dates.apply(self.people["tom"], self.room_id)
        await self.engine.blind_dates.sit(self.people["tom"], self.room_id)

    def address(self, name: str, *, until_s: int | None = None) -> str:
        now_s = self.engine.node.now_ms() // 1000
        return self.booth.date_addresses.push(self.people[name].public_id, now_s=now_s, until_s=until_s)

    async def hook(self, hook: str, name: str, *, session: int = 1, address: str | None = None, **changes: str) -> int:
        """nginx-rtmp reports this person's stream."""
        query = pairs_of(address or self.address(name))
        told = {"name": self.people[name].public_id, "clientid": str(session), **changes}
        return await self.booth.hook(hook, query, **told)

    async def sends_for(self, name: str, seconds: int, *, session: int = 1) -> int:
        """Pictures come, and nginx-rtmp says so every three seconds; the last status."""
        status = 0
        for second in range(3, seconds + 1, 3):
            await self.booth.clock.advance(3_000)
            told = {"time": str(second), "timestamp": str(second * 1_000)}
            status = await self.hook("update", name, session=session, **told)
        return status

    def is_on(self, name: str) -> bool:
        place = self.engine.blind_dates.place_of(self.people[name].id)
        return place is not None and place.standing.value in ("anchor", "seated")


@asynccontextmanager
async def on_a_date() -> AsyncIterator[Date]:
    async with in_booth() as booth:
        date = Date(booth)
        await date.come_in()
        yield date


async def test_only_those_on_the_microphone_send():
    async with on_a_date() as date:
        statuses = {name: await date.hook("publish", name, session=5) for name in date.people}

        assert statuses == {"hong": 204, "tom": 204, "mei": 403, "bob": 403}
        assert date.booth.running() == [date.people["hong"].public_id, date.people["tom"].public_id]


async def test_an_address_is_good_for_the_one_whose_id_it_carries_until_its_day_is_over():
    async with on_a_date() as date:
        toms = date.address("tom")
        hong = date.people["hong"].public_id
        longer = toms.replace("&txTime=", "&txTime=7")

        assert await date.hook("publish", "hong", address=toms) == 403
        assert await date.hook("publish", "tom", address=longer) == 403
        assert await date.booth.hook("publish", [], name=hong) == 403
        key = date.booth.config.media.push_key
        upper = f"{NOW_S + 60:X}"
        signed = [("txSecret", tx_secret(key, hong, upper)), ("txTime", upper)]
        assert await date.booth.hook("publish", signed, name=hong) == 204  # Media servers take both cases.
        assert await date.hook("publish", "tom", address=date.address("tom", until_s=NOW_S)) == 403
        assert toms.endswith(f"&txTime={NOW_S + DAY_S:x}")


async def test_the_schemes_of_two_surfaces_are_not_taken_for_each_other():
    async with on_a_date() as date:
        booth, key, hong = date.booth, date.booth.config.media.push_key, date.people["hong"].public_id
        expiry = f"{NOW_S + 60:x}"

        def signed(name: str) -> list[tuple[str, str]]:
            return [("txSecret", tx_secret(key, name, expiry)), ("txTime", expiry)]

        # A person of calls under a bare name; hong with an account in front; a room of calls without one.
        for name in (
            str(booth.mei.id),
            f"8888_{hong}",
            f"room_1a2b3c4d_5e6f_{booth.mei.id}",
            f"{hong}0",
            f"0{hong[1:]}",
        ):
            assert await booth.hook("publish", signed(name), name=name) == 403
        assert booth.running() == []


async def test_anybody_may_watch_those_streams_and_no_others_without_a_signature():
    async with on_a_date() as date:
        hong = date.people["hong"].public_id

        assert await date.booth.hook("play", [], name=hong) == 204
        assert await date.booth.hook("play", [], name=hong, app="other") == 403
        for name in (date.booth.name, f"8888_{hong}", str(date.booth.mei.id), f"{hong}_", "test_0011223344556677"):
            assert await date.booth.hook("play", [], name=name) == 403


async def test_a_stream_holds_its_sender_in_the_room_as_a_socket_would():
    async with on_a_date() as date:

        def is_held() -> bool:
            seen = date.engine.presence.attendance(date.people["tom"].id)
            return seen is not None and seen.is_held

        before = is_held()
        await date.hook("publish", "tom")
        assert await date.sends_for("tom", 90) == 204

        assert (before, is_held(), date.is_on("tom")) == (False, True, True)
        await date.hook("publish_done", "tom")
        assert not is_held()


async def test_a_sender_who_is_lost_loses_his_seat_a_minute_later_and_whoever_comes_back_in_time_keeps_it():
    async with on_a_date() as date:
        await date.hook("publish", "tom")
        await date.sends_for("tom", 30)
        await date.hook("publish_done", "tom")
        await date.booth.clock.advance(40_000)
        date.engine.presence.seen(date.people["hong"])
        assert date.is_on("tom")

        assert await date.hook("publish", "tom", session=2) == 204
        assert await date.sends_for("tom", 30, session=2) == 204
        assert date.is_on("tom")
        await date.hook("publish_done", "tom", session=2)
        for _ in range(7):
            await date.booth.clock.advance(10_000)
            date.engine.presence.seen(date.people["hong"])

        assert not date.is_on("tom")


async def gets_up(date: Date) -> None:
    await date.engine.blind_dates.get_up(date.people["tom"], date.room_id, date.people["tom"].id)


async def is_taken_down(date: Date) -> None:
    await date.engine.blind_dates.get_up(date.people["hong"], date.room_id, date.people["tom"].id)


async def is_sent_away(date: Date) -> None:
    await date.engine.rooms.kick(date.people["hong"], date.room_id, date.people["tom"].id)


async def leaves(date: Date) -> None:
    await date.engine.blind_dates.leave(date.people["tom"], date.room_id)


async def ends(date: Date) -> None:
    await date.engine.blind_dates.end(date.people["hong"], date.room_id)


async def is_banned(date: Date) -> None:
    await date.engine.notices.ban(date.people["tom"].id, BanKind.ACCOUNT, "x", until_ms=None)


@pytest.mark.parametrize("happens", [gets_up, is_taken_down, is_sent_away, leaves, ends, is_banned])
async def test_whoever_is_on_no_more_is_cut(happens):
    async with on_a_date() as date:
        await date.hook("publish", "tom")
        assert await date.sends_for("tom", 6) == 204

        await happens(date)
        await date.booth.clock.advance(1_000)

        assert await date.hook("update", "tom", time="9", timestamp="9000") == 403
        await date.hook("publish_done", "tom")
        assert await date.hook("publish", "tom", session=2) == 403
        assert date.booth.running() == []


async def test_the_matchmaker_is_shown_until_a_media_server_has_seen_her_pictures_stop_and_from_their_return():
    async with on_a_date() as date:
        hong, streams = date.people["hong"].id, date.engine.blind_date_streams
        seen = [streams.is_dark(hong)]
        await date.hook("publish", "hong")
        seen.append(streams.is_dark(hong))
        await date.hook("publish_done", "hong")
        seen.append(streams.is_dark(hong))
        await date.hook("publish", "hong", session=2)
        seen.append(streams.is_dark(hong))

        assert seen == [False, False, True, False]


async def test_a_live_begins_without_a_shadow_of_the_one_before():
    async with on_a_date() as date:
        await date.hook("publish", "hong")
        await date.engine.blind_dates.end(date.people["hong"], date.room_id)
        await date.hook("publish_done", "hong")

        await date.engine.blind_dates.open(date.people["hong"])

        assert not date.engine.blind_date_streams.is_dark(date.people["hong"].id)


async def test_a_notice_of_tencents_about_such_a_stream_is_heard_and_only_its_session_ends_it():
    async with on_a_date() as date:
        tom = date.people["tom"].public_id
        told = {"stream_id": tom, "stream_param": date.address("tom").partition("?")[2], "event_time": NOW_S}

        assert await date.booth.notice(notice(date.booth, **told)) == 200
        assert date.booth.running() == [tom]
        assert await date.booth.notice(notice(date.booth, ENDED, "another", **told)) == 200
        assert date.booth.running() == [tom]
        assert await date.booth.notice(notice(date.booth, ENDED, **told)) == 200
        assert date.booth.running() == []
        assert date.is_on("tom")


async def test_a_notice_about_somebody_who_may_not_send_puts_nothing_on_air():
    async with on_a_date() as date:
        mei = date.people["mei"].public_id
        told = {"stream_id": mei, "stream_param": date.address("mei").partition("?")[2], "event_time": NOW_S}

        assert await date.booth.notice(notice(date.booth, **told)) == 200

        assert date.booth.running() == []
