"""Requests in, envelopes out."""

import asyncio

import pytest

from engine.errors import BelowFloor, EngineError, StoreDown, TooMany
from handlers.wire.http import Door, HttpPolicy
from handlers.wire.surface import Endpoint, Surface
from tests.surfaces.wire.toy import (
    CODES,
    PLAY,
    TOY,
    Nothing,
    Order,
    Toy,
    ToyEnvelope,
    credential,
    exchange,
    nothing,
    serving,
)

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
gen_test = pytest.mark.gen_test


def multipart(**fields: str) -> bytes:
    parts = (
        f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    return ("".join(parts) + "--xx--\r\n").encode()


@gen_test
@pytest.mark.parametrize("content_type", [JSON, FORM, "text/plain", "multipart/form-data; boundary=zz", "", "*"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"token":"t-1","giftId":7,"amount":3,"isLoud":true}',
        b' \r\n{"token":"t-1","giftId":"7","amount":"3","isLoud":"1"}',
        b"token=t-1&giftId=7&amount=3&isLoud=true",
        multipart(token="t-1", giftId="7", amount="3", isLoud="1"),
    ],
)
async def test_a_body_is_understood_whatever_its_content_type_says(client, body, content_type):
    status, _, reply = await client.post("/toy/order", body, content_type=content_type)

    assert (status, reply["code"]) == (200, 0)
    assert (reply["giftId"], reply["amount"], reply["isLoud"]) == (7, 3, True)


@gen_test
async def test_a_post_reads_the_query_too_and_the_body_wins(client):
    _, _, reply = await client.post("/toy/order?token=t-1&giftId=1&amount=2", b"giftId=9")

    assert (reply["giftId"], reply["amount"]) == (9, 2)


@gen_test
async def test_a_get_reads_the_query_and_then_a_json_body(client):
    _, _, reply = await client.ask("GET", "/toy/item?item_id=5", b'{"item_id":6,"word":"hi"}')

    assert (reply["item_id"], reply["word"]) == (5, "hi")


@gen_test
@pytest.mark.parametrize("path", ["/toy/order", "/toy/order/", "/toy/buy", "/toy/buy/"])
async def test_every_path_and_alias_answers_with_and_without_its_slash_and_never_redirects(client, path):
    status, _, reply = await client.post(path, b"token=t-1&giftId=7")

    assert (status, reply["code"]) == (200, 0)


@gen_test
async def test_a_segment_of_the_path_is_a_field_and_wins_over_all_others(client):
    _, _, reply = await client.get("/toy/items/12/?item_id=5&word=%E4%B8%AD")

    assert (reply["item_id"], reply["word"]) == (12, "中")


@gen_test
@pytest.mark.parametrize("path", ["/toy/items/%ff", "/toy/items/a%2fb", "/toy/items/x", "/toy/items/%00"])
async def test_a_segment_that_is_no_value_is_bad_input(client, path):
    status, _, reply = await client.get(path)

    assert (status, reply["error"]) == (200, "BAD_INPUT")


@gen_test
@pytest.mark.parametrize(
    ("path", "status", "envelope"),
    [
        ("/toy/nowhere", 200, "toy"),
        ("/toy", 200, "toy"),
        ("/toy/", 200, "toy"),
        ("/toy//order", 200, "toy"),
        ("/toy/order/x", 200, "toy"),
        ("/toy/items//", 200, "toy"),
        ("/toy/play/nowhere", 404, "plain"),
        ("/toyota/nowhere", 404, "plain"),
        ("/toys", 404, "plain"),
        ("/", 404, "plain"),
        ("/%2e%2e/toy", 404, "plain"),
        ("/favicon.ico", 404, "plain"),
    ],
)
async def test_an_unknown_path_is_refused_in_the_envelope_of_its_prefix(client, path, status, envelope):
    got_status, _, reply = await client.post(path, b"")

    assert got_status == status
    assert reply["error"] == "NOT_FOUND"
    assert ("code" in reply) == (envelope == "toy")


@gen_test
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "BREW"])
async def test_another_method_is_refused_in_the_envelope_and_told_which_there_are(client, method):
    status, headers, reply = await client.ask(method, "/toy/order", b"" if method in ("PUT", "PATCH") else None)

    assert status == 200
    assert headers["Allow"] == "POST, OPTIONS"
    if method != "HEAD":
        assert reply["error"] == "BAD_INPUT"


