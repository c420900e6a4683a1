"""Currencies and accounts: whole numbers, one currency per account.

A *wallet* belongs to a person and never goes below zero. *House* and *external* accounts are the other side of what
wallets gain and lose; they keep no balance of their own: by INV-1 theirs is what the journal sums to.
"""

from enum import StrEnum
from typing import NewType

from store.interfaces.ids import AccountId, PersonId

__all__ = [
    "Currency",
    "Diamonds",
    "Points",
    "currencies_of",
    "currency_of",
    "external",
    "house",
    "is_wallet",
    "owner_of",
    "wallet",
]

Diamonds = NewType("Diamonds", int)
Points = NewType("Points", int)


class Currency(StrEnum):
    """Never converted into each other (ALL-6): a charge moves each one against the house.

    Named by its surface and its unit; of a surface, what is bought comes before what is earned.
    """

    CALLS_DIAMONDS = "calls.diamonds"
    CALLS_POINTS = "calls.points"
    QLIVE_GOLD = "qlive.gold"
    QLIVE_INCOME = "qlive.income"
    SITE_DIAMONDS = "site.diamonds"
    """Bought by viewers and earned by anchors, in one and the same wallet each."""

    @property
    def surface(self) -> str:
        """Where it is money."""
        return self.partition(".")[0]

    @property
    def unit(self) -> str:
        """What people of that surface call it."""
        return self.partition(".")[2]


def currencies_of(surface: str) -> tuple[Currency, ...]:
    """What people of that surface hold: first what is bought, then what is earned; none where there is no money."""
    return tuple(currency for currency in Currency if currency.surface == surface)


def wallet(currency: Currency, person_id: PersonId) -> AccountId:
    """The account of one person in one currency."""
    return AccountId(f"{currency}/{person_id}")


def house(currency: Currency) -> AccountId:
    """Our own side of every charge in that currency."""
    return AccountId(f"{currency}/house")


def external(currency: Currency) -> AccountId:
    """The world outside: where bought or granted units come from."""
    return AccountId(f"{currency}/external")


def is_wallet(account: AccountId) -> bool:
    """Whether the account keeps a balance that must not go below zero."""
    return account.rpartition("/")[2].isdigit()


def currency_of(account: AccountId) -> Currency:
    """The currency an account is kept in."""
    return Currency(account.partition("/")[0])


def owner_of(account: AccountId) -> PersonId:
    """Whose wallet it is; only for wallets."""
    return PersonId(int(account.rpartition("/")[2]))
