"""Cutting content into parts, and sending them at the same time within the byte budget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import anyio

from .._contract._async.content import AsyncContent
from .._contract._sync.content import Buffer
from .budget import Share

__all__ = ["MAX_PARTS", "Cutter", "Part", "PartSource", "part_size_for", "send_parts"]

MAX_PARTS = 10_000
"""S3's limit, and the smallest of the services'."""
MAX_PART_BYTES = 5 * 1024**3
"""S3's limit of one part."""
MAX_OBJECT_BYTES = 5 * 1024**4
"""S3's limit of an object: 5 TiB."""
STEADY_PARTS = 1000
"""Parts of a stream before their size doubles; it doubles again after as many: 8 MiB at first reaches 8 TiB."""
SMALL = 64 * 1024
"""Pieces below this are joined: sending a part in thousands of crumbs costs more than the copy."""


@dataclass(slots=True)
class Part:
    """A part of an object: its number from 1 on, its buffers in order, its bytes in all."""

    number: int
    buffers: list[memoryview]
    size: int
    held: int = 0
    """What of the byte budget it holds."""


def part_size_for(size: int, at_least: int) -> int:
    """Return the part size for content of a known size, so that 10,000 parts are never exceeded."""
    needed = -(-size // MAX_PARTS)
    if needed <= at_least:
        return at_least
    mebibyte = 1024 * 1024
    return -(-needed // mebibyte) * mebibyte


def nth_part_size(number: int, first: int) -> int:
    """Return the size of part `number` (from 1 on) of a stream whose length is unknown."""
    return min(first << ((number - 1) // STEADY_PARTS), MAX_PART_BYTES)


class PartSource(Protocol):
    """Where parts come from, one after the other."""

    async def next(self) -> Part | None:
        """Return the next part, None at the end."""


class Cutter:
    """Content as parts. A buffer is sliced in place; a stream is held a part at a time."""

    def __init__(self, content: bytes | AsyncContent, part_size: int, share: Share) -> None:
        self._share = share
        self._number = 0
        self._left = memoryview(b"")
        self._ended = False
        buffer = content.buffer if isinstance(content, AsyncContent) else memoryview(content)
        self._whole = buffer
        self._steady = isinstance(content, AsyncContent) and content.steady
        self.known_size = None if buffer is None else len(buffer)
        self._content = content
        self._part_size = part_size if buffer is None else part_size_for(len(buffer), part_size)

    def whole(self) -> Part:
        """Return content that came as one buffer as one part."""
        assert self._whole is not None
        self._ended = True
        return Part(1, [self._whole] if len(self._whole) else [], len(self._whole))

    async def next(self) -> Part | None:
        """Return the next part, None at the end. The first may be empty, all but the last are full."""
        if self._ended and self._number:
            return None
        self._number += 1
        want = nth_part_size(self._number, self._part_size) if self._whole is None else self._part_size
        if self._whole is not None:
            return self._slice(want)
        await self._share.take(want)
        try:
            part = await self._gather(want)
        except BaseException:
            self._share.give(want)
            raise
        if part.size == 0 and part.number > 1:
            self._share.give(want)
            return None
        return part

    def _slice(self, want: int) -> Part | None:
        assert self._whole is not None
        start = (self._number - 1) * want
        piece = self._whole[start : start + want]
        self._ended = start + want >= len(self._whole)
        return Part(self._number, [piece] if piece else [], len(piece))

    async def _gather(self, want: int) -> Part:
        pieces: list[memoryview] = []
        crumbs: list[Buffer] = []
        size = 0

        def join() -> None:
            if crumbs:
                pieces.append(memoryview(b"".join(crumbs)))
                crumbs.clear()

        while size < want:
            for buffer in await self._more(want - size):
                room = want - size
                if room <= 0:
                    self._left = memoryview(b"".join([self._left, buffer]))
                    continue
                piece: Buffer = buffer
                if len(buffer) > room:
                    view = memoryview(buffer)
                    piece, rest = view[:room], view[room:]
                    # A caller's buffer may change once the next batch is asked for.
                    self._left = rest if self._is_frozen(rest) else memoryview(bytes(rest))
                size += len(piece)
                if len(piece) >= SMALL and self._is_frozen(piece):
                    join()
                    pieces.append(memoryview(piece))
                else:
                    crumbs.append(bytes(piece))
            if self._ended:
                break
        join()
        return Part(self._number, pieces, size, want)

    def _is_frozen(self, piece: Buffer) -> bool:
        return self._steady or _frozen(piece)

    async def _more(self, want: int) -> list[Buffer]:
        if self._left:
            piece, self._left = self._left[:want], self._left[want:]
            return [piece]
        if self._ended:
            return []
        assert isinstance(self._content, AsyncContent)
        batch = await self._content.batch(want)
        self._ended = not batch
        return batch

    @property
    def ended(self) -> bool:
        """Whether the source is known to have ended, with nothing left over."""
        return self._ended and not self._left


def _frozen(piece: Buffer) -> bool:
    """Whether nobody can change these bytes."""
    return isinstance(piece, bytes) or (isinstance(piece, memoryview) and isinstance(piece.obj, bytes))


async def send_parts(
    first: list[Part],
    cutter: PartSource,
    share: Share,
    send: Callable[[Part], Awaitable[None]],
    max_concurrency: int,
) -> None:
    """Send all parts, at most so many at a time; the first error cancels the others and is raised as it is."""
    slots = anyio.Semaphore(max_concurrency)
    failures: list[BaseException] = []

    async def sent(part: Part) -> None:
        try:
            await send(part)
        except Exception as error:  # noqa: BLE001  # raised below, without an exception group around it
            failures.append(error)
            group.cancel_scope.cancel()
        finally:
            slots.release()
            part.buffers = []
            share.give(part.held)

    cancelled = anyio.get_cancelled_exc_class()
    async with anyio.create_task_group() as group:
        try:
            for part in first:
                await slots.acquire()
                group.start_soon(sent, part)
            while True:
                # A slot first: so many parts are held, and one that is being gathered.
                await slots.acquire()
                following = await cutter.next()
                if following is None:
                    break
                group.start_soon(sent, following)
        except cancelled:
            raise
        except BaseException as error:  # noqa: BLE001  # the source failed: the parts under way are of no use
            failures.insert(0, error)
            group.cancel_scope.cancel()
    if failures:
        raise failures[0]
