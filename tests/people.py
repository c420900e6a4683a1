"""The cast and the stage: an engine over memory stores on virtual time.

Calls have mei the anchor and tom the guest (``on_stage``), blind dates hong the matchmaker, bo and lin
(``on_a_date``), the site jliu the anchor, yi and wei (``on_a_visit``). ``Stage`` builds one node; its verbs are the
domain's. What people were told is kept per person, in order.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from engine import settings
from engine.billing.entries import grant_move, subscription_move
from engine.errors import BadInput, Forbidden, NotSignedIn, StoreDown
from engine.events import Event
from engine.greenroom import Greenroom
from engine.ports import (
    CryptoNotice,
    CryptoPayment,
    CryptoStatus,
    Payment,
    PaymentNotice,
    Position,
    SealedProfile,
    StreamQuery,
    WeChatIdentity,
)
from engine.room.state import RoomState
from engine.services.accounts import CALLS, QLIVE, SITE
from engine.services.blind_dates import room_of
from engine.services.subscriptions import SUBSCRIPTION_MS
from engine.world import World
from store.interfaces.calls import CallRecord
from store.interfaces.ids import CallId, PersonId, RoomId
from store.interfaces.ledger import Verdict
from store.interfaces.money import Currency, currencies_of
from store.interfaces.people import PersonRecord, Role
from store.interfaces.shows import ShowInfo, ShowKind, ShowRecord
from store.interfaces.stores import Stores
from store.interfaces.subscriptions import SubscriptionRecord
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.invariants import snapshot_of, violations
from tests.support.broken_stores import Switch, switchable
from tests.support.fakes import FakeClock, RecordingLog, SeededRng
from tests.support.records import subscription_begun
from tests.support.web_services import web_services

__all__ = ["AUTHENTIC", "Cast", "Date", "Heard", "Stage", "fast_settings", "on_a_date", "on_a_visit", "on_stage"]

STORE_EPOCH_MS = 1_767_225_600_000


class Heard:
    """A sink that remembers what each person was told, and whom it was asked to close.

    ``backlogs`` are what connections were given when they began to listen, ``stories`` what rooms were told.
    """

    def __init__(self) -> None:
        self.events: dict[PersonId, list[Event]] = defaultdict(list)
        self.closed: list[tuple[PersonId, int]] = []
        self.flushed_count = 0
        self.rooms: dict[RoomId, dict[PersonId, None]] = defaultdict(dict)
        self.backlogs: dict[str, list[tuple[Event, Position | None]]] = {}
        self.stories: dict[RoomId, list[tuple[Event, Position | None]]] = defaultdict(list)

    def tell(self, person_id: PersonId, event: Event) -> None:
        self.events[person_id].append(event)

    def enter(self, person_id: PersonId, room_id: RoomId, *, connection=None, backlog=()) -> None:
        if connection is not None:
            self.backlogs[connection] = list(backlog)
            return
        if person_id not in self.rooms[room_id]:
            for event, _ in backlog:
                self.tell(person_id, event)
        self.rooms[room_id][person_id] = None

    def leave(self, person_id: PersonId, room_id: RoomId, *, connection=None) -> None:
        self.rooms[room_id].pop(person_id, None)

    def tell_room(self, room_id: RoomId, event: Event, *, position=None) -> None:
        self.stories[room_id].append((event, position))
        for person_id in self.rooms[room_id]:
            self.tell(person_id, event)

    def end_room(self, room_id: RoomId) -> None:
        self.rooms.pop(room_id, None)

    def flush(self) -> None:
        self.flushed_count += 1

    def close(self, person_id: PersonId, *, code: int, reason: str, sign_in_id: str = "") -> None:
        self.closed.append((person_id, code))

    def kinds(self, person: PersonRecord) -> list[str]:
        """The names of the events the person heard, in order."""
        return [type(event).__name__ for event in self.events[person.id]]


class DevCodesOnly:
    """Signs in ``dev:NAME?attributes``."""

    async def identify(
        self,
        code: str,
        *,
        app_id: str = "",
        sealed: SealedProfile | None = None,
    ) -> WeChatIdentity:
        if not code.startswith("dev:"):
            raise NotSignedIn
        name, _, query = code[4:].partition("?")
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        return WeChatIdentity(
            open_id=f"dev:{name}", attributes={"nickname": name, **{key: value for key, _, value in pairs}}
        )


class PlainAddresses:
    """Addresses without signatures: what they sign is another test's business. ``mark`` tells several apart."""

    def __init__(self, mark: str = "signed") -> None:
        self.mark = mark

    def push(self, stream: str, *, now_s: int, until_s: int | None = None) -> str:
        return f"push:{stream}"

    def accelerated(self, stream: str, *, now_s: int) -> str:
        return f"rtmp:{stream}"

    def mixed(self, stream: str) -> str:
        return f"flv:{stream}"

    def is_push_address(self, address: str, stream: str, *, now_s: int) -> bool:
        return address == f"push:{stream}"

    def pushed(self, app: str, name: str, query: StreamQuery, *, now_s: int) -> str | None:
        return name if (self.mark, "push") in query else None

    def played(self, app: str, name: str, query: StreamQuery, *, now_s: int) -> str | None:
        return name if (self.mark, "play") in query else None


