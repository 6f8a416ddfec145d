"""Data files in the safetensors format: a header that names every tensor, then their values."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.distributed.checkpoint.planner import TensorWriteData, WriteItem

from .encoding import Encoded
from .memory import bytes_of, is_plain

__all__ = ["DTYPES", "MAX_HEADER", "Layout", "entry_in", "read_header"]

# https://huggingface.co/docs/safetensors: the format's names for element types
_NAMES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, dtype) for name, dtype in _NAMES.items() if hasattr(torch, dtype)
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

MAX_HEADER = 100_000_000
"""Bytes of a header at most: the format's own limit."""


class Layout:
    """Where each item goes in a file. The first shard of a tensor has its name, further ones a number behind it."""

    def __init__(self, items: Sequence[WriteItem]) -> None:
        entries: dict[str, Any] = {}
        shards: dict[str, Any] = {}
        position = 0
        for item in items:
            data = _planned(item)
            dtype = data.properties.dtype
            if dtype not in NAMES:
                raise ValueError(f"safetensors have no {dtype}, which {item.index.fqn!r} is of")
            size = math.prod(data.chunk.sizes) * dtype.itemsize
            key = _free(item.index.fqn, entries)
            entries[key] = {
                "dtype": NAMES[dtype],
                "shape": list(data.chunk.sizes),
                "data_offsets": [position, position + size],
            }
            shards[key] = {"saved_offsets": list(data.chunk.offsets)}
            position += size
        told = {"format": "pt", "DCP_VERSION": "1.0", "DCP_SHARDING_INFO": json.dumps(shards)}
        text = json.dumps({"__metadata__": told, **entries}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        self.header = len(text).to_bytes(8, "little") + text

    def encode(self, item: WriteItem, tensor: torch.Tensor) -> Encoded:
        """Encode an item: its values in row-major order. Raises ValueError for one that isn't what was planned."""
        data = _planned(item)
        if tensor.dtype != data.properties.dtype or tuple(tensor.shape) != tuple(data.chunk.sizes):
            raise ValueError(f"{item.index.fqn!r} is not of the type and shape that were planned")
        if tensor.layout is not torch.strided or tensor.is_quantized:
            raise ValueError(f"{item.index.fqn!r} is sparse or quantised, which safetensors have not")
        own = tensor if is_plain(tensor) else tensor.resolve_conj().resolve_neg().contiguous()
        values = bytes_of(own)
        return Encoded([values], (0, len(values)) if values else None)


def _planned(item: WriteItem) -> TensorWriteData:
    if item.tensor_data is None:
        raise ValueError(f"{item.index.fqn!r} is planned as a tensor without a shape")
    return item.tensor_data


def _free(fqn: str, taken: dict[str, Any]) -> str:
    name, number = fqn, 1
    while name in taken or name == "__metadata__":
        name, number = f"{fqn}#{number}", number + 1
    return name


def read_header(head: bytes, rest: bytes) -> dict[str, Any] | None:
    """Return the header that `head` (8 bytes) and what follows make up; None where there is none."""
    size = int.from_bytes(head, "little")
    if len(head) < 8 or not 2 <= size <= MAX_HEADER or len(rest) < size or rest[:1] != b"{":
        return None
    try:
        found = json.loads(rest[:size])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def entry_in(header: dict[str, Any], fqn: str) -> tuple[torch.dtype, list[int], int, int] | None:
    """Return dtype, shape and range (in the values) of a tensor's shard; None if the header doesn't have it.

    Raises ValueError for an entry that contradicts itself.
    """
    entry = header.get(fqn)
    if not isinstance(entry, dict):
        return None
    try:
        dtype, shape, (start, stop) = DTYPES[entry["dtype"]], [int(n) for n in entry["shape"]], entry["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"the safetensors header is wrong about {fqn!r}") from None
    if min(shape, default=0) < 0 or not 0 <= start <= stop or stop - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"the safetensors header is wrong about {fqn!r}")
    return dtype, shape, start, stop
