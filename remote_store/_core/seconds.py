"""Spans of time given by callers: numbers of seconds, checked."""

from __future__ import annotations

import math

__all__ = ["checked_seconds"]


def checked_seconds(value: object, what: str) -> float:
    """Return `value` as seconds; TypeError for what is no number, ValueError for a negative or infinite one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{what} must be a number of seconds, not {type(value).__name__}")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{what} must be a finite number of seconds >= 0, not {value}")
    return float(value)
