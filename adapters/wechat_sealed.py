"""Opens what WeChat has sealed for us in a client's hands: AES-128-CBC under the key of a sign-in.

Knows the form of the seal and whose it must be. Knows no code and no account; the key comes in and goes nowhere.
Source: protocols 3.2.
"""

import base64
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from engine.errors import BadInput
from engine.ports import SealedProfile, WeChatProfile

__all__ = ["AGE_S_MAX", "unseal"]

KEY_BYTES: Final = 16
BLOCK_BYTES: Final = 16
AGE_S_MAX: Final = 600
"""How old a seal may be, or how far ahead of our clock: a client hands it on at once."""

Text = Annotated[str, msgspec.Meta(max_length=2_000)]


class _Watermark(msgspec.Struct, frozen=True):
    appid: str
    timestamp: int


class _Told(msgspec.Struct, frozen=True, rename="camel"):
    """What is inside. Newer clients are told neither who the person is nor much of him: all but the mark may lack."""

    watermark: _Watermark
    open_id: Text | None = None
    nick_name: Text | None = None
    avatar_url: Text | None = None
    gender: int | None = None


def unseal(sealed: SealedProfile, *, session_key: str, app_id: str, open_id: str, now_s: int) -> WeChatProfile:
    """What WeChat tells of ``open_id``, sealed lately for the mini-program ``app_id``.

    A profile without a person in it is his all the same: only his sign-in has the key.

    Raises: BadInput (``sealed_profile``): anything else, whatever it is; which check failed would help to forge.
    """
    told = _open(sealed, session_key)
    if (
        told is None
        or told.watermark.appid != app_id
        or abs(now_s - told.watermark.timestamp) > AGE_S_MAX
        or told.open_id not in (None, open_id)
    ):
        raise BadInput("profile data could not be decrypted", field="sealed_profile")
    return WeChatProfile(nickname=told.nick_name or "", avatar_url=told.avatar_url or "", gender=told.gender or 0)


def _open(sealed: SealedProfile, session_key: str) -> _Told | None:
    try:
        key, iv, data = (
            base64.b64decode(text, validate=True) for text in (session_key, sealed.iv, sealed.encrypted_data)
        )
        if len(key) != KEY_BYTES or len(iv) != BLOCK_BYTES:
            return None
        decryptor = Cipher(AES128(key), CBC(iv)).decryptor()
        unpadder = PKCS7(8 * BLOCK_BYTES).unpadder()
        padded = decryptor.update(data) + decryptor.finalize()
        return msgspec.json.decode(unpadder.update(padded) + unpadder.finalize(), type=_Told)
    except (ValueError, RecursionError):
        # Not base64, not whole blocks, not padded, not JSON, not a profile.
        return None
