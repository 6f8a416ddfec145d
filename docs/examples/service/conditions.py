"""What the headers of a request ask for (RFC 9110): conditions, and a single range."""

from __future__ import annotations

import re
from collections.abc import Mapping

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


def write_condition(headers: Mapping[str, str]) -> tuple[bool, str | None]:
    """Return `overwrite` and `if_match` for a write: without a condition it replaces what is there."""
    if headers.get("if-none-match", "").strip() == "*":
        return False, None
    wanted = headers.get("if-match", "").strip()
    return True, wanted.strip('"') if wanted else None


def is_current(headers: Mapping[str, str], etag: str | None) -> bool:
    """Return whether the client has this version (``If-None-Match``, section 13.1.2)."""
    known = headers.get("if-none-match")
    if known is None or etag is None:
        return False
    return known.strip() == "*" or etag in [one.strip().removeprefix("W/").strip('"') for one in known.split(",")]


def chosen_range(headers: Mapping[str, str], size: int, etag: str | None) -> tuple[int, int] | None:
    """Return the half-open range to send, empty if it can't be satisfied, None for the whole file.

    Several ranges, other units and what is no range are ignored, as section 14.2 allows. ``If-Range`` must name this
    version.
    """
    match = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if match is None or match[1] == match[2] == "":
        return None
    if "if-range" in headers and headers["if-range"].strip('"') != etag:
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), size
        if match[2]:
            if int(match[2]) < start:
                return None
            stop = min(size, int(match[2]) + 1)
    return (start, stop) if start < stop else (0, 0)
