"""Content on its way in: every kind of DESIGN 6, both halves of the pair. CONTRACT 41, 49, 95, 105."""

from __future__ import annotations

import array
import io
import mmap
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiofiles
import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as some

from remote_store import AsyncBackendSyncAdapter, Store
from remote_store._contract._async.content import AsyncContent
from remote_store._contract._sync.content import Content
from remote_store.aio import AsyncLocalBackend, AsyncMemoryBackend, AsyncStore, SyncBackendAdapter
from remote_store.backends import LocalBackend, MemoryBackend

DATA = bytes(range(256)) * 4_000
"""A megabyte: several pieces of any size in use."""


def _generator() -> Iterator[bytes]:
    for start in range(0, len(DATA), 100_000):
        yield DATA[start : start + 100_000]


async def _async_generator() -> AsyncIterator[bytes]:
    for piece in _generator():
        yield piece


class Trickle(io.RawIOBase):
    """A file that gives fewer bytes than it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._source = io.BytesIO(DATA)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._source.read(min(size, 7_000) if size > 0 else 7_000)


class OnlyRead:
    """The least a file can be."""

    def __init__(self) -> None:
        self._source = io.BytesIO(DATA)

    def read(self, size: int = -1) -> bytes:
        return self._source.read(size)


def _mapped() -> mmap.mmap:
    mapped = mmap.mmap(-1, len(DATA))
    mapped.write(DATA)
    mapped.seek(0)
    return mapped


def _spool() -> Any:
    spool = tempfile.SpooledTemporaryFile()  # noqa: SIM115  # the test closes it
    spool.write(DATA)
    spool.seek(0)
    return spool


KINDS: dict[str, Callable[[], Any]] = {
    "bytes": lambda: DATA,
    "bytearray": lambda: bytearray(DATA),
    "memoryview": lambda: memoryview(DATA),
    "a strided view": lambda: memoryview(bytes(2 * len(DATA)))[::2],
    "array": lambda: array.array("I", DATA),
    "mmap": _mapped,
    "generator": _generator,
    "list": lambda: list(_generator()),
    "mixed buffers": lambda: iter([DATA[:10], bytearray(DATA[10:20]), b"", memoryview(DATA)[20:]]),
    "BytesIO": lambda: io.BytesIO(DATA),
    "trickling file": Trickle,
    "anything with read": OnlyRead,
    "spooled file": _spool,
}
STORES: dict[str, Callable[[Path], Store]] = {
    "local": lambda folder: Store(LocalBackend(str(folder))),
    "memory": lambda folder: Store(MemoryBackend()),
    "adapter": lambda folder: Store(AsyncBackendSyncAdapter(AsyncMemoryBackend())),
}
ASYNC_STORES: dict[str, Callable[[Path], AsyncStore]] = {
    "local": lambda folder: AsyncStore(AsyncLocalBackend(str(folder))),
    "memory": lambda folder: AsyncStore(AsyncMemoryBackend()),
    "lifted": lambda folder: AsyncStore(SyncBackendAdapter(LocalBackend(str(folder)))),
}


def _close(content: Any) -> None:
    if isinstance(content, (io.IOBase, mmap.mmap, tempfile.SpooledTemporaryFile)):
        content.close()


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_content_is_written(kind: str, store: str, tmp_path: Path) -> None:
    """CONTRACT 41, DESIGN 6: by both verbs, with the right size."""
    with STORES[store](tmp_path) as opened:
        for verb in (opened.write, opened.write_atomic):
            content = KINDS[kind]()
            assert verb("key", content, overwrite=True).size == len(DATA)
            expected = bytes(len(DATA)) if kind == "a strided view" else DATA
            assert opened.read_bytes("key") == expected
            _close(content)


@pytest.mark.anyio
@pytest.mark.parametrize("store", ASYNC_STORES)
@pytest.mark.parametrize("kind", [*KINDS, "async generator"])
async def test_every_kind_of_content_is_written_async(kind: str, store: str, tmp_path: Path) -> None:
    """CONTRACT 41, DECISIONS 13: the async side takes the sync kinds too, and pulls them in a worker."""
    async with ASYNC_STORES[store](tmp_path) as opened:
        content = KINDS[kind]() if kind in KINDS else _async_generator()
        assert (await opened.write("key", content)).size == len(DATA)
        expected = bytes(len(DATA)) if kind == "a strided view" else DATA
        assert await opened.read_bytes("key") == expected
        if kind != "async generator":
            _close(content)


@pytest.mark.anyio
@pytest.mark.parametrize("store", ASYNC_STORES)
async def test_an_anyio_file_is_read_from_where_it_stands(store: str, tmp_path: Path) -> None:
    """CONTRACT 41: the real one, on both loops; it is not closed."""
    (tmp_path / "source").write_bytes(b"skipped" + DATA)
    async with (
        ASYNC_STORES[store](tmp_path / "root") as opened,
        await anyio.open_file(tmp_path / "source", "rb") as file,
    ):
        await file.seek(7)
        assert (await opened.write("key", file)).size == len(DATA)
        assert not file.wrapped.closed
        assert await opened.read_bytes("key") == DATA


@pytest.mark.asyncio
@pytest.mark.parametrize("store", ASYNC_STORES)
async def test_an_aiofiles_handle_is_read_from_where_it_stands(store: str, tmp_path: Path) -> None:
    """CONTRACT 41, DESIGN 1: the real one; it is not closed."""
    (tmp_path / "source").write_bytes(b"skipped" + DATA)
    async with ASYNC_STORES[store](tmp_path / "root") as opened, aiofiles.open(tmp_path / "source", "rb") as file:
        await file.seek(7)
        assert (await opened.write("key", file)).size == len(DATA)
        assert not file.closed
        assert await opened.read_bytes("key") == DATA


@pytest.mark.asyncio
async def test_async_files_opened_as_text_are_refused(tmp_path: Path) -> None:
    """CONTRACT 41: nothing is written."""
    (tmp_path / "source").write_text("text")
    store = AsyncStore(AsyncMemoryBackend())
    async with aiofiles.open(tmp_path / "source") as one, await anyio.open_file(tmp_path / "source") as other:
        for file in (one, other):
            with pytest.raises(TypeError, match="not bytes"):
                await store.write("key", file)
    assert not await store.exists("key")


REFUSED: dict[str, Callable[[], Any]] = {
    "text": lambda: "text",
    "a text file": lambda: io.StringIO("text"),
    "None": lambda: None,
    "a number": lambda: 5,
    "a mapping": lambda: {"a": b"1"},
    "a set": lambda: {b"1", b"2"},
    "an iterator of text": lambda: iter(["a", "b"]),
    "an iterator of numbers": lambda: iter([1, 2]),
    "a file that reads text": type("File", (), {"read": lambda self, size: "text"}),
    "a file that reads nothing": type("File", (), {"read": lambda self, size: None}),
}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("kind", REFUSED)
def test_other_things_are_refused(kind: str, store: str, tmp_path: Path) -> None:
    """CONTRACT 41: a TypeError, nothing written, nothing lost."""
    with STORES[store](tmp_path) as opened:
        opened.write("old", b"old")
        for key in ("key", "old"):
            with pytest.raises(TypeError):
                opened.write(key, REFUSED[kind](), overwrite=True)
        assert [info.name for info in opened.list_files("")] == ["old"]
        assert opened.read_bytes("old") == b"old"


@pytest.mark.anyio
@pytest.mark.parametrize("store", ASYNC_STORES)
@pytest.mark.parametrize("kind", REFUSED)
async def test_other_things_are_refused_async(kind: str, store: str, tmp_path: Path) -> None:
    """CONTRACT 41."""
    async with ASYNC_STORES[store](tmp_path) as opened:
        with pytest.raises(TypeError):
            await opened.write("key", REFUSED[kind]())
        assert [info async for info in opened.list_files("")] == []


@pytest.mark.parametrize("store", STORES)
def test_async_iterators_are_refused_by_the_sync_side(store: str, tmp_path: Path) -> None:
    """DECISIONS 13: with a hint, and without a coroutine that was never awaited."""
    with STORES[store](tmp_path) as opened, pytest.raises(TypeError, match="async iterator"):
        opened.write("key", _async_generator())


@pytest.mark.anyio
async def test_a_spent_generator_is_not_taken_for_empty_content(tmp_path: Path) -> None:
    """RELIABILITY: a generator used up already has lost its content; writing an empty file would hide that."""
    spent, spent_async = _generator(), _async_generator()
    list(spent)
    [_ async for _ in spent_async]
    with pytest.raises(ValueError, match="used up"):
        Store(LocalBackend(str(tmp_path))).write("key", spent)
    for content in (spent, spent_async):
        with pytest.raises(ValueError, match="used up"):
            await AsyncStore(AsyncLocalBackend(str(tmp_path))).write("key", content)
    assert list(tmp_path.iterdir()) == []


# Buffers that their owner changes


def _reusing(buffer: bytearray) -> Iterator[bytearray]:
    """Fill one and the same buffer for each piece, as a reader with a pool does."""
    for value in range(1, 60):
        buffer[:] = bytes([value]) * len(buffer)
        yield buffer


EXPECTED = b"".join(bytes([value]) * 1000 for value in range(1, 60))


@pytest.mark.parametrize("store", STORES)
def test_a_buffer_is_not_kept_across_pulls(store: str, tmp_path: Path) -> None:
    """DESIGN 6: what is yielded is used up before the next piece is asked for."""
    with STORES[store](tmp_path) as opened:
        opened.write("key", _reusing(bytearray(1000)))
        assert opened.read_bytes("key") == EXPECTED


@pytest.mark.anyio
@pytest.mark.parametrize("store", ASYNC_STORES)
async def test_a_buffer_is_not_kept_across_pulls_async(store: str, tmp_path: Path) -> None:
    """DESIGN 6: from async and from sync iterators."""

    async def reusing() -> AsyncIterator[bytearray]:
        for piece in _reusing(bytearray(1000)):
            yield piece

    async with ASYNC_STORES[store](tmp_path) as opened:
        await opened.write("one", reusing())
        await opened.write("two", _reusing(bytearray(1000)))
        assert await opened.read_bytes("one") == await opened.read_bytes("two") == EXPECTED


@pytest.mark.parametrize("store", STORES)
def test_a_buffer_may_be_changed_once_the_write_has_returned(store: str, tmp_path: Path) -> None:
    """CONTRACT 41: the store keeps a copy or has written it out, and holds no view of it."""
    with STORES[store](tmp_path) as opened:
        buffer = bytearray(b"content")
        opened.write("key", buffer)
        buffer[:] = b"changed"
        buffer += b"longer"  # BufferError, if a view were still held
        assert opened.read_bytes("key") == b"content"


@pytest.mark.anyio
async def test_errors_of_the_content_come_as_they_are(tmp_path: Path) -> None:
    """CONTRACT 49, 105: in the middle, from every kind of source; the same object, nothing left."""
    mine = ZeroDivisionError("mine")

    def failing() -> Iterator[bytes]:
        yield DATA
        raise mine

    async def failing_async() -> AsyncIterator[bytes]:
        yield DATA
        raise mine

    class FailingFile(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise mine

    for name, make in ASYNC_STORES.items():
        async with make(tmp_path / name) as store:
            for content in (failing(), failing_async(), FailingFile()):
                with pytest.raises(ZeroDivisionError) as caught:
                    await store.write("key", content)
                assert caught.value is mine
            assert [info async for info in store.list_files("")] == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# The two classes by themselves

PIECES = some.lists(some.binary(max_size=50), max_size=8)
SIZES = some.lists(some.integers(1, 40), min_size=1, max_size=5)


@given(PIECES, SIZES)
def test_content_reads_like_a_file(pieces: list[bytes], sizes: list[int]) -> None:
    """CONTRACT 41: `read(n)` gives at most n bytes and all of them in the end, however the pieces are cut."""
    whole = b"".join(pieces)
    for source in (iter(pieces), io.BytesIO(whole), whole, bytearray(whole)):
        content = Content(source)
        found: list[bytes] = []
        while piece := content.read(sizes[len(found) % len(sizes)]):
            assert len(piece) <= sizes[len(found) % len(sizes)]
            found.append(piece)
        assert b"".join(found) == whole
        assert content.read() == b""


@given(PIECES, some.integers(1, 100))
def test_batches_give_everything_once(pieces: list[bytes], want: int) -> None:
    """DECISIONS 13: no empty buffer, no empty batch but the last."""
    content = Content(iter(pieces))
    found: list[Any] = []
    while batch := content.batch(want):
        assert all(batch)
        found += batch
    assert b"".join(found) == b"".join(pieces)


@given(PIECES)
def test_async_content_is_an_iterator_of_bytes(pieces: list[bytes]) -> None:
    """CONTRACT 40, 95: backends written for the seed iterate over it; each chunk is non-empty `bytes`."""
    whole = b"".join(pieces)

    async def chunks(source: Any) -> list[bytes]:
        return [chunk async for chunk in AsyncContent(source)]

    for source in (iter(pieces), io.BytesIO(whole), bytearray(whole)):
        found = anyio.run(chunks, source)
        assert all(chunk.__class__ is bytes and chunk for chunk in found)
        assert b"".join(found) == whole
