"""What it means to the engine that a store does not answer: one translation, made where a store is asked."""

from types import TracebackType
from typing import Final

from engine.errors import StoreDown
from store.interfaces.errors import StoreError

__all__ = ["store_answers"]


class _StoreAnswers:
    """``with store_answers:`` around what is asked of a store. Errors that mean more are to be caught inside.

    Raises: StoreDown: it did not answer, or not with what was asked for.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing to prepare: it keeps no state, and one serves all."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if isinstance(error, StoreError):
            raise StoreDown from error


store_answers: Final = _StoreAnswers()
