"""Pairs of clients that live the story of a paid call over HTTP, again and again, whatever becomes of the server.

A client that gets no answer, or is told to try again, asks the same with the same key until it knows. All that was
acknowledged goes into a ``Journal``, which is compared with the stores afterwards: money once, minutes as told, and a
bill that never changes once the call has ended.
"""

import asyncio
import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from adapters.wechat_pay import DEV_APP_ID, DEV_MERCHANT_ID, NOTICE_ACCEPTED, signature
from store.interfaces.calls import CallRecord, Phase
from store.interfaces.ids import CallId, EntryId, OrderId, PersonId
from store.interfaces.ledger import EntryKind
from store.opened import OpenedStores, open_stores
from tests.crash.client import Answer, HttpClient, NoAnswer
from tests.crash.processes import CANARIES, ServerProcess
from tests.invariants import Journal, Snapshot, snapshot_of, violations

__all__ = [
    "QUICK",
    "Load",
    "Person",
    "Tally",
    "at_rest",
    "found_in",
    "open_directly",
    "outcomes",
    "recharge_notice",
    "secrets_in",
    "sign_in",
]

PRICE_DIAMONDS: Final = 50
GIFT_ID: Final = 1
GIFT_DIAMONDS: Final = 10
DIAMONDS_AT_FIRST: Final = 1_000_000
PRODUCT_ID: Final = 1

QUICK: Final[dict[str, object]] = {
    "calls__grace_ms": 1500,
    "calls__ring_ms": 5000,
    "calls__join_ms": 5000,
    "node__lease_ms": 3000,
    "node__renew_ms": 500,
    "node__sweep_ms": 500,
    "limits__default_rate": 5000,
    "limits__default_burst": 10_000,
}
"""Settings of servers whose failures are to be over soon, and whose clients are busier than people are."""

FINE: Final = 0
AWAY: Final = 1003
NO_CALL: Final = 1004
TOO_MANY: Final = 1429
NOT_NOW: Final = 5003

AGAIN_S: Final = 0.1
"""Between two attempts: a person with a weak line, not an attack."""


@dataclass(kw_only=True)
class Tally:
    """What happened, counted."""

    acknowledged: Counter[str] = field(default_factory=Counter)
    """By path: answers that said yes."""
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    asked_again: int = 0
    took_s: list[tuple[float, float]] = field(default_factory=list)
    """Of every answer: when it came (monotonic), and how long it took."""
    money_at_s: list[float] = field(default_factory=list)
    """When each acknowledged request that moved money was answered (monotonic)."""

    @property
    def money(self) -> int:
        """Acknowledged requests that moved money, or ended with a bill."""
        return len(self.money_at_s)

    def money_since(self, began_s: float, until_s: float = float("inf")) -> int:
        """How many of those fell into a stretch of time."""
        return sum(began_s <= at_s < until_s for at_s in self.money_at_s)

    def slowest_s(self, began_s: float, until_s: float = float("inf")) -> float:
        """The longest that anybody waited for an answer that came in that stretch."""
        return max((took_s for at_s, took_s in self.took_s if began_s <= at_s < until_s), default=0.0)


MOVES_MONEY: Final = frozenset({"/app/live/sendGift", "/app/live/startCall", "/app/pay/notify"})


