"""Byte ranges: half-open, in any order, checked before any I/O (DECISIONS 15)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["Range", "checked_offset", "checked_ranges", "writable"]

Range: TypeAlias = tuple[int, int]
"""A half-open range of bytes: start, stop."""


def checked_offset(value: object, what: str = "start") -> int:
    """Return `value` as a byte offset; ValueError for a negative one or a bool, TypeError for no integer."""
    if isinstance(value, bool):
        raise ValueError(f"{what} must be an integer, not a bool")
    try:
        offset = value.__index__()  # type: ignore[attr-defined]  # numpy's integers count as well
    except AttributeError:
        raise TypeError(f"{what} must be an integer, not {type(value).__name__}") from None
    if offset < 0:
        raise ValueError(f"{what} must be >= 0, not {offset}")
    return int(offset)


def checked_ranges(ranges: Iterable[tuple[int, int]]) -> list[Range]:
    """Return the ranges as a list of int pairs, or raise ValueError or TypeError for one that is none."""
    checked = []
    for item in ranges:
        try:
            start, stop = item
        except (TypeError, ValueError):
            raise ValueError(f"a range is a pair (start, stop), not {item!r}") from None
        start, stop = checked_offset(start, "range start"), checked_offset(stop, "range stop")
        if stop < start:
            raise ValueError(f"range ({start}, {stop}) is reversed; it is (start, stop), half-open")
        checked.append((start, stop))
    return checked


def writable(buffer: object) -> memoryview:
    """Return a flat byte view of a writable buffer; TypeError for what is none, or is not contiguous."""
    view = memoryview(buffer)  # type: ignore[arg-type]  # raises TypeError by itself
    if view.readonly:
        raise TypeError("the buffer is read-only")
    if not view.c_contiguous:
        raise TypeError("the buffer is not contiguous")
    return view.cast("B") if view.nbytes else memoryview(bytearray())
