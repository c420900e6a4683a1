"""Who is asking."""

import pytest

from engine.errors import NotSignedIn
from handlers.wire.access import Caller, Incoming, Presented, bearer, client_address, origin_allowed, token_in
from handlers.wire.language import Language

PROXIES = frozenset({"10.0.0.1", "10.0.0.2"})


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("1.1.1.1", None, "1.1.1.1"),
        ("1.1.1.1", "9.9.9.9", "1.1.1.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "2.2.2.2", "2.2.2.2"),
        ("10.0.0.1", "9.9.9.9, 2.2.2.2", "2.2.2.2"),
        ("10.0.0.1", "9.9.9.9, 2.2.2.2, 10.0.0.2", "2.2.2.2"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "2.2.2.2, nonsense\r\n", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:DB8::0001", "2001:db8::1"),
        ("10.0.0.1", "2.2.2.2:80", "10.0.0.1"),
    ],
)
def test_a_forwarded_address_counts_as_far_as_our_proxies_wrote_it(peer, forwarded_for, address):
    assert client_address(peer, forwarded_for, PROXIES) == address


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (None, True),
        ("https://a.example", True),
        ("http://here:8000", True),
        ("HTTP://HERE:8000", True),
        ("http://here", False),
        ("http://here:8000.evil", False),
        ("http://evil/here:8000", False),
        ("http://here:8000@evil", False),
        ("null", False),
        ("", False),
        ("//", False),
        ("http://[::1", False),
    ],
)
def test_an_origin_is_ours_or_listed_or_refused(origin, is_allowed):
    assert origin_allowed(origin, "here:8000", {"https://a.example"}) is is_allowed


def test_an_empty_host_is_nobodys_origin():
    assert not origin_allowed("null", "null", set())
    assert not origin_allowed("", "", set())


def incoming(**fields) -> Incoming:
    headers = fields.pop("headers", {})
    return Incoming(method="POST", path="/x", query={}, fields=fields, headers=headers, address="1.1.1.1")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("", None),
    ],
)
def test_a_bearer_token_stands_behind_its_word(header, token):
    presented = bearer()(incoming(headers={"Authorization": header}))

    assert presented == (Presented(scheme="bearer", token=token) if token else None)


@pytest.mark.parametrize("value", [None, "", 7, ["x"], {"$gt": ""}, True])
def test_a_token_is_a_string_or_there_is_none(value):
    assert token_in("token")(incoming(token=value)) is None


def test_an_action_for_people_gets_one_or_nothing():
    guest = Caller(engine=None, known=None, request_id="r", language=Language.ZH, idempotency_key="", address="a")

    with pytest.raises(NotSignedIn):
        _ = guest.person_id
