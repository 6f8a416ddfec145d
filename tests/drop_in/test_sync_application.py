"""An application written for the documents of the sync API (seeds/001, CONTRACT A2): every method, every error."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from remote_store import (
    AlreadyExists,
    AsyncBackendSyncAdapter,
    Capability,
    CapabilityNotSupported,
    DirectoryNotEmpty,
    FileInfo,
    FolderEntry,
    FolderInfo,
    InvalidPath,
    NotFound,
    RemotePath,
    RemoteStoreError,
    Store,
    WriteResult,
)
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend
from remote_store.backends import LocalBackend, MemoryBackend
from tests.drop_in.third_party import AsyncTableBackend, Duck, TableBackend

BACKENDS: dict[str, Callable[[Path], Any]] = {
    "local": lambda folder: LocalBackend(str(folder)),
    "memory": lambda folder: MemoryBackend(),
    "adapted local": lambda folder: AsyncBackendSyncAdapter(AsyncLocalBackend(str(folder))),
    "async memory": lambda folder: AsyncMemoryBackend(),
    "third-party": lambda folder: TableBackend(),
    "async third-party": lambda folder: AsyncTableBackend(),
    "duck": lambda folder: Duck(TableBackend()),
}


CASES = [("local", ""), *zip(BACKENDS, ["data/2024", "", "data/2024", "data/2024", "", "data/2024", ""], strict=True)]


@pytest.fixture(params=CASES, ids=str)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    name, root = request.param
    with Store(BACKENDS[name](tmp_path), root) as store:
        yield store


def _keys(entries: Any) -> list[str]:
    return sorted(str(entry.path) for entry in entries)


def test_reading(store: Store) -> None:
    """CONTRACT B2: whole, as text, as a stream, from the middle."""
    store.write("reports/a.txt", "grüße\n".encode() + b"x" * 100_000)
    content = store.read_bytes("reports/a.txt")
    assert content[:8] == "grüße\n".encode()
    assert store.read_text("reports/a.txt").startswith("grüße")
    with store.read("reports/a.txt") as stream:
        assert stream.read(8) == content[:8]
        assert stream.read() == content[8:]
        assert stream.read() == b""
    with store.read_seekable("reports/a.txt") as stream:
        assert stream.seekable()
        assert stream.seek(-3, io.SEEK_END) == len(content) - 3
        assert stream.read() == b"xxx"
        assert stream.seek(0) == 0
        assert stream.read(1) == b"g"
    with io.TextIOWrapper(store.read_seekable("reports/a.txt"), "utf-8") as text:  # type: ignore[arg-type]
        assert text.readline() == "grüße\n"
    store.write("latin", b"\xe9")
    assert store.read_text("latin", encoding="latin-1") == "é"
    assert store.read_text("latin", errors="replace") == "\ufffd"
    with pytest.raises(UnicodeDecodeError):
        store.read_text("latin")


def test_additions_work_on_every_backend(store: Store) -> None:
    """CONTRACT 2a: `read_into` and `read_ranges`, by defaults where the backend has none of its own."""
    store.write("a", b"0123456789")
    buffer = bytearray(4)
    assert (store.read_into("a", buffer, 7), bytes(buffer[:3])) == (3, b"789")
    assert store.read_ranges("a", [(8, 20), (0, 2), (4, 4)]) == [b"89", b"01", b""]


@pytest.mark.parametrize("verb", ["read", "read_bytes", "read_text", "read_seekable", "get_file_info", "head"])
def test_reading_what_is_not_there(verb: str, store: Store) -> None:
    """CONTRACT 32, 33, 86, 87: NotFound with path and backend, InvalidPath for a folder and for no path."""
    store.write("folder/file", b"1")
    for key in ("missing", "folder/missing", "folder/file/below"):
        with pytest.raises(NotFound) as caught:
            _whole(getattr(store, verb)(key))
        assert "not found" in str(caught.value).lower()
        assert key in str(caught.value)
        assert caught.value.backend == store._backend.name
    with pytest.raises(InvalidPath):
        _whole(getattr(store, verb)("folder"))
    with pytest.raises(InvalidPath):
        getattr(store, verb)("")


def _whole(found: Any) -> None:
    """The bare adapter's streams open at the first read (CONTRACT 101)."""
    if hasattr(found, "read"):
        with found:
            found.read(1)


