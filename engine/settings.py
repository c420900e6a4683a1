"""The engine's share of the configuration: what a rule, a price or a deadline of a live session is set to.

Every struct is one section of ``config.yaml`` and every default here equals the one written there. Knows no file, no
environment and no address of anything; ``adapters/config.py`` does the reading and hands a ``Settings`` over.
Times are milliseconds of the store's or the monotonic clock, prices whole diamonds, points or fen.
"""

from typing import Annotated, Literal

import msgspec

__all__ = [
    "Billing",
    "Calls",
    "Files",
    "Gift",
    "Ledger",
    "Node",
    "Orders",
    "People",
    "Presence",
    "Product",
    "Qlive",
    "QliveGift",
    "QlivePackage",
    "Rooms",
    "Section",
    "Settings",
    "Site",
    "SitePackage",
    "Social",
    "SocialLevel",
    "SocialPath",
    "Streams",
]

# One day bounds every waiting time: more is a unit mistaken (seconds or micros), not a wish.
Milliseconds = Annotated[int, msgspec.Meta(ge=1, le=86_400_000)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Bytes = Annotated[int, msgspec.Meta(ge=1, le=67_108_864)]
# A wire id of the calls surface stays below 2^53, so that every JSON reader keeps it exact.
CatalogueId = Annotated[int, msgspec.Meta(ge=1, le=9_007_199_254_740_991)]
Amount = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000_000)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One section of the configuration: named fields, each with its default; a key nobody knows is an error."""


class Node(Section, frozen=True, kw_only=True):
    """How a server proves that it is alive, and when others may take over what it owned (D-13)."""

    name: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z0-9.-]*$")] = ""
    lease_ms: Milliseconds = 10_000
    renew_ms: Milliseconds = 3_000
    sweep_ms: Milliseconds = 5_000


class Billing(Section, frozen=True, kw_only=True):
    """What a minute is and how points become diamonds (CA-18, CA-19, CA-20)."""

    minute_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] = 60_000
    diamonds_per_100_points: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100
    anchor_share_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 100
    amount_max: Amount = 1_000_000_000


class Ledger(Section, frozen=True, kw_only=True):
    """How moves are gathered into one transaction and how credits are folded into balances (D-7, D-8)."""

    # 495 moves of two documents each still fit the 1,000 documents that a transaction may hold.
    batch_moves_max: Annotated[int, msgspec.Meta(ge=1, le=495)] = 200
    deadline_ms: Milliseconds = 5_000
    fold_every_ms: Milliseconds = 250
    fold_batches_max: Count = 50


class Calls(Section, frozen=True, kw_only=True):
    """Deadlines and bounds of a paid call (seed behaviour 5.2, reliability e.4)."""

    ring_ms: Milliseconds = 30_000
    join_ms: Milliseconds = 60_000
    grace_ms: Milliseconds = 20_000
    low_balance_notice_ms: Milliseconds = 15_000
    silent_ms: Milliseconds = 60_000
    resume_window_ms: Annotated[int, msgspec.Meta(ge=0, le=20_000)] = 0
    on_store_down: Literal["continue", "terminate"] = "continue"
    retry_ms: Milliseconds = 1_000
    mailbox_messages_max: Count = 256
    points_per_minute_max: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    points_per_minute_default: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10
    early_ms_max: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 1_000


class Presence(Section, frozen=True, kw_only=True):
    """When somebody counts as here (CA-10)."""

    reachable_ms: Milliseconds = 60_000
    publish_every_ms: Milliseconds = 2_000
    heard_every_ms: Milliseconds = 25_000


class Rooms(Section, frozen=True, kw_only=True):
    """Bounds and sweeps of a live room (seed behaviour 6)."""

    pushers_max: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    audience_max: Count = 10_000
    audience_listed_max: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 30
    pusher_silent_ms: Milliseconds = 20_000
    empty_ms: Milliseconds = 30_000
    custom_fields_max: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50
    custom_field_bytes_max: Bytes = 1_024
    info_bytes_max: Bytes = 1_024
    mailbox_messages_max: Count = 1_000
    history_events_max: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 500
    history_ms: Milliseconds = 300_000
    count_every_ms: Milliseconds = 500
    combo_ms: Milliseconds = 5_000
    kick_ms: Milliseconds = 600_000
    return_ms: Milliseconds = 30_000
    sanctions_max: Count = 1_000


class Streams(Section, frozen=True, kw_only=True):
    """When a stream at a media server counts as gone (protocols 7.1)."""

    silent_ms: Milliseconds = 10_000


class People(Section, frozen=True, kw_only=True):
    """How long a sign-in lasts, and what is kept of somebody's form ids (CA-2, CA-17)."""

    session_idle_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30
    form_ids_max: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    form_id_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 7


