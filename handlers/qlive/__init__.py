"""The blind-date mini-program's dialect: ``/wx/api/qlive/*`` of seeds/002.

Data and thin functions over the engine; one module per chapter of the document.
"""

from collections.abc import Callable
from typing import Final

from handlers.qlive import (
    configs,
    gifts,
    im_notify,
    live_list,
    login,
    microphone,
    orders,
    people_of_room,
    rooms,
    users,
    whereabouts,
)
from handlers.qlive.access import SECURITY, header_token
from handlers.qlive.envelope import ENVELOPE
from handlers.qlive.options import QliveOptions
from handlers.qlive.socket import dialect
from handlers.wire.surface import Surface

__all__ = ["NAME", "QliveOptions", "surface"]

NAME: Final = "qlive"


def surface(options: QliveOptions, *, play_url: Callable[[str], str] = str) -> Surface:
    """The surface with these settings. ``play_url`` says where to watch the stream of that name, if not by its name.

    Raises: zoneinfo.ZoneInfoNotFoundError: there is no such time zone.
    """
    return Surface(
        name=NAME,
        title="Blind-date rooms",
        prefixes=("/wx/api/qlive",),
        envelope=ENVELOPE,
        credential=header_token,
        security=SECURITY,
        endpoints=(
            *login.ENDPOINTS,
            *users.endpoints(options),
            *configs.endpoints(options),
            *whereabouts.ENDPOINTS,
            *live_list.ENDPOINTS,
            *rooms.ENDPOINTS,
            *microphone.ENDPOINTS,
            *people_of_room.ENDPOINTS,
            *gifts.endpoints(options),
            *orders.endpoints(options),
            *im_notify.endpoints(options),
        ),
        sockets=(dialect(play_url),),
    )
