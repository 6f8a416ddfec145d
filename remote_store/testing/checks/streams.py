"""Files that a blocking backend opens (CONTRACT B2): the part of it that has no async form."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from ..._contract._sync.backend import Backend
from ..._core.capability import Capability
from ..._core.errors import InvalidPath, NotFound
from ..asserting import equal, raises
from ..case import Case
from ..inline import drive
from ..registry import Face, check

READ, SEEKABLE = Capability.READ, Capability.SEEKABLE_READ
DATA = b"first line\nsecond line\n\nlast, without an end"


def _arranged(case: Case, data: bytes = DATA) -> Backend:
    """Put "folder/file" there and return the blocking backend."""
    assert case.blocking is not None
    drive(case.put("folder/file", data))
    return case.blocking


def _read_some(stream: BinaryIO) -> bytes:
    return stream.read(10)


@check("B2", 34, needs={READ}, face=Face.SYNC)
def a_stream_is_a_readable_file(case: Case) -> None:
    """The stream is readable, a context manager, and closed afterwards, when reading raises ValueError."""
    with _arranged(case).read("folder/file") as stream:
        equal((stream.readable(), stream.closed), (True, False), "readable, closed")
        equal(stream.read(), DATA, "read()")
    equal(stream.closed, True, "closed after the block")
    with raises(ValueError, when="a closed stream"):
        _read_some(stream)


@check("B2", 34, needs={READ}, face=Face.SYNC)
def reading_never_gives_more_than_asked(case: Case) -> None:
    """`read(n)` gives at most n bytes, `read(0)` none, and at the end `b""`, again and again, never None."""
    with _arranged(case).read("folder/file") as stream:
        equal(stream.read(0), b"", "read(0)")
        found = bytearray()
        while piece := stream.read(7):
            assert len(piece) <= 7, f"read(7) gave {len(piece)} bytes"
            found += piece
        equal(bytes(found), DATA, "the pieces")
        for _ in range(2):
            equal(stream.read(), b"", "read() at the end")
            equal(stream.read(5), b"", "read(5) at the end")


@check("B2", 34, needs={READ}, face=Face.SYNC)
def lines_come_one_by_one(case: Case) -> None:
    """Iterating gives lines with their ends; `readline` too."""
    backend = _arranged(case)
    with backend.read("folder/file") as stream:
        equal(list(stream), DATA.splitlines(keepends=True), "the lines")
    with backend.read("folder/file") as stream:
        equal(stream.readline(), b"first line\n", "readline()")
        equal(stream.read(6), b"second", "read(6) after readline()")


@check("B2", 34, needs={READ}, face=Face.SYNC)
def memory_is_filled_by_a_stream(case: Case) -> None:
    """`readinto` fills a buffer, returns an int, and 0 at the end."""
    with _arranged(case).read("folder/file") as stream:
        buffer = bytearray(10)
        count = stream.readinto(buffer)  # type: ignore[attr-defined]  # every binary file has it, BinaryIO does not
        assert isinstance(count, int), f"readinto gave {count!r}"
        equal(bytes(buffer[:count]), DATA[:count], "the buffer")
        stream.read()
        equal(stream.readinto(buffer), 0, "readinto at the end")  # type: ignore[attr-defined]


@check("B2", 34, needs={READ}, face=Face.SYNC)
def a_stream_serves_under_a_buffer(case: Case) -> None:
    """Wrapped in a TextIOWrapper the stream reads as text, which needs all of a file's protocol."""
    backend = _arranged(case, "zwölf\nBoxkämpfer\n".encode())
    stream = backend.read("folder/file")
    raw = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
    with io.TextIOWrapper(raw, encoding="utf-8") as text:
        equal(text.read(), "zwölf\nBoxkämpfer\n", "the text")


@check("B2", 34, needs={READ}, face=Face.SYNC)
def a_large_stream_is_whole(case: Case) -> None:
    """A file of several MiB reads whole, in pieces of any size."""
    data = bytes(range(251)) * 12_000
    with _arranged(case, data).read("folder/file") as stream:
        found = b"".join(iter(lambda: stream.read(99_991), b""))
    assert found == data, f"{len(found)} bytes of {len(data)}, or others"


