"""CRC64NVME: the checksum that travels with uploads and is compared after whole reads (DECISIONS 27)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

try:
    from awscrt import checksums as _crt
except ImportError:  # the extra brings it; without it objects travel unchecked
    _crt = None

__all__ = ["AVAILABLE", "ChecksumMode", "Sum", "combined", "from_header", "sum_of", "to_header", "to_hex"]

ChecksumMode: TypeAlias = Literal["auto", "required", "off"]
"""``"auto"``: used where library and service know it; ``"required"``: an error otherwise; ``"off"``."""

Sum: TypeAlias = int

AVAILABLE = _crt is not None


def sum_of(buffers: Iterable[bytes | bytearray | memoryview], start: Sum = 0) -> Sum:
    """Return the CRC64NVME of buffers one after the other; `start` is that of what came before."""
    crc: Callable[..., int] = _crt.crc64nvme
    for buffer in buffers:
        start = crc(buffer, start)
    return start


def combined(sums: Iterable[tuple[Sum, int]]) -> Sum:
    """Return the checksum of parts joined, from each part's own and its length in bytes."""
    whole = 0
    for part, size in sums:
        whole = _crt.combine_crc64nvme(whole, part, size)
    return whole


def to_header(value: Sum) -> str:
    """Return the header form: base64 of 8 bytes, the highest first."""
    return base64.b64encode(value.to_bytes(8, "big")).decode()


def from_header(text: str | None) -> Sum | None:
    """Return the checksum in a header; None for none, and for a composite one (with ``-N``), which is no sum of bytes."""
    if not text or "-" in text:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return int.from_bytes(raw, "big") if len(raw) == 8 else None


def to_hex(value: Sum) -> str:
    """Return the form that ContentDigest has."""
    return f"{value:016x}"
