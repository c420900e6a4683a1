"""Messages for tests of what keeps them."""

from typing import Any, Final

from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.messages import ConversationId, MessageRecord
from tests.support.records import BOB, T0, TOM

__all__ = ["GROUP", "OTHER_GROUP", "PAIR", "a_message"]

PAIR: Final = ConversationId(f"p:{min(TOM, BOB)}:{max(TOM, BOB)}")
GROUP: Final = ConversationId("g:5")
OTHER_GROUP: Final = ConversationId("g:6")


def a_message(number: int, previous: int = 0, conversation: ConversationId = GROUP, **changed: Any) -> MessageRecord:
    """What tom says as ``number`` in a conversation, after ``previous``."""
    people: tuple[PersonId, ...] = (TOM, BOB) if conversation == PAIR else ()
    told: dict[str, Any] = {
        "id": Snowflake(number),
        "conversation_id": conversation,
        "previous_id": Snowflake(previous),
        "people": people,
        "sender_id": TOM,
        "sender_public_id": "19566",
        "sender_name": "tom",
        "target_public_id": "5",
        "target_name": "五",
        "text": f"word {number}",
        "at_ms": T0 + number,
    }
    return MessageRecord(**{**told, **changed})
