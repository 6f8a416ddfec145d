"""The portal: one event loop on one daemon thread, which blocking threads hand coroutines to."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

from anyio import CancelScope

from .._core.errors import BackendClosed

__all__ = ["LoopThread", "Portal"]

T = TypeVar("T")
AsyncFunction = Callable[..., Awaitable[T]]

_log = logging.getLogger("remote_store._async_to_sync_adapter")

CANCEL_SECONDS = 5.0
"""How long an interrupted caller waits for its coroutine to end: a commit in a worker thread can't be cut short."""
GIVE_UP_SECONDS = 2.0
"""How long cancelled tasks get to clean up after a close that timed out, before their loop ends under them."""
WAKE_SECONDS = 0.5
"""A thread blocked in a lock sees no asynchronous exception (a watchdog's timeout), so it looks up this often."""


class Portal:
    """The way into a loop thread that is started when it is first needed, after a fork anew.

    `owner` is named in errors: "<owner> is closed". Calls need no lock; starting and closing take one briefly.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._closed = False
        self._thread: LoopThread | None = None
        _portals.add(self)

    @property
    def closed(self) -> bool:
        """Whether it was closed for good."""
        return self._closed

    @property
    def started(self) -> bool:
        """Whether there is a loop thread now."""
        return self._thread is not None

    def loop_thread(self) -> LoopThread:
        """Return the running loop thread, started if need be. Raises BackendClosed once closed for good."""
        return self._thread or self._started()

    def _started(self) -> LoopThread:
        with self._lock:
            if self._closed:
                raise BackendClosed(f"{self._owner} is closed")
            if self._thread is None:
                self._thread = LoopThread(self._owner)
            return self._thread

    def close(self, finish: AsyncFunction[None], timeout: float | None, *, for_good: bool) -> None:
        """Run `finish` on the loop, let running tasks end, stop the loop and join its thread; once only.

        Errors of `finish` are logged. After `timeout` seconds (None: never) what still runs is cancelled, and one
        warning is logged.
        """
        with self._lock:
            thread, self._thread = self._thread, None
            self._closed = self._closed or for_good
        if thread is not None:
            thread.close(finish, timeout)

    def abandon(self) -> None:
        """Start anew in a forked child, where the lock may be held by a thread that is not there."""
        self._lock = threading.Lock()
        self._thread = None

    def __del__(self) -> None:
        # Neither I/O nor waiting: the loop is told to end, and its daemon thread does the rest.
        thread = getattr(self, "_thread", None)
        if thread is not None:
            thread.request_stop(None)


class LoopThread:
    """An event loop on a daemon thread, from its start to its end."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._loop = asyncio.new_event_loop()
        self._post: Callable[..., Any] = self._loop.call_soon_threadsafe
        self._calls: set[_Call] = set()
        self._background: set[asyncio.Task[Any]] = set()
        self._stop: asyncio.Future[AsyncFunction[None] | None] = self._loop.create_future()
        self._given_up = asyncio.Event()
        self._own: set[asyncio.Task[Any] | None] = set()
        self.ending = False
        _loop_threads.add(self)
        self._thread = threading.Thread(target=self._serve, name=f"{owner} loop", daemon=True)
        self._thread.start()
        self._ident = self._thread.ident

    # Calls

    def call(self, function: AsyncFunction[T], *args: object, **options: object) -> T:
        """Run a coroutine function on the loop, in a copy of this thread's context, and return its result.

        Its exception arrives as the same object. A caller interrupted by an exception (KeyboardInterrupt, a
        timeout) cancels the coroutine and waits up to `CANCEL_SECONDS` for its end. Raises BackendClosed if the
        loop has ended or ends meanwhile.
        """
        if threading.get_ident() == self._ident:
            raise RuntimeError(f"{self._owner}: a blocking call in its own event loop would wait for itself")
        call = _Call(self, function, args, options)
        self._calls.add(call)
        try:
            self._hand_over(call)
            while not call.done.acquire(True, WAKE_SECONDS):
                pass
        except BackendClosed:
            raise
        except BaseException:
            self._withdraw(call)
            raise
        finally:
            self._calls.discard(call)
        return self.outcome(call)  # type: ignore[no-any-return]  # what `function` gave

    def begin(self, function: AsyncFunction[Any], args: tuple[object, ...], finished: Callable[[], None]) -> _Call:
        """Run a coroutine function on the loop for a caller who does not block; `finished` is called on this loop."""
        call = _Call(self, function, args, {}, finished)
        self._calls.add(call)
        try:
            self._hand_over(call)
        except BaseException:
            self._calls.discard(call)
            raise
        return call

    def forget(self, call: _Call) -> None:
        """Leave a call to itself: its caller has gone."""
        self._calls.discard(call)

    def outcome(self, call: _Call) -> Any:
        """Return the result of a call that has ended, or raise what it raised."""
        self._calls.discard(call)
        if call.error is None:
            return call.result
        error, call.error = call.error, None
        try:
            raise error
        finally:
            del error  # else error and traceback hold each other, and with them the caller's frames

    def _hand_over(self, call: _Call) -> None:
        try:
            self._post(call.start, context=copy_context())
        except RuntimeError:
            raise self.closed_error() from None

    def _withdraw(self, call: _Call) -> None:
        """Cancel a call whose caller was interrupted, so that no orphan goes on writing."""
        try:
            self._post(call.cancel)
        except RuntimeError:
            return
        if not call.ended and not call.done.acquire(True, CANCEL_SECONDS):
            _log.warning("%s: an interrupted call was still running after %g s", self._owner, CANCEL_SECONDS)

    def spawn(self, function: AsyncFunction[None], *args: object) -> bool:
        """Have a coroutine function run without waiting for it, from any thread or finaliser; False if too late."""
        try:
            self._post(self._spawn, function, args)
        except RuntimeError:
            return False
        return True

    def _spawn(self, function: Callable[..., Any], args: tuple[object, ...]) -> None:
        task = self._loop.create_task(function(*args))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def new_task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Make a task; on the loop's own thread only."""
        return self._loop.create_task(coroutine)

    def closed_error(self) -> BackendClosed:
        """Return the error of whoever comes too late."""
        return BackendClosed(f"{self._owner} is closed")

    # Life

    def close(self, finish: AsyncFunction[None] | None, timeout: float | None) -> None:
        """End the loop after `finish` and all running tasks, at most `timeout` seconds later; see `Portal.close`."""
        self.request_stop(finish)
        if threading.get_ident() == self._ident:
            return  # the loop can't wait for its own end
        self._thread.join(timeout)
        if self._thread.is_alive():
            _log.warning("%s close timed out after %g s; what still runs is cancelled", self._owner, timeout)
            self.post(self._given_up.set)

    def request_stop(self, finish: AsyncFunction[None] | None) -> None:
        """Tell the loop to end as `close` does, without waiting."""
        self.post(self._stop_now, finish)

    def post(self, function: Callable[..., object], *args: object) -> None:
        """Run a plain function on the loop, or nothing if the loop has ended."""
        try:
            self._post(function, *args)
        except RuntimeError:
            pass  # the loop has ended, which is what every caller of this wants

    def _stop_now(self, finish: AsyncFunction[None] | None) -> None:
        if not self._stop.done():
            self._stop.set_result(finish)

    def _serve(self) -> None:
        # anyio asks sniffio, which else believes the caller's context: that may come from a trio loop.
        sniffio = sys.modules.get("sniffio")
        if sniffio is not None:
            sniffio.thread_local.name = "asyncio"
        try:
            # One root task for the loop's whole life: anyio's worker threads belong to it and end with it.
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()
            # A call posts itself after it joined the set, so whoever is in it now is all that can be waiting.
            for call in list(self._calls):
                call.fail(self.closed_error())

    async def _main(self) -> None:
        finish = await self._stop
        work = self._loop.create_task(self._drain(finish))
        given_up = self._loop.create_task(self._given_up.wait())
        self._own = {asyncio.current_task(), work, given_up}
        await asyncio.wait((work, given_up), return_when=asyncio.FIRST_COMPLETED)
        self.ending = True
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for call in list(self._calls):
            call.cancel()
        for task in tasks - {call.task for call in list(self._calls)}:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GIVE_UP_SECONDS)

    async def _drain(self, finish: AsyncFunction[None] | None) -> None:
        """Run `finish`, then wait until no task is left; new ones may appear as long as old ones run."""
        if finish is not None:
            try:
                await finish()
            except Exception as error:  # noqa: BLE001  # whatever a backend raises on close: CONTRACT 107
                _log.warning("%s: closing the wrapped backend raised %r", self._owner, error)
        while tasks := asyncio.all_tasks() - self._own:
            await asyncio.wait(tasks)
        # Only now: closing a generator that a task is in the middle of would fail.
        await self._loop.shutdown_asyncgens()

    def abandon(self) -> None:
        """Forget the loop in a forked child: neither its thread nor its connections are there.

        Nothing is closed: closing the inherited selector would take the parent's descriptors out of its epoll.
        """
        self._post = _refused


