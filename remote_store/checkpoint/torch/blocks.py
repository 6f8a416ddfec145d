"""The checksums of an item, block by block, as they travel in `.metadata` (CHECKPOINT B13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..digests import CRC64NVME, BlockSums, Digest, digest_for_writing, digest_named

__all__ = ["BLOCK", "Blocks", "Summing"]

BLOCK = 32 * 1024
"""Bytes a checksum is of: two ends of a range, rounded to blocks, cost at most 64 KiB (DECISIONS 35)."""

MIN_BLOCK, MAX_BLOCK = 1, 1 << 30


class Summing:
    """Makes the checksums of what passes by."""

    def __init__(self) -> None:
        self._digest = digest_for_writing(CRC64NVME.name)
        self._sums = BlockSums(self._digest, BLOCK)

    def add(self, piece: bytes | memoryview) -> None:
        """Go on with the next bytes."""
        self._sums.add(piece)

    def result(self) -> tuple[str, int, bytes]:
        """Return what is stored: the checksum's name, the block's bytes, the checksums of all blocks."""
        return self._digest.name, BLOCK, self._digest.packed(self._sums.result())


@dataclass(frozen=True)
class Blocks:
    """The checksums of `size` bytes, read from metadata."""

    digest: Digest
    block: int
    sums: tuple[int, ...]
    size: int

    @classmethod
    def read(cls, stored: object, size: int) -> Blocks | None:
        """Return what `Summing.result` made, None where nothing is stored. Raises ValueError for anything else."""
        if stored is None:
            return None
        if not (isinstance(stored, tuple) and len(stored) == 3 and isinstance(stored[2], bytes)):
            raise ValueError("the block checksums are malformed")
        name, block, packed = stored
        if isinstance(block, bool) or not isinstance(block, int) or not MIN_BLOCK <= block <= MAX_BLOCK:
            raise ValueError(f"the block checksums are of impossible blocks: {block!r}")
        digest = digest_named(name)
        sums = digest.unpacked(packed)
        if len(sums) != -(-size // block):
            raise ValueError(f"{len(sums)} block checksums don't fit {size} bytes")
        return cls(digest, block, sums, size)

    def around(self, start: int, stop: int) -> tuple[int, int]:
        """Return the range of whole blocks that holds a range."""
        return start - start % self.block, min(self.size, -(-stop // self.block) * self.block)

    def first_wrong(self, data: memoryview, start: int) -> tuple[int, str, str] | None:
        """Check bytes that begin at `start`, a block's beginning; return (offset, expected, got) of a wrong block."""
        first = start // self.block
        found = self.digest.blocks([data], self.block)
        for number, (expected, got) in enumerate(zip(self.sums[first : first + len(found)], found, strict=True)):
            if got != expected:
                return start + number * self.block, self.digest.hex(expected), self.digest.hex(got)
        return None


def total(pieces: Iterable[bytes | memoryview]) -> int:
    """Return the bytes of pieces together."""
    return sum(map(len, pieces))
