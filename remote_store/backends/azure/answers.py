"""What answers tell of a blob, and the body of one that is being read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anyio

from ..._http.ranges import content_range
from ..._http.retrying import Fault
from .errors import fault_of, unexpected
from .metadata import FOLDER, PREFIX, from_headers
from .precondition import plain_etag
from .sending import Reply

__all__ = ["Download", "Head", "Put", "head_of", "moment_of", "put_of"]


@dataclass(frozen=True, slots=True)
class Head:
    """What HEAD and GET tell of a blob."""

    size: int
    etag: str | None
    modified: datetime | None
    content_type: str | None
    metadata: dict[str, str]
    write_id: str | None
    version_id: str | None
    checksum: bytes | None
    """The MD5 that the service keeps for the whole, None for none."""
    headers: Mapping[str, str]

    @property
    def is_folder(self) -> bool:
        """Whether this is a directory, or the blob by which Hadoop marks one."""
        return self.headers.get(f"{PREFIX}{FOLDER}", "").lower() == "true"


@dataclass(frozen=True, slots=True)
class Put:
    """What a write's answer tells."""

    etag: str | None
    version_id: str | None
    checksum: bytes | None
    modified: datetime | None


def head_of(headers: Mapping[str, str], verb: str, *, whole: bool = True) -> Head:
    """Return what an answer's headers tell; a fault for one that has no etag. `whole`: its MD5 is the whole blob's."""
    etag = plain_etag(headers.get("etag"))
    if etag is None or "x-ms-request-id" not in headers:
        raise unexpected("the answer has no etag or no request id", verb)
    length = headers.get("content-length", "")
    if not length.isdecimal():
        raise unexpected("the answer does not tell its length", verb)
    metadata, write_id = from_headers(headers)
    kept = headers.get("content-md5") if whole else headers.get("x-ms-blob-content-md5")
    return Head(
        size=int(length),
        etag=etag,
        modified=moment_of(headers.get("last-modified")),
        content_type=headers.get("content-type"),
        metadata=metadata,
        write_id=write_id,
        version_id=headers.get("x-ms-version-id"),
        checksum=_md5(kept),
        headers=headers,
    )


def put_of(headers: Mapping[str, str], verb: str) -> Put:
    """Return what a write's answer tells; a fault, of what may have been done, for one without an etag."""
    etag = plain_etag(headers.get("etag"))
    if etag is None:
        raise unexpected("the answer has no etag", verb, maybe_done=True)
    modified = moment_of(headers.get("last-modified"))
    return Put(etag, headers.get("x-ms-version-id"), _md5(headers.get("content-md5")), modified)


def moment_of(text: str | None) -> datetime | None:
    """Return the time in a header or a listing, in UTC; None for what is none."""
    try:
        found = parsedate_to_datetime(text or "")
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _md5(text: str | None) -> bytes | None:
    try:
        raw = base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 16 else None


class Download:
    """The answer to a GET whose body has yet to be read."""

    def __init__(self, reply: Reply) -> None:
        self._reply: Reply | None = reply
        self._status = reply.status
        self._told = reply.headers.get("content-range")
        length = reply.headers.get("content-length", "")
        self.length = int(length) if length.isdecimal() else -1
        self._left = self.length
        self.whole_size = self.length
        self._headers = reply.headers
        self.head: Head = Head(0, None, None, None, {}, None, None, None, {})

    def check(self, start: int | None, stop: int | None) -> None:
        """Raise a fault unless this answers the question asked: a blob, or the very range."""
        self.head = head_of(self._headers, "GetBlob", whole=self._status == 200)
        if self.head.is_folder:
            raise Fault("IsFolder", "a directory", status=self._status, verb="GetBlob")
        if start is None:
            if self._status != 200:
                raise unexpected(f"status {self._status} for a whole blob", "GetBlob")
            return
        if self._status == 200:
            if start:
                raise unexpected("the whole blob came instead of the range", "GetBlob")
            return  # the reader takes what it wants of it
        if self.length == 0 and self._told == f"bytes {start}-{start - 1}/{start}":
            # Azurite's answer to a range that begins at the end; the service says 416.
            raise Fault("InvalidRange", "the range begins past the end", status=416, verb="GetBlob")
        told = content_range(self._told)
        if told is None or told[0] != start or told[1] - told[0] != self.length:
            raise unexpected(f"another range came than was asked for: {self._told!r}", "GetBlob")
        if told[1] != (told[2] if stop is None else min(stop, told[2])):
            raise unexpected(f"another range came than was asked for: {self._told!r}", "GetBlob")
        self.whole_size = told[2]

    async def next(self) -> bytes:
        """Return the next bytes, empty at the end; a body shorter or longer than promised is a fault."""
        assert self._reply is not None
        try:
            chunk = await self._reply.incoming.next(self._left)
        except Exception as error:
            raise fault_of(error, "GetBlob") from error
        self._count(len(chunk))
        return chunk

    async def receive(self, view: memoryview) -> int:
        """Put the body's next bytes into `view` and return how many, at least one; a shorter body is a fault."""
        assert self._reply is not None
        try:
            size = await self._reply.incoming.receive(view, self._left)
        except Exception as error:
            raise fault_of(error, "GetBlob") from error
        self._count(size)
        return size

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0 or (not size and self._left > 0):
            raise Fault("Unreachable", f"the body ended {self._left} bytes early", verb="GetBlob", may_retry=True)

    async def aclose(self) -> None:
        """Give the connection back, or drop it if the body has not been read to its end."""
        reply, self._reply = self._reply, None
        if reply is not None:
            with anyio.CancelScope(shield=True):
                await reply.incoming.aclose(ended=self._left == 0)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be read."""
        return self._reply is None

    def drop(self) -> None:
        """Leave the closing to the connection's next user: for collectors, which can't wait."""
        if self._reply is not None:
            self._reply.connection.dropped.append(self._reply.incoming)
