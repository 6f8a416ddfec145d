"""How long a transfer may take: so many seconds without getting on, and a least rate for what trickles (RELIABILITY 7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import anyio

from .faults import Fault

__all__ = ["GRACE_SECONDS", "MIN_RATE", "Pace", "Until", "too_slow"]

GRACE_SECONDS = 30.0
"""Seconds of waiting before the rate counts: a slow start is none of a slow wire."""
MIN_RATE = 1024
"""Bytes for each second of waiting: a modem of 1990 is four times as fast."""


def too_slow(waited: float, size: int, grace: float = GRACE_SECONDS) -> bool:
    """Return whether `size` bytes in so many seconds of waiting are less than anybody can work with."""
    return waited > grace and size < waited * MIN_RATE


class Until:
    """A time by which something must have ended; infinity for none."""

    def __init__(self, end: float) -> None:
        self.end = end

    def begin(self) -> None:
        """Note that an attempt begins: it has what the others have left."""

    @contextmanager
    def within(self) -> Iterator[None]:
        """End the block when the time is up, without an exception."""
        with anyio.CancelScope(deadline=self.end):
            yield


class Pace:
    """The time that a transfer may still take: `seconds` at first. What arrives earns more, up to `seconds` again.

    One that gets on well is never stopped; one that stands still ends after `seconds`, and one that trickles soon
    after. If it is not `strict`, slowness alone ends an attempt, the next begins anew, and what stands still is left
    to the transport's own timeout. Used on one event loop, by all tasks of the transfer.
    """

    def __init__(self, seconds: float, *, strict: bool = True) -> None:
        self._seconds = seconds
        self._strict = strict
        self._end = self._told = anyio.current_time() + seconds
        self._scopes: set[anyio.CancelScope] = set()

    @property
    def end(self) -> float:
        """The time by which all must have ended, as it looks now."""
        return self._end if self._strict else inf

    def begin(self) -> None:
        """Note that an attempt begins."""
        if not self._strict:
            self._move(anyio.current_time() + self._seconds)

    def earn(self, size: int) -> None:
        """Note that bytes have arrived; a Fault if they came too slowly."""
        now = anyio.current_time()
        if now > self._end:
            raise self.slow()
        self._move(min(now + self._seconds, self._end + size / MIN_RATE))

    def slow(self) -> Fault:
        """Return the fault of a transfer whose time is up."""
        text = f"less than {MIN_RATE} bytes a second came for {self._seconds:g} s"
        return Fault("Timeout", text, verb="GetObject", may_retry=not self._strict)

    def rest(self, seconds: float) -> None:
        """Leave out a time in which nobody asked for bytes."""
        self._move(self._end + seconds)

    def _move(self, end: float) -> None:
        self._end = end
        if end - self._told > self._seconds / 8:  # moving a scope's deadline costs more than a small chunk
            self._told = end
            for scope in self._scopes:
                scope.deadline = end

    @contextmanager
    def within(self) -> Iterator[None]:
        """End the block when the time is up, without an exception; the time moves with what is earned."""
        with anyio.CancelScope(deadline=self._end) as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
