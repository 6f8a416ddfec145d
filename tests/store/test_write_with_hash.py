"""`write_with_hash`: a write that tells the digest of what it wrote."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from remote_store import AlreadyExists, CapabilityNotSupported, ContentDigest, ProxyStore, Store
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend, AsyncStore
from remote_store.aio.ext.write import write_with_hash as async_write_with_hash
from remote_store.backends import LocalBackend, MemoryBackend
from remote_store.ext.write import write_with_hash

DATA = bytes(range(256)) * 4000  # a megabyte: more than one piece


class Grudging(io.RawIOBase):
    """A file that gives at most 1,000 bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self._inner.read(min(1000, size) if size and size > 0 else 1000)


def pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 70_001):
        yield data[start : start + 70_001]


async def async_pieces(data: bytes) -> AsyncIterator[bytes]:
    for piece in pieces(data):
        yield piece


SYNC_CONTENT: dict[str, Any] = {
    "bytes": lambda: DATA,
    "bytearray": lambda: bytearray(DATA),
    "memoryview": lambda: memoryview(DATA),
    "file": lambda: io.BytesIO(DATA),
    "grudging file": lambda: Grudging(DATA),
    "iterator": lambda: pieces(DATA),
    "iterator of mutable pieces": lambda: map(bytearray, pieces(DATA)),
}
ASYNC_CONTENT = {**SYNC_CONTENT, "async iterator": lambda: async_pieces(DATA)}


@pytest.mark.parametrize("kind", SYNC_CONTENT)
@pytest.mark.parametrize("where", ["memory", "local"])
def test_every_kind_of_content_is_hashed_as_it_is_written(kind: str, where: str, tmp_path: Path) -> None:
    """CONTRACT 140, DESIGN 6: the digest is that of the bytes in the store."""
    with Store(MemoryBackend() if where == "memory" else LocalBackend(str(tmp_path))) as store:
        result = write_with_hash(store, "a/b", SYNC_CONTENT[kind]())
        assert store.read_bytes("a/b") == DATA
    assert result.digest == ContentDigest("sha256", hashlib.sha256(DATA).hexdigest())
    assert (str(result.path), result.size) == ("a/b", len(DATA))


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ASYNC_CONTENT)
@pytest.mark.parametrize("where", ["memory", "local"])
async def test_every_kind_of_content_is_hashed_on_the_async_side(kind: str, where: str, tmp_path: Path) -> None:
    """CONTRACT A7, 140."""
    async with AsyncStore(AsyncMemoryBackend() if where == "memory" else AsyncLocalBackend(str(tmp_path))) as store:
        result = await async_write_with_hash(store, "a/b", ASYNC_CONTENT[kind]())
        assert await store.read_bytes("a/b") == DATA
    assert result.digest == ContentDigest("sha256", hashlib.sha256(DATA).hexdigest())


@pytest.mark.anyio
async def test_async_files_are_content_too(tmp_path: Path) -> None:
    """DESIGN 1, 6: anyio's files are read from where they stand."""
    path = tmp_path / "source"
    path.write_bytes(b"skipped" + DATA)
    async with AsyncStore(AsyncMemoryBackend()) as store, await anyio.open_file(path, "rb") as file:
        await file.seek(7)
        result = await async_write_with_hash(store, "a", file)
        assert await store.read_bytes("a") == DATA
    assert result.digest == ContentDigest("sha256", hashlib.sha256(DATA).hexdigest())


def test_all_but_the_digest_is_the_backend_s_own_answer() -> None:
    """CONTRACT 140: `source` is kept, and so is the rest."""
    with Store(MemoryBackend()) as store:
        result = write_with_hash(store, "a", b"1", metadata={"k": "v"})
        assert (result.source, result.metadata) == ("native", {"k": "v"})
        info = store.get_file_info("a")
        assert (result.etag, result.last_modified) == (info.etag, info.modified_at)


def test_the_arguments_of_write_mean_the_same() -> None:
    """`overwrite`, `metadata` and rooted stores."""
    with Store(MemoryBackend(), "root") as store:
        write_with_hash(store, "a", b"1")
        with pytest.raises(AlreadyExists):
            write_with_hash(store, "a", iter([b"2"]))
        assert store.read_bytes("a") == b"1"
        result = write_with_hash(store, "a", iter([b"2"]), overwrite=True)
        assert (str(result.path), store.read_bytes("a")) == ("a", b"2")


def test_metadata_without_the_capability_is_refused_before_content_is_read(tmp_path: Path) -> None:
    """CONTRACT 47: before any I/O, so the source stays where it was."""
    source = io.BytesIO(DATA)
    with Store(LocalBackend(str(tmp_path))) as store, pytest.raises(CapabilityNotSupported):
        write_with_hash(store, "a", source, metadata={"k": "v"})
    assert source.tell() == 0


@pytest.mark.parametrize("algorithm", ["md5", "SHA1", "sha512", "blake2b", "sha3_256"])
def test_any_algorithm_of_hashlib_will_do(algorithm: str) -> None:
    """CONTRACT 9: the name comes back in lower case."""
    with Store(MemoryBackend()) as store:
        result = write_with_hash(store, "a", DATA, algorithm=algorithm)
    assert result.digest == ContentDigest(algorithm, hashlib.new(algorithm, DATA).hexdigest())
    assert result.digest.algorithm == algorithm.lower()


@pytest.mark.parametrize("algorithm", ["crc99", "", "shake_128"])
def test_an_algorithm_without_a_digest_is_refused_and_nothing_written(algorithm: str) -> None:
    """CONTRACT 138's text: "unsupported hash type"."""
    with Store(MemoryBackend()) as store:
        with pytest.raises(ValueError, match="unsupported hash type"):
            write_with_hash(store, "a", b"1", algorithm=algorithm)
        assert not store.exists("a")


@pytest.mark.parametrize("content", ["text", 5, None, iter(["text"]), {"a": 1}])
def test_content_that_is_no_bytes_is_refused_and_nothing_written(content: object) -> None:
    """CONTRACT 41."""
    with Store(MemoryBackend()) as store:
        with pytest.raises(TypeError):
            write_with_hash(store, "a", content)
        assert not store.exists("a")


def test_a_source_that_fails_half_way_leaves_the_old_content() -> None:
    """CONTRACT 51: its error comes through."""

    def broken() -> Iterator[bytes]:
        yield b"new"
        raise KeyError("source")

    with Store(MemoryBackend()) as store:
        store.write("a", b"old")
        with pytest.raises(KeyError, match="source"):
            write_with_hash(store, "a", broken(), overwrite=True)
        assert store.read_bytes("a") == b"old"


def test_it_goes_through_proxies() -> None:
    """It uses the store's public `write`, so that middleware sees it."""
    seen: list[str] = []

    class Watching(ProxyStore):
        def write(self, path: str, *args: Any, **kwargs: Any) -> Any:
            seen.append(path)
            return super().write(path, *args, **kwargs)

    with Watching(Store(MemoryBackend())) as store:
        assert write_with_hash(store, "a", b"1").digest is not None
    assert seen == ["a"]
