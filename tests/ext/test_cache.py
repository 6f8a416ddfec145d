"""CONTRACT 127 to 131: stores that remember."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remote_store import CacheBackend, CacheStats, MemoryCache, NotFound, Store, cache
from remote_store.backends import MemoryBackend
from tests.ext.faces import ExtFace


def remembering(face: ExtFace, **options: Any) -> tuple[Any, list[str]]:
    """A cached store over one with three files, and the list of the operations that reach that one."""
    for key in ("a", "d/x", "d/e/y"):
        face.do("write", key, b"data", overwrite=True)
    asked: list[str] = []
    told = face.module("observe").observe(face.store, on_any=lambda event: asked.append(event.operation))
    return face.module("cache").cache(told, **options), asked


@pytest.mark.parametrize("name", ["ttl", "max_content_size", "max_listing_size", "max_entries"])
@pytest.mark.parametrize("value", [0, -1])
def test_limits_must_be_positive(face: ExtFace, name: str, value: int) -> None:
    """CONTRACT 127."""
    with pytest.raises(ValueError, match=f"{name} must be positive"):
        face.module("cache").cache(face.store, **{name: value})


KEPT: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("exists", ("a",), {}),
    ("exists", ("missing",), {}),
    ("is_file", ("a",), {}),
    ("is_folder", ("a",), {}),
    ("read_bytes", ("a",), {}),
    ("get_file_info", ("a",), {}),
    ("get_folder_info", ("d",), {}),
    ("list_files", ("",), {"recursive": True}),
    ("list_folders", ("",), {}),
    ("iter_children", ("d",), {}),
]


@pytest.mark.parametrize(("method", "args", "options"), KEPT, ids=[f"{call[0]}-{call[1][0]}" for call in KEPT])
def test_what_was_read_is_asked_for_once(
    face: ExtFace, method: str, args: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """CONTRACT 127: also negative probes; listings as often as they are iterated."""
    store, asked = remembering(face)
    first = face.on(store, method, *args, **options)
    assert face.on(store, method, *args, **options) == first
    assert asked == [method]
    assert (store.stats.hits, store.stats.misses, store.stats.size) == (1, 1, 1)


def test_text_is_decoded_from_kept_bytes(face: ExtFace) -> None:
    """CONTRACT 127."""
    store, asked = remembering(face)
    assert face.on(store, "read_text", "a") == "data"
    assert face.on(store, "read_bytes", "a") == b"data"
    assert asked == ["read_bytes"]


@pytest.mark.parametrize(("method", "args"), [("read", ("a",)), ("head", ("a",)), ("read_ranges", ("a", [(0, 2)]))])
def test_streams_head_and_ranges_are_not_kept(face: ExtFace, method: str, args: tuple[Any, ...]) -> None:
    """CONTRACT 127."""
    store, asked = remembering(face)
    face.on(store, method, *args)
    face.on(store, method, *args)
    assert asked == [method] * 2


def test_failures_are_not_kept(face: ExtFace) -> None:
    """CONTRACT 127."""
    store, asked = remembering(face)
    for _ in range(2):
        with pytest.raises(NotFound):
            face.on(store, "read_bytes", "missing")
    assert asked == ["read_bytes"] * 2


def test_listings_with_other_arguments_are_other_answers(face: ExtFace) -> None:
    """CONTRACT 127: with `max_depth` set, `recursive` does not matter."""
    store, asked = remembering(face)
    for options in [{}, {"recursive": True}, {"pattern": "x"}, {"max_depth": 1}, {"max_depth": 1, "recursive": True}]:
        face.on(store, "list_files", "d", **options)
    assert len(asked) == 4


CHANGES: list[tuple[str, Callable[[ExtFace, Any], Any]]] = [
    ("write", lambda face, store: face.on(store, "write", "d/x", b"new", overwrite=True)),
    ("write_text", lambda face, store: face.on(store, "write_text", "d/x", "new", overwrite=True)),
    ("write_atomic", lambda face, store: face.on(store, "write_atomic", "d/x", b"new", overwrite=True)),
    ("another spelling", lambda face, store: face.on(store, "write", "/d//x", b"new", overwrite=True)),
    ("open_atomic", lambda face, store: face.block(store.open_atomic("d/x", overwrite=True), b"new")),
    ("delete", lambda face, store: face.on(store, "delete", "d/x")),
    ("delete_folder", lambda face, store: face.on(store, "delete_folder", "d", recursive=True)),
    ("move", lambda face, store: face.on(store, "move", "d/x", "d/z")),
    ("copy", lambda face, store: face.on(store, "copy", "a", "d/x", overwrite=True)),
    ("a child's write", lambda face, store: face.on(store.child("d"), "write", "x", b"new", overwrite=True)),
]


@pytest.mark.parametrize(("name", "change"), CHANGES, ids=[name for name, _ in CHANGES])
def test_a_change_drops_the_path_its_folders_and_all_listings(
    face: ExtFace, name: str, change: Callable[[ExtFace, Any], Any]
) -> None:
    """CONTRACT 128: `a` is another path and stays, unless everything is dropped."""
    store, asked = remembering(face)
    questions = [("read_bytes", "d/x"), ("exists", "d"), ("list_files", ""), ("get_folder_info", "d"), ("exists", "a")]
    for method, path in questions:
        face.on(store, method, path)
    change(face, store)
    asked.clear()
    for method, path in questions:
        try:
            face.on(store, method, path)
        except NotFound:
            assert name in ("delete", "delete_folder", "move")
    all_gone = name in ("delete_folder", "move", "copy")
    assert asked == [method for method, path in questions if all_gone or path != "a"]


def test_a_failed_open_atomic_drops_nothing(face: ExtFace) -> None:
    """CONTRACT 128."""
    store, asked = remembering(face)
    face.on(store, "read_bytes", "a")
    with pytest.raises(KeyError):
        face.block(store.open_atomic("a", overwrite=True), b"new", fail=KeyError("mine"))
    asked.clear()
    assert face.on(store, "read_bytes", "a") == b"data"
    assert asked == []


def test_children_share_what_is_kept(face: ExtFace) -> None:
    """CONTRACT 128: by the parent's keys, so that equal names in two folders stay apart."""
    store, asked = remembering(face)
    face.on(store, "read_bytes", "d/x")
    asked.clear()
    child = store.child("d")
    assert face.on(child, "read_bytes", "x") == b"data"
    assert asked == ["child"]
    assert face.on(store, "exists", "x") is False
    assert face.on(child, "exists", "x") is True


