"""Reading objects: streams that resume where they were cut, ranges fetched at the same time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import anyio

from ..._contract._async.streams import AsyncByteSource
from ..._core.errors import IntegrityError
from ..._core.ranges import Range
from ..._http.ranges import coalesce, split
from ..._http.retrying import Fault, Retrier
from ..._http.together import Job, together
from .checksums import AVAILABLE, Sum, sum_of
from .errors import REFUSED, Place, translated
from .requests import Download, Wire

__all__ = ["Reader", "S3Source"]

GAP = 256 * 1024
"""Bytes between two ranges that are rather read than asked for apart: a request costs as much as these (1-2 ms)."""
HURRY = 16 * 1024 * 1024
"""Objects above this are read by several requests at once."""

Take = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object, or the version of it that has this id."""

    key: str
    place: Place
    version_id: str | None = None


class Reader:
    """Reads for one backend. `explain` makes the error for an object that is missing (CONTRACT 33)."""

    def __init__(
        self,
        wire: Wire,
        retrier: Retrier,
        explain: Callable[[Fault, Place], Awaitable[Exception]],
        *,
        piece: int,
        concurrency: int,
        verify: bool,
    ) -> None:
        self._wire = wire
        self.retrier = retrier
        self._explain = explain
        self._piece = piece
        self._concurrency = concurrency
        self.verify = verify and AVAILABLE

    async def open(
        self, wanted: Wanted, start: int | None = None, stop: int | None = None, etag: str | None = None
    ) -> Download:
        """Send a GET and return its answer; our errors."""
        try:
            return await self.retrier.run(
                lambda: self._wire.get(wanted.key, start=start, stop=stop, if_match=etag, version_id=wanted.version_id)
            )
        except Fault as fault:
            if fault.code == "InvalidRange" or fault.status == 416:
                raise
            raise await self._explain(fault, wanted.place) from fault.__cause__

    async def read_bytes(self, wanted: Wanted) -> bytes:
        """Return all of an object; one that came with a wrong checksum is fetched once more."""
        pieces: list[bytes] = []
        for attempt in (1, 2):
            download = await self.open(wanted)
            with translated(wanted.place):
                pieces = await self._all(wanted, download)
            if self._sound(download, pieces):
                break
            if attempt == 2:
                raise spoilt(wanted.place)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _sound(self, download: Download, pieces: list[bytes]) -> bool:
        told = download.head.checksum
        return told is None or not self.verify or sum_of(pieces) == told

    async def _all(self, wanted: Wanted, download: Download) -> list[bytes]:
        if download.length <= HURRY:
            pieces: list[bytes] = []
            await self._drain(wanted, (0, download.length), pieces.append, download, download.head.etag)
            return pieces
        return await self._from_both_ends(wanted, download)

    async def _from_both_ends(self, wanted: Wanted, download: Download) -> list[bytes]:
        """Read on from the front while others fetch ranges from the end, until they meet.

        The answer at hand is used to the last byte, and no HEAD is needed to know the size first.
        """
        ranges = split(0, download.length, self._piece)
        found: dict[int, list[bytes]] = {start: [] for start, _ in ranges}
        etag = download.head.etag

        async def front() -> None:
            try:
                while ranges:
                    start, stop = ranges.pop(0)
                    await self._drain(wanted, (start, stop), found[start].append, download, etag, keep=True)
            finally:
                await download.aclose()

        def back() -> Iterator[Job]:
            yield front
            while ranges:
                wanted_range = ranges.pop()
                yield lambda piece=wanted_range: self._drain(wanted, piece, found[piece[0]].append, None, etag)  # type: ignore[misc]

        with translated(wanted.place):
            await together(back(), self._concurrency)
        return [chunk for start in sorted(found) for chunk in found[start]]

    async def fill(self, wanted: Wanted, view: memoryview, start: int) -> int:
        """Fill `view` from `start` on and return the number of bytes."""
        first_stop = start + min(len(view), self._piece)
        try:
            download = await self.open(wanted, start, first_stop)
        except Fault:  # the range begins past the end
            return 0
        size = max(0, min(len(view), download.whole_size - start))
        pieces = split(start, start + size, self._piece) or [(start, start)]
        etag = download.head.etag

        def job(piece: Range, answer: Download | None) -> Job:
            return lambda: self._drain(wanted, piece, _Filler(view, piece[0] - start).take, answer, etag)

        jobs = [job(piece, download if number == 0 else None) for number, piece in enumerate(pieces)]
        with translated(wanted.place):
            await together(jobs, self._concurrency)
        return size

    async def ranges(self, wanted: Wanted, asked: list[Range]) -> list[bytes]:
        """Return the bytes of each range; near ones are fetched together, all of one version of the object."""
        fetches = coalesce(asked, GAP, self._piece)
        bodies: dict[int, bytearray] = {}
        etag: str | None = None
        size: int | None = None
        if fetches:
            first = fetches[0]
            buffer = bytearray(min(first.stop - first.start, self._piece))
            try:
                download = await self.open(wanted, first.start, first.start + len(buffer))
            except Fault:
                return [b"" for _ in asked]
            etag, size = download.head.etag, download.whole_size
            jobs: list[Job] = []
            for number, fetch in enumerate(fetches):
                stop = min(fetch.stop, size)
                body = bodies[number] = bytearray(max(0, stop - fetch.start))
                for start, end in split(fetch.start, stop, self._piece):
                    answer = download if number == 0 and start == fetch.start else None
                    taker = _Filler(memoryview(body), start - fetch.start).take
                    jobs.append(
                        lambda piece=(start, end), take=taker, answer=answer: self._drain(  # type: ignore[misc]
                            wanted, piece, take, answer, etag
                        )
                    )
            with translated(wanted.place):
                await together(jobs, self._concurrency)
        else:
            await self.open_head(wanted)
        results = [b""] * len(asked)
        for number, fetch in enumerate(fetches):
            for index in fetch.serves:
                start, stop = asked[index]
                results[index] = bytes(memoryview(bodies[number])[start - fetch.start : max(0, stop - fetch.start)])
        return results

    async def open_head(self, wanted: Wanted) -> int:
        """Return an object's size; our errors."""
        try:
            head = await self.retrier.run(lambda: self._wire.head(wanted.key, version_id=wanted.version_id))
        except Fault as fault:
            raise await self._explain(fault, wanted.place) from fault.__cause__
        return head.size

    async def _drain(
        self, wanted: Wanted, piece: Range, take: Take, answer: Download | None, etag: str | None, *, keep: bool = False
    ) -> None:
        """Take the bytes of a range, from `answer` if it is open; a body that is cut goes on with another request.

        With `keep` the answer stays open, for whoever reads on.
        """
        position, stop = piece
        current = answer if answer is not None and not answer.closed else None

        async def attempt() -> None:
            nonlocal position, current
            if current is None:
                current = await self._wire.get(
                    wanted.key, start=position, stop=stop, if_match=etag, version_id=wanted.version_id
                )
            try:
                while position < stop:
                    chunk = await current.take(stop - position)
                    take(chunk)
                    position += len(chunk)
            except Fault:
                await current.aclose()
                current = None
                raise

        try:
            if position < stop:
                await self.retrier.run(attempt)
        finally:
            if current is not None and not (keep and current is answer):
                with anyio.CancelScope(shield=True):
                    await current.aclose()


