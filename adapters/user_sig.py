"""UserSig: what the messaging service believes a person by (TLSSigAPI v2).

Knows one application and its keys. Knows no people: who may have a signature is decided before.
"""

import base64
import binascii
import hashlib
import hmac
import re
import zlib
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec

from engine.errors import BadInput

__all__ = ["UserSig"]

USER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
SIGNATURE: Final = re.compile(r"[A-Za-z0-9*_-]{1,2048}")
INFLATED_BYTES_MAX: Final = 4_096  # Ours have about 250; a kilobyte of zlib can become a megabyte of zeros.
SKEW_S: Final = 300  # A signature made by a server whose clock is a little ahead of ours.

# Standard base64, with what means something in an address replaced.
ESCAPES: Final = str.maketrans("+/=", "*-_")
UNESCAPES: Final = str.maketrans("*-_", "+/=")

Seconds = Annotated[int, msgspec.Meta(ge=0)]


class _Ticket(msgspec.Struct, frozen=True):
    """What travels inside. The library of every platform writes these six members, in an order of its own.

    One with a user buffer is a room ticket, limited in its rights. It signs nobody in: its signature covers the buffer
    as well, so that it does not fit what is recomputed here.
    """

    version: Literal["2.0"] = msgspec.field(name="TLS.ver")
    identifier: str = msgspec.field(name="TLS.identifier")
    app_id: int = msgspec.field(name="TLS.sdkappid")
    expire_s: Seconds = msgspec.field(name="TLS.expire")
    time_s: Seconds = msgspec.field(name="TLS.time")
    signature: str = msgspec.field(name="TLS.sig")


class UserSig:
    """``PersonSignature`` of the messaging service. Source: protocols 2.1.

    ``keys``: the first signs, all are believed, so that the key can be replaced.
    """

    def __init__(self, *, app_id: str, keys: Sequence[str], life_s: int) -> None:
        """Raise ``ValueError`` where ``app_id`` is not a number or a key is missing or empty."""
        if not keys or not all(keys):
            raise ValueError("a key is needed")
        self._app_id = app_id
        self._app_number = int(app_id)
        self._keys = tuple(keys)
        self._life_s = life_s

    @property
    def app_id(self) -> str:
        """The sdkAppID the signatures are for."""
        return self._app_id

    @property
    def life_s(self) -> int:
        """How long a signature is good."""
        return self._life_s

    def sign(self, user_id: str, *, now_s: int) -> str:
        """A signature for ``user_id``, good for ``life_s``. ``now_s`` is UNIX seconds.

        Raises: BadInput: not an id the service takes: 1 to 32 letters, digits, ``_`` or ``-``.
        """
        if not USER_ID.fullmatch(user_id):
            raise BadInput("not a user id of the messaging service", field="user_id")
        ticket = _Ticket(
            version="2.0",
            identifier=user_id,
            app_id=self._app_number,
            expire_s=self._life_s,
            time_s=now_s,
            signature=_tls_sig(
                self._keys[0], user_id=user_id, app_id=self._app_number, time_s=now_s, expire_s=self._life_s
            ),
        )
        packed = zlib.compress(msgspec.json.encode(ticket))
        return base64.b64encode(packed).decode().translate(ESCAPES)

    def holds(self, signature: str, user_id: str, *, now_s: int) -> bool:
        """Whether the signature is ours, for this user, and not expired.

        What is signed is compared, never the text: other libraries order and compress it differently.
        """
        if not USER_ID.fullmatch(user_id) or (ticket := _unpack(signature)) is None:
            return False
        # A list, not a generator: all keys are tried, whichever fits.
        matches = [
            hmac.compare_digest(
                ticket.signature.encode(errors="replace"),
                _tls_sig(
                    key, user_id=user_id, app_id=self._app_number, time_s=ticket.time_s, expire_s=ticket.expire_s
                ).encode(),
            )
            for key in self._keys
        ]
        return (
            any(matches)
            and ticket.identifier == user_id
            and ticket.app_id == self._app_number
            and ticket.time_s <= now_s + SKEW_S
            and now_s < ticket.time_s + ticket.expire_s
        )


def _tls_sig(key: str, *, user_id: str, app_id: int, time_s: int, expire_s: int) -> str:
    text = f"TLS.identifier:{user_id}\nTLS.sdkappid:{app_id}\nTLS.time:{time_s}\nTLS.expire:{expire_s}\n"
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


def _unpack(signature: str) -> _Ticket | None:
    """What is inside; None when it is not packed the way it should be."""
    if not SIGNATURE.fullmatch(signature):
        return None
    inflater = zlib.decompressobj()
    try:
        packed = base64.b64decode(signature.translate(UNESCAPES), validate=True)
        text = inflater.decompress(packed, INFLATED_BYTES_MAX)
        if not inflater.eof or inflater.unused_data:
            return None  # Too long, cut off, or with something behind it.
        return msgspec.json.decode(text, type=_Ticket)
    except (binascii.Error, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