def test_content_and_listings_above_the_limit_are_not_kept(face: ExtFace) -> None:
    """CONTRACT 129: equality is kept."""
    for limit, kept in ((3, False), (4, True)):
        store, asked = remembering(face, max_content_size=limit)
        for _ in range(2):
            face.on(store, "read_bytes", "a")
        assert (len(asked) == 1) is kept
    for limit, kept in ((2, False), (3, True)):
        store, asked = remembering(face, max_listing_size=limit)
        for _ in range(2):
            face.on(store, "list_files", "", recursive=True)
        assert (len(asked) == 1) is kept


def test_invalidate_and_clear(face: ExtFace) -> None:
    """CONTRACT 130."""
    store, _ = remembering(face)
    face.on(store, "read_bytes", "a")
    face.on(store, "read_bytes", "d/x")
    store.invalidate("a")
    assert store.stats.size == 1
    store.clear_cache()
    assert store.stats == CacheStats(hits=0, misses=2, size=0)


def test_the_text_form_has_the_limits_that_are_set(face: ExtFace) -> None:
    """CONTRACT 130."""
    made = face.module("cache").cache
    name = "CachedStore" if face.is_sync else "AsyncCachedStore"
    assert repr(made(face.store)) == f"{name}(inner={face.store!r}, ttl=300.0)"
    assert repr(made(face.store, ttl=5, max_content_size=1, max_listing_size=2)) == (
        f"{name}(inner={face.store!r}, ttl=5, max_content_size=1, max_listing_size=2)"
    )


