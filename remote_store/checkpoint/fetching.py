"""Fetching ranges of parts at the same time, straight into their targets, and verifying all that arrives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from .._contract.threads import in_thread
from .._core.errors import NotFound
from .._http.budget import ByteBudget
from .digests import Digest
from .errors import CheckpointCorrupted, CheckpointGone
from .objects import Objects
from .transfer import each

__all__ = ["Piece", "RangeLoader", "Wanted"]

GAP = 64 << 10
"""Bytes between two ranges that are rather read than asked for apart."""
GAP_SHARE = 0.05
"""The same as a share of what is read on both sides of the gap."""
WHOLE_SHARE = 0.95
"""A part of which so much is wanted is fetched as a whole, by one request."""
CONCURRENCY = 16
TOGETHER = 1 << 20
"""Bytes of small pieces that are read by one call and copied to their places: a call costs as much as this copy."""
ONE_RANGE = 8 << 20
"""Bytes of a range at most: what backends fetch by one request."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `start` of a part and on that belong into `view`, of an item's name."""

    start: int
    view: memoryview
    name: str = ""

    @property
    def stop(self) -> int:
        """Where they end in the part."""
        return self.start + len(self.view)


@dataclass(slots=True)
class Wanted:
    """A part: its object's key, size in bytes, checksums (of all, and of each block), and what is wanted of it."""

    name: str
    key: str
    size: int
    checksum: str
    block: int
    sums: Sequence[int]
    pieces: list[Piece] = field(default_factory=list)


Done = Callable[[int, str], Awaitable[None]]
"""Called after each fetch has been verified, with its bytes and the part's name."""


class RangeLoader:
    """Loads pieces of parts. Bytes that don't have their checksum are fetched once more, then CheckpointCorrupted.

    Pieces that lie as they are wanted go straight into their memory; what is read beside them is held within the
    byte budget.
    """

    def __init__(self, objects: Objects, digest: Digest, budget: ByteBudget, held_most: int) -> None:
        self._objects = objects
        self._digest = digest
        self._budget = budget
        self._held_most = held_most

    async def load(self, parts: Sequence[Wanted], done: Done) -> None:
        """Fill all pieces; the first failure stops the rest and is raised."""
        jobs: list[Callable[[], Awaitable[None]]] = []
        for part in parts:
            part.pieces.sort(key=lambda piece: piece.start)
            jobs += self._jobs(part, done)
        await each(jobs, _run, CONCURRENCY)

    def _jobs(self, part: Wanted, done: Done) -> list[Callable[[], Awaitable[None]]]:
        wanted = sum(len(piece.view) for piece in part.pieces)
        if wanted >= WHOLE_SHARE * part.size:
            return [lambda: self._whole(part, done)]
        ranges = _joined([_rounded(piece, part) for piece in part.pieces])
        return [
            (lambda start=start, stop=stop: self._range(part, start, stop, done))  # type: ignore[misc]
            for joined in ranges
            for start, stop in _cut(*joined, part.block)
        ]

    # A part as a whole, by one request

    async def check(self, part: Wanted, done: Done) -> None:
        """Fetch all of a part and verify it; the bytes are dropped."""
        await self._whole(part, done)

    async def _whole(self, part: Wanted, done: Done) -> None:
        async with _held(self._budget, min(_scratch(part), self._held_most)):
            await self._fetch_whole(part, _tiled(part), done)

    async def _fetch_whole(self, part: Wanted, pieces: list[memoryview], done: Done) -> None:
        for attempt in (1, 2):
            await self._filled(part, pieces)
            got = self._digest.hex(await in_thread(self._digest.of, *pieces))
            if got == part.checksum:
                break
            if attempt == 2:
                raise await in_thread(self._spoilt, part, 0, pieces, got)
        await done(part.size, part.name)

    async def _filled(self, part: Wanted, pieces: Sequence[memoryview]) -> None:
        try:
            if self._objects.at_hand:
                count = await self._by_ranges(part, pieces)
            else:
                count = await self._objects.fill(part.key, pieces)
        except NotFound as error:
            raise _gone(part) from error
        if count != part.size:
            raise _wrong_size(part, count)

    async def _by_ranges(self, part: Wanted, pieces: Sequence[memoryview]) -> int:
        """Fill buffers from a place where a range costs nothing but a hop: large ones directly, small ones together."""
        at = 0
        for run in _runs(pieces):
            size = sum(map(len, run))
            view = run[0] if len(run) == 1 else memoryview(bytearray(size))
            count = await self._objects.read_into(part.key, view, at)
            at += count
            if count < size:
                return at
            if len(run) > 1:
                _scatter(view, run)
        return at + await self._objects.read_into(part.key, memoryview(bytearray(1)), at)

    # Ranges of whole blocks

    async def _range(self, part: Wanted, start: int, stop: int, done: Done) -> None:
        direct = next((piece for piece in part.pieces if piece.start <= start and stop <= piece.stop), None)
        if direct is not None:
            view = direct.view[start - direct.start : stop - direct.start]
            await self._verified(part, start, view)
        else:
            async with _held(self._budget, min(stop - start, self._held_most)):
                view = memoryview(bytearray(stop - start))
                await self._verified(part, start, view)
                for piece in part.pieces:
                    _copy(view, start, piece)
        await done(stop - start, part.name)

    async def _verified(self, part: Wanted, start: int, view: memoryview) -> None:
        for attempt in (1, 2):
            try:
                count = await self._objects.read_into(part.key, view, start)
            except NotFound as error:
                raise _gone(part) from error
            if count != len(view):
                raise _wrong_size(part, start + count)
            if await in_thread(self._is_right, part, start, view):
                return
            if attempt == 2:
                raise await in_thread(self._spoilt, part, start, [view], None)

    def _is_right(self, part: Wanted, start: int, view: memoryview) -> bool:
        first = start // part.block
        sums = self._digest.blocks([view], part.block)
        return sums == list(part.sums[first : first + len(sums)])

    def _spoilt(self, part: Wanted, start: int, pieces: Sequence[memoryview], whole: str | None) -> CheckpointCorrupted:
        """Return the error that names the first wrong block; of the part as a whole if the blocks are right."""
        first = start // part.block
        for number, got in enumerate(self._digest.blocks(pieces, part.block), first):
            if got != part.sums[number]:
                return _corrupted(part, number * part.block, self._digest.hex(part.sums[number]), self._digest.hex(got))
        return _corrupted(part, 0, part.checksum, whole)


