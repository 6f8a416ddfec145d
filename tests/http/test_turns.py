"""Turns: limits of what is in flight and of what begins in one pass of the loop."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from remote_store._http.turns import Turns

pytestmark = pytest.mark.anyio


async def test_no_more_hold_a_turn_than_the_limit_allows() -> None:
    """Issue 4: requests in flight keep to the pool."""
    turns, holding, most = Turns(3, 100), 0, 0

    async def use() -> None:
        nonlocal holding, most
        await turns.take()
        holding += 1
        most = max(most, holding)
        await checkpoint()
        holding -= 1
        turns.give()

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(use)
    assert most == 3


async def test_only_so_many_begin_in_one_pass_of_the_loop() -> None:
    """Issue 4: a thousand calls at once leave the loop to others between their beginnings."""
    turns, begun = Turns(1000, 4), 0
    between: list[int] = []

    async def use() -> None:
        nonlocal begun
        await turns.take()
        begun += 1

    async def other() -> None:
        while begun < 100:
            before = begun
            await checkpoint()
            between.append(begun - before)

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        for _ in range(100):
            group.start_soon(use)
    # Another task may run between two of the same pass of ours, so that it sees parts of two.
    assert max(between) <= 2 * 4
    assert sum(between) >= 100 - 2 * 4


async def test_who_is_cancelled_while_waiting_leaves_the_turn_to_others() -> None:
    """Cancellation: neither a slot nor a place in the pass is lost."""
    turns = Turns(2, 1)
    for _ in range(2):
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(turns.take)
            await checkpoint()
            group.cancel_scope.cancel()
        with anyio.fail_after(10):
            for _ in range(2 - turns._slots.value):
                turns.give()
            for _ in range(5):
                await turns.take()
                turns.give()
