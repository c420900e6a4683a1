"""The operators' surface as data: endpoints, envelope, credential.

``access.authenticate`` decides who may come in; whoever opens the listener puts the two together.
"""

from handlers.admin import calls, config, money, rooms, status, users
from handlers.admin.access import CREDENTIAL, SECURITY
from handlers.admin.envelope import ENVELOPE
from handlers.admin.options import AdminOptions
from handlers.wire.surface import Surface

__all__ = ["surface"]


def surface(options: AdminOptions) -> Surface:
    """Everything operators can ask and do. Source: SEC-31."""
    return Surface(
        name="admin",
        title="For operators",
        prefixes=("/admin",),
        envelope=ENVELOPE,
        credential=CREDENTIAL,
        security=SECURITY,
        endpoints=(
            *status.endpoints(options),
            *config.endpoints(options),
            *calls.ENDPOINTS,
            *users.endpoints(options),
            *money.endpoints(options),
            *rooms.ENDPOINTS,
        ),
    )
