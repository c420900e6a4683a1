"""The engine of one node: the one object that handlers hold.

Builds the services over a ``World`` and runs what must run in the background. Nothing happens before ``start``.
"""

from typing import Final

from engine import settings
from engine.actors.alarms import AlarmClock
from engine.billing.ledger import Ledger
from engine.errors import EngineError
from engine.ids import Ids
from engine.metrics import Metrics
from engine.node import Node
from engine.outbox import Outbox
from engine.presence import Presence
from engine.room.formats import rules_of
from engine.room.state import RoomState
from engine.services.accounts import account_rules
from engine.services.admissions import Admissions
from engine.services.blind_date_streams import BlindDateStreams
from engine.services.blind_dates import BlindDates
from engine.services.calls import Calls
from engine.services.comments import Comments
from engine.services.conversations import Conversations
from engine.services.crypto_recharge import CryptoRecharge
from engine.services.donations import Donations
from engine.services.files import Files
from engine.services.follows import Follows
from engine.services.friends import Friends
from engine.services.gifts import Gifts
from engine.services.gold_gifts import GoldGifts
from engine.services.groups import Groups
from engine.services.guests import Guests
from engine.services.identity import Identity
from engine.services.known_people import KnownPeople
from engine.services.live_rooms import LiveRooms
from engine.services.mailed_codes import MailedCodes
from engine.services.notices import Notices
from engine.services.online import Online
from engine.services.operator import Operator
from engine.services.profiles import Profiles
from engine.services.qlive_people import QlivePeople
from engine.services.quotas import Quotas
from engine.services.recharge import Recharge
from engine.services.room_streams import RoomStreams
from engine.services.rooms import Rooms
from engine.services.show_chat import ShowChat
from engine.services.show_rooms import ShowRooms
from engine.services.shows import Shows
from engine.services.site_people import SitePeople
from engine.services.social_people import SocialPeople
from engine.services.social_sign_ins import SocialSignIns
from engine.services.statements import Statements
from engine.services.streams import Streams
from engine.services.subscriptions import Subscriptions
from engine.services.videos import Videos
from engine.services.web_sign_ins import WebSignIns
from engine.snowflakes import Snowflakes
from engine.world import World
from store.interfaces.errors import StoreError

__all__ = ["ALARM_TICK_MS", "Greenroom"]

ALARM_TICK_MS: Final = 50
"""A minute may be charged this late: a tenth of the price of waking up for each call on its own."""


