"""What a store says when it cannot do what was asked.

::

    StoreError
    ├── NotThere        nothing is kept under that id
    ├── Conflict        something else is kept under that id, or a unique guard holds it
    │   └── LiveCall    that person already has a call that has not ended
    ├── NotOwner        the epoch has moved on: whoever asked owns this session no longer (D-14)
    └── Unavailable     no confirmation in time: whether it happened is unknown, the same call again is safe
"""

from store.interfaces.ids import PersonId

__all__ = ["Conflict", "LiveCall", "NotOwner", "NotThere", "StoreError", "Unavailable"]


class StoreError(Exception):
    """Base of all of them."""


class NotThere(StoreError):
    """Nothing is kept under that id."""


class Conflict(StoreError):
    """Something else is kept under that id, or a unique guard holds it. Nothing changed."""


class LiveCall(Conflict):
    """``person_id`` already has a call that has not ended (INV-13). Nothing changed."""

    def __init__(self, person_id: PersonId) -> None:
        super().__init__(f"person {person_id} has a live call")
        self.person_id = person_id


class NotOwner(StoreError):
    """The session belongs to another node or epoch by now. Nothing changed; drop your state."""


class Unavailable(StoreError):
    """No confirmation in time. The effect is unknown; repeating the same call with the same ids is safe."""
