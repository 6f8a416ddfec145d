"""Ranges of data files, fetched at the same time straight to where their bytes belong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..._store._async.store import AsyncStore
from ..errors import CheckpointCorrupted
from ..transfer import each

__all__ = ["Part", "Want", "fetch"]

REQUEST = 8 << 20
"""Bytes asked for at a time: what S3 sends best in one answer, so the number of requests is the least there can be."""
GAP = 64 * 1024
"""Bytes between two wanted ranges that are rather read than asked for apart: a request costs more (DECISIONS 35)."""
DIRECT = 256 * 1024
"""Bytes from which a range of a local file is read by itself, without a buffer between: there a request costs nothing."""
CONCURRENCY = 12
"""Requests under way at a time; with their buffers of 8 MiB they stay below 100 MiB."""


@dataclass(frozen=True, slots=True)
class Want:
    """A range of a file, and the memory that its bytes are to fill. `name` is the item's, for errors."""

    file: str
    start: int
    target: memoryview
    name: str

    @property
    def stop(self) -> int:
        """The offset after the last byte."""
        return self.start + len(self.target)


@dataclass(slots=True)
class Part:
    """A range that is fetched at once, with the wants that it touches."""

    file: str
    start: int
    stop: int
    wants: list[Want] = field(default_factory=list)


async def fetch(store: AsyncStore, wants: Sequence[Want], *, is_local: bool) -> None:
    """Fill all targets. Raises CheckpointCorrupted for a file that ends too early; NotFound for a missing one."""
    parts = list(planned(wants, is_local=is_local))

    async def get(part: Part) -> None:
        await _get(store, part)

    # The large ones first: a large one that starts last would be alone at the end.
    await each(parts, get, CONCURRENCY)


def planned(wants: Sequence[Want], *, is_local: bool) -> Iterator[Part]:
    """Return what to fetch: near ranges together, long ones in pieces."""
    alone = [want for want in wants if is_local and len(want.target) >= DIRECT]
    for want in alone:
        for start in range(want.start, want.stop, REQUEST):
            yield Part(want.file, start, min(start + REQUEST, want.stop), [want])
    near = [want for want in wants if len(want.target) and not (is_local and len(want.target) >= DIRECT)]
    by_file: dict[str, list[Want]] = {}
    for want in near:
        by_file.setdefault(want.file, []).append(want)
    for group in by_file.values():
        yield from _cut(sorted(group, key=lambda want: want.start))


def _cut(wants: list[Want]) -> Iterator[Part]:
    """Cut the wanted ranges of a file, sorted, into parts of one request each."""
    parts: list[Part] = []
    for want in wants:
        position = want.start
        if parts and position < parts[-1].stop:
            # Another want has bytes of this one already: those parts serve both.
            for part in reversed(parts):
                if part.stop <= position:
                    break
                part.wants.append(want)
            position = parts[-1].stop
        while position < want.stop:
            last = parts[-1] if parts else None
            if last is not None and position - last.stop <= GAP and position - last.start < REQUEST:
                last.stop = min(want.stop, last.start + REQUEST)
                if last.wants[-1] is not want:
                    last.wants.append(want)
            else:
                last = Part(want.file, position, min(want.stop, position + REQUEST), [want])
                parts.append(last)
            position = last.stop
    yield from parts


async def _get(store: AsyncStore, part: Part) -> None:
    only = part.wants[0]
    if len(part.wants) == 1 and only.start <= part.start and part.stop <= only.stop:
        own = only.target[part.start - only.start : part.stop - only.start]
        _check(part, await store.read_into(part.file, own, part.start))
        return
    buffer = memoryview(bytearray(part.stop - part.start))
    done = await store.read_into(part.file, buffer, part.start)
    _check(part, done)
    for want in part.wants:
        low, high = max(want.start, part.start), min(want.stop, part.stop)
        want.target[low - want.start : high - want.start] = buffer[low - part.start : high - part.start]


def _check(part: Part, done: int) -> None:
    if done < part.stop - part.start:
        name = next((want.name for want in part.wants if want.stop > part.start + done), part.wants[0].name)
        raise CheckpointCorrupted(
            f"data file {part.file!r} ends at {part.start + done} bytes, in the middle of {name!r}",
            path=part.file, name=name, part=part.file, offset=part.start + done,
        )  # fmt: skip
