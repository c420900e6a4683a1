"""The social app's people on a stage: mei publishes, tom and ann look on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from engine.greenroom import Greenroom
from engine.services.accounts import SOCIAL
from engine.services.videos import Draft, FeedOrder, VideoPage
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord
from store.interfaces.videos import VideoRecord
from tests.people import Stage, on_stage
from tests.support.broken_stores import Switch
from tests.support.records import ANN, MEI, TOM, a_person

__all__ = ["Socializing", "socializing"]


@dataclass(frozen=True)
class Socializing:
    """A stage with three people of the social app."""

    stage: Stage
    stores: Switch
    mei: PersonRecord
    tom: PersonRecord
    ann: PersonRecord

    @property
    def engine(self) -> Greenroom:
        return self.stage.engine

    async def publish(self, author: PersonRecord | None = None, **changes: Any) -> VideoRecord:
        """Mei's, for everybody, unless said."""
        draft = {"video_url": "https://media.example/v.mp4", "cover_url": "https://media.example/c.jpg", "title": "a"}
        return await self.engine.videos.publish(author or self.mei, Draft(**{**draft, **changes}))

    async def page(self, viewer: PersonRecord, order: FeedOrder, **asked: Any) -> VideoPage:
        """A page of ten, the first unless said."""
        return await self.engine.videos.page(viewer.id, order, **{"page": 1, "page_size": 10, **asked})


@asynccontextmanager
async def socializing() -> AsyncIterator[Socializing]:
    """Three people who have come in."""
    async with on_stage() as cast:
        people = {}
        for name, person_id in (("mei", MEI), ("tom", TOM), ("ann", ANN)):
            # Others than the stage's own: these are of another surface.
            id_ = PersonId(person_id + 1_000)
            people[name] = a_person(id_, surface=SOCIAL, external_id=name, public_id=str(id_), nickname=name)
            await cast.stage.stores.people.add(people[name])
        yield Socializing(stage=cast.stage, stores=cast.switch, **people)
