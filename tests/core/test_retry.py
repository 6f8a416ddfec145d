"""RetryPolicy: what it accepts, and how long it waits."""

from __future__ import annotations

import dataclasses
import math
import pickle
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_store._core.retry import RetryPolicy

SECONDS = st.floats(min_value=0, max_value=1e9)


def test_the_defaults_are_three_attempts_a_second_apart_at_most_a_minute() -> None:
    """CONTRACT A4."""
    assert dataclasses.astuple(RetryPolicy()) == (3, 1.0, 60.0, 1.0, None)


def test_disabled_means_one_attempt() -> None:
    """CONTRACT 11."""
    assert RetryPolicy.disabled().max_attempts == 1


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("max_attempts", 0, "max_attempts must be >= 1"),
        ("max_attempts", -1, "max_attempts must be >= 1"),
        ("backoff_base", -0.1, "backoff_base must be >= 0"),
        ("backoff_base", math.nan, "backoff_base must be >= 0"),
        ("backoff_base", math.inf, "backoff_base must be >= 0"),
        ("backoff_max", -1, "backoff_max must be >= 0"),
        ("backoff_max", math.inf, "backoff_max must be >= 0"),
        ("backoff_max", 10**400, "backoff_max must be >= 0"),
        ("jitter", -1, "jitter must be >= 0"),
        ("jitter", math.nan, "jitter must be >= 0"),
        ("timeout", 0, "timeout must be > 0"),
        ("timeout", -5, "timeout must be > 0"),
        ("timeout", math.nan, "timeout must be > 0"),
        ("timeout", math.inf, "None means no limit"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(field: str, value: Any, text: str) -> None:
    """CONTRACT 11, RELIABILITY 'Config and URLs': negative timeout, NaN."""
    with pytest.raises(ValueError, match=text):
        RetryPolicy(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_attempts", True),
        ("max_attempts", 2.0),
        ("max_attempts", "3"),
        ("max_attempts", None),
        ("backoff_base", False),
        ("backoff_max", "60"),
        ("jitter", None),
        ("timeout", True),
        ("timeout", "30"),
        ("timeout", 1j),
    ],
)
def test_what_is_no_number_is_refused_by_name(field: str, value: Any) -> None:
    """CONTRACT 11: a bool is no count and no time."""
    with pytest.raises(TypeError, match=field):
        RetryPolicy(**{field: value})


def test_edges_of_the_ranges_are_accepted() -> None:
    """CONTRACT 11: zero pauses, one attempt, any positive timeout; a billion attempts are the deadline's business."""
    assert RetryPolicy(1, 0, 0, 0, 1e-9).delay(1, random.Random(0)) == 0
    assert RetryPolicy(max_attempts=10**9).max_attempts == 10**9


def test_a_policy_is_frozen_comparable_and_picklable() -> None:
    """CONTRACT A4."""
    policy = RetryPolicy(5, timeout=10)
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.timeout = 3  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert hash(policy) == hash(RetryPolicy(5, timeout=10))


def test_the_pause_doubles_up_to_its_ceiling() -> None:
    """RetryPolicy.delay without jitter."""
    policy = RetryPolicy(backoff_base=0.5, backoff_max=3.0, jitter=0.0)
    assert [policy.delay(attempt, random.Random(1)) for attempt in (1, 2, 3, 4, 50)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_at_the_ceiling_the_pauses_still_differ() -> None:
    """RetryPolicy.delay: clients that failed together don't come back together."""
    rng = random.Random(2)
    pauses = {RetryPolicy(backoff_max=4.0, jitter=1.0).delay(20, rng) for _ in range(50)}
    assert len(pauses) > 40
    assert all(3.0 <= pause <= 4.0 for pause in pauses)


def test_an_attempt_before_the_first_is_refused() -> None:
    """RetryPolicy.delay counts from 1."""
    with pytest.raises(ValueError, match="attempt must be >= 1"):
        RetryPolicy().delay(0, random.Random(0))


@given(SECONDS, SECONDS, SECONDS, st.integers(1, 10**9), st.randoms(use_true_random=False))
def test_every_pause_lies_between_its_bounds(
    base: float, ceiling: float, jitter: float, attempt: int, rng: random.Random
) -> None:
    """RetryPolicy.delay is finite, never negative, never above backoff_max, at most `jitter` away from the doubling."""
    pause = RetryPolicy(backoff_base=base, backoff_max=ceiling, jitter=jitter).delay(attempt, rng)
    doubled = min(ceiling, base * 2.0 ** min(attempt - 1, 900))
    assert 0 <= pause <= ceiling
    assert pause >= (doubled - jitter) * (1 - 1e-12) or doubled == 0
    assert pause <= (doubled + jitter) * (1 + 1e-12)
