"""Which bytes of a stored tensor a slice of it needs, and where they go."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch.distributed.checkpoint.planner import ReadItem

from .blocks import Blocks
from .memory import bytes_of, is_plain
from .stored import Chunk, Stored

__all__ = ["Placed", "Region", "region_of"]

RUN = 64 * 1024
"""Bytes from which on the rows of a slice are fetched one by one, and what lies between them is not."""


@dataclass
class Placed:
    """Where fetched values go: pieces of (start in the stored values, memory), and how to see them as a tensor."""

    pieces: list[tuple[int, memoryview]] = field(default_factory=list)
    edges: list[tuple[memoryview, memoryview]] = field(default_factory=list)
    """Parts of blocks that were fetched for their checksums: (what was fetched of it, where it belongs)."""
    values: torch.Tensor | None = None
    buffered: int = 0

    def tensor(self) -> torch.Tensor | None:
        """Return the fetched values as a tensor, None if they are in the target already."""
        for source, target in self.edges:
            target[:] = source
        return self.values


@dataclass(frozen=True)
class Region:
    """A box of a stored tensor whose values lie in row-major order. Offsets are bytes of the values."""

    dtype: torch.dtype
    lengths: tuple[int, ...]
    strides: tuple[int, ...]
    start: int
    stop: int
    run: int
    """Bytes that lie side by side: all of the box, or a row of it."""
    blocks: Blocks | None

    def place(self, target: torch.Tensor, buffer: Callable[[int], bytearray]) -> Placed:
        """Return where the values of this box go: into `target` itself where its memory has the same order."""
        size = math.prod(self.lengths) * self.dtype.itemsize
        if size == 0:
            return Placed(values=torch.empty(self.lengths, dtype=self.dtype))
        is_direct = is_plain(target) and target.dtype == self.dtype and tuple(target.shape) == self.lengths
        if self.run < size and self.run < RUN:
            return self._bounding(buffer)
        placed = Placed()
        if is_direct:
            memory = bytes_of(target)
        else:
            memory = memoryview(buffer(size))
            placed.values = torch.frombuffer(memory, dtype=torch.uint8).view(self.dtype).view(self.lengths)
            placed.buffered = size
        for number, start in enumerate(self._run_starts()):
            self._place_run(placed, start, memory[number * self.run : (number + 1) * self.run])
        return placed

    def _bounding(self, buffer: Callable[[int], bytearray]) -> Placed:
        """Fetch everything from the first to the last value: short rows are not worth requests of their own."""
        low, high = self.blocks.around(self.start, self.stop) if self.blocks else (self.start, self.stop)
        memory = memoryview(buffer(high - low))
        flat = torch.frombuffer(memory[self.start - low : self.stop - low], dtype=torch.uint8)
        # Values may begin anywhere in a block, and a view of another type must begin at a multiple of its size.
        values = flat.clone() if (self.start - low) % self.dtype.itemsize else flat
        box = values.view(self.dtype).as_strided(self.lengths, self.strides)
        return Placed([(low, memory)], values=box, buffered=len(memory))

    def _run_starts(self) -> list[int]:
        starts = [self.start]
        inner = self.run
        for length, stride in zip(reversed(self.lengths), reversed(self.strides), strict=True):
            step = stride * self.dtype.itemsize
            if length * step <= inner:
                continue
            starts = [start + number * step for number in range(length) for start in starts]
        return sorted(starts)

    def _place_run(self, placed: Placed, start: int, memory: memoryview) -> None:
        stop = start + len(memory)
        if self.blocks is None:
            placed.pieces.append((start, memory))
            return
        block = self.blocks.block
        low, high = self.blocks.around(start, stop)
        first = min(low + block, stop) if low < start else start
        last = max(first, stop - stop % block) if high > stop else stop
        if low < start:
            self._edge(placed, low, min(low + block, high), start, memory)
        if first < last:
            placed.pieces.append((first, memory[first - start : last - start]))
        if last < stop:
            self._edge(placed, last, high, start, memory)

    @staticmethod
    def _edge(placed: Placed, low: int, high: int, start: int, memory: memoryview) -> None:
        """Fetch whole blocks into a buffer, and remember which part of them belongs to the memory."""
        block = memoryview(bytearray(high - low))
        inner_low, inner_high = max(low, start), min(high, start + len(memory))
        placed.pieces.append((low, block))
        placed.edges.append((block[inner_low - low : inner_high - low], memory[inner_low - start : inner_high - start]))
        placed.buffered += len(block)


def region_of(item: ReadItem, where: Stored, chunk: Chunk) -> Region | None:
    """Return the box that an item wants of a stored chunk; None for one that doesn't fit it."""
    offsets, lengths = tuple(item.storage_offsets), tuple(item.lengths)
    sizes = chunk.sizes
    if not len(offsets) == len(lengths) == len(sizes):
        return None
    if any(low < 0 or count < 0 or low + count > size for low, count, size in zip(offsets, lengths, sizes, strict=True)):  # fmt: skip
        return None
    strides = _strides(sizes)
    first = sum(low * stride for low, stride in zip(offsets, strides, strict=True))
    last = sum((low + count - 1) * stride for low, count, stride in zip(offsets, lengths, strides, strict=True))
    width = chunk.dtype.itemsize
    return Region(
        chunk.dtype, lengths, strides, first * width, (last + 1) * width, _run(lengths, sizes) * width, where.blocks
    )


def _strides(sizes: Sequence[int]) -> tuple[int, ...]:
    strides, step = [], 1
    for size in reversed(sizes):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _run(lengths: Sequence[int], sizes: Sequence[int]) -> int:
    """Return how many values of the box lie side by side: whole inner dimensions, and the first that is cut."""
    run = 1
    for length, size in zip(reversed(lengths), reversed(sizes), strict=True):
        run *= length
        if length != size:
            break
    return run
