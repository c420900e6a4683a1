"""Stream addresses, signed the way Tencent's live service checks them.

Knows streams, hosts, keys and expiry. Knows no rooms and no people: whether somebody may have an address is decided
before. Nothing is called; a signature is all that the media servers look at, and only when a connection begins.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

from engine.errors import BadInput
from engine.ports import StreamQuery

__all__ = ["DAY_S", "SignedAddresses", "blind_date_addresses", "tx_secret"]

DAY_S: Final = 86_400
"""How long an address is good for; a push that reconnects needs it again. Source: LR-5."""

STREAM: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
PERSON: Final = re.compile(r"[1-9][0-9]{7}")
"""The id that a person of the blind-date rooms shows. Source: QL-1."""

ADDRESS_CHARS_MAX: Final = 2_000
# Media servers take both cases, and so may an address that another program of the same account has signed.
ANY_EXPIRY: Final = re.compile(r"[0-9A-Fa-f]{1,16}")


class SignedAddresses:
    """``MediaAddresses`` with one application, at most one account and a key for each direction.

    ``push_keys`` and ``play_keys``: the first signs, all are believed, so that keys can be replaced while streams run.
    Without ``play_keys``, play addresses are not signed, and anybody may watch. With a ``biz_id``, the account is part
    of every stream's name and stands behind it once more. ``streams`` are the names that there are addresses for: two
    of these may share a key as long as neither takes the other's names. ``is_lower_case``: how the expiry is written.
    """

    def __init__(
        self,
        *,
        push_host: str,
        play_host: str,
        biz_id: str,
        push_keys: Sequence[str],
        play_keys: Sequence[str] | None,
        app: str = "live",
        life_s: int = DAY_S,
        streams: re.Pattern[str] = STREAM,
        is_lower_case: bool = False,
    ) -> None:
        """Raise ``ValueError`` where a key is missing or empty: what it signs, anybody could sign."""
        if not push_keys or not all(push_keys) or (play_keys is not None and not (play_keys and all(play_keys))):
            raise ValueError("a key for push and one for play are needed")
        self._app = app
        self._push_base = f"rtmp://{push_host}/{app}/"
        self._play_base = f"rtmp://{play_host}/{app}/"
        self._mixed_base = f"http://{play_host}/{app}/"
        self._biz_id = biz_id
        self._prefix = f"{biz_id}_" if biz_id else ""
        self._parameters = ("bizid", "txSecret", "txTime") if biz_id else ("txSecret", "txTime")
        self._push_keys = tuple(push_keys)
        self._play_keys = None if play_keys is None else tuple(play_keys)
        self._life_s = life_s
        self._streams = streams
        self._expiry_form = "x" if is_lower_case else "X"

    def push(self, stream: str, *, now_s: int, until_s: int | None = None) -> str:
        """Address that publishes ``stream``; valid for ``life_s`` unless ``until_s`` comes earlier.

        Raises: BadInput: there are no addresses for such a name.
        """
        expires_s = now_s + self._life_s
        if until_s is not None:
            expires_s = min(expires_s, until_s)
        return self._signed(self._push_base, stream, key=self._push_keys[0], expires_s=expires_s)

    def accelerated(self, stream: str, *, now_s: int) -> str:
        """Rtmp play address; where it is signed, valid for ``life_s``. Source: LR-6.

        Raises: BadInput: as ``push``.
        """
        if self._play_keys is None:
            return self._play_base + self._named(stream)
        return self._signed(self._play_base, stream, key=self._play_keys[0], expires_s=now_s + self._life_s)

    def mixed(self, stream: str) -> str:
        """http-flv play address, unsigned. Source: LR-6.

        Raises: BadInput: as ``push``.
        """
        return f"{self._mixed_base}{self._named(stream)}.flv"

    def is_push_address(self, address: str, stream: str, *, now_s: int) -> bool:
        """Whether ``address`` is one that ``push`` gave for exactly this stream and is still valid.

        The parameters may come in another order, each exactly once and none besides.
        """
        if len(address) > ADDRESS_CHARS_MAX or not address.isascii() or not self._streams.fullmatch(stream):
            return False
        name = self._named(stream)
        place, _, query = address.partition("?")
        parameters = [parameter.partition("=") for parameter in query.split("&")]
        if place != f"{self._push_base}{name}" or tuple(sorted(key for key, _, _ in parameters)) != self._parameters:
            return False
        values = {key: value for key, _, value in parameters}
        expiry = values["txTime"]
        if values.get("bizid", "") != self._biz_id or not ANY_EXPIRY.fullmatch(expiry):
            return False
        if expiry != self._written(int(expiry, 16)):
            return False
        return _is_signed(values["txSecret"], name, expiry, self._push_keys) and now_s < int(expiry, 16)

    def pushed(self, app: str, name: str, query: StreamQuery, *, now_s: int) -> str | None:
        """The stream that is published at a media server as ``name`` below ``app``, if a push address of ours says so.

        None otherwise: another application or account, a signature or an expiry missing, doubled, wrong or past.
        Parameters besides are nobody's business here. Source: protocols 1.1.
        """
        return self._signed_stream(app, name, query, keys=self._push_keys, now_s=now_s)

    def played(self, app: str, name: str, query: StreamQuery, *, now_s: int) -> str | None:
        """As ``pushed``, for a play address; where those are not signed, the name is enough."""
        if self._play_keys is None:
            return self._stream(app, name)
        return self._signed_stream(app, name, query, keys=self._play_keys, now_s=now_s)

    def _stream(self, app: str, name: str) -> str | None:
        """The stream that media servers call ``name``, if there are addresses for it."""
        stream = name.removeprefix(self._prefix)
        is_ours = app == self._app and name == self._prefix + stream and self._streams.fullmatch(stream)
        return stream if is_ours else None

    def _signed_stream(self, app: str, name: str, query: StreamQuery, *, keys: Sequence[str], now_s: int) -> str | None:
        stream = self._stream(app, name)
        if stream is None:
            return None
        given = {wanted: [value for key, value in query if key == wanted] for wanted in self._parameters}
        # The account may be left out: it is part of the name, which is signed.
        if (
            len(given["txSecret"]) != 1
            or len(given["txTime"]) != 1
            or given.get("bizid", []) not in ([], [self._biz_id])
        ):
            return None
        (secret,), (expiry,) = given["txSecret"], given["txTime"]
        if not secret.isascii() or not ANY_EXPIRY.fullmatch(expiry) or not _is_signed(secret, name, expiry, keys):
            return None
        return stream if now_s < int(expiry, 16) else None

    def _signed(self, base: str, stream: str, *, key: str, expires_s: int) -> str:
        name, expiry = self._named(stream), self._written(expires_s)
        account = f"bizid={self._biz_id}&" if self._biz_id else ""
        # Hashed as written: the server hashes the characters it sees.
        return f"{base}{name}?{account}txSecret={tx_secret(key, name, expiry)}&txTime={expiry}"

    def _written(self, expires_s: int) -> str:
        return format(expires_s, self._expiry_form)

    def _named(self, stream: str) -> str:
        """The stream's name at the media servers, which is also what is hashed: the account's prefix belongs to it."""
        if not self._streams.fullmatch(stream):
            raise BadInput("not a stream name", field="stream")
        return self._prefix + stream


def blind_date_addresses(
    *, push_host: str, play_host: str, push_keys: Sequence[str], app: str = "live", life_s: int = DAY_S
) -> SignedAddresses:
    """Addresses of streams that are named for a person alone, and that anybody may watch.

    The keys may be those of streams with an account in front, whose names are other ones. Source: seed behaviour §3.2.
    """
    return SignedAddresses(
        push_host=push_host,
        play_host=play_host,
        biz_id="",
        push_keys=push_keys,
        play_keys=None,
        app=app,
        life_s=life_s,
        streams=PERSON,
        is_lower_case=True,
    )


def _is_signed(secret: str, name: str, expiry: str, keys: Sequence[str]) -> bool:
    # A list, not a generator: all keys are tried, whichever fits.
    matches = [hmac.compare_digest(secret, tx_secret(key, name, expiry)) for key in keys]
    return any(matches)


def tx_secret(key: str, name: str, expiry: str) -> str:
    """MD5 of key, stream name and expiry, in lower-case hex. Source: protocols 1.1."""
    return hashlib.md5(f"{key}{name}{expiry}".encode()).hexdigest()  # noqa: S324 - the media servers' choice
