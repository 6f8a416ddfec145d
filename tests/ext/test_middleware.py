"""Issue 10: stores around stores, at one seam."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import anyio
import pytest

from remote_store import CachedStore, Capability, CapabilityNotSupported, NotFound, ObservedStore, ProxyStore, Store
from remote_store._store._async.seam import CHANGES, AsyncSeam
from remote_store._store._sync.seam import Seam
from remote_store.aio import AsyncMemoryBackend, AsyncProxyStore, AsyncStore
from remote_store.aio.ext import middleware as async_middleware
from remote_store.aio.ext.cache import AsyncCachedStore
from remote_store.aio.ext.observe import AsyncObservedStore
from remote_store.backends import MemoryBackend
from remote_store.ext import middleware
from tests.ext.faces import ExtFace

# Nothing is forgotten

NAMES_ONLY = {"child", "native_path", "resolve", "supports", "to_key", "unwrap", "close", "aclose"}
"""What asks nothing of the backend: a seam may leave these to the proxy."""
CHANGED_NOT = {
    "read",
    "read_into",
    "read_ranges",
    "read_seekable",
    "head",
    "presign",
    "list_uploads",
    "abort_uploads",
    "ping",
}
"""What a cache neither keeps nor is changed by."""
PASSED_ON: list[tuple[type, type, set[str]]] = [
    (ProxyStore, Store, set()),
    (AsyncProxyStore, AsyncStore, set()),
    (ObservedStore, Store, set()),
    (AsyncObservedStore, AsyncStore, set()),
    (Seam, Store, NAMES_ONLY),
    (AsyncSeam, AsyncStore, NAMES_ONLY),
    (CachedStore, Store, NAMES_ONLY | CHANGED_NOT),
    (AsyncCachedStore, AsyncStore, NAMES_ONLY | CHANGED_NOT),
]


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if name[0] != "_" and callable(getattr(cls, name))}


def forgotten(wrapper: type, store: type, left_out: set[str]) -> set[str]:
    """The public methods of a store that a wrapper takes over from the store's own class as they are."""
    return {name for name in public(store) - left_out if getattr(wrapper, name) is getattr(store, name)}


