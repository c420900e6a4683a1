"""The social app's dialect: short videos, friends and chat, as seeds/003 has them.

Data and thin functions over the engine; one module per chapter of the document.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from handlers.social import chat, comments, contacts, files, groups, login, online, socket, users, videos
from handlers.social.access import SECURITY, SocialCaller, credential, require_level
from handlers.social.envelope import ENVELOPE
from handlers.social.options import SocialOptions
from handlers.wire.access import SIGNED_IN
from handlers.wire.surface import Endpoint, Surface, WithHeaders

__all__ = ["NAME", "PREFIXES", "SocialOptions", "surface"]

NAME: Final = "social"
PREFIXES: Final = (
    "/api/login",
    "/api/user",
    "/api/file",
    "/api/videos",
    "/api/contact",
    "/api/chat/ws-ticket",
    "/api/chat/ws",
    "/api/chat/history",
    "/ws",
    "/uploads",
)
"""Whole segments: ``/api/users`` and ``/api/chat/chat_data`` are another surface's, and so is what is below ``/ws``."""


def surface(options: SocialOptions) -> Surface:
    """The surface with these settings."""
    endpoints: tuple[Endpoint[Any, Any], ...] = (
        *login.ENDPOINTS,
        *users.endpoints(options),
        *online.endpoints(options),
        *videos.endpoints(options),
        *comments.ENDPOINTS,
        *files.endpoints(options),
        *contacts.endpoints(options),
        *groups.endpoints(options),
        *chat.ENDPOINTS,
    )
    return Surface(
        name=NAME,
        title="The social app",
        prefixes=PREFIXES,
        envelope=ENVELOPE,
        credential=credential,
        security=SECURITY,
        endpoints=tuple(_with_level(one, options.minimum_levels.get(one.path, 0)) for one in endpoints),
        sockets=(socket.dialect(options),),
    )


def _with_level(endpoint: Endpoint[Any, Any], level: int) -> Endpoint[Any, Any]:
    """The endpoint for people of that level and above only, where it asks who they are at all. Source: SO-6."""
    if level == 0 or endpoint.access is not SIGNED_IN:
        return endpoint
    action: Callable[[SocialCaller, Any], Awaitable[object | WithHeaders[object]]] = endpoint.action

    async def guarded(caller: SocialCaller, wanted: Any) -> object:
        require_level(caller, level)
        return await action(caller, wanted)

    return replace(endpoint, action=guarded)