class Orders(Section, frozen=True, kw_only=True):
    """When the payment provider is asked about an order that nobody has paid yet, and when it counts as failed."""

    reconcile_after_ms: Milliseconds = 60_000
    give_up_after_ms: Milliseconds = 7_200_000


class Gift(Section, frozen=True, kw_only=True):
    """One line of the gift catalogue. ``cost_diamonds`` is the price of a single one."""

    id: CatalogueId
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    image_url: Annotated[str, msgspec.Meta(max_length=2_000)]
    cost_diamonds: Amount


class Product(Section, frozen=True, kw_only=True):
    """One pack of diamonds on sale: ``diamonds`` for ``price_fen`` (1 yuan = 100 fen)."""

    id: CatalogueId
    diamonds: Amount
    price_fen: Amount


GIFTS = (
    Gift(id=1, name="玫瑰", image_url="https://img.example/rose.png", cost_diamonds=10),
    Gift(id=2, name="巧克力", image_url="https://img.example/chocolate.png", cost_diamonds=50),
    Gift(id=3, name="跑车", image_url="https://img.example/car.png", cost_diamonds=1_000),
)
PRODUCTS = (
    Product(id=1, diamonds=60, price_fen=600),
    Product(id=2, diamonds=300, price_fen=3_000),
    Product(id=3, diamonds=1_280, price_fen=12_800),
)


class QliveGift(Section, frozen=True, kw_only=True):
    """One line of the blind-date rooms' catalogue. ``gold`` is the price of a single one; ``effect`` an animation."""

    id: CatalogueId
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    image_url: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    gold: Amount
    effect: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class QlivePackage(Section, frozen=True, kw_only=True):
    """One pack of gold on sale: ``gold`` for ``price_fen`` (1 yuan = 100 fen)."""

    id: CatalogueId
    gold: Amount
    price_fen: Amount


QLIVE_GIFTS = (
    QliveGift(id=1, name="玫瑰", image_url="https://img.example/rose.png", gold=1),
    QliveGift(id=2, name="巧克力", image_url="https://img.example/chocolate.png", gold=10),
    QliveGift(id=3, name="钻戒", image_url="https://img.example/ring.png", gold=520, effect="ring"),
)
QLIVE_PACKAGES = (
    QlivePackage(id=1, gold=60, price_fen=600),
    QlivePackage(id=2, gold=300, price_fen=3_000),
    QlivePackage(id=3, gold=1_280, price_fen=12_800),
)


class Qlive(Section, frozen=True, kw_only=True):
    """Blind-date rooms: who may sit, how long a lost line is waited for, and what gold is worth (QL-14, QL-29 … QL-37).

    ``income_percent`` of what a gift cost goes to whom it was given; ``withdraw_rate`` is only shown.
    """

    seat_policy: Literal["applied", "invited", "open"] = "applied"
    invitation_ms: Milliseconds = 30_000
    viewer_grace_ms: Milliseconds = 30_000
    seat_grace_ms: Milliseconds = 60_000
    lineless_ms: Milliseconds = 1_800_000
    income_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 50
    withdraw_rate: Annotated[str, msgspec.Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")] = "0.5"
    session_idle_days: Annotated[int, msgspec.Meta(ge=0, le=3_650)] = 30
    gifts: tuple[QliveGift, ...] = QLIVE_GIFTS
    packages: tuple[QlivePackage, ...] = QLIVE_PACKAGES


class SitePackage(Section, frozen=True, kw_only=True):
    """One pack of diamonds on sale: ``diamonds`` for ``usdt``, by which it is asked for."""

    usdt: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    diamonds: Amount


SITE_PACKAGES = (
    SitePackage(usdt=12, diamonds=60),
    SitePackage(usdt=20, diamonds=100),
    SitePackage(usdt=100, diamonds=550),
)


class Site(Section, frozen=True, kw_only=True):
    """The anchors' rooms of the site, and what people pay there (SITE-20 … SITE-35).

    ``anchor_share_percent`` of a donation, a subscription and an admission is the anchor's. A place of a one-to-one
    room is kept for ``place_kept_ms`` for whoever has just paid. An order that nobody has paid is asked about after
    ``reconcile_after_ms``, and until it is ``give_up_after_days`` old.

    A show of which nothing was heard for ``on_air_ms`` is off air. A person may say ``lines_max`` lines in five
    seconds; ``viewer_lines_shown`` and ``anchor_lines_shown`` of the last are shown to whoever asks.
    """

    anchor_share_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 100
    subscription_price: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000_000)] = 10
    one_to_one_guests_max: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    place_kept_ms: Milliseconds = 30_000
    reconcile_after_ms: Milliseconds = 1_800_000
    give_up_after_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 14
    on_air_ms: Annotated[int, msgspec.Meta(ge=1_000, le=31_536_000_000)] = 604_800_000
    lines_max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    viewer_lines_shown: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 20
    anchor_lines_shown: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 500
    ai_calls_per_day: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 50
    packages: tuple[SitePackage, ...] = SITE_PACKAGES