def test_writing(store: Store) -> None:
    """CONTRACT B3: bytes and streams, parents made, results that tell path and size."""
    result = store.write("a/b/c.bin", b"12345")
    assert isinstance(result, WriteResult)
    assert (result.path, result.size) == (RemotePath("a/b/c.bin"), 5)
    assert result.source == ("native" if store.supports(Capability.WRITE_RESULT_NATIVE) else "basic")
    assert store.write("stream", io.BytesIO(b"s" * 300_000)).size == 300_000
    source = io.BytesIO(b"skipped-taken")
    source.seek(8)
    assert store.write_atomic("atomic", source).size == 5
    assert not source.closed
    assert store.read_bytes("atomic") == b"taken"
    assert store.write("empty", b"").size == 0
    assert store.read_bytes("empty") == b""
    assert store.write_text("text", "é", encoding="latin-1").size == 1
    with pytest.raises(AttributeError):
        store.write_text("text2", b"bytes")
    with pytest.raises((TypeError, AttributeError)):
        store.write("str", "text")
    assert not store.exists("str")


@pytest.mark.parametrize("verb", ["write", "write_text", "write_atomic"])
def test_writing_where_something_is(verb: str, store: Store) -> None:
    """CONTRACT 43: AlreadyExists keeps the content, overwrite replaces it, a folder is InvalidPath in any case."""
    content: Any = "new" if verb == "write_text" else b"new"
    write: Any = getattr(store, verb)
    store.write("file", b"old")
    with pytest.raises(AlreadyExists, match="already exists") as caught:
        write("file", content)
    assert "file" in str(caught.value)
    assert store.read_bytes("file") == b"old"
    write("file", content, overwrite=True)
    assert store.read_bytes("file") == b"new"
    store.write("folder/inside", b"1")
    for overwrite in (False, True):
        with pytest.raises(InvalidPath, match="exists as a directory"):
            write("folder", content, overwrite=overwrite)
    with pytest.raises(InvalidPath):
        write("", content)


def test_metadata_is_checked_before_everything(store: Store) -> None:
    """CONTRACT 47, 48."""
    for bad in ({"k": 1}, {"": "v"}, {"_k": "v"}, {"é": "v"}, {"k": "v" * 2048}):
        with pytest.raises(ValueError):
            store.write("a", b"1", metadata=bad)
    store.write("none", b"1", metadata=None)
    store.write("empty", b"1", metadata={})
    if store.supports(Capability.USER_METADATA):
        assert store.write("a", b"1", metadata={"owner": "me"}).metadata == {"owner": "me"}
        assert store.get_file_info("a").metadata == {"owner": "me"}
        assert store.head("a").metadata == {"owner": "me"}
    else:
        with pytest.raises(CapabilityNotSupported, match="user_metadata"):
            store.write("a", b"1", metadata={"owner": "me"})
        assert not store.exists("a")


def test_open_atomic(store: Store) -> None:
    """CONTRACT 50: the file appears at the end of a clean block; the block's own exception comes out as it is."""
    with store.open_atomic("new/file") as file:
        file.write(b"one ")
        file.write(b"two")
        assert not store.exists("new/file")
    assert store.read_bytes("new/file") == b"one two"
    with pytest.raises(KeyError, match="mine"), store.open_atomic("new/file", overwrite=True) as file:
        file.write(b"lost")
        raise KeyError("mine")
    assert store.read_bytes("new/file") == b"one two"
    with pytest.raises(AlreadyExists), store.open_atomic("new/file") as file:
        file.write(b"refused")
    with pytest.raises(InvalidPath), store.open_atomic("new") as file:
        file.write(b"refused")
    assert _keys(store.list_files("", recursive=True)) == ["new/file"]


