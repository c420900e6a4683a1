"""Wire field types: what a client may write where a number, a flag or a text is expected.

Knows spellings. Knows no endpoint and no limit of a particular field: those stand in the endpoint's own struct.

A request type is a ``msgspec.Struct``; ``reader`` looks at its fields once and returns the function that turns plain
values (see ``codec``) into it. Forms write numbers as text, so ``"7"`` is 7; but money is read here, so what merely
resembles a whole number (``"1e3"``, ``"７"``, ``" 5"``, ``5.0``, ``true``) is refused rather than understood. An object
or a list where a single value belongs is refused; a field nobody declared never gets further than this module.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta
from msgspec import inspect as shapes

from engine.errors import BadInput, TooLong
from engine.texts import speakable
from store.interfaces.ids import ID_MAX, SNOWFLAKE_MAX

__all__ = [
    "Amount",
    "Count",
    "Flag",
    "Id",
    "Malformed",
    "MissingInput",
    "Page",
    "PageSize",
    "WireInt",
    "also",
    "blank",
    "decimal",
    "reader",
    "snowflake",
    "spoken",
    "text",
]

StructT = TypeVar("StructT", bound=msgspec.Struct)
Read = Callable[[object], object]

WireInt = Annotated[int, Meta(ge=-ID_MAX, le=ID_MAX)]
"""A whole number that every client reads back exactly. Source: SEC-24, CA-5."""

Count = Annotated[int, Meta(ge=0, le=ID_MAX)]
"""A whole number, not negative."""

Amount = Annotated[int, Meta(ge=1, le=ID_MAX)]
"""Money or pieces: at least one; the endpoint or the engine sets the greatest. Source: SEC-24."""

Id = Annotated[int, Meta(ge=1, le=ID_MAX)]
"""The number of a person, a call, a gift. Source: CA-5."""

Page = Annotated[int, Meta(ge=1, le=10_000)]
"""Which page, from 1. Source: SEC-25."""

PageSize = Annotated[int, Meta(ge=1, le=100)]
"""How many on a page. Source: SEC-25."""

Flag = bool
"""``true``, ``false``, 1 or 0, as JSON or as text. Source: ALL-9."""

_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")
_SNOWFLAKE: Final = re.compile(r"[1-9][0-9]{0,18}")
_NO_FRACTION: Final = re.compile(r"(.{1,19})\.0{1,18}")
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FLAGS: Final = {"true": True, "false": False, "1": True, "0": False}
_AT: Final = re.compile(r"\$\.([^.\[`]+)")


class MissingInput(BadInput):
    """A field that is needed is not there; dialects may word that in a way of their own.

    ``is_empty``: it is, as an empty text, which says no more.
    """

    def __init__(self, field: str, *, is_empty: bool = False) -> None:
        super().__init__(f"{field} is missing", field=field)
        self.is_empty = is_empty


class Malformed(BadInput):
    """A field is of another kind than was asked for; dialects may word that in a way of their own."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is not acceptable", field=field)


def text(length_max: int, *, length_min: int = 0) -> Meta:
    """How many characters a field of type ``Annotated[str, …]`` may have; more are ``TooLong``."""
    return Meta(min_length=length_min, max_length=length_max)


def spoken(length_max: int) -> Meta:
    """How many characters a field of type ``Annotated[str, …]`` may have in which people talk to people; at least one.

    Counted after trimming, and after control and direction characters have been removed rather than refused. Source:
    ALL-18, SEC-32.
    """
    return Meta(min_length=1, max_length=length_max, extra={"spoken": True})


def also(*names: str) -> Meta:
    """Further spellings of a field of type ``Annotated[…, …]``; the documented one wins. Source: ALL-1."""
    return Meta(extra={"also": names})


def blank() -> Meta:
    """A field of type ``Annotated[…, …]`` of which an empty text says no more than its absence."""
    return Meta(extra={"blank": True})


def decimal() -> Meta:
    """A whole number of type ``Annotated[int, …]`` that may be written with a fraction of nothing: 10.0, "10.00"."""
    return Meta(extra={"decimal": True})


def snowflake() -> Meta:
    """A field of type ``Annotated[str, …]`` with an id of the social app, which may come as a number too. Source: SO-9.

    Whoever writes such a number in JavaScript has written another one, but others have not.
    """
    # Described so that a default of nothing fits; read, an empty one never gets so far.
    return Meta(pattern=r"^([1-9][0-9]{0,18})?$", extra={"snowflake": True})


def reader(shape: type[StructT]) -> Callable[[Mapping[str, object]], StructT]:
    """The function that reads a request of type ``shape`` from plain values, called by the names in ``shape``.

    It drops fields that ``shape`` does not have, takes ``null`` for an optional field as absent, and raises
    ``BadInput`` or ``TooLong`` with the field's wire name.

    Raises: TypeError: ``shape`` has a field of a type that cannot be read from outside; say so at declaration, not at
    call.
    """
    read_plain = _object_reader(shape)

    def read(plain: Mapping[str, object]) -> StructT:
        try:
            return msgspec.convert(read_plain(plain), shape)
        except msgspec.ValidationError as error:
            reason = str(error)
            at = _AT.search(reason)
            field = at[1] if at else ""
            if "of length <=" in reason:
                raise TooLong(field) from None
            raise BadInput(f"{field} is not acceptable", field=field) from None

    return read


