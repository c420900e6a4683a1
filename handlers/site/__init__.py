"""The website's dialect: ``/api/users`` and the rest of seeds/000 and seeds/001.

Data and thin functions over the engine; one module per chapter of the documents.
"""

from typing import Final

from handlers.site import (
    admissions,
    anchor_side,
    anchors,
    chat,
    donations,
    follows,
    histories,
    live,
    recharge,
    sign_in,
    subscriptions,
    users,
)
from handlers.site.access import SECURITY, credential
from handlers.site.envelope import ENVELOPE
from handlers.site.options import SiteOptions
from handlers.site.socket import DIALECT
from handlers.wire.surface import Surface

__all__ = ["NAME", "PREFIXES", "SiteOptions", "surface"]

NAME: Final = "site"
PREFIXES: Final = (
    "/api/users",
    "/api/live",
    "/api/balance",
    "/api/subscription",
    "/api/follow_live",
    "/api/payment",
    "/api/chat/chat_data",
    "/ws/chat",
)
"""Whole segments: ``/api/user``, ``/api/chat/ws`` and ``/ws`` are another surface's."""


def surface(options: SiteOptions) -> Surface:
    """The surface with these settings."""
    return Surface(
        name=NAME,
        title="The website",
        prefixes=PREFIXES,
        envelope=ENVELOPE,
        credential=credential,
        security=SECURITY,
        endpoints=(
            *users.endpoints(options),
            *sign_in.endpoints(options),
            *anchors.endpoints(options),
            *anchor_side.ENDPOINTS,
            *live.endpoints(options),
            *histories.ENDPOINTS,
            *chat.endpoints(options),
            *donations.ENDPOINTS,
            *subscriptions.ENDPOINTS,
            *follows.ENDPOINTS,
            *admissions.ENDPOINTS,
            *recharge.ENDPOINTS,
        ),
        sockets=(DIALECT,),
    )