def test_deleting(store: Store) -> None:
    """CONTRACT B4."""
    for key in ("file", "folder/a", "folder/sub/b", "folder2/c"):
        store.write(key, b"1")
    store.delete("file")
    with pytest.raises(NotFound):
        store.delete("file")
    store.delete("file", missing_ok=True)
    for missing_ok in (False, True):
        with pytest.raises(InvalidPath):
            store.delete("folder", missing_ok=missing_ok)
        with pytest.raises(InvalidPath):
            store.delete_folder("folder/a", missing_ok=missing_ok)
        with pytest.raises(InvalidPath):
            store.delete_folder("", recursive=True, missing_ok=missing_ok)
    with pytest.raises(DirectoryNotEmpty, match="not empty"):
        store.delete_folder("folder")
    store.delete_folder("folder", recursive=True)
    with pytest.raises(NotFound, match="Folder not found"):
        store.delete_folder("folder")
    store.delete_folder("folder", missing_ok=True)
    assert _keys(store.list_files("", recursive=True)) == ["folder2/c"]


def test_listing(store: Store) -> None:
    """CONTRACT B5: keys relative to the store, depth and pattern, nothing for what is no folder."""
    for key in ("a.csv", "b.txt", "x/c.csv", "x/y/d.csv", "x/y/z/e.csv", "xy/f.csv"):
        store.write(key, b"1")
    assert _keys(store.list_files("")) == ["a.csv", "b.txt"]
    assert _keys(store.list_files("x", recursive=True)) == ["x/c.csv", "x/y/d.csv", "x/y/z/e.csv"]
    assert _keys(store.list_files("", pattern="*.csv")) == ["a.csv"]
    assert _keys(store.list_files("", max_depth=0)) == ["a.csv", "b.txt"]
    assert _keys(store.list_files("x", max_depth=1)) == ["x/c.csv", "x/y/d.csv"]
    assert _keys(store.list_files("", max_depth=1, recursive=False)) == ["a.csv", "b.txt", "x/c.csv", "xy/f.csv"]
    assert _keys(store.list_folders("")) == ["x", "xy"]
    assert _keys(store.list_folders("", max_depth=1)) == ["x", "x/y", "xy"]
    assert _keys(store.list_folders("", max_depth=9, pattern="z")) == ["x/y/z"]
    children = list(store.iter_children("x"))
    assert _keys(children) == ["x/c.csv", "x/y"]
    assert {type(child) for child in children} == {FileInfo, FolderEntry}
    for missing in ("missing", "a.csv", "a.csv/below"):
        assert [*store.list_files(missing), *store.list_folders(missing), *store.iter_children(missing)] == []
    for listing in (store.list_files, store.list_folders):
        with pytest.raises(ValueError, match="max_depth must be >= 0"):
            list(listing("", max_depth=-1))


def test_glob(store: Store) -> None:
    """CONTRACT 65, 66: with GLOB the portable language, without it a clear refusal."""
    for key in ("a.csv", "x/b.csv", "x/y/c.csv", "x/d.txt"):
        store.write(key, b"1")
    if not store.supports(Capability.GLOB):
        with pytest.raises(CapabilityNotSupported):
            list(store.glob("*"))
        return
    assert _keys(store.glob("*.csv")) == ["a.csv"]
    assert _keys(store.glob("**/*.csv")) == ["a.csv", "x/b.csv", "x/y/c.csv"]
    assert _keys(store.glob("x/**")) == ["x/b.csv", "x/d.txt", "x/y/c.csv"]


def test_information(store: Store) -> None:
    """CONTRACT B6."""
    store.write("x/a", b"123")
    store.write("x/y/b", b"45")
    info = store.get_file_info("x/a")
    assert (info.path, info.name, info.size) == (RemotePath("x/a"), "a", 3)
    assert isinstance(info.modified_at, datetime)
    assert info.modified_at.tzinfo is not None
    head = store.head("x/a")
    assert (head.path, head.size, head.source, head.version_id) == (RemotePath("x/a"), 3, "sidecar", None)
    assert head.last_modified == info.modified_at
    assert head.last_modified > datetime(2026, 1, 1, tzinfo=UTC)
    totals = store.get_folder_info("x")
    assert isinstance(totals, FolderInfo)
    assert (str(totals.path), totals.name, totals.file_count, totals.total_size) == ("x", "x", 2, 5)
    assert store.get_folder_info("x", max_depth=0).file_count == 1
    assert store.get_folder_info("").file_count == 2
    with pytest.raises(InvalidPath):
        store.get_folder_info("x/a")
    with pytest.raises(InvalidPath):
        store.get_folder_info("x/a", max_depth=1)
    for more in ({}, {"max_depth": 1}):
        with pytest.raises(NotFound, match="Folder not found"):
            store.get_folder_info("missing", **more)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_depth"):
        store.get_folder_info("x", max_depth=-1)


