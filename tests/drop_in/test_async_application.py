"""An application written for the documents of the async API (seeds/003): every method, every error, on both loops."""

from __future__ import annotations

import inspect
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from remote_store import (
    AlreadyExists,
    Capability,
    CapabilityNotSupported,
    DirectoryNotEmpty,
    FileInfo,
    FolderEntry,
    InvalidPath,
    NotFound,
    RemotePath,
    Store,
)
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend, AsyncStore, SyncBackendAdapter
from remote_store.backends import LocalBackend, MemoryBackend
from tests.drop_in.third_party import AsyncTableBackend, Duck, TableBackend

pytestmark = pytest.mark.anyio

BACKENDS: dict[str, Callable[[Path], Any]] = {
    "local": lambda folder: AsyncLocalBackend(str(folder)),
    "memory": lambda folder: AsyncMemoryBackend(),
    "sync local": lambda folder: LocalBackend(str(folder)),
    "adapted memory": lambda folder: SyncBackendAdapter(MemoryBackend()),
    "third-party": lambda folder: AsyncTableBackend(),
    "sync third-party": lambda folder: TableBackend(),
    "duck": lambda folder: Duck(AsyncTableBackend()),
}


CASES = [("local", ""), *zip(BACKENDS, ["data/2024", "", "data/2024", "data/2024", "", "data/2024", ""], strict=True)]


@pytest.fixture(params=CASES, ids=str)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    name, root = request.param
    async with AsyncStore(BACKENDS[name](tmp_path), root) as store:
        yield store


async def _keys(entries: AsyncIterator[Any]) -> list[str]:
    return sorted([str(entry.path) async for entry in entries])


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_reading_and_writing(store: AsyncStore) -> None:
    """CONTRACT B2, B3: bytes and async iterators in, chunks, bytes and text out."""
    result = await store.write("a/b", b"x" * 300_000)
    assert (result.path, result.size) == (RemotePath("a/b"), 300_000)
    assert (await store.write("streamed", _pieces(b"12", b"", b"345"))).size == 5
    assert (await store.write_atomic("atomic", _pieces(b"whole"))).size == 5
    assert (await store.write_text("text", "grüße")).size == 7
    chunks = [chunk async for chunk in store.read("a/b")]
    assert b"".join(chunks) == b"x" * 300_000
    assert all(isinstance(chunk, bytes) and chunk for chunk in chunks)
    assert await store.read_bytes("streamed") == b"12345"
    assert await store.read_text("text") == "grüße"
    with pytest.raises(UnicodeDecodeError):
        await store.read_text("text", encoding="ascii")
    assert isinstance(store.read("a/b"), AsyncIterator)
    with pytest.raises(TypeError):
        await store.write("str", "text")
    assert not await store.exists("str")


async def test_additions_work_on_every_backend(store: AsyncStore) -> None:
    """CONTRACT 2a: ranges, other kinds of content, `open_atomic` and the stream object."""
    await store.write("a", b"0123456789")
    buffer = bytearray(4)
    assert (await store.read_into("a", buffer, 7), bytes(buffer[:3])) == (3, b"789")
    assert await store.read_ranges("a", [(8, 20), (0, 2), (4, 4)]) == [b"89", b"01", b""]
    await store.write("buffer", bytearray(b"123"))
    await store.write("file", io.BytesIO(b"123"))
    await store.write("iterator", iter([b"1", b"23"]))
    assert {await store.read_bytes(key) for key in ("buffer", "file", "iterator")} == {b"123"}
    async with store.open_atomic("new") as file:
        await file.write(b"12")
        await file.write(b"3")
    async with store.read("new") as stream:
        assert (await stream.read(2), await stream.read(), await stream.read()) == (b"12", b"3", b"")


async def test_leaving_early_needs_no_clean_up(store: AsyncStore, anyio_backend_name: str) -> None:
    """CONTRACT 111: neither over content nor over a listing. Trio warns of other people's async generators, not of ours."""
    if isinstance(store._backend, (AsyncTableBackend, Duck)) and anyio_backend_name == "trio":
        pytest.skip("an async generator of a third party, which trio reports whoever drops it")
    await store.write("a", b"x" * 300_000)
    await store.write("b", b"1")
    async for _ in store.read("a"):
        break
    async for _ in store.list_files("", recursive=True):
        break


