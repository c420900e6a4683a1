"""Every entry of the contract, to the letter: what is sent, what comes back, and how it is refused."""

import pytest

from handlers import social
from handlers.wire.codec import write_json
from tests.surfaces.contracts import contract_of
from tests.surfaces.goldens import addresses_of, filled, send
from tests.surfaces.served import lacking
from tests.surfaces.social.goldens import GOLDENS, REFUSALS
from tests.surfaces.social.scene import OPTIONS, PASSWORD, on_line

gen_test = pytest.mark.gen_test
CONTRACT = contract_of("social")
CALLS = {golden.entry: golden.call for golden in reversed(GOLDENS)}
SERVED = {endpoint.source_id for endpoint in social.surface(OPTIONS).endpoints}
# Files come and go as streams: see test_files.
BESIDE_THE_TABLE = {"social-file-upload", "social-uploads-get"}
# Refused only when something is broken: see test_people.
NEVER_REFUSED = {"social-contact-get-user-list-online"}


def entry_of(asked):
    return asked.entry


def call_of(golden):
    return golden.call


def test_every_entry_has_a_golden_and_a_refusal():
    assert {golden.entry for golden in GOLDENS} == SERVED - BESIDE_THE_TABLE
    assert {refusal.entry for refusal in REFUSALS} == SERVED - BESIDE_THE_TABLE - NEVER_REFUSED


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=call_of)
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
async def test_a_request_gets_the_reply_of_the_page(golden, form):
    if form and any(isinstance(value, dict | list) for value in golden.sent.values()):
        pytest.skip("a form has no objects in it")
    async with on_line(given=golden.given) as scene:
        answered = await send(scene, golden, golden.call, form=form)

        assert (answered.status, answered.body) == (200, filled(scene, golden.reply))


@gen_test
@pytest.mark.parametrize("golden", [one for one in GOLDENS if one.call.startswith("GET")], ids=call_of)
async def test_a_get_is_also_read_from_its_body(golden):
    async with on_line(given=golden.given) as scene:
        who = None if golden.who == "nobody" else getattr(scene, golden.who)

        answered = await scene.ask(
            "GET", golden.path, filled(scene, golden.sent), headers={} if who is None else who.headers
        )

        assert (answered.status, answered.body) == (200, filled(scene, golden.reply))


@gen_test
@pytest.mark.parametrize(("entry", "address"), addresses_of(CONTRACT, SERVED - BESIDE_THE_TABLE))
async def test_aliases_with_and_without_a_slash_at_the_end_get_the_same_reply(entry, address):
    path = address.partition(" ")[2].rstrip("/")
    of_entry = [one for one in GOLDENS if one.entry == entry]
    golden = next((one for one in of_entry if one.path == path), of_entry[0])
    async with on_line(given=golden.given) as scene:
        answered = await send(scene, golden, f"{address}/")

        assert (answered.status, answered.body) == (200, filled(scene, golden.reply))


@gen_test
@pytest.mark.parametrize("refusal", REFUSALS, ids=entry_of)
async def test_the_contracts_example_of_an_error_is_what_comes_back(refusal):
    async with on_line(given=refusal.given) as scene:
        before = scene.dump()

        answered = await send(scene, refusal, CALLS[refusal.entry])

        expected = CONTRACT[refusal.entry]["error"]
        assert answered.status == expected["status"] == 200
        assert answered.body.keys() == {"code", "message", "data", "error", "request_id"}
        assert {name: answered.body[name] for name in expected["body"]} == expected["body"]
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=call_of)
async def test_a_success_has_every_field_of_the_contracts_example(golden):
    async with on_line(given=golden.given) as scene:
        answered = await send(scene, golden, golden.call)

        assert lacking(CONTRACT[golden.entry]["success"], answered.body) == []
        for name in CONTRACT[golden.entry]["extra"]:
            assert name.removeprefix("data.").partition("[")[0].partition(".")[0] in answered.body["data"], name


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=call_of)
async def test_no_reply_tells_a_hash_a_number_from_inside_or_anything_that_is_somebody_elses_business(golden):
    async with on_line(given=golden.given) as scene:
        others = [getattr(scene, name) for name in ("jhinih", "wxy", "zhao", "ann") if name != golden.who]
        inside = [(await scene.record(one)).id for one in (scene.jhinih, scene.wxy, scene.zhao, scene.ann)]

        answered = await send(scene, golden, golden.call)

        text = write_json(answered.body).decode()
        assert PASSWORD not in text
        assert not any(word in text for one in others for word in (one.atoken, one.rtoken, one.email))
        assert not any(f'"{number}"' in text or f":{number}," in text for number in inside)
        assert '"password"' not in text
