"""What holds for every policy and every course of events (DECISIONS 24), on a clock that nobody waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import inf
from typing import Any

import anyio
import pytest
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from remote_store._core.retry import RetryPolicy
from remote_store._http.retrying import MAX_PAUSE, Fault, Retrier, RetryBudget, pause_asked

HAIR = 1e-6


def on_virtual_clock(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run on trio with a clock that jumps to the next thing that is waited for."""
    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@dataclass(frozen=True)
class Event:
    """What an attempt does: it takes so long, then fails in that way, or succeeds."""

    takes: float
    fails: bool = True
    may_retry: bool = True
    stale: bool = False
    pause: float | None = None


@dataclass
class Course:
    """A run of the retrier over events, with the times of all attempts; after the last event everything succeeds."""

    events: list[Event]
    begun: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    async def attempt(self) -> str:
        number = len(self.begun)
        event = self.events[number] if number < len(self.events) else Event(0, fails=False)
        self.begun.append(anyio.current_time())
        try:
            await anyio.sleep(event.takes)
        finally:
            self.ended.append(anyio.current_time())
        if event.fails:
            raise Fault("X", "x", may_retry=event.may_retry, stale=event.stale, pause=event.pause)
        return "done"


SECONDS = st.floats(0, 100)
EVENTS = st.lists(
    st.builds(
        Event,
        takes=st.floats(0, 30),
        fails=st.just(True) | st.booleans(),
        may_retry=st.just(True) | st.booleans(),
        stale=st.booleans(),
        pause=st.none() | st.floats(0, 200),
    ),
    max_size=12,
)
POLICIES = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 10),
    backoff_base=SECONDS,
    backoff_max=SECONDS,
    jitter=SECONDS,
    timeout=st.none() | st.floats(0.1, 500),
)


@given(POLICIES, EVENTS)
def test_a_run_keeps_its_policy(policy: RetryPolicy, events: list[Event]) -> None:
    """Attempts, pauses, Retry-After and the deadline, whatever happens when."""
    course = Course(events)
    budget = RetryBudget()

    async def main() -> tuple[Fault | None, float]:
        began = anyio.current_time()
        try:
            await Retrier(policy, budget).run(course.attempt)
        except Fault as fault:
            return fault, anyio.current_time() - began
        return None, anyio.current_time() - began

    failed, took = on_virtual_clock(main)
    attempts = len(course.begun)
    seen = [*events, *[Event(0, fails=False)] * attempts][:attempts]
    if policy.timeout is not None:
        assert took <= policy.timeout + HAIR
    counted = attempts - any(event.stale for event in seen[:-1] if event.fails)
    assert counted <= policy.max_attempts
    if failed is not None:
        assert failed.attempts <= policy.max_attempts
    assert all(event.fails for event in seen[:-1]), "nothing is tried again that has succeeded"
    check_pauses(policy, seen, course)
    check_tokens(budget, seen, failed, course)


def check_pauses(policy: RetryPolicy, seen: list[Event], course: Course) -> None:
    fresh, number = True, 0
    for index, event in enumerate(seen[:-1]):
        number += 1
        gap = course.begun[index + 1] - course.ended[index]
        if event.stale and fresh:
            fresh = False
            number -= 1
            assert gap <= HAIR, "a stale connection is replaced at once"
            continue
        assert event.may_retry, "a refusal is final"
        asked = event.pause or 0.0
        assert asked <= MAX_PAUSE, "a longer Retry-After is not waited for"
        doubled = min(policy.backoff_max, policy.backoff_base * 2.0 ** (number - 1) + policy.jitter)
        assert max(asked, doubled - policy.jitter, 0.0) - HAIR <= gap
        assert gap <= max(asked, min(policy.backoff_max, doubled)) + HAIR


def check_tokens(budget: RetryBudget, seen: list[Event], failed: Fault | None, course: Course) -> None:
    """Every counted retry has paid; only a success has given back."""
    free = any(event.stale for event in seen[:-1])
    retries = len(seen) - 1 - free
    price = retries * RetryBudget.COST
    if failed is None:
        price -= RetryBudget.COST if retries else 1
    assert RetryBudget.CAPACITY - budget._left == max(0, price)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=8), st.floats(0.1, 20))
