"""CONTRACT 133 to 136: what observers are told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from remote_store import (
    AlreadyExists,
    BufferedObserver,
    Capability,
    CapabilityNotSupported,
    NotFound,
    ObservedStore,
    Store,
    StoreEvent,
    observe,
    set_correlation_id,
)
from remote_store.backends import MemoryBackend
from tests.ext.faces import ExtFace

CALLS: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
    ("on_read", "read", ("a",), {}),
    ("on_read", "read_bytes", ("a",), {}),
    ("on_read", "read_text", ("a",), {}),
    ("on_read", "read_ranges", ("a", [(0, 1)]), {}),
    ("on_read", "read_into", ("a", bytearray(2)), {}),
    ("on_write", "write", ("b", b"x"), {}),
    ("on_write", "write_text", ("b", "x"), {}),
    ("on_write", "write_atomic", ("b", b"x"), {}),
    ("on_delete", "delete", ("a",), {}),
    ("on_delete", "delete_folder", ("d",), {"recursive": True}),
    ("on_copy", "copy", ("a", "b"), {}),
    ("on_move", "move", ("a", "b"), {}),
    ("on_list", "list_files", ("",), {}),
    ("on_list", "list_folders", ("",), {}),
    ("on_list", "iter_children", ("",), {}),
    ("on_list", "get_file_info", ("a",), {}),
    ("on_list", "get_folder_info", ("d",), {}),
    ("on_list", "head", ("a",), {}),
    ("on_list", "exists", ("a",), {}),
    ("on_list", "is_file", ("a",), {}),
    ("on_list", "is_folder", ("d",), {}),
    ("on_list", "resolve", ("a",), {}),
    ("on_ping", "ping", (), {}),
]


def seen_by(face: ExtFace, *hooks: str, **options: Any) -> tuple[Any, list[StoreEvent]]:
    """An observed store with two files, and the list of the events that its hooks get."""
    face.do("write", "a", b"data", overwrite=True)
    face.do("write", "d/x", b"data", overwrite=True)
    events: list[StoreEvent] = []
    store = face.module("observe").observe(face.store, **dict.fromkeys(hooks, events.append), **options)
    return store, events


@pytest.mark.parametrize(("hook", "operation", "args", "options"), CALLS, ids=[call[1] for call in CALLS])
def test_each_operation_has_its_hook_and_tells_once(
    face: ExtFace, hook: str, operation: str, args: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """CONTRACT 133: its own hook, then `on_any`; `path` is the first argument."""
    store, events = seen_by(face, hook, "on_any")
    face.on(store, operation, *args, **options)
    assert [event.operation for event in events] == [operation] * 2
    assert {event.path for event in events} == {args[0] if args else ""}
    assert all(event.error is None and event.duration_ms >= 0 for event in events)


@pytest.mark.parametrize(
    ("operation", "args"),
    [("child", ("d",)), ("to_key", ("a",)), ("native_path", ("a",)), ("supports", (Capability.READ,))],
)
def test_names_are_told_to_on_any_alone(face: ExtFace, operation: str, args: tuple[Any, ...]) -> None:
    """CONTRACT 133."""
    store, others = seen_by(face, "on_read", "on_write", "on_list", "on_ping")
    getattr(store, operation)(*args)
    assert others == []
    store, events = seen_by(face, "on_any")
    getattr(store, operation)(*args)
    assert [event.operation for event in events] == [operation]


def test_closing_is_told(face: ExtFace) -> None:
    """CONTRACT 133: by the method's name on this side."""
    store, events = seen_by(face, "on_any")
    close = "close" if face.is_sync else "aclose"
    face.on(store, close)
    assert [event.operation for event in events] == [close]


def test_open_atomic_is_one_event_at_the_end_of_its_block(face: ExtFace) -> None:
    """CONTRACT 133."""
    store, events = seen_by(face, "on_write")
    face.block(store.open_atomic("new"), b"12", b"3")
    assert [(event.operation, event.metadata["overwrite"]) for event in events] == [("open_atomic", False)]
    assert face.do("read_bytes", "new") == b"123"


def test_a_failure_is_told_to_the_operation_then_any_then_error(face: ExtFace) -> None:
    """CONTRACT 133: in this order, and the error is raised."""
    order: list[str] = []
    hooks = {name: (lambda event, name=name: order.append(name)) for name in ("on_error", "on_any", "on_delete")}
    store = face.module("observe").observe(face.store, **hooks)
    with pytest.raises(NotFound):
        face.on(store, "delete", "missing")
    assert order == ["on_delete", "on_any", "on_error"]


def test_a_read_of_a_missing_file_is_an_error_event(face: ExtFace) -> None:
    """CONTRACT 133: on the async side when the stream is opened."""
    store, events = seen_by(face, "on_any")
    with pytest.raises(NotFound):
        face.on(store, "read", "missing")
    assert [(event.operation, type(event.error)) for event in events] == [("read", NotFound)]


def test_a_bad_argument_of_a_listing_is_an_error_event(face: ExtFace) -> None:
    """CONTRACT 64, 133."""
    store, events = seen_by(face, "on_any")
    with pytest.raises(ValueError, match="max_depth"):
        face.on(store, "list_files", "", max_depth=-1)
    assert [type(event.error) for event in events] == [ValueError]


