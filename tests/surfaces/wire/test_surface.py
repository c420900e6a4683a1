"""Surfaces as data: what is incomplete does not exist."""

import msgspec
import pytest

import engine.errors
from engine.errors import BadInput, EngineError, NotFound
from handlers.wire.access import PROVIDER, PUBLIC, SIGNED_IN, token_in
from handlers.wire.codec import read_json
from handlers.wire.language import Language
from handlers.wire.plain import PLAIN, http_status_of
from handlers.wire.surface import ERROR_CODES, Endpoint, MethodNotAllowed, NoSuchPath, Surface, row_for, total
from tests.surfaces.wire.toy import PLAY, TOY, Nothing, ToyEnvelope, nothing


def every_error() -> list[type[EngineError]]:
    return [getattr(engine.errors, name) for name in engine.errors.__all__]


def made(kind: type[EngineError]) -> EngineError:
    """An instance without the facts, which no envelope may need."""
    return kind.__new__(kind)


def endpoint(**more):
    return Endpoint("/toy/x", Nothing, Nothing, nothing, **{"summary": "x", "source_id": "x", **more})


def test_an_endpoint_is_for_people_who_are_signed_in_unless_it_says_otherwise():
    assert endpoint().access is SIGNED_IN
    assert endpoint(access=PUBLIC).access is PUBLIC


@pytest.mark.parametrize("access", [None, "", "public", True, 0])
def test_an_endpoint_without_a_declared_access_cannot_exist(access):
    with pytest.raises(TypeError, match="access"):
        endpoint(access=access)


def test_a_provider_without_the_raw_body_cannot_exist():
    with pytest.raises(TypeError, match="raw body"):
        endpoint(access=PROVIDER)


@pytest.mark.parametrize("missing", ["summary", "source_id"])
def test_an_endpoint_says_what_it_is_and_where_that_is_written(missing):
    with pytest.raises(ValueError, match="say what"):
        endpoint(**{missing: ""})


@pytest.mark.parametrize("path", ["toy/x", "/toy/x/", ""])
def test_a_path_begins_with_a_slash_and_does_not_end_with_one(path):
    with pytest.raises(ValueError, match="slash"):
        Endpoint(path, Nothing, Nothing, nothing, summary="x", source_id="x")


def test_a_request_that_cannot_be_read_from_outside_cannot_exist():
    shape = msgspec.defstruct("Shape", [("value", dict[str, int])])

    with pytest.raises(TypeError, match="cannot be a field"):
        Endpoint("/toy/x", shape, Nothing, nothing, summary="x", source_id="x")


@pytest.mark.parametrize("path", ["/other/x", "/toys", "/to"])
def test_an_endpoint_outside_its_surfaces_prefixes_cannot_exist(path):
    outside = Endpoint(path, Nothing, Nothing, nothing, summary="x", source_id="x")

    with pytest.raises(ValueError, match="below none"):
        Surface(
            name="toy",
            title="",
            prefixes=("/toy",),
            envelope=ToyEnvelope(),
            credential=token_in("t"),
            endpoints=(outside,),
        )


def test_aliases_may_have_another_method():
    assert endpoint(aliases=("/toy/y/", "GET /toy/x")).addresses == (
        ("POST", "/toy/x"),
        ("POST", "/toy/y"),
        ("GET", "/toy/x"),
    )


def test_a_table_has_a_row_for_every_code_or_is_none():
    full = dict.fromkeys(ERROR_CODES, 0)

    assert total(full) == full
    for code in ERROR_CODES:
        with pytest.raises(ValueError, match=code):
            total({other: 0 for other in full if other != code})
    with pytest.raises(ValueError, match="NONSENSE"):
        total({**full, "NONSENSE": 1})


@pytest.mark.parametrize("kind", every_error())
def test_every_error_of_the_engine_has_its_row(kind):
    table = total({code: code for code in ERROR_CODES})

    assert row_for(made(kind), table) == kind.code


def test_an_error_of_an_unknown_code_has_the_row_of_its_ancestor():
    class Odd(NotFound):
        code = "ODD"

    assert row_for(Odd("x"), total({code: code for code in ERROR_CODES})) == "NOT_FOUND"


@pytest.mark.parametrize("kind", every_error())
@pytest.mark.parametrize("envelope", [PLAIN, TOY.envelope])
def test_every_error_comes_out_of_every_envelope_with_its_name_and_a_message(envelope, kind):
    answer = envelope.failure(made(kind), request_id="r-1", language=Language.EN)
    body = read_json(answer.body)

    assert (body["error"], body["request_id"]) == (kind.code, "r-1")
    assert body["message"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(NoSuchPath(), 404), (MethodNotAllowed(("GET",)), 405), (BadInput(), 400), (EngineError(), 500)],
)
def test_http_has_a_status_for_it(error, status):
    assert http_status_of(error) == status


def test_the_toys_are_whole():
    assert TOY.endpoints
    assert PLAY.endpoints
