"""What needs asyncio runs there from either loop: results, errors and cancellation cross over."""

from __future__ import annotations

import threading

import anyio
import pytest

from remote_store._bridge.hosting import AsyncioHost, on_trio


async def where() -> tuple[str, int]:
    """Say which loop runs this, and on which thread."""
    return ("trio" if on_trio() else "asyncio"), threading.get_ident()


async def nothing() -> None:
    """Have nothing to finish."""


@pytest.mark.anyio
async def test_it_runs_on_asyncio_from_both_loops() -> None:
    """DESIGN 5: on the caller's own loop where that is asyncio, else on one thread for all calls."""
    host = AsyncioHost("test")
    found = [await host.run(where) for _ in range(3)]
    assert {name for name, _ in found} == {"asyncio"}
    assert len({thread for _, thread in found}) == 1
    assert (found[0][1] == threading.get_ident()) is not on_trio()
    await host.close(nothing)
    assert (await host.run(where))[0] == "asyncio"  # it can be used again
    await host.close(nothing)


@pytest.mark.anyio
async def test_an_error_arrives_as_the_same_object() -> None:
    """CONTRACT 100, for this bridge too."""
    error = ZeroDivisionError("the very one")

    async def fail() -> None:
        raise error

    host = AsyncioHost("test")
    with pytest.raises(ZeroDivisionError) as raised:
        await host.run(fail)
    assert raised.value is error
    await host.close(nothing)


@pytest.mark.anyio
async def test_a_cancelled_caller_cancels_what_runs_for_it_and_waits_for_its_end() -> None:
    """DESIGN 5: cancellation reaches the transfer; its clean-up has ended when the caller goes on."""
    host = AsyncioHost("test")
    begun, told = threading.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
            told.append("cleaned up")

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(host.run, work)
            while not begun.is_set():
                await anyio.lowlevel.checkpoint()
            scope.cancel()
    assert told == ["cleaned up"]
    await host.close(nothing)


@pytest.mark.anyio
async def test_what_is_finished_runs_where_the_calls_ran() -> None:
    """A connection is closed on its own loop."""
    host = AsyncioHost("test")
    _, thread = await host.run(where)
    seen: list[int] = []

    async def finish() -> None:
        seen.append(threading.get_ident())

    await host.close(finish)
    assert seen == [thread]
