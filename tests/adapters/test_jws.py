"""Signed tokens in their compact form: one way to write each, and the key and algorithm are ours to choose."""

import base64

import jwt
import pytest

from adapters.jws import base64url, is_signed, sign, split

KEY = b"0f3b9c5e7a2d4861f0e9d8c7b6a59483"


def test_a_token_is_taken_apart_into_what_it_was_made_of():
    token = sign(b'{"user_id":6}', KEY, headers={"kid": "k"})

    header, payload = split(token, characters_max=200)

    assert header == b'{"alg":"HS256","kid":"k","typ":"JWT"}'
    assert payload == b'{"user_id":6}'
    assert jwt.decode(token, KEY, algorithms=["HS256"]) == {"user_id": 6}


@pytest.mark.parametrize(
    "token",
    ["", "..", "YQ.YQ", "YQ.YQ.", "YQ.YQ.YQ.YQ", "YQ==.YQ.YQ", "Y Q.YQ.YQ", "YQ.YQ.YQ\n", "Y+.YQ.YQ", "中.YQ.YQ",
     "Y.YQ.YQ", "YR.YQ.YQ", "YQ.YR.YQ", "YQ.YQ.YR", "YQ.YQ." + "Y" * 100],
)  # fmt: skip
def test_another_way_to_write_it_is_no_token(token):
    assert base64.urlsafe_b64decode("YR==") == b"a" == base64.urlsafe_b64decode("YQ==")

    with pytest.raises(ValueError, match=r"compact|base64|decoded|padding"):
        split(token, characters_max=100)


def test_whoever_asks_chooses_key_and_algorithm():
    token = sign(b"{}", KEY, headers={})

    assert is_signed(token, KEY, "HS256")
    assert not is_signed(token, KEY[::-1], "HS256")
    assert not is_signed(token, KEY, "RS256")
    assert not is_signed(token[:-4] + "AAAA", KEY, "HS256")
    assert not is_signed(jwt.encode({}, KEY * 2, algorithm="HS512"), KEY * 2, "HS256")
    assert not is_signed(jwt.encode({}, None, algorithm="none"), KEY, "HS256")


def test_base64url_has_no_padding():
    assert base64url(b"\xff\xfe") == "__4"
