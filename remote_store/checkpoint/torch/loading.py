"""A load plan carried out: what is wanted fetched in few requests, verified, and handed to the planner."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch.distributed._shard._utils import narrow_tensor_by_index
from torch.distributed.checkpoint.metadata import Metadata, MetadataIndex
from torch.distributed.checkpoint.planner import LoadItemType, LoadPlanner, ReadItem

from ..._store._async.store import AsyncStore
from ..errors import CheckpointCorrupted
from .access import Access
from .decoding import checked_blob, tensor_in
from .fetching import Want, fetch
from .slices import Region, region_of
from .stored import Stored, chunk_of, stored

__all__ = ["Loader"]

BUFFERED = 128 << 20
"""Bytes of buffers that are filled before their items are handed on; tensors filled in place don't count."""
UNCHECKED = 16 << 20
"""Bytes from which on a buffer is made only after the file's size has been asked for: metadata may claim anything."""


class Loader:
    """Loads the items of a plan from one checkpoint."""

    def __init__(
        self,
        access: Access,
        store: AsyncStore,
        storage_data: Mapping[MetadataIndex, Any],
        metadata: Metadata | None,
        planner: LoadPlanner,
        transforms: Any,
        *,
        safe_bytes: bool,
    ) -> None:
        self._access = access
        self._store = store
        self._storage_data = storage_data
        self._metadata = metadata
        self.planner = planner
        self.transforms = transforms
        self.safe_bytes = safe_bytes
        self._sizes: dict[str, int] = {}

    def load(self, items: Iterable[ReadItem]) -> None:
        """Load all items; the planner is called in this thread."""
        found = [(item, self._stored(item)) for item in items]
        found.sort(key=lambda pair: (pair[1].file, pair[1].offset))
        ends = self._ends({where.file for _, where in found})
        for batch in self._batches(found):
            self._fetch([want for job in batch for want in self._wants(job, ends)])
            for job in batch:
                self._settle(job)

    def _ends(self, files: set[str]) -> dict[str, int]:
        """Return where each file must end: after the last item that is stored in it."""
        ends = dict.fromkeys(files, 0)
        for info in self._storage_data.values():
            file, offset, length = (getattr(info, name, None) for name in ("relative_path", "offset", "length"))
            if file in ends and isinstance(offset, int) and isinstance(length, int):
                ends[file] = max(ends[file], offset + length)
        return ends

    @staticmethod
    def _wants(job: Job, ends: Mapping[str, int]) -> Iterator[Want]:
        """Yield what a job wants; of a file's last item its last byte too, so that a short file is noticed."""
        yield from job.wants
        where = job.where
        if where.length and where.offset + where.length == ends[where.file]:
            yield Want(where.file, ends[where.file] - 1, memoryview(bytearray(1)), where.name)

    def _stored(self, item: ReadItem) -> Stored:
        try:
            info = self._storage_data[item.storage_index]
        except KeyError:
            raise KeyError(f"item {item.storage_index.fqn!r} is not in the checkpoint's storage_data") from None
        return stored(item.storage_index, info)

    def _batches(self, found: Sequence[tuple[ReadItem, Stored]]) -> Iterator[list[Job]]:
        batch: list[Job] = []
        held = 0
        for item, where in found:
            job = self._job(item, where)
            batch.append(job)
            held += job.buffered
            if held >= BUFFERED:
                yield batch
                batch, held = [], 0
        if batch:
            yield batch

    def _job(self, item: ReadItem, where: Stored) -> Job:
        if item.type == LoadItemType.BYTE_IO:
            return BlobJob(self, item, where)
        chunk = chunk_of(self._metadata, item.storage_index) if self._metadata is not None else None
        if where.raw is not None and not where.descriptors and chunk is not None and chunk.size == where.raw[1]:
            region = region_of(item, where, chunk)
            if region is not None:
                return RegionJob(self, item, where, region)
        return TensorJob(self, item, where)

    def _fetch(self, wants: Sequence[Want]) -> None:
        self._access.call(_fetch, self._store, wants, self._access.location.is_local)

    def _settle(self, job: Job) -> None:
        """Hand a job's item on, if its bytes are right; wrong ones are fetched once more."""
        wrong = job.wrong()
        if wrong is not None:
            self._fetch(job.wants)
            wrong = job.wrong()
        if wrong is not None:
            raise wrong
        job.finish()

    def buffer(self, where: Stored, size: int) -> bytearray:
        """Return memory for a stored item. Raises ValueError for a size that its file can't have."""
        if size > UNCHECKED:
            if where.file not in self._sizes:
                info = self._access.call(self._store.get_file_info, where.file)
                self._sizes[where.file] = info.size
            if where.offset + where.length > self._sizes[where.file]:
                raise ValueError(
                    f"item {where.name!r} would end at byte {where.offset + where.length} of data file {where.file!r},"
                    f" which has {self._sizes[where.file]}"
                )
        return bytearray(size)

    def read(self, file: str, ranges: list[tuple[int, int]]) -> list[bytes]:
        """Return ranges of a file, for formats that have to be looked into."""
        return self._access.call(self._store.read_ranges, file, ranges)


async def _fetch(store: AsyncStore, wants: Sequence[Want], is_local: bool) -> None:
    await fetch(store, wants, is_local=is_local)


