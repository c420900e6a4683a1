"""UserSig: the documented vectors, and everything that must not be believed."""

import base64
import hashlib
import hmac
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.user_sig import UserSig
from engine.errors import BadInput

APP_ID = "1400000000"
KEY = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
NOW_S = 1_767_225_600
LIFE_S = 15_552_000
DOCUMENTED = (
    "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT87NK82CSxSnZiQUFmSlAKUMTAyiAyqVWFGQWpYJkTE1NjRDiJZm5YFFzM3MjI1MzuHhx"
    "ZjrIhqQcr0Bvx2xnV4Nij-DiQhd-0zLDtCpfs-C0CGP91HzXdMOgMh-jbH9L32JbpVoAGfYzQg__"
)


def signatures(**changes):
    arguments: dict[str, Any] = {"app_id": APP_ID, "keys": (KEY,), "life_s": LIFE_S}
    return UserSig(**(arguments | changes))


def members(signature):
    """What is inside, read by other means than the adapter's."""
    packed = base64.b64decode(signature.replace("*", "+").replace("-", "/").replace("_", "="))
    return json.loads(zlib.decompress(packed))


def escaped(data):
    return base64.b64encode(data).decode().replace("+", "*").replace("/", "-").replace("=", "_")


def packed(inside, *, level=-1):
    text = inside if isinstance(inside, bytes) else json.dumps(inside).encode()
    return escaped(zlib.compress(text, level))


def signed(fields, *, key=KEY):
    """``fields`` with the signature that belongs to them."""
    names = ("identifier", "sdkappid", "time", "expire", "userbuf")
    text = "".join(f"TLS.{name}:{fields[f'TLS.{name}']}\n" for name in names if f"TLS.{name}" in fields)
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return fields | {"TLS.sig": base64.b64encode(digest).decode()}


HONEST = {
    "TLS.ver": "2.0",
    "TLS.identifier": "xiaojun",
    "TLS.sdkappid": 1_400_000_000,
    "TLS.expire": LIFE_S,
    "TLS.time": NOW_S,
}


def test_a_signature_holds_what_the_vendor_documents():
    assert members(signatures().sign("xiaojun", now_s=NOW_S)) == HONEST | {
        "TLS.sig": "blJQKAkCE0sHWsqDO5v1fzM6WfX3/eoEg1RvL3kO9Ms="
    }


def test_a_signature_goes_into_an_address_as_it_is():
    signature = signatures().sign("xiaojun", now_s=NOW_S)

    assert signature.replace("*", "").replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "signature",
    [
        DOCUMENTED,
        packed(signed(HONEST), level=9),
        packed(dict(reversed(signed(HONEST).items())), level=1),
        packed(json.dumps(signed(HONEST), indent=4).encode()),
    ],
)
def test_signatures_of_other_libraries_are_believed(signature):
    assert signatures().holds(signature, "xiaojun", now_s=NOW_S)


def test_the_application_is_told_as_text():
    assert signatures().app_id == "1400000000"


@given(st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True), st.integers(0, 2**40), st.integers(1, 2**31))
def test_what_is_signed_holds_for_its_life_and_no_longer(user_id, now_s, life_s):
    ours = signatures(life_s=life_s)

    signature = ours.sign(user_id, now_s=now_s)

    assert ours.holds(signature, user_id, now_s=now_s)
    assert ours.holds(signature, user_id, now_s=now_s + life_s - 1)
    assert not ours.holds(signature, user_id, now_s=now_s + life_s)


def test_a_clock_that_is_a_little_ahead_is_forgiven():
    signature = signatures().sign("xiaojun", now_s=NOW_S)

    assert signatures().holds(signature, "xiaojun", now_s=NOW_S - 300)
    assert not signatures().holds(signature, "xiaojun", now_s=NOW_S - 301)


@pytest.mark.parametrize(
    "inside",
    [
        signed(HONEST, key="another key"),
        signed(HONEST | {"TLS.identifier": "somebody"}),
        signed(HONEST) | {"TLS.identifier": "somebody"},
        signed(HONEST | {"TLS.sdkappid": 1_400_000_001}),
        signed(HONEST) | {"TLS.sdkappid": 1_400_000_001},
        signed(HONEST) | {"TLS.expire": LIFE_S + 1},
        signed(HONEST) | {"TLS.time": NOW_S + 1},
        signed(HONEST | {"TLS.expire": -1}),
        signed(HONEST | {"TLS.expire": 0}),
        signed(HONEST | {"TLS.time": str(NOW_S)}),
        signed(HONEST | {"TLS.sdkappid": APP_ID}),
        signed(HONEST | {"TLS.ver": "1.0"}),
        signed(HONEST | {"TLS.userbuf": "YWJj"}),  # A room ticket: good for less than a sign-in.
        signed(HONEST) | {"TLS.sig": ""},
        signed(HONEST) | {"TLS.sig": "é"},
        signed(HONEST) | {"TLS.sig": "\ud800"},
        signed(HONEST) | {"TLS.sig": None},
        HONEST,
        {},
        [],
        b"",
        b"{",
        b"\xff",
        b"[" * 4_000,
    ],
)
def test_nothing_else_is_believed(inside):
    assert not signatures().holds(packed(inside), "xiaojun", now_s=NOW_S)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "x",
        "=",
        "é",
        "\ud800",
        "A" * 100_000,
        DOCUMENTED[:-4],
        DOCUMENTED + "\n",
        DOCUMENTED.replace("_", "="),
        packed(signed(HONEST))[:-8] + "AAAAAAA_",
        escaped(json.dumps(signed(HONEST)).encode()),
        escaped(zlib.compress(json.dumps(signed(HONEST)).encode())[:-2]),
        escaped(zlib.compress(json.dumps(signed(HONEST)).encode()) + b"{}"),
    ],
)
def test_what_is_not_packed_as_it_should_be_is_not_believed(signature):
    assert not signatures().holds(signature, "xiaojun", now_s=NOW_S)


def test_a_bomb_is_not_inflated():
    bomb = packed(json.dumps(signed(HONEST)).encode() + b" " * 1_000_000)

    assert len(bomb) < 2_048
    assert not signatures().holds(bomb, "xiaojun", now_s=NOW_S)


@pytest.mark.parametrize("user_id", ["Xiaojun", "xiaojun ", "", "xiaojun\nTLS.sdkappid:1", "小军", "x" * 33])
def test_a_signature_is_for_exactly_one_person(user_id):
    assert not signatures().holds(DOCUMENTED, user_id, now_s=NOW_S)


@pytest.mark.parametrize("user_id", ["", "a b", "a\nb", "小军", "x" * 33, "a\n"])
def test_ids_the_service_does_not_take_are_refused(user_id):
    with pytest.raises(BadInput):
        signatures().sign(user_id, now_s=NOW_S)


def test_signatures_outlive_the_replacement_of_their_key():
    before, during, after = signatures(keys=("old",)), signatures(keys=("new", "old")), signatures(keys=("new",))

    signature = before.sign("xiaojun", now_s=NOW_S)

    assert during.holds(signature, "xiaojun", now_s=NOW_S)
    assert not after.holds(signature, "xiaojun", now_s=NOW_S)
    assert after.holds(during.sign("xiaojun", now_s=NOW_S), "xiaojun", now_s=NOW_S)


@pytest.mark.parametrize("changes", [{"keys": ()}, {"keys": ("",)}, {"keys": ("new", "")}, {"app_id": ""}])
def test_there_is_no_signing_without_a_key_and_an_application(changes):
    with pytest.raises(ValueError):
        signatures(**changes)
