"""What WeChat seals for us: the vendor's vector, and everything that must not open."""

import base64
import json

import pytest

from adapters.wechat_sealed import AGE_S_MAX, unseal
from engine.errors import BadInput
from engine.ports import SealedProfile, WeChatProfile
from tests.support.stand_ins import seal

KEY = "AAECAwQFBgcICQoLDA0ODw=="
IV = "EBESExQVFhcYGRobHB0eHw=="
APP_ID = "wx0123456789abcdef"
OPEN_ID = "oTEST0001"
SEALED_AT_S = 1_767_225_600
# Source: protocols 3.2.
VECTOR = (
    "LtwXY/thRoRMyUSJgcCEQI5VQuVimRwphw/bI4swWIq/Pmlqd0ojTyo9Xg+d9O7w4M0m5ni8eHasWfDAO+ubwrB5i/puFnqVa+o8vsvjWQArsQGYSyXc"
    "8SFX3DVQGGPO"
)


def opened(encrypted_data=VECTOR, *, iv=IV, key=KEY, app_id=APP_ID, open_id=OPEN_ID, now_s=SEALED_AT_S):
    sealed = SealedProfile(encrypted_data=encrypted_data, iv=iv)
    return unseal(sealed, session_key=key, app_id=app_id, open_id=open_id, now_s=now_s)


def sealed_of(told, **changes):
    settings = {"app_id": APP_ID, "timestamp": SEALED_AT_S, "session_key": KEY}
    return seal(told, **{**settings, **changes})[0]


def test_the_published_vector_opens_and_tells_no_more_than_who_it_is():
    assert opened() == WeChatProfile()


@pytest.mark.parametrize(
    ("told", "profile"),
    [
        ({"openId": OPEN_ID, "nickName": "Band", "gender": 1, "avatarUrl": "http://wx.qlogo.cn/0"},
         WeChatProfile(nickname="Band", gender=1, avatar_url="http://wx.qlogo.cn/0")),
        # Since 2021 a profile does not say whose it is, and since 2022 hardly anything else.
        ({"nickName": "微信用户", "avatarUrl": "https://thirdwx.qlogo.cn/grey"},
         WeChatProfile(nickname="微信用户", avatar_url="https://thirdwx.qlogo.cn/grey")),
        ({"nickName": None, "gender": None, "avatarUrl": None}, WeChatProfile()),
        ({"language": "zh_CN", "city": "", "isDemote": True}, WeChatProfile()),
    ],
)  # fmt: skip
def test_missing_fields_are_survived(told, profile):
    assert opened(sealed_of(told)) == profile


@pytest.mark.parametrize("off_s", [-AGE_S_MAX, 0, AGE_S_MAX])
def test_a_seal_may_be_some_minutes_old_and_our_clock_some_minutes_slow(off_s):
    assert opened(now_s=SEALED_AT_S + off_s) == WeChatProfile()


@pytest.mark.parametrize(
    "changes",
    [
        {"app_id": "wx0123456789abcdee"},
        {"open_id": "oTEST0002"},
        {"now_s": SEALED_AT_S + AGE_S_MAX + 1},
        {"now_s": SEALED_AT_S - AGE_S_MAX - 1},
        {"key": "AAECAwQFBgcICQoLDA0ODQ=="},
        {"key": ""},
        {"key": "not base64"},
        {"key": base64.b64encode(bytes(24)).decode()},
        {"iv": "EBESExQVFhcYGRobHB0eHg=="},
        {"iv": "EBESExQVFhcYGRobHB0e"},
        {"iv": ""},
        {"encrypted_data": ""},
        {"encrypted_data": "AAAA"},
        {"encrypted_data": VECTOR[:-1]},
        {"encrypted_data": VECTOR[:-24]},
        {"encrypted_data": "A" + VECTOR[1:]},
        {"encrypted_data": VECTOR.replace("/", "_")},
        {"encrypted_data": "é" + VECTOR[1:]},
        {"encrypted_data": sealed_of(b"\xff\xfe")},
        {"encrypted_data": sealed_of(b"[" * 5_000)},
        {"encrypted_data": sealed_of([])},
        {"encrypted_data": sealed_of(b'{"openId": "oTEST0001"}')},
        {"encrypted_data": sealed_of(b'{"watermark": {"appid": "wx0123456789abcdef"}}')},
        {"encrypted_data": sealed_of({"openId": OPEN_ID, "nickName": 7})},
        {"encrypted_data": sealed_of({"openId": {"$gt": ""}})},
        {"encrypted_data": sealed_of({"openId": ""})},
        {"encrypted_data": sealed_of({"nickName": "x" * 2_001})},
        {"encrypted_data": base64.b64encode(json.dumps({"openId": OPEN_ID}).encode()).decode()},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_whatever_is_wrong_is_refused_in_the_same_way(changes):
    with pytest.raises(BadInput) as refused:
        opened(**changes)

    assert (str(refused.value), refused.value.field) == ("profile data could not be decrypted", "sealed_profile")
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
