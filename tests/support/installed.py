"""Programs that tests need and no wheel brings along: where they are, and what becomes of a test without them."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

__all__ = ["found", "require_packages"]


def found(program: str) -> Path | None:
    """Where a program is, if it is installed."""
    # Debian keeps servers where not everybody's PATH leads.
    where = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    return None if where is None else Path(where)


def require_packages(needed: Mapping[str, Path | None]) -> None:
    """Skip the test unless every package's file is there; on CI that is a failure. Names are those of Debian."""
    missing = [name for name, file in needed.items() if file is None or not file.exists()]
    if missing:
        why = f"not installed: {', '.join(missing)} (apt-get install {' '.join(missing)})"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
