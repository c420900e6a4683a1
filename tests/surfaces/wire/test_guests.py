"""Guests whom a surface knows, replies with headers beside them, and answers that send a browser on."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from engine.errors import Forbidden
from handlers.wire.access import OPTIONAL, Admission, Caller, Incoming, Presented
from handlers.wire.limits import Limiter, per_second
from handlers.wire.openapi import openapi
from handlers.wire.plain import PLAIN
from handlers.wire.redirect import Onward, RedirectEnvelope
from handlers.wire.surface import Endpoint, WithHeaders
from tests.surfaces.wire.toy import TOY, Nothing, Shown, Toy

gen_test = pytest.mark.gen_test
HOME = "/home?from=here"


@dataclass(frozen=True)
class Guest:
    """Somebody without a credential, who goes by 0."""

    person_id: int
    sign_in_id: str = ""

    def goes_by(self, claimed: str) -> bool:
        return claimed == "0"


def known_guest(incoming: Incoming) -> Guest:
    return Guest(int(incoming.cookies.get("guest", "900")))


def claims(incoming: Incoming) -> Presented | None:
    token, claimed = incoming.fields.get("token"), incoming.fields.get("userId")
    return Presented(
        scheme="token",
        token=token if isinstance(token, str) else "",
        claimed_ids=() if claimed is None else (str(claimed),),
    )


async def look(caller: Caller[Any, Any], _wanted: Nothing) -> WithHeaders[Shown]:
    shown = Shown(item_id=1, word=caller.cookies.get("word", ""), person_id=caller.person_id)
    return WithHeaders(shown, (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")))


async def leave(caller: Caller[Any, Any], _wanted: Nothing) -> Onward:
    if caller.engine.error is not None:
        raise caller.engine.error
    return Onward(HOME)


LOOK = Endpoint(
    "/toy/look",
    Nothing,
    Shown,
    look,
    access=OPTIONAL,
    credential=claims,
    envelope=PLAIN,
    summary="Look",
    source_id="toy-look",
)
LEAVE = Endpoint(
    "/toy/leave",
    Nothing,
    Onward,
    leave,
    method="GET",
    access=OPTIONAL,
    envelope=RedirectEnvelope(PLAIN),
    summary="Leave",
    source_id="toy-leave",
)
WITH_GUESTS = replace(TOY, endpoints=(*TOY.endpoints, LOOK, LEAVE))


@pytest.fixture
def toy():
    toy = Toy()
    toy.door.offer((WITH_GUESTS,), admissions={"toy": admission_of(toy, known_guest)})
    return toy


def admission_of(toy: Toy, guest_of: Any) -> Admission[Any, Any]:
    return Admission(
        engine=toy.engine,
        authenticate=toy.authenticate,
        limiter=Limiter(toy.clock),
        default_limit=per_second(1, burst=3),
        guest_of=guest_of,
    )


@gen_test
@pytest.mark.parametrize("token", ["", "&token=worth-nothing"])
async def test_a_guest_is_somebody_where_the_surface_knows_its_guests(client, token):
    status, _, reply = await client.post("/toy/look?x=1" + token, b"", headers={"Cookie": "guest=901"})

    assert (status, reply["person_id"]) == (200, 901)


@gen_test
async def test_a_guest_is_nobody_where_the_surface_does_not(client, toy):
    toy.door.offer((WITH_GUESTS,), admissions={"toy": admission_of(toy, None)})

    status, _, reply = await client.get("/toy/items/1")

    assert (status, reply["person_id"]) == (200, None)


@gen_test
async def test_somebody_with_a_credential_is_no_guest(client):
    _, _, reply = await client.post("/toy/look", b"token=t-7", headers={"Cookie": "guest=901"})

    assert reply["person_id"] == 7


@gen_test
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"userId=0", 200),
        (b"userId=900", 403),
        (b"userId=7", 403),
        (b"token=t-7&userId=7", 200),
        (b"token=t-7&userId=0", 403),
    ],
)
async def test_a_request_comes_from_whom_it_claims_guests_included(client, sent, status):
    assert (await client.post("/toy/look", sent))[0] == status


@gen_test
async def test_guests_are_counted_by_where_they_ask_from_however_many_they_are(client):
    statuses = [
        (await client.post("/toy/look", b"", headers={"Cookie": f"guest={number}"}))[0] for number in range(901, 907)
    ]

    assert statuses == [200] * 3 + [429] * 3
    assert (await client.post("/toy/look", b"token=t-7"))[0] == 200


@gen_test
async def test_headers_go_out_beside_a_reply_each_of_them(client):
    _, headers, reply = await client.post("/toy/look", b"", headers={"Cookie": "word=hello"})

    assert headers.get_list("Set-Cookie") == ["a=1", "b=2"]
    assert reply["word"] == "hello"
    assert headers["X-Content-Type-Options"] == "nosniff"


@gen_test
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_browser_is_sent_on_without_a_body(client, method):
    status, headers, body = await client.ask(method, "/toy/leave")

    assert (status, headers["Location"], body, headers["Content-Length"]) == (302, HOME, b"", "0")
    assert "Content-Type" not in headers


@gen_test
async def test_whoever_is_refused_stays_and_is_told_in_the_surfaces_own_way(client, toy):
    toy.engine.error = Forbidden()

    status, headers, body = await client.get("/toy/leave")

    assert (status, body["error"]) == (403, "FORBIDDEN")
    assert "Location" not in headers


def test_a_redirection_is_described_as_one_and_every_operation_has_a_name_of_its_own():
    twice = replace(WITH_GUESTS, endpoints=(*WITH_GUESTS.endpoints, replace(LEAVE, path="/toy/go")))

    paths = openapi([twice], title="Toy", version="0")["paths"]

    assert set(paths["/toy/leave"]["get"]["responses"]) == {"302", "default"}
    assert (paths["/toy/leave"]["get"]["operationId"], paths["/toy/go"]["get"]["operationId"]) == (
        "toy-leave",
        "toy-leave-2",
    )