async def test_validation_is_eager(store: AsyncStore) -> None:
    """CONTRACT 64, 32: values, capabilities and paths are checked when the plain functions are called."""
    with pytest.raises(InvalidPath):
        store.read("")
    with pytest.raises(InvalidPath):
        store.read("../x")
    for listing in (store.list_files, store.list_folders):
        with pytest.raises(ValueError, match="max_depth must be >= 0"):
            listing("", max_depth=-1)
    with pytest.raises(InvalidPath):
        store.iter_children("a/../..")
    if not store.supports(Capability.GLOB):
        with pytest.raises(CapabilityNotSupported):
            store.glob("*")


@pytest.mark.parametrize("verb", ["read", "read_bytes", "read_text", "get_file_info", "head"])
async def test_reading_what_is_not_there(verb: str, store: AsyncStore) -> None:
    """CONTRACT 32, 33, 87."""
    await store.write("folder/file", b"1")
    for key in ("missing", "folder/missing", "folder/file/below"):
        with pytest.raises(NotFound) as caught:
            await _whole(getattr(store, verb)(key))
        assert key in str(caught.value)
    with pytest.raises(InvalidPath):
        await _whole(getattr(store, verb)("folder"))


async def _whole(found: Any) -> None:
    if inspect.isawaitable(found):
        await found
    else:
        [_ async for _ in found]


@pytest.mark.parametrize("verb", ["write", "write_text", "write_atomic"])
async def test_writing_where_something_is(verb: str, store: AsyncStore) -> None:
    """CONTRACT 43."""
    content: Any = "new" if verb == "write_text" else b"new"
    write: Any = getattr(store, verb)
    await store.write("file", b"old")
    with pytest.raises(AlreadyExists, match="already exists"):
        await write("file", content)
    assert await store.read_bytes("file") == b"old"
    await write("file", content, overwrite=True)
    assert await store.read_bytes("file") == b"new"
    await store.write("folder/inside", b"1")
    for overwrite in (False, True):
        with pytest.raises(InvalidPath, match="exists as a directory"):
            await write("folder", content, overwrite=overwrite)
    with pytest.raises(InvalidPath):
        await write("", content)
    with pytest.raises(ValueError, match="ASCII"):
        await write("other", content, metadata={"é": "v"})


async def test_deleting(store: AsyncStore) -> None:
    """CONTRACT B4."""
    for key in ("file", "folder/a", "folder/sub/b", "folder2/c"):
        await store.write(key, b"1")
    await store.delete("file")
    with pytest.raises(NotFound):
        await store.delete("file")
    await store.delete("file", missing_ok=True)
    with pytest.raises(InvalidPath):
        await store.delete("folder", missing_ok=True)
    with pytest.raises(InvalidPath):
        await store.delete_folder("folder/a", missing_ok=True)
    with pytest.raises(InvalidPath, match="Cannot delete the store root"):
        await store.delete_folder("")
    with pytest.raises(DirectoryNotEmpty, match="not empty"):
        await store.delete_folder("folder")
    await store.delete_folder("folder", recursive=True)
    with pytest.raises(NotFound, match="Folder not found"):
        await store.delete_folder("folder")
    await store.delete_folder("folder", missing_ok=True)
    assert await _keys(store.list_files("", recursive=True)) == ["folder2/c"]