def test_the_requests_of_an_operation_have_one_deadline(takes: list[float], timeout: float) -> None:
    """One after the other, nested or not; a look at what became of a lost request has its grace, and no more."""

    async def main() -> tuple[str, float]:
        retrier = Retrier(RetryPolicy(timeout=timeout), RetryBudget())
        began, code = anyio.current_time(), ""
        try:
            with retrier.operation():
                for seconds in takes:
                    with retrier.operation():
                        await retrier.run(lambda seconds=seconds: anyio.sleep(seconds))  # type: ignore[misc]
        except Fault as fault:
            code = fault.code
        return code, anyio.current_time() - began

    code, took = on_virtual_clock(main)
    assert took <= timeout + HAIR
    assert (code == "Deadline") == (sum(takes) > timeout) or abs(sum(takes) - timeout) <= HAIR


def test_a_look_after_the_deadline_has_its_grace() -> None:
    """A second, whatever the operation has used up."""

    async def main() -> float:
        retrier = Retrier(RetryPolicy(timeout=5), RetryBudget())
        began = anyio.current_time()
        with retrier.operation():
            with pytest.raises(Fault, match="no answer"):
                await retrier.run(anyio.sleep_forever)
            with pytest.raises(Fault, match="no answer"):
                await retrier.run(anyio.sleep_forever, grace=1)
        return anyio.current_time() - began

    assert on_virtual_clock(main) == pytest.approx(6)


@given(st.lists(st.integers(0, 40), max_size=60))
def test_the_budget_never_gives_more_than_it_has(steps: list[int]) -> None:
    """0 takes the price of a retry, any other number gives so many tokens back."""
    budget, model = RetryBudget(), RetryBudget.CAPACITY
    for step in steps * 5:
        if step:
            budget.give(step)
            model = min(RetryBudget.CAPACITY, model + step)
        else:
            assert budget.take() == (model >= RetryBudget.COST)
            model -= RetryBudget.COST if model >= RetryBudget.COST else 0


@given(st.integers(1, 200), st.integers(1, 50))
def test_clients_that_share_a_budget_share_its_end(clients: int, max_attempts: int) -> None:
    """A service that is down gets one request of each, and 100 more of all together, however many they are."""
    budget = RetryBudget()
    sent = 0

    async def down() -> None:
        nonlocal sent
        sent += 1
        await anyio.sleep(0.1)
        raise Fault("503", "busy", may_retry=True)

    async def client() -> None:
        policy = RetryPolicy(max_attempts=max_attempts, backoff_base=0.1, backoff_max=5)
        with pytest.raises(Fault):
            await Retrier(policy, budget).run(down)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(clients):
                group.start_soon(client)

    on_virtual_clock(main)
    assert sent == clients + min(RetryBudget.CAPACITY // RetryBudget.COST, clients * (max_attempts - 1))


# Retry-After


@given(st.integers(0, 10**9), st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)))
def test_retry_after_has_two_forms(seconds: int, now: datetime) -> None:
    """RFC 9110, section 10.2.3: seconds, or a time, which is told by the server's own clock."""
    now = now.replace(microsecond=0, tzinfo=UTC)
    assert pause_asked(str(seconds)) == seconds
    then = now + timedelta(seconds=seconds % 10**6)
    assert pause_asked(format_datetime(then, usegmt=True), format_datetime(now, usegmt=True)) == seconds % 10**6
    assert pause_asked(format_datetime(now, usegmt=True), format_datetime(then, usegmt=True)) == 0


@pytest.mark.parametrize("text", [None, "", " ", "-1", "1.5", "1e3", "soon", "٣", "Mon, 99 Foo 2020 00:00:00 GMT"])
def test_what_is_no_retry_after_is_none(text: str | None) -> None:
    """The policy's own pause is taken."""
    assert pause_asked(text) is None


@given(st.text())
def test_no_header_breaks_the_reading_of_it(text: str) -> None:
    """A server may send anything."""
    assert pause_asked(text, text) is None or 0 <= (pause_asked(text, text) or 0) <= inf


def test_a_retry_after_of_many_digits_is_too_long() -> None:
    """And not an error, nor no pause."""
    assert pause_asked("9" * 5000) == inf
