"""What observers are told: one event after each operation, and who gets it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

__all__ = ["Around", "BufferedObserver", "Hook", "Hooks", "StoreEvent", "set_correlation_id"]

_log = logging.getLogger("remote_store.ext.observe")
_correlation_id: ContextVar[str | None] = ContextVar("remote_store_correlation_id", default=None)


def set_correlation_id(cid: str | None) -> Token[str | None]:
    """Make `cid` the correlation id of all events in this context (thread, task) from now on; None for none.

    The token is what `contextvars.Token` is.
    """
    return _correlation_id.set(cid)


@dataclass(frozen=True)
class StoreEvent:
    """One operation of a store, told after its end.

    `operation` is the method's name, `path` its first argument (`""` where it has none), `backend` the backend's
    name. `started_at` is `time.monotonic()` at the beginning in seconds, `duration_ms` the time it took in
    milliseconds. `error` is what it raised, None if nothing. `metadata` has further arguments, and `write_result`.
    """

    operation: str
    path: str
    backend: str
    started_at: float
    duration_ms: float
    error: BaseException | None
    metadata: dict[str, Any]
    correlation_id: str | None


Hook: TypeAlias = Callable[[StoreEvent], None]
Around: TypeAlias = Callable[[str, str, str], AbstractContextManager[Any]]

_HOOK_OF = {
    "on_read": ("read", "read_bytes", "read_text", "read_into", "read_ranges", "read_seekable"),
    "on_write": ("write", "write_text", "write_atomic", "open_atomic"),
    "on_delete": ("delete", "delete_folder", "abort_uploads"),
    "on_copy": ("copy",),
    "on_move": ("move",),
    "on_list": (
        "list_files", "list_folders", "iter_children", "glob", "list_uploads", "get_file_info", "get_folder_info",
        "head", "exists", "is_file", "is_folder", "resolve",
    ),
    "on_ping": ("ping",),
}  # fmt: skip
HOOK_OF = {operation: hook for hook, operations in _HOOK_OF.items() for operation in operations}
"""Operation -> its hook (CONTRACT 133); what is not here goes to `on_any` alone."""


class Hooks:
    """The functions that one observed store and its children call."""

    def __init__(self, hooks: dict[str, Hook | None], around: Around | None) -> None:
        self._hooks = {name: hook for name, hook in hooks.items() if hook is not None}
        self._around = around

    @contextmanager
    def call(self, operation: str, path: str, backend: str, metadata: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Time the block, within `around` if there is one, and tell the hooks; gives the event's metadata."""
        started_at = time.monotonic()
        around = self._around(operation, path, backend) if self._around is not None else nullcontext()
        error: BaseException | None = None
        try:
            with around:
                yield metadata
        except BaseException as raised:
            error = raised
            raise
        finally:
            took = (time.monotonic() - started_at) * 1000
            event = StoreEvent(operation, path, backend, started_at, took, error, metadata, _correlation_id.get())
            self._tell(event)

    def _tell(self, event: StoreEvent) -> None:
        names = [HOOK_OF.get(event.operation), "on_any", "on_error" if event.error is not None else None]
        for name in names:
            hook = self._hooks.get(name) if name is not None else None
            if hook is None:
                continue
            try:
                hook(event)
            except Exception:  # noqa: BLE001  # an observer must not break what it observes (CONTRACT 134)
                _log.warning("Hook %s raised an exception", name, exc_info=True)


class BufferedObserver:
    """Collects events and hands them to `handler` in lists, on a thread of its own.

    It waits `flush_interval` seconds between lists, and holds up to `max_queue` events: further ones are dropped
    with a WARNING. `on_event` is the hook to give to `observe`; `close` hands over what is left.
    """

    def __init__(
        self, handler: Callable[[list[StoreEvent]], None], *, max_queue: int = 1000, flush_interval: float = 5.0
    ) -> None:
        self._handler = handler
        self._queue: queue.Queue[StoreEvent] = queue.Queue(maxsize=max_queue)
        self._interval = flush_interval
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="remote_store observer", daemon=True)
        self._thread.start()

    def on_event(self, event: StoreEvent) -> None:
        """Take an event; nothing happens after `close`."""
        if self._closing.is_set():
            return
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            _log.warning("BufferedObserver is full: dropped %s path=%r", event.operation, event.path)

    def flush(self) -> None:
        """Hand over all events so far; the handler's exceptions are raised here."""
        events: list[StoreEvent] = []
        while True:
            try:
                events.append(self._queue.get_nowait())
            except queue.Empty:
                break
        if events:
            self._handler(events)

    def close(self) -> None:
        """End the thread and hand over what is left. Closing twice does nothing more."""
        self._closing.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._closing.wait(self._interval):
            try:
                self.flush()
            except Exception:  # noqa: BLE001  # the thread must live to see the next events
                _log.warning("BufferedObserver: the handler raised an exception", exc_info=True)