@gen_test
async def test_head_is_get_without_the_body(client):
    status, headers, body = await client.ask("HEAD", "/toy/item?item_id=5")

    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


@gen_test
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"giftId=7", "NOT_SIGNED_IN"),
        (b"token=&giftId=7", "NOT_SIGNED_IN"),
        (b"token=nobody&giftId=7", "NOT_SIGNED_IN"),
        (b'{"token":{"$gt":""},"giftId":7}', "NOT_SIGNED_IN"),
        (b'{"token":["t-1"],"giftId":7}', "NOT_SIGNED_IN"),
        (b"token=banned&giftId=7", "BANNED"),
        (b"token=t-1&giftId=7&userId=2", "FORBIDDEN"),
        (b'{"token":"t-1","giftId":7,"userId":{"$ne":1}}', "FORBIDDEN"),
    ],
)
async def test_who_is_not_let_in_changes_nothing(toy, client, body, error):
    status, _, reply = await client.post("/toy/order", body)

    assert (status, reply["error"]) == (200, error)
    assert toy.engine.wanted == []


@gen_test
async def test_an_id_that_agrees_with_the_credential_is_harmless(client):
    _, _, reply = await client.post("/toy/order", b"token=t-1&giftId=7&userId=1")

    assert reply["code"] == 0


@gen_test
async def test_where_a_credential_is_optional_a_bad_one_makes_a_guest(client):
    _, _, nobody = await client.get("/toy/items/1?token=nobody")
    _, _, absent = await client.get("/toy/items/1")
    _, _, somebody = await client.get("/toy/items/1?token=t-5")

    assert (nobody["person_id"], absent["person_id"], somebody["person_id"]) == (None, None, 5)


@gen_test
async def test_a_provider_gets_its_body_untouched_and_its_own_form_of_answer(toy, client):
    body = b"<xml>\xff{not json}</xml>"

    status, headers, good = await client.post("/toy/notify?a=1", body, headers={"X-Signature": "s"})
    _, _, forged = await client.post("/toy/notify", b"forged")

    assert (status, headers["Content-Type"], good) == (200, "text/xml", b"<xml>SUCCESS</xml>")
    assert (toy.engine.wanted[0].body, toy.engine.wanted[0].headers["x-signature"]) == (body, "s")
    assert toy.engine.wanted[0].query == {"a": "1"}
    assert forged == b"<xml>FAIL</xml>"


@gen_test
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("canary"),
        KeyError("canary"),
        AssertionError("canary"),
        RecursionError("canary"),
        EngineError("canary"),
    ],
)
async def test_a_bug_shows_nothing_but_a_request_id(toy, client, error):
    toy.engine.error = error

    status, headers, reply = await client.post("/toy/order", b"token=t-1&giftId=7")

    assert (status, reply["error"], reply["code"]) == (200, "INTERNAL", CODES["INTERNAL"])
    assert reply["request_id"] == headers["X-Request-Id"]
    assert "canary" not in str(reply) + str(dict(headers))
    if not isinstance(error, EngineError):
        assert toy.log.take("request_failed")["request_id"] == reply["request_id"]


@gen_test
async def test_a_bug_in_authentication_is_a_bug_and_lets_nobody_in(toy, client):
    _, _, reply = await client.post("/toy/order", b"token=buggy&giftId=7")

    assert reply["error"] == "INTERNAL"
    assert toy.engine.wanted == []
    assert "canary" in str(toy.log.take("request_failed")["exc_info"])


@gen_test
@pytest.mark.parametrize(
    ("error", "retry_after"),
    [(TooMany(retry_after_ms=1), "1"), (TooMany(retry_after_ms=2_500), "3"), (StoreDown(), None)],
)
async def test_an_engine_error_comes_out_by_its_code_and_with_its_header(toy, client, error, retry_after):
    toy.engine.error = error

    _, headers, reply = await client.post("/toy/order", b"token=t-1&giftId=7")

    assert reply["error"] == error.code
    assert headers.get("Retry-After") == retry_after


@gen_test
@pytest.mark.parametrize(
    ("language", "message"), [("en-GB,en;q=0.9", "no"), ("zh-CN", "不行"), (None, "不行"), ("fr", "不行")]
)
async def test_messages_come_in_the_language_asked_for_and_chinese_otherwise(toy, client, language, message):
    toy.engine.error = BelowFloor(need=2, have=1)

    _, _, reply = await client.post(
        "/toy/order", b"token=t-1&giftId=7", headers={"Accept-Language": language} if language else {}
    )

    assert reply["message"] == message