def test_metadata_tells_the_other_arguments_and_the_result_of_a_write(face: ExtFace) -> None:
    """CONTRACT 134."""
    store, events = seen_by(face, "on_any")
    result = face.on(store, "write_text", "b", "ä", encoding="latin-1", overwrite=True)
    assert events[-1].metadata == {"encoding": "latin-1", "overwrite": True, "write_result": result}
    face.on(store, "list_files", "", pattern="*.csv", max_depth=1)
    assert events[-1].metadata == {"recursive": False, "pattern": "*.csv", "max_depth": 1}
    face.on(store, "copy", "a", "c")
    assert events[-1].metadata == {"dst": "c", "overwrite": False}
    face.on(store, "delete", "c", missing_ok=True)
    assert events[-1].metadata == {"missing_ok": True}
    with pytest.raises(AlreadyExists):
        face.on(store, "write", "a", b"x")
    assert "write_result" not in events[-1].metadata
    with pytest.raises(CapabilityNotSupported):
        store.unwrap(int)
    assert "int" in events[-1].metadata["type_hint"]


def test_a_hook_that_raises_is_logged_and_goes_no_further(face: ExtFace, caplog: pytest.LogCaptureFixture) -> None:
    """CONTRACT 134; RELIABILITY: a callback that raises."""

    def bad(event: StoreEvent) -> None:
        raise RuntimeError("hook")

    store = face.module("observe").observe(face.store, on_write=bad, on_any=bad)
    with caplog.at_level(logging.WARNING, logger="remote_store.ext.observe"):
        face.on(store, "write", "a", b"x")
    assert face.do("read_bytes", "a") == b"x"
    assert [record.getMessage() for record in caplog.records] == [
        "Hook on_write raised an exception",
        "Hook on_any raised an exception",
    ]


def test_results_are_the_store_s_and_listings_are_whole(face: ExtFace) -> None:
    """CONTRACT 134."""
    store, events = seen_by(face, "on_list")
    assert sorted(str(info.path) for info in face.on(store, "list_files", "", recursive=True)) == ["a", "d/x"]
    assert len(events) == 1
    assert face.on(store, "read", "a") == b"data"


def test_around_wraps_the_call(face: ExtFace) -> None:
    """CONTRACT 135."""
    order: list[object] = []

    @contextmanager
    def around(operation: str, path: str, backend: str) -> Iterator[None]:
        order.append((operation, path, backend))
        yield
        order.append("end")

    store, events = seen_by(face, "on_any", around=around)
    face.on(store, "exists", "a")
    assert order == [("exists", "a", face.store._backend.name), "end"]
    assert len(events) == 1


def test_an_error_on_enter_of_around_takes_the_call_s_place(face: ExtFace) -> None:
    """CONTRACT 135."""

    @contextmanager
    def around(operation: str, path: str, backend: str) -> Iterator[None]:
        raise RuntimeError("not now")
        yield

    store, _ = seen_by(face, around=around)
    with pytest.raises(RuntimeError, match="not now"):
        face.on(store, "write", "new", b"x")
    assert not face.do("exists", "new")


def test_children_are_observed(face: ExtFace) -> None:
    """CONTRACT 135."""
    store, events = seen_by(face, "on_read")
    face.on(store.child("d"), "read_bytes", "x")
    assert [event.operation for event in events] == ["read_bytes"]
    assert repr(store) == f"{type(store).__name__}(inner={face.store!r})"


def test_the_correlation_id_is_the_context_s(face: ExtFace) -> None:
    """CONTRACT A9."""
    store, events = seen_by(face, "on_any")
    set_correlation_id("request-7")
    try:
        face.on(store, "exists", "a")
    finally:
        set_correlation_id(None)
    face.on(store, "exists", "a")
    assert [event.correlation_id for event in events] == ["request-7", None]


def test_the_blocking_one_also_observes_seekable_reads() -> None:
    """CONTRACT 133: `read_seekable` is there on the sync side alone."""
    inner = Store(MemoryBackend())
    inner.write("a", b"data")
    events: list[StoreEvent] = []
    store = observe(inner, on_read=events.append)
    with store.read_seekable("a") as stream:
        assert stream.read() == b"data"
    assert [event.operation for event in events] == ["read_seekable"]
    assert isinstance(store, ObservedStore)
    assert store.inner is inner
    assert store == ObservedStore(inner, store._hooks) != observe(inner)


# BufferedObserver


def event(path: str = "a") -> StoreEvent:
    return StoreEvent("read", path, "memory", 0.0, 1.0, None, {}, None)


def test_a_buffered_observer_hands_over_lists() -> None:
    """CONTRACT 136: `flush`, and `close` flushes; then events are ignored."""
    batches: list[list[StoreEvent]] = []
    observer = BufferedObserver(batches.append, flush_interval=60)
    first = event()
    observer.on_event(first)
    observer.flush()
    observer.on_event(event("b"))
    observer.close()
    observer.on_event(event("late"))
    observer.close()
    assert [[told.path for told in batch] for batch in batches] == [["a"], ["b"]]
    assert batches[0][0] is first


def test_a_full_buffer_drops_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """CONTRACT 136."""
    batches: list[list[StoreEvent]] = []
    observer = BufferedObserver(batches.append, max_queue=2, flush_interval=60)
    for number in range(3):
        observer.on_event(event(str(number)))
    observer.close()
    assert [told.path for told in batches[0]] == ["0", "1"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_handler_that_raises_does_not_end_the_thread() -> None:
    """RELIABILITY: a callback that raises; the next events are handed over."""
    first, second = threading.Event(), threading.Event()

    def handler(events: list[StoreEvent]) -> None:
        if not first.is_set():
            first.set()
            raise RuntimeError("handler")
        second.set()

    observer = BufferedObserver(handler, flush_interval=0.001)
    observer.on_event(event())
    assert first.wait(10)
    observer.on_event(event())
    assert second.wait(10)
    observer.close()
