"""Cancellation (CONTRACT B14): nothing half-done is seen, and the backend goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio

from ..._core.capability import Capability
from ..asserting import equal
from ..case import Case, drain, listed
from ..registry import Face, check

WRITE = Capability.WRITE


class _Waiting(AsyncIterator[bytes]):
    """Content that yields its pieces and then waits for ever; `reached` tells when it does."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = iter(pieces)
        self.reached = anyio.Event()

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        self.reached.set()
        await anyio.sleep_forever()
        raise StopAsyncIteration


async def _cancelled_write(write: Callable[..., Any], key: str, content: _Waiting, **options: Any) -> None:
    """Start a write and cancel it as soon as its content keeps it waiting."""

    async def attempt() -> None:
        await write(key, content, **options)
        raise AssertionError("a write ended although its content did not")

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(attempt)
            await content.reached.wait()
            tasks.cancel_scope.cancel()


@check("B14", 110, needs={WRITE}, face=Face.LOOP)
async def a_cancelled_write_leaves_nothing(case: Case) -> None:
    """A write that is cancelled while its content waits leaves no file, nor any other."""
    await case.put("kept", b"kept")
    for verb, write in case.writers():
        for pieces in ((), (b"half",), (b"x" * 400_000, b"y" * 400_000)):
            await _cancelled_write(write, f"new/{verb}", _Waiting(*pieces))
            equal(await case.content(f"new/{verb}"), None, f"content after a cancelled {verb}")
    await case.holds({"kept": b"kept"})


@check("B14", 110, needs={WRITE}, face=Face.LOOP)
async def a_cancelled_overwrite_keeps_the_old_content(case: Case) -> None:
    """An overwrite that is cancelled while its content waits keeps the old content."""
    await case.put("file", b"old")
    for _, write in case.writers():
        for pieces in ((), (b"half",), (b"x" * 400_000,)):
            await _cancelled_write(write, "file", _Waiting(*pieces), overwrite=True)
            await case.holds({"file": b"old"})


@check("B14", 110, needs={WRITE}, face=Face.LOOP)
async def the_backend_is_usable_after_a_cancellation(case: Case) -> None:
    """After cancelled writes the same path can be written, without `overwrite`, and read."""
    for verb, write in case.writers():
        for _ in range(5):
            await _cancelled_write(write, verb, _Waiting(b"half"))
        await write(verb, b"whole")
        equal(await case.content(verb), b"whole", f"content after cancelled calls of {verb}")


@check("B14", 110, needs={WRITE, Capability.READ}, face=Face.LOOP)
async def a_cancelled_reader_hurts_nobody(case: Case) -> None:
    """A task that is cancelled between two chunks leaves the file readable and replaceable."""
    data = await case.put("file", b"x" * 2_000_000)
    started = anyio.Event()

    async def read() -> None:
        async for _ in case.backend.read("file"):
            started.set()
            await anyio.sleep_forever()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await started.wait()
            tasks.cancel_scope.cancel()
    assert await drain(case.backend.read("file")) == data, "the file is damaged"
    await case.backend.write("file", b"new", overwrite=True)
    equal(await case.content("file"), b"new", "content")


@check("B14", 110, needs={WRITE, Capability.READ, Capability.LIST}, face=Face.LOOP)
async def a_cancelled_scope_refuses_calls_cleanly(case: Case) -> None:
    """In a scope that is cancelled already, a call is either done or not done, and none hangs."""
    with anyio.fail_after(30):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await case.backend.write("file", b"content")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await listed(case.backend.list_files(""))
    found = await case.content("file")
    assert found in (None, b"content"), f"content after a cancelled write: {found!r}"
    await case.holds({} if found is None else {"file": found})


@check("B14", 113, needs={WRITE, Capability.READ}, face=Face.LOOP)
async def a_timeout_ends_a_write(case: Case) -> None:
    """`fail_after` around a write whose content never comes ends it with TimeoutError and leaves nothing."""
    ended = False
    try:
        with anyio.fail_after(0.05):
            await case.backend.write("file", _Waiting(b"half"))
    except TimeoutError:
        ended = True
    assert ended, "the write went on"
    await case.holds({})