@gen_test
@pytest.mark.parametrize("given", ["abc-123", "A.b_c:d"])
async def test_a_request_id_goes_through(client, given):
    _, headers, reply = await client.get("/toy/item?item_id=1", headers={"X-Request-Id": given})

    assert headers["X-Request-Id"] == reply["request_id"] == given


@gen_test
@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "é", 'a"b'])
async def test_a_request_id_that_could_forge_something_is_replaced(client, given):
    _, headers, reply = await client.get("/toy/item?item_id=1", headers={"X-Request-Id": given})

    assert headers["X-Request-Id"] == reply["request_id"] != given
    assert len(headers["X-Request-Id"]) == 16


@gen_test
@pytest.mark.parametrize(
    "path", ["/toy/item?item_id=1", "/toy/nowhere", "/nowhere", "/healthz", "/version", "/metrics"]
)
async def test_every_answer_carries_the_security_headers_and_no_server_name(client, path):
    _, headers, _ = await client.get(path)

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Server" not in headers
    assert "Access-Control-Allow-Origin" not in headers
    assert "Date" in headers


@pytest.mark.real_loop
@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://ours.com", True),
        ("http://localhost:3000", True),
        ("null", False),
        ("", False),
        ("*", False),
        ("https://evil-ours.com", False),
        ("https://ours.com.evil", False),
        ("http://ours.com", False),
        ("https://ours.com:444", False),
        ("https://sub.ours.com", False),
        ("https://OURS.com@evil", False),
        ("file://", False),
    ],
)
async def test_only_listed_origins_may_read_answers_from_a_page(origin, is_allowed):
    toy = Toy(policy=HttpPolicy(origins=frozenset({"https://ours.com", "http://localhost:3000"}), behind_tls=True))
    head = f"/toy/order HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n".encode()

    async with serving(toy) as port:
        preflight = (await exchange(port, b"OPTIONS " + head)).decode()
        answer = (await exchange(port, b"GET " + head)).decode()

    assert preflight.startswith("HTTP/1.1 204")
    assert (f"Access-Control-Allow-Origin: {origin}\r\n" in preflight) is is_allowed
    assert (f"Access-Control-Allow-Origin: {origin}\r\n" in answer) is is_allowed
    assert ("Access-Control-Allow-Methods: POST\r\n" in preflight) is is_allowed
    assert "Vary: Origin" in answer
    assert "Access-Control-Allow-Origin: *" not in answer
    assert "Strict-Transport-Security" in answer


@gen_test
async def test_a_limit_lets_its_burst_through_and_then_says_when(toy, client):
    replies = [await client.post("/toy/rare", b"token=t-1") for _ in range(4)]
    other = await client.post("/toy/rare", b"token=t-2")
    toy.clock.advance(20_000)
    later = await client.post("/toy/rare", b"token=t-1")

    assert [reply["code"] for _, _, reply in replies[:3]] == [0, 0, 0]
    assert replies[3][2]["error"] == "TOO_MANY_REQUESTS"
    assert replies[3][1]["Retry-After"] in ("20", "21")
    assert other[2]["code"] == 0
    assert later[2]["code"] == 0


@gen_test
async def test_guessing_tokens_is_limited_by_address(client):
    errors = [(await client.post("/toy/rare", b"token=guess-%d" % n))[2]["error"] for n in range(5)]

    assert errors == ["NOT_SIGNED_IN"] * 3 + ["TOO_MANY_REQUESTS"] * 2


@gen_test
async def test_a_forwarded_address_from_a_stranger_changes_nothing(toy, client):
    await client.post("/toy/rare", b"token=t-1", headers={"X-Forwarded-For": "1.2.3.4", "X-Real-Ip": "1.2.3.4"})

    assert toy.engine.callers[0].address == "127.0.0.1"


@pytest.mark.real_loop
async def test_a_forwarded_address_from_a_proxy_of_ours_is_believed():
    toy = Toy(policy=HttpPolicy(trusted_proxies=frozenset({"127.0.0.1", "10.0.0.1"})))
    head = b"POST /toy/rare?token=t-1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n"

    async with serving(toy) as port:
        await exchange(port, head + b"X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.1\r\n\r\n")

    assert toy.engine.callers[0].address == "1.2.3.4"


