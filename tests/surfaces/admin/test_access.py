"""Who gets in (SEC-3, SEC-31): whoever holds the token, and shows it in the header."""

import pytest

from handlers.admin.access import authenticate
from handlers.wire.limits import per_minute
from tests.surfaces.admin.desk import TOKEN, at_the_desk

REFUSED = {"error": "NOT_SIGNED_IN", "message": "not signed in", "detail": "", "request_id": "r-1"}


def paths_of(door):
    for method, path, _ in door.routes():
        yield method, path.replace("{call_id}", "50001").replace("{person_id}", "10002").replace("{room_id}", "room_1")


@pytest.mark.real_loop
async def test_without_the_token_every_endpoint_refuses_in_the_same_words():
    async with at_the_desk() as desk:
        for method, path in paths_of(desk.door):
            body = {"actor": "eve", "reason": "why not"} if method == "POST" else None

            assert await desk.ask(method, path, body, token="") == (401, REFUSED), path

        assert await desk.audit() == []


@pytest.mark.real_loop
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer " + TOKEN[:-1]},
        {"Authorization": "Bearer " + TOKEN + "0"},
        {"Authorization": "Bearer " + TOKEN.upper()},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer \u00e9\u00e9\u00e9"},
        {"Authorization": "Basic " + TOKEN},
        {"Authorization": TOKEN},
        {"X-Token": TOKEN},
        {"Cookie": f"token={TOKEN}; Authorization=Bearer {TOKEN}"},
    ],
    ids=str,
)
async def test_a_wrong_token_or_one_in_the_wrong_place_is_refused(headers):
    async with at_the_desk() as desk:
        assert await desk.ask("GET", "/admin/v1/status", token="", headers=headers) == (401, REFUSED)


@pytest.mark.real_loop
async def test_a_token_in_the_address_or_the_body_is_refused():
    async with at_the_desk() as desk:
        for name in ("token", "access_token", "Authorization"):
            path = f"/admin/v1/status?{name}={TOKEN}"

            assert await desk.ask("GET", path, token="") == (401, REFUSED)
            assert await desk.ask("GET", path, {name: TOKEN}, token="") == (401, REFUSED)
            body = {"actor": "eve", "reason": "why not", name: TOKEN}
            assert await desk.ask("POST", "/admin/v1/users/10002/warn", body, token="") == (401, REFUSED)

        assert desk.database.warnings == {}


@pytest.mark.real_loop
async def test_a_session_of_a_person_opens_nothing_here():
    async with at_the_desk() as desk:
        token = await desk.engine.identity.open_session(desk.mei, device="1")

        assert await desk.ask("GET", "/admin/v1/status", token=token) == (401, REFUSED)


@pytest.mark.real_loop
@pytest.mark.parametrize(
    "path", ["/admin", "/admin/v1", "/admin/v1/secrets", "/admin/v2/status", "/admin/v1/users/1/x"]
)
async def test_a_guessed_path_is_not_there_with_or_without_the_token(path):
    async with at_the_desk() as desk:
        with_token = await desk.ask("GET", path)

        assert with_token == await desk.ask("GET", path, token="")
        assert with_token[0] == 404


@pytest.mark.real_loop
async def test_guessing_is_slowed_down_and_does_not_keep_the_operator_out():
    async with at_the_desk(limit=per_minute(5)) as desk:
        guesses = [(await desk.ask("GET", "/admin/v1/status", token=f"guess-{n}"))[0] for n in range(8)]

        assert guesses == [401] * 5 + [429] * 3
        assert (await desk.ask("GET", "/admin/v1/status"))[0] == 200


def test_there_is_no_empty_token():
    with pytest.raises(ValueError, match="empty"):
        authenticate("")