@check("B2", 32, needs={READ}, face=Face.SYNC, bare=False)
def a_missing_file_is_told_at_the_call(case: Case) -> None:
    """`read` and `read_seekable` raise NotFound and InvalidPath at the call, not with the first byte."""
    backend = _arranged(case)
    for opened in (backend.read, backend.read_seekable):
        for key in ("missing", "folder/missing", "folder/file/below"):
            with raises(NotFound, path=key, when=key):
                opened(key).close()
        for key in ("folder", "", "../x"):
            with raises(InvalidPath, path=key, when=repr(key)):
                opened(key).close()


@check("B13", 101, needs={READ}, face=Face.SYNC, bare=True)
def the_adapter_opens_with_the_first_byte(case: Case) -> None:
    """`read` of the bare adapter does not fail at the call; NotFound comes with the first read, once."""
    assert case.blocking is not None
    with case.blocking.read("missing") as stream:
        with raises(NotFound, path="missing"):
            stream.read(1)
        equal(stream.read(1), b"", "a second read")


@check("B13", 102, needs={READ}, face=Face.SYNC, bare=True)
def the_adapters_stream_is_raw(case: Case) -> None:
    """The stream of the bare adapter can't seek and has no file number, and works below a BufferedReader."""
    stream = _arranged(case).read("folder/file")
    assert not stream.seekable(), "seekable() is true"
    with raises(io.UnsupportedOperation, when="fileno"):
        stream.fileno()
    assert isinstance(stream, io.RawIOBase), f"{type(stream).__name__} is no RawIOBase"
    with io.BufferedReader(stream) as buffered:
        equal(buffered.read(5), DATA[:5], "read(5)")
        equal(buffered.readline(), DATA[5:11], "readline()")


@check("B2", 35, needs={READ, SEEKABLE}, face=Face.SYNC)
def a_stream_can_seek(case: Case) -> None:
    """With SEEKABLE_READ the stream starts at 0 and seeks from the start, the position and the end."""
    with _arranged(case).read("folder/file") as stream:
        _check_seeking(stream)


@check("B2", 37, needs={READ}, face=Face.SYNC)
def every_file_can_be_opened_for_seeking(case: Case) -> None:
    """`read_seekable` gives a seekable stream at 0, whatever the backend declares."""
    with _arranged(case).read_seekable("folder/file") as stream:
        _check_seeking(stream)


def _check_seeking(stream: BinaryIO) -> None:
    assert stream.seekable(), "seekable() is false"
    equal(stream.tell(), 0, "the first position")
    equal(stream.read(3), DATA[:3], "read(3)")
    equal(stream.tell(), 3, "tell()")
    equal(stream.seek(0, os.SEEK_END), len(DATA), "seek to the end, which is the size")
    equal(stream.read(), b"", "read() at the end")
    equal(stream.seek(-5, os.SEEK_END), len(DATA) - 5, "seek to 5 before the end")
    equal(stream.read(), DATA[-5:], "the last 5 bytes")
    equal(stream.seek(2), 2, "seek(2)")
    equal(stream.seek(4, os.SEEK_CUR), 6, "seek by 4")
    equal(stream.readline(), DATA[6:11], "readline() after seek")
    equal(stream.seek(10_000), 10_000, "seek past the end")
    equal(stream.read(), b"", "read() past the end")
    equal(stream.seek(0), 0, "seek(0)")
    equal(stream.read(), DATA, "read() from the start")
    with raises((ValueError, OSError), when="a negative position"):
        stream.seek(-1)


@check("B2", 36, needs={READ, Capability.LAZY_READ}, face=Face.SYNC)
def a_lazy_stream_is_no_copy(case: Case) -> None:
    """With LAZY_READ the stream is no BytesIO."""
    with _arranged(case).read("folder/file") as stream:
        assert not isinstance(stream, io.BytesIO), "the stream is a copy in memory"