@pytest.mark.parametrize(("wrapper", "store", "left_out"), PASSED_ON, ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrapper_passes_on_every_method_that_a_store_has(wrapper: type, store: type, left_out: set[str]) -> None:
    """Issue 10: one that a store gains is told here, by its name."""
    assert forgotten(wrapper, store, left_out) == set()
    base = ProxyStore if store is Store else AsyncProxyStore
    if wrapper is not base:
        others = forgotten(wrapper, base, left_out)
        assert others == set(), "the proxy's own: it passes by what the wrapper is for"


@pytest.mark.parametrize(("wrapper", "store", "left_out"), PASSED_ON, ids=lambda value: getattr(value, "__name__", ""))
def test_a_method_that_a_store_gains_is_missed(
    wrapper: type, store: type, left_out: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above does see it."""
    monkeypatch.setattr(store, "new_method", lambda self: None, raising=False)
    assert forgotten(wrapper, store, left_out) == {"new_method"}


def test_every_operation_that_changes_something_is_known_as_one() -> None:
    """A read-only store refuses by this list."""
    harmless = {name for name in public(AsyncStore) if name.startswith(("read", "list", "is_", "get_", "iter"))}
    harmless |= NAMES_ONLY | {"exists", "glob", "head", "ping", "presign"}
    assert public(AsyncStore) - harmless == set(CHANGES)


# Read-only

REFUSED: list[tuple[str, tuple[Any, ...]]] = [
    ("write", ("b", b"x")),
    ("write_text", ("b", "x")),
    ("write_atomic", ("b", b"x")),
    ("delete", ("a",)),
    ("delete_folder", ("d",)),
    ("move", ("a", "b")),
    ("copy", ("a", "b")),
    ("abort_uploads", (0,)),
    ("presign", ("a", "PUT")),
    ("open_atomic", ("b",)),
    ("unwrap", (object,)),
]


@pytest.mark.parametrize(("method", "args"), REFUSED, ids=[method for method, _ in REFUSED])
def test_a_read_only_store_refuses_every_change(face: ExtFace, method: str, args: tuple[Any, ...]) -> None:
    """Issue 10."""
    face.do("write", "a", b"data")
    before = face.content()
    store = face.module("middleware").read_only(face.store)
    for each in (store, store.child("sub")):
        with pytest.raises(CapabilityNotSupported, match="read-only"):
            face.on(each, method, *args)
    assert face.content() == before


def test_a_read_only_store_declares_no_change_and_reads(face: ExtFace) -> None:
    """Issue 10: capabilities stay true."""
    face.do("write", "d/a", b"data")
    store = face.module("middleware").read_only(face.store)
    declared = {capability for capability in Capability if store.supports(capability)}
    assert declared == {
        capability
        for capability in (
            Capability.READ, Capability.LIST, Capability.METADATA, Capability.SEEKABLE_READ, Capability.LAZY_READ,
            Capability.RANGED_READ, Capability.GLOB,
        )
        if face.store.supports(capability)
    }  # fmt: skip
    assert face.on(store, "read", "d/a") == b"data"
    assert face.on(store.child("d"), "read_text", "a") == "data"
    assert [str(info.path) for info in face.on(store, "list_files", "", recursive=True)] == ["d/a"]
    with pytest.raises(NotFound):
        face.on(store, "read_bytes", "missing")


# Prefix


def test_a_prefixed_store_is_the_folder_and_closes_the_whole(face: ExtFace) -> None:
    """Issue 10: on a wrapped store too."""
    face.do("write", "d/e/a", b"data")
    closed: list[str] = []
    watched = face.module("observe").observe(face.store, on_any=lambda event: closed.append(event.operation))
    store = face.module("middleware").prefix(watched, "d")
    assert face.on(store, "read_bytes", "e/a") == b"data"
    assert face.on(store.child("e"), "read_bytes", "a") == b"data"
    close = "close" if face.is_sync else "aclose"
    face.on(store, close)
    assert closed[-1] == close
    assert "close" not in closed[:-1]


# Throttle


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still, and the pauses that were asked for."""
    pauses: list[float] = []
    monkeypatch.setattr("remote_store._store.pacing.time.monotonic", lambda: 100.0)

    def pause(seconds: float) -> None:
        pauses.append(round(seconds, 6))

    async def pause_too(seconds: float) -> None:
        pauses.append(round(seconds, 6))

    monkeypatch.setattr("remote_store._store._sync.middleware.pause", pause)
    monkeypatch.setattr("remote_store._store._async.middleware.pause", pause_too)
    return pauses


def test_requests_wait_for_their_turn(face: ExtFace, clock: list[float]) -> None:
    """Issue 10: four a second; children share the pace."""
    store = face.module("middleware").throttle(face.store, requests_per_second=4)
    face.on(store, "write", "d/a", b"data")
    face.on(store, "exists", "d/a")
    face.on(store.child("d"), "read", "a")
    face.on(store, "list_files", "")
    assert clock == [0, 0.25, 0.5, 0.75]


def test_bytes_wait_for_their_turn(face: ExtFace, clock: list[float]) -> None:
    """Issue 10: 100 a second, both ways."""
    store = face.module("middleware").throttle(face.store, bytes_per_second=100)
    face.on(store, "write", "a", bytes(50))
    face.on(store, "read_bytes", "a")
    assert face.on(store, "read", "a") == bytes(50)
    face.on(store, "write", "b", face.source(iter([bytes(30), bytes(20)])))
    face.block(store.open_atomic("c"), bytes(10), bytes(40))
    assert face.on(store, "read_ranges", "a", [(0, 10), (5, 15)]) == [bytes(10)] * 2
    waited = [pause for pause in clock if pause]
    assert waited[-1] == pytest.approx(2.5)
    assert store._bytes.reserve(0) == pytest.approx(2.7)


@pytest.mark.parametrize("rates", [{"requests_per_second": 0}, {"bytes_per_second": -1}])
def test_a_rate_must_be_above_zero(face: ExtFace, rates: dict[str, float]) -> None:
    """RELIABILITY: refused at once."""
    with pytest.raises(ValueError, match="above 0"):
        face.module("middleware").throttle(face.store, **rates)


def test_without_rates_nothing_waits(face: ExtFace, clock: list[float]) -> None:
    """Issue 10."""
    store = face.module("middleware").throttle(face.store)
    face.on(store, "write", "a", b"data")
    assert clock == []


# Limit


class Crowded(AsyncMemoryBackend):
    """Counts the calls in flight, each of which takes a few turns of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    async def exists(self, path: str) -> bool:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        self.now -= 1
        return await super().exists(path)


@pytest.mark.anyio
async def test_no_more_calls_are_in_flight_than_allowed() -> None:
    """Issue 10: a child counts with its parent."""
    backend = Crowded()
    store = async_middleware.limit(AsyncStore(backend), 3)
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon((store if number % 2 else store.child("d")).exists, "k")
    assert backend.most == 3


def test_threads_wait_for_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 10, sync: two calls are in, the third finds no place and waits until one has left."""
    entered, leave, refused = threading.Semaphore(0), threading.Event(), threading.Event()

    class Told(threading.BoundedSemaphore):
        def __enter__(self) -> bool:
            if self.acquire(blocking=False):
                return True
            refused.set()
            return self.acquire()

    class Slow(MemoryBackend):
        inside = 0

        def exists(self, path: str) -> bool:
            Slow.inside += 1
            entered.release()
            leave.wait(30)
            return False

    with monkeypatch.context() as patch:
        patch.setattr(threading, "BoundedSemaphore", Told)
        store = middleware.limit(Store(Slow()), 2)
    threads = [threading.Thread(target=store.exists, args=("k",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        assert entered.acquire(timeout=30)
    assert refused.wait(30)
    assert Slow.inside == 2
    leave.set()
    for thread in threads:
        thread.join(30)
    assert entered.acquire(blocking=False)


def test_content_that_is_read_from_the_same_store_needs_no_second_place(face: ExtFace) -> None:
    """RELIABILITY: nothing waits for itself."""
    face.do("write", "a", b"data")
    store = face.module("middleware").limit(face.store, 1)
    face.run(lambda: store.write("b", store.read("a")))
    assert face.on(store, "read", "b") == b"data"
    face.ext("transfer", "transfer", store, "a", store, "c")
    assert face.on(store, "exists", "c")


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (True, TypeError), (1.5, TypeError)])
def test_a_limit_is_a_count(face: ExtFace, value: object, error: type[Exception]) -> None:
    """RELIABILITY: refused at once."""
    with pytest.raises(error, match="max_calls"):
        face.module("middleware").limit(face.store, value)


# Stacking


def layers(face: ExtFace) -> dict[str, Callable[[Any], Any]]:
    module = face.module("middleware")
    return {
        "cache": face.module("cache").cache,
        "observe": face.module("observe").observe,
        "prefix": lambda store: module.prefix(store, "d"),
        "throttle": lambda store: module.throttle(store, requests_per_second=1e9, bytes_per_second=1e12),
        "limit": lambda store: module.limit(store, 2),
    }


def orders() -> Iterator[tuple[str, ...]]:
    yield from permutations(["cache", "observe", "prefix", "throttle", "limit"], 5)


def test_wrappers_stack_in_any_order(face: ExtFace) -> None:
    """Issue 10: each of the 120 orders reads, writes, lists, and has the same capabilities; read-only on top of all."""
    face.do("write", "d/a", b"data")
    made = layers(face)
    declared = {capability for capability in Capability if face.store.supports(capability)}

    def go_through(order: tuple[str, ...]) -> Any:
        store = face.store
        for name in order:
            store = made[name](store)
        return store

    for order in orders():
        store = go_through(order)
        assert {capability for capability in Capability if store.supports(capability)} == declared
        assert face.on(store, "read", "a") == b"data"
        face.on(store, "write", "b", b"new", overwrite=True)
        assert sorted(str(info.path) for info in face.on(store, "list_files", "")) == ["a", "b"]
        with pytest.raises(CapabilityNotSupported):
            face.on(face.module("middleware").read_only(store), "delete", "a")
    assert sorted(face.content()) == ["d", "d/a", "d/b"]
