"""Who may take over what a node owns (D-13, D-14)."""

from store.interfaces.ids import NOBODY, NodeId
from store.memory.database import MemoryDatabase

__all__ = ["may_take"]


def may_take(database: MemoryDatabase, me: NodeId, owner: NodeId) -> bool:
    """Whether ``me`` may claim what ``owner`` holds: it is nobody, ``me``, or has been declared dead.

    A lease that ran out is no death yet: until somebody buries the node it may still renew.
    """
    if owner in (NOBODY, me):
        return True
    lease = database.leases.get(owner)
    return lease is not None and lease.is_dead
