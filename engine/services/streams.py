"""Streams at the media servers: who may begin one, which of them run, and how each ends.

A media server asks (or tells), and a stream that runs holds its sender like an open socket does. Which streams may be
on air and what that means is a ``StreamRule`` of the surface they belong to. Knows no HTTP and no signature.

::

                 publish ──▶ signed? whose? welcome? nobody else on it? ──▶ running ──▶ done
    told_began (a hint) ──▶ the same, but it is on air already               │  ▲
                                                     nothing heard for long  ▼  │  heard again
                                                                            silent ──▶ forgotten

A session is the media server's name for one connection: only the session that began a stream can end it, whoever else
is reported to have ended (protocols 7.1, trap 2). Source: protocols 1.1, 1.2, 7.1; ADR 5.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from engine import settings
from engine.errors import Busy, EngineError, Forbidden, NotFound, Refused
from engine.metrics import Metrics
from engine.node import Node
from engine.ports import MediaAddresses, Provider
from engine.presence import Presence
from engine.world import World
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PersonRecord

__all__ = ["LiveStream", "Publishing", "Sender", "StreamRule", "Streams"]

SWEEP_MS: Final = 1_000
CUT_AGAIN_MS: Final = 5_000
HINT_AGE_S_MAX: Final = 900
"""How old a hint may be: twelve repetitions a minute apart, and some."""

HINTED_MS_MAX: Final = 86_400_000
"""A stream that nobody reports on is forgotten after the longest life of an address."""

ENDED_MAX: Final = 10_000

_ASKING: Final = frozenset({Provider.NGINX})
"""Media servers that ask first and report while a stream runs; the others only tell, as often and as late as they like.

What they tell is a hint: it holds nobody in a call, and nothing is paid for it.
"""


class Publishing(msgspec.Struct, frozen=True, kw_only=True):
    """One report of a media server about one stream.

    ``name`` is the stream's there, below ``app``; ``query`` what the client had behind it; ``began_s`` when it began by
    the media server's clock, in UNIX seconds (None: now); ``media_ms`` how far its pictures are.
    """

    provider: Provider
    session_id: str
    app: str
    name: str
    query: tuple[tuple[str, str], ...] = ()
    address: str = ""
    began_s: int | None = None
    media_ms: int = 0


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Whose stream it is. Nobody's, for one that only tries whether pushing works."""

    stream: str
    person: PersonRecord | None = None
    room_id: RoomId | None = None


class StreamRule(Protocol):
    """What a surface has to say about streams."""

    @property
    def addresses(self) -> MediaAddresses:
        """How its streams are named and signed; two rules have no name in common."""

    async def sender_of(self, stream: str) -> Sender | None:
        """Who may send this stream now; None: it is none of this surface's.

        Raises: Refused: nobody may. NotNow: nobody can tell just now.
        """

    async def began(self, sender: Sender) -> None:
        """It is about to be on air, for the first time or again.

        Raises: Refused: it may not. NotNow: not just now.
        """

    def heard(self, sender: Sender) -> None:
        """It is still on air."""

    def ended(self, sender: Sender, *, heard_at_ms: int) -> None:
        """It is not on air; something was heard until ``heard_at_ms``."""

    async def is_over(self, sender: Sender) -> bool:
        """Whether it certainly may not be on air any more."""


class LiveStream(msgspec.Struct, frozen=True, kw_only=True):
    """A running stream, for operators."""

    name: str
    provider: Provider
    person_id: PersonId | None
    room_id: RoomId | None
    since_ms: int
    heard_at_ms: int
    is_silent: bool


class _UnclaimedError(NotFound):
    """The stream is none of any surface's."""


