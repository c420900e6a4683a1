"""What the contract says of each surface, entry by entry, and what a shape of ours has of it."""

import json
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["contract_of", "wire_fields"]


def contract_of(surface: str) -> dict[str, dict[str, Any]]:
    """The entries of a surface by their ids, in their order."""
    text = (Path(__file__).parent / surface / "contract.json").read_text("utf-8")
    return {entry["id"]: entry for entry in json.loads(text)}


def wire_fields(shape: type[msgspec.Struct]) -> dict[str, bool]:
    """The fields of a shape, by the names that clients know, and whether they must be there."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(shape)}
