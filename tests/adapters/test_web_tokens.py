"""Web tokens: what they carry, and every token that must not be believed (SITE-12, SEC-6, SEC-7)."""

import base64
import hashlib
import hmac
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.web_tokens import SignedWebTokens, SigningKey, SocialForm
from engine.errors import NotAToken, NotSignedIn, TokenExpired, TokenMisused
from engine.ports import TokenKind

NOW_S = 1_767_225_600
SECRET = "0f3b9c5e7a2d4861f0e9d8c7b6a59483"
FORMER = "1f3b9c5e7a2d4861f0e9d8c7b6a59483"
HOUR_S, DAY_S = 3_600, 86_400
LIVES_S = {TokenKind.ACCESS: 6 * HOUR_S, TokenKind.REFRESH: 7 * DAY_S, TokenKind.GUEST: 30 * DAY_S}


def tokens_of(*keys: SigningKey, issuer: str = "greenroom", audience: str = "site", **more: Any) -> SignedWebTokens:
    return SignedWebTokens(
        keys=keys or (SigningKey(SECRET),), issuer=issuer, audience=audience, lives_s=LIVES_S, **more
    )


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def made(header: Any, payload: Any, key: bytes = SigningKey(SECRET).value, digest: str = "sha256") -> str:
    """A token of these parts, put together from the RFC and signed by HMAC."""
    signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(payload).encode())}"
    return f"{signed}.{encoded(hmac.digest(key, signed.encode(), digest))}"


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload, _ = token.split(".")
    return decoded(header), decoded(payload)


# What they carry


@pytest.mark.parametrize(("kind", "life_s"), LIVES_S.items())
def test_a_token_says_what_it_was_issued_for(kind, life_s):
    tokens = tokens_of()

    token, said = tokens.issue(kind, user_id=6, now_s=NOW_S, anchor="gGAlOXloThS9r8d5HgeBzg")

    read = tokens.read(token, kind, now_s=NOW_S)
    assert read == said
    assert (read.kind, read.user_id, read.anchor) == (kind, 6, "gGAlOXloThS9r8d5HgeBzg")
    assert (read.issued_at_s, read.expires_at_s) == (NOW_S, NOW_S + life_s)


def test_the_claims_are_those_of_the_documents():
    token, said = tokens_of().issue(TokenKind.ACCESS, user_id=6, now_s=NOW_S)

    header, payload = parts_of(token)
    assert header == {"alg": "HS256", "kid": SigningKey(SECRET).name, "typ": "access+jwt"}
    assert payload == {
        "iss": "greenroom",
        "aud": "site",
        "token_type": "access",
        "user_id": 6,
        "jti": said.token_id,
        "family": said.family_id,
        "iat": NOW_S,
        "nbf": NOW_S,
        "exp": NOW_S + 6 * HOUR_S,
    }
    assert SECRET not in token


def test_every_token_has_an_id_of_its_own_and_a_sign_in_a_family():
    tokens = tokens_of()

    refresh = tokens.issue(TokenKind.REFRESH, user_id=6, now_s=NOW_S)[1]
    access = tokens.issue(TokenKind.ACCESS, user_id=6, now_s=NOW_S, family_id=refresh.family_id)[1]
    elsewhere = tokens.issue(TokenKind.REFRESH, user_id=6, now_s=NOW_S)[1]

    assert refresh.family_id == access.family_id != elsewhere.family_id
    assert len({refresh.token_id, access.token_id, elsewhere.token_id, refresh.family_id}) == 4


def test_the_same_ids_and_times_make_the_same_token_again():
    tokens = tokens_of()
    token, said = tokens.issue(TokenKind.REFRESH, user_id=6, now_s=NOW_S)

    again, said_again = tokens.issue(
        TokenKind.REFRESH, user_id=6, now_s=NOW_S, family_id=said.family_id, token_id=said.token_id
    )

    assert (again, said_again) == (token, said)


