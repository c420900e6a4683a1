"""What is true of the site's shows and money, and what may therefore be sold, told and answered.

``SiteTruth`` is written while a seed runs: what shows were said to be and from when on, who paid and subscribed when,
who opened which socket, and what each was told. From that alone it works out who may be where at any moment, and
compares: at the door, for as long as somebody is inside, and with every answer. It knows none of the engine's rules but
the documents'; of an engine it asks only what is to be judged. The books themselves are ``tests.invariants``'.

Source: SITE-20 … SITE-38, SITE-46 … SITE-48, INV-8, INV-10, INV-14, INV-17, INV-19, INV-23.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from engine.events import AudienceChanged, Event, RightEnded, RoomTextSaid
from engine.ports import CryptoStatus
from engine.room.actor import RoomActor
from engine.services.admissions import Pass, Right
from engine.services.guests import is_guest
from store.interfaces.chats import ViewerLine
from store.interfaces.ids import OrderId, PersonId, RoomId
from store.interfaces.ledger import EntryKind, JournalEntry, Move, Outcome, SubscriptionClaim, Verdict
from store.interfaces.rooms import RoomKind, RoomRecord, SanctionKind
from store.interfaces.shows import ShowInfo, ShowKind
from store.interfaces.subscriptions import SubscriptionRecord

if TYPE_CHECKING:
    from tests.sim.world import SimNode, World

__all__ = ["PRICE_AT_FIRST", "THIRTY_DAYS_MS", "SiteTruth"]

EPOCH_MS: Final = 1_767_225_600_000
THIRTY_DAYS_MS: Final = 30 * 24 * 60 * 60 * 1_000
PRICE_AT_FIRST: Final = 10
DOUBLE_MS: Final = 5_000
PROMPT_MS: Final = 1_000
SWEPT_MS: Final = 7_500 + 1_000
"""By when a sweep has been, and has done what it does."""

QUIET_MS: Final = 20_000
LATE_MS: Final = 80_000
"""So old can be what a request was decided by: its node was frozen, its store stalled."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a show was said to be, from ``at_ms`` on. ``is_prompt``: said to the node that has it."""

    at_ms: int
    info: ShowInfo | None
    is_prompt: bool = False

    @property
    def kind(self) -> ShowKind:
        """Who may enter."""
        return ShowKind.FREE if self.info is None or not self.info.price else self.info.kind

    @property
    def price(self) -> int:
        """What it costs."""
        return 0 if self.info is None or self.kind is ShowKind.FREE else self.info.price


@dataclass(slots=True)
class Ear:
    """A socket that was let in somewhere, or to wait there."""

    since_ms: int
    sockets: set[str] = field(default_factory=set)