@gen_test
async def test_an_idempotency_key_reaches_the_action_and_a_strange_one_is_refused(toy, client):
    await client.post("/toy/rare", b"token=t-1", headers={"Idempotency-Key": "k-1"})
    _, _, too_long = await client.post("/toy/rare", b"token=t-1", headers={"Idempotency-Key": "k" * 256})

    assert toy.engine.callers[0].idempotency_key == "k-1"
    assert too_long["error"] == "BAD_INPUT"
    assert len(toy.engine.callers) == 1


BAD_BODIES = {
    "depth 100,000": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "an array": b"[1,2]",
    "arrays without end": b"[" * 60_000,
    "NaN": b'{"token":"t-1","giftId":NaN}',
    "Infinity": b'{"token":"t-1","giftId":Infinity}',
    "1e999": b'{"token":"t-1","giftId":1e999}',
    "400 digits": b'{"token":"t-1","giftId":' + b"9" * 400 + b"}",
    "5,000 digits": b'{"token":"t-1","giftId":' + b"9" * 5_000 + b"}",
    "a key twice": b'{"token":"t-1","giftId":1,"giftId":2}',
    "a deep key twice": b'{"token":"t-1","giftId":1,"x":{"y":[{"z":1,"z":1}]}}',
    "half a surrogate": b'{"token":"t-1","giftId":1,"note":"\\ud800"}',
    "half a surrogate in a key": b'{"token":"t-1","giftId":1,"\\udfff":1}',
    "a byte order mark": b'\xef\xbb\xbf{"token":"t-1","giftId":1}',
    "UTF-16": '{"token":"t-1","giftId":1}'.encode("utf-16"),
    "not UTF-8": b'{"token":"t-1","giftId":1,"note":"\xff"}',
    "overlong UTF-8": b'{"token":"t-1","giftId":1,"note":"\xc0\xaf"}',
    "1,001 keys": b'{"token":"t-1","giftId":1,' + b",".join(b'"k%d":0' % n for n in range(1_001)) + b"}",
    "two values": b'{"token":"t-1","giftId":1}{}',
    "a comma too many": b'{"token":"t-1","giftId":1,}',
    "cut off": b'{"token":"t-1","giftId":1',
    "single quotes": b"{'token':'t-1'}",
    "a leading zero": b'{"token":"t-1","giftId":01}',
    "a raw line end": b'{"token":"t-1","giftId":1,"note":"a\nb"}',
    "a NUL": b'{"token":"t-1","giftId":1,"note":"a\x00b"}',
    "an escaped NUL": b'{"token":"t-1","giftId":1,"note":"a\\u0000b"}',
    "a form field twice": b"token=t-1&giftId=1&giftId=2",
    "10,000 form fields": b"&".join(b"k%d=0" % n for n in range(5_000)),
    "a form that is not UTF-8": b"token=t-1&giftId=1&note=%ff",
    "raw bytes in a form": b"token=t-1&giftId=1&note=\xff",
    "1,000 parts": b"".join(b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n' for _ in range(1_000))
    + b"--x--\r\n",
    "parts without an end": b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n',
    "only a boundary": b"--",
    "a part without a name": b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
}


@gen_test
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_a_malformed_body_is_bad_input_in_the_envelope(toy, client, body):
    status, _, reply = await client.post("/toy/order", body)

    assert status == 200
    assert reply["error"] in ("BAD_INPUT", "NOT_SIGNED_IN")
    assert toy.engine.wanted == []


@gen_test
@pytest.mark.parametrize("body", [b'"text"', b"7", b"null", b"true", b"", b"  ", b"{}"])
async def test_a_body_that_is_no_object_is_refused_where_fields_are_needed(toy, client, body):
    status, _, reply = await client.post("/toy/order?token=t-1", body, content_type=JSON)

    assert (status, reply["error"]) == (200, "BAD_INPUT")
    assert toy.engine.wanted == []


@gen_test
@pytest.mark.parametrize(
    "value", [b'{"$gt":""}', b'{"$ne":null}', b'{"$regex":".*"}', b"[1]", b'[{"$gt":0}]', b"[[]]", b"{}"]
)
@pytest.mark.parametrize(
    "field", [b"giftId", b"amount", b"note", b"isLoud", b"targetId", b"girlId", b"weight", b"place", b"places"]
)
async def test_an_operator_where_a_single_value_belongs_is_refused(toy, client, field, value):
    if field == b"places" and value == b"[[]]":
        value = b'["x"]'
    body = b'{"token":"t-1",' + (b'"giftId":1,' if field != b"giftId" else b"") + b'"' + field + b'":' + value + b"}"

    status, _, reply = await client.post("/toy/order", body)

    assert (status, reply["error"]) == (200, "BAD_INPUT")
    assert toy.engine.wanted == []


@gen_test
@pytest.mark.parametrize(
    "body", [b"token[$ne]=x&giftId=1", b"token=t-1&giftId[$gt]=0", b"token=t-1&$where=1&giftId.x=1"]
)
async def test_an_operator_in_a_form_name_is_just_an_unknown_field(toy, client, body):
    status, _, reply = await client.post("/toy/order", body)

    assert status == 200
    assert reply["error"] in ("BAD_INPUT", "NOT_SIGNED_IN")
    assert toy.engine.wanted == []


@gen_test
async def test_fields_nobody_declared_are_dropped(toy, client):
    body = b'{"token":"t-1","giftId":1,"balance":999,"role":"admin","is_admin":true,"banned":false,"price":{"$inc":1}}'

    _, _, reply = await client.post("/toy/order", body)

    assert reply["code"] == 0
    assert toy.engine.wanted == [Order(gift_id=1)]


@gen_test
@pytest.mark.parametrize("length", [64 * 1024 + 1, 1024 * 1024, 10 * 1024 * 1024])
async def test_a_body_over_the_limit_is_refused_in_the_envelope(toy, client, length):
    status, _, reply = await client.post("/toy/order?token=t-1&giftId=1", b'{"note":"' + b"x" * length + b'"}')

    assert (status, reply["error"], reply["field"]) == (200, "TOO_LONG", "body")
    assert toy.engine.wanted == []


@gen_test
async def test_a_body_over_the_limit_for_no_surface_is_a_413(client):
    status, _, reply = await client.post("/toyota/none", b"x" * 70_000)

    assert (status, reply["error"]) == (413, "TOO_LONG")


@pytest.mark.real_loop
async def test_a_body_that_says_it_is_huge_is_refused_before_it_comes():
    head = b"POST /toy/order HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n"

    async with serving(Toy()) as port:
        answer = await exchange(port, head)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"error":"TOO_LONG"' in answer
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.real_loop
async def test_chunks_without_end_are_cut_off_and_answered():
    async with serving(Toy()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /toy/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        sent_count = 0
        async with asyncio.timeout(10):
            try:
                while not reader.at_eof() and sent_count < 2_000:
                    writer.write(chunk)
                    await writer.drain()
                    sent_count += 1
            except ConnectionError:
                pass
        writer.close()

    # 16 MiB are swallowed, and what the kernels hold between us.
    assert 200 < sent_count < 1_000


@pytest.mark.real_loop
async def test_chunks_over_the_limit_are_swallowed_and_answered_when_they_end():
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = b"POST /toy/order HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"

    async with serving(Toy()) as port:
        answer = await exchange(port, head + 3 * chunk + b"0\r\n\r\n")

    assert b'"error":"TOO_LONG"' in answer


@pytest.mark.real_loop
async def test_chunks_within_the_limit_are_one_body():
    head = b"POST /toy/order HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"

    async with serving(Toy()) as port:
        answer = await exchange(port, head + b"6\r\ntoken=\r\n4\r\nt-1&\r\n8\r\ngiftId=7\r\n0\r\n\r\n")

    assert b'"giftId":7' in answer


@pytest.mark.real_loop
@pytest.mark.parametrize("began", [b"Content-Length: 100\r\n\r\ntoken=", b"Transfer-Encoding: chunked\r\n\r\n5\r\ntok"])
async def test_a_body_that_takes_too_long_is_refused_and_ends_the_connection(began):
    toy = Toy()

    async with serving(toy) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /toy/order HTTP/1.1\r\nHost: x\r\n" + began)
        async with asyncio.timeout(20):
            while not toy.door._arriving:
                await asyncio.sleep(0)
            toy.clock.advance(29_999)
            still_waiting = len(toy.door._arriving)
            toy.clock.advance(1)
            answer = await reader.read()
        writer.close()

    assert still_waiting == 1
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"error":"BAD_INPUT"' in answer
    assert toy.door._arriving == {}
    assert toy.engine.wanted == []


@pytest.mark.real_loop
async def test_bodies_that_arrive_in_time_leave_nothing_behind():
    toy = Toy()
    head = b"POST /toy/order HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n"

    async with serving(toy) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"token=")
        async with asyncio.timeout(20):
            while not toy.door._arriving:
                await asyncio.sleep(0)
            toy.clock.advance(20_000)
            writer.write(b"t-1&giftId=7" + head + b"token=")
            while not toy.engine.wanted or not toy.door._arriving:
                await asyncio.sleep(0)
            toy.clock.advance(20_000)
            writer.write(b"t-1&giftId=8")
            while len(toy.engine.wanted) < 2:
                await asyncio.sleep(0)
        writer.close()

    assert toy.door._arriving == {}
    toy.clock.advance(60_000)
    assert toy.door._waiting is None


@pytest.mark.real_loop
@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"deflate"])
async def test_a_compressed_body_is_refused_unopened(encoding):
    head = (
        b"POST /toy/order HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: %s\r\nContent-Length: 4\r\n\r\n"
    )

    async with serving(Toy()) as port:
        answer = await exchange(port, head % encoding + b"\x1f\x8b\x08\x00")

    assert b'"error":"BAD_INPUT"' in answer


