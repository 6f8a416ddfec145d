"""Reading objects over HTTP: streams that resume where they were cut, ranges fetched at the same time.

The service behind it is told by a `Service`: how to ask, what its answers mean, how its checksums are computed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Generic, Protocol, TypeVar

import anyio

from .._contract._async.streams import AsyncByteSource
from .._contract.threads import in_thread
from .._core.ranges import Range
from .faults import Fault
from .pace import Pace
from .ranges import coalesce, split
from .retrying import LEAST_PROGRESS, Retrier
from .together import Job, together

__all__ = ["Answer", "Hasher", "ObjectSource", "Reader", "Service", "Told", "Wanted"]

GAP = 256 * 1024
"""Bytes between two ranges that are rather read than asked for apart: a request costs as much as these (1-2 ms)."""
HURRY = 16 * 1024 * 1024
"""Objects above this are read by several requests at once."""

HASH_ON_LOOP = 4 * 1024 * 1024
"""Bytes above which a checksum is computed in a worker thread: the slow ones (MD5) take 1.6 ms for a MiB."""

STEP, LONGEST_STEP = 64 * 1024, 8 * 1024 * 1024
"""Bytes that are waited for at a time: few where they come slowly, so that slowness is not taken for a stall."""
BRISK_SECONDS = 0.1
"""A step that took less makes the next one longer."""

P = TypeVar("P")
"""What a backend's errors name: its own `Place`."""


class Told(Protocol):
    """What an answer tells of the object."""

    @property
    def etag(self) -> str | None:
        """The version of the object."""

    @property
    def checksum(self) -> Any:
        """The checksum of the whole object that the service holds, None for none."""


class Answer(Protocol):
    """The answer to a GET whose body has yet to be read."""

    length: int
    """Bytes that the body has."""
    whole_size: int
    """Bytes of the whole object."""

    @property
    def head(self) -> Told:
        """What was told with it."""

    @property
    def closed(self) -> bool:
        """Whether nothing more can be read."""

    async def receive(self, view: memoryview) -> int:
        """Put the body's next bytes into `view` and return how many, at least one; a shorter body is a fault."""

    async def next(self) -> bytes:
        """Return the next bytes, empty at the end; a body shorter or longer than promised is a fault."""

    async def aclose(self) -> None:
        """Give the connection back."""

    def drop(self) -> None:
        """Leave the closing to the connection's next user: for collectors, which can't wait."""


class Hasher(Protocol):
    """A checksum that grows with the bytes."""

    @property
    def value(self) -> Any:
        """The checksum of all so far, comparable with `Told.checksum`."""

    def update(self, chunk: bytes, /) -> None:
        """Add bytes."""


@dataclass(frozen=True, slots=True)
class Wanted(Generic[P]):
    """An object, or the version of it that has this id."""

    key: str
    place: P
    version_id: str | None = None


class Service(ABC, Generic[P]):
    """What reading must know of a service."""

    refused: frozenset[str]
    """Codes of a condition that does not hold."""

    @abstractmethod
    async def get(
        self,
        key: str,
        *,
        start: int | None = None,
        stop: int | None = None,
        if_match: str | None = None,
        version_id: str | None = None,
    ) -> Answer:
        """GET an object, or a half-open range of it; `stop` None means to its end."""

    @abstractmethod
    async def size(self, key: str, version_id: str | None) -> int:
        """Return an object's size."""

    @abstractmethod
    async def explain(self, fault: Fault, place: P) -> Exception:
        """Return the error for an object that can't be read; a missing one may be a folder (CONTRACT 33)."""

    @abstractmethod
    def translated(self, place: P) -> AbstractContextManager[None]:
        """Raise our error for a fault that comes out of the block."""

    @abstractmethod
    def spoilt(self, place: P) -> Exception:
        """Return the error for bytes that don't have the checksum which the service holds."""

    @abstractmethod
    def hasher(self) -> Hasher | None:
        """Return a fresh checksum, None where none is compared."""