class Greenroom:
    """Services, and the life of the node."""

    def __init__(self, world: World, options: settings.Settings) -> None:
        self.world = world
        self.options = options
        self.metrics = Metrics()
        self.node = Node(
            world.stores.leases,
            options.node,
            clock=world.clock,
            rng=world.rng,
            log=world.log,
            metrics=self.metrics,
        )
        self.is_draining = False
        ids = Ids(world.stores.ids)
        self.snowflakes = Snowflakes(world.stores.ids, node=self.node)
        alarms = AlarmClock(world.clock, tick_ms=ALARM_TICK_MS)
        self.ledger = Ledger(
            world.stores.ledger,
            options.ledger,
            clock=world.clock,
            rng=world.rng,
            spawn=world.spawn,
            log=world.log,
            metrics=self.metrics,
        )
        self.outbox = Outbox(
            world.stores.ledger,
            sink=world.sink,
            clock=world.clock,
            spawn=world.spawn,
            log=world.log,
            metrics=self.metrics,
        )
        self.presence = Presence(
            world.stores.presence,
            options.presence,
            silent_ms=options.calls.silent_ms,
            clock=world.clock,
            node=self.node,
            log=world.log,
        )
        known = KnownPeople(world.clock)
        self.identity = Identity(
            world, account_rules(options), node=self.node, ids=ids, ledger=self.ledger, known=known
        )
        self.guests = Guests(world, node=self.node)
        self.web_sign_ins = WebSignIns(world, node=self.node, known=known, presence=self.presence)
        self.site_people = SitePeople(
            world, options, node=self.node, ids=ids, ledger=self.ledger, sign_ins=self.web_sign_ins
        )
        self.social_sign_ins = SocialSignIns(world, node=self.node, known=known, presence=self.presence)
        self.social_people = SocialPeople(world, node=self.node, ids=ids, snowflakes=self.snowflakes, known=known)
        self.files = Files(world, options, node=self.node)
        self.videos = Videos(world, node=self.node, snowflakes=self.snowflakes, is_our_file=self.files.is_ours)
        self.comments = Comments(world, node=self.node, snowflakes=self.snowflakes, videos=self.videos)
        self.mailed_codes = MailedCodes(world, node=self.node)
        self.online = Online(world, options, node=self.node, presence=self.presence, people=self.social_people)
        self.qlive_people = QlivePeople(world, node=self.node, identity=self.identity)
        self.friends = Friends(world, node=self.node, people=self.social_people)
        self.groups = Groups(world, node=self.node, people=self.social_people, snowflakes=self.snowflakes)
        self.conversations = Conversations(
            world,
            options,
            node=self.node,
            people=self.social_people,
            friends=self.friends,
            groups=self.groups,
            snowflakes=self.snowflakes,
        )
        self.calls = Calls(
            world,
            options,
            node=self.node,
            ledger=self.ledger,
            presence=self.presence,
            alarms=alarms,
            ids=ids,
            metrics=self.metrics,
        )
        self.rooms = Rooms(
            world,
            options,
            node=self.node,
            presence=self.presence,
            alarms=alarms,
            rules=rules_of(options),
            metrics=self.metrics,
        )
        self.live_rooms = LiveRooms(world, options, node=self.node, rooms=self.rooms, calls=self.calls)
        self.blind_dates = BlindDates(world, options, node=self.node, rooms=self.rooms)
        self.blind_date_streams = BlindDateStreams(world, rooms=self.blind_dates, node=self.node)
        self.streams = Streams(
            world,
            options.streams,
            node=self.node,
            presence=self.presence,
            rules=(RoomStreams(world, rooms=self.live_rooms, node=self.node), self.blind_date_streams),
            metrics=self.metrics,
        )
        self.profiles = Profiles(
            world,
            options,
            calls=self.calls,
            presence=self.presence,
            identity=self.identity,
        )
        self.statements = Statements(world, ledger=self.ledger)
        self.gifts = Gifts(
            world,
            options,
            ledger=self.ledger,
            calls=self.calls,
            rooms=self.live_rooms,
            outbox=self.outbox,
        )
        self.gold_gifts = GoldGifts(world, options, node=self.node, ledger=self.ledger, outbox=self.outbox)
        self.recharge = Recharge(world, options, node=self.node, ids=ids, ledger=self.ledger)
        self.shows = Shows(world, options, node=self.node)
        self.follows = Follows(world, node=self.node)
        self.donations = Donations(world, options, node=self.node, ids=ids, ledger=self.ledger, outbox=self.outbox)
        self.subscriptions = Subscriptions(world, options, node=self.node, ledger=self.ledger, outbox=self.outbox)
        self.admissions = Admissions(
            world,
            options,
            node=self.node,
            ledger=self.ledger,
            outbox=self.outbox,
            subscriptions=self.subscriptions,
            rooms=self.rooms,
        )
        self.show_rooms = ShowRooms(
            world, options, node=self.node, rooms=self.rooms, shows=self.shows, admissions=self.admissions
        )
        self.show_chat = ShowChat(
            world, options, node=self.node, rooms=self.rooms, shows=self.shows, show_rooms=self.show_rooms
        )
        self.quotas = Quotas(world, options, node=self.node)
        self.crypto_recharge = CryptoRecharge(world, options, node=self.node, ledger=self.ledger)
        self.notices = Notices(
            world,
            options,
            node=self.node,
            identity=self.identity,
            calls=self.calls,
            rooms=self.rooms,
            streams=self.streams,
        )
        self.operator = Operator(
            world,
            options,
            node=self.node,
            ids=ids,
            ledger=self.ledger,
            presence=self.presence,
            identity=self.identity,
            web_sign_ins=self.web_sign_ins,
            site_people=self.site_people,
            social_people=self.social_people,
            social_sign_ins=self.social_sign_ins,
            calls=self.calls,
            rooms=self.rooms,
            notices=self.notices,
            statements=self.statements,
            crypto=self.crypto_recharge,
            metrics=self.metrics,
        )
        self._connect()

    async def start(self, *, supersedes: bool) -> None:
        """Begin a new incarnation, take over what earlier ones left, and run.

        ``supersedes``: whoever calls can prove that no earlier incarnation of this node's name runs any more.

        Raises: StoreError: the store did not take it.
        """
        await self.node.begin(supersedes=supersedes)
        self.operator.begin()
        await self.calls.take_over()
        await self.rooms.take_over()
        self.outbox.kick()
        self.ledger.fold_soon()
        for work, name in (
            (self.node.run(), "lease"),
            (self.presence.run(), "presence"),
            (self.calls.run(), "calls-sweep"),
            (self.rooms.run(), "rooms-sweep"),
            (self.rooms.publish(), "roster"),
            (self.streams.run(), "streams-sweep"),
            (self.web_sign_ins.run(), "sign-ins-sweep"),
            (self.social_sign_ins.run(), "social-sign-ins-sweep"),
            (self.online.run(), "online"),
            (self.conversations.deliveries.listen(), "chat-hints"),
            (self.conversations.deliveries.run(), "chat-sweep"),
            (self.recharge.run(), "reconcile"),
            (self.crypto_recharge.run(), "reconcile-crypto"),
            (self.files.run(), "files-sweep"),
            (self.outbox.run(), "outbox-sweep"),
            (self.ledger.run(), "fold-sweep"),
        ):
            self.world.spawn(work, name=name)

    def offer(self, options: settings.Settings) -> None:
        """Have the catalogues of ``options`` from now on; whatever else differs there takes another start."""
        self.gifts.offer(options.gifts)
        self.gold_gifts.offer(options.qlive.gifts)
        self.recharge.offer(options)
        self.crypto_recharge.offer(options.site.packages)

    async def drain(self) -> None:
        """Stop owning anything: calls and rooms are left as they are stored, for the next incarnation."""
        self.is_draining = True
        await self.calls.drop_all()
        await self.rooms.drop_all()
        try:
            await self.node.end()
        except StoreError:
            self.world.log.warning("lease_not_given_back", node=self.node.id)

    def is_ready(self) -> bool:
        """Whether new sessions are welcome."""
        return not self.is_draining and self.node.is_confirmed()

    def _connect(self) -> None:
        """Let services that are there before others hear of what those do."""
        self.metrics.ledger_waiting.read = lambda: self.ledger.waiting_count
        self.node.on_outage = self._begin_anew
        self.calls.on_ended = self.live_rooms.call_ended
        self.rooms.on_closed = self.live_rooms.closed
        self.rooms.on_started = self._room_started
        self.rooms.on_sweep = self._sweep_rooms
        self.outbox.tell_given = self.rooms.tell_given

    def _room_started(self, state: RoomState) -> None:
        self.blind_dates.started(state)
        self.show_rooms.started(state)

    async def _sweep_rooms(self) -> None:
        await self.live_rooms.close_after_calls()
        await self.show_rooms.sweep()

    async def _begin_anew(self, last_proof_ms: int) -> None:
        """This node was away: what it believes of its sessions is worth nothing; take them over from the store."""
        await self.calls.drop_all()
        await self.rooms.drop_all()
        try:
            await self.calls.take_over(last_proof_ms)
            await self.rooms.take_over()
        except (StoreError, EngineError):
            self.world.log.warning("take_over_failed")  # The sweep goes on with it.
