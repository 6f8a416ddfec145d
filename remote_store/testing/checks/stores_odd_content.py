"""A store over the backend: content that misbehaves (RELIABILITY, content objects)."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ..._core.capability import Capability
from ..._core.errors import RemoteStoreError
from ..._store._async.store import AsyncStore
from ..._store._sync.store import Store
from ..asserting import anything, equal, raises
from ..case import Case, Pieces
from ..registry import Face, check

RW = {Capability.READ, Capability.WRITE}


class _Reader:
    """A file whose `read` gives what it was made with, one answer a call."""

    def __init__(self, *answers: object) -> None:
        self._answers: Iterator[Any] = iter(answers)

    def read(self, size: int = -1) -> Any:
        if size < 0:
            return b"".join(self)
        return next(iter(self), b"")

    def __iter__(self) -> Iterator[Any]:
        for answer in self._answers:
            if isinstance(answer, BaseException):
                raise answer
            yield answer


class _AsyncReader(_Reader):
    """The same with an async `read`, as anyio's and aiofiles' files have it."""

    async def read(self, size: int = -1) -> Any:
        return super().read(size)


@check("B3", 41, needs=RW)
async def a_reader_may_give_what_it_likes(case: Case) -> None:
    """A file may give fewer or more bytes than asked for, as any buffer."""
    store = case.store("root")
    result = await store.write("file", anything(_Reader(b"a", bytearray(b"bc"), memoryview(b"d" * 600_000), b"e")))
    equal(result.size, 600_004, "size")
    assert await store.read_bytes("file") == b"abc" + b"d" * 600_000 + b"e", "other content"


@check("B3", 41, needs=RW)
async def a_reader_that_gives_no_bytes_is_refused(case: Case) -> None:
    """A file whose `read` gives a str or None raises TypeError, and nothing is left."""
    store = case.store("root")
    for number, answers in enumerate((("text",), (None,), (b"half", "text"), (b"half", None), (5,))):
        with raises(TypeError, when=f"answers {answers}"):
            await store.write(f"{number}", anything(_Reader(*answers)))
    await case.holds({})


@check("B3", 41, 49, needs=RW)
async def a_reader_that_raises_leaves_nothing(case: Case) -> None:
    """An error of `read` comes out, or one of ours that it caused, and nothing has changed."""
    store = case.store("root")
    await case.put("root/old", b"old")
    for key in ("old", "new"):
        problem = OSError(5, "the disk went away")
        with raises((OSError, RemoteStoreError)) as caught:
            await store.write(key, anything(_Reader(b"half", problem)), overwrite=True)
        assert caught.error is problem, f"another exception came out: {caught.error!r}"
    await case.holds({"root/old": b"old"})


@check("B3", 41, needs=RW)
async def a_closed_file_is_refused(case: Case) -> None:
    """A closed file, and a released memoryview, raise ValueError, and nothing is left."""
    store = case.store("root")
    closed = io.BytesIO(b"content")
    closed.close()
    with raises(ValueError, when="a closed file"):
        await store.write("file", anything(closed))
    released = memoryview(b"content")
    released.release()
    with raises(ValueError, when="a released memoryview"):
        await store.write("file", anything(released))
    await case.holds({})


@check("B3", 41, needs=RW)
async def a_buffer_that_is_used_again_is_taken_as_it_was(case: Case) -> None:
    """An iterator that fills one bytearray again and again, as readinto loops do, is written piece by piece."""

    def refilled() -> Iterator[bytearray]:
        buffer = bytearray(4)
        for number in range(50):
            buffer[:] = b"%04d" % number
            yield buffer

    store = case.store("root")
    await store.write("file", anything(refilled()))
    equal(await store.read_bytes("file"), b"".join(b"%04d" % number for number in range(50)), "content")


@check("B3", 41, needs=RW)
async def a_buffer_is_the_callers_again_after_the_write(case: Case) -> None:
    """A bytearray that is changed after the write does not change what is stored."""
    store = case.store("root")
    buffer = bytearray(b"before")
    await store.write("file", anything(buffer))
    buffer[:] = b"after!"
    equal(await store.read_bytes("file"), b"before", "content")


@check("B3", 41, needs=RW)
async def a_file_can_be_copied_onto_itself_by_a_stream(case: Case) -> None:
    """Writing a file from a stream over itself keeps its content, or is refused before anything is lost."""
    data = bytes(range(256)) * 4000
    await case.put("root/file", data)
    store = case.store("root")
    await store.write("copy", store.read("file"))
    await store.write("file", store.read("copy"), overwrite=True)
    await case.holds({"root/file": data, "root/copy": data})


@check("B3", 41, needs=RW, face=Face.LOOP)
async def async_files_are_taken_by_an_async_store(case: Case) -> None:
    """A file with an async `read` is read from where it stands; one that gives text raises TypeError."""
    store = AsyncStore(case.backend, "root")
    await store.write("file", anything(_AsyncReader(b"one ", b"two")))
    equal(await store.read_bytes("file"), b"one two", "content")
    with raises(TypeError, when="an async file that gives text"):
        await store.write("text", anything(_AsyncReader("text")))
    await case.holds({"root/file": b"one two"})


@check("B3", 41, needs=RW, face=Face.LOOP)
async def a_spent_async_generator_is_refused(case: Case) -> None:
    """An async generator that has been used up raises ValueError: its content is lost, not empty."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"gone"

    spent = pieces()
    equal([piece async for piece in spent], [b"gone"], "the generator")
    with raises(ValueError, when="a spent async generator"):
        await AsyncStore(case.backend).write("file", spent)
    await case.holds({})


@check("DECISIONS 13", needs=RW, face=Face.SYNC)
def async_content_is_refused_by_a_blocking_store(case: Case) -> None:
    """An async iterator given to a blocking store raises TypeError and leaves nothing."""
    assert case.blocking is not None
    with raises(TypeError):
        Store(case.blocking).write("file", anything(Pieces(b"content")))
    equal(case.blocking.exists("file"), False, "exists")
