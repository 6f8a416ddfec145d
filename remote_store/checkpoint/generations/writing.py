"""Writing the items of one writer: packed into parts, sent, and noted in its index."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Any

from ..._contract._async.content import AsyncContent
from ..._contract.threads import in_thread
from ..digests import Buffer
from ..packing import Draft, Packer, Sealed
from ..uploading import PartUploader
from .core import Core
from .index import STREAM, Index, Item, Part, aligned
from .items import Entry
from .layout import part_name

__all__ = ["Progress", "Writer"]

Progress = Callable[[int, int, str], object]
"""Called after each part with the bytes done, the bytes in all as far as they are known, and the part's name."""


class Writer:
    """One writer's half of a save. `there` are the sizes of objects that an earlier try has left, by name."""

    def __init__(
        self, core: Core, generation: str, number: int, there: dict[str, int], progress: Progress | None
    ) -> None:
        self._core = core
        self._generation = generation
        self._number = number
        self._packer = Packer(core.settings.part_size)
        self._parts: dict[int, Part] = {}
        self._items: list[Item] = []
        self._names: set[str] = set()
        self._progress = progress
        self._done = 0
        self._total = 0
        self._uploader = PartUploader(
            core.objects,
            self._key_of,
            digest=core.digest,
            block_size=core.settings.block_size,
            budget=core.budget,
            there=there,
        )

    def _key_of(self, number: int, checksum: str) -> tuple[str, str]:
        name = part_name(self._number, number, checksum)
        return name, self._core.layout.object(self._generation, name)

    async def write(self, entries: Iterable[Entry], *, last: bool) -> None:
        """Pack entries and send the parts that are full; with `last` the one that isn't, too.

        Without `last` what is held of callers' memory has been copied when this returns.
        """
        entries = list(entries)
        self._admit(entries)
        async with aclosing(self._drafts(entries, last)) as drafts:
            await self._uploader.send(drafts, self._core.part_budget(), self._sent)
        if not last:
            self._packer.own()

    def _admit(self, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.name in self._names:
                raise ValueError(f"the name {entry.name!r} has been written already")
            self._names.add(entry.name)
            self._total += entry.size or 0

    async def _drafts(self, entries: list[Entry], last: bool) -> AsyncGenerator[Draft, None]:
        for entry in entries:
            async with aclosing(self._entry(entry)) as drafts:
                async for draft in drafts:
                    yield draft
        if last:
            for draft in self._packer.rest():
                yield draft

    async def _entry(self, entry: Entry) -> AsyncGenerator[Draft, None]:
        packer = self._packer
        if entry.stream is not None:
            async with aclosing(self._stream(entry)) as drafts:
                async for draft in drafts:
                    yield draft
            return
        view = entry.view if entry.load is None else memoryview(await in_thread(entry.load))
        assert view is not None
        start = aligned(packer.position, len(view), entry.codec)
        for draft in packer.pad(start):
            yield draft
        for draft in packer.put(view):
            yield draft
        self._note(entry, start)

    async def _stream(self, entry: Entry) -> AsyncGenerator[Draft, None]:
        """Take what a stream gives until it ends; nothing is padded before its first byte."""
        packer = self._packer
        start = packer.position
        with ExitStack() as held:
            content = AsyncContent(await _opened(entry.stream, held))
            while batch := await content.batch(packer.room):
                if packer.position == start:
                    start = aligned(start, 1, STREAM)
                    for draft in packer.pad(start):
                        yield draft
                for piece in batch:
                    for draft in packer.put(_kept(piece)):
                        yield draft
        self._note(entry, start)

    def _note(self, entry: Entry, start: int) -> None:
        length = self._packer.position - start
        if entry.size is None:
            self._total += length
        item = Item(entry.name, entry.kind, entry.codec, length, entry.dtype, entry.shape, start, self._number)
        self._items.append(item)

    async def _sent(self, sealed: Sealed, name: str) -> None:
        size = len(sealed.data)
        checksum = self._core.digest.hex(sealed.checksum)
        self._parts[sealed.number] = Part(name, size, checksum, sealed.block, sealed.sums)
        self._done += size
        if self._progress is not None:
            self._progress(self._done, max(self._total, self._done), name)

    def index(self) -> Index:
        """Return the receipt for what has been written."""
        return Index(self._number, [self._parts[number] for number in sorted(self._parts)], self._items)


async def _opened(stream: Any, held: ExitStack) -> Any:
    """Open a file in a worker thread; a caller cancelled meanwhile, who never gets it, closes it too."""
    if isinstance(stream, Path):
        return await in_thread(lambda: held.enter_context(stream.open("rb")))
    return stream


def _kept(piece: Buffer) -> memoryview:
    """Return a buffer that nobody changes: what an iterator yields may be its own, used again for the next."""
    view = memoryview(piece)
    return view if isinstance(view.obj, bytes) else memoryview(bytes(view))
