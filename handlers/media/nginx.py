"""nginx-rtmp's hooks: forms in which the client's own query stands beside what the server says.

The kind of event is the path, never a field, and of each field the first value counts: a client may push to
``live/x?name=victim&call=play``, and that comes along behind the server's own words. Knows forms and answers; whether a
stream may be on air is the engine's to say. Source: protocols 7.1.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec

from engine.errors import BadInput, EngineError, Forbidden, NotNow, Refused
from engine.greenroom import Greenroom
from engine.ports import Provider
from engine.services.streams import Publishing
from handlers.media.access import nothing_presented
from handlers.media.options import NginxOptions
from handlers.wire.access import PROVIDER, Caller, Principal
from handlers.wire.codec import read_all_pairs
from handlers.wire.language import Language
from handlers.wire.limits import per_second
from handlers.wire.plain import http_status_of
from handlers.wire.surface import Answer, Endpoint, RawRequest, Surface, TransportError

__all__ = ["HOOKS", "Hook", "read_hook", "surface"]

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,160}")
_NUMBER: Final = re.compile(r"[0-9]{1,20}")
_QUERY: Final = frozenset({"bizid", "txSecret", "txTime"})
_ONCE: Final = frozenset({"name", "app", "addr", "call", "clientid", "txSecret", "txTime"})
_UPDATE_OF_PLAYER: Final = "update_play"

# One server speaks for everybody, and a hook refused for its number would end or deny a stream.
_LIMIT: Final = per_second(100_000)

MediaCaller = Caller[Greenroom, Principal]


class Taken(msgspec.Struct):
    """Allowed."""


class HookEnvelope:
    """A status is all that nginx-rtmp reads: 2xx allows, 4xx and 5xx deny; never 3xx, which would rename the stream."""

    media_type = "text/plain"

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:  # noqa: ARG002 - the same in both cases
        """No body."""
        return {"type": "string", "maxLength": 0}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Allowed, or noted."""
        return Answer(HTTPStatus.NO_CONTENT, b"")

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Denied."""
        is_rule = isinstance(error, Refused) and not isinstance(error, TransportError)
        return Answer(HTTPStatus.FORBIDDEN if is_rule else http_status_of(error), b"", content_type="text/plain")


HOOK: Final = HookEnvelope()


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A hook's fields. ``doubled`` are those that must come once and do not; ``time_s`` is how long a stream runs."""

    app: str
    name: str
    address: str
    client_id: str
    call: str
    query: tuple[tuple[str, str], ...]
    doubled: frozenset[str]
    time_s: int
    media_ms: int

    def publishing(self, *, began_s: int | None = None) -> Publishing:
        """In the engine's words."""
        return Publishing(
            provider=Provider.NGINX,
            session_id=self.client_id,
            app=self.app,
            name=self.name,
            query=self.query,
            address=self.address,
            began_s=began_s,
            media_ms=self.media_ms,
        )


def read_hook(body: bytes) -> Hook:
    """A hook's form.

    Raises: BadInput: not a form, or without a usable name or client id.
    """
    pairs = read_all_pairs(body)
    first: dict[str, str] = {}
    doubled: set[str] = set()
    for key, value in pairs:
        if key not in first:
            first[key] = value
        elif key in _ONCE:
            doubled.add(key)
    name, client_id = first.get("name", ""), first.get("clientid", "")
    if not _NAME.fullmatch(name) or not _NUMBER.fullmatch(client_id):
        raise BadInput("not a hook of a stream")
    return Hook(
        app=first.get("app", ""),
        name=name,
        address=first.get("addr", ""),
        client_id=client_id,
        call=first.get("call", ""),
        query=tuple((key, value) for key, value in pairs if key in _QUERY),
        doubled=frozenset(doubled),
        time_s=_number(first.get("time", "")),
        media_ms=_number(first.get("timestamp", "")),
    )


async def publish(caller: MediaCaller, hook: Hook) -> None:
    """A client wants to send."""
    _require_each_once(hook)
    await caller.engine.streams.publish(hook.publishing())


async def play(caller: MediaCaller, hook: Hook) -> None:
    """A client wants to watch over rtmp."""
    _require_each_once(hook)
    await caller.engine.streams.play(hook.publishing())


async def update(caller: MediaCaller, hook: Hook) -> None:
    """A client still sends or watches. Only a refusal ends it: that nobody can tell just now is no reason to."""
    # Both kinds come to one path. In this hook the server's own "call" stands in front of all that a client says, and
    # whoever could make it another one would only silence himself.
    if hook.call == _UPDATE_OF_PLAYER:
        return
    began_s = caller.engine.node.now_ms() // 1000 - hook.time_s
    try:
        await caller.engine.streams.beat(hook.publishing(began_s=began_s))
    except NotNow:
        return


async def publish_done(caller: MediaCaller, hook: Hook) -> None:
    """A client sends no more; or was refused as the second of a name, which is reported the same way."""
    caller.engine.streams.done(hook.publishing())


async def noted(_caller: MediaCaller, _hook: Hook) -> None:
    """Nothing follows from it; a server that reports everything gets no errors."""


HOOKS: Final[Mapping[str, Callable[[MediaCaller, Hook], Awaitable[None]]]] = {
    "publish": publish,
    "publish_done": publish_done,
    "update": update,
    "play": play,
    "play_done": noted,
}
"""By the last part of their path. There are none for connect and disconnect: a client can put words into those."""


def surface(options: NginxOptions) -> Surface:
    """The surface for media servers at these addresses."""
    return Surface(
        name="media-nginx",
        title="Hooks of nginx-rtmp",
        prefixes=("/media/nginx",),
        envelope=HOOK,
        credential=nothing_presented,
        endpoints=tuple(_endpoint(options, hook, action) for hook, action in HOOKS.items()),
    )


def _endpoint(
    options: NginxOptions, hook: str, action: Callable[[MediaCaller, Hook], Awaitable[None]]
) -> Endpoint[Any, Any]:
    return Endpoint(
        f"/media/nginx/{hook}",
        RawRequest,
        Taken,
        partial(_heard, options.peers, action),
        access=PROVIDER,
        limit=_LIMIT,
        summary=f"nginx-rtmp: on_{hook}",
        source_id=f"media-nginx-{hook.replace('_', '-')}",
    )


async def _heard(
    peers: frozenset[str],
    action: Callable[[MediaCaller, Hook], Awaitable[None]],
    caller: MediaCaller,
    wanted: RawRequest,
) -> Taken:
    if caller.address not in peers:
        raise Forbidden
    await action(caller, read_hook(wanted.body))
    return Taken()


def _require_each_once(hook: Hook) -> None:
    if hook.doubled:
        raise Forbidden("a client put fields of the hook into its query")


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0
