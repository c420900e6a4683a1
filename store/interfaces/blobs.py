"""Files that people have sent in: bytes in chunks, named by what is in them, and kept once however often they come.

A file is staged chunk by chunk under an id of its own, for its name is known only when all of it is there. Then it is
finished, all at once or not at all. Whoever stages says until when he will be heard of again; what has expired belongs
to somebody who is gone, and is cleared away by whoever finds it.
"""

from typing import Final, Protocol

import msgspec

from store.interfaces.ids import PersonId

__all__ = ["CHUNK_BYTES", "Blob", "BlobStore", "Staged"]

CHUNK_BYTES: Final = 255 * 1024
"""Every chunk but a file's last is this long. GridFS' own size: with what belongs to it, a chunk fits 256 KiB."""


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """One content. ``id`` is that under which its chunks were staged.

    ``digest`` is the SHA-256 of the content, 64 hex digits; ``kind`` the media type that its first bytes show, empty
    where they show none.
    """

    id: str
    digest: str
    length: int
    kind: str
    created_at_ms: int


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """A file on its way. One that ``is_abandoned`` can no longer be finished."""

    id: str
    person_id: PersonId
    expires_at_ms: int
    is_abandoned: bool = False


class BlobStore(Protocol):
    """Files, whose they are, and how much of them everybody has."""

    async def stage(self, staged: Staged) -> None:
        """Begin a file under an id that nobody else uses."""

    async def keep(self, blob_id: str, *, expires_at_ms: int) -> None:
        """Whoever stages this is still there.

        Raises: NotThere: it was abandoned meanwhile, or has never begun.
        """

    async def put(self, blob_id: str, number: int, data: bytes) -> None:
        """Keep one chunk of what is staged, for good.

        They are numbered from 0, and come in any order, several at once; the same one again changes nothing.
        """

    async def finish(self, blob: Blob, *, extension: str, person_id: PersonId, bytes_max: int) -> Blob | None:
        """What was staged under ``blob.id`` is this file now, with this extension, and is this person's.

        Where the same content is there already, that is what is returned, and what was staged is abandoned. A content
        counts once for each person who has sent it, however often. None: he would have more than ``bytes_max``;
        nothing has changed.

        Raises: NotThere: it was abandoned meanwhile.
        """

    async def abandon(self, blob_id: str, *, forget_at_ms: int) -> None:
        """Delete the chunks of what is staged and cannot be finished any more; what is finished stays.

        A chunk may still come in from somebody who does not know, so this is ``expired`` at ``forget_at_ms`` again.
        """

    async def forget(self, blob_id: str) -> None:
        """Delete what came in since it was abandoned, and that it was ever there; what is not abandoned stays."""

    async def expired(self, now_ms: int, *, limit: int) -> tuple[Staged, ...]:
        """What is staged and has expired before ``now_ms``, the longest ago first."""

    async def find(self, digest: str, extension: str) -> Blob | None:
        """The content, if anybody has sent it with that extension."""

    async def chunk(self, blob_id: str, number: int) -> bytes | None:
        """One chunk of a file, staged or finished; None when it is not there."""

    async def bytes_of(self, person_id: PersonId) -> int:
        """How much this person has sent in."""