def _object_reader(shape: type[msgspec.Struct]) -> Callable[[Mapping[str, object]], dict[str, object]]:
    described = shapes.type_info(shape)
    assert isinstance(described, shapes.StructType)
    plan = tuple(
        (field.encode_name, _spellings(field.type), _absent(field.type), _value_reader(field.type), field.required)
        for field in described.fields
    )

    def read(plain: Mapping[str, object]) -> dict[str, object]:
        known: dict[str, object] = {}
        for name, others, absent, read_value, required in plan:
            value = plain.get(name)
            if value in absent:
                for other in others:
                    value = plain.get(other)
                    if value not in absent:
                        break
                else:
                    if required:
                        raise MissingInput(name, is_empty=any(plain.get(each) == "" for each in (name, *others)))
                    continue
            try:
                known[name] = read_value(value)
            except ValueError:
                raise Malformed(name) from None
        return known

    return read


def _spellings(described: shapes.Type) -> tuple[str, ...]:
    if isinstance(described, shapes.Metadata):
        return tuple((described.extra or {}).get("also", ())) + _spellings(described.type)
    return ()


def _absent(described: shapes.Type) -> tuple[object, ...]:
    """What a field of this type may hold and yet not be there."""
    while isinstance(described, shapes.Metadata):
        if (described.extra or {}).get("blank"):
            return (None, "")
        described = described.type
    return (None,)


def _value_reader(described: shapes.Type) -> Read:
    """How one value of this type is read. The readers raise ValueError, and the caller knows the field's name."""
    match described:
        case shapes.Metadata(extra={"spoken": True}):
            return _speech
        case shapes.Metadata(extra={"snowflake": True}):
            return _snowflake
        case shapes.Metadata(extra={"decimal": True}):
            return _whole_decimal
        case shapes.Metadata(type=inner):
            return _value_reader(inner)
        case shapes.UnionType(types=types):
            inner_types = [one for one in types if not isinstance(one, shapes.NoneType)]
            if len(inner_types) == 1:
                return _value_reader(inner_types[0])
        case shapes.IntType():
            return _whole
        case shapes.BoolType():
            return _flag
        case shapes.StrType():
            return _text
        case shapes.FloatType():
            return _decimal
        case shapes.EnumType(cls=cls):
            return _whole if issubclass(cls, int) else _text
        case shapes.LiteralType(values=values):
            return _whole if all(isinstance(value, int) for value in values) else _text
        case shapes.ListType(item_type=item) | shapes.VarTupleType(item_type=item):
            return _list_of(_value_reader(item))
        case shapes.StructType(cls=cls):
            return _object_of(_object_reader(cls))
        case shapes.AnyType():
            # Declared as anything, aloud, by the endpoint: passed on as it came.
            return _anything
    raise TypeError(f"{described} cannot be a field of a request")


def _whole(value: object) -> object:
    if type(value) is int:
        return value
    if type(value) is str and _WHOLE.fullmatch(value):
        return int(value)
    raise ValueError


def _whole_decimal(value: object) -> object:
    # A float that has a fraction, or has lost one as there was no room for it, is not what somebody wants to pay.
    if type(value) is float and value.is_integer() and abs(value) <= ID_MAX:
        return int(value)
    if type(value) is str and (written := _NO_FRACTION.fullmatch(value)):
        value = written[1]
    return _whole(value)


def _flag(value: object) -> object:
    if type(value) is bool:
        return value
    if type(value) is str:
        return _FLAGS[value] if value in _FLAGS else _refuse()
    if type(value) is int and value in (0, 1):
        return value == 1
    raise ValueError


def _text(value: object) -> object:
    if type(value) is str:
        if _UNPRINTABLE.search(value):
            raise ValueError
        return value
    # Ids are written as numbers where the documents have strings, and the other way round.
    if type(value) is int and -ID_MAX <= value <= ID_MAX:
        return str(value)
    raise ValueError


def _speech(value: object) -> object:
    if type(value) is str:
        return speakable(value)
    raise ValueError


def _snowflake(value: object) -> object:
    written = str(value) if type(value) is int else value
    if type(written) is str and _SNOWFLAKE.fullmatch(written) and int(written) <= SNOWFLAKE_MAX:
        return written
    raise ValueError


def _decimal(value: object) -> object:
    if type(value) is float or type(value) is int:
        return float(value)
    if type(value) is str and _DECIMAL.fullmatch(value):
        return float(value)
    raise ValueError


def _list_of(read_item: Read) -> Read:
    def read(value: object) -> object:
        return [read_item(item) for item in value] if type(value) is list else _refuse()

    return read


def _object_of(read_object: Callable[[Mapping[str, Any]], dict[str, object]]) -> Read:
    def read(value: object) -> object:
        return read_object(value) if type(value) is dict else _refuse()

    return read


def _anything(value: object) -> object:
    return value


def _refuse() -> object:
    raise ValueError
