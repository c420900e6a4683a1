"""Tencent's callbacks about streams: signed notices whose signature covers nothing but their expiry.

One captured notice lets anybody write others until it expires. So the path is a secret too, and what a notice says is a
hint: the engine looks at the push address inside it as if a client had shown it. Source: protocols 1.2.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from engine.errors import BadInput, EngineError, Forbidden, Refused
from engine.greenroom import Greenroom
from engine.ports import Provider
from engine.services.streams import Publishing
from handlers.media.access import nothing_presented
from handlers.media.options import CssOptions
from handlers.wire.access import PROVIDER, Caller, Principal
from handlers.wire.codec import read_all_pairs, read_json, write_json
from handlers.wire.language import Language
from handlers.wire.limits import per_second
from handlers.wire.plain import http_status_of
from handlers.wire.surface import Answer, Endpoint, NoSuchPath, RawRequest, Surface, TransportError

__all__ = ["BEGAN", "ENDED", "Notice", "is_authentic", "surface"]

ENDED: Final = 0
BEGAN: Final = 1
_T: Final = re.compile(r"[0-9]{1,12}")
_QUERY: Final = frozenset({"bizid", "txSecret", "txTime"})


class Answered(msgspec.Struct):
    """Heard. Whether anything followed is not said: it would tell a forger what we know."""

    code: int = 0


class Notice(msgspec.Struct, kw_only=True):
    """What is read of a notice. ``stream_param`` holds the client's signature, a credential: it is logged nowhere."""

    event_type: int
    t: int | str
    sign: str
    app: str = ""
    appname: str = ""
    stream_id: Annotated[str, msgspec.Meta(max_length=256)] = ""
    sequence: int | Annotated[str, msgspec.Meta(max_length=64)] = ""
    event_time: int = 0
    stream_param: str = ""
    user_ip: Annotated[str, msgspec.Meta(max_length=64)] = ""

    def publishing(self) -> Publishing:
        """In the engine's words."""
        pairs = read_all_pairs(self.stream_param.removeprefix("?").encode())
        return Publishing(
            provider=Provider.CSS,
            session_id=str(self.sequence),
            app=self.appname,
            name=self.stream_id,
            query=tuple(pair for pair in pairs if pair[0] in _QUERY),
            address=self.user_ip,
            began_s=self.event_time,
        )


class NoticeEnvelope:
    """The service repeats what was not answered with 200, and evaluates nothing else."""

    media_type = "application/json"

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """A success is what ``reply`` says, a failure its code alone."""
        return reply or {"type": "object", "properties": {"code": {"type": "integer"}}, "required": ["code"]}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Heard."""
        return Answer(HTTPStatus.OK, write_json(reply))

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Not authentic, or to be repeated."""
        is_rule = isinstance(error, Refused) and not isinstance(error, TransportError)
        status = HTTPStatus.FORBIDDEN if is_rule else http_status_of(error)
        return Answer(status, write_json({"code": int(status)}))


NOTICE: Final = NoticeEnvelope()


def is_authentic(notice: Notice, keys: Sequence[str], *, now_s: int) -> bool:
    """Whether one of the keys made ``sign``, and its time is not over."""
    t = str(notice.t)
    # A list, not a generator: all keys are tried, whichever fits.
    matches = [
        hmac.compare_digest(notice.sign.encode(), hashlib.md5(f"{key}{t}".encode()).hexdigest().encode())  # noqa: S324 - the service's choice
        for key in keys
    ]
    return any(matches) and _T.fullmatch(t) is not None and now_s < int(t)


async def told(options: CssOptions, caller: Caller[Greenroom, Principal], wanted: RawRequest) -> Answered:
    """A stream began or ended, as far as the service says; other kinds of notices are heard and left alone."""
    # A path that is not quite the secret one is as good as any other path that does not exist.
    if not hmac.compare_digest(str(wanted.in_path["secret"]).encode(), options.path.encode()):
        raise NoSuchPath
    notice = _read(wanted.body)
    streams, now_s = caller.engine.streams, caller.engine.node.now_ms() // 1000
    if not is_authentic(notice, options.keys, now_s=now_s):
        raise Forbidden
    if notice.app == options.push_host:
        if notice.event_type == BEGAN:
            await streams.told_began(notice.publishing())
        elif notice.event_type == ENDED:
            streams.done(notice.publishing())
    return Answered()


def surface(options: CssOptions) -> Surface:
    """The surface with this path and these keys."""
    return Surface(
        name="media-css",
        title="Callbacks of Tencent's live service",
        prefixes=("/media/css",),
        envelope=NOTICE,
        credential=nothing_presented,
        endpoints=(
            Endpoint(
                "/media/css/{secret}",
                RawRequest,
                Answered,
                partial(told, options),
                access=PROVIDER,
                # A few addresses tell about all streams there are.
                limit=per_second(1_000),
                summary="Tencent's live service: stream began, stream ended",
                source_id="media-css",
            ),
        ),
    )


def _read(body: bytes) -> Notice:
    try:
        return msgspec.convert(read_json(body), Notice)
    except msgspec.ValidationError:
        raise BadInput("not a notice") from None
