"""What a client makes of a room's story, by the rule in docs/surfaces/rooms.md; it fails where there is a hole."""

from typing import Any

__all__ = ["Journal"]


class Journal:
    """One client's memory of one room, over any number of connections."""

    def __init__(self) -> None:
        self.epoch: int | None = None
        self.seq: int | None = None
        self.story: list[tuple[int, int, Any]] = []
        """(epoch, seq, what was told), each once, in the order in which it was taken in."""
        self.recovered: list[bool] = []
        """For each time the room was shown, whether the story went on."""
        self.repeats_count = 0

    @property
    def query(self) -> dict[str, str]:
        """What a handshake says of it."""
        return {} if self.epoch is None else {"epoch": str(self.epoch), "seq": str(self.seq)}

    @property
    def position(self) -> dict[str, int | None]:
        """What a command says of it."""
        return {} if self.epoch is None else {"epoch": self.epoch, "seq": self.seq}

    def take(self, frame: Any) -> None:
        """One frame as it came."""
        if "seq" not in frame:
            return
        epoch, seq, told = frame["epoch"], frame["seq"], frame.get("content", frame.get("data"))
        if frame["type"] in ("room", "room_shown"):
            is_recovered = told.get("recovered", told.get("is_recovered"))
            if is_recovered:
                assert (epoch, seq) == (self.epoch, self.seq), "it goes on from where I do not stand"
            self.recovered.append(is_recovered)
            self.epoch, self.seq = epoch, seq
            return
        assert epoch == self.epoch, "another epoch without a new beginning"
        assert self.seq is not None
        if seq <= self.seq:
            self.repeats_count += 1
            return
        assert seq == self.seq + 1, f"a hole between {self.seq} and {seq}"
        self.seq = seq
        self.story.append((epoch, seq, told))

    async def listen(self, ear: Any, *, until: int) -> None:
        """Take in what ``ear`` hears, until the story stands at ``until`` or the connection ends."""
        while self.seq is None or self.seq < until:
            frame = await ear.hear()
            if frame is None:
                return
            self.take(frame)
