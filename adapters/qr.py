"""QR codes as pictures. A code takes about 4 ms."""

import base64
import io
from typing import Final

import segno

__all__ = ["TEXT_BYTES_MAX", "draw"]

TEXT_BYTES_MAX: Final = 512
"""Longest text that is drawn; addresses of any currency are shorter, and a denser code is hard to read off a screen."""

PIXELS_PER_MODULE: Final = 6


def draw(text: str) -> str:
    """``QrPicture``: a PNG of about 400 bytes as base64; empty when ``text`` is, or is too long."""
    if not text or len(text.encode()) > TEXT_BYTES_MAX:
        return ""
    picture = io.BytesIO()
    segno.make(text, micro=False, error="m").save(picture, kind="png", scale=PIXELS_PER_MODULE)
    return base64.b64encode(picture.getvalue()).decode()
