"""How often a failed request is repeated, with the pause before each repetition.

The policy is data and arithmetic only: sleeping, deadlines and the budget shared by an endpoint belong to whoever
sends requests (DECISIONS 24).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

__all__ = ["RetryPolicy"]


@dataclass(frozen=True)
class RetryPolicy:
    """What to do when a request fails in a way that may pass.

    `max_attempts`: requests in all, the first one included (3). `backoff_base`: seconds before the second attempt
    (1.0), doubled for each further one. `backoff_max`: no pause is longer, in seconds (60.0). `jitter`: width in
    seconds of the random part of a pause (1.0). `timeout`: seconds for the whole operation with all its attempts
    and pauses; None means no limit.

    Raises ValueError for numbers out of range (NaN and infinity too), TypeError for what is no number (bool too).
    """

    max_attempts: int = 3
    backoff_base: float = 1.0
    backoff_max: float = 60.0
    jitter: float = 1.0
    timeout: float | None = None

    def __post_init__(self) -> None:
        _check_count("max_attempts", self.max_attempts)
        _check_seconds("backoff_base", self.backoff_base)
        _check_seconds("backoff_max", self.backoff_max)
        _check_seconds("jitter", self.jitter)
        if self.timeout is not None:
            _check_timeout(self.timeout)

    @classmethod
    def disabled(cls) -> RetryPolicy:
        """Return the policy with one attempt: the first failure is the caller's."""
        return cls(max_attempts=1)

    def delay(self, attempt: int, rng: Random) -> float:
        """Return the seconds to wait after attempt number `attempt` (1 = the first) has failed.

        Exponential: ``backoff_base * 2 ** (attempt - 1)`` plus a random share of `jitter`, never above
        `backoff_max`. At that ceiling the random part goes downwards instead, so that clients which failed together
        do not come back together. `rng` gives the randomness (a seeded one makes the pauses repeatable).

        Raises ValueError when `attempt` is below 1. Whether another attempt is due is the caller's question.
        """
        if attempt < 1:
            raise ValueError(f"attempt must be >= 1, not {attempt}")
        latest = min(self.backoff_max, _doubled(self.backoff_base, attempt - 1) + self.jitter)
        earliest = max(0.0, latest - self.jitter)
        return min(latest, earliest + (latest - earliest) * rng.random())


# 2 ** 1023 is the last power of two that a float holds.
_MOST_DOUBLINGS = 1023


def _doubled(seconds: float, times: int) -> float:
    """Return `seconds` doubled so many times; infinity where a float ends (10**9 attempts are legal)."""
    return float(seconds) * 2.0 ** min(times, _MOST_DOUBLINGS)


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be >= 1, not {value}")


def _check_seconds(name: str, value: object) -> None:
    if not 0 <= _number(name, value) < math.inf:
        raise ValueError(f"{name} must be >= 0 and finite (seconds), not {value}")


def _check_timeout(value: object) -> None:
    if not 0 < _number("timeout", value) < math.inf:
        raise ValueError(f"timeout must be > 0 and finite (seconds), not {value}; None means no limit")


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:  # an int beyond every float
        return math.inf