class Reader(Generic[P]):
    """Reads for one backend: pieces of `piece` bytes, at most `concurrency` requests at a time for one call."""

    def __init__(self, service: Service[P], retrier: Retrier, *, piece: int, concurrency: int) -> None:
        self.service = service
        self.retrier = retrier
        self._piece = piece
        self._concurrency = concurrency

    async def open(
        self, wanted: Wanted[P], start: int | None = None, stop: int | None = None, etag: str | None = None
    ) -> Answer:
        """Send a GET and return its answer; our errors, but a fault for a range that begins past the end."""
        with self.retrier.operation():
            try:
                return await self.retrier.run(
                    lambda: self.service.get(
                        wanted.key, start=start, stop=stop, if_match=etag, version_id=wanted.version_id
                    )
                )
            except Fault as fault:
                if fault.status == 416 and start is not None:
                    if await self.open_head(wanted) <= start:
                        raise
                    fault.code, fault.text = "Unexpected", "the range is said not to be there, and the object is longer"
                raise await self.service.explain(fault, wanted.place) from fault.__cause__

    async def read_bytes(self, wanted: Wanted[P]) -> bytes:
        """Return all of an object; one that came with a wrong checksum is fetched once more."""
        for _ in range(2):
            download = await self.open(wanted)
            with self.service.translated(wanted.place):
                data = await self._all(wanted, download)
            if await self._sound(download, data):
                return data
        raise self.service.spoilt(wanted.place)

    async def _sound(self, download: Answer, data: bytes) -> bool:
        told = download.head.checksum
        hasher = self.service.hasher() if told is not None else None
        if hasher is None:
            return True
        if len(data) > HASH_ON_LOOP:
            await in_thread(hasher.update, data)
        else:
            hasher.update(data)
        return bool(hasher.value == told)

    async def _all(self, wanted: Wanted[P], download: Answer) -> bytes:
        # CPython hands out these very bytes at the end, so that the body is written to fresh memory once.
        memory = BytesIO(bytes(download.length))
        with memory.getbuffer() as view:
            if download.length <= HURRY:
                await self._drain(wanted, (0, download.length), view, download, self._seen(download))
            else:
                await self._from_both_ends(wanted, view, download)
        return memory.getvalue()

    async def _from_both_ends(self, wanted: Wanted[P], view: memoryview, download: Answer) -> None:
        """Read on from the front while others fetch ranges from the end, until they meet.

        The answer at hand is used to the last byte, and no HEAD is needed to know the size first.
        """
        ranges = split(0, download.length, self._piece)
        seen = self._seen(download)

        async def front() -> None:
            try:
                while ranges:
                    start, stop = ranges.pop(0)
                    await self._drain(wanted, (start, stop), view[start:stop], download, seen, keep=True)
            finally:
                await download.aclose()

        def back() -> Iterator[Job]:
            yield front
            while ranges:
                wanted_range = ranges.pop()
                yield lambda piece=wanted_range: self._drain(wanted, piece, view[slice(*piece)], None, seen)  # type: ignore[misc]

        with self.service.translated(wanted.place):
            await together(back(), self._concurrency)

    async def fill(
        self, wanted: Wanted[P], view: memoryview, start: int, etag: str | None = None, whole_size: int | None = None
    ) -> int:
        """Fill `view` from `start` on and return the number of bytes; of the version told, if one is."""
        first_stop = start + min(len(view), self._piece)
        try:
            download = await self.open(wanted, start, first_stop, etag)
            with self.service.translated(wanted.place):
                await _same(download, etag, whole_size, self.service.refused)
        except Fault:  # the range begins past the end
            return 0
        size = max(0, min(len(view), download.whole_size - start))
        pieces = split(start, start + size, self._piece) or [(start, start)]
        seen = self._seen(download)

        def job(piece: Range, answer: Answer | None) -> Job:
            return lambda: self._drain(wanted, piece, view[piece[0] - start : piece[1] - start], answer, seen)

        jobs = [job(piece, download if number == 0 else None) for number, piece in enumerate(pieces)]
        with self.service.translated(wanted.place):
            await together(jobs, self._concurrency)
        return size

    async def ranges(self, wanted: Wanted[P], asked: list[Range]) -> list[bytes]:
        """Return the bytes of each range; near ones are fetched together, all of one version of the object."""
        fetches = coalesce(asked, GAP, self._piece)
        bodies: dict[int, bytearray] = {}
        if fetches:
            first = fetches[0]
            buffer = bytearray(min(first.stop - first.start, self._piece))
            try:
                download = await self.open(wanted, first.start, first.start + len(buffer))
            except Fault:
                return [b"" for _ in asked]
            seen, size = self._seen(download), download.whole_size
            jobs: list[Job] = []
            for number, fetch in enumerate(fetches):
                stop = min(fetch.stop, size)
                body = bodies[number] = bytearray(max(0, stop - fetch.start))
                for start, end in split(fetch.start, stop, self._piece):
                    answer = download if number == 0 and start == fetch.start else None
                    view = memoryview(body)[start - fetch.start : end - fetch.start]
                    jobs.append(
                        lambda piece=(start, end), view=view, answer=answer: self._drain(  # type: ignore[misc]
                            wanted, piece, view, answer, seen
                        )
                    )
            with self.service.translated(wanted.place):
                await together(jobs, self._concurrency)
        else:
            await self.open_head(wanted)
        results = [b""] * len(asked)
        for number, fetch in enumerate(fetches):
            for index in fetch.serves:
                start, stop = asked[index]
                results[index] = bytes(memoryview(bodies[number])[start - fetch.start : max(0, stop - fetch.start)])
        return results

    def _seen(self, answer: Answer) -> _Seen:
        return _Seen(answer.head.etag, answer.whole_size, self.retrier.pace())

    async def open_head(self, wanted: Wanted[P]) -> int:
        """Return an object's size; our errors."""
        try:
            return await self.retrier.run(lambda: self.service.size(wanted.key, wanted.version_id))
        except Fault as fault:
            raise await self.service.explain(fault, wanted.place) from fault.__cause__

    async def resumed(
        self, wanted: Wanted[P], start: int, stop: int | None, etag: str | None, size: int | None
    ) -> Answer:
        """Send a GET for more of an object, `size` bytes long, and return its answer: of the same version, or a fault.

        A server that ignores the condition would have two versions mixed (RELIABILITY 12).
        """
        answer = await self.service.get(wanted.key, start=start, stop=stop, if_match=etag, version_id=wanted.version_id)
        await _same(answer, etag, size, self.service.refused)
        return answer

    async def _drain(
        self,
        wanted: Wanted[P],
        piece: Range,
        view: memoryview,
        answer: Answer | None,
        seen: _Seen,
        *,
        keep: bool = False,
    ) -> None:
        """Fill `view` with a range, from `answer` if it is open; a body that is cut goes on with another request.

        With `keep` the answer stays open, for whoever reads on.
        """
        start, stop = piece
        position = start
        current = answer if answer is not None and not answer.closed else None

        async def attempt() -> None:
            nonlocal position, current
            if current is None:
                current = await self.resumed(wanted, position, stop, seen.etag, seen.size)
            try:
                with seen.pace.within():
                    step = STEP
                    while position < stop:
                        begun = anyio.current_time()
                        size = await current.receive(view[position - start : position - start + step])
                        if not size:
                            text = "the body ended before its range"
                            raise Fault("Unexpected", text, verb="GetObject", may_retry=True)
                        position += size
                        seen.pace.earn(size)
                        step = min(2 * step, LONGEST_STEP) if anyio.current_time() - begun < BRISK_SECONDS else STEP
                    return
                raise seen.pace.slow()
            except Fault:
                await current.aclose()
                current = None
                raise

        try:
            if position < stop:
                await self.retrier.run(attempt, pace=seen.pace, moved=lambda: position)
        finally:
            if current is not None and not (keep and current is answer):
                with anyio.CancelScope(shield=True):
                    await current.aclose()


