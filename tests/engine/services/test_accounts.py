"""What somebody new is on each surface, from what WeChat or a development code says."""

import pytest

from engine.ports import WeChatIdentity, WeChatProfile
from engine.services.accounts import CALLS, QLIVE, account_rules, unfit_for_blind_dates
from engine.settings import Calls, People, Qlive, Settings
from store.interfaces.people import Profile, Role

RULES = account_rules(Settings(calls=Calls(points_per_minute_max=500)))


def newcomer(surface, profile=None, **attributes):
    identity = WeChatIdentity(open_id="o", profile=profile or WeChatProfile(), attributes=attributes)
    return RULES[surface].newcomer(identity)


@pytest.mark.parametrize(
    ("attributes", "role", "price"),
    [
        ({}, Role.GUEST, 0),
        ({"role": "guest", "price": "5"}, Role.GUEST, 0),
        ({"role": "master"}, Role.ANCHOR, 10),
        ({"role": "anchor", "price": "50"}, Role.ANCHOR, 50),
        ({"role": "master", "price": "501"}, Role.ANCHOR, 500),
        ({"role": "master", "price": "-5"}, Role.ANCHOR, 10),
        ({"role": "matchmaker"}, Role.GUEST, 0),
        ({"matchmaker": "1"}, Role.GUEST, 0),
    ],
)
def test_on_the_calls_surface_a_code_may_say_anchor_and_price(attributes, role, price):
    someone = newcomer(CALLS, **attributes)

    assert (someone.role, someone.points_per_minute) == (role, price)


@pytest.mark.parametrize(
    ("attributes", "role"),
    [
        ({}, Role.GUEST),
        ({"matchmaker": "1"}, Role.MATCHMAKER),
        ({"matchmaker": "true"}, Role.MATCHMAKER),
        ({"matchmaker": "0"}, Role.GUEST),
        ({"role": "master"}, Role.GUEST),
    ],
)
def test_in_blind_date_rooms_a_code_may_say_matchmaker(attributes, role):
    assert newcomer(QLIVE, **attributes).role is role


@pytest.mark.parametrize(
    ("told", "attributes", "profile"),
    [
        (WeChatProfile(), {}, ("", 1, 25, 180, "310100", "")),
        (WeChatProfile(gender=2), {}, ("", 2, 25, 165, "310100", "")),
        (WeChatProfile(gender=9, nickname="a\u202eb"), {}, ("ab", 1, 25, 180, "310100", "")),
        (
            WeChatProfile(gender=1, nickname="told", avatar_url="https://a/told"),
            {"gender": "2", "nickname": "said", "avatar": "https://a/said"},
            ("said", 2, 25, 165, "310100", "https://a/said"),
        ),
        (WeChatProfile(), {"age": "17", "height": "20", "area": "1"}, ("", 1, 25, 180, "310100", "")),
        (WeChatProfile(), {"age": "18", "height": "150", "area": "110101"}, ("", 1, 18, 150, "110101", "")),
        (WeChatProfile(), {"age": "1e2", "gender": "x", "avatar": "javascript:x"}, ("", 1, 25, 180, "310100", "")),
    ],
)
def test_in_blind_date_rooms_everything_has_a_default(told, attributes, profile):
    someone = newcomer(QLIVE, told, **attributes).profile

    shown = (someone.nickname, someone.gender, someone.age, someone.height, someone.area, someone.avatar_url)
    assert shown == profile
    assert unfit_for_blind_dates(Profile(gender=someone.gender, age=someone.age, height=someone.height)) == ""


def test_tokens_ids_and_idleness_are_the_surfaces_own():
    rules = account_rules(Settings(people=People(session_idle_days=3), qlive=Qlive(session_idle_days=0)))

    shown = {name: (one.token_bytes, one.public_id_digits, one.idle_days) for name, one in rules.items()}
    assert {name: shown[name] for name in (CALLS, QLIVE)} == {CALLS: (16, 0, 3), QLIVE: (20, 8, 0)}
