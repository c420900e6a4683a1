"""Donations: giving diamonds to an anchor, and who gave how much. Source: SITE-20 … SITE-25."""

from typing import Annotated, Any, Final

import msgspec

from handlers.site.access import SiteCaller, claiming, member_of
from handlers.site.envelope import Told
from handlers.site.shapes import AnchorUid, Diamonds, Uid
from handlers.site.times import iso_micros, iso_seconds
from handlers.wire.access import PUBLIC
from handlers.wire.fields import Page, PageSize, blank
from handlers.wire.members import money_key
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "donate", "given", "received", "total_given", "total_received"]

LISTED_MAX: Final = 1_000
"""Of a whole list the newest: more than anybody looks at, and what one answer may weigh."""


class MakeDonation(msgspec.Struct):
    """To whom, and how much; ``user_id`` is the caller or nobody."""

    anchor_id: AnchorUid
    amount: Diamonds
    user_id: Uid = ""


class Donated(msgspec.Struct, kw_only=True):
    """It was given; ``remaining_balance`` is what the giver had right after."""

    donation_id: int
    user_name: str
    anchor_name: str
    amount: float
    donation_date: str
    remaining_balance: float


class MyDonations(msgspec.Struct, kw_only=True):
    """Whose (the caller's), and how many; without a ``page`` the newest thousand."""

    user_id: Uid = ""
    page: Annotated[Page | None, blank()] = None
    page_size: Annotated[PageSize, blank()] = 100


class AnchorsDonations(msgspec.Struct, kw_only=True):
    """The same, of what an anchor was given."""

    anchor_id: AnchorUid
    page: Annotated[Page | None, blank()] = None
    page_size: Annotated[PageSize, blank()] = 100


class DonationGiven(msgspec.Struct, kw_only=True):
    """One donation, as its giver looks at it."""

    donation_id: int
    anchor_name: str
    donation_amount: float
    donation_date: str


class DonationReceived(msgspec.Struct, kw_only=True):
    """One donation, as the anchor looks at it."""

    donation_id: int
    user_name: str
    donation_amount: float
    donation_date: str


class DonationsGiven(msgspec.Struct):
    """The newest first."""

    user_donations: list[DonationGiven]


class DonationsReceived(msgspec.Struct):
    """The newest first."""

    anchor_donations: list[DonationReceived]


class Me(msgspec.Struct):
    """Whose: the caller's."""

    user_id: Uid = ""


class OneAnchor(msgspec.Struct):
    """Whose."""

    anchor_id: AnchorUid


class TotalGiven(msgspec.Struct):
    """All that he has donated."""

    total_donated: float


class TotalReceived(msgspec.Struct):
    """All that was donated to her, before any share of the house."""

    total_received: float


async def donate(caller: SiteCaller, wanted: MakeDonation) -> Told[Donated]:
    """Give an anchor diamonds; the room of hers in which the caller is hears of it."""
    engine, user = caller.engine, member_of(caller)
    anchor = await engine.site_people.anchor(wanted.anchor_id)
    receipt = await engine.donations.donate(
        user,
        anchor,
        wanted.amount,
        key=money_key(caller),
        room_id=engine.show_rooms.shared_by(user.id, anchor.id),
    )
    donation = receipt.donation
    return Told(
        message="Donation successful.",
        data=Donated(
            donation_id=donation.number,
            user_name=donation.user_name,
            anchor_name=donation.anchor_name,
            amount=float(donation.amount),
            donation_date=iso_micros(donation.at_ms),
            remaining_balance=float(receipt.balance),
        ),
    )


async def given(caller: SiteCaller, wanted: MyDonations) -> Told[DonationsGiven]:
    """What the caller has donated."""
    skip, limit = _part(wanted)
    found = await caller.engine.donations.of_user(member_of(caller).id, skip=skip, limit=limit)
    shown = [
        DonationGiven(
            donation_id=one.number,
            anchor_name=one.anchor_name,
            donation_amount=float(one.amount),
            donation_date=iso_seconds(one.at_ms),
        )
        for one in found
    ]
    return Told(data=DonationsGiven(shown))


async def received(caller: SiteCaller, wanted: AnchorsDonations) -> Told[DonationsReceived]:
    """What an anchor was given; anybody may look at that."""
    engine = caller.engine
    anchor = await engine.site_people.anchor(wanted.anchor_id)
    skip, limit = _part(wanted)
    shown = [
        DonationReceived(
            donation_id=one.number,
            user_name=one.user_name,
            donation_amount=float(one.amount),
            donation_date=iso_seconds(one.at_ms),
        )
        for one in await engine.donations.of_anchor(anchor.id, skip=skip, limit=limit)
    ]
    return Told(data=DonationsReceived(shown))


async def total_given(caller: SiteCaller, _wanted: Me) -> Told[TotalGiven]:
    """How much the caller has donated in all."""
    return Told(data=TotalGiven(float(await caller.engine.donations.given_by(member_of(caller).id))))


async def total_received(caller: SiteCaller, wanted: OneAnchor) -> Told[TotalReceived]:
    """How much an anchor was given in all."""
    engine = caller.engine
    anchor = await engine.site_people.anchor(wanted.anchor_id)
    return Told(data=TotalReceived(float(await engine.donations.received_by(anchor.id))))


def _part(wanted: MyDonations | AnchorsDonations) -> tuple[int, int]:
    """How many to skip, and how many to show."""
    return (0, LISTED_MAX) if wanted.page is None else ((wanted.page - 1) * wanted.page_size, wanted.page_size)


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/balance/make_donation",
        MakeDonation,
        Told[Donated],
        donate,
        credential=claiming("user_id"),
        summary="Donate diamonds to an anchor (用户打赏主播接口)",
        source_id="site-make-donation",
    ),
    Endpoint(
        "/api/balance/get_user_donations",
        MyDonations,
        Told[DonationsGiven],
        given,
        method="GET",
        credential=claiming("user_id"),
        summary="What the caller has donated, newest first (获取用户的所有打赏记录)",
        source_id="site-get-user-donations",
    ),
    Endpoint(
        "/api/balance/get_anchor_donations",
        AnchorsDonations,
        Told[DonationsReceived],
        received,
        method="GET",
        access=PUBLIC,
        summary="What an anchor was given, newest first (获取主播收到的所有打赏记录)",
        source_id="site-get-anchor-donations",
    ),
    Endpoint(
        "/api/balance/get_user_total_donated",
        Me,
        Told[TotalGiven],
        total_given,
        method="GET",
        credential=claiming("user_id"),
        summary="How much the caller has donated in all (获取用户的总打赏金额)",
        source_id="site-get-user-total-donated",
    ),
    Endpoint(
        "/api/balance/get_anchor_total_received",
        OneAnchor,
        Told[TotalReceived],
        total_received,
        method="GET",
        access=PUBLIC,
        summary="How much an anchor was given in all (获取主播的总收到打赏金额)",
        source_id="site-get-anchor-total-received",
    ),
)
"""The endpoints of this module."""
