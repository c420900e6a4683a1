"""How people type for how long something is to hold."""

import re
from typing import Any, Final

import click

__all__ = ["Length"]

UNITS_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Length(click.ParamType[int]):
    """``30m``, ``12h``, ``7d``, in milliseconds."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds."""
        match = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", str(value))
        if match is None:
            self.fail(f"{value} is no length such as 30m, 12h or 7d", param, ctx)
        return int(match[1]) * UNITS_MS[match[2]]
