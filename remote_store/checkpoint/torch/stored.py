"""What metadata say of a stored item, believed only as far as it can be (CHECKPOINT F2, F3)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.distributed.checkpoint.metadata import Metadata, MetadataIndex, TensorStorageMetadata

from .blocks import Blocks

__all__ = ["Chunk", "Stored", "stored"]

MAX_OFFSET = 1 << 63


@dataclass(frozen=True)
class Chunk:
    """What kind of values a stored piece of a tensor has."""

    dtype: torch.dtype
    sizes: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.sizes) * self.dtype.itemsize


@dataclass(frozen=True)
class Stored:
    """Where an item lies, and how it can be checked."""

    name: str
    file: str
    offset: int
    length: int
    descriptors: Sequence[str]
    raw: tuple[int, int] | None
    blocks: Blocks | None


def stored(index: MetadataIndex, info: Any) -> Stored:
    """Return a checked `_StorageInfo`. Raises ValueError, naming the item, for one that can't be meant."""
    name = str(index.fqn)
    file = _checked_path(getattr(info, "relative_path", None), name)
    offset = _checked_number("offset", getattr(info, "offset", None), name)
    length = _checked_number("length", getattr(info, "length", None), name)
    descriptors = getattr(info, "transform_descriptors", None) or ()
    if (
        isinstance(descriptors, str)
        or not isinstance(descriptors, Sequence)
        or not all(isinstance(entry, str) for entry in descriptors)
    ):
        raise ValueError(f"item {name!r}: transform_descriptors are no texts")
    raw = _checked_raw(getattr(info, "rs_raw", None), length, name)
    try:
        blocks = Blocks.read(getattr(info, "rs_blocks", None), raw[1] if raw else length)
    except ValueError as error:
        raise ValueError(f"item {name!r}: {error}") from error
    return Stored(name, file, offset, length, descriptors, raw, blocks)


def _checked_path(path: object, name: str) -> str:
    if not isinstance(path, str):
        raise ValueError(f"item {name!r}: relative_path must be a str, not {type(path).__name__}")
    segments = path.split("/")
    if "\0" in path or "\\" in path or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", path) or {"", ".", ".."} & set(segments):
        raise ValueError(f"item {name!r}: relative_path {path[:200]!r} is not one below the checkpoint's folder")
    return path


def _checked_number(what: str, value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_OFFSET:
        raise ValueError(f"item {name!r}: {what} must be a number of bytes, not {str(value)[:40]}")
    return value


def _checked_raw(raw: object, length: int, name: str) -> tuple[int, int] | None:
    if raw is None:
        return None
    if not isinstance(raw, tuple) or len(raw) != 2:
        raise ValueError(f"item {name!r}: rs_raw is malformed")
    start, size = (_checked_number("rs_raw", value, name) for value in raw)
    if start + size > length:
        raise ValueError(f"item {name!r}: rs_raw lies outside the item")
    return start, size


def chunk_of(metadata: Metadata, index: MetadataIndex) -> Chunk | None:
    """Return what the metadata say of a tensor's piece, None if they say nothing of it."""
    described = metadata.state_dict_metadata.get(index.fqn)
    if not isinstance(described, TensorStorageMetadata):
        return None
    chunks = described.chunks
    hint = index.index
    # The hint first: a tensor in ten thousand shards would be searched ten thousand times.
    first = chunks[hint : hint + 1] if hint is not None and hint >= 0 else []
    for chunk in (*first, *chunks):
        if chunk.offsets == index.offset:
            return Chunk(described.properties.dtype, tuple(chunk.sizes))
    return None
