"""The time of a transfer: what gets on goes on, what stands still or trickles ends. On trio's clock of tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from remote_store._core.retry import RetryPolicy
from remote_store._http.pace import GRACE_SECONDS, MIN_RATE, Pace
from remote_store._http.retrying import Fault, Retrier, RetryBudget


def on_a_clock(call: Callable[[], Awaitable[Any]]) -> None:
    """Run with a clock that jumps when everybody waits."""
    trio.run(call, clock=MockClock(autojump_threshold=0))


def retrier(**policy: Any) -> Retrier:
    return Retrier(RetryPolicy(backoff_base=0, jitter=0, **policy), RetryBudget())


def test_what_comes_fast_enough_goes_on_for_ever() -> None:
    """RELIABILITY 7: the least rate is what is asked for, whatever the length."""

    async def transfer() -> None:
        pace = Pace(10)
        for _ in range(1000):
            await trio.sleep(1)
            pace.earn(MIN_RATE)

    on_a_clock(transfer)


def test_what_trickles_ends_soon_after_its_time() -> None:
    """RELIABILITY 7: a byte a second does not count as alive."""

    async def transfer() -> None:
        pace = Pace(10)
        begun = trio.current_time()
        with pytest.raises(Fault, match="bytes a second"):
            while True:
                await trio.sleep(1)
                pace.earn(1)
        assert trio.current_time() - begun == 11

    on_a_clock(transfer)


def test_a_long_pause_of_the_reader_is_not_counted() -> None:
    """A stream belongs to its reader, who may take all day."""

    async def transfer() -> None:
        pace = Pace(10)
        await trio.sleep(86_400)
        pace.rest(86_400)
        pace.earn(1)

    on_a_clock(transfer)


def test_a_scope_moves_with_the_time_earned() -> None:
    """A block may last longer than its time at first, and ends when nothing comes any more."""

    async def transfer() -> None:
        pace = Pace(10)
        begun = trio.current_time()
        with pace.within():
            for _ in range(20):
                await trio.sleep(5)
                pace.earn(1 << 20)
            await trio.sleep_forever()
        assert trio.current_time() - begun == 110

    on_a_clock(transfer)


def test_without_a_timeout_slowness_is_bounded_and_tried_again() -> None:
    """RELIABILITY 7: also by default, after a minute of grace; a retry begins anew."""

    async def transfer() -> None:
        retries = retrier()
        pace = retries.pace()
        begun = trio.current_time()

        async def attempt() -> None:
            while True:
                await trio.sleep(1)
                pace.earn(1)

        with pytest.raises(Fault):
            await retries.run(attempt, pace=pace)
        assert trio.current_time() - begun == 3 * (GRACE_SECONDS + 1)

    on_a_clock(transfer)


def test_a_stream_that_trickles_ends_without_a_timeout_too() -> None:
    """RELIABILITY 7: each chunk is a run of its own, and none of them begins the time anew."""

    async def stream() -> None:
        retries = retrier()
        pace = retries.pace()
        begun = trio.current_time()
        with pytest.raises(Fault, match="bytes a second"):
            while True:
                await retries.run(lambda: trio.sleep(1), pace=pace)
                pace.earn(1)
        assert trio.current_time() - begun == GRACE_SECONDS + 1

    on_a_clock(stream)


def test_progress_gives_a_transfer_its_attempts_anew() -> None:
    """RELIABILITY 6: a MiB at least, so that requests stay few for each byte."""

    async def transfer() -> None:
        moved, calls = 0, 0

        async def attempt() -> None:
            nonlocal moved, calls
            calls += 1
            moved += (1 << 20) if calls < 10 else 1000
            raise Fault("cut", "cut", may_retry=True)

        with pytest.raises(Fault):
            await retrier(max_attempts=3).run(attempt, moved=lambda: moved)
        assert calls == 11

    on_a_clock(transfer)
