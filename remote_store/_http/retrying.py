"""The one retry layer: attempts, pauses, one deadline for an operation, one budget for an endpoint (DECISIONS 24)."""

from __future__ import annotations

import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from typing import TypeAlias, TypeVar

import anyio

from .._core.retry import RetryPolicy
from .faults import Fault
from .pace import GRACE_SECONDS, Pace, Until

__all__ = ["SETTLE_SECONDS", "Fault", "Retrier", "RetryBudget", "budget_for", "pause_asked", "seconds_left"]

T = TypeVar("T")


Renewal: TypeAlias = Callable[[Fault], Awaitable[bool]]
"""Gets the fault of an attempt, in the same task; true if there are other credentials now to try with."""

SETTLE_SECONDS = 1.0
"""The grace of a look at what became of a request whose answer was lost: the truth is worth a second."""
MAX_PAUSE = 60.0
"""Seconds: a longer Retry-After is not waited for, for nobody expects a call to sleep for minutes."""


def pause_asked(retry_after: str | None, date: str | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks to wait, None for none (RFC 9110, section 10.2.3).

    It has seconds or a time; a time is measured from the answer's own `date`, for clocks differ.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text) if len(text) < 12 else inf
    then, now = _moment(text), _moment(date or "") or datetime.now(UTC)
    return None if then is None else max(0.0, (then - now).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class RetryBudget:
    """How many retries an endpoint gets from this process: a storm of them ends, single ones go through.

    The AWS SDKs' standard mode: 500 tokens, a retry takes 5, a success after a retry gives them back and any other
    success gives 1.
    """

    CAPACITY = 500
    COST = 5

    def __init__(self) -> None:
        self._left = self.CAPACITY
        self._lock = threading.Lock()  # loops of several threads share it

    def take(self) -> bool:
        """Take the price of a retry; false if there is not enough left."""
        with self._lock:
            if self._left < self.COST:
                return False
            self._left -= self.COST
            return True

    def give(self, tokens: int) -> None:
        """Give tokens back, up to the capacity."""
        with self._lock:
            self._left = min(self.CAPACITY, self._left + tokens)


LEAST_PROGRESS = 1024 * 1024
"""Bytes: a transfer that got so much further since its last fault has its attempts anew, one that didn't has not."""

_end: ContextVar[float] = ContextVar("remote_store_attempt_end", default=inf)
_operation: ContextVar[float | None] = ContextVar("remote_store_operation_end", default=None)


def seconds_left() -> float:
    """Return how long the attempt that is running in this task may still take; infinity without a deadline."""
    end = _end.get()
    return inf if end == inf else end - anyio.current_time()


class Retrier:
    """Runs attempts by a policy; one for a backend, its budget shared by all who use the endpoint.

    `renew` gets new credentials after a fault that tells of expired ones.
    """

    def __init__(self, policy: RetryPolicy, budget: RetryBudget, renew: Renewal | None = None) -> None:
        self.policy = policy
        self._budget = budget
        self._renew = renew
        self._random = random.Random()  # noqa: S311  # spreads pauses, guards nothing

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Give all requests of the block one deadline. Inside another operation its deadline stays."""
        before = _operation.get()
        token = _operation.set(self._deadline() if before is None else before)
        try:
            yield
        finally:
            _operation.reset(token)

    def pace(self) -> Pace:
        """Return the time for a transfer that begins now; what it brings earns it more."""
        timeout = self.policy.timeout
        return Pace(GRACE_SECONDS, strict=False) if timeout is None else Pace(timeout)

    def _deadline(self) -> float:
        return anyio.current_time() + self.policy.timeout if self.policy.timeout is not None else inf

    def _until(self, grace: float) -> Until:
        end = _operation.get()
        return Until(self._deadline() if end is None else max(end, anyio.current_time() + grace))

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        grace: float = 0.0,
        on_fault: Callable[[Fault], None] | None = None,
        pace: Pace | None = None,
        moved: Callable[[], int] = lambda: 0,
        used: int = 0,
    ) -> T:
        """Return what `attempt` returns; after a fault that may pass, pause and try again.

        Raises the last fault, with the number of attempts; a fault ``Deadline`` when the time is up. Finding out what
        became of a request, and cleaning up, have at least `grace` seconds. `on_fault` sees each fault before it is
        retried. A transfer has a `pace` instead of a deadline, tells the bytes it has `moved`, and how many attempts
        it has `used` before.
        """
        number, mark = used, moved()
        fresh = True
        renewed = self._renew is None
        time = self._until(grace) if pace is None else pace
        while True:
            number += 1
            try:
                result = await self._in_time(attempt, time, number)
            except Fault as fault:
                if moved() - mark >= LEAST_PROGRESS:
                    number = 1
                mark = moved()
                fault.attempts = number
                end = time.end
                if on_fault is not None:
                    on_fault(fault)
                if fault.stale and fresh and anyio.current_time() < end:
                    # At once on another connection, and not counted: the peer has only tidied up.
                    fresh = False
                    number -= 1
                    continue
                if not renewed and await self._renewed(fault, time, number):
                    # At once and not counted as well: once an operation, for new credentials don't help twice.
                    renewed = True
                    number -= 1
                    continue
                pause = self._pause(fault, number, end)
                if pause is None:
                    raise
                await anyio.sleep(pause)
            else:
                self._budget.give(RetryBudget.COST if number > 1 else 1)
                return result

    async def _renewed(self, fault: Fault, time: Until | Pace, number: int) -> bool:
        renew = self._renew
        if renew is None or fault.may_retry:
            return False
        return await self._in_time(lambda: renew(fault), time, number)

    async def _in_time(self, attempt: Callable[[], Awaitable[T]], time: Until | Pace, number: int) -> T:
        if number > 1:  # the first attempt of a chunk goes on with the time of those before
            time.begin()
        _end.set(time.end)
        if time.end == inf:
            return await attempt()
        with time.within():
            return await attempt()
        raise Fault("Deadline", self._late(number), maybe_done=True)

    def _pause(self, fault: Fault, number: int, end: float) -> float | None:
        """Return the seconds to wait before another attempt, None if there is to be none."""
        if not fault.may_retry or number >= self.policy.max_attempts:
            return None
        pause = self.policy.delay(number, self._random)
        if fault.pause is not None:
            if fault.pause > MAX_PAUSE:
                return None
            pause = max(pause, fault.pause)
        if anyio.current_time() + pause >= end or not self._budget.take():
            return None
        return pause

    def _late(self, number: int) -> str:
        return f"no answer within {self.policy.timeout:g} s" + (f" ({number} attempts)" if number > 1 else "")


_budgets: dict[str, RetryBudget] = {}


def budget_for(endpoint: str) -> RetryBudget:
    """Return the budget that all backends of this process share for an endpoint."""
    return _budgets.setdefault(endpoint, RetryBudget())
