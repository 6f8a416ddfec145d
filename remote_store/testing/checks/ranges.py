"""Reading parts of files (DECISIONS 15)."""

from __future__ import annotations

from ..._core.capability import Capability
from ..._core.errors import InvalidPath, NotFound
from ..asserting import anything, equal, raises
from ..case import Case
from ..registry import check

READ = Capability.READ
DATA = bytes(range(100))


@check("DECISIONS 15", needs={READ})
async def ranges_come_in_the_order_given(case: Case) -> None:
    """Half-open ranges come back in the order given, overlapping and repeated ones too."""
    await case.put("file", DATA)
    wanted = [(90, 95), (0, 2), (50, 50), (40, 60), (1, 3), (0, 2), (0, 100)]
    found = await case.backend.read_ranges("file", wanted)
    equal(found, [DATA[start:stop] for start, stop in wanted], "the ranges")
    equal({type(piece).__name__ for piece in found}, {"bytes"}, "the types of the ranges")


@check("DECISIONS 15", needs={READ})
async def a_range_past_the_end_is_short(case: Case) -> None:
    """What lies past the end is cut off; a range that starts there is empty."""
    await case.put("file", DATA)
    found = await case.backend.read_ranges("file", [(95, 200), (100, 200), (5000, 2**62)])
    equal(found, [DATA[95:], b"", b""], "ranges past the end")


@check("DECISIONS 15", needs={READ})
async def ranges_of_a_large_file_are_exact(case: Case) -> None:
    """Ranges that cross any chunk's border are exact."""
    data = b"".join(number.to_bytes(4, "big") for number in range(400_000))
    await case.put("large", data)
    middle = 256 * 1024
    wanted = [(middle - 3, middle + 5), (len(data) - 7, len(data)), (0, 1), (1_000_001, 1_300_007)]
    found = await case.backend.read_ranges("large", wanted)
    for piece, (start, stop) in zip(found, wanted, strict=True):
        assert piece == data[start:stop], f"range ({start}, {stop}) is {len(piece)} bytes and not the file's"


@check("DECISIONS 15", needs={READ})
async def an_empty_file_has_empty_ranges(case: Case) -> None:
    """Every range of an empty file is empty, and no ranges give no results."""
    await case.put("empty", b"")
    equal(await case.backend.read_ranges("empty", [(0, 10), (3, 4)]), [b"", b""], "ranges of an empty file")
    equal(await case.backend.read_ranges("empty", []), [], "no ranges")


@check("DECISIONS 15", needs={READ})
async def what_is_no_range_is_refused(case: Case) -> None:
    """A reversed or negative range, and a bool as an offset, raise ValueError."""
    await case.put("file", DATA)
    for wrong in ((5, 3), (-1, 3), (0, -1), (False, 5), (0, True)):
        with raises(ValueError, when=f"range {wrong}"):
            await case.backend.read_ranges("file", [(0, 1), wrong])


@check("DECISIONS 15", needs={READ})
async def ranges_need_a_file(case: Case) -> None:
    """Ranges of a missing file raise NotFound, of a folder InvalidPath; `read_into` does the same."""
    await case.put("folder/file")
    with raises(NotFound, when="read_ranges of a missing file"):
        await case.backend.read_ranges("missing", [(0, 1)])
    with raises(InvalidPath, when="read_ranges of a folder"):
        await case.backend.read_ranges("folder", [(0, 1)])
    with raises(NotFound, when="read_into of a missing file"):
        await case.backend.read_into("missing", bytearray(1))
    with raises(InvalidPath, when="read_into of a folder"):
        await case.backend.read_into("folder", bytearray(1))


@check("DECISIONS 15", needs={READ})
async def memory_is_filled_from_an_offset(case: Case) -> None:
    """`read_into` fills the buffer from `start` on and returns how many bytes it wrote."""
    await case.put("file", DATA)
    for start, size in ((0, 100), (0, 7), (10, 20), (99, 1)):
        buffer = bytearray(size)
        equal(await case.backend.read_into("file", buffer, start), size, f"read_into {size} bytes from {start}")
        equal(bytes(buffer), DATA[start : start + size], f"{size} bytes from {start}")


@check("DECISIONS 15", needs={READ})
async def memory_beyond_the_end_is_left_alone(case: Case) -> None:
    """Fewer bytes than the buffer has come only where the file ends, and the rest of it stays as it was."""
    await case.put("file", DATA)
    buffer = bytearray(b"." * 20)
    equal(await case.backend.read_into("file", buffer, 90), 10, "read_into across the end")
    equal(bytes(buffer), DATA[90:] + b"." * 10, "the buffer")
    equal(await case.backend.read_into("file", buffer, 100), 0, "read_into at the end")
    equal(await case.backend.read_into("file", bytearray(), 0), 0, "read_into an empty buffer")


@check("DECISIONS 15", needs={READ})
async def a_part_of_a_buffer_can_be_filled(case: Case) -> None:
    """A memoryview is filled, and nothing beside it."""
    await case.put("file", DATA)
    buffer = bytearray(b"." * 30)
    with memoryview(buffer) as view:
        equal(await case.backend.read_into("file", view[10:20], 5), 10, "read_into a view")
    equal(bytes(buffer), b"." * 10 + DATA[5:15] + b"." * 10, "the buffer around the view")


@check("DECISIONS 15", needs={READ})
async def memory_that_cannot_be_filled_is_refused(case: Case) -> None:
    """A read-only buffer raises TypeError, a negative start ValueError."""
    await case.put("file", DATA)
    with raises(TypeError, when="a read-only buffer"):
        await case.backend.read_into("file", anything(b"1234"))
    with raises(ValueError, when="a negative start"):
        await case.backend.read_into("file", bytearray(4), -1)


class _Index:
    """An integer of another kind, as numpy has them."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __index__(self) -> int:
        return self._value


@check("DECISIONS 15", needs={READ})
async def any_integer_is_an_offset(case: Case) -> None:
    """What has `__index__` counts as an integer; a float or a str raises TypeError or ValueError."""
    await case.put("file", DATA)
    found = await case.backend.read_ranges("file", [(anything(_Index(2)), anything(_Index(5)))])
    equal(found, [DATA[2:5]], "a range of other integers")
    buffer = bytearray(3)
    await case.backend.read_into("file", buffer, anything(_Index(7)))
    equal(bytes(buffer), DATA[7:10], "bytes from another integer")
    for wrong in ((0.0, 5.0), ("0", "5"), (0,), None, 5):
        with raises((TypeError, ValueError), when=f"range {wrong!r}"):
            await case.backend.read_ranges("file", [anything(wrong)])


@check("DECISIONS 15", needs={READ})
async def many_ranges_are_served(case: Case) -> None:
    """Ten thousand ranges of one file, shuffled, come back in the order given."""
    await case.put("file", DATA)
    wanted = [(number * 37 % 90, number * 37 % 90 + number % 10) for number in range(10_000)]
    found = await case.backend.read_ranges("file", wanted)
    assert found == [DATA[start:stop] for start, stop in wanted], "some range is not the file's"