class PlainSignatures:
    """A signature is the user's name."""

    app_id = "1400000000"
    life_s = 604_800

    def sign(self, user_id: str, *, now_s: int) -> str:
        return f"sig:{user_id}"

    def holds(self, signature: str, user_id: str, *, now_s: int) -> bool:
        return signature == f"sig:{user_id}"


class ObedientMixer:
    """Takes objects."""

    async def mix(self, room_id: str, description: object) -> None:
        if not isinstance(description, dict):
            raise BadInput(field="mergeParams")


class ScriptedPayments:
    """A payment provider in memory: notices are ``order:transaction:fee:paid`` in plain text."""

    def __init__(self) -> None:
        self.paid: dict[str, PaymentNotice] = {}
        self.created: list[str] = []

    async def create(
        self, *, order_id: str, fee_fen: int, open_id: str, title: str, address: str, surface: str
    ) -> Payment:
        self.created.append(order_id)
        return Payment(
            prepay_id=f"p{order_id}",
            time_stamp="1",
            nonce_str="n",
            package=f"prepay_id=p{order_id}",
            sign_type="MD5",
            pay_sign="s",
        )

    def verify(self, body: bytes) -> PaymentNotice:
        order_id, transaction_id, fee, paid = body.decode().split(":")
        return PaymentNotice(order_id=order_id, transaction_id=transaction_id, fee_fen=int(fee), paid=paid == "1")

    async def query(self, order_id: str, *, surface: str) -> PaymentNotice | None:
        return self.paid.get(order_id)


AUTHENTIC = "signed"


class ScriptedCrypto:
    """A crypto provider in memory: notices are ``order:payment:status:price:currency``, signed with ``AUTHENTIC``.

    ``said`` is what it answers when asked about a payment; ``is_away`` lets it answer nothing.
    """

    def __init__(self) -> None:
        self.created: list[str] = []
        self.said: dict[str, CryptoNotice] = {}
        self.asked: list[str] = []
        self.is_away = False

    async def create(self, *, order_id: str, price: int, title: str) -> CryptoPayment:
        if self.is_away:
            raise StoreDown
        await asyncio.sleep(0.05)
        self.created.append(order_id)
        return CryptoPayment(
            payment_id=f"p{len(self.created)}",
            pay_address=f"T{order_id}",
            pay_amount=f"{price}.5",
            pay_currency="usdttrc20",
            price_currency="usd",
        )

    def verify(self, body: bytes, signature: str) -> CryptoNotice | None:
        if signature != AUTHENTIC:
            raise Forbidden
        if not body:
            return None
        order_id, payment_id, status, price, currency = body.decode().split(":")
        return CryptoNotice(
            payment_id=payment_id,
            order_id=order_id,
            status=CryptoStatus(status),
            price_amount=Decimal(price),
            price_currency=currency,
            pay_amount=Decimal(price),
            pay_currency="usdttrc20",
        )

    async def query(self, payment_id: str) -> CryptoNotice | None:
        self.asked.append(payment_id)
        if self.is_away:
            raise StoreDown
        return self.said.get(payment_id)


