"""Reading files: many blocks asked for at a time, in order; a lost connection is resumed if the file is the same."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator

from ..._core.errors import InvalidPath
from ..._core.ranges import Range
from ..._http.ranges import coalesce, split
from ..._http.retrying import Fault
from . import requests
from .clients import Connection
from .core import Core
from .errors import missing, not_a_file
from .packets import Attrs, Flag
from .places import Node
from .wire import Channel, Reply

__all__ = ["IN_FLIGHT", "MAX_RESUMES", "Download", "read_bytes", "read_into", "read_ranges"]

IN_FLIGHT = 64
"""Blocks of a transfer that are under way at a time: 16 MiB, which fills 1 Gbit/s over 130 ms (DECISIONS 34)."""
FIRST = 4
"""Blocks asked for at first; twice as many each time, so that a reader who stops early has not asked for megabytes."""
BULK = 1024 * 1024
"""Files above this are read over a channel of their own, so that small calls need not queue behind them."""
MAX_RESUMES = 3
"""Connections that may be lost one after the other without a single block getting through."""
GAP = 64 * 1024
"""Bytes between two ranges that are rather read than skipped."""


class Download:
    """An open file, from which pieces are read in the order they are asked for."""

    def __init__(self, core: Core, key: str, path: str) -> None:
        self._core = core
        self._key = key
        self._path = path
        self._attrs: Attrs | None = None
        self._channel: Channel | None = None
        self._handle: bytes | None = None
        self._window: deque[tuple[int, int, Reply]] = deque()
        self._resumes = 0
        self.size = 0

    async def open(self) -> None:
        """Open the file. Raises NotFound and InvalidPath."""
        await self._core.run(self._open)

    async def _open(self, connection: Connection) -> None:
        node = await self._core.places.find(connection, self._key, self._path)
        attrs = self._checked(node)
        channel = await connection.bulk() if (attrs.size or 0) > BULK else connection.main
        handle = await requests.opened(requests.open_file(channel, node.path, Flag.READ))
        self._attrs, self._channel, self._handle, self.size = attrs, channel, handle, attrs.size or 0
        channel.users += 1

    def _checked(self, node: Node) -> Attrs:
        attrs = node.attrs
        if attrs is None:
            raise missing(self._path, self._core.label)
        if attrs.is_folder:
            raise not_a_file(self._path, self._core.label)
        if not attrs.is_file:
            # Opening a pipe would block the server's whole process.
            raise InvalidPath(
                f"Not a file, but a device or pipe: {self._path}", path=self._path, backend=self._core.label
            )
        if self._attrs is not None and (attrs.size, attrs.modified) != (self._attrs.size, self._attrs.modified):
            raise Fault("Replaced", "its size or time is another since the connection was lost")
        return attrs

    def ask(self, start: int, stop: int) -> None:
        """Ask for the bytes of a range, which must not be longer than a block."""
        assert self._channel is not None
        assert self._handle is not None
        self._window.append((start, stop, requests.read(self._channel, self._handle, start, stop - start)))

    @property
    def block(self) -> int:
        """Bytes that can be asked for at a time."""
        assert self._channel is not None
        return self._channel.read_block

    @property
    def asked(self) -> int:
        """How many ranges have been asked for and not been taken."""
        return len(self._window)

    @property
    def arrived(self) -> bool:
        """Whether the next piece is here already."""
        return bool(self._window) and self._window[0][2].done

    async def take(self) -> tuple[int, bytes]:
        """Return the next piece with its offset; it is empty where the file ends before it.

        A piece that came short is asked for again from where it ended, as the protocol demands.
        """
        try:
            data = await self._answer()
        except Fault as fault:
            if fault.code != "EndOfFile":
                raise
            return self._window.popleft()[0], b""
        self._resumes = 0
        start, stop, _ = self._window.popleft()
        if not data:
            raise Fault("Garbled", "the server sent a block without bytes")
        if len(data) > stop - start:
            raise Fault("Garbled", "the server sent more bytes than were asked for")
        if start + len(data) < stop:
            self.ask(start + len(data), stop)
            self._window.rotate(1)
        return start, data

    async def _answer(self) -> bytes:
        """Return what the oldest request brings, over other connections if need be."""
        while True:
            try:
                return await self._window[0][2].data()
            except Fault as fault:
                await self._resume(fault)

    async def _resume(self, fault: Fault) -> None:
        """Go on over a new connection; raise the fault where that can't help, or has not helped too often."""
        allowed = max(int(fault.stale), min(MAX_RESUMES, self._core.config.policy.max_attempts - 1))
        self._resumes += 1
        if self._resumes > allowed or not (fault.stale or fault.code == "Stalled"):
            raise fault
        await self._core.run(self._again)

    async def _again(self, connection: Connection) -> None:
        """Open the file on a new connection and ask again for all that had not come."""
        self._forget()
        asked = [(start, stop) for start, stop, _ in self._window]
        await self._open(connection)
        self._window.clear()
        for start, stop in asked:
            self.ask(start, stop)

    def _forget(self) -> tuple[Channel | None, bytes | None]:
        channel, handle = self._channel, self._handle
        self._channel = self._handle = None
        if channel is not None and handle is not None:
            channel.users -= 1
        return channel, handle

    async def close(self) -> None:
        """Close the file. What has been asked for and not taken is lost."""
        channel, handle = self._forget()
        self._window.clear()
        if channel is not None and handle is not None and not channel.lost:
            requests.close(channel, handle)  # nothing hangs on the answer

    def drop(self) -> None:
        """Leave the file to be closed by the next call: a collector may not send."""
        channel, handle = self._forget()
        if channel is not None and handle is not None:
            channel.dropped.append(handle)


