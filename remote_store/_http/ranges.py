"""Ranges of bytes: joined, split, written as headers, read back from answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .._core.ranges import Range

__all__ = ["Fetch", "coalesce", "content_range", "range_header", "split"]


@dataclass
class Fetch:
    """A range to be asked for, with the indices of the wanted ranges that it serves."""

    start: int
    stop: int
    serves: list[int] = field(default_factory=list)


def coalesce(wanted: Sequence[Range], gap: int, limit: int) -> list[Fetch]:
    """Join half-open ranges, in any order, that lie at most `gap` bytes apart, up to `limit` bytes a fetch.

    Fetches come by rising offset; empty ranges are in none. One range alone may be longer than `limit`.
    """
    fetches: list[Fetch] = []
    for index in sorted(range(len(wanted)), key=lambda index: wanted[index]):
        start, stop = wanted[index]
        if start == stop:
            continue
        last = fetches[-1] if fetches else None
        if last is not None and start <= last.stop + gap and max(stop, last.stop) - last.start <= limit:
            last.stop = max(stop, last.stop)
            last.serves.append(index)
        elif last is not None and stop <= last.stop:
            last.serves.append(index)
        else:
            fetches.append(Fetch(start, stop, [index]))
    return fetches


def split(start: int, stop: int, size: int) -> list[Range]:
    """Cut a range into pieces of at most `size` bytes."""
    return [(offset, min(offset + size, stop)) for offset in range(start, stop, size)]


def range_header(start: int, stop: int | None = None) -> str:
    """Return the Range header for a half-open range, or for all from `start` on (RFC 9110, section 14.2)."""
    return f"bytes={start}-" if stop is None else f"bytes={start}-{stop - 1}"


_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")


def content_range(header: str | None) -> tuple[int, int, int] | None:
    """Return (start, stop, size of the whole) from a Content-Range header; None for one that can't be trusted."""
    match = _CONTENT_RANGE.fullmatch(header or "")
    if match is None:
        return None
    first, last, size = (int(number) for number in match.groups())
    return (first, last + 1, size) if first <= last < size else None
