"""Who is asking."""

import pytest

from engine.errors import NotSignedIn
from handlers.wire.access import (
    Caller,
    Incoming,
    Presented,
    Whence,
    bearer,
    client_address,
    network_of,
    origin_allowed,
    token_in,
    whence,
)
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


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, Whence.UNTOLD),
        ({"Origin": "http://here:8000"}, Whence.OURS),
        ({"Origin": "https://a.example"}, Whence.OURS),
        ({"Origin": "https://evil.example"}, Whence.FOREIGN),
        ({"Origin": "null"}, Whence.FOREIGN),
        ({"Origin": ""}, Whence.FOREIGN),
        ({"Sec-Fetch-Site": "same-origin"}, Whence.OURS),
        ({"Sec-Fetch-Site": "none"}, Whence.OURS),
        ({"Sec-Fetch-Site": "same-site"}, Whence.FOREIGN),
        ({"Sec-Fetch-Site": "cross-site"}, Whence.FOREIGN),
        ({"Sec-Fetch-Site": "anything"}, Whence.FOREIGN),
        ({"Referer": "http://here:8000/page?x=1"}, Whence.OURS),
        ({"Referer": "https://a.example/page"}, Whence.OURS),
        ({"Referer": "https://evil.example/http://here:8000/"}, Whence.FOREIGN),
        ({"Referer": "http://here:8000@evil.example/"}, Whence.FOREIGN),
        ({"Referer": "http://[::1"}, Whence.FOREIGN),
        ({"Referer": "here:8000"}, Whence.FOREIGN),
        # The first of them that there is decides.
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, Whence.FOREIGN),
        ({"Origin": "https://a.example", "Sec-Fetch-Site": "cross-site"}, Whence.OURS),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "http://here:8000/"}, Whence.FOREIGN),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "https://a.example/page"}, Whence.OURS),
        ({"Sec-Fetch-Site": "same-site", "Referer": "https://a.example"}, Whence.OURS),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "https://a.example.evil.example/"}, Whence.FOREIGN),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "https://a.example@evil.example/"}, Whence.FOREIGN),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "nowhere"}, Whence.FOREIGN),
    ],
    ids=str,
)
def test_whose_page_asks_is_told_by_what_browsers_say(headers, told):
    assert whence({"Host": "here:8000", **headers}, {"https://a.example"}) is told


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_a_client_without_a_name_is_an_address_or_a_network_of_many(address, network):
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;a=2", {"a": "2"}),
        ("", {}),
        ("nothing", {"": "nothing"}),
        ('a="x y"', {"a": "x y"}),
    ],
)
def test_cookies_come_by_name(header, cookies):
    assert dict(incoming(headers={"Cookie": header}).cookies) == cookies
    assert dict(incoming().cookies) == {}


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