@pytest.mark.real_loop
async def test_a_url_over_the_limit_is_refused_in_the_envelope():
    head = b"GET /toy/item?item_id=1&word=" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    async with serving(Toy()) as port:
        answer = await exchange(port, head)

    assert b'"error":"TOO_LONG"' in answer


CHUNKED = b"POST /toy/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
MALFORMED = {
    "no host": b"GET /toy/item HTTP/1.1\r\n\r\n",
    "nothing": b"\r\n\r\n",
    "not http": b"hello\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "http 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bad version": b"GET /toy/item HTTP/9.9\r\nHost: x\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the path": b"GET /toy/ item HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header without a colon": b"GET /toy/item HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n",
    "a header with a space": b"GET /toy/item HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n",
    "a NUL in a header": b"GET /toy/item HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    "two lengths": b"POST /toy/order HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a negative length": b"POST /toy/order HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length with a plus": b"POST /toy/order HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\nx",
    "a length in hex": b"POST /toy/order HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\nx",
    "length and chunks": b"POST /toy/order HTTP/1.1\r\nContent-Length: 5\r\n" + CHUNKED[26:] + b"0\r\n\r\n",
    "an unknown transfer encoding": b"POST /toy/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nx",
    "a bad chunk size": CHUNKED + b"zz\r\nx\r\n0\r\n\r\n",
    "a negative chunk size": CHUNKED + b"-1\r\n\r\n",
    "a chunk with no end": CHUNKED + b"2\r\nxxyy0\r\n\r\n",
    "headers without end": b"GET /toy/item HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 20_000,
    "half an encoding in the query": b"GET /toy/item?item_id=%f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a query that is not UTF-8": b"GET /toy/item?item_id=1&word=%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a field twice in the query": b"GET /toy/item?item_id=1&item_id=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "raw bytes in the path": b"GET /toy/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "an absolute target": b"GET http://evil/toy/item HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a strange method": b"GE<T /toy/item HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "http 1.0": b"GET /toy/item?item_id=1 HTTP/1.0\r\n\r\n",
    "http 0.9": b"GET /toy/item\r\n\r\n",
    "an upgrade to nothing": b"GET /toy/item HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: close, upgrade\r\n\r\n",
    "a path of dots": b"GET /toy/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}


@pytest.mark.real_loop
@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_request_is_refused_or_cut_off_and_the_server_goes_on(request_bytes):
    toy = Toy()
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    async with serving(toy) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes)
        writer.write_eof()
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
        after = await exchange(port, head)

    assert b"HTTP/1.1 5" not in answer
    assert b"Traceback" not in answer
    assert toy.engine.wanted == []
    assert after.startswith(b"HTTP/1.1 200")


