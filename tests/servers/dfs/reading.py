"""Ranges of a file's bytes (RFC 9110, section 14, as both endpoints have them)."""

from __future__ import annotations

import re

from .asked import Answer, Asked
from .tree import Refused

__all__ = ["ranged"]

FORM = re.compile(r"bytes=(\d+)-(\d*)")


def ranged(asked: Asked, data: bytes, headers: dict[str, str]) -> Answer:
    """Return the whole of `data`, or the range that was asked for."""
    wanted = asked.headers.get("x-ms-range") or asked.headers.get("range")
    headers = {"Accept-Ranges": "bytes", **headers}
    if wanted is None:
        return Answer(200, headers, data)
    found = FORM.fullmatch(wanted)
    if found is None:
        raise Refused(400, "InvalidHeaderValue")
    start, last = int(found[1]), int(found[2] or len(data))
    if start >= len(data):
        raise Refused(416, "InvalidRange")
    piece = data[start : last + 1]
    headers["Content-Range"] = f"bytes {start}-{start + len(piece) - 1}/{len(data)}"
    return Answer(206, headers, piece)
