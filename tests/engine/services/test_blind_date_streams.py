"""Whose stream of a blind-date room may be on air, and what is said while nobody can tell."""

import pytest

from engine.errors import Banned, Forbidden, NotFound, SessionEnded, StoreDown
from engine.ports import Provider
from engine.records import BanKind, PersonRecord
from engine.services.streams import Publishing
from tests.people import Date, on_a_date


def session(person: PersonRecord, number: int = 1) -> Publishing:
    return Publishing(
        provider=Provider.NGINX,
        session_id=str(number),
        app="live",
        name=person.public_id,
        query=(("dated", "push"),),
    )


def running(date: Date) -> list[str]:
    return [stream.name for stream in date.engine.streams.live()]


async def test_the_matchmaker_and_who_sits_send_and_nobody_else():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)

        for person in (date.hong, date.bo):
            await date.engine.streams.publish(session(person))
        with pytest.raises(Forbidden):
            await date.engine.streams.publish(session(date.lin))

        assert running(date) == [date.hong.public_id, date.bo.public_id]


async def test_who_is_excluded_or_unknown_does_not_send():
    async with on_a_date() as date:
        await date.open()
        rule = date.engine.blind_date_streams
        await date.engine.notices.ban(date.hong.id, BanKind.ACCOUNT, "广告", until_ms=None)

        with pytest.raises(Banned):
            await rule.sender_of(date.hong.public_id)
        with pytest.raises(NotFound):
            await rule.sender_of("99999999")


async def test_while_the_store_is_away_nobody_begins_and_nobody_is_cut():
    async with on_a_date() as date:
        await date.open(date.bo)
        await date.seat(date.bo)
        rule = date.engine.blind_date_streams
        sender = await rule.sender_of(date.bo.public_id)
        assert sender is not None

        date.switch.is_down = True
        with pytest.raises(StoreDown):
            await date.engine.streams.publish(session(date.hong))
        await date.engine.rooms.drop_all()  # This node knows nothing of the room any more.

        assert not await rule.is_over(sender)
        date.switch.is_down = False


@pytest.mark.parametrize("way", ["get_up", "leave", "end"])
async def test_a_stream_is_over_once_its_sender_is_on_no_more(way):
    async with on_a_date() as date:
        await date.open(date.bo)
        await date.seat(date.bo)
        rule, dates = date.engine.blind_date_streams, date.engine.blind_dates
        sender = await rule.sender_of(date.bo.public_id)
        assert sender is not None
        before = await rule.is_over(sender)

        match way:
            case "get_up":
                await dates.get_up(date.hong, date.room_id, date.bo.id)
            case "leave":
                await dates.leave(date.bo, date.room_id)
            case "end":
                await dates.end(date.hong, date.room_id)

        assert (before, await rule.is_over(sender)) == (False, True)


async def test_a_room_that_is_open_and_not_here_is_no_reason_to_refuse_for_good_nor_to_cut():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)
        rule = date.engine.blind_date_streams
        senders = [await rule.sender_of(person.public_id) for person in (date.hong, date.bo)]

        await date.engine.rooms.drop_all()

        for person in (date.hong, date.bo):
            with pytest.raises(SessionEnded):
                await rule.sender_of(person.public_id)
        with pytest.raises(Forbidden):
            await rule.sender_of(date.lin.public_id)
        assert [await rule.is_over(sender) for sender in senders if sender is not None] == [False, False]
