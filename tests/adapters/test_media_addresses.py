"""Stream addresses: the vendor's vectors, and what is not one of ours."""

import pytest

from adapters.media_addresses import DAY_S, SignedAddresses, blind_date_addresses, tx_secret
from engine.errors import BadInput

NOW_S = 1_767_139_200  # One day before 6955B900.
STREAM = "room_10086_42"
PUSH_KEY = "greenroom-push-key"
PLAY_KEY = "greenroom-play-key"


def addresses(**changes):
    arguments = {
        "push_host": "push.example",
        "play_host": "play.example",
        "biz_id": "8888",
        "push_keys": (PUSH_KEY,),
        "play_keys": (PLAY_KEY,),
    }
    return SignedAddresses(**(arguments | changes))


@pytest.mark.parametrize(
    ("key", "stream", "expiry", "secret"),
    [
        ("e12c46f2612d5106e2034781ab261ca3", "test", "5C271099", "f85a2ab363fe4deaffef9754d79da6fe"),
        ("greenroom-push-key", "room_10086_42", "6955B900", "59e07b3527cf3cbed8775de38c8f874d"),
        ("greenroom-push-key", "room_10086_42", "6955b900", "b0291dac9607974873f930a6b86a3613"),
    ],
)
def test_signatures_are_those_of_the_vendors_description(key, stream, expiry, secret):
    assert tx_secret(key, stream, expiry) == secret


def test_a_push_address_is_signed_over_the_name_with_the_accounts_prefix():
    address = addresses().push(STREAM, now_s=NOW_S)

    secret = tx_secret(PUSH_KEY, "8888_room_10086_42", "6955B900")
    assert address == (f"rtmp://push.example/live/8888_room_10086_42?bizid=8888&txSecret={secret}&txTime=6955B900")


def test_a_play_address_is_signed_with_the_other_key():
    address = addresses().accelerated(STREAM, now_s=NOW_S)

    secret = tx_secret(PLAY_KEY, "8888_room_10086_42", "6955B900")
    assert address == (f"rtmp://play.example/live/8888_room_10086_42?bizid=8888&txSecret={secret}&txTime=6955B900")


def test_the_mixed_stream_is_http_flv():
    assert addresses().mixed("2001") == "http://play.example/live/8888_2001.flv"


@pytest.mark.parametrize(
    ("until_s", "expires_s"),
    [
        (None, NOW_S + DAY_S),
        (NOW_S + 60, NOW_S + 60),  # A call ends earlier than a day.
        (NOW_S + 2 * DAY_S, NOW_S + DAY_S),
    ],
)
def test_a_push_address_is_good_until_its_expiry(until_s, expires_s):
    ours = addresses()

    address = ours.push(STREAM, now_s=NOW_S, until_s=until_s)

    assert address.endswith(f"&txTime={expires_s:X}")
    assert ours.is_push_address(address, STREAM, now_s=expires_s - 1)
    assert not ours.is_push_address(address, STREAM, now_s=expires_s)


def test_the_order_of_the_parameters_does_not_matter():
    ours = addresses()
    place, _, query = ours.push(STREAM, now_s=NOW_S).partition("?")

    address = f"{place}?{'&'.join(reversed(query.split('&')))}"

    assert ours.is_push_address(address, STREAM, now_s=NOW_S)


def changed(old, new):
    return lambda address: address.replace(old, new)


@pytest.mark.parametrize(
    "change",
    [
        changed("room_10086_42", "room_10086_43"),
        changed("8888_room_10086_42", "room_10086_42"),
        changed("rtmp://", "http://"),
        changed("rtmp://", "RTMP://"),
        changed("push.example", "push.example.evil.example"),
        changed("push.example", "play.example"),
        changed("push.example", "push.example:1935"),
        changed("push.example", "me@push.example"),
        changed("/live/", "/live//"),
        changed("/live/", "/live/../live/"),
        changed("bizid=8888", "bizid=8889"),
        changed("bizid=8888&", ""),
        changed("txTime=6955B900", "txTime=6955B901"),
        changed("txTime=6955B900", "txTime=6955b900"),
        changed("txTime=6955B900", "txTime=06955B900"),
        changed("txTime=6955B900", "txTime="),
        changed("txTime=6955B900", "txTime=FFFFFFFFFFFFFFFFF"),
        changed("txTime", "TXTIME"),
        changed("txSecret=", "txSecret=0"),
        changed("?", "??"),
        changed("?", "#?"),
        changed("&", ";"),
        changed("&", "&&"),
        lambda address: address.rpartition("&")[0],
        lambda address: address.partition("?")[0],
        lambda address: address + "&txTime=6955B900",
        lambda address: address + "&bizid=8888",
        lambda address: address + "&more=1",
        lambda address: address + "&",
        lambda address: address + "#",
        lambda address: address + "\n",
        lambda address: " " + address,
        lambda address: address + "é",
        lambda address: address + "\ud800",
        lambda address: address + "&x=" + "x" * 100_000,
        lambda _address: "",
    ],
)
def test_an_address_that_differs_in_anything_is_not_ours(change):
    ours = addresses()
    address = ours.push(STREAM, now_s=NOW_S)

    assert ours.is_push_address(address, STREAM, now_s=NOW_S)
    assert not ours.is_push_address(change(address), STREAM, now_s=NOW_S)


