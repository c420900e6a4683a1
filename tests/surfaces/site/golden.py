"""One request and its reply for every entry of the contract. The page of the documentation shows these very ones.

Whoever asks is jliu, yi, wei or nobody. The goldens stand in one module for each chapter of the documents; here is what
all those have in common.
"""

from dataclasses import dataclass

from tests.surfaces import goldens
from tests.surfaces.served import Like
from tests.surfaces.site.scene import BASE

__all__ = ["TOKEN", "UID", "Golden"]

TOKEN = Like("eyJhbGciOiJIUzI1NiIs…", r"(eyJ[\w-]+\.[\w-]+\.[\w-]+)|(eyJhbGciOiJIUzI1NiIs…)")
UID = Like("gGAlOXloThS9r8d5HgeBzg", r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True)
class Golden(goldens.Golden):
    """``location`` is where a browser is sent."""

    location: str = ""

    @property
    def path(self) -> str:
        """The path, without the slash at its end."""
        return f"{BASE}/{self.call.partition(' ')[2]}".rstrip("/")