class Job(Protocol):
    """An item on its way: what it wants fetched, whether that is right, and what becomes of it."""

    wants: list[Want]
    buffered: int
    where: Stored

    def wrong(self) -> CheckpointCorrupted | None:
        """Return the error for bytes that are not what was saved."""

    def finish(self) -> None:
        """Hand the item to the planner."""


class _WholeJob:
    """An item that is fetched as it is stored."""

    def __init__(self, loader: Loader, item: ReadItem, where: Stored) -> None:
        self._loader = loader
        self._item = item
        self.where = where
        start, size = (where.raw[0], where.raw[1]) if where.raw and where.blocks else (0, where.length)
        self._summed = (start, start + size)
        self._buffer = memoryview(loader.buffer(where, where.length))
        self.wants = [Want(where.file, where.offset, self._buffer, where.name)]
        self.buffered = where.length

    def wrong(self) -> CheckpointCorrupted | None:
        """Check the item's blocks."""
        blocks = self.where.blocks
        found = blocks.first_wrong(self._buffer[slice(*self._summed)], 0) if blocks is not None else None
        return None if found is None else corrupted(self.where, self._summed[0] + found[0], found[1], found[2])

    def _plain(self) -> Any:
        """Return the item's bytes as a file, with what extensions did to them undone."""
        file = io.BytesIO(self._buffer)
        if not self.where.descriptors:
            return file
        stream = self._loader.transforms.transform_load_stream(self._item, self.where.descriptors, file)
        return io.BytesIO(stream.read(-1))


class BlobJob(_WholeJob):
    """An item that is no tensor."""

    def finish(self) -> None:
        """Hand the bytes to the planner, which unpickles them."""
        content = self._plain()
        if self._loader.safe_bytes:
            checked_blob(content, self.where.name)
        self._loader.planner.load_bytes(self._item, content)


class TensorJob(_WholeJob):
    """A tensor that has to be unpacked."""

    def finish(self) -> None:
        """Unpack the tensor, and copy what is wanted of it."""
        where = self.where
        tensor = tensor_in(self._plain(), where, self._loader.read)
        copied(self._loader.planner, self._item, narrow_tensor_by_index(tensor, self._item.storage_offsets, self._item.lengths))  # fmt: skip


class RegionJob:
    """A tensor whose values lie in row-major order in the file: a part of them goes where it belongs."""

    def __init__(self, loader: Loader, item: ReadItem, where: Stored, region: Region) -> None:
        self._planner = loader.planner
        self._item = item
        self.where = where
        self._region = region
        self._target = loader.planner.resolve_tensor(item).detach()
        self._placed = region.place(self._target, lambda size: loader.buffer(where, size))
        base = where.offset + (where.raw[0] if where.raw else 0)
        self.wants = [Want(where.file, base + start, view, where.name) for start, view in self._placed.pieces]
        self.buffered = self._placed.buffered

    def wrong(self) -> CheckpointCorrupted | None:
        """Check all blocks that were fetched."""
        blocks, raw = self.where.blocks, self.where.raw
        if blocks is None or raw is None:
            return None
        for start, view in self._placed.pieces:
            found = blocks.first_wrong(view, start)
            if found is not None:
                return corrupted(self.where, raw[0] + found[0], found[1], found[2])
        return None

    def finish(self) -> None:
        """Copy what did not go straight into the target."""
        tensor = self._placed.tensor()
        if tensor is None:
            check_sizes(self._item, self._target, self._item.lengths)
            mark_changed(self._target)
            self._planner.commit_tensor(self._item, self._target)
        else:
            copied(self._planner, self._item, tensor, self._target)


def copied(planner: LoadPlanner, item: ReadItem, tensor: torch.Tensor, target: torch.Tensor | None = None) -> None:
    """Copy a tensor into the planner's, casting it, and say that this has been done."""
    if target is None:
        found = planner.resolve_tensor(item)
        # Of a sparse tensor detach() makes another, whose values are its own.
        target = found.detach() if found.layout is torch.strided else found
    check_sizes(item, target, tensor.size())
    with torch.no_grad():
        target.copy_(tensor)
    planner.commit_tensor(item, target)


def check_sizes(item: ReadItem, target: torch.Tensor, size: Sequence[int]) -> None:
    """Raise AssertionError, as torch's reader does, for a target of another size."""
    if tuple(target.size()) != tuple(size):
        raise AssertionError(f"req {item.storage_index} mismatch sizes {target.size()} vs {torch.Size(size)}")


def mark_changed(target: torch.Tensor) -> None:
    """Tell autograd that a tensor's memory has been written, which it can't have seen."""
    increment = getattr(torch.autograd.graph, "increment_version", None)
    if increment is not None and not target.is_inference():
        increment(target)


def corrupted(where: Stored, offset: int, expected: str | None = None, got: str | None = None) -> CheckpointCorrupted:
    """Return the error for an item that is not what was saved; `offset` counts from the item's beginning."""
    return CheckpointCorrupted(
        f"item {where.name!r} in data file {where.file!r} is not what was saved", path=where.file, name=where.name,
        part=where.file, offset=where.offset + offset, expected=expected, got=got,
    )  # fmt: skip
