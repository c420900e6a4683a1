"""All goldens and refusals of the social app, chapter by chapter."""

from tests.surfaces.goldens import Refusal
from tests.surfaces.social import (
    golden_chat,
    golden_comments,
    golden_contacts,
    golden_people,
    golden_videos,
)
from tests.surfaces.social.golden import Golden

__all__ = ["GOLDENS", "REFUSALS"]

GOLDENS: tuple[Golden, ...] = (
    *golden_people.GOLDENS,
    *golden_videos.GOLDENS,
    *golden_comments.GOLDENS,
    *golden_contacts.GOLDENS,
    *golden_chat.GOLDENS,
)
REFUSALS: tuple[Refusal, ...] = (
    *golden_people.REFUSALS,
    *golden_videos.REFUSALS,
    *golden_comments.REFUSALS,
    *golden_contacts.REFUSALS,
    *golden_chat.REFUSALS,
)
