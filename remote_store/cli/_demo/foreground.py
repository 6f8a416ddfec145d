"""The foreground that must not notice: a loop that works a little at every tick and tells how late its ticks were."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio

__all__ = ["Blocked", "training", "training_while"]

TICK_SECONDS = 0.005
WORK = 2_000
"""Numbers summed at each tick, some 50 us: a foreground that does something."""


@dataclass(slots=True)
class Blocked:
    """How late a foreground's ticks came, in seconds: the longest, and all of them added up, out of `running`."""

    longest: float = 0.0
    total: float = 0.0
    ticks: int = 0
    running: float = 0.0

    def tick(self, late: float) -> None:
        """Count a tick that came `late` seconds after it was due."""
        late = max(late, 0.0)
        self.longest = max(self.longest, late)
        self.total += late
        self.ticks += 1

    @property
    def percent(self) -> float:
        """The share of its time that the foreground was late, in percent."""
        return 100 * self.total / self.running if self.running else 0.0


async def training(blocked: Blocked) -> None:
    """Tick until cancelled, as a task beside a save."""
    began = time.perf_counter()
    try:
        while True:
            due = time.perf_counter() + TICK_SECONDS
            await anyio.sleep(TICK_SECONDS)
            blocked.tick(time.perf_counter() - due)
            sum(range(WORK))
    finally:
        blocked.running += time.perf_counter() - began


def training_while(busy: Callable[[], bool], blocked: Blocked) -> None:
    """Tick in this thread as long as another is busy."""
    began = time.perf_counter()
    while busy():
        due = time.perf_counter() + TICK_SECONDS
        time.sleep(TICK_SECONDS)
        blocked.tick(time.perf_counter() - due)
        sum(range(WORK))
    blocked.running += time.perf_counter() - began
