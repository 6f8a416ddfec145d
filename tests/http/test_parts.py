"""Ranges, parts, budgets: the arithmetic of large objects, as tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_store._contract._async.content import AsyncContent
from remote_store._http.budget import ByteBudget
from remote_store._http.parts import MAX_OBJECT_BYTES, Cutter, nth_part_size, part_size_for
from remote_store._http.ranges import coalesce, content_range, range_header, split
from remote_store._http.together import together

MIB = 1024 * 1024
RANGES = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 80)).map(lambda pair: (pair[0], sum(pair))))


@given(RANGES, st.integers(0, 50), st.integers(1, 300))
def test_every_wanted_byte_is_fetched(wanted: list[tuple[int, int]], gap: int, limit: int) -> None:
    """Each range lies in the fetch that serves it; fetches rise; joined ones keep to the limit."""
    fetches = coalesce(wanted, gap, limit)
    served = {index: fetch for fetch in fetches for index in fetch.serves}
    for index, (start, stop) in enumerate(wanted):
        if start < stop:
            assert served[index].start <= start < stop <= served[index].stop
    assert [fetch.start for fetch in fetches] == sorted(fetch.start for fetch in fetches)
    for fetch in fetches:
        longest = max(wanted[index][1] - wanted[index][0] for index in fetch.serves)
        assert fetch.stop - fetch.start <= max(limit, longest)


def test_near_ranges_are_one_request() -> None:
    """DESIGN 6."""
    assert [(f.start, f.stop, f.serves) for f in coalesce([(90, 100), (0, 10), (20, 30)], 10, 1000)] == [
        (0, 30, [1, 2]),
        (90, 100, [0]),
    ]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes 0-9/100", (0, 10, 100)),
        ("bytes 0-0/1", (0, 1, 1)),
        ("bytes 5-4/100", None),
        ("bytes 0-100/100", None),
        ("bytes */100", None),
        ("bytes 0-9/*", None),
        ("0-9/100", None),
        (None, None),
        ("bytes 0-9/100 ", None),
    ],
)
def test_a_content_range_is_read_or_refused(header: str | None, found: object) -> None:
    """RELIABILITY 11."""
    assert content_range(header) == found


def test_ranges_are_written_and_cut() -> None:
    """RFC 9110: the header's last byte is included."""
    assert (range_header(0, 10), range_header(7)) == ("bytes=0-9", "bytes=7-")
    assert split(3, 10, 4) == [(3, 7), (7, 10)]
    assert split(3, 3, 4) == []


@pytest.mark.parametrize("size", [0, 1, 8 * MIB, 80_000 * MIB, 80_000 * MIB + 1, MAX_OBJECT_BYTES])
def test_a_known_size_never_needs_more_than_10000_parts(size: int) -> None:
    """DESIGN 6: up to 5 TiB."""
    part = part_size_for(size, 8 * MIB)
    assert -(-size // part) <= 10_000
    assert part >= 8 * MIB


def test_a_stream_of_10000_parts_reaches_5_tib() -> None:
    """Issue 4: the length is unknown, the parts grow; the first thousand (8 GiB) don't."""
    assert {nth_part_size(number, 8 * MIB) for number in range(1, 1001)} == {8 * MIB}
    assert sum(nth_part_size(number, 8 * MIB) for number in range(1, 10_001)) >= MAX_OBJECT_BYTES
    assert nth_part_size(10_000, 5 * 1024 * MIB) == 5 * 1024 * MIB


async def parts_of(content: Any, size: int) -> list[bytes]:
    share = ByteBudget(1000).share()
    cutter = Cutter(content if isinstance(content, bytes) else AsyncContent(content), size, share)
    found = []
    while (part := await cutter.next()) is not None:
        assert part.size == sum(map(len, part.buffers))
        found.append(b"".join(part.buffers))
        share.give(part.held)
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 20, 35])
@pytest.mark.parametrize("piece", [1, 3, 10, 17, 100])
async def test_a_stream_is_cut_into_full_parts(length: int, piece: int) -> None:
    """All but the last are full, whatever the source's pieces; bytes and streams alike."""
    data = bytes(range(length))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, length, piece):
            yield data[start : start + piece]

    wanted = [data[start : start + 10] for start in range(0, length, 10)] or [b""]
    assert await parts_of(pieces(), 10) == wanted
    assert await parts_of(data, 10) == wanted
    assert await parts_of(bytearray(data), 10) == wanted


@pytest.mark.anyio
async def test_a_buffer_that_changes_is_copied_in_time() -> None:
    """A source may fill one buffer again and again."""
    buffer = bytearray(10)

    async def pieces() -> AsyncIterator[Any]:
        for number in range(5):
            buffer[:] = bytes([number]) * 10
            yield memoryview(buffer)

    assert b"".join(await parts_of(pieces(), 7)) == b"".join(bytes([number]) * 10 for number in range(5))


@pytest.mark.anyio
async def test_a_stream_always_gets_one_part() -> None:
    """DECISIONS 30: a budget that others hold blocks nobody for ever."""
    budget = ByteBudget(10)
    first, second = budget.share(), budget.share()
    for _ in range(2):
        await first.take(10)
    with anyio.fail_after(1):
        await second.take(100)
    with anyio.move_on_after(0.01) as scope:
        await second.take(10)
    assert scope.cancelled_caught
    first.close()
    with anyio.fail_after(1):
        await second.take(10)
    second.close()
    assert budget._left == 10


@pytest.mark.anyio
async def test_waiters_are_served_in_order() -> None:
    """A large one is not starved by small ones, and one that is cancelled gives its place up."""
    budget = ByteBudget(10)
    holder = budget.share()
    await holder.take(1)
    await holder.take(10)
    served: list[int] = []

    async def want(size: int) -> None:
        share = budget.share()
        await share.take(1)
        await share.take(size)
        served.append(size)
        share.give(size)

    async with anyio.create_task_group() as group:
        for size in (10, 1, 2):
            group.start_soon(want, size)
            await anyio.wait_all_tasks_blocked()
        holder.close()
    assert served[0] == 10
    assert sorted(served) == [1, 2, 10]


@pytest.mark.anyio
async def test_the_first_error_is_raised_as_it_is() -> None:
    """No exception group, and the others are cancelled."""
    ended: list[str] = []

    async def fails() -> None:
        raise KeyError("first")

    async def waits() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    with anyio.fail_after(1), pytest.raises(KeyError, match="first"):
        await together([waits, fails], 2)
    assert ended == ["cancelled"]


class Steady:
    """Pieces that their owner promises not to change."""

    steady = True

    def __init__(self, pieces: list[memoryview]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Any:
        return iter(self._pieces)


@pytest.mark.anyio
async def test_steady_pieces_are_sent_as_they_are() -> None:
    """A tensor's memory goes into parts without a copy: what a part holds are views of it."""
    memory = bytearray(range(256)) * 4096 * 3  # 3 MiB
    cutter = Cutter(AsyncContent(Steady([memoryview(memory)])), MIB, ByteBudget(8 * MIB).share())
    parts = [part for _ in range(3) if (part := await cutter.next()) is not None]
    assert [part.size for part in parts] == [MIB] * 3
    assert all(view.obj is memory for part in parts for view in part.buffers)
