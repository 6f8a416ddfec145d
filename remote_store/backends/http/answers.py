"""What an answer tells of a file, and its body, checked against what was asked for.

A file's version is pinned by its strong etag, else by Last-Modified, else by its size alone (``"size:123"``): a
stream that is cut goes on only where one of the first two is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anyio

from ..._core.models import UNKNOWN_TIME
from ..._http.ranges import content_range
from ..._http.retrying import Fault
from .errors import unexpected
from .transports import Reply

__all__ = ["Download", "Head", "head_of"]


@dataclass(frozen=True, slots=True)
class Head:
    """What the headers tell. `size` is in bytes, None where it is not told; `etag` is as it came."""

    size: int | None
    etag: str | None
    modified: datetime
    content_type: str | None
    headers: Mapping[str, str]


def head_of(headers: Mapping[str, str]) -> Head:
    """Return what headers tell; a value that can't be read counts as absent."""
    told = content_range(headers.get("content-range"))
    size = told[2] if told is not None else _number(headers.get("content-length"))
    modified = _moment(headers.get("last-modified"))
    return Head(size, headers.get("etag") or None, modified, headers.get("content-type"), headers)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 20 else None


def _moment(text: str | None) -> datetime:
    try:
        found = parsedate_to_datetime(text or "")
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return UNKNOWN_TIME


@dataclass(frozen=True, slots=True)
class Pinned:
    """What reading is told: the version as `etag`, and that there is no checksum."""

    etag: str | None
    checksum: None = None


class Download:
    """The answer to a GET whose body has yet to be read.

    `length` is the bytes of the body that are wanted, -1 where the server does not tell; `whole_size` those of the
    whole file.
    """

    def __init__(self, reply: Reply, dropped: list[Reply]) -> None:
        self._reply: Reply | None = reply
        self._dropped = dropped
        self._over = b""
        self.info = head_of(reply.headers)
        self._encoded = reply.headers.get("content-encoding", "identity").lower() not in ("identity", "")
        self._status = reply.status
        self.length = -1 if self.info.size is None else self.info.size
        self.whole_size = self.length
        self._left = self.length
        self.head = Pinned(self._pin())

    def _pin(self) -> str | None:
        etag = self.info.etag
        if etag is not None and etag.startswith('"'):
            return etag
        if self.info.modified != UNKNOWN_TIME:
            return self.info.headers["last-modified"]
        return None if self.whole_size < 0 else f"size:{self.whole_size}"

    async def check(self, start: int | None, stop: int | None, pin: str | None) -> None:
        """Raise a fault unless this answers what was asked: the file, or the very range, of the version pinned."""
        if start is None:
            if self._status != 200:
                raise unexpected(f"status {self._status} for a whole file", "GET")
            return
        if pin is not None and self.head.etag != pin:
            raise Fault("Changed", "another version came", verb="GET")
        if self._status == 206:
            self._check_range(start, stop)
        else:
            await self._cut(start, stop)

    def _check_range(self, start: int, stop: int | None) -> None:
        text = self.info.headers.get("content-range")
        told = content_range(text)
        if told is None or told[0] != start or told[1] != (told[2] if stop is None else min(stop, told[2])):
            raise unexpected(f"another range came than was asked for: {text!r}", "GET")
        size = told[1] - told[0]
        length = _number(self.info.headers.get("content-length"))
        if length is not None and length != size:
            raise unexpected(f"{length} bytes came for the range {text!r}", "GET")
        self.length = self._left = size
        self.whole_size = told[2]

    async def _cut(self, start: int, stop: int | None) -> None:
        """Take the range out of the whole file, which the server sent instead."""
        if self._encoded or self.whole_size < 0:
            raise unexpected("the whole file came instead of the range, and its size is not told", "GET")
        if start >= self.whole_size:
            raise Fault("InvalidRange", "the range begins past the end", status=416, verb="GET")
        end = self.whole_size if stop is None else min(stop, self.whole_size)
        skipped = 0
        while skipped < start:
            skipped += len(await self.take(start - skipped))
        self.length = self._left = end - start
        self._over = self._over[: self._left]

    @property
    def closed(self) -> bool:
        """Whether nothing more can be read."""
        return self._reply is None

    async def take(self, limit: int) -> bytes:
        """Return the next bytes, at most `limit`; what is over stays for the next call."""
        chunk = self._over or await self._fetched()
        self._over = chunk[limit:]
        chunk = chunk[:limit]
        if self._left > 0:
            self._left -= len(chunk)
        return chunk

    async def receive(self, view: memoryview) -> int:
        """Put the next bytes into `view` and return how many, at least one."""
        chunk = await self.take(len(view))
        if not chunk:
            raise Fault("Body", "the body ended too early", verb="GET", may_retry=True)
        view[: len(chunk)] = chunk
        return len(chunk)

    async def next(self) -> bytes:
        """Return the next bytes, empty at the end; a body that is shorter than promised is a fault."""
        if self._left == 0:
            return b""
        return await self.take(self._left if self._left > 0 else len(self._over) or 1 << 30)

    async def _fetched(self) -> bytes:
        if self._reply is None:
            return b""
        chunk = await self._reply.next()
        if not chunk and self._left > 0:
            raise Fault("Body", f"the body ended {self._left} bytes too early", verb="GET", may_retry=True)
        return chunk

    async def aclose(self) -> None:
        """Give the connection back, or drop it where bytes are left."""
        reply, self._reply = self._reply, None
        if reply is not None:
            with anyio.CancelScope(shield=True):
                await reply.aclose(ended=self._left == 0 and not self._over)

    def drop(self) -> None:
        """Leave the closing to the connection's next user: for collectors, which can't wait."""
        reply, self._reply = self._reply, None
        if reply is not None:
            self._dropped.append(reply)
