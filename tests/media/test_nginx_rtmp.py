"""A real nginx-rtmp and real senders: what is let in, and how each way of ending is noticed. Source: protocols 7.1."""

import re
import signal
import time

import pytest

from engine.ports import SealedProfile
from engine.records import BanKind
from engine.services.accounts import QLIVE
from engine.services.blind_dates import room_of
from store.interfaces.ids import PersonId
from tests.media.studio import in_studio, until

pytestmark = [pytest.mark.real_loop(deadline_s=50), pytest.mark.slow]


def name_in(address: str) -> str:
    return address.partition("?")[0].rpartition("/")[2]


async def test_a_signed_stream_puts_its_room_on_air_and_a_killed_sender_takes_it_off(tmp_path):
    async with in_studio(tmp_path) as studio:
        room_id, address = await studio.room(studio.mei)
        assert await studio.listed() == []

        sender = studio.push(address)
        await until(lambda: studio.heard() == [name_in(address)])
        assert await studio.listed() == [room_id]
        assert (await studio.weapp(studio.mei, "get_pushers", roomID=room_id))["pushers"][0]["userName"] == "mei"

        sender.send(signal.SIGKILL)
        noticed_s = await until(lambda: studio.heard() == [])
        await until(lambda: studio.engine.rooms.owned() == ())

        assert noticed_s < 1.5  # nginx sees the connection break, and says so: nobody waits for a heartbeat.
        assert await studio.listed() == []


async def test_no_other_address_is_let_in(tmp_path):
    async with in_studio(tmp_path) as studio:
        room_id, address = await studio.room(studio.mei)
        tom = await studio.sign_in("tom", "guest")
        place, _, query = address.partition("?")
        now_s = int(time.time())
        expired = studio.addresses.push(f"{room_id}_{studio.mei.id}", now_s=now_s, until_s=now_s - 1)
        played = studio.addresses.accelerated(f"{room_id}_{studio.mei.id}", now_s=now_s)

        senders = {
            "no signature": studio.push(place),
            "a wrong signature": studio.push(re.sub("txSecret=.", "txSecret=z", address)),
            "a longer life": studio.push(re.sub("txTime=.", "txTime=7", address)),
            "expired": studio.push(expired),
            "somebody else's": studio.push(address.replace(f"_{studio.mei.id}?", f"_{tom.id}?")),
            "a play address": studio.push(played),
            "two names": studio.push(f"{address}&name=victim&call=play&addr=9.9.9.9"),
            "two signatures": studio.push(f"{address}&{query}"),
            "no room": studio.push(studio.addresses.push(f"room_gone_{studio.mei.id}", now_s=now_s)),
        }
        await until(lambda: all(sender.has_ended for sender in senders.values()))

        assert [why for why, sender in senders.items() if sender.exit_code == 0] == []
        assert studio.engine.metrics.streams_refused.value >= len(senders) - 2  # Doubles are refused before.
        assert studio.engine.streams.live() == ()
        assert await studio.listed() == []


async def test_a_second_sender_is_refused_and_his_end_is_not_the_end_of_the_first(tmp_path):
    async with in_studio(tmp_path) as studio:
        room_id, address = await studio.room(studio.mei)
        first = studio.push(address)
        await until(studio.heard)

        second = studio.push(address)
        await until(lambda: second.has_ended)

        assert second.exit_code != 0
        assert not first.has_ended
        assert studio.heard() == [name_in(address)]
        assert await studio.listed() == [room_id]


async def test_a_frozen_sender_is_noticed_and_so_is_that_he_goes_on(tmp_path):
    async with in_studio(tmp_path) as studio:
        room_id, address = await studio.room(studio.mei)
        sender = studio.push(address)
        await until(studio.heard)

        sender.send(signal.SIGSTOP)
        await until(lambda: studio.heard() == [])
        pusher = PersonId(studio.mei.id)
        await until(lambda: pusher in studio.engine.rooms.owned()[0].cut_off)
        sender.send(signal.SIGCONT)
        await until(studio.heard)

        assert await studio.listed() == [room_id]
        await until(lambda: not studio.engine.rooms.owned()[0].cut_off)
        assert not sender.has_ended