async def _same(answer: Answer, etag: str | None, size: int | None, refused: frozenset[str]) -> None:
    """Close an answer of another version than the one seen before, and raise a fault."""
    if etag is not None and answer.head.etag != etag:
        fault = Fault(min(refused), "the file has been replaced meanwhile", verb="GetObject")
    elif size is not None and answer.whole_size != size:
        text = f"the file has {answer.whole_size} bytes now, {size} before, and the same etag"
        fault = Fault("Unexpected", text, verb="GetObject", may_retry=True)
    else:
        return
    await answer.aclose()
    raise fault


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the first answer told of an object, which all others must tell too, and the time that is left for them."""

    etag: str | None
    size: int
    pace: Pace


class ObjectSource(AsyncByteSource, Generic[P]):
    """An object's chunks as they arrive; a lost connection is resumed by a range pinned to the etag."""

    def __init__(self, reader: Reader[P], wanted: Callable[[], Wanted[P]]) -> None:
        self._reader = reader
        self._make = wanted
        self._wanted: Wanted[P] | None = None
        self._download: Answer | None = None
        self._position = 0
        self._told: Any = None
        self._hasher: Hasher | None = None
        self._ended = False
        self._pace: Pace | None = None
        self._left_at = 0.0
        self._failures = 0
        self._mark = 0

    async def open(self) -> None:
        """Send the GET, unless that has been done."""
        if self._wanted is None:
            wanted = self._make()
            self._download = await self._reader.open(wanted)
            self._wanted = wanted
            self._note(self._download)

    def _note(self, download: Answer) -> None:
        self.size, self.etag, self._told = download.length, download.head.etag, download.head.checksum
        self._hasher = self._reader.service.hasher() if self._told is not None else None

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        await self.open()
        assert self._wanted is not None
        pace = self._begun()
        try:
            with self._reader.service.translated(self._wanted.place):
                chunk = await self._chunk(pace)
                pace.earn(len(chunk))
        except Exception:
            await self.aclose()
            raise
        if not chunk:
            await self.aclose()
            if self._hasher is not None and self._hasher.value != self._told:
                raise self._reader.service.spoilt(self._wanted.place)
            raise StopAsyncIteration
        self._advance(chunk)
        return chunk

    def _begun(self) -> Pace:
        """Return the time that is left; what the reader took for itself since the last chunk is not counted."""
        if self._pace is None:
            self._pace = self._reader.retrier.pace()
        else:
            self._pace.rest(anyio.current_time() - self._left_at)
        return self._pace

    def _advance(self, chunk: bytes) -> None:
        self._position += len(chunk)
        if self._position - self._mark >= LEAST_PROGRESS:
            self._mark, self._failures = self._position, 0
        if self._hasher is not None:
            self._hasher.update(chunk)
        self._left_at = anyio.current_time()

    async def _chunk(self, pace: Pace) -> bytes:
        """Return the next chunk, after another request if the one at hand was cut.

        Attempts are counted over all chunks: a body that is cut after each would else be asked for without an end.
        """

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

        def noted(fault: Fault) -> None:
            self._failures = fault.attempts

        return await self._reader.retrier.run(attempt, pace=pace, on_fault=noted, used=self._failures)

    async def _resumed(self, wanted: Wanted[P]) -> Answer:
        if self._position == self.size:
            raise Fault("Unreachable", "the body's end was not told", verb="GetObject")
        try:
            return await self._reader.resumed(wanted, self._position, None, self.etag, self.size)
        except Fault as fault:
            if fault.code in self._reader.service.refused and self._position == 0:
                # Nothing has been handed out: the new version, from its beginning, is as good.
                fresh = await self._reader.service.get(wanted.key, version_id=wanted.version_id)
                self._note(fresh)
                return fresh
            raise

    async def fill(self, view: memoryview, start: int) -> int:
        """Fill `view` from offset `start` on with the version that this stream has opened, closed or not."""
        assert self._wanted is not None
        return await self._reader.fill(self._wanted, view, start, self.etag, self.size)

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
