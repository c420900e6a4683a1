"""Seals of short codes: what is kept of six digits, so that whoever reads the store cannot try a million of them."""

import hashlib
import hmac

__all__ = ["KeyedSeal"]


class KeyedSeal:
    """``CodeSeal`` by HMAC-SHA-256 under a key that the store never sees."""

    def __init__(self, secret: str) -> None:
        # One secret serves several purposes; each has a key of its own.
        self._key = hmac.digest(secret.encode(), b"greenroom mailed codes", hashlib.sha256)

    def __call__(self, code: str, *, address: str, purpose: str) -> str:
        """64 hex digits."""
        parts = f"{purpose}\x00{address}\x00{code}"
        return hmac.digest(self._key, parts.encode(errors="replace"), hashlib.sha256).hex()
