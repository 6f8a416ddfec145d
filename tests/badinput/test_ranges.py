"""RELIABILITY "Bad inputs": sizes and ranges. A slice of the content, or ValueError or TypeError before any I/O."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store._core.errors import InvalidPath, NotFound
from tests.badinput.faces import Face, refusal

CONTENT = b"0123456789"


class Number:
    """An integer of somebody else's, such as numpy's."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value

    def __repr__(self) -> str:
        return f"Number({self.value})"


@pytest.fixture
def digits(face: Face) -> Face:
    """Return a store with ten digits in `f` and nothing in `empty`."""
    face.do("write", "f", CONTENT, overwrite=True)
    face.do("write", "empty", b"")
    return face


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], []),
        ([(0, 0)], [b""]),
        ([(0, 1)], [b"0"]),
        ([(3, 3), (0, 10), (9, 10)], [b"", CONTENT, b"9"]),
        ([(8, 20), (10, 11), (500, 600)], [b"89", b"", b""]),
        ([(5, 8), (0, 6), (2, 4)], [b"567", b"012345", b"23"]),
        ([(0, 2**63)], [CONTENT]),
        ([(2**63, 2**63 + 5), (2**70, 2**80)], [b"", b""]),
        ([(Number(1), Number(3))], [b"12"]),
        ([[1, 2]], [b"1"]),
        ([(1, 2)] * 3, [b"1"] * 3),
    ],
    ids=repr,
)
def test_ranges_are_slices_in_the_order_given(digits: Face, ranges: Any, expected: list[bytes]) -> None:
    """DECISIONS 15: half-open, overlapping or not, short past the end."""
    assert digits.do("read_ranges", "f", ranges) == expected
    assert digits.do("read_ranges", "f", iter(ranges)) == expected
    assert digits.do("read_ranges", "empty", ranges) == [b""] * len(expected)


def test_a_hundred_thousand_ranges_are_answered(digits: Face) -> None:
    """RELIABILITY "Sizes and ranges": all of them, in order."""
    wanted = [(n % 10, n % 10 + 1) for n in range(100_000)]
    assert digits.do("read_ranges", "f", wanted) == [CONTENT[first:last] for first, last in wanted]


@pytest.mark.parametrize(
    "ranges",
    [
        [(-1, 2)],
        [(0, -1)],
        [(3, 2)],
        [(False, True)],
        [(0, True)],
        [(0.0, 1.0)],
        [("0", "1")],
        [(None, 3)],
        [(0, None)],
        [(0,)],
        [(0, 1, 2)],
        [5],
        ["ab"],
        [(0, float("nan"))],
        [(Number(-1), 3)],
        [(0, 1), (2, 1)],
        5,
        None,
    ],
    ids=repr,
)
def test_what_is_no_range_is_refused(digits: Face, ranges: Any) -> None:
    """DECISIONS 15: "reversed, negative or bool: ValueError"; TypeError for what is no integer."""
    error = refusal(lambda: digits.do("read_ranges", "f", ranges))
    assert type(error) in (ValueError, TypeError), error


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [
        (0, 0, b""),
        (0, 10, CONTENT),
        (0, 11, CONTENT),
        (9, 5, b"9"),
        (10, 5, b""),
        (2**63, 5, b""),
        (Number(4), 2, b"45"),
    ],
    ids=repr,
)
def test_read_into_fills_what_there_is(digits: Face, start: Any, size: int, expected: bytes) -> None:
    """Issue 3 item 3: the number of bytes comes back, and no byte beyond it is touched."""
    buffer = bytearray(b"#" * size)
    assert digits.do("read_into", "f", buffer, start) == len(expected)
    assert bytes(buffer) == expected + b"#" * (size - len(expected))


@pytest.mark.parametrize("start", [-1, True, 1.5, "0", None, Number(-3)], ids=repr)
def test_a_start_that_is_no_offset_is_refused(digits: Face, start: Any) -> None:
    """DECISIONS 15: and the buffer is as it was."""
    buffer = bytearray(b"##")
    assert type(refusal(lambda: digits.do("read_into", "f", buffer, start))) in (ValueError, TypeError)
    assert buffer == b"##"


def _released() -> memoryview:
    view = memoryview(bytearray(3))
    view.release()
    return view


@pytest.mark.parametrize(
    "buffer",
    [b"xyz", memoryview(b"xyz"), memoryview(bytearray(6))[::2], "xyz", None, 5, _released()],
    ids=["bytes", "read-only view", "non-contiguous", "str", "None", "int", "released"],
)
def test_a_buffer_that_can_not_be_filled_is_refused(digits: Face, buffer: Any) -> None:
    """Issue 3 item 3: TypeError, or ValueError for one that was released."""
    assert type(refusal(lambda: digits.do("read_into", "f", buffer))) in (ValueError, TypeError)


def test_a_buffer_of_wide_items_is_filled_by_bytes(digits: Face) -> None:
    """DESIGN 6: any writable buffer, seen as its bytes."""
    import array

    numbers = array.array("i", [0, 0])
    assert digits.do("read_into", "f", numbers) == 8
    assert numbers.tobytes() == CONTENT[:8]


def test_ranges_of_what_is_no_file_are_refused(digits: Face) -> None:
    """CONTRACT 33: NotFound, and InvalidPath for a folder; bad ranges come first."""
    digits.do("write", "d/g", b"")
    for method, argument in (("read_ranges", [(0, 1)]), ("read_into", bytearray(1))):
        assert type(refusal(lambda: digits.do(method, "missing", argument))) is NotFound  # noqa: B023
        assert type(refusal(lambda: digits.do(method, "d", argument))) is InvalidPath  # noqa: B023
    assert type(refusal(lambda: digits.do("read_ranges", "missing", [(2, 1)]))) is ValueError


@pytest.mark.parametrize("age", [-1, float("nan"), "1", None], ids=repr)
def test_an_age_that_is_none_is_refused(digits: Face, age: Any) -> None:
    """DECISIONS 23: `abort_uploads` removes nothing by mistake."""
    assert type(refusal(lambda: digits.do("abort_uploads", age))) in (ValueError, TypeError)


@pytest.mark.parametrize("if_match", ["", 5, b"x", True], ids=repr)
def test_an_etag_that_is_none_is_refused(digits: Face, if_match: Any) -> None:
    """DECISIONS 23: an empty etag is nearly always one that was never given."""
    before = digits.content()
    assert type(refusal(lambda: digits.do("write", "f", b"x", if_match=if_match))) in (ValueError, TypeError)
    assert digits.content() == before
