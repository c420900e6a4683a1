"""Messages on their way to the sockets of this node, each conversation in its order, and each at least once.

A message is told only after it is kept, and after all that came before it in its conversation. What is new is learnt
in three ways, all of which end in asking the store: it was kept here; another node gave a hint; or a sweep has found
it, which needs no hint and no luck. So no hint has to arrive, and a message that a node could not tell is told later.

Whoever opens a socket is first told what he has missed. From then on he hears what is told; between the two is no hole:
he listens before the store is asked, and what is heard meanwhile waits.

How far somebody has certainly been told is one id, the *proof*. It moves on when his client has answered a ping that
was sent after the message. Words that a client says of its own accord prove nothing: they may have left it before the
message came. Ids of two conversations do not say which was kept first, so a message may be kept a little later than
one with a greater id: as long as a store may take to answer, and as node's clocks differ. That is why a proof counts
only while sweeps succeed, and why what is older than it by less than ``OVERLAP_MS`` is told again. Clients drop what
they have by its id.

Source: seed behaviour §4.6, SO-47, SO-50.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from engine.errors import StoreDown
from engine.events import Event, MessageSaid
from engine.node import Node
from engine.ports import Position
from engine.services.groups import GROUPS_MAX
from engine.services.turns import Turns
from engine.snowflakes import Snowflakes, first_of, moved
from engine.storage import store_answers
from engine.world import World
from store.interfaces.errors import Conflict, StoreError
from store.interfaces.groups import Joined
from store.interfaces.ids import PersonId, RoomId, Snowflake
from store.interfaces.messages import EVERYBODY, NOTHING, ConversationId, MessageRecord
from store.interfaces.people import PersonRecord

__all__ = ["Deliveries", "conversation_of_group", "conversation_of_two"]

KeyT = TypeVar("KeyT")

OVERLAP_MS: Final = 30_000
"""So much before a proof is told again: see ``LATE_MS`` and ``SWEPT_MS``, with room for clocks that differ."""

LATE_MS: Final = 10_000
"""A message is kept at most so long after its id says: the store's deadline is 2 s, the rest is for clocks."""

TICK_MS: Final = 1_000
SWEEP_TICKS: Final = 5
"""A sweep every five seconds, while hints come; without them, every second."""

SWEPT_MS: Final = 10_000
"""Proofs count while the last sweep is no older than this."""

REMEMBERED_MS: Final = 120_000
"""How long it is remembered up to where a conversation has been told that nobody says anything in any more."""

OPENINGS_MAX: Final = 32
"""Sockets that are told at the same time what they have missed: when thousands come back, they wait in line (F-23)."""

AT_ONCE_MAX: Final = 200
SWEPT_AT_ONCE_MAX: Final = 1_000
TRIES_MAX: Final = 20

BACKLOG_BYTES_MAX: Final = 128 * 1024
FRAME_BYTES: Final = 1_000
"""What somebody has missed is told in one go, and must fit into what may wait for one reader; the rest is history."""


def conversation_of_two(one: PersonId, other: PersonId) -> ConversationId:
    """The private conversation of two people."""
    return ConversationId(f"p:{min(one, other)}:{max(one, other)}")


def conversation_of_group(group_id: Snowflake) -> ConversationId:
    """The conversation of a group."""
    return ConversationId(f"g:{group_id}")


class _Line:
    """One socket."""

    __slots__ = ("connection", "conversations", "person_id", "proved_id", "told_id", "waiting")

    def __init__(self, person_id: PersonId, connection: str) -> None:
        self.person_id = person_id
        self.connection = connection
        self.conversations: set[ConversationId] = set()
        """Those it hears beside the private ones of its person."""
        self.waiting: list[MessageRecord] | None = []
        """What was told while it is being told what it has missed; None once it has been."""
        self.told_id = NOTHING
        """The newest of what it had missed."""
        self.proved_id = NOTHING


