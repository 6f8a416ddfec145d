"""Checksums of blocks come out the same however the bytes arrive (CHECKPOINT B13)."""

from __future__ import annotations

import random
import zlib

import pytest

from remote_store.checkpoint.digests import CRC32, CRC64NVME, STRIDE, BlockSums, Digest

DATA = random.Random(7).randbytes(2 * STRIDE + 12_345)


def plain(data: bytes, block: int) -> list[int]:
    """Return the CRC-32 of each block, by the standard library."""
    return [zlib.crc32(data[start : start + block]) for start in range(0, len(data), block)]


@pytest.mark.parametrize("cut", [1, 7, 99, 100, 101, 250, 5000])
@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 5000])
def test_pieces_of_any_size_give_the_sums_of_their_bytes(size: int, cut: int) -> None:
    """Blocks of 100 bytes, of pieces that end before, at and after a block's end."""
    data = DATA[:size]
    sums = BlockSums(CRC32, 100)
    for start in range(0, size, cut):
        sums.add(data[start : start + cut])
    assert sums.result() == plain(data, 100)
    assert CRC32.unpacked(CRC32.packed(sums.result())) == tuple(plain(data, 100))


def test_a_result_may_be_asked_for_on_the_way() -> None:
    """It tells of what has come, and nothing is forgotten by telling."""
    sums = BlockSums(CRC32, 100)
    for end in range(30, 700, 30):
        sums.add(DATA[end - 30 : end])
        assert sums.result() == plain(DATA[:end], 100)


@pytest.mark.parametrize("block", [16 << 10, 100_000, 4 * STRIDE])
def test_one_pass_gives_the_sum_of_the_whole_and_those_of_its_blocks(block: int) -> None:
    """Whether blocks are shorter than a stride of the pass, don't fit in one, or are longer."""
    assert CRC32.whole_and_blocks(memoryview(DATA), block) == (zlib.crc32(DATA), plain(DATA, block))


@pytest.mark.parametrize("digest", [CRC32, CRC64NVME], ids=lambda digest: digest.name)
def test_packed_sums_have_their_highest_byte_first(digest: Digest) -> None:
    """What is in checkpoints already can be read for ever."""
    assert digest.packed([1, 2]) == b"".join(value.to_bytes(digest.width, "big") for value in (1, 2))
    with pytest.raises(ValueError, match="torn"):
        digest.unpacked(b"abc")
