"""What the planner gives for an item, as the bytes that are stored for it: torch.save's, found and not copied."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any, cast

import torch
from torch.distributed.checkpoint.planner import WriteItem

from .blocks import Summing
from .memory import bytes_of, compact, is_plain

__all__ = ["Encoded", "encode_bytes", "encode_tensor", "encode_transformed", "on_cpu"]

LARGE = 64 * 1024
"""Bytes from which on a tensor's memory is handed on as it is; below, a copy is cheaper than a piece of its own."""
SLICE = 64 << 20
"""Bytes handed on at a time: each takes two turns of a worker thread, and a large one makes a cancelled save wait."""

RECORD = b"archive/data/0"
"""The name of the record that holds a tensor's values in torch.save's archive."""


class Encoded:
    """The pieces of one item, and what is to be told of it once they have been taken."""

    def __init__(self, pieces: list[bytes | memoryview], raw: tuple[int, int] | None = None) -> None:
        self._pieces = pieces
        self.raw = raw
        """Where in the item the values lie, if they do so in row-major order: (start, bytes)."""
        self.length = sum(map(len, pieces))
        self._summing = Summing()

    def __iter__(self) -> Iterator[bytes | memoryview]:
        start, stop = (0, self.length) if self.raw is None else (self.raw[0], sum(self.raw))
        position = 0
        for piece in self._pieces:
            for offset in range(0, len(piece), SLICE):
                part = piece[offset : offset + SLICE]
                low, high = max(start - position, 0), min(stop - position, len(part))
                if low < high:
                    self._summing.add(memoryview(part)[low:high])
                position += len(part)
                yield part

    def facts(self) -> dict[str, Any]:
        """Return the attributes that are stored with the item beyond torch's own."""
        found: dict[str, Any] = {"rs_blocks": self._summing.result()}
        return found if self.raw is None else {"rs_raw": self.raw, **found}


def on_cpu(data: Any) -> torch.Tensor:
    """Return a planner's tensor in memory, with a storage of its own size."""
    if not isinstance(data, torch.Tensor):
        raise AssertionError("Data must be torch.Tensor for non-BYTE_IO write items")
    tensor = data.detach()
    return compact(tensor if tensor.device.type == "cpu" else tensor.cpu())


def encode_bytes(data: Any) -> Encoded:
    """Encode a bytes item: what the planner made, as it is."""
    if not isinstance(data, io.BytesIO):
        raise AssertionError("Data must be io.BytesIO for BYTE_IO write items")
    return Encoded([data.getbuffer()])


def encode_tensor(tensor: torch.Tensor, *, legacy_below: int = 0) -> Encoded:
    """Encode a tensor by torch.save; one of fewer bytes than `legacy_below` in its older form without an archive."""
    size = tensor.numel() * tensor.element_size()
    if size < legacy_below:
        buffer = io.BytesIO()
        torch.save(tensor, buffer, _use_new_zipfile_serialization=False)
        return Encoded([buffer.getvalue()])
    plain = size > 0 and is_plain(tensor)
    parts = _Collector(bytes_of(tensor) if plain and size >= LARGE else None)
    torch.save(tensor, cast(IO[bytes], parts))
    at = parts.record if plain and parts.record_size == size else None
    return Encoded(parts.pieces(), None if at is None else (at, size))


def encode_transformed(transforms: Any, item: WriteItem, data: Any) -> tuple[Encoded, list[str]]:
    """Encode an item through the writer's extensions, outermost last; return the names to undo them by."""
    sink = io.BytesIO()
    stream, descriptors = transforms.transform_save_stream(item, sink)
    if isinstance(data, io.BytesIO):
        stream.write(data.getbuffer())
    else:
        torch.save(data, stream)
    stream.close()
    return Encoded([sink.getbuffer()]), descriptors


class _Collector:
    """Takes what torch.save writes: small pieces copied at once, the values themselves as `own` shows them."""

    def __init__(self, own: memoryview | None) -> None:
        self._own = own
        self._found: list[bytes | memoryview] = []
        self._crumbs = bytearray()
        self._size = 0
        self._since_name = -1
        self.record: int | None = None
        self.record_size = -1

    def write(self, piece: Any) -> int:
        """Take a piece: after the record's name come the padding of its header and then its values."""
        size = len(piece)
        self._since_name += self._since_name >= 0
        if self._since_name == 2 and self.record is None:
            self.record, self.record_size = self._size, size
        elif size == len(RECORD) and piece == RECORD and self._since_name < 0:
            self._since_name = 0
        if self.record == self._size and self._own is not None and size == len(self._own):
            self._flush()
            self._found.append(self._own)
        else:
            self._crumbs += piece
        self._size += size
        return size

    def flush(self) -> None:
        """Do nothing: nothing waits."""

    def _flush(self) -> None:
        if self._crumbs:
            self._found.append(bytes(self._crumbs))
            self._crumbs = bytearray()

    def pieces(self) -> list[bytes | memoryview]:
        """Return all that was written."""
        self._flush()
        return self._found
