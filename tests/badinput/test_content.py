"""RELIABILITY "Bad inputs": content objects. What can't be written leaves the old file as it was."""

from __future__ import annotations

import array
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.errors import AlreadyExists
from tests.badinput.faces import Face, as_async, refusal


class Lazy:
    """A reader that has nothing to give yet: a non-blocking file."""

    def read(self, size: int = -1) -> None:
        """Give nothing."""


class Wordy:
    """A reader that gives text."""

    def read(self, size: int = -1) -> str:
        """Give text."""
        return "text"


def released() -> memoryview:
    """Return a buffer that has been given back."""
    view = memoryview(b"x")
    view.release()
    return view


def closed() -> io.BytesIO:
    """Return a closed file."""
    file = io.BytesIO(b"x")
    file.close()
    return file


def spent() -> Iterator[bytes]:
    """Return a generator that has ended."""
    generator = (piece for piece in [b"x"])
    assert list(generator)
    return generator


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
    "str": (lambda: "text", TypeError),
    "None": (lambda: None, TypeError),
    "int": (lambda: 5, TypeError),
    "dict": (lambda: {b"a": b"b"}, TypeError),
    "set": (lambda: {b"a"}, TypeError),
    "object": (object, TypeError),
    "list of int": (lambda: [1, 2], TypeError),
    "iterator of str": (lambda: iter(["a"]), TypeError),
    "iterator of str at the end": (lambda: iter([b"a" * 400_000, "b"]), TypeError),
    "iterator of None": (lambda: iter([b"a", None]), TypeError),
    "text file": (lambda: io.StringIO("text"), TypeError),
    "reader of None": (Lazy, TypeError),
    "reader of str": (Wordy, TypeError),
    "released buffer": (released, ValueError),
    "closed file": (closed, ValueError),
    "spent generator": (spent, ValueError),
}
KEPT: dict[str, tuple[Callable[[], Any], bytes]] = {
    "empty": (lambda: b"", b""),
    "empty iterator": (lambda: iter([]), b""),
    "empty pieces": (lambda: iter([b"", b"a", b"", b"b"]), b"ab"),
    "empty view": (lambda: memoryview(b""), b""),
    "one byte": (lambda: b"x", b"x"),
    "bytearray": (lambda: bytearray(b"abc"), b"abc"),
    "view": (lambda: memoryview(b"abcdef")[1:4], b"bcd"),
    "non-contiguous view": (lambda: memoryview(b"abcdef")[::2], b"ace"),
    "backward view": (lambda: memoryview(b"abc")[::-1], b"cba"),
    "items of 8 bytes": (lambda: array.array("q", [1, 2]), array.array("q", [1, 2]).tobytes()),
    "items of 8 bytes in pieces": (lambda: iter([array.array("q", [1]), b"x"]), array.array("q", [1]).tobytes() + b"x"),
    "two dimensions": (lambda: memoryview(b"abcdef").cast("B", (2, 3)), b"abcdef"),
    "list": (lambda: [b"a", bytearray(b"b"), memoryview(b"c")], b"abc"),
    "tuple": (lambda: (b"a", b"b"), b"ab"),
    "file from its middle": (lambda: _at(io.BytesIO(b"abcdef"), 2), b"cdef"),
    "file at its end": (lambda: _at(io.BytesIO(b"abcdef"), 6), b""),
}


def _at(file: io.BytesIO, position: int) -> io.BytesIO:
    file.seek(position)
    return file


@pytest.mark.parametrize(("make", "kind"), REFUSED.values(), ids=REFUSED)
def test_content_that_is_no_bytes_is_refused(face: Face, make: Callable[[], Any], kind: type[Exception]) -> None:
    """CONTRACT 41, 49: TypeError or ValueError; the old file is there, no new one, nothing else."""
    before = face.content()
    for method in ("write", "write_atomic"):
        assert type(refusal(lambda: face.do(method, "f", make(), overwrite=True))) is kind  # noqa: B023
        assert type(refusal(lambda: face.do(method, "new", make()))) is kind  # noqa: B023
        assert face.content() == before


@pytest.mark.parametrize(("make", "content"), KEPT.values(), ids=KEPT)
def test_every_kind_of_bytes_makes_a_round_trip(face: Face, make: Callable[[], Any], content: bytes) -> None:
    """DESIGN 6, CONTRACT 41, 45: the bytes and their number, from where a file stands."""
    assert face.do("write", "new", make()).size == len(content)
    assert face.do("read_bytes", "new") == content
    assert face.do("write_atomic", "f", make(), overwrite=True).size == len(content)
    assert face.content() == {"f": content, "new": content}