class Person:
    """Somebody with a token and a phone."""

    def __init__(self, user_id: PersonId, token: str, http: HttpClient, tally: Tally) -> None:
        self.id = user_id
        self.token = token
        self.http = http
        self.tally = tally

    async def ask(self, path: str, *, key: str | None = None, **fields: object) -> dict[str, Any]:
        """One attempt; the reply, whatever it says.

        Raises: NoAnswer.
        """
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self._counted(path, {"token": self.token, **fields}, headers)
        reply: dict[str, Any] = answer.data
        self._note(path, reply["code"])
        return reply

    async def ask_weapp(self, name: str, **fields: object) -> dict[str, Any]:
        """One attempt at the live_room protocol, which wants its credential in the address.

        Raises: NoAnswer.
        """
        path = f"/weapp/live_room/{name}"
        answer = await self._counted(f"{path}?userID={self.id}&token={self.token}", {**fields}, {})
        reply: dict[str, Any] = answer.data
        self._note(path, reply["code"])
        return reply

    async def insist(self, path: str, *, key: str | None = None, **fields: object) -> dict[str, Any]:
        """Ask until there is an answer that is not *try again*."""
        while True:
            try:
                reply = await self.ask(path, key=key, **fields)
            except NoAnswer:
                pass
            else:
                if reply["code"] not in (NOT_NOW, TOO_MANY):
                    return reply
            self.tally.asked_again += 1
            await asyncio.sleep(AGAIN_S)

    async def report_payment(self, order_id: str, fee_fen: int) -> bool:
        """Play the payment provider: one attempt to report this order as paid; whether it was taken.

        Raises: NoAnswer.
        """
        answer = await self._counted("/app/pay/notify", recharge_notice(order_id, fee_fen), {})
        is_taken = answer.body == NOTICE_ACCEPTED
        self._note("/app/pay/notify", FINE if is_taken else NOT_NOW)
        return is_taken

    async def _counted(self, path: str, fields: dict[str, object] | bytes, headers: dict[str, str]) -> Answer:
        try:
            answer = await self.http.post(path, fields, headers=headers)
        except NoAnswer:
            self.tally.unanswered += 1
            raise
        self.tally.took_s.append((time.monotonic(), answer.took_s))
        return answer

    def _note(self, path: str, code: int) -> None:
        if code != FINE:
            self.tally.refused[f"{path} {code}"] += 1
            return
        self.tally.acknowledged[path] += 1
        if path in MOVES_MONEY:
            self.tally.money_at_s.append(time.monotonic())


def recharge_notice(order_id: str, fee_fen: int) -> bytes:
    """What the development provider says once an order has been paid."""
    parameters = {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "appid": DEV_APP_ID,
        "mch_id": DEV_MERCHANT_ID,
        "out_trade_no": order_id,
        "transaction_id": f"wx{order_id}",
        "total_fee": str(fee_fen),
    }
    signed = {**parameters, "sign": signature(parameters, key=CANARIES["GREENROOM_PAY__API_KEY"])}
    return f"<xml>{''.join(f'<{name}>{value}</{name}>' for name, value in signed.items())}</xml>".encode()


async def sign_in(port: Callable[[], int], tally: Tally, name: str, **attributes: object) -> Person:
    """Sign somebody in, made on first use; asks until it works."""
    http = HttpClient(port)
    code = f"dev:{name}?" + "&".join(f"{key}={value}" for key, value in attributes.items())
    role = attributes.get("role", "guest")
    while True:
        try:
            reply = (await http.post("/app/login/weChatLogin", {"code": code, "role": role})).data
        except NoAnswer:
            pass
        else:
            if reply["code"] == FINE:
                return Person(PersonId(reply["userId"]), reply["token"], http, tally)
            assert reply["code"] in (NOT_NOW, TOO_MANY), reply
        await asyncio.sleep(AGAIN_S)


