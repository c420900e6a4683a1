"""Who has signed in: login codes of the mini-program, exchanged at WeChat, or made up in development.

Knows codes and WeChat's answers to them. Knows no accounts and no tokens of ours. WeChat's session key opens the
profile that came with the code, and goes nowhere else.
"""

import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from tornado.httpclient import AsyncHTTPClient

from adapters.asking import DEADLINE_MS, OutsideService
from adapters.dev_codes import is_dev_code, read_dev_code, refuse_outside_development
from adapters.wechat_sealed import unseal
from engine.errors import BadInput, NotSignedIn, StoreDown, TooMany
from engine.ports import CodeExchange, Log, SealedProfile, WeChatIdentity, WeChatProfile

__all__ = ["DevCodes", "WeChatCodes"]

CODE: Final = re.compile(r"[!-~]{1,256}")  # Any printable word; WeChat's have 32 letters and digits, so far.

BUSY: Final = -1
NOT_SIGNED_IN: Final = frozenset(
    {
        40029,  # Unknown, expired, used, or of another mini-program.
        40163,  # Used; newer servers tell it apart.
        40226,  # WeChat blocks this person as a high risk.
    }
)
TOO_MANY: Final = 45011
TOO_MANY_MS: Final = 60_000  # WeChat counts 100 a minute for one person, and does not say when its minute began.
# Application id or secret are wrong or missing: nobody can sign in until an operator has corrected the settings.
MISCONFIGURED: Final = frozenset({40013, 40125, 41002, 41004, 41008})


class _Session(msgspec.Struct, frozen=True):
    """The parts of WeChat's answer that are read."""

    errcode: int = 0
    openid: Annotated[str, msgspec.Meta(max_length=128)] = ""
    session_key: Annotated[str, msgspec.Meta(max_length=128)] = ""


class WeChatCodes:
    """``CodeExchange`` at WeChat itself. Source: protocols 3.1.

    ``apps`` are the secrets of our mini-programs by their ids; the first is the one that is meant where none is named.
    """

    def __init__(
        self,
        *,
        apps: Mapping[str, str],
        base_url: str,
        http: AsyncHTTPClient,
        log: Log,
        deadline_ms: int = DEADLINE_MS,
        now_s: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self._apps = dict(apps)
        self._now_s = now_s
        self._address = f"{base_url.rstrip('/')}/sns/jscode2session"
        self._service = OutsideService(name="wechat_login", http=http, log=log, deadline_ms=deadline_ms)
        self._log = log

    async def identify(self, code: str, *, app_id: str = "", sealed: SealedProfile | None = None) -> WeChatIdentity:
        """Exchange the code; it works once.

        Raises:
            BadInput: a mini-program that is not ours, or a profile that cannot be opened.
            NotSignedIn: unknown, used or expired code, or a person WeChat blocks.
            TooMany: WeChat's own limit.
            StoreDown: WeChat did not answer, or not to us because of our settings; the client tries with a new code.
        """
        app_id = app_id or next(iter(self._apps))
        if app_id not in self._apps:
            raise _unknown_app()
        if not CODE.fullmatch(code):
            raise NotSignedIn("not a login code")
        query = urlencode(
            {
                "appid": app_id,
                "secret": self._apps[app_id],
                "js_code": code,
                "grant_type": "authorization_code",
            }
        )
        # The answer calls itself text/plain more often than JSON, so nobody asks.
        session = self._read(await self._service.ask(f"{self._address}?{query}"))
        if session.errcode != 0 or not session.openid:
            raise self._refusal(session.errcode)
        profile = WeChatProfile()
        if sealed is not None:
            profile = unseal(
                sealed,
                session_key=session.session_key,
                app_id=app_id,
                open_id=session.openid,
                now_s=self._now_s(),
            )
        return WeChatIdentity(open_id=session.openid, profile=profile)

    def _read(self, answer: bytes) -> _Session:
        try:
            return msgspec.json.decode(answer, type=_Session)
        except msgspec.DecodeError:
            # The error may quote the answer, and with it a session key.
            pass
        self._log.warning("wechat_login_garbled")
        raise StoreDown("wechat_login: answer not understood")

    def _refusal(self, errcode: int) -> NotSignedIn | TooMany | StoreDown:
        if errcode in NOT_SIGNED_IN:
            return NotSignedIn("WeChat does not know this code")
        if errcode == TOO_MANY:
            return TooMany(retry_after_ms=TOO_MANY_MS)
        if errcode in MISCONFIGURED:
            self._log.error("wechat_login_misconfigured", errcode=errcode)
        elif errcode != BUSY:
            self._log.warning("wechat_login_refused", errcode=errcode)
        return StoreDown(f"wechat_login: errcode {errcode}")


class DevCodes:
    """``CodeExchange`` for development: ``dev:NAME`` signs in NAME, with attributes as a query string behind it.

    ``dev:mei?role=master&gender=2&price=50`` is ``open_id`` *dev:mei* with three attributes and, unless another one is
    among them, the nickname *mei*. Such a code may be used any number of times, and whatever is sealed beside it is not
    opened. Every other code goes to ``others``, where there are any. Source: CA-3, ALL-20.
    """

    def __init__(self, *, env: str, others: CodeExchange | None = None, app_ids: Collection[str] = ()) -> None:
        """``app_ids`` are our mini-programs; where there are none yet, a code may be for any.

        Raises: ValueError: in every ``env`` but *dev*, as anybody could sign in as anybody.
        """
        refuse_outside_development(env)
        self._others = others
        self._app_ids = frozenset(app_ids)

    async def identify(self, code: str, *, app_id: str = "", sealed: SealedProfile | None = None) -> WeChatIdentity:
        """Read a ``dev:`` code, or pass another one on.

        Raises:
            NotSignedIn: malformed, or not a ``dev:`` code and nobody else to ask; else what the others raise.
            BadInput: a mini-program that is not ours.
        """
        if app_id and self._app_ids and app_id not in self._app_ids:
            raise _unknown_app()
        if is_dev_code(code):
            return _read_dev_code(code)
        if self._others is None:
            raise NotSignedIn("only dev: codes are taken here")
        return await self._others.identify(code, app_id=app_id, sealed=sealed)


def _unknown_app() -> BadInput:
    return BadInput("not one of our mini-programs", field="app_id")


def _read_dev_code(code: str) -> WeChatIdentity:
    read = read_dev_code(code)
    return WeChatIdentity(open_id=read.id, attributes={"nickname": read.name} | read.attributes)