async def _run(job: Callable[[], Awaitable[None]]) -> None:
    await job()


class _held:  # noqa: N801  # reads as a block's beginning
    """Hold bytes of the budget for a block; nothing for zero bytes."""

    def __init__(self, budget: ByteBudget, size: int) -> None:
        self._share = budget.share()
        self._size = size

    async def __aenter__(self) -> None:
        if self._size:
            # A share's first piece is free: it is taken, empty, so that the second one counts.
            await self._share.take(0)
            await self._share.take(self._size)

    async def __aexit__(self, *_: object) -> None:
        self._share.close()


def _scratch(part: Wanted) -> int:
    """Return the bytes of a part that nobody wants."""
    return part.size - sum(len(piece.view) for piece in part.pieces)


def _tiled(part: Wanted) -> list[memoryview]:
    """Return buffers that cover a part without a gap, in order."""
    tiles: list[memoryview] = []
    at = 0
    for piece in part.pieces:
        if piece.start > at:
            tiles.append(memoryview(bytearray(piece.start - at)))
        tiles.append(piece.view)
        at = piece.stop
    if at < part.size:
        tiles.append(memoryview(bytearray(part.size - at)))
    return tiles


def _runs(pieces: Sequence[memoryview]) -> list[list[memoryview]]:
    """Group buffers that follow one another: a large one alone, small ones up to `TOGETHER` bytes."""
    runs: list[list[memoryview]] = []
    room = 0
    for piece in pieces:
        if not piece:
            continue
        if len(piece) <= room:
            runs[-1].append(piece)
            room -= len(piece)
        else:
            runs.append([piece])
            room = max(TOGETHER - len(piece), 0)
    return runs


def _scatter(view: memoryview, run: Sequence[memoryview]) -> None:
    at = 0
    for piece in run:
        piece[:] = view[at : at + len(piece)]
        at += len(piece)


def _rounded(piece: Piece, part: Wanted) -> tuple[int, int]:
    """Return the range of whole blocks that a piece lies in."""
    return piece.start // part.block * part.block, min(-(-piece.stop // part.block) * part.block, part.size)


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges, given by rising start, whose gaps are cheaper to read than to skip."""
    joined: list[tuple[int, int]] = []
    for start, stop in ranges:
        if joined:
            before, until = joined[-1]
            length = max(stop, until) - before
            # Both bounds: the gaps of many small items must not add up to more than the items.
            if start <= until or start - until <= min(GAP, GAP_SHARE * length):
                joined[-1] = before, max(stop, until)
                continue
        if stop > start:
            joined.append((start, stop))
    return joined


def _cut(start: int, stop: int, block: int) -> list[tuple[int, int]]:
    """Cut a range of whole blocks into ranges that are fetched by one request each."""
    step = max(ONE_RANGE // block, 1) * block
    return [(at, min(at + step, stop)) for at in range(start, stop, step)]


def _copy(view: memoryview, start: int, piece: Piece) -> None:
    """Copy what a fetched range has of a piece into its place."""
    low, high = max(start, piece.start), min(start + len(view), piece.stop)
    if low < high:
        piece.view[low - piece.start : high - piece.start] = view[low - start : high - start]


def _gone(part: Wanted) -> CheckpointGone:
    return CheckpointGone(f"The part {part.name} of the checkpoint is gone", path=part.key, part=part.name)


def _wrong_size(part: Wanted, count: int) -> CheckpointCorrupted:
    return CheckpointCorrupted(
        f"The part {part.name} has not the {part.size} bytes that were saved", path=part.key, part=part.name,
        offset=min(count, part.size), expected=str(part.size), got=str(count),
    )  # fmt: skip


def _corrupted(part: Wanted, offset: int, expected: str, got: str | None) -> CheckpointCorrupted:
    stop = offset + part.block
    name = next((piece.name for piece in part.pieces if piece.start < stop and offset < piece.stop), "")
    item = f", in item {name!r}," if name else ""
    return CheckpointCorrupted(
        f"The part {part.name}{item} has other bytes than were saved, at offset {offset}", path=part.key, name=name,
        part=part.name, offset=offset, expected=expected, got=got,
    )  # fmt: skip