@pytest.mark.parametrize("stream", ["room_10086_4", "room_10086_420", "8888_room_10086_42", "", "room_10086_42?", "é"])
def test_an_address_is_for_exactly_one_stream(stream):
    ours = addresses()
    address = ours.push(STREAM, now_s=NOW_S)

    assert not ours.is_push_address(address, stream, now_s=NOW_S)


def test_nobody_publishes_with_a_play_address():
    ours = addresses(play_host="push.example")

    address = ours.accelerated(STREAM, now_s=NOW_S)

    assert not ours.is_push_address(address, STREAM, now_s=NOW_S)


def test_addresses_outlive_the_replacement_of_their_key():
    before = addresses(push_keys=("old",))
    during = addresses(push_keys=("new", "old"))
    after = addresses(push_keys=("new",))

    address = before.push(STREAM, now_s=NOW_S)

    assert during.is_push_address(address, STREAM, now_s=NOW_S)
    assert not after.is_push_address(address, STREAM, now_s=NOW_S)
    assert after.is_push_address(during.push(STREAM, now_s=NOW_S), STREAM, now_s=NOW_S)


@pytest.mark.parametrize("stream", ["", "a/b", "a?b", "a&b", "a b", "流", "a\n", "x" * 129])
def test_a_name_that_would_change_the_address_is_refused(stream):
    ours = addresses()

    for give in (
        lambda: ours.push(stream, now_s=NOW_S),
        lambda: ours.accelerated(stream, now_s=NOW_S),
        lambda: ours.mixed(stream),
    ):
        with pytest.raises(BadInput):
            give()


@pytest.mark.parametrize(
    "changes", [{"push_keys": ()}, {"play_keys": ()}, {"push_keys": ("",)}, {"push_keys": ("new", "")}]
)
def test_there_is_no_signing_without_a_key(changes):
    with pytest.raises(ValueError, match="key"):
        addresses(**changes)


# What a media server is shown


def shown(address):
    place, _, query = address.partition("?")
    pairs = [(key, value) for key, _, value in (pair.partition("=") for pair in query.split("&"))]
    return place.rpartition("/")[2], pairs


def test_a_media_server_is_shown_what_was_given_out():
    ours = addresses(push_keys=("new", PUSH_KEY))
    name, query = shown(addresses().push(STREAM, now_s=NOW_S))

    assert ours.pushed("live", name, query, now_s=NOW_S) == STREAM
    assert ours.pushed("live", name, [*reversed(query), ("more", "1")], now_s=NOW_S) == STREAM
    assert ours.pushed("live", name, query, now_s=NOW_S + DAY_S - 1) == STREAM
    assert ours.pushed("live", name, query, now_s=NOW_S + DAY_S) is None


def test_the_account_may_be_left_out_and_the_case_of_the_expiry_is_free():
    secret = tx_secret(PUSH_KEY, f"8888_{STREAM}", "6955b900")

    query = [("txSecret", secret), ("txTime", "6955b900")]
    assert addresses().pushed("live", f"8888_{STREAM}", query, now_s=NOW_S) == STREAM