SocialPath = Literal[
    "/api/chat/history",
    "/api/chat/ws-ticket",
    "/api/contact/add-friend",
    "/api/contact/create-community",
    "/api/contact/get-friend-list",
    "/api/contact/get-group-list",
    "/api/contact/get-group-users",
    "/api/contact/join-community",
    "/api/contact/load-community",
    "/api/file/upload",
    "/api/user/get-my-info",
    "/api/user/get-profile",
    "/api/user/get-user-info",
    "/api/user/set-profile",
    "/api/user/set-role",
    "/api/videos",
    "/api/videos/comment-comments",
    "/api/videos/comment-video",
    "/api/videos/create-video",
    "/api/videos/get-comment-all",
    "/api/videos/get-comment-likes",
    "/api/videos/get-comment-member",
    "/api/videos/get-comments",
    "/api/videos/get-video-likes",
    "/api/videos/like-comments",
    "/api/videos/like-video",
]
"""Paths for people who are signed in; whoever is may leave."""


class SocialLevel(Section, frozen=True, kw_only=True):
    """Who may call ``path`` of the social app: people of ``level`` and above."""

    path: SocialPath
    level: Annotated[int, msgspec.Meta(ge=1, le=4)]


class Social(Section, frozen=True, kw_only=True):
    """The social app (SO-6 … SO-52).

    ``minimum_levels`` are of paths that not everybody may call who is signed in. ``online_ms`` is how long somebody
    counts as online of whom nothing more is heard; of ``online_listed_max`` such people a client is told.

    With ``open_private_chat`` also strangers may write to each other; with ``echo_bot`` the assistants say what they
    are told, without it they say nothing. Of what somebody has missed, the newest ``backlog_max`` messages are told.
    """

    minimum_levels: tuple[SocialLevel, ...] = ()
    online_ms: Milliseconds = 300_000
    online_listed_max: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 200
    open_private_chat: bool = False
    echo_bot: bool = False
    backlog_max: Annotated[int, msgspec.Meta(ge=1, le=200)] = 100


class Files(Section, frozen=True, kw_only=True):
    """What people may send in (SO-20, SEC-19).

    A file has at most ``bytes_max`` bytes, a picture ``picture_bytes_max`` and ``pixels_max`` pixels. Everybody has
    room for ``person_bytes_max`` bytes in all, and may send ``per_day_max`` files in a day of UTC.
    """

    bytes_max: Annotated[int, msgspec.Meta(ge=1, le=1_048_576_000)] = 104_857_600
    person_bytes_max: Annotated[int, msgspec.Meta(ge=0, le=1_125_899_906_842_624)] = 2_147_483_648
    per_day_max: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 200
    picture_bytes_max: Bytes = 33_554_432
    pixels_max: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] = 50_000_000


class Settings(Section, frozen=True, kw_only=True):
    """All the engine may know of the configuration."""

    node: Node = Node()
    billing: Billing = Billing()
    ledger: Ledger = Ledger()
    calls: Calls = Calls()
    presence: Presence = Presence()
    rooms: Rooms = Rooms()
    streams: Streams = Streams()
    people: People = People()
    orders: Orders = Orders()
    gifts: tuple[Gift, ...] = GIFTS
    products: tuple[Product, ...] = PRODUCTS
    qlive: Qlive = Qlive()
    site: Site = Site()
    files: Files = Files()
    social: Social = Social()
