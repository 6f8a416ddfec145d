"""Checksums of checkpoints: CRC64NVME in C where awscrt is installed, else CRC-32."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from .._core.errors import InvalidConfig

try:
    from awscrt import checksums as _crt
except ImportError:  # the extras s3 and torch bring it
    _crt = None

__all__ = ["CRC32", "CRC64NVME", "NAMES", "BlockSums", "Buffer", "Digest", "digest_for_writing", "digest_named"]

log = logging.getLogger("remote_store.checkpoint")

STRIDE = 512 * 1024
"""Bytes that are summed twice in a row, so that they come out of the processor's cache the second time."""

Buffer: TypeAlias = bytes | bytearray | memoryview

SLOW_BYTES = 1 << 20
"""From here on the missing library is felt, and named in the log."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A checksum: its name, its width in bytes, and a function that goes on from the sum of what came before."""

    name: str
    width: int
    update: Callable[[Any, int], int]

    def of(self, *pieces: Buffer, start: int = 0) -> int:
        """Return the checksum of buffers one after the other; `start` is that of what came before them."""
        for piece in pieces:
            start = self.update(piece, start)
        return start

    def hex(self, value: int) -> str:
        """Return a checksum as text of a fixed width."""
        return f"{value:0{2 * self.width}x}"

    def blocks(self, pieces: Iterable[Buffer], block: int) -> list[int]:
        """Return the checksum of each `block` bytes of buffers one after the other; the last may be shorter."""
        sums = BlockSums(self, block)
        for piece in pieces:
            sums.add(piece)
        return sums.result()

    def whole_and_blocks(self, data: memoryview, block: int) -> tuple[int, list[int]]:
        """Return the checksum of `data` and those of its blocks, for which memory is read once."""
        whole, sums = 0, BlockSums(self, block)
        for start in range(0, len(data), STRIDE):
            near = data[start : start + STRIDE]
            whole = self.update(near, whole)
            sums.add(near)
        return whole, sums.result()

    def packed(self, sums: Iterable[int]) -> bytes:
        """Return checksums as bytes, each with its highest byte first."""
        values = tuple(sums)
        return struct.pack(self._layout(len(values)), *values)

    def unpacked(self, data: bytes) -> tuple[int, ...]:
        """Return what `packed` made. Raises ValueError for a torn last one."""
        if len(data) % self.width:
            raise ValueError("the block checksums are torn")
        return struct.unpack(self._layout(len(data) // self.width), data)

    def _layout(self, count: int) -> str:
        return f">{count}{'Q' if self.width == 8 else 'I'}"


class BlockSums:
    """The checksums of each `block` bytes of what comes, piece by piece; `result` may be asked for at any time."""

    def __init__(self, digest: Digest, block: int) -> None:
        self._update = digest.update
        self._block = block
        self._sums: list[int] = []
        self._current = 0
        self._filled = 0

    def add(self, piece: Buffer) -> None:
        """Go on with the next bytes."""
        view, update, block = memoryview(piece), self._update, self._block
        start = min(block - self._filled, len(view)) if self._filled else 0
        if start:
            self._begun(view[:start])
        stop = len(view) - (len(view) - start) % block
        # Whole blocks in one expression: with 16 KiB each, a statement more would be felt.
        self._sums += [update(view[at : at + block], 0) for at in range(start, stop, block)]
        if stop < len(view):
            self._begun(view[stop:])

    def _begun(self, piece: memoryview) -> None:
        self._current = self._update(piece, self._current)
        self._filled += len(piece)
        if self._filled == self._block:
            self._sums.append(self._current)
            self._current = self._filled = 0

    def result(self) -> list[int]:
        """Return the checksums so far, the last of a shorter block if bytes of one have come."""
        return [*self._sums, self._current] if self._filled else self._sums


# CRC64NVME: reflected, polynomial 0xAD93D23594C93659, all bits inverted before and after
# (https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-64-nvme)

_POLYNOMIAL = 0x9A6C9329AC4BC9B5
_ONES = (1 << 64) - 1


@cache
def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)  # shifted to its end
        table.append(value)
    return table


def _plain_crc64nvme(buffer: Buffer, start: int = 0) -> int:
    """Return the checksum without the library: right, and 5,000 times slower."""
    view = memoryview(buffer).cast("B")
    if len(view) >= SLOW_BYTES:
        log.warning("CRC64NVME without awscrt takes minutes a GiB; pip install 'remote-store-aio[s3]' brings it")
    table, crc = _table(), start ^ _ONES
    for byte in view:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ _ONES


CRC64NVME = Digest("crc64nvme", 8, _plain_crc64nvme if _crt is None else _crt.crc64nvme)
CRC32 = Digest("crc32", 4, zlib.crc32)
NAMES = {digest.name: digest for digest in (CRC64NVME, CRC32)}


def digest_named(name: object) -> Digest:
    """Return the checksum that a checkpoint was written with. Raises InvalidConfig for an unknown one."""
    found = NAMES.get(name) if isinstance(name, str) else None
    if found is None:
        raise InvalidConfig(f"checksum must be one of {', '.join(sorted(NAMES))}, not {name!r}")
    return found


def digest_for_writing(name: str) -> Digest:
    """Return the checksum to write with: CRC-32 in place of CRC64NVME where the library for that is missing."""
    found = digest_named(name)
    return CRC32 if found is CRC64NVME and _crt is None else found
