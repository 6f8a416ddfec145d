"""The retry layer: what is tried again, when, and for how long (DECISIONS 24)."""

from __future__ import annotations

import anyio
import pytest

from remote_store._core.retry import RetryPolicy
from remote_store._http.retrying import Fault, Retrier, RetryBudget

pytestmark = pytest.mark.anyio
AT_ONCE = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0)


def failing(*faults: Fault) -> tuple[list[int], object]:
    """An attempt that raises these one after the other, then returns "done"."""
    calls: list[int] = []
    waiting = iter(faults)

    async def attempt() -> str:
        calls.append(1)
        for fault in waiting:
            raise fault
        return "done"

    return calls, attempt


def passing(**facts: object) -> Fault:
    return Fault("503", "busy", may_retry=True, **facts)


async def test_what_may_pass_is_tried_again() -> None:
    """Up to the policy's attempts; the fault says how many there were."""
    calls, attempt = failing(passing(), passing())
    assert await Retrier(AT_ONCE, RetryBudget()).run(attempt) == "done"
    assert len(calls) == 3
    calls, attempt = failing(*[passing() for _ in range(5)])
    with pytest.raises(Fault) as raised:
        await Retrier(AT_ONCE, RetryBudget()).run(attempt)
    assert (len(calls), raised.value.attempts) == (3, 3)


async def test_a_refusal_is_final() -> None:
    """Nothing is asked twice that was answered."""
    calls, attempt = failing(Fault("AccessDenied", "no"))
    with pytest.raises(Fault):
        await Retrier(AT_ONCE, RetryBudget()).run(attempt)
    assert len(calls) == 1


async def test_a_stale_connection_is_not_counted_once() -> None:
    """RELIABILITY 5: at once on a new connection, uncounted; a second one counts."""
    never = RetryPolicy(max_attempts=1)
    calls, attempt = failing(passing(stale=True))
    assert await Retrier(never, RetryBudget()).run(attempt) == "done"
    calls, attempt = failing(passing(stale=True), passing(stale=True))
    with pytest.raises(Fault):
        await Retrier(never, RetryBudget()).run(attempt)
    assert len(calls) == 2


async def test_the_budget_ends_a_storm() -> None:
    """500 tokens at 5 a retry: after 100 failed retries there are none, and successes bring them back."""
    budget = RetryBudget()
    retrier = Retrier(RetryPolicy(max_attempts=1000, backoff_base=0, jitter=0), budget)
    calls, attempt = failing(*[passing() for _ in range(500)])
    with pytest.raises(Fault):
        await retrier.run(attempt)
    assert len(calls) == 101
    for _ in range(5):
        await retrier.run(failing()[1])
    calls, attempt = failing(passing())
    assert await retrier.run(attempt) == "done"


async def test_the_deadline_ends_a_stalled_attempt() -> None:
    """One deadline for all attempts and pauses."""
    retrier = Retrier(RetryPolicy(max_attempts=9, backoff_base=0, timeout=0.05), RetryBudget())
    with pytest.raises(Fault) as raised:
        await retrier.run(anyio.sleep_forever)
    assert raised.value.code == "Deadline"


async def test_no_pause_is_begun_that_would_end_after_the_deadline() -> None:
    """The caller hears of the failure at once."""
    retrier = Retrier(RetryPolicy(max_attempts=9, backoff_base=30, timeout=5), RetryBudget())
    calls, attempt = failing(passing())
    with anyio.fail_after(1), pytest.raises(Fault):
        await retrier.run(attempt)
    assert len(calls) == 1


async def test_a_long_retry_after_is_not_waited_for() -> None:
    """Nobody expects a call to sleep for minutes."""
    calls, attempt = failing(passing(pause=3600.0))
    with anyio.fail_after(1), pytest.raises(Fault):
        await Retrier(AT_ONCE, RetryBudget()).run(attempt)
    assert len(calls) == 1


async def test_cancelling_is_no_fault() -> None:
    """It goes through, and nothing is tried again."""
    with anyio.move_on_after(0.02) as scope:
        await Retrier(AT_ONCE, RetryBudget()).run(anyio.sleep_forever)
    assert scope.cancelled_caught
