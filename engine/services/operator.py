"""What operators ask and do. Every number is read from where it is kept; every act leaves an audit line (SEC-31)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from engine import settings
from engine.billing.entries import grant_move
from engine.billing.ledger import Ledger
from engine.call.lifecycle import next_boundary_ms
from engine.errors import BadInput, BelowFloor, KeyReused, NotFound, StoreDown
from engine.ids import Ids
from engine.metrics import Metrics
from engine.node import Node
from engine.presence import Presence
from engine.services.accounts import SITE, SOCIAL
from engine.services.calls import Calls
from engine.services.checks import WAIT_FOR_STORE, Check, CheckResult, unanswered
from engine.services.crypto_recharge import CryptoRecharge
from engine.services.identity import Identity
from engine.services.notices import Notices
from engine.services.operator_rooms import OperatorRooms, RoomCounts
from engine.services.rooms import Rooms
from engine.services.site_people import SitePeople
from engine.services.social_people import SocialPeople
from engine.services.social_sign_ins import SocialSignIns
from engine.services.statements import ENTRIES_MAX, DayOfIncome, Statements, earned_by
from engine.services.web_sign_ins import WebSignIns
from engine.storage import store_answers
from engine.world import World
from store.interfaces.calls import CallRecord, EndReason, Phase
from store.interfaces.errors import StoreError
from store.interfaces.ids import CallId, PersonId, Sequence
from store.interfaces.ledger import Audit, EntryKind, JournalEntry, Verdict
from store.interfaces.money import Currency, currencies_of, wallet
from store.interfaces.notices import AuditLine
from store.interfaces.people import BanKind, PersonRecord, Role

__all__ = [
    "BanKind",
    "Explanation",
    "IncomeStatement",
    "Operator",
    "Role",
    "Status",
    "StuckCall",
    "Wallet",
]

OVERDUE_MS: Final = 5_000
"""A call this far past its own deadline is stuck: the sweep and the alarms had their chance."""

LISTED_MAX: Final = 1_000
FOR_EVER_MS: Final = 2**53
PASSWORD_BYTES: Final = 8
DEVICE: Final = "operator"
"""The device class of sessions that operators open; one of its own, so that nobody is signed out by them."""

LOOK_AGAIN: Final = "greenroom status --watch"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """This node at a glance; the rest is in the metrics."""

    node: str
    up_since_ms: int
    now_ms: int
    lease_is_confirmed: bool
    calls_live: int
    calls_owned: int
    calls_today: dict[str, int]
    calls_stuck: int
    rooms: RoomCounts
    people_here: int
    sockets_open: int
    ledger_waiting: int


class StuckCall(msgspec.Struct, frozen=True, kw_only=True):
    """A live call that should have moved on, and what is wrong with it."""

    call: CallRecord
    why: str
    overdue_ms: int


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A call with its story, the ledger lines behind its bill, and whether the two agree.

    What was paid and earned is summed from the lines of its minutes; gifts are among ``entries`` only.
    """

    call: CallRecord
    guest: PersonRecord | None
    anchor: PersonRecord | None
    entries: tuple[JournalEntry, ...]
    paid_diamonds: int
    earned_points: int
    agrees: bool
    stuck: StuckCall | None


class IncomeStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody earned in a span of time, with the ledger lines behind it (newest first).

    ``agrees`` compares all that was ever earned by the journal with the running totals of the wallet; None when there
    are too many lines to read them all. ``earned_points`` is ever, ``held_points`` now, both in ``currency``.
    """

    anchor: PersonRecord
    currency: Currency
    days: tuple[DayOfIncome, ...]
    entries: tuple[JournalEntry, ...]
    earned_points: int
    held_points: int
    agrees: bool | None


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """What a person holds of each currency of the surface."""

    person: PersonRecord
    holdings: Mapping[Currency, int]


class Operator:
    """The operators' side of the engine."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        ids: Ids,
        ledger: Ledger,
        presence: Presence,
        identity: Identity,
        web_sign_ins: WebSignIns,
        site_people: SitePeople,
        social_people: SocialPeople,
        social_sign_ins: SocialSignIns,
        calls: Calls,
        rooms: Rooms,
        notices: Notices,
        statements: Statements,
        crypto: CryptoRecharge,
        metrics: Metrics,
    ) -> None:
        self._world = world
        self._options = options
        self._node = node
        self._ids = ids
        self._ledger = ledger
        self._presence = presence
        self._identity = identity
        self._web_sign_ins = web_sign_ins
        self._site_people = site_people
        self._social_people = social_people
        self._social_sign_ins = social_sign_ins
        self._calls = calls
        self.rooms = OperatorRooms(world, options, node=node, rooms=rooms, presence=presence, note=self.note)
        """What concerns live rooms."""
        self._notices = notices
        self._statements = statements
        self._crypto = crypto
        self._metrics = metrics
        self._up_since_ms = 0

    def begin(self) -> None:
        """The node is up from now on."""
        self._up_since_ms = self._node.now_ms()

    # --- questions -------------------------------------------------------------------------------------------------

    async def status(self, *, day_began_ms: int) -> Status:
        """This node at a glance. ``day_began_ms`` is when "today" began where the operator sits.

        Raises: StoreDown.
        """
        with store_answers:
            live = await self._world.stores.calls.live(limit=LISTED_MAX)
            today = await self._world.stores.calls.counts_today(day_began_ms)
        return Status(
            node=self._node.id,
            up_since_ms=self._up_since_ms,
            now_ms=self._node.now_ms(),
            lease_is_confirmed=self._node.is_confirmed(),
            calls_live=len(live),
            calls_owned=len(self._calls.owned()),
            calls_today=today,
            calls_stuck=len(self._stuck_among(live)),
            rooms=self.rooms.counts(),
            people_here=self._presence.here_count,
            sockets_open=int(self._metrics.sockets_open.read()),
            ledger_waiting=self._ledger.waiting_count,
        )

    async def live_calls(self) -> tuple[CallRecord, ...]:
        """Calls that have not ended, each as its owner knows it where that is this node.

        Raises: StoreDown.
        """
        owned = {record.id: record for record in self._calls.owned()}
        return tuple(owned.get(record.id, record) for record in await self._live())

    async def stuck_calls(self) -> tuple[StuckCall, ...]:
        """Calls that should have moved on by now.

        Raises: StoreDown.
        """
        return self._stuck_among(await self._live())

    async def call(self, call_id: CallId) -> CallRecord:
        """One call, as its owner knows it where that is this node.

        Raises: NotFound, StoreDown.
        """
        call = await self._calls.get(call_id)
        if call is None:
            raise NotFound("call")
        return call

    async def explain(self, call_id: CallId) -> Explanation:
        """Everything there is to say about one call.

        Raises: NotFound, StoreDown.
        """
        call = await self.call(call_id)
        entries = await self._statements.entries_of_call(call_id)
        with store_answers:
            people = await self._world.stores.people.many((call.guest_id, call.anchor_id))
        minutes = [entry for entry in entries if entry.kind is EntryKind.MINUTE]
        paid = -sum(_moved(entry, Currency.CALLS_DIAMONDS, call.guest_id) for entry in minutes)
        earned = sum(_moved(entry, Currency.CALLS_POINTS, call.anchor_id) for entry in minutes)
        stuck = self._stuck_among((call,)) if call.is_live else ()
        return Explanation(
            call=call,
            guest=people.get(call.guest_id),
            anchor=people.get(call.anchor_id),
            entries=entries,
            paid_diamonds=paid,
            earned_points=earned,
            agrees=(
                sorted(entry.minute or 0 for entry in minutes) == list(range(1, call.minutes_paid + 1))
                and paid == call.minutes_paid * call.price.diamonds
                and earned == call.minutes_paid * call.price.earned_points
            ),
            stuck=stuck[0] if stuck else None,
        )

    async def people(self, *, text: str, role: Role | None, limit: int) -> tuple[PersonRecord, ...]:
        """People by id, external id or the beginning of a nickname; the newest for "".

        Raises: StoreDown.
        """
        with store_answers:
            return await self._world.stores.people.search(text=text, role=role, limit=limit)

    async def person(self, person_id: PersonId) -> PersonRecord:
        """One person.

        Raises: NotFound, StoreDown.
        """
        return await self._person(person_id)

    async def wallet(self, person_id: PersonId) -> Wallet:
        """What a person holds.

        Raises: NotFound, StoreDown.
        """
        person = await self._person(person_id)
        return Wallet(
            person=person,
            holdings={
                currency: await self._statements.held(person_id, currency) for currency in currencies_of(person.surface)
            },
        )

    async def currency(self, person_id: PersonId, name: str) -> Currency:
        """The person's currency of that name or unit; what is bought on the surface for "".

        Raises: NotFound, StoreDown. BadInput: it is no money where that person is.
        """
        person = await self._person(person_id)
        currencies = currencies_of(person.surface)
        for currency in currencies:
            if name in (currency, currency.unit, ""):
                return currency
        raise BadInput(f"{person_id} holds {', '.join(currencies) or 'no money'}", field="currency")

    async def entries(
        self, person_id: PersonId, currency: Currency, *, since_ms: int, until_ms: int, limit: int
    ) -> tuple[JournalEntry, ...]:
        """The ledger lines of a wallet, newest first.

        Raises: NotFound, StoreDown.
        """
        await self._person(person_id)
        return await self._statements.entries_of(person_id, currency, since_ms=since_ms, until_ms=until_ms, limit=limit)

    async def income(self, anchor_id: PersonId, *, since_ms: int, until_ms: int, offset_ms: int) -> IncomeStatement:
        """What somebody earned from ``since_ms`` to before ``until_ms``; days begin ``offset_ms`` before UTC's.

        Raises: NotFound, StoreDown.
        """
        anchor = await self._person(anchor_id)
        currency = currencies_of(anchor.surface)[-1]
        account = wallet(currency, anchor_id)
        before = await self._statements.income_of(anchor_id, currency)
        entries = await self._statements.entries_of(
            anchor_id, currency, since_ms=0, until_ms=FOR_EVER_MS, limit=ENTRIES_MAX
        )
        after = await self._statements.income_of(anchor_id, currency)
        by_journal = sum(earned_by(entry, account) for entry in entries)
        lines = await self.entries(anchor_id, currency, since_ms=since_ms, until_ms=until_ms, limit=ENTRIES_MAX)
        return IncomeStatement(
            anchor=anchor,
            currency=currency,
            days=await self._statements.income_by_day(
                anchor_id, currency, since_ms=since_ms, until_ms=until_ms, offset_ms=offset_ms
            ),
            entries=tuple(entry for entry in lines if earned_by(entry, account)),
            earned_points=after.points,
            held_points=await self._statements.held(anchor_id, currency),
            # She may earn while we read; income only grows.
            agrees=before.points <= by_journal <= after.points if len(entries) < ENTRIES_MAX else None,
        )

    @property
    def now_ms(self) -> int:
        """The store's time, which all times here are."""
        return self._node.now_ms()

    async def verify(self) -> Audit:
        """Recompute all balances from the journal and compare. Takes a while.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._world.stores.ledger.audit()

    async def doctor(self) -> tuple[Check, ...]:
        """All checks, each with what to do next when it fails."""
        return (
            self._check_lease(),
            await self._check_ledger(),
            await self._check_stuck(),
            await self._check_owners(),
            *await self.rooms.checks(),
            await self._check_outbox(),
            await self._check_crypto(),
            await self._check_presence(),
        )

    async def audit_tail(self, limit: int) -> tuple[AuditLine, ...]:
        """What operators did lately, newest first.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._world.stores.notices.audit_tail(limit)

    # --- acts ------------------------------------------------------------------------------------------------------

    async def end_call(self, call_id: CallId, *, actor: str, reason: str) -> CallRecord:
        """End a call.

        Raises: NotFound, StoreDown.
        """
        await self.call(call_id)
        await self.note(actor, "call.end", str(call_id), reason)
        return await self._calls.stop(call_id, reason=EndReason.STOPPED, by="operator")

    async def grant(
        self, person_id: PersonId, currency: Currency, amount: int, *, key: str, actor: str, reason: str
    ) -> Wallet:
        """Give (or with a negative amount take) units; once per ``key``.

        Raises: NotFound, BelowFloor, KeyReused, StoreDown.
        """
        await self._person(person_id)
        await self.note(actor, "wallet.grant", f"{currency}/{person_id} {amount:+d}", reason)
        outcome = await self._ledger.post(
            grant_move(key=key, person_id=person_id, currency=currency, amount=amount, note=reason)
        )
        if outcome.verdict is Verdict.BELOW_FLOOR:
            # Not what the ledger refused by: that leaves out credits which are not folded yet.
            have = (await self._ledger.balance_of(wallet(currency, person_id))).amount
            raise BelowFloor(need=-amount, have=have)
        if outcome.verdict is Verdict.MISMATCH:
            raise KeyReused
        return await self.wallet(person_id)

    async def warn(self, person_id: PersonId, text: str, *, actor: str) -> None:
        """Warn somebody.

        Raises: NotFound, StoreDown.
        """
        await self._person(person_id)
        await self.note(actor, "person.warn", str(person_id), text)
        await self._notices.warn(person_id, text)

    async def ban(
        self, person_id: PersonId, kind: BanKind, text: str, *, until_ms: int | None, actor: str
    ) -> PersonRecord:
        """Exclude somebody.

        Raises: NotFound, StoreDown.
        """
        await self._person(person_id)
        await self.note(actor, f"person.ban.{kind}", str(person_id), text)
        await self._notices.ban(person_id, kind, text, until_ms=until_ms)
        return await self._person(person_id)

    async def unban(self, person_id: PersonId, *, actor: str, reason: str) -> PersonRecord:
        """Lift a ban.

        Raises: NotFound, StoreDown.
        """
        await self._person(person_id)
        await self.note(actor, "person.unban", str(person_id), reason)
        await self._notices.unban(person_id)
        return await self._person(person_id)

    async def set_role(self, person_id: PersonId, role: Role, *, actor: str, reason: str) -> PersonRecord:
        """Approve somebody as an anchor or as a matchmaker, or make him a guest again.

        Raises: NotFound, StoreDown. BadInput: nobody is that on this person's surface. WrongPhase is never raised: a
            running call keeps its two sides, and a running live its matchmaker.
        """
        person = await self._person(person_id)
        if role not in self._identity.roles_on(person.surface):
            raise BadInput(f"nobody is {role} on {person.surface}", field="role")
        await self.note(actor, f"person.role.{role}", str(person_id), reason)
        points = self._options.calls.points_per_minute_default if role is Role.ANCHOR else 0
        with store_answers:
            await self._world.stores.people.set_role(person_id, role, points_per_minute=points)
        self._identity.forget(person_id)
        return await self._person(person_id)

    async def set_level(self, person_id: PersonId, level: int, *, actor: str, reason: str) -> None:
        """Make somebody of the social app a guest (0), a user, a member, an administrator or a super one (4).

        Raises: NotFound: nobody, or nobody there. Forbidden: the last super administrator stays one. StoreDown.
        """
        if (await self._person(person_id)).surface != SOCIAL:
            raise NotFound("member")
        await self.note(actor, f"person.level.{level}", str(person_id), reason)
        await self._social_people.appoint(person_id, level)

    async def open_session(self, person_id: PersonId, *, actor: str, reason: str) -> str:
        """A token with which a client may act as this person; his own sign-ins stay. For development.

        Raises: NotFound, StoreDown.
        """
        person = await self._person(person_id)
        await self.note(actor, "person.session", str(person_id), reason)
        if person.surface == SITE:
            return (await self._web_sign_ins.open(person)).tokens.access
        if person.surface == SOCIAL:
            return (await self._social_sign_ins.open(person, device=DEVICE)).atoken
        return await self._identity.open_session(person, device=DEVICE)

    async def reset_password(self, person_id: PersonId, *, actor: str, reason: str) -> str:
        """Another password for somebody who has lost his, told once; he is signed out everywhere.

        Raises: NotFound: nobody, or nobody with a password. StoreDown, MailboxFull.
        """
        await self._site_people.require_password(person_id)
        await self.note(actor, "person.password", str(person_id), reason)
        # A letter and a digit are in it whatever is drawn.
        password = f"g{self._world.rng.hex(PASSWORD_BYTES)}7"
        await self._site_people.change_password(person_id, password)
        return password

    # --- checks ----------------------------------------------------------------------------------------------------

    def _check_lease(self) -> Check:
        if self._node.is_confirmed():
            return Check(name="node lease", result=CheckResult.OK, detail=f"{self._node.id} confirmed")
        return Check(
            name="node lease",
            result=CheckResult.FAIL,
            detail=f"{self._node.id} has not been confirmed by the store lately",
            next_command=LOOK_AGAIN,
        )

    async def _check_ledger(self) -> Check:
        try:
            audit = await self.verify()
        except StoreDown:
            return unanswered("ledger")
        if not audit.findings:
            return Check(name="ledger", result=CheckResult.OK, detail=f"{audit.entries_count} entries balance")
        return Check(
            name="ledger",
            result=CheckResult.FAIL,
            detail=audit.findings[0],
            next_command="greenroom ledger verify",
        )

    async def _check_stuck(self) -> Check:
        try:
            stuck = await self.stuck_calls()
        except StoreDown:
            return unanswered("calls past their end")
        if not stuck:
            return Check(name="calls past their end", result=CheckResult.OK, detail="none")
        return Check(
            name="calls past their end",
            result=CheckResult.FAIL,
            detail=f"{len(stuck)}, first {stuck[0].call.id}: {stuck[0].why}",
            next_command="greenroom calls --stuck",
        )

    async def _check_owners(self) -> Check:
        """Live calls of this node must have an actor, and no actor a call that has ended."""
        name = "calls = actors"
        owned = {record.id for record in self._calls.owned()}
        try:
            mine = {record.id for record in await self._live() if record.owner == self._node.id}
        except StoreDown:
            return unanswered(name)
        orphans = sorted(mine - owned)
        if not orphans:
            return Check(name=name, result=CheckResult.OK, detail=f"{len(owned)} owned here")
        return Check(
            name=name,
            result=CheckResult.FAIL,
            detail=f"{len(orphans)} without an actor, first {orphans[0]}",
            next_command=f"greenroom calls explain {orphans[0]}",
        )

    async def _check_outbox(self) -> Check:
        try:
            rows = await self._world.stores.ledger.unsent(LISTED_MAX)
        except StoreError:
            return unanswered("outbox")
        is_short = len(rows) < LISTED_MAX
        return Check(
            name="outbox",
            result=CheckResult.OK if is_short else CheckResult.FAIL,
            detail=f"{len(rows)} waiting" if is_short else f"{len(rows)} waiting or more",
            next_command="" if is_short else LOOK_AGAIN,
        )

    async def _check_crypto(self) -> Check:
        name = "crypto orders"
        try:
            doubtful = await self._crypto.in_doubt()
        except StoreDown:
            return unanswered(name)
        if not doubtful:
            return Check(name=name, result=CheckResult.OK, detail="none in doubt")
        newest = doubtful[0]
        return Check(
            name=name,
            result=CheckResult.FAIL,
            detail=f"{len(doubtful)} paid in part or given back, newest {newest.id}: {newest.status}",
            next_command=f"greenroom wallet lines {newest.person_id}",
        )

    async def _check_presence(self) -> Check:
        try:
            await self._world.stores.presence.present("calls", limit=1)
        except StoreError:
            return Check(
                name="presence store",
                result=CheckResult.FAIL,
                detail="Redis does not answer; money is not affected",
                next_command=WAIT_FOR_STORE,
            )
        return Check(name="presence store", result=CheckResult.OK, detail="answers")

    # --- parts -----------------------------------------------------------------------------------------------------

    async def _live(self) -> tuple[CallRecord, ...]:
        with store_answers:
            return await self._world.stores.calls.live(limit=LISTED_MAX)

    def _stuck_among(self, live: tuple[CallRecord, ...]) -> tuple[StuckCall, ...]:
        now_ms = self._node.now_ms()
        stuck: list[StuckCall] = []
        for call in live:
            due_ms, why = self._deadline_of(call)
            if now_ms - due_ms > OVERDUE_MS:
                stuck.append(StuckCall(call=call, why=why, overdue_ms=now_ms - due_ms))
        return tuple(stuck)

    def _deadline_of(self, call: CallRecord) -> tuple[int, str]:
        """By when the call must have moved on, and what it means if it has not."""
        if call.phase is Phase.RINGING:
            return call.ring_until_ms, "still ringing"
        if call.phase is Phase.JOINING:
            return call.join_until_ms or call.ring_until_ms, "still joining"
        if call.gap_since_ms is not None:
            return call.gap_since_ms + 2 * self._calls.rules.grace_ms, "line lost, end not applied"
        return next_boundary_ms(call, self._calls.rules), "minute not charged"

    async def _person(self, person_id: PersonId) -> PersonRecord:
        with store_answers:
            person = await self._world.stores.people.get(person_id)
        if person is None:
            raise NotFound("person")
        return person

    async def note(self, actor: str, action: str, target: str, reason: str) -> None:
        """Leave an audit line of an act that is about no part of the engine.

        Raises: StoreDown: there is none, and the act must not be done.
        """
        line = AuditLine(
            id=await self._ids.next(Sequence.AUDIT),
            at_ms=self._node.now_ms(),
            actor=actor,
            action=action,
            target=target,
            reason=reason,
        )
        with store_answers:
            await self._world.stores.notices.audit(line)
        self._world.log.info("operator_acted", actor=actor, action=action, target=target)


def _moved(entry: JournalEntry, currency: Currency, person_id: PersonId) -> int:
    """By how much ``entry`` changed that person's wallet."""
    account = wallet(currency, person_id)
    return sum(posting.amount for posting in entry.postings if posting.account == account)