class Stream:
    """A file read forward, in batches that grow."""

    def __init__(self, download: Download) -> None:
        self._download = download
        self._next = 0
        self._depth = FIRST
        self._at = 0
        self._ended = False

    async def batch(self) -> list[bytes]:
        """Return the chunks that are here, one at least; none at the end."""
        download = self._download
        found: list[bytes] = []
        while not self._ended:
            self._ask()
            start, data = await download.take()
            if not data:
                self._ended = True
                if start < download.size:
                    raise Fault("EndOfFile", f"it has {start} bytes now and had {download.size}")
                break
            found.append(data)
            if not download.arrived:
                break
        self._depth = min(IN_FLIGHT, self._depth * 2)
        return found

    def _ask(self) -> None:
        """Keep the window full; one block past the known end shows where the file really ends."""
        download = self._download
        block = download.block
        while download.asked < self._depth and (self._next <= download.size or not download.asked):
            stop = self._next + block
            if self._next < download.size < stop:
                stop = download.size
            download.ask(self._next, stop)
            self._next = stop

    async def close(self) -> None:
        """Close the file."""
        await self._download.close()


async def _pull(download: Download, pieces: Iterator[Range], put: Callable[[int, bytes], None]) -> int:
    """Read ranges, many at a time, and return where the file ended, or the last offset read."""
    furthest = 0
    ended: int | None = None
    for start, stop in pieces:
        while download.asked >= IN_FLIGHT:
            furthest, ended = await _one(download, put, furthest, ended)
        if ended is not None:
            break
        download.ask(start, stop)
    while download.asked:
        furthest, ended = await _one(download, put, furthest, ended)
    return furthest


async def _one(
    download: Download, put: Callable[[int, bytes], None], furthest: int, ended: int | None
) -> tuple[int, int | None]:
    start, data = await download.take()
    if not data:
        return furthest, start if ended is None else min(ended, start)
    put(start, data)
    return max(furthest, start + len(data)), ended


async def read_bytes(core: Core, key: str, path: str) -> bytes:
    """Return all of a file."""
    download = Download(core, key, path)
    try:
        await download.open()
        stream = Stream(download)
        stream._depth = IN_FLIGHT
        found: list[bytes] = []
        while batch := await stream.batch():
            found += batch
        return found[0] if len(found) == 1 else b"".join(found)
    finally:
        await download.close()


async def read_into(core: Core, key: str, path: str, view: memoryview, offset: int) -> int:
    """Fill `view` with a file's bytes from `offset` on and return how many there were."""
    download = Download(core, key, path)
    try:
        await download.open()

        def put(start: int, data: bytes) -> None:
            view[start - offset : start - offset + len(data)] = data

        stop = min(offset + len(view), max(download.size, offset))
        if stop == offset:
            return 0
        end = await _pull(download, iter(split(offset, stop, download.block)), put)
        if end < stop:
            raise Fault("EndOfFile", f"it has {end} bytes now and had {download.size}")
        return stop - offset
    finally:
        await download.close()


async def read_ranges(core: Core, key: str, path: str, asked: list[Range]) -> list[bytes]:
    """Return the bytes of each range; near ones are read together."""
    download = Download(core, key, path)
    try:
        await download.open()
        size = download.size
        inside = [(min(start, size), min(stop, size)) for start, stop in asked]
        fetches = coalesce(inside, GAP, max(size, 1))
        bodies = [bytearray(fetch.stop - fetch.start) for fetch in fetches]
        pieces: list[Range] = []
        homes: dict[int, tuple[bytearray, int]] = {}
        for fetch, body in zip(fetches, bodies, strict=True):
            for start, stop in split(fetch.start, fetch.stop, download.block):
                pieces.append((start, stop))
                homes[start] = (body, fetch.start)
        starts = sorted(homes)

        def put(start: int, data: bytes) -> None:
            body, base = homes.get(start) or homes[_home(starts, start)]
            body[start - base : start - base + len(data)] = data

        end = await _pull(download, iter(pieces), put)
        if pieces and end < pieces[-1][1]:
            raise Fault("EndOfFile", f"it has {end} bytes now and had {size}")
        results = [b""] * len(asked)
        for fetch, body in zip(fetches, bodies, strict=True):
            view = memoryview(body)
            for index in fetch.serves:
                start, stop = inside[index]
                results[index] = bytes(view[start - fetch.start : stop - fetch.start])
        return results
    finally:
        await download.close()


def _home(starts: list[int], offset: int) -> int:
    """Return the start of the piece that an offset lies in: the rest of one that came short."""
    return starts[bisect_right(starts, offset) - 1]