class _Call:
    """One coroutine that a blocked thread waits for. Everything but the waiting happens on the loop."""

    __slots__ = (
        "_args", "_finished", "_function", "_options", "_scope", "_thread", "done", "ended", "error", "result", "task",
    )  # fmt: skip

    def __init__(
        self,
        thread: LoopThread,
        function: AsyncFunction[Any],
        args: tuple[object, ...],
        options: dict[str, object],
        finished: Callable[[], None] | None = None,
    ) -> None:
        self._thread = thread
        self._function = function
        self._args = args
        self._options = options
        self.task: asyncio.Task[None] | None = None
        self.ended = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()
        self._finished = finished or self.done.release

    def start(self) -> None:
        """Make the task; the context is the caller's."""
        self._scope = CancelScope()
        self.task = self._thread.new_task(self._run())

    async def _run(self) -> None:
        try:
            # anyio's scope and not task.cancel(), which would take a shielded worker thread's caller away from it.
            with self._scope:
                self.result = await self._function(*self._args, **self._options)
            if self._scope.cancelled_caught:
                self.error = self._thread.closed_error()
        except BaseException as error:  # noqa: BLE001  # all of it belongs to the caller
            self.error = error
        self.ended = True
        self._finished()

    def cancel(self) -> None:
        """Cancel the coroutine at its next chance, and a call that has not been started for good."""
        if self.task is None:
            self.fail(self._thread.closed_error())
        else:
            self._scope.cancel()

    def fail(self, error: BaseException) -> None:
        """Let the caller go with an error, unless the coroutine has ended by itself."""
        if not self.ended:
            self.error, self.ended = error, True
            self._finished()


# Fork: the child has one thread, so locks may be held by nobody and loops run nowhere (DECISIONS 18).

_portals: weakref.WeakSet[Portal] = weakref.WeakSet()
_loop_threads: weakref.WeakSet[LoopThread] = weakref.WeakSet()
_abandoned: list[LoopThread] = []
"""Keeps what the parent owns from being collected, which would close it."""


def _refused(*_: object, **__: object) -> None:
    raise RuntimeError("this event loop belongs to the parent process")


def _after_fork_in_child() -> None:
    for thread in list(_loop_threads):
        thread.abandon()
        _abandoned.append(thread)
    _loop_threads.clear()
    for portal in list(_portals):
        portal.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
