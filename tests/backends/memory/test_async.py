"""AsyncMemoryBackend on both event loops, where it has something of its own."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import anyio
import pytest

from remote_store._contract._async.backend import AsyncBackend
from remote_store._core.capability import Capability
from remote_store._core.errors import AlreadyExists, InvalidPath, NotFound, PreconditionFailed
from remote_store.backends.memory.backend import TWIN_CAPABILITIES, AsyncMemoryBackend

pytestmark = pytest.mark.anyio


async def pieces(*items: Any) -> AsyncIterator[Any]:
    """Yield the items, or raise those that are exceptions."""
    for item in items:
        await anyio.lowlevel.checkpoint()
        if isinstance(item, BaseException):
            raise item
        yield item


class Waiting:
    """Content that gives one piece and then waits; `waiting` tells when it does."""

    def __init__(self) -> None:
        self.waiting = anyio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"half"
        self.waiting.set()
        await anyio.sleep_forever()


async def test_a_whole_life(backend: AsyncMemoryBackend) -> None:
    """CONTRACT A3: every method, once, over a file in folders."""
    result = await backend.write("d/e/f", pieces(b"he", bytearray(b"ll"), b"", memoryview(b"o")), metadata={"k": "v"})
    assert (str(result.path), result.size, result.source, result.metadata) == ("d/e/f", 5, "native", {"k": "v"})
    assert await backend.exists("d/e/f") and await backend.is_file("d/e/f") and await backend.is_folder("d")
    assert [chunk async for chunk in backend.read("d/e/f")] == [b"hello"]
    assert await backend.read_bytes("d/e/f") == b"hello"
    buffer = bytearray(3)
    assert (await backend.read_into("d/e/f", buffer, 3), bytes(buffer)) == (2, b"lo\0")
    assert await backend.read_ranges("d/e/f", [(1, 3), (0, 1)]) == [b"el", b"h"]
    assert [str(info.path) async for info in backend.list_files("", recursive=True, max_depth=2)] == ["d/e/f"]
    assert [str(entry.path) async for entry in backend.list_folders("d")] == ["d/e"]
    assert [entry.name async for entry in backend.iter_children("d/e")] == ["f"]
    assert (await backend.get_file_info("d/e/f")).etag == result.etag
    assert (await backend.get_folder_info("")).total_size == 5
    await backend.copy("d/e/f", "g")
    await backend.move("g", "h")
    await backend.write_atomic("h", b"2", if_match=(await backend.get_file_info("h")).etag)
    with pytest.raises(PreconditionFailed):
        await backend.write("h", b"3", if_match=result.etag)
    await backend.delete("h")
    await backend.delete_folder("d", recursive=True)
    await backend.check_health()
    await backend.aclose()
    assert repr(backend) == "AsyncMemoryBackend(files=0, folders=0)"


async def test_a_read_is_one_chunk_of_a_snapshot(backend: AsyncMemoryBackend) -> None:
    """seeds/003: a single chunk, the full content; CONTRACT 151: of the version that was opened."""
    content = bytes(3_000_000)
    etag = (await backend.write("a", content)).etag
    source = backend.read("a")
    assert (source.size, source.etag) == (None, None)
    await source.open()
    await backend.write("a", b"other", overwrite=True)
    assert (source.size, source.etag) == (3_000_000, etag)
    assert [chunk is content async for chunk in source] == [True]
    assert [chunk async for chunk in source] == []
    await backend.write("empty", b"")
    assert [chunk async for chunk in backend.read("empty")] == []


async def test_what_is_no_file_is_told_at_the_first_read(backend: AsyncMemoryBackend) -> None:
    """CONTRACT 32: `read` itself asks for nothing, and a source that could not be opened says so each time."""
    await backend.write("d/f", b"")
    for path, kind in (("x", NotFound), ("d", InvalidPath), ("", InvalidPath)):
        source = backend.read(path)
        for _ in range(2):
            with pytest.raises(kind) as caught:
                await anext(source)
            assert (caught.value.path, caught.value.backend) == (path, "async-memory")
        await source.aclose()


async def test_streams_and_listings_may_be_left_early(backend: AsyncMemoryBackend) -> None:
    """CONTRACT 111: no clean-up, no warning (the suite turns every warning into an error)."""
    for number in range(600):
        await backend.write(f"d/{number}", b"x")
    async for _ in backend.read("d/1"):
        break
    async for _ in backend.list_files("d"):
        break
    async for _ in backend.iter_children("d"):
        break
    assert len([info async for info in backend.list_files("d")]) == 600


@pytest.mark.parametrize("path", ["new/deep/a", "old"])
@pytest.mark.parametrize("atomic", [False, True])
async def test_a_cancelled_write_leaves_nothing(backend: AsyncMemoryBackend, path: str, atomic: bool) -> None:
    """CONTRACT 51, 110: cancelled while the content waits, there is no file, or the old one; the backend goes on."""
    await backend.write("old", b"old")
    write = backend.write_atomic if atomic else backend.write
    content = Waiting()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: write(path, aiter(content), overwrite=True))
        await content.waiting.wait()
        tasks.cancel_scope.cancel()
    assert repr(backend) == "AsyncMemoryBackend(files=1, folders=0)"
    assert await backend.read_bytes("old") == b"old"
    assert await backend.abort_uploads(0) == 0
    await backend.write(path, b"again", overwrite=True)
    assert await backend.read_bytes(path) == b"again"


@pytest.mark.parametrize(
    "content",
    [
        lambda: pieces(b"half", RuntimeError("broken")),
        lambda: pieces(b"half", "text"),
        lambda: iter([b"half", "text"]),
        lambda: io.StringIO("text"),
        lambda: "text",
        lambda: None,
    ],
    ids=["raises", "yields str", "iterator of str", "text file", "str", "None"],
)
async def test_a_bad_source_leaves_nothing(backend: AsyncMemoryBackend, content: Any) -> None:
    """CONTRACT 41, 49, 51: the error comes as it is, nothing is visible, no empty parents are left."""
    await backend.write("old", b"old")
    for path in ("new/deep/a", "old"):
        source = content()
        with pytest.raises((RuntimeError, TypeError)):
            await backend.write(path, source, overwrite=True)
        if isinstance(source, AsyncGenerator):
            await source.aclose()  # whoever made it closes it; trio warns of one that is dropped half-way
    assert await backend.read_bytes("old") == b"old"
    assert repr(backend) == "AsyncMemoryBackend(files=1, folders=0)"


async def test_what_is_in_the_way_is_told_before_the_content_is_taken(backend: AsyncMemoryBackend) -> None:
    """CONTRACT 43: a long upload is not drained for nothing."""
    await backend.write("a", b"")
    content = Waiting()
    with pytest.raises(AlreadyExists):
        await backend.write("a", aiter(content))
    assert not content.waiting.is_set()


async def test_who_comes_while_content_is_taken_wins(backend: AsyncMemoryBackend) -> None:
    """CONTRACT 43: the decision is made where the file appears."""

    async def slow() -> AsyncIterator[bytes]:
        await backend.write("a", b"winner")
        yield b"loser"

    with pytest.raises(AlreadyExists):
        await backend.write("a", slow())
    assert await backend.read_bytes("a") == b"winner"


async def test_every_operation_can_be_cancelled(backend: AsyncMemoryBackend) -> None:
    """CONTRACT 110: in a cancelled scope each ends at once, having done nothing."""
    await backend.write("a", b"x")

    async def first(items: AsyncIterator[Any]) -> None:
        await anext(items)

    calls: list[Any] = [
        lambda: backend.exists("a"),
        lambda: backend.is_file("a"),
        lambda: backend.is_folder("a"),
        lambda: first(backend.read("a")),
        lambda: backend.read_bytes("a"),
        lambda: backend.read_into("a", bytearray(1)),
        lambda: backend.read_ranges("a", [(0, 1)]),
        lambda: backend.write("b", b""),
        lambda: backend.write_atomic("b", pieces(b"")),
        lambda: backend.abort_uploads(0),
        lambda: backend.delete("a"),
        lambda: backend.delete_folder("a"),
        lambda: first(backend.list_files("")),
        lambda: first(backend.list_folders("")),
        lambda: first(backend.iter_children("")),
        lambda: backend.get_file_info("a"),
        lambda: backend.get_folder_info(""),
        lambda: backend.move("a", "b"),
        lambda: backend.copy("a", "b"),
        backend.check_health,
    ]
    for call in calls:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await call()
        assert scope.cancelled_caught
    assert [info.name async for info in backend.list_files("")] == ["a"]


async def test_racing_tasks_create_once(backend: AsyncMemoryBackend) -> None:
    """CONTRACT 43: of 100 tasks with streamed content exactly one wins."""
    outcomes: list[bytes | None] = []

    async def create(number: int) -> None:
        content = b"%d" % number
        try:
            await backend.write("d/one", pieces(content[:1], content[1:]))
        except AlreadyExists:
            outcomes.append(None)
        else:
            outcomes.append(content)

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(create, number)
    assert [content for content in outcomes if content is not None] == [await backend.read_bytes("d/one")]
    assert len(outcomes) == 100


async def test_the_label_is_the_name_in_errors(backend: AsyncMemoryBackend) -> None:
    """DECISIONS 4, CONTRACT 86, 112: a twin gives its original its own name."""
    assert (backend.name, backend.resolve("a").backend) == ("async-memory", "async-memory")
    backend._label = "memory"
    with pytest.raises(NotFound) as caught:
        await backend.read_bytes("a")
    assert (backend.name, caught.value.backend, backend.resolve("a").kind) == ("memory", "memory", "memory")


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
async def test_it_does_not_pickle(backend: AsyncMemoryBackend, act: Any) -> None:
    """DECISIONS 19: an empty copy would be a silent loss."""
    with pytest.raises(TypeError, match="pickle"):
        act(backend)


async def test_it_declares_all_but_glob(backend: AsyncMemoryBackend) -> None:
    """CONTRACT part C, DECISIONS 3: and the twin all but LAZY_READ of that."""
    assert isinstance(backend, AsyncBackend)
    assert set(Capability) - set(backend.capabilities) == {Capability.GLOB}
    assert set(backend.capabilities) - set(TWIN_CAPABILITIES) == {Capability.LAZY_READ}