@pytest.mark.real_loop
async def test_requests_on_one_connection_are_answered_in_order():
    one = b"GET /toy/item?item_id=%d HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /toy/item?item_id=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    async with serving(Toy()) as port:
        answer = await exchange(port, one % 1 + one % 2 + last)

    assert [answer.find(b'"item_id":%d' % n) for n in (1, 2, 3)] == sorted(
        answer.find(b'"item_id":%d' % n) for n in (1, 2, 3)
    )
    assert answer.count(b"HTTP/1.1 200") == 3


@pytest.mark.real_loop
async def test_what_was_asked_for_is_done_although_the_client_went_away():
    toy = Toy()
    toy.engine.gate = asyncio.Event()

    async with serving(toy) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /toy/order?token=t-1&giftId=7 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        async with asyncio.timeout(20):
            while toy.door.in_flight_count == 0 or not toy.engine.wanted:
                await asyncio.sleep(0)
            writer.transport.abort()
            toy.engine.gate.set()
            await toy.door.drained()

    assert toy.log.take("http_request")["outcome"] == "ok"


@gen_test
async def test_a_draining_server_asks_its_clients_to_leave(toy, client):
    toy.door.drain()

    _, headers, reply = await client.get("/toy/item?item_id=1")

    assert headers["Connection"] == "close"
    assert reply["code"] == 0


