"""The live_room protocol's own way in: a signature or an app token for a session, and what development needs to try it.

Source: seed behaviour §6 (login, logout, get_login_info), 7.4; CA-4.
"""

from typing import Annotated, Any, Final

import msgspec

from engine.errors import BadInput, NotSignedIn
from engine.greenroom import Greenroom
from engine.records import PersonRecord
from engine.services.accounts import CALLS
from engine.services.welcome import require_let_in
from handlers.calls.access import CallsCaller, utils_token, weapp_pair
from handlers.calls.envelope import WEAPP
from handlers.calls.options import CallsOptions
from handlers.calls.shapes import Done, Nothing, Weapp
from handlers.wire.access import PUBLIC
from handlers.wire.claims import even_banned
from handlers.wire.fields import Id, text
from handlers.wire.language import Said
from handlers.wire.limits import per_second
from handlers.wire.surface import Endpoint
from store.interfaces.ids import PersonId

__all__ = ["endpoints", "log_in", "log_out", "login_info", "try_playing", "try_pushing"]

DEVICE: Final = "im"
"""These sessions are a device class of their own: opening one leaves the mini-program's token alone. Source: CA-2."""

Secret = Annotated[str, text(4_096)]


class LogIn(msgspec.Struct, kw_only=True):
    """``userSig`` is a signature of the user id, or a token of ``/app`` in its place; ``token`` may carry that too.

    ``accountType`` and ``platform`` are older clients' and change nothing.
    """

    sdk_app_id: Annotated[str, text(64)] = msgspec.field(name="sdkAppID")
    account_type: Annotated[str, text(64)] = msgspec.field(name="accountType", default="")
    user_id: Id = msgspec.field(name="userID")
    user_sig: Secret = msgspec.field(name="userSig", default="")
    token: Secret = ""
    platform: Annotated[str, text(64)] = ""


class LoggedIn(msgspec.Struct, kw_only=True):
    """A session of the live_room calls; ``timestamp`` in milliseconds."""

    user_id: str = msgspec.field(name="userID")
    token: str
    timestamp: int


class LoginInfo(msgspec.Struct, kw_only=True):
    """What a client of the messaging service signs in with."""

    sdk_app_id: str = msgspec.field(name="sdkAppID")
    acc_type: str = msgspec.field(name="accType")
    account_type: str = msgspec.field(name="accountType")
    user_id: str = msgspec.field(name="userID")
    user_sig: str = msgspec.field(name="userSig")


class TestPush(msgspec.Struct):
    """A stream that is nobody's: where to send it, and all ways to watch it."""

    url_push: str
    url_play_flv: str
    url_play_rtmp: str
    url_play_hls: str
    url_play_acc: str


class TestPlay(msgspec.Struct):
    """Where to watch with little delay."""

    url_rtmpacc: str


async def log_in(caller: CallsCaller, wanted: LogIn) -> LoggedIn:
    """Open a session; the person's former one of this kind ends.

    Raises: BadInput: no signature, or one for another application. NotSignedIn: it is not his. Banned.
    """
    engine = caller.engine
    credential = wanted.user_sig or wanted.token
    if not credential:
        raise BadInput(field="userSig")
    if wanted.sdk_app_id != engine.world.signatures.app_id:
        raise BadInput(field="sdkAppID")
    person = await _holder(engine, credential, PersonId(wanted.user_id))
    require_let_in(person, engine.node)
    token = await engine.identity.open_session(person, device=DEVICE)
    engine.presence.seen(person)
    return LoggedIn(user_id=str(person.id), token=token, timestamp=engine.node.now_ms())


async def log_out(caller: CallsCaller, _wanted: Weapp) -> Done:
    """End this session."""
    await caller.engine.identity.sign_out(caller.principal.token)
    return Done()


async def login_info(caller: CallsCaller, _wanted: Weapp) -> LoginInfo:
    """The caller's own signature; never anybody else's."""
    signatures, user_id = caller.engine.world.signatures, str(caller.person_id)
    return LoginInfo(
        sdk_app_id=signatures.app_id,
        acc_type="",
        account_type="",
        user_id=user_id,
        user_sig=signatures.sign(user_id, now_s=caller.engine.node.now_ms() // 1000),
    )


async def try_pushing(caller: CallsCaller, _wanted: Nothing) -> TestPush:
    """A random stream to try pushing and playing with."""
    engine = caller.engine
    media, now_s, stream = engine.world.media, engine.node.now_ms() // 1000, _test_stream(engine)
    flv, accelerated = media.mixed(stream), media.accelerated(stream, now_s=now_s)
    return TestPush(
        url_push=media.push(stream, now_s=now_s),
        url_play_flv=flv,
        url_play_rtmp=accelerated,
        url_play_hls=f"{flv.removesuffix('.flv')}.m3u8",
        url_play_acc=accelerated,
    )


async def try_playing(caller: CallsCaller, _wanted: Nothing) -> TestPlay:
    """Where a random stream would be watched."""
    engine = caller.engine
    return TestPlay(
        url_rtmpacc=engine.world.media.accelerated(_test_stream(engine), now_s=engine.node.now_ms() // 1000)
    )


async def _holder(engine: Greenroom, credential: str, person_id: PersonId) -> PersonRecord:
    """The person of that id, if the signature or the token is his."""
    if engine.world.signatures.holds(credential, str(person_id), now_s=engine.node.now_ms() // 1000):
        person = await engine.profiles.person(person_id)
        if person is None:
            raise NotSignedIn
        return person
    person = await engine.identity.who(credential, surface=CALLS)
    if person.id != person_id:
        raise NotSignedIn
    return person


def _test_stream(engine: Greenroom) -> str:
    return f"test_{engine.world.rng.hex(8)}"


def endpoints(options: CallsOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module; the test addresses in development only."""
    always: tuple[Endpoint[Any, Any], ...] = (
        Endpoint(
            "/weapp/live_room/login",
            LogIn,
            LoggedIn,
            log_in,
            access=PUBLIC,
            limit=per_second(20, shared=True),
            envelope=WEAPP.saying(
                codes={"BAD_INPUT": 4, "TOO_LONG": 4},
                BAD_INPUT=Said("登录参数错误", "these login parameters are not acceptable"),
                TOO_LONG=Said("登录参数错误", "these login parameters are not acceptable"),
            ),
            summary="Open a live_room session",
            source_id="calls-weapp-login",
        ),
        Endpoint(
            "/weapp/live_room/logout",
            Weapp,
            Done,
            log_out,
            credential=even_banned(weapp_pair),
            envelope=WEAPP,
            security=("token", "userID"),
            summary="Close the session",
            source_id="calls-weapp-logout",
        ),
        Endpoint(
            "/weapp/utils/get_login_info",
            Weapp,
            LoginInfo,
            login_info,
            method="GET",
            credential=utils_token,
            envelope=WEAPP,
            summary="IM application and signature of the caller",
            source_id="calls-weapp-get-login-info",
        ),
    )
    if not options.is_dev:
        return always
    return (
        *always,
        Endpoint(
            "/weapp/utils/get_test_pushurl",
            Nothing,
            TestPush,
            try_pushing,
            method="GET",
            envelope=WEAPP,
            summary="Random test stream",
            source_id="calls-weapp-get-test-pushurl",
        ),
        Endpoint(
            "/weapp/utils/get_test_rtmpaccurl",
            Nothing,
            TestPlay,
            try_playing,
            method="GET",
            envelope=WEAPP,
            summary="Test playback address",
            source_id="calls-weapp-get-test-rtmpaccurl",
        ),
    )