def test_each_direction_has_its_own_key():
    ours = addresses()
    pushed, played = ours.push(STREAM, now_s=NOW_S), ours.accelerated(STREAM, now_s=NOW_S)

    assert ours.played("live", *shown(played), now_s=NOW_S) == STREAM
    assert ours.played("live", *shown(pushed), now_s=NOW_S) is None
    assert ours.pushed("live", *shown(played), now_s=NOW_S) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda app, name, query: ("other", name, query),
        lambda app, name, query: ("", name, query),
        lambda app, name, query: (app, name.removeprefix("8888_"), query),
        lambda app, name, query: (app, "9999_" + STREAM, query),
        lambda app, name, query: (app, "8888_8888_" + STREAM, query),
        lambda app, name, query: (app, name + "1", query),
        lambda app, name, query: (app, "8888_", query),
        lambda app, name, query: (app, name, []),
        lambda app, name, query: (app, name, query[:2]),
        lambda app, name, query: (app, name, query[::2]),
        lambda app, name, query: (app, name, [*query, query[0]]),
        lambda app, name, query: (app, name, [*query, query[1]]),
        lambda app, name, query: (app, name, [*query, query[2]]),
        lambda app, name, query: (app, name, [*query, ("txTime", "7FFFFFFF")]),
        lambda app, name, query: (app, name, [("bizid", "9999"), *query[1:]]),
        lambda app, name, query: (app, name, [*query[:2], ("txTime", "")]),
        lambda app, name, query: (app, name, [*query[:2], ("txTime", "0x6955B900")]),
        lambda app, name, query: (app, name, [*query[:2], ("txTime", "6955b900")]),
        lambda app, name, query: (app, name, [*query[:2], ("txTime", "F" * 17)]),
        lambda app, name, query: (app, name, [("txSecret", "é"), query[2]]),
        lambda app, name, query: (app, name, [("txSecret", query[1][1].upper()), query[2]]),
    ],
)
def test_a_media_server_that_is_shown_anything_else_is_not_shown_ours(change):
    ours = addresses()
    name, query = shown(ours.push(STREAM, now_s=NOW_S))
    assert [key for key, _ in query] == ["bizid", "txSecret", "txTime"]

    app, name, query = change("live", name, query)

    assert ours.pushed(app, name, query, now_s=NOW_S) is None


# Streams that are named for a person alone


DATE = blind_date_addresses(push_host="push.example", play_host="dates.example", push_keys=("new", PUSH_KEY))
PERSON = "66766865"


def test_a_persons_own_stream_has_no_account_and_its_expiry_in_lower_case():
    address = DATE.push(PERSON, now_s=NOW_S)

    secret = tx_secret("new", PERSON, "6955b900")
    assert address == f"rtmp://push.example/live/{PERSON}?txSecret={secret}&txTime=6955b900"
    assert DATE.is_push_address(address, PERSON, now_s=NOW_S)
    assert not DATE.is_push_address(address.replace("6955b900", "6955B900"), PERSON, now_s=NOW_S)
    assert not DATE.is_push_address(f"{address}&bizid=", PERSON, now_s=NOW_S)


def test_it_is_watched_without_a_signature_whatever_a_player_says():
    assert DATE.accelerated(PERSON, now_s=NOW_S) == f"rtmp://dates.example/live/{PERSON}"
    assert DATE.played("live", PERSON, [], now_s=NOW_S) == PERSON
    assert DATE.played("live", PERSON, [("txSecret", "x"), ("txTime", "0")], now_s=NOW_S) == PERSON
    assert DATE.played("other", PERSON, [], now_s=NOW_S) is None


def test_it_is_pushed_with_a_signature_only_by_any_of_the_keys_in_letters_of_any_case():
    for key, expiry in (("new", "6955b900"), (PUSH_KEY, "6955B900")):
        signed = [("txSecret", tx_secret(key, PERSON, expiry)), ("txTime", expiry)]
        assert DATE.pushed("live", PERSON, signed, now_s=NOW_S) == PERSON
        assert DATE.pushed("live", PERSON, signed, now_s=NOW_S + DAY_S) is None
        assert DATE.pushed("live", PERSON, [*signed, signed[0]], now_s=NOW_S) is None
        assert DATE.pushed("live", "66766866", signed, now_s=NOW_S) is None
    assert DATE.pushed("live", PERSON, [], now_s=NOW_S) is None


@pytest.mark.parametrize(
    "stream", ["", "6676686", "667668650", "06676686", "６６７６６８６５", "8888_66766865", STREAM, "test_00"]
)
def test_no_other_name_is_that_of_a_person(stream):
    signed = [("txSecret", tx_secret("new", stream, "6955b900")), ("txTime", "6955b900")]

    assert DATE.pushed("live", stream, signed, now_s=NOW_S) is None
    assert DATE.played("live", stream, signed, now_s=NOW_S) is None
    with pytest.raises(BadInput):
        DATE.push(stream, now_s=NOW_S)


def test_two_schemes_with_one_key_take_no_name_of_each_other():
    rooms = addresses(push_keys=("new",))
    name, query = shown(rooms.push(STREAM, now_s=NOW_S))
    person, bare = shown(DATE.push(PERSON, now_s=NOW_S))

    assert (DATE.pushed("live", name, query, now_s=NOW_S), DATE.played("live", name, query, now_s=NOW_S)) == (
        None,
        None,
    )
    assert (rooms.pushed("live", person, bare, now_s=NOW_S), rooms.played("live", person, bare, now_s=NOW_S)) == (
        None,
        None,
    )
