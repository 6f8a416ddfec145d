"""The body of an answer to a GET."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ...._http.quiet import Born, Watched, close_all
from ...._http.ranges import content_range
from ...._http.retrying import Fault
from ..clients import Connection
from ..errors import fault_of, unexpected
from .answers import head_of

__all__ = ["Download"]

log = logging.getLogger("remote_store.s3")


class Download:
    """The answer to a GET whose body has yet to be read."""

    def __init__(self, reply: Mapping[str, Any], connection: Connection) -> None:
        self._reply = reply
        self._connection = connection
        self._raw: Any = reply["Body"].raw_stream
        self._chunks: Any = None
        self._over = b""
        self._born: Born = []
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

    async def take(self, limit: int) -> bytes:
        """Return the next bytes, at most `limit`; what is over stays for the next call."""
        chunk = self._over or await self.next()
        self._over = chunk[limit:]
        return chunk[:limit] if self._over else chunk

    async def next(self) -> bytes:
        """Return the next bytes, empty at the end; a body shorter or longer than promised is a fault."""
        try:
            chunk = await self._pull()
        except Exception as error:
            raise fault_of(error, "GetObject") from error
        self._left -= len(chunk)
        if self._left < 0 or (not chunk and self._left > 0):
            raise Fault("Unreachable", f"the body ended {self._left} bytes early", verb="GetObject", may_retry=True)
        return chunk

    async def _pull(self) -> bytes:
        if hasattr(self._raw, "aiter_raw"):
            return await Watched(self._pull_httpx(), self._born)
        return bytes(await self._raw.content.readany())

    async def _pull_httpx(self) -> bytes:
        if self._chunks is None:
            self._chunks = self._raw.aiter_raw()
        async for chunk in self._chunks:
            if chunk:
                return bytes(chunk)
        return b""

    @property
    def ended(self) -> bool:
        """Whether every byte of the body has been read."""
        return self._left == 0

    async def aclose(self) -> None:
        """Give the connection back, or drop it if the body has not been read to its end."""
        raw, self._raw = self._raw, None
        if raw is None:
            return
        if not hasattr(raw, "aiter_raw"):
            # A body read to its end has given its connection back by itself.
            if self._left > 0:
                raw.close()
            else:
                raw.release()
            return
        if self._chunks is not None:
            if self._left == 0:
                await Watched(self._finish(), self._born)
            await close_all(self._born)
        await raw.aclose()

    async def _finish(self) -> None:
        """Read the end of a body whose bytes are all here, or httpx would close its connection."""
        try:
            async for _ in self._chunks:
                pass
        except Exception as error:  # noqa: BLE001  # the bytes are here; the connection is the pool's business
            log.debug("the end of a body raised %r", error)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be read."""
        return self._raw is None

    def drop(self) -> None:
        """Leave the closing to the connection's next user: for collectors, which can't wait."""
        if self._raw is not None:
            self._connection.dropped.append(self)