@gen_test
async def test_each_request_has_one_line_without_what_it_said(toy, client):
    await client.post("/toy/order?token=t-1", b"giftId=7&note=canary", headers={"User-Agent": "canary"})
    await client.get("/toy/no\tcanary?token=canary".replace("\t", "%0d%0a"))

    lines = [line.fields for line in toy.log.lines if line.event == "http_request"]
    assert [(line["route"], line["outcome"], line["person_id"]) for line in lines] == [
        ("/toy/order", "ok", 1),
        ("unknown", "NOT_FOUND", None),
    ]
    assert "canary" not in str(lines)


@pytest.mark.real_loop
async def test_lines_of_good_requests_can_be_thinned_out_and_refusals_never_are():
    toy = Toy(policy=HttpPolicy(log_every_count=3))
    good = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    bad = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    async with serving(toy) as port:
        await exchange(port, 7 * good + bad)

    assert [line.fields["outcome"] for line in toy.log.lines] == ["ok", "ok", "NOT_FOUND"]


def admitting_nobody():
    return None


def test_a_path_that_two_endpoints_claim_does_not_start():
    twice = Endpoint("/toy/order", Order, Nothing, nothing, summary="x", source_id="x")
    surface = Surface(
        name="toy",
        title="",
        prefixes=("/toy",),
        envelope=ToyEnvelope(),
        credential=credential,
        endpoints=(twice, twice),
    )

    with pytest.raises(ValueError, match="declared twice"):
        door_of(surface)


def test_a_surface_that_nobody_guards_does_not_start():
    with pytest.raises(ValueError, match="who may come in"):
        door_of(PLAY)


def test_a_prefix_that_two_surfaces_claim_does_not_start():
    other = Surface(
        name="toy", title="", prefixes=("/toy",), envelope=ToyEnvelope(), credential=credential, endpoints=()
    )

    with pytest.raises(ValueError, match="belongs to two"):
        door_of(TOY, other)


def door_of(*surfaces: Surface) -> Door:
    toy = Toy()
    return Door(
        surfaces,
        admissions={"toy": toy.door.admissions["toy"]},
        probes={},
        hub=toy.hub,
        clock=toy.clock,
        rng=toy.door.rng,
        log=toy.log,
        policy=HttpPolicy(),
    )


def test_a_door_serves_other_surfaces_from_now_on_or_goes_on_with_those_it_has():
    door = door_of(TOY)
    other = Surface(
        name="toy", title="", prefixes=("/other",), envelope=ToyEnvelope(), credential=credential, endpoints=()
    )
    before = door.routes()

    with pytest.raises(ValueError, match="who may come in"):
        door.offer((TOY, PLAY), admissions=door.admissions)
    unchanged = door.routes()
    door.offer((other,), admissions=door.admissions)

    assert unchanged == before
    assert door.routes() == ()
    assert (door.surface_of("/other/x"), door.surface_of("/toy/order")) == (other, None)


def test_all_routes_can_be_listed_for_a_permission_table():
    listed = {(method, path) for method, path, _ in Toy().door.routes()}

    assert ("POST", "/toy/order") in listed
    assert ("POST", "/toy/buy") in listed
    assert ("GET", "/toy/items/{item_id}") in listed
    assert ("GET", "/toy/ws") in listed
