"""A body that only trickles is no body that arrives (RELIABILITY, fault 7)."""

from __future__ import annotations

from .retrying import Fault

__all__ = ["GRACE_SECONDS", "MIN_RATE", "Pace", "too_slow"]

GRACE_SECONDS = 30.0
"""Seconds of waiting before the rate counts: a slow start is none of a slow wire."""
MIN_RATE = 1024
"""Bytes for each second of waiting: a modem of 1990 is four times as fast."""


def too_slow(waited: float, size: int, grace: float = GRACE_SECONDS) -> bool:
    """Return whether `size` bytes in so many seconds of waiting are less than anybody can work with."""
    return waited > grace and size < waited * MIN_RATE


class Pace:
    """Counts the bytes of one read, and the seconds that it waited for them."""

    def __init__(self, timeout: float | None) -> None:
        self._grace = GRACE_SECONDS if timeout is None else min(timeout, GRACE_SECONDS)
        self._waited = 0.0
        self._size = 0

    def note(self, waited: float, size: int) -> None:
        """Add a wait and what it brought; a fault once they are too few bytes for the time."""
        self._waited += waited
        self._size += size
        if too_slow(self._waited, self._size, self._grace):
            text = f"the body trickles: {self._size} bytes in {self._waited:.0f} s"
            raise Fault("Timeout", text, verb="GET")
