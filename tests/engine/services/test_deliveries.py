"""Messages reach everybody at least once, in one order, whatever happens to sockets, nodes, hints and stores."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from engine.errors import EngineError, StoreDown
from engine.events import MessageSaid
from engine.services.deliveries import OVERLAP_MS, Deliveries
from handlers.social.frames import encode_both
from store.interfaces.errors import StoreError
from store.interfaces.ids import Snowflake
from tests.engine.services.chat_world import ChatNode, ChatWorld, Device


@asynccontextmanager
async def chatting(**how: Any) -> AsyncIterator[ChatWorld]:
    """A world with tom, bob and ann in it."""
    world = ChatWorld(**how)
    for _ in range(3):
        world.device()
    try:
        yield world
    finally:
        await world.end()


async def passes(length_ms: int) -> None:
    await asyncio.sleep(length_ms / 1_000)


# --- one node ------------------------------------------------------------------------------------------------------


async def test_what_is_said_is_heard_by_the_two_and_by_nobody_else():
    async with chatting() as world:
        node, (tom, bob, ann) = world.node(), world.devices
        for device in (tom, bob, ann):
            await node.connect(device)

        said = await node.say(tom, bob, "hi")
        await passes(50)

        assert tom.heard == bob.heard == [said]
        assert ann.heard == []


async def test_a_group_is_heard_by_its_members_and_everybody_hears_what_is_said_to_all():
    async with chatting() as world:
        node, (tom, bob, ann) = world.node(), world.devices
        group_id = await world.group(tom, bob)
        for device in (tom, bob, ann):
            await node.connect(device)

        await node.say(tom, group_id, "members")
        await node.say(bob, None, "all")
        await passes(50)

        assert tom.texts == bob.texts == ["members", "all"]
        assert ann.texts == ["all"]


async def test_all_sockets_of_a_person_hear_everything():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        tablet = Device(bob.person)
        for device in (tom, bob, tablet):
            await node.connect(device)

        await node.say(tom, bob, "hi")
        await passes(50)

        assert bob.texts == tablet.texts == ["hi"]


async def test_nothing_is_told_that_is_not_kept():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        await node.connect(bob)
        world.faults.is_down = lambda name: name == "messages.keep"

        with pytest.raises(StoreDown):
            await node.say(tom, bob, "lost")
        world.faults.is_down = lambda _name: False
        await node.say(tom, bob, "kept")
        await passes(20_000)

        assert bob.texts == ["kept"]


async def test_a_message_of_which_nobody_knew_whether_it_is_kept_is_told_before_the_next():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        await node.connect(bob)
        await node.say(tom, bob, "1")
        world.faults.unheard_percent = 100
        with pytest.raises(StoreDown):
            await node.say(tom, bob, "2")
        world.faults.unheard_percent = 0

        await node.say(tom, bob, "3")
        await passes(50)

        assert bob.texts == ["1", "2", "3"]


async def test_a_message_of_which_nobody_knew_whether_it_is_kept_is_told_also_when_nothing_follows():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        await node.connect(bob)
        await node.say(tom, bob, "1")
        world.faults.unheard_percent = 100
        with pytest.raises(StoreDown):
            await node.say(tom, bob, "maybe")
        world.faults.unheard_percent = 0

        await passes(3_000)

        assert bob.texts == ["1", "maybe"]


# --- coming back ---------------------------------------------------------------------------------------------------


async def test_who_comes_back_is_told_what_he_has_missed_in_its_order():
    async with chatting() as world:
        node, (tom, bob, ann) = world.node(), world.devices
        group_id = await world.group(tom, bob)
        await node.say(tom, bob, "1")
        await node.say(tom, group_id, "2")
        await node.say(ann, tom, "not his")
        await node.say(tom, None, "3")
        await node.say(tom, bob, "4")

        await node.connect(bob)
        await passes(50)

        assert bob.texts == ["1", "2", "3", "4"]


async def test_what_a_group_said_before_he_was_in_it_he_has_not_missed():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        group_id = await world.group(tom)
        await node.say(tom, group_id, "before")
        await passes(20_000)
        await node.join(bob, group_id)
        await node.say(tom, group_id, "since")

        await node.connect(bob)
        await passes(50)

        assert bob.texts == ["since"]


async def test_what_is_said_while_somebody_is_told_what_he_has_missed_comes_after_that_once():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        group_id = await world.group(tom, bob)
        await node.say(tom, bob, "1")
        await node.say(tom, group_id, "2")
        reading = asyncio.Event()

        async def before(name: str) -> None:
            if name == "messages.newest":
                reading.set()
                await passes(500)

        async def after(name: str) -> None:
            if name == "messages.told_up_to":
                await passes(500)

        for slow, expected in ((before, ["1", "2", "3", "4"]), (after, ["1", "2", "3", "4", "3", "4"])):
            world.faults.before = slow
            bob.heard.clear()
            opening = asyncio.create_task(node.connect(bob))
            await passes(100)
            await node.say(tom, group_id, "3")
            await node.say(tom, bob, "4")
            line = await opening
            await passes(50)

            assert bob.texts == expected
            line.end()


async def test_what_was_read_is_not_told_again_by_what_waited():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices

        async def slow(name: str) -> None:
            if name in ("groups.joined_by", "messages.told_up_to", "messages.newest"):
                await passes(200)

        world.faults.before = slow
        opening = asyncio.create_task(node.connect(bob))
        for number in range(12):
            await node.say(tom, bob, str(number))
            await passes(60)
        await opening
        await passes(50)

        assert bob.texts == [str(number) for number in range(12)]


async def test_more_than_fits_is_history_and_the_newest_are_told():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        node.deliveries._backlog_max = 3
        for number in range(5):
            await node.say(tom, bob, str(number))
        await node.connect(bob)
        await passes(50)

        assert bob.texts == ["2", "3", "4"]


async def test_what_waits_for_a_socket_has_a_bound_in_bytes_too():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        for text in ("字" * 1_000, '"' * 1_000, "\\" * 1_000):
            for _ in range(60):
                await node.say(tom, bob, text)
            bob.heard.clear()
            await node.connect(bob)
            await passes(100)
            bob.hang_up()

            frames = [encode_both(MessageSaid(message=message)) for message in bob.heard]
            assert 48 * 1024 < sum(len(frame or b"") for frame in frames) <= 128 * 1024
            assert bob.ids == sorted(bob.ids)


async def test_a_socket_whose_store_is_away_is_not_let_in_and_leaves_nothing_behind():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        world.faults.is_down = lambda name: name == "messages.newest"
        with pytest.raises(StoreDown):
            await node.connect(bob)
        world.faults.is_down = lambda _name: False

        await node.say(tom, bob, "hi")

        assert not node.deliveries._lines
        assert not node.deliveries._lines_of
        assert not node.deliveries._opening


# --- proofs --------------------------------------------------------------------------------------------------------


async def test_what_was_answered_for_is_not_told_again_once_it_is_old():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        line = await node.connect(bob)
        await node.say(tom, bob, "old")
        await passes(OVERLAP_MS + 5_000)
        await node.say(tom, bob, "proved")
        line.ping()
        await passes(2_000)
        await node.say(tom, bob, "not proved")
        await passes(50)
        bob.hang_up()
        bob.heard.clear()

        await node.connect(bob)
        await passes(50)

        assert bob.texts == ["proved", "not proved"]


async def test_without_an_answer_everything_is_told_again():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        await node.connect(bob)
        await node.say(tom, bob, "1")
        await passes(OVERLAP_MS * 3)
        bob.hang_up()

        await node.connect(bob)
        await passes(50)

        assert bob.texts == ["1", "1"]


async def test_a_proof_survives_the_node():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        line = await node.connect(bob)
        await node.say(tom, bob, "1")
        await passes(100)
        line.ping()
        await passes(OVERLAP_MS + 3_000)
        await node.say(tom, bob, "2")
        await passes(100)
        line.ping()
        await passes(2_000)
        await node.die()

        await world.node().connect(bob)
        await passes(50)

        assert bob.texts[:2] == ["1", "2"]
        assert set(bob.texts[2:]) == {"2"}


async def test_the_client_s_own_word_counts_more_than_what_we_know():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        line = await node.connect(bob)
        first = await node.say(tom, bob, "1")
        await passes(OVERLAP_MS + 1_000)
        await node.say(tom, bob, "2")
        await passes(OVERLAP_MS + 1_000)
        await node.say(tom, bob, "3")
        await passes(100)
        line.ping()
        await passes(2_000)
        bob.hang_up()
        bob.heard.clear()

        await node.connect(bob, after_id=first.id + (1 << 22 + 15))
        await passes(50)

        assert bob.texts == ["2", "3"]


async def test_nothing_is_proved_while_something_may_be_missing():
    async with chatting() as world:
        node, other, (tom, bob, _) = world.node(), world.node(), world.devices
        line = await node.connect(bob)
        await node.say(tom, bob, "1")
        await passes(100)
        assert node.deliveries.mark(line.id) is not None
        world.faults.is_down = lambda name: name == "messages.after"

        await other.say(tom, bob, "2")
        await passes(100)

        assert node.deliveries.mark(line.id) is None
        world.faults.is_down = lambda _name: False
        await passes(3_000)
        assert node.deliveries.mark(line.id) is not None
        assert bob.texts == ["1", "2"]


async def test_nothing_is_proved_without_sweeps():
    async with chatting() as world:
        node, (tom, bob, _) = world.node(), world.devices
        line = await node.connect(bob)
        await node.say(tom, bob, "1")
        world.faults.is_down = lambda name: name == "messages.kept_after"

        await passes(20_000)

        assert node.deliveries.mark(line.id) is None


# --- several nodes -------------------------------------------------------------------------------------------------


async def test_what_is_said_on_one_node_is_heard_on_the_other_at_once():
    async with chatting() as world:
        here, there, (tom, bob, ann) = world.node(), world.node(), world.devices
        group_id = await world.group(tom, bob, ann)
        await here.connect(tom)
        await there.connect(bob)
        await there.connect(ann)
        await passes(10)

        await here.say(tom, bob, "1")
        await there.say(bob, tom, "2")
        await here.say(tom, group_id, "3")
        await passes(20)

        # Two conversations have no common order.
        assert sorted(tom.texts) == sorted(bob.texts) == ["1", "2", "3"]
        assert tom.texts.index("1") < tom.texts.index("2")
        assert ann.texts == ["3"]


async def test_a_conversation_has_one_order_on_all_nodes_whatever_their_clocks_say():
    async with chatting() as world:
        here, there = world.node(), world.node(skew_ms=-3_000)
        tom, bob, ann = world.devices
        group_id = await world.group(tom, bob, ann)
        await here.connect(tom)
        await there.connect(bob)
        world.faults.slow_ms_max = 20

        await asyncio.gather(*(node.say(tom, group_id, f"{number}") for number in range(20) for node in (here, there)))
        await passes(2_000)
        await here.connect(ann)
        await passes(200)

        assert tom.first_heard() == bob.first_heard() == ann.first_heard()
        assert [*tom.first_heard().values()] == [sorted(set(tom.ids))]
        assert len(set(tom.ids)) == 40


async def test_a_lost_hint_costs_seconds_and_no_message():
    async with chatting() as world:
        here, there, (tom, bob, _) = world.node(), world.node(), world.devices
        await there.connect(bob)
        await passes(10)
        world.faults.is_down = lambda name: name == "hints.give"

        await here.say(tom, bob, "1")
        await here.say(tom, bob, "2")
        await passes(100)
        assert bob.texts == []
        await passes(6_000)

        assert bob.texts == ["1", "2"]


async def test_without_a_line_for_hints_everything_is_told_within_a_second_or_so():
    async with chatting() as world:
        world.faults.is_down = lambda name: name.startswith("hints.")
        here, there, (tom, bob, _) = world.node(), world.node(), world.devices
        await there.connect(bob)
        await passes(3_000)

        await here.say(tom, bob, "1")
        await passes(2_100)

        assert bob.texts == ["1"]


async def test_a_hint_may_come_twice_or_make_no_sense():
    async with chatting() as world:
        here, there, (tom, bob, _) = world.node(), world.node(), world.devices
        await there.connect(bob)
        await passes(10)
        said = await here.say(tom, bob, "1")
        await passes(100)

        for hint in (
            f"{said.conversation_id} {said.id}",
            f"{said.conversation_id} {said.id}",
            "",
            "x",
            "j:1",
            "j:a b c",
        ):
            there.deliveries._heard(hint)
        await passes(100)

        assert bob.texts == ["1"]


@pytest.mark.parametrize("has_hints", [True, False])
async def test_who_joins_on_another_node_hears_the_group_without_a_hole(has_hints):
    async with chatting() as world:
        here, there, (tom, bob, _) = world.node(), world.node(), world.devices
        group_id = await world.group(tom)
        await here.connect(tom)
        await there.connect(bob)
        await here.say(tom, group_id, "before")
        await passes(20_000)
        if not has_hints:
            world.faults.is_down = lambda name: name == "hints.give"

        await here.join(bob, group_id)
        await here.say(tom, group_id, "1")
        await here.say(tom, group_id, "2")
        await passes(7_000)
        world.faults.is_down = lambda _name: False
        await here.say(tom, group_id, "3")
        await passes(100)

        assert bob.texts == ["1", "2", "3"]


# --- everything at once --------------------------------------------------------------------------------------------


async def storm(seed: int, kind: type[Deliveries]) -> list[str]:
    """An hour in which everything that can break does, and what was wrong at its end."""
    dice = random.Random(seed)
    world = ChatWorld(kind=kind, seed=seed)
    people = [world.device() for _ in range(4)]
    group_id = await world.group(people[0], *people[1:3])
    for _ in range(2):
        world.node(skew_ms=dice.randrange(-2_000, 2_000))
    kept: list[tuple[Any, list[Device]]] = []

    async def say(node: ChatNode, number: int) -> None:
        sender = dice.choice(people[:3])
        target: Device | Snowflake | None = dice.choice([*people[:3], group_id, group_id, None])
        if target is sender:
            target = people[3]
        hearers = [sender, target] if isinstance(target, Device) else people if target is None else people[:3]
        with suppress(EngineError):
            kept.append((await node.say(sender, target, str(number)), hearers))

    async def come(node: ChatNode, device: Device) -> None:
        with suppress(EngineError, StoreError):
            await node.connect(device, delay_ms=dice.randrange(1, 400))

    doing: set[asyncio.Task[None]] = set()

    def do(work: Any) -> None:
        task = asyncio.create_task(work)
        doing.add(task)
        task.add_done_callback(doing.discard)

    def break_something() -> None:
        faults = world.faults
        faults.refused_percent = dice.choice((0, 0, 0, 20))
        faults.unheard_percent = dice.choice((0, 0, 0, 20))
        faults.slow_ms_max = dice.choice((0, 0, 30, 900))
        down = dice.choice(("nothing", "nothing", "hints.give", "hints.", "messages.after", "messages.kept_after"))
        faults.is_down = lambda name: name.startswith(down)

    for step in range(250):
        await passes(dice.choice((5, 50, 300, 3_000)))
        match dice.randrange(12):
            case 0:
                break_something()
            case 1 if dice.randrange(3) == 0:
                await dice.choice(world.nodes).die()
                world.node(skew_ms=dice.randrange(-2_000, 2_000))
            case 2 | 3:
                dice.choice(people).hang_up()
            case 4 | 5:
                for device in people:
                    if device.line is None:
                        do(come(dice.choice(world.nodes), device))
            case 6 | 7:
                for node in world.nodes:
                    for line in tuple(node.lines.values()):
                        line.ping()
            case _:
                do(say(dice.choice(world.nodes), step))
    world.faults.__init__(seed)  # type: ignore[misc]
    await passes(20_000)
    for device in people:
        if device.line is None:
            await world.nodes[0].connect(device)
    await passes(20_000)
    wrong = _wrong(world, kept, people)
    await asyncio.gather(*doing)
    await world.end()
    return wrong


def _wrong(world: ChatWorld, kept: list[tuple[Any, list[Device]]], people: list[Device]) -> list[str]:
    wrong = []
    there = world.stores.messages._database.messages  # type: ignore[attr-defined]
    for message, hearers in kept:
        lacking = [device.person.id for device in hearers if message.id not in device.ids]
        if lacking:
            wrong.append(f"{message.text} in {message.conversation_id} not heard by {lacking}")
    for device in people:
        for heard in device.heard:
            if there.get(heard.id) != heard:
                wrong.append(f"{heard.text} was heard and is not kept")
            if heard.people and device.person.id not in heard.people:
                wrong.append(f"{heard.text} was heard by {device.person.id}, whose business it is not")
        for conversation_id, ids in device.first_heard().items():
            if ids != sorted(ids):
                wrong.append(f"{conversation_id} was heard by {device.person.id} in another order")
    return wrong


@pytest.mark.parametrize("seed", range(25))
async def test_every_message_that_was_confirmed_is_heard_by_all_in_one_order(seed):
    assert await storm(seed, Deliveries) == []


class TellsBeforeItKeeps(Deliveries):
    async def keep(self, conversation_id, make):
        self._tell(make(Snowflake(await self._snowflakes.next()), Snowflake(0), self._node.now_ms()))
        return await super().keep(conversation_id, make)


class ProvesWhatIsWritten(Deliveries):
    def _tell(self, message):
        super()._tell(message)
        for line in self._lines.values():
            self._proofs[line.person_id] = max(message.id, self._proofs.get(line.person_id, Snowflake(0)))


class ReadsBeforeItListens(Deliveries):
    async def open(self, person, connection, *, after_id=None):
        async def nothing(line, _person, _after_id):
            for conversation_id in since:
                self._listen(line, conversation_id)
            return missed

        line = _ForReading(person.id, connection)
        missed = await super()._missed(line, person, after_id)
        since = set(line.conversations)
        await asyncio.sleep(0.3)
        for conversation_id in since:
            self._lines_of[conversation_id].discard(line)
        self._missed = nothing
        try:
            await super().open(person, connection, after_id=after_id)
        finally:
            del self._missed


class _ForReading:
    def __init__(self, person_id, connection):
        self.person_id, self.connection, self.conversations = person_id, connection, set()


class NeverSweeps(Deliveries):
    async def _sweep(self):
        self._swept_mono_ms = self._world.clock.mono_ms()


class TellsWhatComesNext(Deliveries):
    """Without looking whether something came before it."""

    async def _follow(self, conversation_id):
        last = await self._messages.before(conversation_id, None, limit=1)
        for message in last:
            self._tell(message)


@pytest.mark.parametrize(
    "kind", [TellsBeforeItKeeps, ProvesWhatIsWritten, ReadsBeforeItListens, NeverSweeps, TellsWhatComesNext]
)
async def test_the_storm_finds_what_is_wrong(kind):
    for seed in range(25):
        with suppress(AssertionError, KeyError):
            if await storm(seed, kind):
                return
            continue
        return
    pytest.fail("not found")