class Load:
    """Pairs who call each other for as long as the ``async with`` block runs.

    ``rooms_every`` n: every n-th pair talks in a room of the live_room protocol. ``recharges``: they buy diamonds.
    """

    def __init__(
        self,
        server: ServerProcess,
        *,
        pairs: int,
        talk_s: float = 1.5,
        pause_s: float = 0.02,
        rooms_every: int = 4,
        recharges: bool = True,
    ) -> None:
        self.journal = Journal()
        self.tally = Tally()
        self.bills: dict[CallId, tuple[int, int]] = {}
        """Of calls that ended in somebody's sight: the minutes and diamonds that the guest was told."""
        self.pairs: list[tuple[Person, Person]] = []
        self._server = server
        self._pairs_count = pairs
        self._talk_s = talk_s
        self._pause_s = pause_s
        self._rooms_every = rooms_every
        self._recharges = recharges
        self._keys = itertools.count(1)
        self._random = random.Random(pairs)
        self._is_over = False
        self._living: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        port = lambda: self._server.http_port  # noqa: E731 - asked anew at each connection
        for number in range(self._pairs_count):
            guest = await sign_in(port, self.tally, f"guest{number}", diamonds=DIAMONDS_AT_FIRST)
            anchor = await sign_in(port, self.tally, f"anchor{number}", role="master", price=PRICE_DIAMONDS)
            self.pairs.append((guest, anchor))
            has_room = self._rooms_every > 0 and number % self._rooms_every == 0
            self._living.append(asyncio.create_task(self._live(guest, anchor, has_room), name=f"pair-{number}"))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for task in self._living:
                task.cancel()
            await asyncio.gather(*self._living, return_exceptions=True)
        for pair in self.pairs:
            for person in pair:
                await person.http.close()

    async def finish(self, deadline_s: float = 30.0) -> None:
        """Let every pair finish its story: hang up, and read the bill.

        Raises: TimeoutError: somebody could not.
        """
        self._is_over = True
        async with asyncio.timeout(deadline_s):
            await asyncio.gather(*self._living)

    def check(self) -> None:
        """Raise what a pair died of, if one did."""
        for task in self._living:
            if task.done() and not task.cancelled():
                task.result()

    # --- the story of one pair -------------------------------------------------------------------------------------

    async def _live(self, guest: Person, anchor: Person, has_room: bool) -> None:
        while not self._is_over:
            await self._one_call(guest, anchor, has_room=has_room)
            if self._recharges:
                await self._recharge(guest)

    async def _one_call(self, guest: Person, anchor: Person, *, has_room: bool) -> None:
        # Whoever asks something is here: a server that has just started knows nobody.
        await anchor.insist("/app/live/getMatchInfo", targetUserId=guest.id)
        rung = await guest.insist("/app/live/callApplyGirl", targetUserId=anchor.id)
        if rung["code"] != FINE:
            assert rung["code"] == AWAY, rung
            return
        call_id = CallId(rung["recordId"])
        self.journal.call_told(call_id, Phase.RINGING, 0)
        if has_room:
            await self._open_room(guest, anchor)
        started = await anchor.insist("/app/live/startCall", targetUserId=guest.id)
        if started["code"] == FINE:
            # Not yet that they are connected: a server that has just started waits for the guest to show himself.
            self.journal.call_told(call_id, Phase.JOINING, 0)
            await self._talk(guest, anchor, call_id)
        else:
            assert started["code"] == NO_CALL, started
        who, path = self._random.choice(((guest, "hangUpGirl"), (anchor, "hangUpMan")))
        over = await who.insist(f"/app/live/{path}", targetUserId=(anchor if who is guest else guest).id)
        assert over["code"] == FINE, over
        await self._read_bills(guest, anchor, call_id)

    async def _talk(self, guest: Person, anchor: Person, call_id: CallId) -> None:
        until_s = time.monotonic() + self._talk_s * self._random.uniform(0.5, 1.5)
        while time.monotonic() < until_s and not self._is_over:
            key = f"{next(self._keys)}"
            for _ in range(self._random.choice((1, 1, 1, 2))):
                gift = await guest.insist("/app/live/sendGift", key=key, giftId=GIFT_ID, amount=1)
                if gift["code"] != FINE:
                    break
                self.journal.entry_told(EntryId(f"gift:{guest.id}:k:{key}"))
                self.journal.answered("/app/live/sendGift", guest.id, key, gift["diamond"])
            if gift["code"] == NO_CALL:
                # Not connected yet, or ended by an outage; her asking shows the server that she is here.
                match = await anchor.insist("/app/live/getMatchInfo", targetUserId=guest.id)
                if match["matchStatus"] == 3 or match.get("recordId") != call_id:
                    return
            else:
                assert gift["code"] == FINE, gift
            if self._random.random() < 0.1:
                await anchor.insist("/app/live/getMatchInfo", targetUserId=guest.id)
            await asyncio.sleep(self._pause_s)

    async def _open_room(self, guest: Person, anchor: Person) -> None:
        """Once, and without insisting: a call needs no room."""
        try:
            made = await anchor.ask_weapp("create_room", roomInfo="", guestId=guest.id)
            if made["code"] != FINE:
                return
            room_id = made["roomID"]
            pushing = await anchor.ask_weapp("get_push_url", roomID=room_id)
            if pushing["code"] == FINE:
                await anchor.ask_weapp(
                    "add_pusher", roomID=room_id, userName="anchor", userAvatar="", pushURL=pushing["pushURL"]
                )
        except NoAnswer:
            return

    async def _recharge(self, guest: Person) -> None:
        order = await guest.insist("/app/pay/createOrder", key=f"o{next(self._keys)}", productId=PRODUCT_ID)
        assert order["code"] == FINE, order
        order_id, fee_fen = order["orderId"], order["payFee"]
        self.journal.paid(OrderId(order_id), fee_fen)
        while True:
            try:
                if await guest.report_payment(order_id, fee_fen):
                    break
            except NoAnswer:
                pass
            await asyncio.sleep(AGAIN_S)
        self.journal.confirmed.add(OrderId(order_id))
        self.journal.entry_told(EntryId(f"order:{order_id}"))

    async def _read_bills(self, guest: Person, anchor: Person, call_id: CallId) -> None:
        for person, path, amount in (
            (guest, "/app/live/getCallResultGuest", "callDiamond"),
            (anchor, "/app/live/getCallResultMaster", "callPoint"),
        ):
            bill = await person.insist(path, roomInstanceId=call_id)
            assert bill["code"] == FINE, bill
            # What he has by now may change; what the call cost may not.
            self.journal.answered(path, person.id, str(call_id), f"{bill['callTime']} {bill[amount]}")
            minutes, spent = _number(bill["callTime"]), _number(bill[amount])
            self.journal.call_told(call_id, Phase.ENDED, minutes)
            self.bills.setdefault(call_id, (minutes, spent))

    async def read_bills_again(self) -> None:
        """Ask for the bill of every call that has ended once more; the journal minds if one has changed."""
        for guest, anchor in self.pairs:
            told = [CallId(int(key)) for path, who, key in self.journal.answers if who == guest.id and "Result" in path]
            for call_id in told[-20:]:
                await self._read_bills(guest, anchor, call_id)