class OwnedTasks:
    """Background tasks of one node, ended with it; a task that dies is an error of the loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def cancel_all(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            context = {"message": f"task {task.get_name()} died", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)


def fast_settings() -> settings.Settings:
    """The built-in settings; virtual time needs nothing shortened."""
    return settings.Settings()


class Stage:
    """One node of Greenroom over stores that may be shared with others."""

    def __init__(self, stores: Stores, options: settings.Settings, *, seed: int = 0) -> None:
        self.clock = FakeClock()
        self.log = RecordingLog()
        self.heard = Heard()
        self.payments = ScriptedPayments()
        self.crypto = ScriptedCrypto()
        self.tasks = OwnedTasks()
        self.stores = stores
        self.world = World(
            clock=self.clock,
            rng=SeededRng(seed),
            spawn=self.tasks,
            log=self.log,
            sink=self.heard,
            stores=stores,
            codes=DevCodesOnly(),
            **web_services(lambda: (STORE_EPOCH_MS + self.clock.mono_ms()) // 1_000, seed=seed),
            payments=self.payments,
            crypto=self.crypto,
            media=PlainAddresses(),
            blind_date_media=PlainAddresses("dated"),
            signatures=PlainSignatures(),
            mixer=ObedientMixer(),
        )
        self.engine = Greenroom(self.world, options)

    async def start(self, *, supersedes: bool = True) -> None:
        await self.engine.start(supersedes=supersedes)

    async def kill(self) -> None:
        """End as a process does that is killed: nothing is said, nothing is given back."""
        await self.tasks.cancel_all()

    async def drain(self) -> None:
        """End as a process does that is asked to."""
        await self.engine.drain()
        await self.tasks.cancel_all()

    async def sign_in(self, code: str, *, role: Role = Role.GUEST) -> PersonRecord:
        """Sign somebody in and see him once."""
        signed_in = await self.engine.identity.sign_in(CALLS, code, role=role, device=None)
        self.engine.presence.seen(signed_in.person)
        return signed_in.person

    async def join(self, code: str) -> PersonRecord:
        """Let somebody sign up for blind dates, and see him once."""
        sealed = SealedProfile(encrypted_data="", iv="")
        signed_in = await self.engine.identity.sign_up(QLIVE, code, app_id="", sealed=sealed)
        self.engine.presence.seen(signed_in.person)
        return signed_in.person

    async def grant(
        self, person: PersonRecord, amount: int, *, currency: Currency | None = None, key: str = "test"
    ) -> None:
        """Give units; unless said, of what is bought where the person is."""
        granted = currency or currencies_of(person.surface)[0]
        move = grant_move(
            key=f"{key}:{granted}:{person.id}", person_id=person.id, currency=granted, amount=amount, note="test"
        )
        await self.engine.ledger.post(move)

    async def diamonds(self, person: PersonRecord) -> int:
        """What the person can spend."""
        return await self.engine.statements.diamonds_of(person.id)

    async def points(self, person: PersonRecord) -> int:
        """What the anchor holds."""
        return await self.engine.statements.points_of(person.id)

    async def call(self, call_id: CallId) -> CallRecord:
        """The call as it is kept."""
        record = await self.stores.calls.get(call_id)
        assert record is not None
        return record

    async def advance(self, length_ms: int, *, seen: tuple[PersonRecord, ...] = ()) -> None:
        """Let time pass; those who are ``seen`` ask something every ten seconds meanwhile."""
        left_ms = length_ms
        while left_ms > 0:
            stride_ms = min(left_ms, 10_000)
            await self.clock.advance(stride_ms)
            for person in seen:
                self.engine.presence.seen(person)
            left_ms -= stride_ms
        await self.clock.settle()


class Cast:
    """A stage with mei, who asks 10 points a minute, and tom, who has 100 diamonds; both are online."""

    def __init__(self, stage: Stage, switch: Switch, mei: PersonRecord, tom: PersonRecord) -> None:
        self.stage = stage
        self.switch = switch
        self.engine = stage.engine
        self.mei = mei
        self.tom = tom

    @property
    def both(self) -> tuple[PersonRecord, PersonRecord]:
        return (self.tom, self.mei)

    async def ring(self) -> CallRecord:
        """Tom rings mei."""
        return await self.engine.calls.ring(self.tom, self.mei.id)

    async def connect(self) -> CallRecord:
        """Tom rings, mei starts: minute 1 is paid."""
        await self.ring()
        return await self.engine.calls.start(self.mei, self.tom.id)

    async def hang_up(self, by: PersonRecord | None = None) -> CallRecord:
        """One of the two (tom unless said) ends it."""
        person = by or self.tom
        other = self.mei if person is self.tom else self.tom
        return await self.engine.calls.hang_up(person, other.id)

    def heard(self, person: PersonRecord) -> list[str]:
        """The names of the events the person heard so far."""
        return self.stage.heard.kinds(person)


@asynccontextmanager
async def on_stage(
    options: settings.Settings | None = None, *, diamonds: int = 100, price: int = 10
) -> AsyncIterator[Cast]:
    """One node with its cast, ended afterwards."""
    clock = FakeClock()
    stores, switch = switchable(memory_stores(MemoryDatabase(), lambda: STORE_EPOCH_MS + clock.mono_ms()))
    stage = Stage(stores, options or fast_settings())
    await stage.start()
    try:
        mei = await stage.sign_in(f"dev:mei?role=master&gender=2&age=25&price={price}", role=Role.ANCHOR)
        tom = await stage.sign_in(f"dev:tom?age=30&diamonds={diamonds}")
        yield Cast(stage, switch, mei, tom)
    finally:
        await stage.tasks.cancel_all()


class Date:
    """A stage with hong, a matchmaker, and two who have come to meet somebody: bo, a man, and lin, a woman."""

    def __init__(self, stage: Stage, switch: Switch, hong: PersonRecord, bo: PersonRecord, lin: PersonRecord) -> None:
        self.stage = stage
        self.switch = switch
        self.engine = stage.engine
        self.hong = hong
        self.bo = bo
        self.lin = lin
        self.room_id = room_of(hong.public_id)

    @property
    def all(self) -> tuple[PersonRecord, ...]:
        return (self.hong, self.bo, self.lin)

    @property
    def room(self) -> RoomState:
        """Hong's room, as its owner knows it."""
        return self.engine.blind_dates.get(self.room_id)

    async def open(self, *guests: PersonRecord) -> RoomState:
        """Hong's live begins, and those guests come to watch."""
        state = await self.engine.blind_dates.open(self.hong)
        for guest in guests:
            state = await self.engine.blind_dates.enter(guest, self.room_id)
        return state

    async def seat(self, person: PersonRecord) -> None:
        """Somebody who watches applies, and sits down."""
        await self.engine.blind_dates.apply(person, self.room_id)
        await self.engine.blind_dates.sit(person, self.room_id)

    def connect(self, *people: PersonRecord) -> None:
        """Each of them opens a socket."""
        for person in people:
            self.engine.presence.line_opened(person.id)

    def hang_up(self, *people: PersonRecord) -> None:
        """Each of them loses it."""
        for person in people:
            self.engine.presence.line_closed(person.id, heard_at_ms=self.engine.node.now_ms())

    def heard(self, person: PersonRecord) -> list[str]:
        """The names of the events the person heard so far, counts left out."""
        return [name for name in self.stage.heard.kinds(person) if name not in ("AudienceChanged", "CrowdChanged")]