class Deliveries:
    """Who listens on this node, and what they have been told."""

    def __init__(self, world: World, *, node: Node, snowflakes: Snowflakes, backlog_max: int) -> None:
        """``backlog_max``: so many messages that somebody has missed are told, the newest; the rest is history."""
        self._world = world
        self._messages = world.stores.messages
        self._groups = world.stores.groups
        self._hints = world.stores.hints
        self._sink = world.sink
        self._node = node
        self._snowflakes = snowflakes
        self._backlog_max = backlog_max

        self._lines: dict[str, _Line] = {}
        self._lines_of_person: dict[PersonId, set[_Line]] = {}
        self._lines_of: dict[ConversationId, set[_Line]] = {}
        self._opening: set[_Line] = set()
        self._openings = asyncio.Semaphore(OPENINGS_MAX)

        self._turns: Turns[ConversationId] = Turns()
        self._told: dict[ConversationId, Snowflake] = {}
        """The last message of each conversation that was told here, or needed not be: what comes next names it."""
        self._told_privately: dict[PersonId, Snowflake] = {}
        self._following: set[ConversationId] = set()
        self._behind: set[ConversationId] = set()
        """Of which something is kept that could not be read."""
        self._proofs: dict[PersonId, Snowflake] = {}

        self._began_ms = 0
        self._has_hints = False
        self._is_sweep_due = False
        self._sweep_from_ms = 0
        self._swept_mono_ms: int | None = None

    # --- saying ----------------------------------------------------------------------------------------------------

    async def keep(
        self, conversation_id: ConversationId, make: Callable[[Snowflake, Snowflake, int], MessageRecord]
    ) -> MessageRecord:
        """Keep a message as the next of its conversation, and tell it.

        ``make`` is given its id, that of the message before it, and the time; maybe more than once.

        Raises: StoreDown: not confirmed; it may be kept, and is told then.
        """
        try:
            async with self._turns.of(conversation_id):
                for _ in range(TRIES_MAX):
                    before_id = await self._up_to_now(conversation_id)
                    message_id = await self._snowflakes.next(after=before_id)
                    message = make(message_id, before_id, self._node.now_ms())
                    try:
                        await self._messages.keep(message)
                    except Conflict:
                        # Another node was faster: what it has kept is told first.
                        await self._follow(conversation_id)
                    else:
                        self._tell(message)
                        self._give(f"{conversation_id} {message_id}")
                        return message
        except StoreError as error:
            # Nobody knows whether it is kept. If it is, it is told with the next, or by a sweep.
            self._is_sweep_due = True
            raise StoreDown from error
        raise StoreDown

    # --- listening -------------------------------------------------------------------------------------------------

    async def open(self, person: PersonRecord, connection: str, *, after_id: Snowflake | None = None) -> None:
        """Tell a new socket what its person has missed, and from then on what is said.

        ``after_id`` is the last message that the client has, if it says so: that counts more than what we know.

        Raises: StoreDown.
        """
        line = _Line(person.id, connection)
        self._lines[connection] = line
        self._lines_of_person.setdefault(person.id, set()).add(line)
        self._opening.add(line)
        try:
            with store_answers:
                async with self._openings:
                    missed = await self._missed(line, person, after_id)
        except BaseException:
            self.closed(connection)
            raise
        if connection not in self._lines:
            return  # It has gone meanwhile.
        last_ids = {message.conversation_id: message.id for message in missed}
        assert line.waiting is not None
        # Of a conversation, what has been read is all that was there: what was told meanwhile comes after it, or is it.
        more = [one for one in line.waiting if one.id > last_ids.get(one.conversation_id, NOTHING)]
        line.waiting = None
        line.told_id = max((one.id for one in (*missed, *more)), default=NOTHING)
        self._opening.discard(line)
        self._enter(line, _room_of(person.id), (*missed, *more))
        for conversation_id in line.conversations:
            self._enter(line, _room_of_all_in(conversation_id), ())

    def closed(self, connection: str) -> None:
        """The socket has gone; harmless when it never was."""
        line = self._lines.pop(connection, None)
        if line is None:
            return
        self._opening.discard(line)
        _drop(self._lines_of_person, line.person_id, line)
        if line.person_id not in self._lines_of_person:
            self._told_privately.pop(line.person_id, None)
        for conversation_id in line.conversations:
            _drop(self._lines_of, conversation_id, line)

    # --- proofs ----------------------------------------------------------------------------------------------------

    def mark(self, connection: str) -> Snowflake | None:
        """Up to where the socket has been told all that is its person's; None: nothing new, or not sure of it.

        To be asked when all that was told has been handed to the socket, and nothing else yet.
        """
        line = self._lines.get(connection)
        if line is None or line.waiting is not None or self._behind or not self._is_swept():
            return None
        told = [self._told.get(conversation_id, NOTHING) for conversation_id in line.conversations]
        newest_id = max(line.told_id, self._told_privately.get(line.person_id, NOTHING), *told)
        return newest_id if newest_id > line.proved_id else None

    def prove(self, connection: str, mark: Snowflake) -> None:
        """The client has answered to what came after ``mark``."""
        line = self._lines.get(connection)
        if line is None:
            return
        line.proved_id = max(line.proved_id, mark)
        _advance(self._proofs, line.person_id, mark)

    # --- members ---------------------------------------------------------------------------------------------------

    def joined(self, joined: Joined) -> None:
        """Somebody is in a group from now on: his sockets hear it, on whatever node they are."""
        self._joined(joined)
        self._give(f"j:{joined.group_id} {joined.person_id} {joined.at_ms}")

    # --- its life --------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Hear the hints of other nodes, until cancelled."""
        while True:
            try:
                await self._hints.listen(self._heard, ready=self._hints_begin)
            except StoreError:
                if self._has_hints:
                    self._world.log.warning("hints_lost")
            self._has_hints = False
            await self._world.clock.sleep(TICK_MS)

    async def run(self) -> None:
        """Sweep, and keep proofs, until cancelled."""
        self._began_ms = self._sweep_from_ms = self._node.now_ms()
        tick = 0
        while True:
            tick += 1
            if not self._lines:
                # Whoever comes reads what there is by then.
                self._sweep_from_ms, self._swept_mono_ms = self._node.now_ms(), self._world.clock.mono_ms()
            elif tick % SWEEP_TICKS == 0 or not self._has_hints or self._is_sweep_due or self._behind:
                await self._sweep()
            await self._keep_proofs()
            if tick % SWEEP_TICKS == 0:
                self._forget()
            await self._world.clock.sleep(TICK_MS)

    # --- parts: telling --------------------------------------------------------------------------------------------

    def _tell(self, message: MessageRecord) -> None:
        """To everybody here whom it concerns. Its conversation's turn is the caller's, and all before it was told."""
        self._told[message.conversation_id] = message.id
        event = MessageSaid(message=message)
        if message.people:
            for person_id in message.people:
                if person_id in self._lines_of_person:
                    _advance(self._told_privately, person_id, message.id)
                    self._sink.tell_room(_room_of(person_id), event)
        elif message.conversation_id in self._lines_of:
            self._sink.tell_room(_room_of_all_in(message.conversation_id), event)
        for line in self._opening:
            if line.person_id in message.people or message.conversation_id in line.conversations:
                assert line.waiting is not None
                line.waiting.append(message)

    async def _up_to_now(self, conversation_id: ConversationId) -> Snowflake:
        """The last message of the conversation as known here, all of which has been told. With its turn."""
        if conversation_id not in self._told:
            last_id = await self._messages.last_id_of(conversation_id)
            if last_id > self._horizon():
                await self._follow(conversation_id)
            self._told.setdefault(conversation_id, last_id)
        return self._told[conversation_id]

    async def _follow(self, conversation_id: ConversationId) -> None:
        """Tell what the conversation has more than was told. With its turn."""
        told_id = self._told.get(conversation_id, self._horizon())
        while True:
            news = await self._messages.after(conversation_id, told_id, limit=AT_ONCE_MAX)
            for message in news:
                self._tell(message)
                told_id = message.id
            if len(news) < AT_ONCE_MAX:
                self._behind.discard(conversation_id)
                return

    def _horizon(self) -> Snowflake:
        """What is older than this is told to nobody who is here: he was told when he came, or before."""
        since_ms = max(self._node.now_ms() - REMEMBERED_MS // 2, self._began_ms - LATE_MS)
        return first_of(since_ms)

    # --- parts: opening --------------------------------------------------------------------------------------------

    async def _missed(self, line: _Line, person: PersonRecord, after_id: Snowflake | None) -> tuple[MessageRecord, ...]:
        """What to tell a new line first, oldest first. It listens before anything of that is read."""
        joined = await self._groups.joined_by(person.id, limit=GROUPS_MAX)
        since_ms = {conversation_of_group(one.group_id): one.at_ms for one in joined}
        since_ms[EVERYBODY] = person.created_at_ms
        if line.connection in self._lines:
            for conversation_id in since_ms:
                self._listen(line, conversation_id)
        if after_id is None:
            after_id = await self._messages.told_up_to(person.id)
        newest = await self._messages.newest(
            person.id, since_ms, after_id=moved(after_id, -OVERLAP_MS), limit=self._backlog_max
        )
        # What a group said long before he was in it he may read, but he has not missed it.
        return _fitting(one for one in newest if one.people or one.at_ms >= since_ms[one.conversation_id] - LATE_MS)

    def _listen(self, line: _Line, conversation_id: ConversationId) -> None:
        line.conversations.add(conversation_id)
        self._lines_of.setdefault(conversation_id, set()).add(line)

    def _enter(self, line: _Line, room_id: RoomId, backlog: Iterable[MessageRecord]) -> None:
        events: list[tuple[Event, Position | None]] = [(MessageSaid(message=one), None) for one in backlog]
        self._sink.enter(line.person_id, room_id, connection=line.connection, backlog=events)

    # --- parts: members --------------------------------------------------------------------------------------------

    def _joined(self, joined: Joined) -> None:
        conversation_id = conversation_of_group(joined.group_id)
        lines = self._lines_of_person.get(joined.person_id, ())
        if any(conversation_id not in line.conversations for line in lines):
            self._world.spawn(self._take_in(joined), name="chat-joined")

    async def _take_in(self, joined: Joined) -> None:
        """Tell each socket of a new member what the group has said since, and from now on what it says."""
        conversation_id = conversation_of_group(joined.group_id)
        try:
            async with self._turns.of(conversation_id):
                up_to_id = await self._up_to_now(conversation_id)
                newest = await self._messages.before(conversation_id, Snowflake(up_to_id + 1), limit=self._backlog_max)
                since = _fitting(one for one in newest if one.at_ms >= joined.at_ms - LATE_MS)
                for line in tuple(self._lines_of_person.get(joined.person_id, ())):
                    # One that is being opened may have read its groups before: a sweep comes back to it.
                    if conversation_id not in line.conversations and line.waiting is None:
                        self._listen(line, conversation_id)
                        self._enter(line, _room_of_all_in(conversation_id), since)
        except StoreError:
            self._is_sweep_due = True

    # --- parts: news -----------------------------------------------------------------------------------------------

    def _give(self, hint: str) -> None:
        self._world.spawn(self._give_or_not(hint), name="chat-hint")

    async def _give_or_not(self, hint: str) -> None:
        try:
            await self._hints.give(hint)
        except StoreError:
            return  # Others will sweep.

    def _hints_begin(self) -> None:
        """What was said before may be lost."""
        self._has_hints = True
        self._is_sweep_due = True

    def _heard(self, hint: str) -> None:
        name, *rest = hint.split(" ")
        try:
            if name.startswith("j:"):
                self._joined(Joined(Snowflake(int(name[2:])), PersonId(int(rest[0])), int(rest[1])))
            else:
                self._news(ConversationId(name), Snowflake(int(rest[0])))
        except (ValueError, IndexError):
            self._world.log.warning("hint_not_understood")

    def _news(self, conversation_id: ConversationId, message_id: Snowflake) -> None:
        """There is something in the conversation, up to this message at least."""
        if self._told.get(conversation_id, NOTHING) >= message_id or conversation_id in self._following:
            return
        if not self._is_anybodys(conversation_id):
            if conversation_id not in self._turns:
                # Whoever comes later reads it then.
                self._told[conversation_id] = message_id
            return
        self._follow_soon(conversation_id)

    def _follow_soon(self, conversation_id: ConversationId) -> None:
        if conversation_id not in self._following:
            self._following.add(conversation_id)
            self._world.spawn(self._follow_in_turn(conversation_id), name="chat-follow")

    async def _follow_in_turn(self, conversation_id: ConversationId) -> None:
        try:
            async with self._turns.of(conversation_id):
                self._following.discard(conversation_id)
                await self._follow(conversation_id)
        except StoreError:
            self._behind.add(conversation_id)
        finally:
            self._following.discard(conversation_id)

    def _is_anybodys(self, conversation_id: ConversationId) -> bool:
        """Whether anybody here is in the conversation."""
        if conversation_id in self._lines_of or self._opening:
            return True
        kind, *people = conversation_id.split(":")
        return kind == "p" and any(PersonId(int(one)) in self._lines_of_person for one in people)

    async def _sweep(self) -> None:
        """Find what no hint has told of."""
        began_ms, began_mono_ms = self._node.now_ms(), self._world.clock.mono_ms()
        self._is_sweep_due = False
        since_ms = max(0, self._sweep_from_ms - LATE_MS)
        try:
            place_ms = since_ms
            while True:
                joins = await self._groups.joined_since(place_ms, limit=SWEPT_AT_ONCE_MAX)
                for joined in joins:
                    self._joined(joined)
                if len(joins) < SWEPT_AT_ONCE_MAX:
                    break
                place_ms = max(joins[-1].at_ms, place_ms + 1)
            place_id = first_of(since_ms)
            while True:
                found = await self._messages.kept_after(place_id, limit=SWEPT_AT_ONCE_MAX)
                for conversation_id, message_id in found:
                    self._news(conversation_id, message_id)
                if len(found) < SWEPT_AT_ONCE_MAX:
                    break
                place_id = found[-1][1]
        except StoreError:
            self._is_sweep_due = True
            return
        for conversation_id in self._behind:
            self._follow_soon(conversation_id)
        self._sweep_from_ms, self._swept_mono_ms = began_ms, began_mono_ms

    def _is_swept(self) -> bool:
        return self._swept_mono_ms is not None and self._world.clock.mono_ms() - self._swept_mono_ms <= SWEPT_MS

    async def _keep_proofs(self) -> None:
        proofs, self._proofs = self._proofs, {}
        if not proofs:
            return
        try:
            await self._messages.tell_up_to(proofs)
        except StoreError:
            # Kept with the next ones; what is told again for lack of it does no harm.
            for person_id, message_id in proofs.items():
                _advance(self._proofs, person_id, message_id)

    def _forget(self) -> None:
        """Conversations in which nothing was said for long; those whose people listen are kept, for their proofs."""
        long_ago = first_of(self._node.now_ms() - REMEMBERED_MS)
        for conversation_id, told_id in tuple(self._told.items()):
            if told_id < long_ago and conversation_id not in self._lines_of and conversation_id not in self._turns:
                del self._told[conversation_id]


def _room_of(person_id: PersonId) -> RoomId:
    """Where a person's sockets hear what is said to or by him in private."""
    return RoomId(f"chat:private:{person_id}")


def _room_of_all_in(conversation_id: ConversationId) -> RoomId:
    """Where the sockets of all members hear what is said to them together."""
    return RoomId(f"chat:{conversation_id}")


def _fitting(newest_first: Iterable[MessageRecord]) -> tuple[MessageRecord, ...]:
    """As many of the newest as may be told in one go, oldest first."""
    fitting: list[MessageRecord] = []
    left = BACKLOG_BYTES_MAX
    for message in newest_first:
        left -= FRAME_BYTES + _written(message.description) + 2 * (_written(message.text) + _written(message.url))
        if left < 0:
            break
        fitting.append(message)
    return tuple(reversed(fitting))


def _written(text: str) -> int:
    """How long a text is in a frame at most; what matters may stand in it twice."""
    return len(text.encode()) + text.count('"') + text.count("\\")


def _advance(marks: dict[PersonId, Snowflake], person_id: PersonId, message_id: Snowflake) -> None:
    marks[person_id] = max(message_id, marks.get(person_id, NOTHING))


def _drop(lines: dict[KeyT, set[_Line]], key: KeyT, line: _Line) -> None:
    lines[key].discard(line)
    if not lines[key]:
        del lines[key]
