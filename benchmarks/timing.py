"""Races: contenders take turns in one process, and are compared round by round.

The machine is shared and its speed drifts by tens of per cent within seconds, so a figure by itself says little. In
each round every contender does the same small amount of work, in turn (A B C, A B C, ...); what is reported is the
median of the ratios within a round. CPU time is that of the whole process, workers of other libraries included.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Work = Callable[[Sequence[str]], Awaitable[None] | None]
Clock = Literal["wall", "cpu"]


@dataclass
class Contender:
    """One way to do the work: `run` does it for each path, blocking or as a coroutine.

    `prepare` and `clean` run before and after, untimed.
    """

    name: str
    run: Work
    prepare: Callable[[Sequence[str]], None] | None = None
    clean: Callable[[Sequence[str]], None] | None = None


@dataclass
class Race:
    """What a race gave: seconds for one operation, by contender and round."""

    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, wall: float, cpu: float) -> None:
        self.wall.setdefault(name, []).append(wall)
        self.cpu.setdefault(name, []).append(cpu)

    def rounds(self, clock: Clock) -> list[dict[str, float]]:
        """Return the seconds by contender, for each round."""
        table = self.wall if clock == "wall" else self.cpu
        return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]

    def typical(self, name: str, clock: Clock) -> float:
        return median((self.wall if clock == "wall" else self.cpu)[name])

    def compared(self, value: Callable[[dict[str, float]], float], clock: Clock) -> float:
        """Return the median over the rounds of a value computed from one round's figures."""
        return median(value(row) for row in self.rounds(clock))


def each(operation: Callable[[str], object]) -> Work:
    """Return the work of calling `operation` with each path."""

    def run(paths: Sequence[str]) -> None:
        for path in paths:
            operation(path)

    return run


def each_async(operation: Callable[[str], Awaitable[object]]) -> Work:
    """Return the work of awaiting `operation` with each path."""

    async def run(paths: Sequence[str]) -> None:
        for path in paths:
            await operation(path)

    return run


async def race(contenders: Sequence[Contender], paths: Callable[[int], Sequence[str]], rounds: int) -> Race:
    """Let the contenders take turns; `paths` gives the paths of a turn (turn 0 is a warm-up and not counted).

    Whoever begins changes from round to round, so that nobody always runs after the same neighbour.
    """
    result = Race({contender.name: [] for contender in contenders}, {contender.name: [] for contender in contenders})
    gc.collect()
    gc.freeze()  # what is there already should not be looked through in somebody's turn
    for number in range(rounds + 1):
        shift = number % len(contenders)
        for contender in [*contenders[shift:], *contenders[:shift]]:
            chosen = paths(number)
            wall, cpu = await _turn(contender, chosen)
            if number:
                result.add(contender.name, wall / len(chosen), cpu / len(chosen))
    gc.unfreeze()
    return result


async def _turn(contender: Contender, paths: Sequence[str]) -> tuple[float, float]:
    if contender.prepare:
        contender.prepare(paths)
    wall, cpu = time.perf_counter(), time.process_time()
    waiting = contender.run(paths)
    if waiting is not None:
        await waiting
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if contender.clean:
        contender.clean(paths)
    return wall, cpu


def without_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a race of blocking contenders, for which no event loop must be there."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise RuntimeError("a blocking race waited for something")
