"""The paid-call mini-program's dialect: ``/app/*`` of seeds/004 and Tencent's live_room protocol under ``/weapp/*``.

Data and thin functions over the engine; one module per chapter of the documents.
"""

from typing import Final

from handlers.calls import gifts, live_login, live_room, login, notices, orders, profiles, records, ringing, sessions
from handlers.calls.access import app_token
from handlers.calls.envelope import APP
from handlers.calls.options import CallsOptions
from handlers.calls.socket import DIALECT
from handlers.wire.surface import Surface

__all__ = ["NAME", "CallsOptions", "surface"]

NAME: Final = "calls"


def surface(options: CallsOptions) -> Surface:
    """The surface with these settings.

    Raises: zoneinfo.ZoneInfoNotFoundError: there is no such time zone.
    """
    return Surface(
        name=NAME,
        title="Paid one-to-one video calls",
        prefixes=("/app", "/weapp"),
        envelope=APP,
        credential=app_token,
        security={
            "token": {"type": "apiKey", "in": "query", "name": "token"},
            "userID": {"type": "apiKey", "in": "query", "name": "userID"},
        },
        endpoints=(
            *login.endpoints(options),
            *ringing.ENDPOINTS,
            *sessions.ENDPOINTS,
            *gifts.ENDPOINTS,
            *profiles.endpoints(options),
            *records.endpoints(options),
            *orders.endpoints(options),
            *notices.ENDPOINTS,
            *live_login.endpoints(options),
            *live_room.ENDPOINTS,
        ),
        sockets=(DIALECT,),
    )
