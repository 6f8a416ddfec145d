"""Saves in the background: how many at a time, what became of them, and that none of their errors is lost."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable

from ..._bridge.portal import Portal
from ..errors import CheckpointBusy, CheckpointSaveFailed
from .engine import Engine, Order
from .items import Entry
from .manifest import Generation
from .staging_pool import Arena, Pool

__all__ = ["Background", "Job"]

log = logging.getLogger("remote_store.checkpoint")


class Job:
    """One save in the background, seen from any thread."""

    def __init__(self, order: Order | None) -> None:
        self.order = order
        self.finished = threading.Event()
        self.result: Generation | None = None
        self.error: BaseException | None = None
        self.told = False
        """Whether somebody has been told of its error."""

    @property
    def step(self) -> int | None:
        """The step that is saved; None for a save that was skipped."""
        return None if self.order is None else self.order.step

    def outcome(self) -> Generation | None:
        """Return what came of it, or raise its error."""
        if self.error is not None:
            self.told = True
            raise self.error
        return self.result

    def end(self, result: Generation | None, error: BaseException | None) -> None:
        """Note how it ended, and let those go who wait."""
        self.result, self.error = result, error
        self.finished.set()


class Background:
    """The saves of one manager that run on a loop thread of its own, at most `max_pending` at a time.

    They go on while the caller's thread computes, whatever loop it has. After a fork the child has none of them.
    """

    def __init__(self, portal: Portal, engine: Callable[[], Engine], max_pending: int, exit_timeout: float) -> None:
        self._portal = portal
        self._engine = engine
        self._max_pending = max_pending
        self._exit_timeout = exit_timeout
        self._reset()
        _alive.add(self)

    def _reset(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._running: list[Job] = []
        self._failed: list[Job] = []
        self.pool = Pool()

    def _look_for_fork(self) -> None:
        if self._owner != os.getpid():
            self._reset()

    def admit(self, order: Order) -> Job | None:
        """Take a place for a save and return it; None if all are taken."""
        self._look_for_fork()
        with self._lock:
            if len(self._running) >= self._max_pending:
                return None
            job = Job(order)
            self._running.append(job)
            return job

    def busy(self, order: Order) -> CheckpointBusy:
        """Return the error for a save that is not to wait."""
        return CheckpointBusy(f"step {order.step} was not saved: {self._max_pending} saves are under way")

    def running(self) -> list[Job]:
        """Return the saves under way, oldest first."""
        self._look_for_fork()
        with self._lock:
            return list(self._running)

    def start(self, job: Job, entries: list[Entry], arena: Arena) -> None:
        """Begin a save of staged entries. The arena goes back to the pool at its end."""
        if not self._portal.loop_thread().spawn(self._run, job, entries, arena):
            raise self._portal.loop_thread().closed_error()

    async def _run(self, job: Job, entries: list[Entry], arena: Arena) -> None:
        assert job.order is not None
        try:
            result = await self._engine().save(job.order, entries)
        except BaseException as error:
            self.settle(job, None, error, arena)
            if not isinstance(error, Exception):
                raise
        else:
            self.settle(job, result, None, arena)

    def settle(self, job: Job, result: Generation | None, error: BaseException | None, arena: Arena | None) -> None:
        """Note how a save ended, and free its place."""
        with self._lock:
            if job in self._running:
                self._running.remove(job)
            if error is not None:
                self._failed.append(job)
        if arena is not None:
            self.pool.give(arena)
        job.end(result, error)

    def withdraw(self, job: Job, arena: Arena | None) -> None:
        """Give back the place of a save that did not begin: its caller has the error."""
        with self._lock:
            self._running.remove(job)
        if arena is not None:
            self.pool.give(arena)
        job.end(None, None)

    def raise_failed(self) -> None:
        """Raise what nobody has been told of yet, once."""
        self._look_for_fork()
        with self._lock:
            failed = [job for job in self._failed if not job.told]
            self._failed.clear()
        if not failed:
            return
        for job in failed:
            job.told = True
        error = CheckpointSaveFailed(f"The save of step {failed[0].step} in the background failed: {failed[0].error!r}")
        for job in failed[1:]:
            error.add_note(f"so did that of step {job.step}: {job.error!r}")
        raise error from failed[0].error

    # The interpreter's end

    def _at_exit(self, deadline: float) -> None:
        if self._owner != os.getpid():
            return
        for job in self.running():
            if not job.finished.wait(max(0.0, deadline - time.monotonic())):
                log.warning("the save of step %s was not finished in time and is not committed", job.step)
        for job in self._failed:
            if not job.told:
                log.error("the save of step %s in the background failed", job.step, exc_info=job.error)

    @property
    def exit_timeout(self) -> float:
        """Seconds that the interpreter's end waits at most."""
        return self._exit_timeout


_alive: weakref.WeakSet[Background] = weakref.WeakSet()


@atexit.register
def _wait_at_exit() -> None:
    began = time.monotonic()
    for background in list(_alive):
        background._at_exit(began + background.exit_timeout)