@given(
    kind=st.sampled_from(list(LIVES_S)),
    user_id=st.integers(1, 2**53 - 1),
    anchor=st.text(st.characters(codec="utf-8"), max_size=40),
    now_s=st.integers(0, 2**40),
    later_s=st.integers(0, 6 * HOUR_S - 1),
)
def test_whatever_was_issued_is_read_as_it_was_for_as_long_as_it_lives(kind, user_id, anchor, now_s, later_s):
    tokens = tokens_of()

    token, said = tokens.issue(kind, user_id=user_id, now_s=now_s, anchor=anchor)

    assert tokens.read(token, kind, now_s=now_s + later_s) == said


# What must not be believed


def access(**changes: Any) -> dict[str, Any]:
    """The claims of an honest access token, changed; None takes one out."""
    claims = {
        "iss": "greenroom", "aud": "site", "token_type": "access", "user_id": 6, "jti": "a" * 32, "family": "b" * 32,
        "iat": NOW_S, "nbf": NOW_S, "exp": NOW_S + 60,
    }  # fmt: skip
    return {name: value for name, value in (claims | changes).items() if value is not None}


def header(**changes: Any) -> dict[str, Any]:
    honest = {"alg": "HS256", "kid": SigningKey(SECRET).name, "typ": "access+jwt"}
    return {name: value for name, value in (honest | changes).items() if value is not None}


def test_the_honest_twin_of_the_tables_below_is_believed():
    assert tokens_of().read(made(header(), access()), TokenKind.ACCESS, now_s=NOW_S).user_id == 6