def test_an_async_iterator_is_for_the_async_face_alone(face: Face) -> None:
    """DECISIONS 13: TypeError on the sync face."""
    before = face.content()
    error = refusal(lambda: face.do("write", "new", as_async(iter([b"a", b"b"]))))
    if face.is_sync:
        assert type(error) is TypeError
        assert face.content() == before
    else:
        assert error is None
        assert face.do("read_bytes", "new") == b"ab"


def test_a_text_file_of_the_disk_is_refused(face: Face, tmp_path: Path) -> None:
    """CONTRACT 41: opened in text mode, whatever is in it."""
    (tmp_path / "text").write_text("text")
    before = face.content()
    with open(tmp_path / "text", encoding="utf-8") as file:
        assert type(refusal(lambda: face.do("write", "f", file, overwrite=True))) is TypeError
    assert face.content() == before


class Broken(Exception):
    """What a source raises."""


@pytest.mark.parametrize("error", [Broken("x"), FileNotFoundError(2, "the source's own"), PermissionError(13, "own")])
@pytest.mark.parametrize("size", [1, 9_000_000])
@pytest.mark.parametrize("kind", ["iterator", "own kind of iterator", "reader"])
def test_a_source_that_fails_half_way_changes_nothing(face: Face, error: Exception, size: int, kind: str) -> None:
    """CONTRACT 49, 105: its error comes as it is, also an OSError: it is not about the key."""

    def pieces() -> Iterator[bytes]:
        yield b"x" * size
        raise error

    class Reader:
        def __init__(self) -> None:
            self._pieces = pieces()

        def read(self, size: int = -1) -> bytes:
            return next(self._pieces)

    before = face.content()
    for key in ("f", "new"):
        source: Any = {"iterator": pieces, "own kind of iterator": lambda: face.source(pieces()), "reader": Reader}[
            kind
        ]()
        with pytest.raises(type(error)) as caught:
            face.do("write", key, source, overwrite=True)
        assert caught.value is error
        assert face.content() == before


def test_a_buffer_that_its_owner_changes_between_pieces_is_written_as_it_was(face: Face) -> None:
    """DESIGN 6: each piece is used up before the next is asked for."""
    buffer = bytearray(5)

    def pieces() -> Iterator[bytearray]:
        for letter in b"abc":
            buffer[:] = bytes([letter]) * 5
            yield buffer

    for source in (pieces, lambda: face.source(pieces())):
        face.do("write", "f", source(), overwrite=True)
        assert face.do("read_bytes", "f") == b"aaaaabbbbbccccc"


def test_a_buffer_that_is_changed_after_the_write_changes_nothing(face: Face) -> None:
    """CONTRACT 151: what is stored belongs to the store."""
    buffer = bytearray(b"abc")
    face.do("write", "new", buffer)
    buffer[:] = b"xyz"
    assert face.do("read_bytes", "new") == b"abc"


@pytest.mark.parametrize("method", ["move", "copy"])
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("target", ["f", "./f", "/f", "f/", "f//"])
def test_a_move_or_copy_onto_itself_keeps_the_file(face: Face, method: str, overwrite: bool, target: str) -> None:
    """CONTRACT 76: whatever the spelling."""
    before = face.content()
    face.do(method, "f", target, overwrite=overwrite)
    assert face.content() == before


def test_a_file_is_written_over_itself_from_its_own_stream(face: Face) -> None:
    """CONTRACT 51: a reader goes on with the version it opened."""
    content = b"0123456789" * 100_000
    face.do("write", "f", content, overwrite=True)

    def sync_act() -> None:
        with face.store.read("f") as stream:
            face.store.write("f", stream, overwrite=True)

    async def async_act() -> None:
        async with face.store.read("f") as stream:
            await face.store.write("f", stream, overwrite=True)

    face.run(sync_act if face.is_sync else async_act)
    assert face.content() == {"f": content}


def test_a_source_is_not_taken_where_the_file_exists(face: Face) -> None:
    """CONTRACT 43: AlreadyExists is known before the first piece is asked for; the source is left as it was."""
    taken: list[int] = []

    def pieces() -> Iterator[bytes]:
        taken.append(1)
        yield b"x"

    assert type(refusal(lambda: face.do("write", "f", pieces()))) is AlreadyExists
    file = io.BytesIO(b"abc")
    assert type(refusal(lambda: face.do("write", "f", file))) is AlreadyExists
    assert (taken, file.tell(), file.closed) == ([], 0, False)
