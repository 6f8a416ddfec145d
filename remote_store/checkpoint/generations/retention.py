"""Which checkpoints are kept (CHECKPOINT D6): a decision without any I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .manifest import Generation

__all__ = ["Retention"]


@dataclass(frozen=True, slots=True)
class Retention:
    """Keep the newest `keep_last`, every step that `keep_every` divides, and the `keep_best` by a metric.

    The metric is ``user[best_by]``, a number; `best_mode` says whether the smallest or the largest is best. A
    checkpoint without it, or with NaN, is not among the best. Nothing given: all are kept.
    """

    keep_last: int | None = None
    keep_every: int | None = None
    keep_best: int | None = None
    best_by: str | None = None
    best_mode: Literal["min", "max"] = "min"

    def __post_init__(self) -> None:
        for name in ("keep_last", "keep_every", "keep_best"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an int or None, not {type(value).__name__}")
            if value < 1:
                raise ValueError(f"{name} must be >= 1, not {value}")
        if (self.keep_best is None) != (self.best_by is None):
            raise ValueError("keep_best and best_by belong together: how many, by which entry of user")
        if self.best_by is not None and not isinstance(self.best_by, str):
            raise TypeError(f"best_by must be a str, not {type(self.best_by).__name__}")
        if self.best_mode not in ("min", "max"):
            raise ValueError(f"best_mode must be 'min' or 'max', not {self.best_mode!r}")

    @property
    def is_set(self) -> bool:
        """Whether anything is ever to be removed."""
        return any(value is not None for value in (self.keep_last, self.keep_every, self.keep_best))

    def kept(self, generations: Sequence[Generation]) -> set[str]:
        """Return the names to keep of generations, given oldest first."""
        if not self.is_set:
            return {generation.name for generation in generations}
        kept = set()
        if self.keep_last is not None:
            kept |= {generation.name for generation in generations[-self.keep_last :]}
        if self.keep_every is not None:
            kept |= {generation.name for generation in generations if generation.step % self.keep_every == 0}
        if self.keep_best is not None:
            values = [(self._value(generation), generation) for generation in generations]
            measured = [(value, generation) for value, generation in values if value is not None]
            # The best come last; of equal ones the newer, since the sort is stable.
            sign = 1 if self.best_mode == "max" else -1
            ranked = sorted(measured, key=lambda pair: sign * pair[0])
            kept |= {generation.name for _, generation in ranked[-self.keep_best :]}
        return kept

    def _value(self, generation: Generation) -> float | None:
        value = generation.user.get(self.best_by or "")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return None
        return float(value)
