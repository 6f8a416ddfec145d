"""How fast a store may be used: a pace in units a second, shared by all threads and loops that use it."""

from __future__ import annotations

import threading
import time

__all__ = ["Pace", "checked_rate"]


def checked_rate(name: str, rate: float | None) -> None:
    """Raise ValueError for a rate that is not above 0; None is no limit."""
    if rate is not None and not rate > 0:
        raise ValueError(f"{name} must be above 0, not {rate}")


class Pace:
    """Units a second without bursts: each use has to wait until those before it have had their time."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free_at = 0.0
        self._lock = threading.Lock()

    def reserve(self, units: float) -> float:
        """Take the time for so many units, and return the seconds until they may begin."""
        with self._lock:
            now = time.monotonic()
            begin = max(self._free_at, now)
            self._free_at = begin + units / self._rate
            return begin - now
