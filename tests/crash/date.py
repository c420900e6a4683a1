"""One blind date as a whole evening: a matchmaker, people who take turns on the seats, gifts, sanctions, a crowd.

Plays on whatever becomes of the server: who gets no answer asks again until he knows. What was acknowledged is
remembered, and compared with what the server says after each of its deaths; and everybody who can say how many are in
the room has to say the same. Source: reliability e.5; INV-13, INV-14, INV-17, INV-19, INV-23.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from store.interfaces.ids import EntryId, PersonId
from store.interfaces.ledger import EntryKind
from store.interfaces.money import Currency, wallet
from store.opened import OpenedStores
from tests.crash.client import Answer, HttpClient, NoAnswer
from tests.crash.crowd import AGAIN_S, TRY_AGAIN, Crowd, Place, Viewer
from tests.crash.processes import ServerProcess
from tests.invariants import Journal, snapshot_of, violations

__all__ = ["IMPATIENT", "Agreed", "Date"]

IMPATIENT: Final[dict[str, object]] = {
    "node__lease_ms": 3000,
    "node__renew_ms": 500,
    "node__sweep_ms": 500,
    "qlive__viewer_grace_ms": 3000,
    "qlive__seat_grace_ms": 8000,
    "rooms__pusher_silent_ms": 1000,
    "sockets__ping_ms": 1000,
    "sockets__dead_ms": 3000,
}
"""Settings of servers that wait for nobody long. Their limits are the usual ones: people come from many addresses."""

MEN: Final = 3
WOMEN: Final = 3
GIVERS: Final = 3
RICH: Final = 1_000_000
POOR: Final = 20
MAN: Final = 1
WOMAN: Final = 2
SANCTIONED_MAX: Final = 6
POLL_S: Final = 0.1
OPERATOR: Final = {"actor": "crash-tests", "reason": "because"}


class Agreed(NamedTuple):
    """After how many seconds all said the same, and when that was right."""

    alike_s: float
    right_s: float


class Date:
    """The evening; ``server`` may be replaced by another that has taken the room over."""

    def __init__(self, server: ServerProcess, crowd: Crowd, *, pace: float = 1.0) -> None:
        """``pace`` is how busy everybody is: twice as much at 2."""
        self.server = server
        self.crowd = crowd
        self.given: dict[str, tuple[Viewer, set[str]]] = {}
        """Acknowledged gifts: by key, who gave it and what he was answered."""
        self.seats: dict[str, bool | None] = {}
        """By id, whether he sits, as he was told; None while he has asked and knows of no answer."""
        self.sanctions: set[tuple[int, str]] = set()
        self.tally: Counter[str] = Counter()
        self.matchmaker: Viewer
        self.strangers: list[Viewer] = []
        """Who has signed in and not come yet."""
        self.plain: list[Viewer] = []
        """Who came to watch, and is still there."""
        self._pace = pace
        self._gate = asyncio.Event()
        self._asking_count = 0
        self._keys = itertools.count(1)
        self._players: list[asyncio.Task[None]] = []
        self._banned: list[Viewer] = []

    # --- the evening -------------------------------------------------------------------------------------------------

    async def begin(self, viewers_count: int, *, strangers_count: int = 0) -> None:
        """She opens her room, and everybody comes."""
        crowd = self.crowd
        (self.matchmaker,) = await crowd.sign_in(["hong"], gender=WOMAN, age=35, matchmaker=1)
        men = await crowd.sign_in((f"man{n}" for n in range(MEN)), gender=MAN)
        women = await crowd.sign_in((f"woman{n}" for n in range(WOMEN)), gender=WOMAN)
        rich = await crowd.sign_in((f"rich{n}" for n in range(GIVERS)), gender=MAN, gold=RICH)
        poor = await crowd.sign_in((f"poor{n}" for n in range(GIVERS)), gender=WOMAN, gold=POOR)
        self.plain = await crowd.sign_in((f"viewer{n}" for n in range(viewers_count)), gender=MAN)
        self.strangers = await crowd.sign_in((f"stranger{n}" for n in range(strangers_count)), gender=WOMAN)
        crowd.live_id = self.matchmaker.person.id
        opened = await self.matchmaker.insist("POST", "qlive_room/matchmaker_enter/")
        assert opened.status == 200, opened
        for viewer in crowd.viewers:
            if viewer not in self.strangers:
                viewer.stay()
        self.seats = {one.person.id: False for one in (*men, *women)}
        self._players = [
            asyncio.create_task(self._play(step, one_in_s), name=f"date-{name}")
            for name, step, one_in_s in (
                ("men", lambda: self._take_a_seat(men), 0.3),
                ("women", lambda: self._take_a_seat(women), 0.3),
                ("come-and-go", self._come_and_go, 0.3),
                ("sanctions", self._sanction, 1.5),
                *((f"rich-{n}", self._giving(one, poor), 0.1) for n, one in enumerate(rich)),
                *((f"poor-{n}", self._giving(one, [self.matchmaker]), 0.1) for n, one in enumerate(poor)),
            )
        ]

    def go_on(self) -> None:
        """Play on."""
        self._gate.set()

    def hold(self) -> None:
        """Nothing new is begun; what has no answer is asked again still."""
        self._gate.clear()

    async def close(self) -> None:
        """Everybody goes home, whether or not it is over."""
        for player in self._players:
            player.cancel()
        await asyncio.gather(*self._players, return_exceptions=True)
        await self.crowd.close()

    async def end(self) -> None:
        """She ends her live, and everybody hears that it is over.

        Raises: TimeoutError: somebody did not.
        """
        self.hold()
        inside = self.crowd.inside
        over = await self.matchmaker.insist("POST", "qlive_room/live_end/", live_id=self.crowd.live_id)
        assert over.status == 200, over
        async with asyncio.timeout(10):
            while not all(viewer.events["over"] for viewer in inside):
                await asyncio.sleep(POLL_S)
        self.check()
        await asyncio.gather(*(viewer.go() for viewer in self.crowd.viewers))

    def check(self) -> None:
        """Raise what somebody died of, if one did."""
        self.crowd.check()
        for player in self._players:
            if player.done() and not player.cancelled():
                player.result()

    async def lose(self, count: int) -> None:
        """So many who watch are cut off, and never come back."""
        lost = [self.plain.pop(self.crowd.chance.randrange(len(self.plain))) for _ in range(count)]
        await asyncio.gather(*(viewer.go() for viewer in lost))

    # --- what has to hold --------------------------------------------------------------------------------------------

    async def kept(self) -> list[str]:
        """Asked right after a death, while held: what was acknowledged before and is not so now."""
        told = {person_id: sits for person_id, sits in self.seats.items() if sits is not None}
        sanctions = set(self.sanctions)
        inside = await self.look()
        seated = {seat["public_id"] for seat in inside["seats"]}
        found = [
            f"{person_id} was told that he {'sits' if sits else 'has got up'}"
            for person_id, sits in told.items()
            if sits != (person_id in seated)
        ]
        in_force = {(one["person_id"], one["kind"]) for one in inside["sanctions"]}
        found += [f"{who} was to be {kind}" for who, kind in sanctions - in_force]
        for viewer in self._banned:
            if not await viewer.is_refused():
                found.append(f"{viewer.person.id} is banned, and was let in")
        return found

    async def agreed(self, deadline_s: float, *, is_right_s: float | None = None) -> Agreed:
        """Wait, while held, until everybody is back and all say the same of the room, and until that is right.

        The latter may take ``is_right_s`` if that is longer: whoever went out as the server died is waited for.

        Raises: AssertionError: they never did.
        """
        began_s = time.monotonic()
        alike_s: float | None = None
        differ, wrong = ["nobody was asked"], [""]
        with suppress(TimeoutError):
            async with asyncio.timeout(is_right_s or deadline_s):
                while differ or wrong:
                    await asyncio.sleep(POLL_S)
                    self.check()
                    differ, wrong = await self._differences()
                    if not differ and alike_s is None:
                        alike_s = time.monotonic() - began_s
        if differ or wrong or alike_s is None or alike_s > deadline_s:
            raise AssertionError("; ".join([f"alike after {alike_s} s", *differ, *wrong]))
        return Agreed(alike_s, time.monotonic() - began_s)

    async def _differences(self) -> tuple[list[str], list[str]]:
        """What is not the same everywhere; and what is, and not right."""
        if self._asking_count:
            return [f"{self._asking_count} wait for an answer"], []
        if missing := self.crowd.missing:
            return [f"{len(missing)} are not back: {missing[0].person.id} {dict(missing[0].events)}"], []
        inside = await self.look()
        live_id = self.crowd.live_id
        listed = await self.matchmaker.insist("GET", "get_livelist/")
        shown = await self.matchmaker.insist("GET", "get_playurl/", live_id=live_id)
        assert (listed.status, shown.status) == (200, 200), (listed, shown)
        people = self.crowd.inside
        counts: dict[str, object] = {
            "operators": inside["audience_count"] + len(inside["seats"]) + 1,
            "list": next((row["audience_count"] for row in listed.data if str(row["id"]) == live_id), None),
            "room": shown.data["audience_count"],
        }
        counts |= {f"told to {viewer.person.id}": viewer.count for viewer in people}
        differ = []
        common, _ = Counter(counts.values()).most_common(1)[0]
        if len(set(counts.values())) > 1:
            others = [(who, count) for who, count in counts.items() if count != common]
            differ.append(f"{len(others)} say something else than {common}: {others[:10]}")
        seated = {seat["public_id"] for seat in inside["seats"]}
        on = {shown.data[name]["user_id"] for name in ("male", "female") if shown.data[name]}
        said = {person_id for person_id, sits in self.seats.items() if sits}
        if not seated == on == said:
            differ.append(f"operators see {seated} sit, the room shows {on}, those who asked were told {said}")
        wrong = [viewer.person.id for viewer in people if viewer.seated != seated]
        if wrong:
            differ.append(f"{len(wrong)} of {len(people)} see others sit than {seated}")
        places = {viewer.place for viewer in people}
        if len(places) > 1:
            differ.append(f"the story stands at {places}")
        return differ, [] if common == len(people) else [f"all say {common}, in are {len(people)}"]

    async def look(self) -> dict[str, Any]:
        """The room as operators see it."""
        inside: dict[str, Any] = (await self._desk_insists("GET", "")).data
        return inside

    async def standing_of(self, person_id: str) -> str:
        """What somebody is in the room, as operators see it; empty: he is not in it."""
        standing: str = (await self._desk_insists("GET", f"/people/{person_id}")).data["standing"]
        return standing

    async def read_up(self) -> None:
        """Hear all that this epoch has told so far, also what was told before anybody was back."""
        stands = self.matchmaker.place
        assert stands is not None
        reader = Viewer(self.crowd, self.matchmaker.person, 0)
        reader.place = Place(stands.epoch, 0)
        reader.stay()
        async with asyncio.timeout(10):
            await reader.arrived()
            while _is_behind(reader.place, stands):
                await asyncio.sleep(POLL_S / 10)
        await reader.go()
        if reader.events["shown"]:
            self.tally["stories too long to be read up"] += 1

    async def money_found(self, stores: OpenedStores) -> list[str]:
        """Everything that the stores and what givers were told do not agree on, once nothing moves any more."""
        now = await snapshot_of(stores)
        id_of = {person.public_id: person.id for person in now.people.values()}
        journal = Journal()
        for key, (giver, answers) in self.given.items():
            person_id: PersonId = id_of[giver.person.id]
            journal.entry_told(EntryId(f"gift:{person_id}:k:{key}"))
            for body in answers:
                journal.answered("push_gift", person_id, key, body)
        found = violations(now, journal, is_settled=True)
        told = self.crowd.gifts_told.keys()
        found += [f"gift {entry_id} was acknowledged, and never told" for entry_id in sorted(journal.entries - told)]
        gifts = {entry.id for entry in now.entries.values() if entry.kind is EntryKind.GIFT}
        found += [f"gift {event_id} was told, and nobody paid" for event_id in sorted(told - gifts)]
        epochs: Counter[tuple[int, str]] = Counter(
            (place.epoch, frame.content["event_id"])
            for place, frame in self.crowd.story.items()
            if frame.kind == "gift"
        )
        found += [f"gift {event_id} is twice in epoch {epoch}" for (epoch, event_id), n in epochs.items() if n > 1]
        self.tally["gifts kept"] = len(gifts)
        self.tally["gifts paid with income"] = sum(
            leg.amount < 0 and leg.account == wallet(Currency.QLIVE_INCOME, now.entries[gift].person_id)
            for gift in gifts
            for leg in now.entries[gift].postings
        )
        return found

    # --- the players -------------------------------------------------------------------------------------------------

    async def _play(self, step: Callable[[], Awaitable[None]], one_in_s: float) -> None:
        while True:
            await self._gate.wait()
            await step()
            await self._linger(one_in_s)

    async def _linger(self, mean_s: float) -> None:
        await asyncio.sleep(self.crowd.chance.uniform(0.5, 1.5) * mean_s / self._pace)

    async def _ask(
        self, viewer: Viewer, method: str, name: str, *, with_: Sequence[Viewer] = (), key: str = "", **fields: object
    ) -> Answer:
        """Ask once it is time to, and until there is an answer; each time with everybody concerned in the room."""
        await self._gate.wait()
        self._asking_count += 1
        try:
            while True:
                for one in with_:
                    await one.arrived()
                with suppress(NoAnswer):
                    answer = await viewer.ask(method, name, key=key, **fields)
                    if answer.status not in TRY_AGAIN:
                        self.tally[f"{name} {answer.status}"] += 1
                        return answer
                self.tally["asked again"] += 1
                await asyncio.sleep(AGAIN_S)
        finally:
            self._asking_count -= 1

    async def _take_a_seat(self, people: Sequence[Viewer]) -> None:
        """One of them applies or is invited, sits, and gets up or is put down."""
        person, live_id = self.crowd.chance.choice(people), self.crowd.live_id
        room, who = {"live_id": live_id}, {"live_id": live_id, "user_id": person.person.id}
        is_invited = self.crowd.chance.random() < 0.3
        if is_invited:
            invited = await self._ask(
                self.matchmaker, "POST", "qlive_room/invite_micro/", with_=[self.matchmaker, person], **who
            )
            assert invited.status == 200, invited
        else:
            applied = await self._ask(person, "POST", "qlive_room/apply_micro/", with_=[person], **room)
            assert applied.status == 200, applied
        await self._gate.wait()
        self.seats[person.person.id] = None
        sat = await self._ask(person, "POST", "qlive_room/accept_micro/", with_=[person], **room)
        self.seats[person.person.id] = sat.status == 200 and sat.data["code"] == "success"
        if not self.seats[person.person.id]:
            # An invitation is not kept when the server dies (D-16); an application is.
            assert is_invited
            assert sat.status == 403, sat
            return
        await self._linger(0.5)
        by = person if self.crowd.chance.random() < 0.7 else self.matchmaker
        await self._gate.wait()
        self.seats[person.person.id] = None
        up = await self._ask(by, "GET", "qlive_room/leave_micro/", with_=[by], **who)
        assert up.status == 200, up
        self.seats[person.person.id] = False

    def _giving(self, giver: Viewer, recipients: Sequence[Viewer]) -> Callable[[], Awaitable[None]]:
        """Gives one thing: ten gold to one who has little, or one who has little one of his gold or income."""

        async def give() -> None:
            key = f"g{next(self._keys)}"
            recipient = self.crowd.chance.choice(recipients)
            is_rich = recipient is not self.matchmaker
            given = await self._ask(
                giver,
                "GET",
                "qlive_gift/push_gift/",
                with_=[giver, recipient],
                key=key,
                user_id=recipient.person.id,
                gift_id=2 if is_rich else 1,
                num=1 if is_rich else self.crowd.chance.randrange(1, 9),
            )
            assert given.status == 200, given
            if given.data["status"] == "success":
                self.given[key] = (giver, {json.dumps(given.data, sort_keys=True)})
            else:
                self.tally["gifts too dear"] += 1

        return give

    async def _come_and_go(self) -> None:
        """Some lines break, somebody comes, somebody leaves."""
        chance = self.crowd.chance
        inside = self.crowd.inside
        for viewer in chance.sample(inside, (len(inside) + 29) // 30):
            viewer.cut()
            self.tally["cut"] += 1
        if self.strangers and chance.random() < 0.7:
            newcomer = self.strangers.pop()
            newcomer.stay()
            self.plain.append(newcomer)
            self.tally["came"] += 1
        if len(self.plain) > 1 and chance.random() < 0.4:
            leaver = self.plain.pop(chance.randrange(len(self.plain)))
            await leaver.go()
            left = await self._ask(leaver, "GET", "qlive_room/leave_room/", live_id=self.crowd.live_id)
            assert left.status == 200, left
            self.tally["left"] += 1

    async def _sanction(self) -> None:
        """Somebody may not talk any more, or not be there."""
        if len(self.sanctions) >= SANCTIONED_MAX or len(self.plain) <= SANCTIONED_MAX:
            return
        kind = self.crowd.chance.choice(("mute", "ban"))
        viewer = self.crowd.chance.choice(self.plain)
        await self._gate.wait()
        self._asking_count += 1
        try:
            found = await self._desk_insists("GET", f"/people/{viewer.person.id}")
            person_id = found.data["person_id"]
            done = await self._desk_insists("POST", f"/{kind}", person_id=person_id, **OPERATOR)
            assert done.status == 200, done
        finally:
            self._asking_count -= 1
        self.sanctions.add((person_id, kind))
        if kind == "ban":
            self.plain.remove(viewer)
            self._banned.append(viewer)

    async def _desk_insists(self, method: str, name: str, **fields: object) -> Answer:
        path = f"/admin/v1/rooms/qlive:{self.crowd.live_id}{name}"
        while True:
            desk = HttpClient(lambda: self.server.admin_port)
            duty = {"Authorization": f"Bearer {self.server.admin_token}", "Content-Type": "application/json"}
            try:
                if method == "GET":
                    answer = await desk.get(path, headers=duty)
                else:
                    answer = await desk.post(path, json.dumps(fields).encode(), headers=duty)
                # Between two owners of a room, operators are told that this one's time is over.
                if answer.status not in TRY_AGAIN and answer.data.get("error") != "SESSION_ENDED":
                    assert answer.status == 200, answer
                    return answer
            except NoAnswer:
                pass
            finally:
                await desk.close()
            await asyncio.sleep(AGAIN_S)


def _is_behind(place: Place | None, stands: Place) -> bool:
    return place is None or place < stands
