"""Cutting a sequence of buffers into parts of a fixed size, without copying them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .digests import Digest

__all__ = ["Draft", "Packer", "Sealed", "block_for"]

SMALL_BLOCK = 16 << 10
"""Bytes of the first blocks: a range is rounded up to whole ones, so that it can be verified, for 32 KiB at most."""
DOUBLING = 128
"""Parts until blocks double: with 64 MiB each the checksums of a TiB stay below 16 MiB."""


def block_for(number: int, most: int) -> int:
    """Return the bytes of each block of a writer's part `number` (from 0 on), up to `most`."""
    return min(SMALL_BLOCK << min(number // DOUBLING, 40), most)


@dataclass(slots=True)
class Draft:
    """A part that is to be sent: its number from 0 on, its buffers in order, its bytes in all."""

    number: int
    pieces: list[memoryview] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """A part as one buffer, with its checksum and those of its blocks."""

    number: int
    data: memoryview
    checksum: int
    block: int
    sums: tuple[int, ...]

    @classmethod
    def of(cls, draft: Draft, digest: Digest, most: int, joined: bytearray | None = None) -> Sealed:
        """Join a draft's buffers if there are several, and compute its checksums: work for a worker thread.

        They are joined in the memory `joined`, if that is given: fresh memory costs more than the copy.
        """
        view = draft.pieces[0] if len(draft.pieces) == 1 else _joined(draft, joined)
        draft.pieces = []
        block = block_for(draft.number, most)
        whole, sums = digest.whole_and_blocks(view, block)
        return cls(draft.number, view, whole, block, tuple(sums))


def _joined(draft: Draft, memory: bytearray | None) -> memoryview:
    view = memoryview(memory if memory is not None else bytearray(draft.size))[: draft.size]
    at = 0
    for piece in draft.pieces:
        view[at : at + len(piece)] = piece
        at += len(piece)
    return view


class Packer:
    """Buffers one after the other as parts of `part_size` bytes; the last may be shorter."""

    def __init__(self, part_size: int) -> None:
        self._part_size = part_size
        self._current = Draft(0)
        self.position = 0
        """Bytes taken so far."""

    @property
    def room(self) -> int:
        """Bytes until the part at hand is full."""
        return self._part_size - self._current.size

    def pad(self, position: int) -> Iterator[Draft]:
        """Fill up with zeros to `position`, and yield a part that this completes."""
        yield from self.put(memoryview(bytes(position - self.position)))

    def put(self, view: memoryview) -> Iterator[Draft]:
        """Take a buffer, which must stay as it is until its parts have been sent; yield the parts that are full."""
        while view:
            piece, view = view[: self.room], view[self.room :]
            self._current.pieces.append(piece)
            self._current.size += len(piece)
            self.position += len(piece)
            if not self.room:
                yield self._cut()

    def rest(self) -> Iterator[Draft]:
        """Yield what is left as a last, shorter part, if anything is."""
        if self._current.size:
            yield self._cut()

    def own(self) -> None:
        """Copy what is held of callers' memory, so that they may change it."""
        current = self._current
        current.pieces = [memoryview(b"".join(current.pieces))] if current.pieces else []

    def _cut(self) -> Draft:
        full, self._current = self._current, Draft(self._current.number + 1)
        return full
