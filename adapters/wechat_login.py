"""Who has signed in: login codes of the mini-program, exchanged at WeChat, or made up in development.

Knows codes and WeChat's answers to them. Knows no accounts and no tokens of ours; WeChat's session key is not even
read.
"""

import re
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec.structs import replace
from tornado.httpclient import AsyncHTTPClient

from adapters.asking import DEADLINE_MS, OutsideService
from engine.errors import NotSignedIn, StoreDown, TooMany
from engine.ports import CodeExchange, Log, WeChatIdentity

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

DEV_PREFIX: Final = "dev:"
DEV_NAME: Final = re.compile(r"[\w.-]{1,64}")
DEV_ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
DEV_ATTRIBUTES_MAX: Final = 32
DEV_VALUE_CHARS_MAX: Final = 200


class _Session(msgspec.Struct, frozen=True):
    """The parts of WeChat's answer that are read."""

    errcode: int = 0
    openid: Annotated[str, msgspec.Meta(max_length=128)] = ""


class WeChatCodes:
    """``CodeExchange`` at WeChat itself. Source: protocols 3.1."""

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: str,
        base_url: str,
        http: AsyncHTTPClient,
        log: Log,
        deadline_ms: int = DEADLINE_MS,
    ) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._address = f"{base_url.rstrip('/')}/sns/jscode2session"
        self._service = OutsideService(name="wechat_login", http=http, log=log, deadline_ms=deadline_ms)
        self._log = log

    async def identify(self, code: str) -> WeChatIdentity:
        """Exchange the code; it works once.

        Raises:
            NotSignedIn: unknown, used or expired code, or a person WeChat blocks.
            TooMany: WeChat's own limit.
            StoreDown: WeChat did not answer, or not to us because of our settings; the client tries with a new code.
        """
        if not CODE.fullmatch(code):
            raise NotSignedIn("not a login code")
        query = urlencode(
            {
                "appid": self._app_id,
                "secret": self._app_secret,
                "js_code": code,
                "grant_type": "authorization_code",
            }
        )
        # The answer calls itself text/plain more often than JSON, so nobody asks.
        session = self._read(await self._service.ask(f"{self._address}?{query}"))
        if session.errcode == 0 and session.openid:
            return WeChatIdentity(open_id=session.openid)
        raise self._refusal(session.errcode)

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
    among them, the nickname *mei*. Such a code may be used
    any number of times. Every other code goes to ``others``, where there are any. Source: CA-3, ALL-20.
    """

    def __init__(self, *, env: str, others: CodeExchange | None = None) -> None:
        """Raise ``ValueError`` in every ``env`` but *dev*: anybody could sign in as anybody."""
        if env != "dev":
            raise ValueError(f"dev: codes sign in anybody; env is {env}")
        self._others = others

    async def identify(self, code: str) -> WeChatIdentity:
        """Read a ``dev:`` code, or pass another one on.

        Raises: NotSignedIn: malformed, or not a ``dev:`` code and nobody else to ask; else what the others raise.
        """
        if code.startswith(DEV_PREFIX):
            return _read_dev_code(code)
        if self._others is None:
            raise NotSignedIn("only dev: codes are taken here")
        return await self._others.identify(code)


def _read_dev_code(code: str) -> WeChatIdentity:
    name, _, query = code.removeprefix(DEV_PREFIX).partition("?")
    if not DEV_NAME.fullmatch(name):
        raise NotSignedIn("no name behind dev:")
    identity = WeChatIdentity(open_id=f"{DEV_PREFIX}{name}", attributes={"nickname": name})
    if not query:
        return identity
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=DEV_ATTRIBUTES_MAX
        )
    except ValueError:
        raise NotSignedIn("attributes behind dev: are not a query string") from None
    attributes = dict(pairs)
    if len(attributes) != len(pairs):
        raise NotSignedIn("an attribute behind dev: comes twice")
    for key, value in pairs:
        if not DEV_ATTRIBUTE.fullmatch(key) or len(value) > DEV_VALUE_CHARS_MAX:
            raise NotSignedIn("an attribute behind dev: is malformed")
    return replace(identity, attributes=identity.attributes | attributes)