class SiteTruth:
    """Everything that happened on the site, by the world's own clock."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self._terms: dict[RoomId, list[Terms]] = defaultdict(list)
        self._anchors: dict[RoomId, PersonId] = {}
        self._paid_ms: dict[tuple[PersonId, RoomId], int] = {}
        self._subscribed: dict[tuple[PersonId, PersonId], list[tuple[int, int]]] = defaultdict(list)
        self._ends_ms: dict[tuple[PersonId, PersonId], int] = {}
        """When the latest of each two expires, by the store's clock."""
        self._prices: dict[PersonId, list[tuple[int, int]]] = defaultdict(lambda: [(0, PRICE_AT_FIRST)])
        self._on_air_ms: dict[RoomId, int] = {}
        """Since when somebody has it on air."""
        self._opened_ms: dict[RoomId, int] = {}
        """Since when it is on air, whoever has had it."""
        self._ears: dict[tuple[int, PersonId, RoomId], Ear] = {}
        self._gone_ms: dict[tuple[int, PersonId, RoomId], int] = {}
        self._lines: dict[RoomId, list[ViewerLine]] = defaultdict(list)
        self._told: set[tuple[RoomId, PersonId, str]] = set()
        self._muted_ms: dict[tuple[RoomId, PersonId], int] = {}
        self._statuses: dict[OrderId, CryptoStatus] = {}

    # --- who may be where ------------------------------------------------------------------------------------------

    def rights(self, person_id: PersonId, room_id: RoomId, since_ms: int, until_ms: int) -> set[Right | None]:
        """Every answer that was right at some moment between the two to why he may enter; None: he may not."""
        rights: set[Right | None] = set()
        anchor_id = self._anchors[room_id]
        paid_ms = self._paid_ms.get((person_id, room_id), self.world.now_ms + 1)
        is_surely_subscribed, is_perhaps_subscribed = self._is_subscribed(person_id, anchor_id, since_ms, until_ms)
        for terms in self._terms_between(room_id, since_ms, until_ms):
            if terms.kind is ShowKind.FREE:
                rights.add(Right.FREE)
            elif person_id == anchor_id:
                rights.add(Right.OWNER)
            elif is_guest(person_id):
                rights.add(None)
            else:
                is_vip = terms.kind is ShowKind.VIP
                if paid_ms <= until_ms:
                    rights.add(Right.PAID)
                if paid_ms > since_ms and is_vip and is_perhaps_subscribed:
                    rights.add(Right.SUBSCRIBED)
                if paid_ms > since_ms and not (is_vip and is_surely_subscribed):
                    rights.add(None)
        return rights

    def _terms_between(self, room_id: RoomId, since_ms: int, until_ms: int) -> Iterator[Terms]:
        said = self._terms[room_id]
        for terms, later in zip(said, [*said[1:], None], strict=True):
            if terms.at_ms <= until_ms and (later is None or later.at_ms >= since_ms):
                yield terms

    def _is_subscribed(self, user_id: PersonId, anchor_id: PersonId, since_ms: int, until_ms: int) -> tuple[bool, bool]:
        """Whether surely, at every moment between the two, and whether at some moment perhaps."""
        slack_ms, is_surely, is_perhaps = self._slack_ms(), False, False
        for begins_ms, ends_ms in self._subscribed[user_id, anchor_id]:
            is_surely |= begins_ms <= since_ms and until_ms < ends_ms - slack_ms
            is_perhaps |= begins_ms <= until_ms and since_ms < ends_ms + slack_ms
        return is_surely, is_perhaps

    def _lost_ms(self, person_id: PersonId, room_id: RoomId) -> tuple[int, bool] | None:
        """Since when he surely may not be there, and whether that was plain to see at once; None: he may."""
        now_ms = self.world.now_ms
        if self.rights(person_id, room_id, now_ms, now_ms) != {None}:
            return None
        changes = [(terms.at_ms, terms.is_prompt) for terms in self._terms[room_id]]
        changes += [
            (ends_ms + self._slack_ms(), False)
            for _, ends_ms in self._subscribed[person_id, self._anchors[room_id]]
            if ends_ms + self._slack_ms() <= now_ms
        ]
        for at_ms, is_prompt in sorted(changes, reverse=True):
            if self.rights(person_id, room_id, at_ms - 1, at_ms - 1) != {None}:
                return at_ms, is_prompt
        return 0, False

    # --- what is kept ----------------------------------------------------------------------------------------------

    def opened(self, room_id: RoomId, anchor_id: PersonId) -> None:
        """There is such a show."""
        self._anchors[room_id] = anchor_id
        self._terms[room_id].append(Terms(0, None))

    def subscribed(self, one: SubscriptionRecord) -> None:
        """A subscription begins."""
        since_ms, until_ms = one.since_ms - EPOCH_MS, one.until_ms - EPOCH_MS
        if until_ms - since_ms != THIRTY_DAYS_MS:
            self._break(f"SITE-26: {one} lasts {until_ms - since_ms} ms")
        slack_ms, now_ms = self._slack_ms() + self._late_ms(), self.world.now_ms
        if since_ms > -1 and not now_ms - slack_ms <= since_ms <= now_ms + slack_ms:
            self._break(f"SITE-26: {one} begins at {since_ms}, and now it is {now_ms}")
        pair = (one.user_id, one.anchor_id)
        if one.since_ms < self._ends_ms.get(pair, 0):
            self._break(f"SITE-27: {one} begins while another runs, until {self._ends_ms[pair]}")
        self._ends_ms[pair] = one.until_ms
        if since_ms > -1 and one.price not in self._asked(one.anchor_id):
            self._break(f"SITE-26: {one} costs {one.price}, asked were {self._asked(one.anchor_id)}")
        self._subscribed[pair].append((now_ms, until_ms - self.world.store_step_ms))

    def _asked(self, anchor_id: PersonId) -> set[int]:
        """What she asked for a subscription lately."""
        since_ms, prices = self.world.now_ms - self._late_ms(), self._prices[anchor_id]
        return {
            price
            for (_, price), later in zip(prices, [*prices[1:], None], strict=True)
            if later is None or later[0] >= since_ms
        }

    def applied(self, node: "SimNode", store: str, method: str, args: tuple[Any, ...]) -> None:
        """A call of a store took effect."""
        now_ms = self.world.now_ms
        match store, method:
            case "shows", "describe":
                room_id, info = args
                owner = self.world.owner_of_room(room_id)
                self._terms[room_id].append(Terms(now_ms, info, is_prompt=owner is node))
            case "subscriptions", "set_price":
                self._prices[args[0]].append((now_ms, args[1]))
            case "subscriptions", "begin":
                kept = self.world.database.subscriptions.get((args[0].user_id, args[0].anchor_id))
                if (
                    kept is not None
                    and kept == args[0]
                    and self._ends_ms.get((kept.user_id, kept.anchor_id)) != kept.until_ms
                ):
                    self.subscribed(kept)
            case "chats", "keep_line":
                self._line_kept(args[0])

    def posted(self, moves: Iterable[Move], outcomes: Iterable[Outcome]) -> None:
        """Money has moved."""
        done = [
            (move, outcome.entry)
            for move, outcome in zip(moves, outcomes, strict=True)
            if outcome.verdict is Verdict.POSTED and outcome.entry is not None
        ]
        for move, entry in done:
            if entry.kind is EntryKind.ADMISSION:
                self._admitted(entry)
            if isinstance(move.claim, SubscriptionClaim):
                self.subscribed(move.claim.subscription)
        if len(done) == 1:
            self._told_what_is_left(done[0][1])

    def _admitted(self, entry: JournalEntry) -> None:
        room_id = RoomId(entry.id.removeprefix(f"vip:{entry.person_id}:"))
        if room_id not in self._anchors or (entry.person_id, room_id) in self._paid_ms:
            self._break(f"SITE-30: {entry.id} pays for what there is not, or once more")
            return
        now_ms = self.world.now_ms
        self._paid_ms[entry.person_id, room_id] = now_ms
        prices = {terms.price for terms in self._terms_between(room_id, now_ms - self._late_ms(), now_ms)} - {0}
        if -entry.postings[0].amount not in prices:
            self._break(f"SITE-30: {entry.id} paid {-entry.postings[0].amount}, it costs {prices}")

    def _told_what_is_left(self, entry: JournalEntry) -> None:
        """Of a batch with one move, the receipt is what the store shows right after."""
        for held in entry.held:
            balance = self.world.database.balances.get(held.account, 0)
            balance += sum(
                earned.amount
                for batch in self.world.database.pending
                for earned in batch.get(held.account, {}).values()
            )
            if held.amount != balance:
                self._break(f"INV-3: {entry.id} leaves {balance} in {held.account}, and tells {held.amount}")

    def written(self, method: str, record: RoomRecord) -> None:
        """A room was written."""
        if method in ("add", "reopen", "claim") and record.kind is RoomKind.SHOW:
            self._on_air_ms[record.id] = self.world.now_ms
            if method != "claim":
                self._opened_ms[record.id] = self.world.now_ms

    # --- what is said ----------------------------------------------------------------------------------------------

    def _line_kept(self, line: ViewerLine) -> None:
        kept = self.world.database.viewer_lines.get(line.room_id, [])
        if len(kept) == len(self._lines[line.room_id]):
            return
        former = self._lines[line.room_id]
        if any(
            (one.person_id, one.text) == (line.person_id, line.text) and 0 <= line.at_ms - one.at_ms < DOUBLE_MS
            for one in former
        ):
            self._break(f"SITE-47: {line} is kept twice")
        former.append(line)
        record = self.world.database.rooms.get(line.room_id)
        if record is not None and self._is_mute_for_long(record, line.person_id):
            self._break(f"INV-19: person {line.person_id} is mute in {line.room_id}, and {line.text!r} is kept")

    def _is_mute_for_long(self, record: RoomRecord, person_id: PersonId) -> bool:
        """Whether no request under way can be from before he was muted."""
        muted_ms = self._muted_ms.get((record.id, person_id))
        if muted_ms is None or muted_ms > self.world.now_ms - self._late_ms():
            return False
        now_ms = self.world.store_now_ms() + self._slack_ms()
        return any(
            (one.person_id, one.kind) == (person_id, SanctionKind.MUTE)
            and (one.until_ms is None or one.until_ms > now_ms)
            for one in record.sanctions
        )

    # --- what nodes tell -------------------------------------------------------------------------------------------

    def told(self, person_id: PersonId, event: Event) -> None:
        """One person was told something."""
        if isinstance(event, RightEnded):
            now_ms = self.world.now_ms
            self.world.rare["right ended inside"] += 1
            if None not in self.rights(person_id, event.room_id, now_ms - self._late_ms(), now_ms):
                self._break(f"SITE-31: person {person_id} may be in {event.room_id}, and was put out")

    def told_room(self, node: "SimNode", record: RoomRecord, event: Event) -> None:
        """A room was told something."""
        if record.kind is not RoomKind.SHOW:
            return
        match event:
            case AudienceChanged(count=count):
                audience = node.engine.rooms._owned[record.id].state.audience
                if count != len(set(audience) - {record.anchor_id}):
                    self._break(f"INV-14: {record.id} says it is {count}, and {list(audience)} are in it")
            case RoomTextSaid(from_id=from_id, text=text):
                if not any((one.person_id, one.text) == (from_id, text) for one in self._lines[record.id]):
                    self._break(f"SITE-46: {record.id} hears {text!r} before it is kept")
                said = (record.id, from_id, text)
                if said in self._told and self.world.swarm.is_calm:
                    self._break(f"SITE-47: {record.id} hears {text!r} twice")
                self._told.add(said)

    def listens(self, node: "SimNode", room_id: RoomId, person_id: PersonId) -> None:
        """A socket hears a room from now on."""
        if room_id not in self._anchors:
            return
        now_ms = self.world.now_ms
        if self.rights(person_id, room_id, now_ms - self._late_ms(), now_ms) == {None}:
            self._break(f"SITE-34: person {person_id} has no right to hear {room_id}, and does at {node.label}")

    # --- what was answered -----------------------------------------------------------------------------------------

    def looked(self, person_id: PersonId, room_id: RoomId, found: Pass | None, *, asked_ms: int) -> None:
        """Somebody was told why he may enter, and until when."""
        right = None if found is None else found.right
        due = self.rights(person_id, room_id, asked_ms, self.world.now_ms)
        if right not in due:
            self._break(f"SITE-31: person {person_id} was told {right} of {room_id}, due is {due}")

    def refused(self, person_id: PersonId, room_id: RoomId, *, asked_ms: int) -> None:
        """He was not let in, or not let talk, as he has no right."""
        self.looked(person_id, room_id, None, asked_ms=asked_ms)

    def off_air(self, room_id: RoomId, *, asked_ms: int) -> None:
        """Somebody was told that the show is off air (SITE-37)."""
        record = self.world.database.rooms.get(room_id)
        opened_ms = self._opened_ms.get(room_id, self.world.now_ms)
        if record is not None and record.is_open and opened_ms < asked_ms and not self.world.is_parked(room_id):
            self._break(f"SITE-37: {room_id} is on air since {opened_ms}, and was told not to be")

    def said(self, person_id: PersonId, room_id: RoomId, text: str, *, asked_ms: int) -> None:
        """What he said was taken."""
        if not any((one.person_id, one.text) == (person_id, text) for one in self._lines[room_id]):
            self._break(f"INV-23: {text!r} of person {person_id} in {room_id} was confirmed and not kept")
        since_ms = asked_ms - SWEPT_MS - self._late_ms()
        if self.rights(person_id, room_id, since_ms, self.world.now_ms) == {None}:
            self._break(f"SITE-34: person {person_id} has no right to {room_id}, and talks there")

    def muted(self, room_id: RoomId, person_id: PersonId) -> None:
        """Her client was told that he is."""
        self._muted_ms[room_id, person_id] = self.world.now_ms
        record = self.world.database.rooms[room_id]
        if not any((one.person_id, one.kind) == (person_id, SanctionKind.MUTE) for one in record.sanctions):
            self._break(f"INV-23: person {person_id} was told to be mute in {room_id}, and that is not kept")

    def running(self, user_id: PersonId, anchor_id: PersonId, *, is_running: bool, asked_ms: int) -> None:
        """Somebody was told whether he is subscribed."""
        is_surely, is_perhaps = self._is_subscribed(user_id, anchor_id, asked_ms, self.world.now_ms)
        if (is_running and not is_perhaps) or (not is_running and is_surely):
            self._break(
                f"SITE-28: person {user_id} was told {is_running} of his subscription to {anchor_id},"
                f" it runs {self._subscribed[user_id, anchor_id]}"
            )

    def sold_a_place(self, room_id: RoomId, others: set[PersonId], *, asked_ms: int) -> None:
        """Somebody has just paid for a one-to-one room in which ``others`` were all the time (SITE-32)."""
        kinds = {terms.kind for terms in self._terms_between(room_id, asked_ms - self._late_ms(), self.world.now_ms)}
        if others and kinds == {ShowKind.ONE_TO_ONE}:
            self._break(f"SITE-32: a place of {room_id} was sold while {others} were inside")

    def status_told(self, order_id: OrderId, status: CryptoStatus) -> None:
        """Somebody was told how far his order is: never back (protocols 5.2)."""
        former = self._statuses.get(order_id, status)
        if status.rank < former.rank:
            self._break(f"INV-8: order {order_id} was {former}, and is {status}")
        self._statuses[order_id] = status

    # --- sockets ---------------------------------------------------------------------------------------------------

    def came(self, node: "SimNode", room_id: RoomId, person_id: PersonId, socket: str) -> None:
        """A socket was let in, or to wait."""
        ear = self._ears.setdefault((node.number, person_id, room_id), Ear(self.world.now_ms))
        ear.sockets.add(socket)

    def went(self, node: "SimNode", room_id: RoomId, person_id: PersonId, socket: str) -> None:
        """It is closed, or was told that it is out."""
        key = (node.number, person_id, room_id)
        ear = self._ears.get(key)
        if ear is not None:
            ear.sockets.discard(socket)
            if not ear.sockets:
                del self._ears[key]
                self._gone_ms[key] = self.world.now_ms

    def closed(self, node: "SimNode", person_id: PersonId, socket: str) -> None:
        """A socket is closed, wherever it was."""
        for number, who, room_id in list(self._ears):
            if (number, who) == (node.number, person_id):
                self.went(node, room_id, person_id, socket)

    def roll_call(self) -> None:
        """See who is at which show, between any two turns, where nothing excuses anybody."""
        if not self._anchors or not self.world.is_quiet_for(QUIET_MS):
            return
        for node in self.world.live_nodes:
            for actor in node.engine.rooms._owned.values():
                record = self.world.database.rooms[actor.record.id]
                is_current = (record.owner, record.epoch) == (node.engine.node.id, actor.record.epoch)
                if record.kind is RoomKind.SHOW and record.is_open and is_current and not node.is_frozen:
                    self._look_into(node, actor)

    def _look_into(self, node: "SimNode", actor: RoomActor) -> None:
        room_id, now_ms = actor.record.id, self.world.now_ms
        inside = set(actor.state.audience)
        self._look_for_uninvited(node, room_id, inside)
        owned_ms = now_ms - self._on_air_ms[room_id]
        for person_id in sorted(inside):
            key = (node.number, person_id, room_id)
            if key in self._ears:
                continue
            # Whoever the former owner had inside is waited for; whoever closes his last socket here is not.
            away_ms = now_ms - self._gone_ms.get(key, 0)
            is_excused = owned_ms <= self.world.options.rooms.return_ms + SWEPT_MS
            if away_ms > PROMPT_MS and (away_ms < owned_ms or not is_excused):
                self._break(f"INV-14: person {person_id} is in {room_id} without a socket, for {away_ms} ms")
        kinds = {terms.kind for terms in self._terms_between(room_id, now_ms - SWEPT_MS, now_ms)}
        for (number, person_id, where), ear in self._ears.items():
            if (number, where) != (node.number, room_id) or person_id in inside or person_id == actor.record.anchor_id:
                continue
            is_patient = now_ms - ear.since_ms <= SWEPT_MS or owned_ms <= SWEPT_MS
            has_right = None not in self.rights(person_id, room_id, now_ms - SWEPT_MS, now_ms)
            if not is_patient and has_right and ShowKind.ONE_TO_ONE not in self._said_kinds(room_id):
                self._break(f"INV-14: person {person_id} has a socket at {room_id} and is not counted, {kinds}")

    def _said_kinds(self, room_id: RoomId) -> set[ShowKind]:
        """What the show was called lately: in a one-to-one room somebody may have to wait, even for nothing."""
        now_ms = self.world.now_ms
        said = [terms.info for terms in self._terms_between(room_id, now_ms - SWEPT_MS, now_ms)]
        return {info.kind for info in said if info is not None}

    def _look_for_uninvited(self, node: "SimNode", room_id: RoomId, inside: set[PersonId]) -> None:
        for person_id in sorted(inside):
            lost = self._lost_ms(person_id, room_id)
            if lost is None or (node.number, person_id, room_id) not in self._ears:
                continue
            lost_ms, is_prompt = lost
            since_ms = max(lost_ms, self._on_air_ms[room_id])
            is_prompt = is_prompt and self._on_air_ms[room_id] < lost_ms
            if self.world.now_ms - since_ms > (PROMPT_MS if is_prompt else SWEPT_MS + PROMPT_MS):
                self._break(f"SITE-34: person {person_id} is in {room_id} without a right, since {lost_ms}")

    def settled(self) -> Iterator[str]:
        """What has to agree in the end."""
        given: dict[PersonId, int] = defaultdict(int)
        received: dict[PersonId, int] = defaultdict(int)
        database = self.world.database
        for entry in database.entries.values():
            if entry.kind is EntryKind.DONATION:
                given[entry.person_id] += -entry.postings[0].amount
                received[PersonId(int(entry.note.rpartition(" → ")[2]))] += -entry.postings[0].amount
        if (given, received) != (database.donations_given, database.donations_received):
            yield f"SITE-24: given were {dict(given)}, received {dict(received)}, told would be others"

    # --- parts -----------------------------------------------------------------------------------------------------

    def _slack_ms(self) -> int:
        """By how much an honest node may be wrong about the time."""
        return 50 if self.world.swarm.is_calm else 1_500 + self.world.truth.steps_ms

    def _late_ms(self) -> int:
        """How old what somebody decides by may be."""
        if self.world.swarm.is_calm:
            return 500
        return LATE_MS if self.world.swarm.has_outages else 8_000

    def _break(self, finding: str) -> None:
        self.world.break_off(finding)