def _number(text: str) -> int:
    found = re.search(r"\d+", text)
    assert found is not None, text
    return int(found.group())


# --- looking at the stores -----------------------------------------------------------------------------------------


async def open_directly(mongo_uri: str, redis_url: str) -> OpenedStores:
    """The stores of a server, past the server; patient, as a whole history is read at once."""
    return await open_stores(
        mongo_uri=mongo_uri,
        database="greenroom",
        redis_url=redis_url,
        read_deadline_ms=30_000,
        money_deadline_ms=30_000,
    )


async def at_rest(stores: OpenedStores, deadline_s: float) -> float:
    """Wait until no call lives and every event has been sent; returns after how many seconds.

    Raises: TimeoutError: something never comes to rest (INV-22).
    """
    began_s = time.monotonic()
    async with asyncio.timeout(deadline_s):
        while await stores.calls.live(limit=1) or await stores.ledger.unsent(1):
            await asyncio.sleep(0.1)
    return time.monotonic() - began_s


async def found_in(stores: OpenedStores, load: Load, *, minute_ms: int) -> tuple[list[str], Snapshot]:
    """Everything that the stores and what clients were told do not agree on; and what was looked at."""
    now = await snapshot_of(stores)
    found = violations(now, load.journal, minute_ms=minute_ms, is_settled=True)
    gifts = {entry.id: entry for entry in now.entries.values() if entry.kind is EntryKind.GIFT}
    for entry_id in load.journal.entries & gifts.keys():
        amounts = sorted(abs(posting.amount) for posting in gifts[entry_id].postings)
        if amounts != [GIFT_DIAMONDS] * 4:
            found.append(f"gift {entry_id} moved {amounts}")
    for call_id, (minutes, spent) in load.bills.items():
        call = now.calls[call_id]
        entries = now.minutes[call_id]
        if not (call.minutes_paid == len(entries) == minutes and spent == minutes * call.price.diamonds):
            found.append(f"call {call_id} was billed {minutes} minutes, {spent} diamonds; kept are {len(entries)}")
    found += [f"call {call.id} still lives" for call in now.calls.values() if call.is_live]
    return found, now


def secrets_in(load: Load, log: str) -> list[str]:
    """Which secrets of the server, or tokens of its clients, a log shows (G-26)."""
    shown = [name for name, secret in CANARIES.items() if secret in log]
    return shown + [f"token of {person.id}" for pair in load.pairs for person in pair if person.token in log]


def outcomes(calls: Mapping[CallId, CallRecord]) -> Counter[str]:
    """How calls ended, and how many of them had more than one owner."""
    ends = Counter(str(call.end_reason) for call in calls.values())
    ends["taken over"] = sum(call.epoch > 1 for call in calls.values())
    ends["talked on after it"] = sum(
        any(line.event == "back" for line in call.history) and call.epoch > 1 for call in calls.values()
    )
    return ends