def test_an_answer_that_a_change_overtook_is_not_kept(face: ExtFace) -> None:
    """Issue 10: a slow reader does not bring the old content back."""
    face.do("write", "a", b"old")
    inner = face.store
    store = face.module("cache").cache(inner)
    read = inner.read_bytes

    def change() -> None:
        inner.read_bytes = read
        store.invalidate("a")

    if face.is_sync:

        def overtaken(path: str) -> bytes:
            content: bytes = read(path)
            change()
            return content

        inner.read_bytes = overtaken
    else:

        async def overtaken_too(path: str) -> bytes:
            content: bytes = await read(path)
            change()
            return content

        inner.read_bytes = overtaken_too
    assert face.on(store, "read_bytes", "a") == b"old"
    face.do("write", "a", b"new", overwrite=True)
    assert face.on(store, "read_bytes", "a") == b"new"


# MemoryCache


def test_the_least_recently_used_answer_gives_way() -> None:
    """CONTRACT 131: reads and rewrites refresh."""
    kept = MemoryCache(max_entries=2)
    kept.set(("m", "a"), 1, 60)
    kept.set(("m", "b"), 2, 60)
    assert kept.get(("m", "a")) == 1
    kept.set(("m", "c"), 3, 60)
    with pytest.raises(KeyError):
        kept.get(("m", "b"))
    kept.set(("m", "a"), 4, 60)
    kept.set(("m", "d"), 5, 60)
    assert (kept.get(("m", "a")), kept.size()) == (4, 2)
    assert isinstance(kept, CacheBackend)
    with pytest.raises(ValueError, match="max_entries must be positive"):
        MemoryCache(max_entries=0)


def test_expired_answers_are_absent_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 131."""
    now = [0.0]
    monkeypatch.setattr("remote_store.ext._caching.time.monotonic", lambda: now[0])
    kept = MemoryCache()
    kept.set(("m", "a"), 1, 10)
    assert kept.get(("m", "a")) == 1
    now[0] = 10.0
    assert kept.size() == 0
    with pytest.raises(KeyError):
        kept.get(("m", "a"))
    kept.set(("m", "a"), 1, 10)
    kept.set(("n", "b"), 1, 10)
    kept.clear_prefix("m")
    assert kept.size() == 1
    kept.delete(("n", "b"))
    kept.delete(("n", "b"))
    assert kept.size() == 0


class Plain:
    """A cache without the optional `clear_prefixes`."""

    def __init__(self) -> None:
        self.data: dict[tuple[str, ...], Any] = {}

    def get(self, key: tuple[str, ...]) -> Any:
        return self.data[key]

    def set(self, key: tuple[str, ...], value: Any, ttl: float) -> None:
        self.data[key] = value

    def delete(self, key: tuple[str, ...]) -> None:
        self.data.pop(key, None)

    def clear(self) -> None:
        self.data.clear()

    def clear_prefix(self, prefix: str) -> None:
        for key in [key for key in self.data if key[0] == prefix]:
            del self.data[key]

    def size(self) -> int:
        return len(self.data)


def test_a_cache_of_one_s_own_is_used() -> None:
    """CONTRACT 130: keys are tuples whose first item is the method's name; `clear_prefixes` is optional."""
    own = Plain()
    store = cache(Store(MemoryBackend()), cache_backend=own)
    store.write("a", b"x")
    store.exists("a")
    list(store.list_files(""))
    assert {key[0] for key in own.data} == {"exists", "list_files"}
    assert ("exists", "a") in own.data
    store.delete("a")
    assert own.data == {}
