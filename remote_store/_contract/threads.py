"""Worker threads for blocking calls, under a limit of our own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar, TypeVarTuple, Unpack

import anyio
import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar

__all__ = ["in_thread", "to_the_end", "within"]

T = TypeVar("T")
Args = TypeVarTuple("Args")

MAX_THREADS = 40
"""Blocking calls at a time and event loop: as many as anyio's default limiter has, which stays the application's."""

_limiter: RunVar[CapacityLimiter] = RunVar("remote_store_threads")


async def in_thread(function: Callable[[Unpack[Args]], T], *args: *Args, limiter: CapacityLimiter | None = None) -> T:
    """Run a blocking call in a worker thread and return its result.

    A cancelled caller waits until the call has ended, or withdraws it before it begins: a thread that holds a file
    is never left behind, and nothing is written after the caller has gone on.
    """
    call = _Call(function, args)
    try:
        return await anyio.to_thread.run_sync(call, limiter=limiter or _own_limiter())
    except anyio.get_cancelled_exc_class():
        # anyio shields the call from its own cancellation, but asyncio's Task.cancel() comes through at once.
        if not call.withdraw():
            await _ended(call)
        raise


async def _ended(call: _Call[T]) -> None:
    """Wait until a call that has begun has ended, however often its caller is cancelled meanwhile."""
    while not call.ended:
        try:
            with anyio.CancelScope(shield=True):
                # A limit for it alone: those who wait must not wait for those they wait for.
                await anyio.to_thread.run_sync(call.wait, limiter=CapacityLimiter(1))
        except anyio.get_cancelled_exc_class():
            continue  # Task.cancel() once more: the first one is on its way already


async def to_the_end(seconds: float, function: Callable[[Unpack[Args]], object], *args: *Args) -> None:
    """Run a blocking clean-up in a worker thread, whatever cancels its caller meanwhile; that is raised afterwards.

    After `seconds` it is left behind: only a mount that hangs can take that long, and the loop must go on.
    """
    call = _Call(function, args)
    cancelled: BaseException | None = None
    with anyio.move_on_after(seconds, shield=True) as scope:
        while not call.ended:
            try:
                await anyio.to_thread.run_sync(call.finish, abandon_on_cancel=True, limiter=CapacityLimiter(1))
            except anyio.get_cancelled_exc_class() as error:
                if scope.cancel_called:
                    raise
                cancelled = error  # asyncio's Task.cancel(), which no shield keeps away
    if cancelled is not None:
        raise cancelled


async def within(seconds: float, function: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Run a blocking call that may never return, in a daemon thread of its own, and return its result.

    Raises TimeoutError after `seconds`. Whoever is cancelled, or has waited too long, leaves the thread behind, and the
    interpreter's end does not wait for it: only for calls that hold nothing.
    """
    call = _Aside(function, args)
    threading.Thread(target=call.run, name="remote_store call", daemon=True).start()
    try:
        if not await anyio.to_thread.run_sync(
            call.over.wait, seconds, abandon_on_cancel=True, limiter=CapacityLimiter(1)
        ):
            raise TimeoutError(f"nothing came back within {seconds:g} s")
    finally:
        call.over.set()  # the worker that waits is no daemon, and must not wait any longer than its caller
    if call.error is not None:
        raise call.error
    return call.result


def _own_limiter() -> CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(MAX_THREADS)
        _limiter.set(limiter)
        return limiter


class _Aside(Generic[T]):
    """A blocking call in a thread that nobody needs to wait for."""

    result: T

    def __init__(self, function: Callable[..., T], args: tuple[object, ...]) -> None:
        self._function = function
        self._args = args
        self.error: BaseException | None = None
        self.over = threading.Event()

    def run(self) -> None:
        """Run the call and keep what comes of it."""
        try:
            self.result = self._function(*self._args)
        except BaseException as error:  # noqa: BLE001  # it is raised where the call was asked for
            self.error = error
        finally:
            self.over.set()


class _Call(Generic[T]):
    """A blocking call that can be withdrawn before it begins and waited for once it has begun."""

    __slots__ = ("_args", "_begun", "_ended", "_function")

    def __init__(self, function: Callable[..., T], args: tuple[object, ...]) -> None:
        self._function = function
        self._args = args
        self._begun = threading.Lock()  # taken by whoever comes first: the worker or the withdrawal
        self._ended = threading.Lock()
        self._ended.acquire()

    def __call__(self) -> T:
        if not self._begun.acquire(blocking=False):
            raise RuntimeError("the call was withdrawn")  # seen by nobody: its caller has been cancelled
        return self._run()

    def _run(self) -> T:
        try:
            return self._function(*self._args)
        finally:
            # Let go of what it worked on: this thread may keep the call for longer than its caller waits.
            del self._function, self._args
            self._ended.release()

    def finish(self) -> None:
        """Run the call, or wait for its end if another thread has begun it."""
        if self._begun.acquire(blocking=False):
            self._run()
        else:
            self.wait()

    @property
    def ended(self) -> bool:
        """Whether the call has run to its end."""
        return not self._ended.locked()

    def withdraw(self) -> bool:
        """Keep the call from beginning; false if it has begun already."""
        if not self._begun.acquire(blocking=False):
            return False
        del self._function, self._args
        return True

    def wait(self) -> None:
        """Block until the call has ended."""
        with self._ended:
            pass
