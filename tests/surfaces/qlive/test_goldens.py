"""Every entry of the contract, to the letter: what is sent, what comes back, and how it is refused."""

import pytest

from handlers import qlive
from handlers.wire.codec import write_json
from tests.surfaces.contracts import contract_of
from tests.surfaces.goldens import addresses_of, filled, send
from tests.surfaces.qlive.golden import GOLDENS, REFUSALS
from tests.surfaces.qlive.scene import OPTIONS, on_air
from tests.surfaces.served import lacking

gen_test = pytest.mark.gen_test
CONTRACT = contract_of("qlive")
CALLS = {golden.entry: golden.call for golden in GOLDENS}
SERVED = {endpoint.source_id for endpoint in qlive.surface(OPTIONS).endpoints}
BESIDE_THE_TABLE = {"qlive-pay-notify", "qlive-im-notify"}


def entry_of(asked):
    return asked.entry


def test_every_entry_has_a_golden_and_a_refusal():
    assert {golden.entry for golden in GOLDENS} == SERVED - BESIDE_THE_TABLE
    needs_more = {"qlive-user-create", "qlive-pay-create"}
    assert {refusal.entry for refusal in REFUSALS} == SERVED - BESIDE_THE_TABLE - needs_more


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=entry_of)
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
async def test_a_request_gets_the_reply_of_the_page(golden, form):
    async with on_air(given=golden.given) as scene:
        answered = await send(scene, golden, golden.call, form=form)

        assert (answered.status, answered.body) == (200, filled(scene, golden.reply))


@gen_test
@pytest.mark.parametrize(("entry", "address"), addresses_of(CONTRACT, SERVED - BESIDE_THE_TABLE))
async def test_aliases_with_and_without_a_slash_at_the_end_get_the_same_reply(entry, address):
    golden = next(one for one in GOLDENS if one.entry == entry)
    async with on_air(given=golden.given) as scene:
        answered = await send(scene, golden, address)

        assert (answered.status, answered.body) == (200, filled(scene, golden.reply))


@gen_test
@pytest.mark.parametrize("refusal", REFUSALS, ids=entry_of)
async def test_the_contracts_example_of_an_error_is_what_comes_back(refusal):
    async with on_air(given=refusal.given) as scene:
        before = scene.dump()

        answered = await send(scene, refusal, CALLS[refusal.entry])

        expected = CONTRACT[refusal.entry]["error"]
        assert answered.status == expected["status"]
        assert {name: answered.body[name] for name in expected["body"]} == expected["body"]
        assert answered.body.keys() == {*expected["body"], "detail", "error", "request_id"}
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=entry_of)
async def test_a_success_has_every_field_of_the_contracts_example(golden):
    async with on_air(given=golden.given) as scene:
        answered = await send(scene, golden, golden.call)

        assert lacking(CONTRACT[golden.entry]["success"], answered.body) == []


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=entry_of)
async def test_no_reply_tells_external_or_inner_ids_or_somebody_elses_token_or_signature(golden):
    async with on_air(given=golden.given) as scene:
        people = {name: getattr(scene, name) for name in ("hong", "mei", "tom")}
        inner = [(await scene.record(person)).id for person in people.values()]
        people.pop(golden.who, None)

        answered = await send(scene, golden, golden.call)

        text = write_json(answered.body).decode()
        assert "dev:" not in text
        assert not any(person.token in text for person in people.values())
        assert not any(str(number) in text for number in inner)