class _Running:
    __slots__ = (
        "began_s", "cut_at_ms", "heard_at_ms", "is_silent", "is_unwelcome", "media_ms", "name", "provider", "rule",
        "sender", "session_id", "since_ms", "told_at_ms",
    )  # fmt: skip

    def __init__(self, told: Publishing, sender: Sender, rule: StreamRule, *, now_ms: int, began_s: int) -> None:
        self.name = told.name
        self.provider = told.provider
        self.session_id = told.session_id
        self.sender = sender
        self.rule = rule
        self.began_s = began_s
        self.since_ms = now_ms
        self.told_at_ms = now_ms
        self.heard_at_ms = now_ms
        self.media_ms = told.media_ms
        self.is_silent = False
        self.is_unwelcome = False
        self.cut_at_ms: int | None = None

    @property
    def is_reported(self) -> bool:
        """Whether its media server reports while it runs, so that silence means something."""
        return self.provider in _ASKING

    def is_session_of(self, told: Publishing) -> bool:
        return (self.provider, self.session_id) == _session_of(told)


class Streams:
    """The streams that media servers have told this node of."""

    def __init__(
        self,
        world: World,
        options: settings.Streams,
        *,
        node: Node,
        presence: Presence,
        rules: Sequence[StreamRule],
        metrics: Metrics,
    ) -> None:
        self._world = world
        self._options = options
        self._node = node
        self._presence = presence
        self._rules = tuple(rules)
        self._metrics = metrics
        self._running: dict[str, _Running] = {}
        self._deciding: dict[str, Publishing] = {}
        self._ended: OrderedDict[tuple[str, str], None] = OrderedDict()
        metrics.streams_live.read = lambda: sum(not running.is_silent for running in self._running.values())

    # --- what media servers that ask want to know --------------------------------------------------------------------

    async def publish(self, wanted: Publishing) -> None:
        """Whether this session may begin to publish. It is on air from now on; asking again for it is harmless.

        Raises:
            Forbidden: not signed by us, or not any more. NotFound, Banned, RoomFull: see the rule.
            Busy: another session is on it, or just being decided about.
            NotNow: nobody can tell just now; the client may try again.
        """
        try:
            await self._publish(wanted, at_s=self._now_s())
        except Refused as refusal:
            self._refused(wanted, refusal)
            raise

    async def beat(self, heard: Publishing) -> None:
        """A session goes on. One that this node has not heard of (it began before us) is looked at like a new one.

        A stream whose pictures stand still is silent, however often it is reported.

        Raises: Refused: it must not go on. NotNow: nobody can tell just now, which is no reason to end it.
        """
        running = self._running.get(heard.name)
        if running is None or not running.is_session_of(heard):
            if heard.name not in self._deciding:
                # What counts is that the address was good when the stream began.
                await self._publish(heard, at_s=self._now_s() if heard.began_s is None else heard.began_s)
            return
        if running.is_unwelcome:
            raise Forbidden
        running.told_at_ms = self._node.now_ms()
        if heard.media_ms == running.media_ms:
            return
        running.media_ms = heard.media_ms
        running.heard_at_ms = running.told_at_ms
        if running.is_silent:
            await running.rule.began(running.sender)
            if self._running.get(heard.name) is running and running.is_silent:
                running.is_silent = False
                self._hold(running)
        else:
            running.rule.heard(running.sender)

    async def play(self, wanted: Publishing) -> None:
        """Whether somebody may watch with the address he shows.

        Raises: Forbidden: not signed by us, or not any more.
        """
        now_s = self._now_s()
        for rule in self._rules:
            if rule.addresses.played(wanted.app, wanted.name, wanted.query, now_s=now_s) is not None:
                return
        raise Forbidden("not a play address of ours")

    # --- what all of them tell ---------------------------------------------------------------------------------------

    def done(self, told: Publishing) -> None:
        """A session is reported to have ended. Any other than the one on air changes nothing."""
        if told.provider not in _ASKING:
            # Its beginning may be told later, and must not count any more.
            self._ended[told.name, told.session_id] = None
            if len(self._ended) > ENDED_MAX:
                self._ended.popitem(last=False)
        deciding = self._deciding.get(told.name)
        if deciding is not None and _session_of(deciding) == _session_of(told):
            del self._deciding[told.name]
        running = self._running.get(told.name)
        if running is not None and running.is_session_of(told):
            self._end(running)

    async def told_began(self, told: Publishing) -> None:
        """A media server that does not ask says that a stream is on air; whatever it says is taken as a hint.

        A newer beginning replaces an older one. What is refused is cut only for what we know ourselves: a hint with a
        wrong signature may come from somebody who wants the stream cut.

        Raises: NotNow: nobody can tell just now; the media server repeats it.
        """
        running = self._running.get(told.name)
        now_s = self._now_s()
        began_s = now_s if told.began_s is None else min(told.began_s, now_s)
        if (told.name, told.session_id) in self._ended or began_s < now_s - HINT_AGE_S_MAX:
            return
        if told.name in self._deciding or (running is not None and not _is_newer(told, began_s, running)):
            return
        signed = self._signed(told, at_s=began_s)
        if signed is None:
            self._refused(told, Forbidden())
            return
        try:
            await self._begin(told, *signed, began_s=began_s)
        except _UnclaimedError as unclaimed:
            # Another program of the same account may send under our key.
            self._refused(told, unclaimed)
        except Refused as refusal:
            self._refused(told, refusal)
            self._world.spawn(self._cut(told.provider, told.name, None), name="cut-stream")

    # --- from inside -------------------------------------------------------------------------------------------------

    def cut_all_of(self, person_id: PersonId) -> None:
        """End every stream of this person: at the media server's, or with its next report."""
        for running in tuple(self._running.values()):
            if running.sender.person is not None and running.sender.person.id == person_id:
                self._turn_out(running)

    def live(self) -> tuple[LiveStream, ...]:
        """All streams this node knows to run."""
        return tuple(
            LiveStream(
                name=running.name,
                provider=running.provider,
                person_id=None if running.sender.person is None else running.sender.person.id,
                room_id=running.sender.room_id,
                since_ms=running.since_ms,
                heard_at_ms=running.heard_at_ms,
                is_silent=running.is_silent,
            )
            for running in self._running.values()
        )

    async def run(self) -> None:
        """Notice silence, and cut what may not go on, until cancelled."""
        while True:
            await self._world.clock.sleep(SWEEP_MS)
            for running in tuple(self._running.values()):
                self._judge_silence(running)
                if self._running.get(running.name) is not running:
                    continue
                if running.is_unwelcome or await running.rule.is_over(running.sender):
                    self._turn_out(running)

    # --- parts -------------------------------------------------------------------------------------------------------

    async def _publish(self, wanted: Publishing, *, at_s: int) -> None:
        # First of all: after a restart of its server, anybody's connection may have the number of one that ran before.
        signed = self._signed(wanted, at_s=at_s)
        if signed is None:
            raise Forbidden("not a push address of ours")
        running = self._running.get(wanted.name)
        if running is not None and not running.is_silent:
            if running.is_unwelcome or not running.is_session_of(wanted):
                raise Busy
            return
        await self._begin(wanted, *signed, began_s=at_s)

    def _signed(self, told: Publishing, *, at_s: int) -> tuple[str, StreamRule] | None:
        """The stream that its sender has been given an address for, and whose it is to decide."""
        for rule in self._rules:
            stream = rule.addresses.pushed(told.app, told.name, told.query, now_s=at_s)
            if stream is not None:
                return stream, rule
        return None

    async def _begin(self, told: Publishing, stream: str, rule: StreamRule, *, began_s: int) -> None:
        """Put a signed stream on air, if its rule lets it.

        Raises: Refused, NotNow.
        """
        if told.name in self._deciding:
            raise Busy
        self._deciding[told.name] = told
        try:
            sender = await rule.sender_of(stream)
            if sender is None:
                raise _UnclaimedError("stream")
            await rule.began(sender)
        finally:
            is_withdrawn = self._deciding.get(told.name) is not told
            if not is_withdrawn:
                del self._deciding[told.name]
        if is_withdrawn:
            if told.name not in self._deciding and told.name not in self._running:
                rule.ended(sender, heard_at_ms=self._node.now_ms())
            return
        before = self._running.get(told.name)
        if before is not None:
            self._let_go(before)
        running = _Running(told, sender, rule, now_ms=self._node.now_ms(), began_s=began_s)
        self._running[told.name] = running
        self._hold(running)
        self._world.log.info("stream_began", stream=told.name, provider=told.provider.value, session=told.session_id)

    def _hold(self, running: _Running) -> None:
        if running.is_reported and running.sender.person is not None:
            self._presence.line_opened(running.sender.person.id)

    def _let_go(self, running: _Running) -> int:
        """The stream holds its sender no longer; returns when something was last heard of it."""
        now_ms = self._node.now_ms()
        # One heard a moment ago was there until it was reported to end; another had stopped before.
        is_fresh = now_ms - running.heard_at_ms < self._options.silent_ms // 2 or not running.is_reported
        heard_at_ms = now_ms if is_fresh else running.heard_at_ms
        if running.is_reported and not running.is_silent and running.sender.person is not None:
            self._presence.line_closed(running.sender.person.id, heard_at_ms=heard_at_ms)
        return heard_at_ms

    def _end(self, running: _Running) -> None:
        del self._running[running.name]
        heard_at_ms = self._let_go(running)
        if not running.is_silent:
            running.rule.ended(running.sender, heard_at_ms=heard_at_ms)
        self._world.log.info("stream_ended", stream=running.name, session=running.session_id)

    def _judge_silence(self, running: _Running) -> None:
        now_ms = self._node.now_ms()
        if not running.is_reported:
            if now_ms - running.since_ms >= HINTED_MS_MAX:
                self._end(running)
        elif now_ms - running.told_at_ms >= self._options.silent_ms:
            # The media server itself has fallen silent.
            if not running.is_silent:
                self._lost(running)
            self._end(running)
        elif not running.is_silent and now_ms - running.heard_at_ms >= self._options.silent_ms:
            # It is still reported on, so its pictures may come again.
            self._lost(running)
            heard_at_ms = self._let_go(running)
            running.is_silent = True
            running.rule.ended(running.sender, heard_at_ms=heard_at_ms)

    def _lost(self, running: _Running) -> None:
        self._metrics.streams_lost.add()
        self._world.log.info("stream_silent", stream=running.name, session=running.session_id)

    def _turn_out(self, running: _Running) -> None:
        running.is_unwelcome = True
        now_ms = self._node.now_ms()
        if running.cut_at_ms is None or now_ms - running.cut_at_ms >= CUT_AGAIN_MS:
            running.cut_at_ms = now_ms
            self._world.spawn(self._cut(running.provider, running.name, running), name="cut-stream")

    async def _cut(self, provider: Provider, name: str, running: _Running | None) -> None:
        """Have the media server end the stream, if it can be told."""
        cutter = self._world.cutters.get(provider)
        if cutter is None:
            return
        try:
            await cutter.cut(name)
        except EngineError:
            self._world.log.warning("stream_not_cut", stream=name, provider=provider.value)
            return
        self._world.log.info("stream_cut", stream=name, provider=provider.value)
        # Who asks us also tells of the end; from the others it may never come.
        if running is not None and not running.is_reported and self._running.get(name) is running:
            self._end(running)

    def _refused(self, told: Publishing, refusal: EngineError) -> None:
        self._metrics.streams_refused.add()
        # Neither the query, which is a credential, nor the whole of what somebody made up.
        self._world.log.info("stream_refused", stream=told.name[:80], address=told.address, why=refusal.code)

    def _now_s(self) -> int:
        return self._node.now_ms() // 1000


def _session_of(told: Publishing) -> tuple[Provider, str]:
    return told.provider, told.session_id


def _is_newer(told: Publishing, began_s: int, running: _Running) -> bool:
    """Whether a hint tells of a later connection than the one known; within one second the later to be told counts."""
    is_same_server = told.provider is running.provider
    return is_same_server and not running.is_session_of(told) and began_s >= running.began_s
