"""Every entry of the contract, to the letter: what is sent, what comes back, and how it is refused."""

import pytest

from handlers import site
from handlers.wire.codec import write_json
from tests.surfaces.contracts import contract_of
from tests.surfaces.goldens import addresses_of, filled, send
from tests.surfaces.served import lacking
from tests.surfaces.site.goldens import GOLDENS, REFUSALS
from tests.surfaces.site.scene import OPTIONS, PASSWORD, on_air

gen_test = pytest.mark.gen_test
CONTRACT = contract_of("site")
CALLS = {golden.entry: golden.call for golden in reversed(GOLDENS)}
SERVED = {endpoint.source_id for endpoint in site.surface(OPTIONS).endpoints}
# The provider signs its notifications, which no table of fields shows.
BESIDE_THE_TABLE = {"site-payment-callback"}
# Its example of an error is another entry's.
MISTAKEN = {"site-chat-data"}
# Refused only when something is broken: see test_people.
NEVER_REFUSED = {"site-is-logged-in", "site-login-out", "site-get-all-lives"}
# What three examples of it say against its own table of statuses, a fourth example and SITE-18: nobody is signed in.
NOT_SIGNED_IN = {"code": 1, "message": "sign in first"}


def entry_of(asked):
    return asked.entry


def test_every_entry_has_a_golden_and_a_refusal():
    assert {golden.entry for golden in GOLDENS} == SERVED - BESIDE_THE_TABLE
    assert {refusal.entry for refusal in REFUSALS} == SERVED - BESIDE_THE_TABLE - NEVER_REFUSED


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.call)
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
async def test_a_request_gets_the_reply_of_the_page(golden, form):
    async with on_air(given=golden.given) as scene:
        answered = await send(scene, golden, golden.call, form=form)

        assert (answered.status, answered.body) == (302 if golden.location else 200, filled(scene, golden.reply))
        assert answered.headers.get("Location", "") == filled(scene, golden.location)


@gen_test
@pytest.mark.parametrize(("entry", "address"), addresses_of(CONTRACT, SERVED - BESIDE_THE_TABLE))
async def test_aliases_with_and_without_a_slash_at_the_end_get_the_same_reply(entry, address):
    path = address.partition(" ")[2].rstrip("/")
    of_entry = [one for one in GOLDENS if one.entry == entry]
    golden = next((one for one in of_entry if one.path == path), of_entry[0])
    async with on_air(given=golden.given) as scene:
        answered = await send(scene, golden, address)

        assert (answered.status, answered.body) == (302 if golden.location else 200, filled(scene, golden.reply))


@gen_test
@pytest.mark.parametrize("refusal", REFUSALS, ids=entry_of)
async def test_the_contracts_example_of_an_error_is_what_comes_back(refusal):
    async with on_air(given=refusal.given) as scene:
        before = scene.dump()

        answered = await send(scene, refusal, CALLS[refusal.entry], english=True)

        expected = CONTRACT[refusal.entry]["error"]
        told = answered.body if expected["status"] == 200 else {**answered.body, "data": None}
        assert answered.status == (401 if expected["body"] == NOT_SIGNED_IN else expected["status"])
        assert told["code"] == 1
        assert lacking(expected["body"], told) == []
        for name in {"message", "err_message"} & expected["body"].keys() if refusal.entry not in MISTAKEN else ():
            assert told[name] == expected["body"][name]
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.call)
async def test_a_success_has_every_field_of_the_contracts_example(golden):
    async with on_air(given=golden.given) as scene:
        answered = await send(scene, golden, golden.call)

        if not golden.location:
            assert lacking(CONTRACT[golden.entry]["success"], answered.body) == []


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.call)
async def test_no_reply_tells_a_hash_or_anything_secret_of_somebody_else(golden):
    async with on_air(given=golden.given) as scene:
        others = [getattr(scene, name) for name in ("jliu", "yi", "wei") if name != golden.who]

        answered = await send(scene, golden, golden.call)

        text = write_json(answered.body).decode() if answered.body else ""
        assert PASSWORD not in text
        assert not any(word and word in text for one in others for word in (one.access, one.refresh, one.cookie))
        assert golden.who == "yi" or "user@example.com" not in text
