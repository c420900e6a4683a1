"""All goldens and refusals of the site, chapter by chapter."""

from tests.surfaces.goldens import Refusal
from tests.surfaces.site import golden_live, golden_money, golden_people
from tests.surfaces.site.golden import Golden

__all__ = ["GOLDENS", "REFUSALS"]

GOLDENS: tuple[Golden, ...] = (*golden_people.GOLDENS, *golden_live.GOLDENS, *golden_money.GOLDENS)
REFUSALS: tuple[Refusal, ...] = (*golden_people.REFUSALS, *golden_live.REFUSALS, *golden_money.REFUSALS)
