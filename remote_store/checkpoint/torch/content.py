"""One data file, made item by item while the store takes it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.planner import SavePlanner, WriteItem, WriteItemType
from torch.distributed.checkpoint.storage import WriteResult

from .encoding import Encoded, encode_bytes, encode_tensor, encode_transformed, on_cpu
from .safetensors import Layout

__all__ = ["FileContent", "Recipe"]

JOIN = 1 << 20
"""Small pieces are handed on together, so many bytes at a time: each hand-over costs as much as 100 KiB."""


@dataclass(frozen=True)
class Recipe:
    """How items become bytes: the writer's settings."""

    planner: SavePlanner
    transforms: Any
    safetensors: bool = False
    legacy_below: int = 0


class FileContent:
    """The pieces of a data file. They don't change once handed out, so that nobody need copy them.

    After the last one `results` has what torch wants to know of each item. What goes wrong on the way, in the
    planner's code too, is kept in `failure`; the iteration then ends with an error of its own, so that whatever
    exception it was goes through the store's layers in one way.
    """

    steady = True

    def __init__(self, recipe: Recipe, storage_key: str, items: Sequence[WriteItem]) -> None:
        self._recipe = recipe
        self._storage_key = storage_key
        self._blobs = [item for item in items if item.type == WriteItemType.BYTE_IO]
        self._tensors = [item for item in items if item.type != WriteItemType.BYTE_IO]
        self._offset = 0
        self.results: list[WriteResult] = []
        self.failure: BaseException | None = None

    def __iter__(self) -> Iterator[bytes | memoryview]:
        try:
            yield from joined(self._pieces())
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failure = error
            raise ContentFailed from error

    def _pieces(self) -> Iterator[bytes | memoryview]:
        if self._recipe.safetensors:
            yield from self._safetensors()
            return
        for item in (*self._blobs, *self._tensors):
            data = self._resolved(item)
            encoded, descriptors = self._encoded(item, data)
            yield from encoded
            self._note(item, encoded.length, encoded.facts(), descriptors)

    def _resolved(self, item: WriteItem) -> Any:
        data = self._recipe.planner.resolve_data(item)
        return data if item.type == WriteItemType.BYTE_IO else on_cpu(data)

    def _encoded(self, item: WriteItem, data: Any) -> tuple[Encoded, list[str]]:
        if self._recipe.transforms.extensions:
            if item.type == WriteItemType.BYTE_IO and not isinstance(data, io.BytesIO):
                raise AssertionError("Data must be io.BytesIO for BYTE_IO write items")
            return encode_transformed(self._recipe.transforms, item, data)
        if item.type == WriteItemType.BYTE_IO:
            return encode_bytes(data), []
        return encode_tensor(data, legacy_below=self._recipe.legacy_below), []

    def _safetensors(self) -> Iterator[bytes | memoryview]:
        if self._blobs:
            names = ", ".join(sorted({item.index.fqn for item in self._blobs})[:5])
            raise RuntimeError(f"safetensors hold tensors alone; these items are none: {names}")
        layout = Layout(self._tensors)
        yield layout.header
        self._offset = len(layout.header)
        for item in self._tensors:
            encoded = layout.encode(item, self._resolved(item))
            yield from encoded
            self._note(item, encoded.length, encoded.facts(), [])

    def _note(self, item: WriteItem, length: int, facts: dict[str, Any], descriptors: list[str]) -> None:
        info = _StorageInfo(self._storage_key, self._offset, length, **_told(descriptors))
        vars(info).update(facts)
        self.results.append(WriteResult(index=item.index, size_in_bytes=length, storage_data=info))
        self._offset += length


class ContentFailed(Exception):
    """Ends the content of a file whose items could not be made; its cause says why."""


def _told(descriptors: list[str]) -> dict[str, Any]:
    """Return the field that names extensions, which torch before 2.7 doesn't have."""
    return {"transform_descriptors": descriptors} if descriptors else {}


def joined(pieces: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Join small pieces, and hand large ones on as they are."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        if len(piece) < JOIN:
            # A small view may be of a tensor that its owner goes on with: a copy costs less than a piece of its own.
            waiting.append(piece)
            size += len(piece)
            if size < JOIN:
                continue
            yield b"".join(waiting)
        else:
            if waiting:
                yield b"".join(waiting)
            yield piece
        waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