class _Filler:
    """Puts chunks into a buffer, one after the other."""

    def __init__(self, view: memoryview, position: int) -> None:
        self._view = view
        self._position = position

    def take(self, chunk: bytes) -> None:
        self._view[self._position : self._position + len(chunk)] = chunk
        self._position += len(chunk)


def spoilt(place: Place) -> IntegrityError:
    """Return the error for bytes that don't have the checksum which the service holds."""
    return IntegrityError(
        f"The bytes don't have the checksum that the service holds for them: {place.path!r} in bucket {place.bucket!r}",
        path=place.path,
        backend=place.backend,
    )


class S3Source(AsyncByteSource):
    """An object's chunks as they arrive; a lost connection is resumed by a range pinned to the etag."""

    def __init__(self, reader: Reader, wanted: Callable[[], Wanted]) -> None:
        self._reader = reader
        self._make = wanted
        self._wanted: Wanted | None = None
        self._download: Download | None = None
        self._position = 0
        self._told: Sum | None = None
        self._sum: Sum = 0
        self._ended = False

    async def open(self) -> None:
        """Send the GET, unless that has been done."""
        if self._wanted is None:
            wanted = self._make()
            self._download = await self._reader.open(wanted)
            self._wanted = wanted
            head = self._download.head
            self.size, self.etag = self._download.length, head.etag
            self._told = head.checksum if self._reader.verify else None

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        await self.open()
        assert self._wanted is not None
        try:
            with translated(self._wanted.place):
                chunk = await self._chunk()
        except Exception:
            await self.aclose()
            raise
        if not chunk:
            await self.aclose()
            if self._told is not None and self._sum != self._told:
                raise spoilt(self._wanted.place)
            raise StopAsyncIteration
        self._position += len(chunk)
        if self._told is not None:
            self._sum = sum_of((chunk,), self._sum)
        return chunk

    async def _chunk(self) -> bytes:
        """Return the next chunk, after another request if the one at hand was cut."""
        retrier = self._reader.retrier

        async def attempt() -> bytes:
            assert self._wanted is not None
            if self._download is None:
                self._download = await self._resumed(self._wanted)
            try:
                return await self._download.next()
            except Fault:
                await self._download.aclose()
                self._download = None
                raise

        return await retrier.run(attempt)

    async def _resumed(self, wanted: Wanted) -> Download:
        if self._position == self.size:
            raise Fault("Unreachable", "the body's end was not told", verb="GetObject")
        try:
            return await self._reader._wire.get(
                wanted.key, start=self._position, if_match=self.etag, version_id=wanted.version_id
            )
        except Fault as fault:
            if fault.code in REFUSED and self._position == 0:
                # Nothing has been handed out: the new version, from its beginning, is as good.
                fresh = await self._reader._wire.get(wanted.key, version_id=wanted.version_id)
                self.size, self.etag = fresh.length, fresh.head.etag
                self._told, self._sum = (fresh.head.checksum if self._reader.verify else None), 0
                return fresh
            raise

    async def aclose(self) -> None:
        """Give the connection back. Closing twice does nothing."""
        self._ended = True
        download, self._download = self._download, None
        if download is not None:
            with anyio.CancelScope(shield=True):
                await download.aclose()

    def __del__(self) -> None:
        download = getattr(self, "_download", None)
        if download is not None:
            download.drop()