@asynccontextmanager
async def on_a_date(options: settings.Settings | None = None) -> AsyncIterator[Date]:
    """One node with a matchmaker and her guests, ended afterwards; nobody is in a room."""
    async with on_stage(options) as cast:
        hong = await cast.stage.join("dev:hong?gender=2&matchmaker=1")
        bo = await cast.stage.join("dev:bo?gender=1")
        lin = await cast.stage.join("dev:lin?gender=2")
        yield Date(cast.stage, cast.switch, hong, bo, lin)


class Visit:
    """A stage with jliu, an anchor of the site, and two who visit her: yi and wei, who have 1,000 diamonds each."""

    def __init__(self, cast: Cast, jliu: PersonRecord, yi: PersonRecord, wei: PersonRecord) -> None:
        self.stage = cast.stage
        self.switch = cast.switch
        self.engine = cast.engine
        self.jliu = jliu
        self.yi = yi
        self.wei = wei

    async def diamonds(self, *people: PersonRecord) -> list[int]:
        """What each of them holds."""
        return [await self.engine.statements.held(person.id, Currency.SITE_DIAMONDS) for person in people]

    async def subscribed(
        self, user: PersonRecord, *, left_ms: int, price: int = 10, key: str | None = None
    ) -> SubscriptionRecord:
        """A subscription of the user to jliu that was paid nearly thirty days ago, and expires in ``left_ms``."""
        until_ms = self.engine.node.now_ms() + left_ms
        subscription = SubscriptionRecord(
            user_id=user.id,
            anchor_id=self.jliu.id,
            since_ms=until_ms - SUBSCRIPTION_MS,
            until_ms=until_ms,
            price=price,
            request_key=key,
        )
        event = subscription_begun(subscription, user, self.jliu)
        outcome = await self.engine.ledger.post(subscription_move(subscription, event, earned=price))
        assert outcome.verdict is Verdict.POSTED
        return subscription

    async def show(self, kind: ShowKind = ShowKind.FREE, price: int = 0, character: str = "Tina") -> ShowRecord:
        """One of jliu's rooms."""
        info = ShowInfo(title=f"{character}'s room", price=price, kind=kind)
        return await self.engine.shows.describe(self.jliu, character, info)

    async def assert_sound(self) -> None:
        """All books agree."""
        assert violations(await snapshot_of(self.stage.stores)) == []


@asynccontextmanager
async def on_a_visit(options: settings.Settings | None = None) -> AsyncIterator[Visit]:
    """One node with an anchor of the site and her visitors, ended afterwards."""
    async with on_stage(options) as cast:
        jliu, yi, wei = [
            await cast.stage.stores.people.add(
                PersonRecord(
                    id=PersonId(number),
                    surface=SITE,
                    external_id=name,
                    public_id=uid,
                    role=Role.ANCHOR if uid else Role.GUEST,
                    created_at_ms=STORE_EPOCH_MS,
                    nickname=name,
                )
            )
            for number, name, uid in (
                (30_001, "jliu", "gGAlOXloThS9r8d5HgeBzg"),
                (30_002, "yi zhao", ""),
                (30_003, "wei", ""),
            )
        ]
        for person in (yi, wei):
            await cast.stage.grant(person, 1_000)
        yield Visit(cast, jliu, yi, wei)
