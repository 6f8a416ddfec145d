"""The body of an answer to a GET."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...._http.incoming import incoming
from ...._http.ranges import content_range
from ...._http.retrying import Fault
from ..clients import Connection
from ..errors import unexpected
from .answers import head_of
from .edge import faults_of

__all__ = ["Download"]


class Download:
    """The answer to a GET whose body has yet to be read."""

    def __init__(self, reply: Mapping[str, Any], connection: Connection) -> None:
        self._reply = reply
        self._connection = connection
        self._body = incoming(reply["Body"].raw_stream)
        self._closed = False
        self._left = int(reply.get("ContentLength", -1))
        self.length = self._left
        """Bytes that the body has."""
        self.start = 0
        """Offset of the body's first byte in the object."""
        self.head = head_of(reply, "GetObject", allow_missing=True)
        self.whole_size = self.length

    def check(self, start: int | None, stop: int | None) -> None:
        """Raise a fault unless this answers the question asked: an object, or the very range."""
        if self.head.etag is None:
            raise unexpected("the answer has no etag", "GetObject")
        if self.length < 0:
            raise unexpected("the answer does not tell its length", "GetObject")
        status = self._reply["ResponseMetadata"]["HTTPStatusCode"]
        if start is None:
            if status != 200:
                raise unexpected(f"status {status} for a whole object", "GetObject")
            return
        told = content_range(self._reply.get("ContentRange"))
        if status == 200:
            if start:
                raise unexpected("the whole object came instead of the range", "GetObject")
            return  # the reader takes what it wants of it
        if told is None or told[0] != start or told[1] - told[0] != self.length:
            raise unexpected(f"another range came than was asked for: {self._reply.get('ContentRange')!r}", "GetObject")
        if told[1] != (told[2] if stop is None else min(stop, told[2])):
            raise unexpected(f"another range came than was asked for: {self._reply.get('ContentRange')!r}", "GetObject")
        self.start, self.whole_size = told[0], told[2]

    async def next(self) -> bytes:
        """Return the next bytes, empty at the end; a body shorter or longer than promised is a fault."""
        with faults_of("GetObject"):
            chunk = await self._body.next(self._left)
        self._count(len(chunk))
        return chunk

    async def receive(self, view: memoryview) -> int:
        """Put the body's next bytes into `view` and return how many, at least one; a shorter body is a fault."""
        with faults_of("GetObject"):
            size = await self._body.receive(view, self._left)
        self._count(size)
        return size

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0 or (not size and self._left > 0):
            raise Fault("Unreachable", f"the body ended {self._left} bytes early", verb="GetObject", may_retry=True)

    async def aclose(self) -> None:
        """Give the connection back, or drop it if the body has not been read to its end."""
        if not self._closed:
            self._closed = True
            await self._body.aclose(ended=self._left == 0)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be read."""
        return self._closed

    def drop(self) -> None:
        """Leave the closing to the connection's next user: for collectors, which can't wait."""
        if not self._closed:
            self._connection.dropped.append(self)
