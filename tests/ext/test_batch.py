"""CONTRACT 126: many keys at once."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store import (
    AlreadyExists,
    BatchResult,
    Capability,
    CapabilityNotSupported,
    NotFound,
    RemoteStoreError,
    Store,
    batch_copy,
    batch_delete,
    batch_exists,
)
from remote_store.aio import AsyncMemoryBackend, AsyncStore
from remote_store.backends import MemoryBackend
from tests.ext.faces import ExtFace

CONCURRENT = pytest.mark.parametrize("concurrent", [False, True], ids=["in order", "concurrent"])


def test_a_result_is_frozen_and_knows_its_totals() -> None:
    """CONTRACT A9."""
    result = BatchResult(("a",), {"b": NotFound("b")})
    assert (result.all_succeeded, result.total) == (False, 2)
    with pytest.raises(AttributeError):
        result.succeeded = ()  # type: ignore[misc]


@CONCURRENT
def test_deleting_goes_on_after_an_error_and_keeps_the_order(disk_face: ExtFace, concurrent: bool) -> None:
    """CONTRACT 126: collected by key."""
    store = disk_face.filled(c=b"1", a=b"2")
    result = disk_face.ext("batch", "batch_delete", store, ["c", "missing", "a"], concurrent=concurrent)
    assert result.succeeded == ("c", "a")
    assert isinstance(result.failed["missing"], NotFound)
    assert disk_face.content() == {}


@CONCURRENT
def test_copying_names_sources(face: ExtFace, concurrent: bool) -> None:
    """CONTRACT 126: the key of a pair is its source."""
    store = face.filled(a=b"1", b=b"2")
    pairs = [("a", "a2"), ("b", "a"), ("no", "x")]
    result = face.ext("batch", "batch_copy", store, pairs, concurrent=concurrent)
    assert result.succeeded == ("a",)
    assert {key: type(error) for key, error in result.failed.items()} == {"b": AlreadyExists, "no": NotFound}
    assert face.ext("batch", "batch_copy", store, [("b", "a")], overwrite=True, concurrent=concurrent).all_succeeded


@CONCURRENT
def test_asking_gives_an_answer_for_each_key(face: ExtFace, concurrent: bool) -> None:
    """CONTRACT A9."""
    store = face.filled(a=b"1")
    found = face.ext("batch", "batch_exists", store, ["a", "b"], concurrent=concurrent)
    assert found == {"a": True, "b": False}
    assert face.ext("batch", "batch_exists", store, [], concurrent=concurrent) == {}


def test_stopping_ends_at_the_first_error(face: ExtFace) -> None:
    """CONTRACT 126: `stop_on_error`."""
    store = face.filled(a=b"1", c=b"2")
    result = face.ext("batch", "batch_delete", store, ["a", "b", "c"], stop_on_error=True)
    assert (result.succeeded, result.total) == (("a",), 2)
    assert face.do("exists", "c")


def test_stopping_has_no_meaning_without_an_order(face: ExtFace) -> None:
    """CONTRACT 126: `stop_on_error` with `concurrent` is refused, before anything is done."""
    store = face.filled(a=b"1")
    with pytest.raises(ValueError, match="stop_on_error"):
        face.ext("batch", "batch_delete", store, ["a"], stop_on_error=True, concurrent=True)
    assert face.do("exists", "a")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(face: ExtFace, limit: int) -> None:
    """RELIABILITY: nothing is done."""
    with pytest.raises(ValueError, match="max_workers"):
        face.ext("batch", "batch_exists", face.store, ["a"], concurrent=True, max_workers=limit)


class Unwilling(MemoryBackend):
    """A backend that can't delete."""

    @property
    def capabilities(self) -> Any:
        return type(super().capabilities)(set(super().capabilities) - {Capability.DELETE})


@CONCURRENT
def test_a_missing_capability_is_raised(concurrent: bool) -> None:
    """CONTRACT 126: it is no matter of one key."""
    store = Store(Unwilling())
    with pytest.raises(CapabilityNotSupported):
        batch_delete(store, ["a"], concurrent=concurrent)


@CONCURRENT
def test_asking_lets_every_error_through_and_methods_replaced_on_the_store_are_used(concurrent: bool) -> None:
    """CONTRACT 126; CONTRACT 5 for stores: a patched store is called as it is."""
    store = Store(MemoryBackend())
    asked = store.exists

    def exists(path: str) -> bool:
        if path == "bad":
            raise RemoteStoreError("no answer")
        return asked(path)

    store.exists = exists  # type: ignore[method-assign]
    with pytest.raises(RemoteStoreError, match="no answer"):
        batch_exists(store, ["good", "bad"], concurrent=concurrent)


@CONCURRENT
def test_a_child_is_asked_for_its_own_keys(concurrent: bool) -> None:
    """CONTRACT 79."""
    root = Store(MemoryBackend())
    root.write("sub/a", b"1")
    child = root.child("sub")
    assert batch_exists(child, ["a", "sub/a"], concurrent=concurrent) == {"a": True, "sub/a": False}
    assert batch_copy(child, [("a", "b")], concurrent=concurrent).all_succeeded
    assert root.exists("sub/b")


class Counting(AsyncMemoryBackend):
    """Counts how many calls are in flight."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    async def exists(self, path: str) -> bool:
        import anyio

        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        self.now -= 1
        return await super().exists(path)


@pytest.mark.anyio
async def test_no_more_calls_are_in_flight_than_the_limit() -> None:
    """Issue 10: a task group with a limit."""
    from remote_store.aio.ext.batch import batch_exists as asked

    backend = Counting()
    found = await asked(AsyncStore(backend), [f"k{number}" for number in range(50)], concurrent=True, max_workers=4)
    assert (len(found), backend.most) == (50, 4)
