"""What each surface decides for itself about its accounts: tokens, roles, ids it shows, and what somebody new is.

Knows the surfaces. Knows no store and no token; ``identity`` does the same for all of them by these rules.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from engine import settings
from engine.ports import WeChatIdentity
from engine.texts import cut_to_width, is_web_address, one_line
from store.interfaces.money import Currency
from store.interfaces.people import Profile, Role

__all__ = [
    "CALLS",
    "MAN",
    "NICKNAME_WIDTH_MAX",
    "QLIVE",
    "SITE",
    "SOCIAL",
    "WOMAN",
    "AccountRules",
    "Newcomer",
    "account_rules",
    "number",
    "unfit_for_blind_dates",
]

CALLS: Final = "calls"
QLIVE: Final = "qlive"
SITE: Final = "site"
SOCIAL: Final = "social"

MAN: Final = 1
WOMAN: Final = 2
"""Genders as WeChat numbers them. Source: QL-7."""

DIGITS_MAX: Final = 15
AGE_MAX: Final = 150

# Blind-date rooms. Source: QL-6, QL-8, contract (qlive-user-update-userinfo).
NICKNAME_WIDTH_MAX: Final = 20
ADDRESS_CHARS_MAX: Final = 2_000
AGES: Final = range(18, 121)
HEIGHTS: Final = range(50, 251)
AREA_DIGITS: Final = 6
AGE_AT_FIRST: Final = 25
HEIGHT_AT_FIRST: Final[Mapping[int, int]] = {MAN: 180, WOMAN: 165}
AREA_AT_FIRST: Final = "310100"


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody new is; only an anchor has a price."""

    role: Role
    profile: Profile
    points_per_minute: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """How a surface keeps its accounts."""

    surface: str
    roles: frozenset[Role]
    """What its people can be."""
    token_bytes: int
    """Random bytes of a token; on the wire twice as many hex digits."""
    idle_days: int
    """A token unused for this long is void; 0 is never."""
    newcomer: Callable[[WeChatIdentity], Newcomer]
    """What somebody is of whom WeChat (or, in development, the code) says this."""
    public_id_digits: int = 0
    """Random digits, the first not 0, that the surface shows as a person's id; 0: it shows the id itself."""
    granted: Mapping[Role, tuple[str, Currency]] = field(default_factory=dict)
    """What a development code may promise, by role: the attribute's name, and in what it is paid."""
    granted_max: int = 0


def account_rules(options: settings.Settings) -> Mapping[str, AccountRules]:
    """The rules by surface."""
    gold = ("gold", Currency.QLIVE_GOLD)
    rules = (
        AccountRules(
            surface=CALLS,
            roles=frozenset({Role.GUEST, Role.ANCHOR}),
            token_bytes=16,
            idle_days=options.people.session_idle_days,
            newcomer=lambda identity: _newcomer_to_calls(identity.attributes, options.calls),
            granted={Role.GUEST: ("diamonds", Currency.CALLS_DIAMONDS)},
            granted_max=options.billing.amount_max,
        ),
        AccountRules(
            surface=QLIVE,
            roles=frozenset({Role.GUEST, Role.MATCHMAKER}),
            token_bytes=20,
            idle_days=options.qlive.session_idle_days,
            newcomer=_newcomer_to_blind_dates,
            public_id_digits=8,
            granted={Role.GUEST: gold, Role.MATCHMAKER: gold},
            granted_max=options.billing.amount_max,
        ),
    )
    return {one.surface: one for one in rules}


def number(text: str | None, *, highest: int) -> int:
    """What a development code says in digits; anything else counts as nothing."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > DIGITS_MAX:
        return 0
    return min(int(text), highest)


def unfit_for_blind_dates(profile: Profile) -> str:
    """The name of the first field that is not acceptable, empty where all are. None is acceptable everywhere."""
    checks = {
        "gender": profile.gender is None or profile.gender in (MAN, WOMAN),
        "age": profile.age is None or profile.age in AGES,
        "area": profile.area is None
        or (len(profile.area) == AREA_DIGITS and profile.area.isascii() and profile.area.isdigit()),
        "avatar_url": profile.avatar_url is None or _is_avatar(profile.avatar_url),
        "height": profile.height is None or profile.height in HEIGHTS,
    }
    return next((name for name, is_acceptable in checks.items() if not is_acceptable), "")


def _is_avatar(address: str) -> bool:
    return len(address) <= ADDRESS_CHARS_MAX and is_web_address(address)


def _newcomer_to_calls(said: Mapping[str, str], options: settings.Calls) -> Newcomer:
    role = Role.ANCHOR if said.get("role") in ("master", "anchor") else Role.GUEST
    price = number(said.get("price"), highest=options.points_per_minute_max) or options.points_per_minute_default
    profile = Profile(
        nickname=said.get("nickname", ""),
        avatar_url=said.get("avatar", ""),
        age=number(said.get("age"), highest=AGE_MAX),
        gender=number(said.get("gender"), highest=WOMAN),
    )
    return Newcomer(role=role, profile=profile, points_per_minute=price if role is Role.ANCHOR else 0)


def _newcomer_to_blind_dates(identity: WeChatIdentity) -> Newcomer:
    """WeChat tells little of people since 2022, so everything has a default. Source: QL-6, protocols 3.2."""
    said, told = identity.attributes, identity.profile
    role = Role.MATCHMAKER if said.get("matchmaker") in ("1", "true") else Role.GUEST
    avatar_url = said.get("avatar", told.avatar_url)
    gender = number(said.get("gender"), highest=WOMAN) or told.gender
    gender = gender if gender in (MAN, WOMAN) else MAN
    age = number(said.get("age"), highest=AGES[-1])
    height = number(said.get("height"), highest=HEIGHTS[-1])
    area = said.get("area", "")
    profile = Profile(
        nickname=cut_to_width(one_line(said.get("nickname", told.nickname)), NICKNAME_WIDTH_MAX),
        avatar_url=avatar_url if _is_avatar(avatar_url) else "",
        gender=gender,
        age=age if age in AGES else AGE_AT_FIRST,
        height=height if height in HEIGHTS else HEIGHT_AT_FIRST[gender],
        area=AREA_AT_FIRST if unfit_for_blind_dates(Profile(area=area)) else area,
    )
    return Newcomer(role=role, profile=profile)