async def test_a_stream_of_somebody_banned_or_of_a_closed_room_is_cut(tmp_path):
    async with in_studio(tmp_path) as studio:
        hong = await studio.sign_in("hong", "master")
        streams = {who.id: studio.push((await studio.room(who))[1]) for who in (studio.mei, hong)}
        await until(lambda: len(studio.heard()) == 2)

        await studio.engine.notices.ban(PersonId(hong.id), BanKind.BROADCAST, "违规", until_ms=None)
        await until(lambda: streams[hong.id].has_ended)
        assert not streams[studio.mei.id].has_ended
        for room_id in await studio.listed():
            await studio.weapp(studio.mei, "destroy_room", roomID=room_id)
        await until(lambda: streams[studio.mei.id].has_ended)

        await until(lambda: studio.engine.streams.live() == ())
        assert "stream_cut" in studio.log.events()


async def test_a_media_server_that_dies_is_noticed_by_its_silence_and_its_successor_may_begin_anew(tmp_path):
    async with in_studio(tmp_path) as studio:
        _, address = await studio.room(studio.mei)
        studio.push(address)
        await until(studio.heard)

        studio.nginx.kill()
        noticed_s = await until(lambda: studio.heard() == [])
        assert 1.0 < noticed_s < 5.0
        await until(lambda: studio.engine.rooms.owned() == ())

        await studio.nginx.start()
        room_id, address = await studio.room(studio.mei)
        studio.push(address)
        await until(studio.heard)
        assert await studio.listed() == [room_id]


async def test_a_restarted_server_ends_no_stream_and_knows_it_again(tmp_path):
    async with in_studio(tmp_path) as studio:
        room_id, address = await studio.room(studio.mei)
        sender = studio.push(address)
        await until(studio.heard)

        await studio.stop()
        await studio.start()
        assert studio.heard() == []
        await until(studio.heard)

        assert not sender.has_ended
        assert await studio.listed() == [room_id]


async def test_watching_needs_a_play_address(tmp_path):
    async with in_studio(tmp_path) as studio:
        room_id, address = await studio.room(studio.mei)
        studio.push(address)
        await until(studio.heard)
        stream, now_s = f"{room_id}_{studio.mei.id}", int(time.time())

        allowed = studio.watch(studio.addresses.accelerated(stream, now_s=now_s))
        refused = studio.watch(address)
        await until(lambda: allowed.has_ended and refused.has_ended)

        assert allowed.exit_code == 0
        assert refused.exit_code != 0


async def test_a_blind_date_is_sent_by_who_is_on_watched_by_anybody_and_cut_when_he_gets_up(tmp_path):
    async with in_studio(tmp_path) as studio:
        dates, streams = studio.engine.blind_dates, studio.engine.blind_date_streams
        people = []
        for said in ("hong?gender=2&matchmaker=1", "tom?gender=1"):
            sealed = SealedProfile(encrypted_data="", iv="")
            signed_in = await studio.engine.identity.sign_up(QLIVE, f"dev:{said}", app_id="", sealed=sealed)
            people.append(signed_in.person)
        hong, tom = people
        room_id = room_of(hong.public_id)
        await dates.open(hong)
        await dates.enter(tom, room_id)
        await dates.apply(tom, room_id)

        early = studio.push(streams.push_address(tom))
        await until(lambda: early.has_ended)
        await dates.sit(tom, room_id)
        senders = [studio.push(streams.push_address(person)) for person in people]
        await until(lambda: len(studio.heard()) == 2)
        watched = studio.watch(streams.play_address(tom.public_id))
        await until(lambda: watched.has_ended)
        await dates.get_up(tom, room_id, tom.id)
        await until(lambda: senders[1].has_ended)

        assert (early.exit_code, watched.exit_code, senders[0].has_ended) == (1, 0, False)
        assert studio.heard() == [hong.public_id]
        await dates.end(hong, room_id)
        await until(lambda: senders[0].has_ended)
