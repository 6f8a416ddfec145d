"""Texts as header values, which are ASCII: RFC 2047 words for those that are not."""

from __future__ import annotations

import base64
import binascii
import re

__all__ = ["text_of", "word"]

_ENCODED = re.compile(r"=\?utf-8\?b\?([A-Za-z0-9+/=]*)\?=", re.IGNORECASE)


def word(text: str) -> str:
    """Return `text` as a header value that comes back as it was."""
    # Blanks at the ends are cut off on the way, and some servers drop what is empty.
    if text and text.isascii() and text == text.strip() and not _ENCODED.search(text):
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def text_of(value: str) -> str:
    """Return the text of a header value, its words decoded."""
    return _ENCODED.sub(_decoded, value)


def _decoded(match: re.Match[str]) -> str:
    try:
        return base64.b64decode(match[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return match[0]