# Public, as everybody has it: what somebody would sign with who hopes that we take it for a shared secret.
RSA_PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+
CqvjWYzvQwECAwEAAQ==
-----END PUBLIC KEY-----"""


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"}, {"alg": "None"}, {"alg": "HS384"}, {"alg": "HS512"}, {"alg": "RS256"}, {"alg": ""},
        {"alg": None}, {"alg": ["HS256"]}, {"alg": 1},
        {"kid": None}, {"kid": ""}, {"kid": "unknown"}, {"kid": "../../etc/passwd"}, {"kid": "' OR 1=1 --"}, {"kid": 0},
        {"kid": {"$gt": ""}},
        {"typ": None}, {"typ": "JWT"}, {"typ": "refresh+jwt"}, {"typ": "ticket+jwt"}, {"typ": "ACCESS+JWT"},
        {"jku": "https://evil.cn/keys"}, {"x5u": "https://evil.cn/pem"}, {"jwk": {"kty": "oct", "k": "YQ"}},
        {"x5c": ["YQ"]}, {"crit": ["b64"], "b64": False}, {"crit": []}, {"zip": "DEF"}, {"cty": "JWT"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_header_says_three_things_and_nothing_else(changes):
    with pytest.raises(NotSignedIn):
        tokens_of().read(made(header(**changes), access()), TokenKind.ACCESS, now_s=NOW_S)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None}, {"iss": "another"}, {"iss": ["greenroom"]}, {"iss": ""},
        {"aud": None}, {"aud": "social"}, {"aud": ["site"]}, {"aud": ["site", "social"]},
        {"token_type": None}, {"token_type": "refresh"}, {"token_type": "ticket"}, {"token_type": ""},
        {"exp": None}, {"exp": NOW_S - 10}, {"exp": NOW_S - DAY_S}, {"exp": 0}, {"exp": -1}, {"exp": str(NOW_S + 60)},
        {"exp": NOW_S + 60.5}, {"exp": True}, {"exp": 10**30}, {"exp": [NOW_S + 60]},
        {"nbf": None}, {"nbf": NOW_S + 11}, {"nbf": NOW_S + DAY_S}, {"nbf": "0"},
        {"iat": None}, {"iat": NOW_S + 11}, {"iat": 1.5},
        {"jti": None}, {"jti": ""}, {"jti": "A" * 32}, {"jti": "a" * 33}, {"jti": {"$ne": None}},
        {"jti": "a" * 32 + "\n"},
        {"family": None}, {"family": ""}, {"family": 1},
        {"user_id": None}, {"user_id": 0}, {"user_id": -6}, {"user_id": "6"}, {"user_id": 6.0}, {"user_id": True},
        {"user_id": 2**53}, {"user_id": {"$gt": 0}},
        {"anchor": 1}, {"anchor": True},
    ],
    ids=repr,
)  # fmt: skip
def test_each_claim_is_there_and_is_ours(changes):
    with pytest.raises(NotSignedIn):
        tokens_of().read(made(header(), access(**changes)), TokenKind.ACCESS, now_s=NOW_S)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "null",
        made(header(), access()) + ".",
        made(header(), access()) + "=",
        "Bearer " + made(header(), access()),
        made(header(), access()) + "\n",
        made(header(), access()).replace("-", "+").replace("_", "/") + "/",
        made(header(), access()).rpartition(".")[0],
        made(header(), access()).rpartition(".")[0] + ".",
        made(header(), access(), key=b""),
        made(header(), access(), key=SECRET.encode()),
        made(header(), access(), key=SigningKey(FORMER).value),
        made(header(), access(), key=RSA_PUBLIC_KEY),
        made(header(), access(), digest="sha512"),
        made(header(), access(note="x" * 3_000)),
        made([], access()),
        made(header(), []),
        made(header(), "text"),
        made(header(), None),
        f"{encoded(b'[' * 1_500)}.{encoded(b'{}')}.{encoded(b's' * 32)}",
        f"{encoded(b'{' * 9)}.{encoded(b'{}')}.{encoded(b's' * 32)}",
        f"{encoded(json.dumps(header()).encode())}.{encoded(bytes(9))}.{encoded(bytes(32))}",
        "中文.中文.中文",
        "\ud800.a.b",
        "x" * 1_000_000,
    ],
    ids=range(28),
)
def test_what_is_no_token_of_ours_says_nothing(token):
    with pytest.raises(NotSignedIn):
        tokens_of().read(token, TokenKind.ACCESS, now_s=NOW_S)


def test_no_single_bit_can_be_changed():
    tokens = tokens_of()
    token, _ = tokens.issue(TokenKind.ACCESS, user_id=6, now_s=NOW_S)

    for at, character in enumerate(token):
        for bit in range(7):
            changed = token[:at] + chr(ord(character) ^ (1 << bit)) + token[at + 1 :]
            with pytest.raises(NotSignedIn):
                tokens.read(changed, TokenKind.ACCESS, now_s=NOW_S)


def test_no_part_can_be_written_otherwise():
    tokens = tokens_of()
    token, _ = tokens.issue(TokenKind.ACCESS, user_id=6, now_s=NOW_S)

    # The last character of a part carries bits that decoding drops: up to fifteen others mean the same bytes.
    for at in (token.index(".") - 1, token.rindex(".") - 1, len(token) - 1):
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".replace(token[at], ""):
            with pytest.raises(NotSignedIn):
                tokens.read(token[:at] + other + token[at + 1 :], TokenKind.ACCESS, now_s=NOW_S)


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]{1,80}\.[A-Za-z0-9_-]{1,80}\.[A-Za-z0-9_-]{43}"))
def test_nothing_else_is_ever_read_as_a_token(text):
    with pytest.raises(NotSignedIn):
        tokens_of().read(text, TokenKind.ACCESS, now_s=NOW_S)


def test_one_kind_is_never_taken_for_another():
    tokens = tokens_of()

    for kind, other in itertools.permutations(LIVES_S, 2):
        token, _ = tokens.issue(kind, user_id=6, now_s=NOW_S)
        with pytest.raises(NotSignedIn, match="another kind"):
            tokens.read(token, other, now_s=NOW_S)


@pytest.mark.parametrize("other", [{"issuer": "another"}, {"audience": "social"}])
def test_a_token_is_worth_nothing_elsewhere(other):
    token, _ = tokens_of().issue(TokenKind.ACCESS, user_id=6, now_s=NOW_S)

    with pytest.raises(NotSignedIn, match="somebody else"):
        tokens_of(**other).read(token, TokenKind.ACCESS, now_s=NOW_S)


@pytest.mark.parametrize(
    ("after_s", "is_good"), [(-11, False), (-10, True), (0, True), (6 * HOUR_S + 9, True), (6 * HOUR_S + 10, False)]
)
def test_a_token_has_its_time_and_clocks_ten_seconds(after_s, is_good):
    tokens = tokens_of()
    token, _ = tokens.issue(TokenKind.ACCESS, user_id=6, now_s=NOW_S)

    if is_good:
        assert tokens.read(token, TokenKind.ACCESS, now_s=NOW_S + after_s)
    else:
        with pytest.raises(NotSignedIn):
            tokens.read(token, TokenKind.ACCESS, now_s=NOW_S + after_s)


# Changing keys


def test_nobody_is_signed_out_while_the_key_is_changed_and_the_former_one_stops_at_its_date():
    before = tokens_of(SigningKey(FORMER))
    old, _ = before.issue(TokenKind.REFRESH, user_id=6, now_s=NOW_S)

    after = tokens_of(SigningKey(SECRET), SigningKey(FORMER, until_s=NOW_S + DAY_S))
    new, _ = after.issue(TokenKind.REFRESH, user_id=6, now_s=NOW_S)

    assert parts_of(new)[0]["kid"] == SigningKey(SECRET).name
    for token in (old, new):
        assert after.read(token, TokenKind.REFRESH, now_s=NOW_S + DAY_S - 1).user_id == 6
    with pytest.raises(NotSignedIn, match="no key of ours"):
        after.read(old, TokenKind.REFRESH, now_s=NOW_S + DAY_S)
    assert after.read(new, TokenKind.REFRESH, now_s=NOW_S + DAY_S).user_id == 6


def test_a_token_names_its_key_and_is_tried_with_no_other():
    keys = (SigningKey(SECRET), SigningKey(FORMER, until_s=NOW_S + DAY_S))
    token = made(header(kid=keys[1].name), access(), key=keys[0].value)

    with pytest.raises(NotSignedIn, match="signature"):
        tokens_of(*keys).read(token, TokenKind.ACCESS, now_s=NOW_S)


def test_the_name_of_a_key_does_not_tell_it():
    key = SigningKey(SECRET)

    assert len(key.name) == 16
    assert key.name not in (hashlib.sha256(SECRET.encode()).hexdigest()[:16], SECRET[:16])
    assert key.value != SECRET.encode()


def test_a_short_key_is_none():
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey("x" * 31)
    with pytest.raises(ValueError, match="needed"):
        SignedWebTokens(keys=(), issuer="greenroom", audience="site", lives_s=LIVES_S)


# The social app's (SO-3, SO-4)

SOCIAL_LIVES_S = {TokenKind.ACCESS: 2 * HOUR_S, TokenKind.REFRESH: 7 * DAY_S, TokenKind.TICKET: 30}
SNOWFLAKE = 1956580170697543680


def social_tokens() -> SignedWebTokens:
    return SignedWebTokens(
        keys=(SigningKey(SECRET),), issuer="greenroom", audience="social", lives_s=SOCIAL_LIVES_S, form=SocialForm()
    )


@pytest.mark.parametrize(("kind", "letter"), [("access", "a"), ("refresh", "r"), ("ticket", "t")])
def test_a_token_of_the_social_app_has_the_claims_of_the_example_and_what_makes_them_safe(kind, letter):
    token, said = social_tokens().issue(TokenKind(kind), user_id=SNOWFLAKE, now_s=NOW_S, name="wxy", level=1)

    header, payload = parts_of(token)
    assert header == {"alg": "HS256", "kid": SigningKey(SECRET).name, "typ": "JWT"}
    assert payload == {
        "exp": said.expires_at_s,
        "role": 1,
        "userid": "1956580170697543680",
        "username": "wxy",
        "typ": letter,
        "jti": said.token_id,
        "family": said.family_id,
        "iss": "greenroom",
        "aud": "social",
        "iat": NOW_S,
        "nbf": NOW_S,
    }
    assert said.expires_at_s - NOW_S == SOCIAL_LIVES_S[TokenKind(kind)]


@given(
    kind=st.sampled_from(list(SOCIAL_LIVES_S)),
    user_id=st.integers(1, 2**63 - 1),
    name=st.text(st.characters(codec="utf-8"), max_size=30),
    level=st.integers(0, 4),
    path=st.sampled_from(["", "/api/chat/ws", "/ws"]),
)
def test_whatever_was_issued_for_the_social_app_is_read_as_it_was(kind, user_id, name, level, path):
    token, said = social_tokens().issue(kind, user_id=user_id, now_s=NOW_S, name=name, level=level, path=path)

    assert social_tokens().read(token, kind, now_s=NOW_S + 29) == said
    assert (said.user_id, said.name, said.level, said.path) == (user_id, name, level, path)


def social_claims(**changes: Any) -> dict[str, Any]:
    """The claims of an honest atoken, changed; None takes one out."""
    claims = {
        "exp": NOW_S + 60, "role": 0, "userid": str(SNOWFLAKE), "username": "wxy", "typ": "a", "jti": "a" * 32,
        "family": "b" * 32, "iss": "greenroom", "aud": "social", "iat": NOW_S, "nbf": NOW_S,
    }  # fmt: skip
    return {name: value for name, value in (claims | changes).items() if value is not None}


def test_the_honest_twin_of_the_social_table_is_believed():
    token = made(header(typ="JWT"), social_claims())

    assert social_tokens().read(token, TokenKind.ACCESS, now_s=NOW_S).user_id == SNOWFLAKE


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        *(({"typ": typ}, TokenMisused) for typ in ("r", "t")),
        *(({"typ": typ}, NotSignedIn) for typ in (None, "", "A", "access", "g", 1, ["a"])),
        *(({"exp": exp}, TokenExpired) for exp in (0, NOW_S - 10, NOW_S - DAY_S)),
        *(({"exp": exp}, NotSignedIn) for exp in (None, -1, str(NOW_S + 60), NOW_S + 60.5, True, 10**30)),
        *(({"userid": one}, NotSignedIn) for one in (None, "", "0", "-6", SNOWFLAKE, "6a", "1" * 20, "06")),
        *(({"aud": aud}, NotSignedIn) for aud in (None, "site", ["social"], "")),
        *(({"iss": iss}, NotSignedIn) for iss in (None, "another")),
        *(({name: None}, NotSignedIn) for name in ("jti", "family", "role", "username", "iat", "nbf")),
        *(({"nbf": nbf}, NotSignedIn) for nbf in (NOW_S + 11, NOW_S + DAY_S)),
        *(({"role": role}, NotSignedIn) for role in ("4", -1, 100, True)),
    ],
    ids=repr,
)  # fmt: skip
def test_each_claim_of_the_social_app_is_there_and_is_ours(changes, error):
    with pytest.raises(NotSignedIn) as refused:
        social_tokens().read(made(header(typ="JWT"), social_claims(**changes)), TokenKind.ACCESS, now_s=NOW_S)

    assert refused.type is error


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("", NotAToken),
        ("x", NotAToken),
        ("a.b.c", NotAToken),
        ("x" * 3_000, NotAToken),
        (made(header(typ="JWT", alg="none"), social_claims()), NotAToken),
        (made(header(typ="JWT", jku="https://evil.cn/keys"), social_claims()), NotAToken),
        (made(header(typ="JWT", kid="../../etc"), social_claims()), NotSignedIn),
        (made(header(typ="JWT"), social_claims(), key=SECRET.encode()), NotSignedIn),
        (made(header(typ="access+jwt"), social_claims()), TokenMisused),
        (made(header(typ="JWT"), access()), NotSignedIn),
    ],
    ids=range(10),
)
def test_what_is_no_token_of_the_social_app_is_told_apart_as_its_document_does(token, error):
    with pytest.raises(NotSignedIn) as refused:
        social_tokens().read(token, TokenKind.ACCESS, now_s=NOW_S)

    assert refused.type is error


def test_tokens_of_one_surface_are_worth_nothing_on_another_although_one_key_signs_both():
    of_site, _ = tokens_of().issue(TokenKind.ACCESS, user_id=6, now_s=NOW_S)
    of_social, _ = social_tokens().issue(TokenKind.ACCESS, user_id=6, now_s=NOW_S)

    for tokens, token in ((social_tokens(), of_site), (tokens_of(), of_social)):
        with pytest.raises(NotSignedIn):
            tokens.read(token, TokenKind.ACCESS, now_s=NOW_S)