async def test_listing(store: AsyncStore) -> None:
    """CONTRACT B5."""
    for key in ("a.csv", "b.txt", "x/c.csv", "x/y/d.csv", "x/y/z/e.csv", "xy/f.csv"):
        await store.write(key, b"1")
    assert await _keys(store.list_files("")) == ["a.csv", "b.txt"]
    assert await _keys(store.list_files("x", recursive=True)) == ["x/c.csv", "x/y/d.csv", "x/y/z/e.csv"]
    assert await _keys(store.list_files("", pattern="*.csv")) == ["a.csv"]
    assert await _keys(store.list_files("x", max_depth=1)) == ["x/c.csv", "x/y/d.csv"]
    assert await _keys(store.list_folders("", max_depth=1)) == ["x", "x/y", "xy"]
    assert await _keys(store.list_folders("", max_depth=9, pattern="z")) == ["x/y/z"]
    children = [child async for child in store.iter_children("x")]
    assert {(type(child), str(child.path)) for child in children} == {(FileInfo, "x/c.csv"), (FolderEntry, "x/y")}
    for missing in ("missing", "a.csv", "a.csv/below"):
        assert await _keys(store.list_files(missing)) == []
    if store.supports(Capability.GLOB):
        assert await _keys(store.glob("**/*.csv")) == ["a.csv", "x/c.csv", "x/y/d.csv", "x/y/z/e.csv", "xy/f.csv"]


async def test_information_and_probes(store: AsyncStore) -> None:
    """CONTRACT B6."""
    await store.write("x/a", b"123")
    await store.write("x/y/b", b"45")
    info = await store.get_file_info("x/a")
    assert (info.path, info.name, info.size) == (RemotePath("x/a"), "a", 3)
    head = await store.head("x/a")
    assert (head.path, head.size, head.source, head.last_modified) == (
        RemotePath("x/a"),
        3,
        "sidecar",
        info.modified_at,
    )
    totals = await store.get_folder_info("x")
    assert (totals.name, totals.file_count, totals.total_size) == ("x", 2, 5)
    assert (await store.get_folder_info("x", max_depth=0)).file_count == 1
    assert (await store.get_folder_info("")).path is RemotePath.ROOT
    with pytest.raises(InvalidPath):
        await store.get_folder_info("x/a")
    with pytest.raises(NotFound, match="Folder not found"):
        await store.get_folder_info("missing", max_depth=1)
    assert [await store.exists(key) for key in ("x/a", "x", "missing", "x/a/below", "")] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert await store.is_file("x/a")
    assert await store.is_folder("x")


@pytest.mark.parametrize("verb", ["move", "copy"])
async def test_moving_and_copying(verb: str, store: AsyncStore) -> None:
    """CONTRACT B7."""
    transfer: Any = getattr(store, verb)
    await store.write("src", b"content")
    await transfer("src", "new/dst")
    assert await store.read_bytes("new/dst") == b"content"
    assert await store.exists("src") is (verb == "copy")
    await store.write("src", b"newer", overwrite=True)
    with pytest.raises(AlreadyExists):
        await transfer("src", "new/dst")
    with pytest.raises(NotFound):
        await transfer("missing", "new/dst")
    for src, dst in (("new", "x"), ("src", "new"), ("", "x"), ("src", "")):
        with pytest.raises(InvalidPath):
            await transfer(src, dst)
    await transfer("src", "src")
    await transfer("src", "new/dst", overwrite=True)
    assert await store.read_bytes("new/dst") == b"newer"


async def test_children_and_introspection(store: AsyncStore) -> None:
    """CONTRACT 79-83."""
    child = store.child("a").child("b")
    await child.write("c", b"1")
    assert await store.read_bytes("a/b/c") == b"1"
    assert child == store.child("a/b")
    await child.aclose()
    assert await store.exists("a/b/c")
    assert store.to_key(store.native_path("a/b/c")) == "a/b/c"
    assert store.resolve("a/b/c").key == "a/b/c"
    with pytest.raises(CapabilityNotSupported):
        store.unwrap(dict)
    await store.ping()
    assert repr(store).startswith("AsyncStore(backend=")


async def test_stores_refuse_what_is_no_path_of_theirs() -> None:
    """CONTRACT 23, 81: a bad root at construction; a native path outside the store."""
    with pytest.raises(InvalidPath):
        AsyncStore(AsyncMemoryBackend(), "a/../b")
    with pytest.raises(InvalidPath):
        Store(MemoryBackend(), "..")
    with pytest.raises(InvalidPath, match="is not under store root"):
        AsyncStore(AsyncMemoryBackend(), "a").to_key("b/c")
