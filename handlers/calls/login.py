"""Coming in: a ``wx.login`` code for a token, and the switch that a build asks about before anybody has come in.

Source: CA-3, seeds/004 §25.
"""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec

from engine.records import Role
from engine.services.accounts import CALLS
from handlers.calls.access import CallsCaller
from handlers.calls.envelope import APP, FeatureOff
from handlers.calls.options import CallsOptions
from handlers.calls.shapes import Done
from handlers.wire.access import PUBLIC
from handlers.wire.fields import WireInt, text
from handlers.wire.language import Said
from handlers.wire.limits import per_second
from handlers.wire.surface import Endpoint

__all__ = ["endpoints", "sign_in", "wechat_version"]

_ROLE: dict[str, Role] = {"guest": Role.GUEST, "master": Role.ANCHOR}


class SignIn(msgspec.Struct, rename="camel"):
    """A code of ``wx.login``; ``role`` master needs an account that was approved as an anchor's."""

    code: Annotated[str, text(512, length_min=1)]
    terminal_type: WireInt | None = None
    role: Literal["guest", "master"] = "guest"


class SignedIn(msgspec.Struct, rename="camel"):
    """The token all other calls need, and a signature for the messaging service."""

    token: str
    user_id: int
    role: str
    sdk_app_id: str = msgspec.field(name="sdkAppID")
    user_sig: str


class Build(msgspec.Struct, rename="camel"):
    """Which build of the mini-program asks."""

    version: WireInt
    terminal_type: WireInt


async def sign_in(caller: CallsCaller, wanted: SignIn) -> SignedIn:
    """Sign in; the first time makes the account."""
    engine = caller.engine
    signed_in = await engine.identity.sign_in(CALLS, wanted.code, role=_ROLE[wanted.role], device=wanted.terminal_type)
    person = signed_in.person
    engine.presence.seen(person)
    signatures = engine.world.signatures
    return SignedIn(
        token=signed_in.token,
        user_id=person.id,
        role="master" if person.role is Role.ANCHOR else "guest",
        sdk_app_id=signatures.app_id,
        user_sig=signatures.sign(str(person.id), now_s=engine.node.now_ms() // 1000),
    )


async def wechat_version(options: CallsOptions, _caller: CallsCaller, wanted: Build) -> Done:
    """Code 0: features are on. Raises FeatureOff, code 1: this build is under review."""
    if wanted.version in options.review_versions:
        raise FeatureOff
    return Done()


def endpoints(options: CallsOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/app/login/weChatLogin",
            SignIn,
            SignedIn,
            sign_in,
            access=PUBLIC,
            # Counted over all nodes, and refused when it cannot be counted: codes could be guessed otherwise.
            limit=per_second(20, shared=True),
            envelope=APP.saying(NOT_SIGNED_IN=Said("登录凭证无效", "the code is not valid")),
            summary="Sign in and get the token every other call needs",
            source_id="calls-login-wechat",
        ),
        Endpoint(
            "/app/login/weChatVersion",
            Build,
            Done,
            partial(wechat_version, options),
            access=PUBLIC,
            summary="Feature switch of the mini-program (小程序功能开关)",
            source_id="calls-wechat-version",
        ),
    )