def test_probes(store: Store) -> None:
    """CONTRACT 72: never NotFound, false below a file; the root is a folder."""
    store.write("x/a", b"1")
    for key, expected in (("x/a", "f"), ("x", "d"), ("missing", ""), ("x/a/below", "")):
        found = (store.exists(key), store.is_file(key), store.is_folder(key))
        assert found == (bool(expected), expected == "f", expected == "d"), key
    assert store.is_folder("")


@pytest.mark.parametrize("verb", ["move", "copy"])
def test_moving_and_copying(verb: str, store: Store) -> None:
    """CONTRACT B7."""
    transfer: Any = getattr(store, verb)
    store.write("src", b"content")
    transfer("src", "new/dst")
    assert store.read_bytes("new/dst") == b"content"
    assert store.exists("src") is (verb == "copy")
    store.write("src", b"newer", overwrite=True)
    with pytest.raises(AlreadyExists):
        transfer("src", "new/dst")
    with pytest.raises(NotFound) as caught:
        transfer("missing", "new/dst")
    assert "missing" in str(caught.value)
    for src, dst in (("new", "x"), ("src", "new"), ("", "x"), ("src", "")):
        with pytest.raises(InvalidPath):
            transfer(src, dst)
    for overwrite in (False, True):
        transfer("src", "src", overwrite=overwrite)
        transfer("new//dst", "new/dst", overwrite=overwrite)
    assert store.read_bytes("src") == b"newer"
    transfer("src", "new/dst", overwrite=True)
    assert store.read_bytes("new/dst") == b"newer"
    with pytest.raises(InvalidPath, match="directory: new"):
        transfer("new", "new")


def test_keys_are_checked(store: Store) -> None:
    """CONTRACT B1, 79: `..` and NUL are refused, other spellings are the same key."""
    store.write("/a//b/", b"1")
    assert store.read_bytes("a/b") == b"1"
    for bad in ("../x", "a/../../x", "a\0b"):
        with pytest.raises(InvalidPath):
            store.read_bytes(bad)
        with pytest.raises(InvalidPath):
            store.write(bad, b"1")
        with pytest.raises(InvalidPath):
            store.child(bad)


def test_children(store: Store) -> None:
    """CONTRACT 79, 80: a child is the store one folder down, and closing it closes nothing."""
    store.write("a/b/c", b"1")
    child = store.child("a").child("b")
    assert child.read_bytes("c") == b"1"
    assert child == store.child("a/b")
    assert hash(child) == hash(store.child("a/b"))
    assert child != store
    with child:
        child.write("d", b"2")
    assert store.read_bytes("a/b/d") == b"2"
    with pytest.raises(InvalidPath):
        store.child("")


def test_introspection(store: Store) -> None:
    """CONTRACT 81-83, 85: native paths and back, plans without I/O, unwrap's refusal, supports."""
    for key in ("a", "a/b.txt"):
        assert store.to_key(store.native_path(key)) == key
        plan = store.resolve(key)
        assert (plan.kind, plan.backend, plan.key) == (store._backend.name, store._backend.name, key)
        assert plan.native_path == store.native_path(key)
    assert store.to_key(store.native_path("")) == ""
    with pytest.raises(CapabilityNotSupported) as caught:
        store.unwrap(dict)
    assert "dict" in str(caught.value)
    assert caught.value.capability == "unwrap"
    assert store.supports(Capability.READ) is True
    assert store.ping() is None  # type: ignore[func-returns-value]


def test_every_documented_error_is_one_class(store: Store) -> None:
    """CONTRACT 86: `except RemoteStoreError` catches what the store says."""
    for call in (lambda: store.read_bytes("missing"), lambda: store.delete_folder("missing"), lambda: store.child("")):
        with pytest.raises(RemoteStoreError):
            call()
