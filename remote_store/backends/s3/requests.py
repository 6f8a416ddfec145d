"""The wire verbs that the backend needs, one function each: the seam where the transport can be replaced.

Every function sends one request, counts it, and raises Fault for whatever goes wrong. Nothing here retries.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import anyio

from ..._core.condition import ALWAYS, Condition
from ..._http.quiet import Born, Watched, close_all
from ..._http.ranges import content_range, range_header
from ..._http.retrying import Fault
from .bodies import body_of
from .checksums import Sum, from_header, to_header
from .clients import Clients, Connection
from .errors import fault_of, unexpected
from .metadata import WRITE_ID, from_headers
from .precondition import plain_etag, quoted, write_condition

log = logging.getLogger("remote_store.s3")

__all__ = ["Download", "Head", "Page", "Put", "Upload", "Wire"]


@dataclass(frozen=True, slots=True)
class Head:
    """What HEAD and GET tell of an object."""

    size: int
    etag: str | None
    modified: datetime | None
    content_type: str | None
    metadata: dict[str, str]
    write_id: str | None
    version_id: str | None
    checksum: Sum | None


@dataclass(frozen=True, slots=True)
class Put:
    """What a write's answer tells."""

    etag: str | None
    version_id: str | None
    checksum: Sum | None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing: objects as the service told them, prefixes, and where to go on."""

    objects: Sequence[Mapping[str, Any]]
    prefixes: Sequence[str]
    token: str | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    upload_id: str
    started: datetime


class Wire:
    """The verbs, for one bucket."""

    def __init__(self, bucket: str, clients: Clients) -> None:
        self.bucket = bucket
        self.clients = clients
        self.sent: Counter[str] = Counter()
        """Requests by verb since the backend was made."""

    # Objects

    async def head(self, key: str, *, version_id: str | None = None) -> Head:
        """HEAD an object."""
        client = await self._client()
        async with self._edge("HeadObject"):
            options = {"VersionId": version_id} if version_id else {}
            reply = await client.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED", **options)
            return _head(reply, "HeadObject")

    async def get(
        self,
        key: str,
        *,
        start: int | None = None,
        stop: int | None = None,
        if_match: str | None = None,
        version_id: str | None = None,
    ) -> Download:
        """GET an object, or a half-open range of it; `stop` None means to its end."""
        options: dict[str, Any] = {}
        if start is not None:
            options["Range"] = range_header(start, stop)
        else:
            options["ChecksumMode"] = "ENABLED"
        if if_match is not None:
            options["IfMatch"] = quoted(if_match)
        if version_id is not None:
            options["VersionId"] = version_id
        connection = await self._connection()
        async with self._edge("GetObject"):
            reply = await connection.client.get_object(Bucket=self.bucket, Key=key, **options)
        download = Download(reply, connection)
        try:
            with _translated("GetObject"):
                download.check(start, stop)
        except Fault:
            await download.aclose()
            raise
        return download

    async def put(
        self,
        key: str,
        buffers: Sequence[memoryview],
        size: int,
        *,
        condition: Condition = ALWAYS,
        checksum: Sum | None = None,
        headers: Mapping[str, Any] | None = None,
    ) -> Put:
        """PUT an object."""
        client = await self._client()
        options: dict[str, Any] = {**(headers or {}), **write_condition(condition)}
        if checksum is not None:
            options["ChecksumCRC64NVME"] = to_header(checksum)
        async with self._edge("PutObject"):
            reply = await client.put_object(Bucket=self.bucket, Key=key, Body=body_of(buffers, size), **options)
            return _put({**reply, "LastModified": _date(reply)}, "PutObject")

    async def copy(
        self,
        source: str,
        target: str,
        *,
        condition: Condition = ALWAYS,
        source_etag: str | None = None,
    ) -> Put:
        """Copy an object inside the service, with its metadata."""
        client = await self._client()
        options: dict[str, Any] = dict(write_condition(condition))
        if source_etag is not None:
            options["CopySourceIfMatch"] = quoted(source_etag)
        async with self._edge("CopyObject"):
            reply = await client.copy_object(
                Bucket=self.bucket, Key=target, CopySource={"Bucket": self.bucket, "Key": source}, **options
            )
            result = reply.get("CopyObjectResult") or {}
            return _put({**result, "VersionId": reply.get("VersionId")}, "CopyObject")

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """DELETE an object; without a condition it is no error if it is missing."""
        client = await self._client()
        options = {"IfMatch": quoted(if_match)} if if_match else {}
        async with self._edge("DeleteObject"):
            await client.delete_object(Bucket=self.bucket, Key=key, **options)

    async def delete_many(self, keys: Sequence[str]) -> list[tuple[str, str, str]]:
        """Delete up to 1,000 objects; return (key, code, message) of those that were not."""
        client = await self._client()
        async with self._edge("DeleteObjects"):
            reply = await client.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
            return [
                (entry.get("Key", ""), entry.get("Code", ""), entry.get("Message", ""))
                for entry in reply.get("Errors", ())
            ]

    # Listings

    async def list_page(
        self,
        prefix: str,
        *,
        delimiter: str = "",
        token: str | None = None,
        start_after: str | None = None,
        limit: int | None = None,
    ) -> Page:
        """Fetch a page of keys that start with `prefix`."""
        client = await self._client()
        options: dict[str, Any] = {"Delimiter": delimiter} if delimiter else {}
        if token is not None:
            options["ContinuationToken"] = token
        elif start_after is not None:
            options["StartAfter"] = start_after
        if limit is not None:
            options["MaxKeys"] = limit
        async with self._edge("ListObjectsV2"):
            reply = await client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **options)
            if "IsTruncated" not in reply:
                raise unexpected("the answer is no listing", "ListObjectsV2")
            following = reply.get("NextContinuationToken") if reply["IsTruncated"] else None
            if reply["IsTruncated"] and not following:
                raise unexpected("the listing goes on, and does not say where", "ListObjectsV2")
            prefixes = [entry["Prefix"] for entry in reply.get("CommonPrefixes", ())]
            return Page(reply.get("Contents", ()), prefixes, following)

    async def head_bucket(self) -> None:
        """Ask whether the bucket can be used."""
        client = await self._client()
        async with self._edge("HeadBucket"):
            await client.head_bucket(Bucket=self.bucket)

    # Multipart uploads

    async def create_upload(self, key: str, *, full_checksum: bool, headers: Mapping[str, Any]) -> str:
        """Begin a multipart upload and return its id."""
        client = await self._client()
        options = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"} if full_checksum else {}
        async with self._edge("CreateMultipartUpload"):
            reply = await client.create_multipart_upload(Bucket=self.bucket, Key=key, **headers, **options)
            upload_id = reply.get("UploadId")
            if not upload_id:
                raise unexpected("the answer has no upload id", "CreateMultipartUpload", maybe_done=True)
            return str(upload_id)

    async def put_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        buffers: Sequence[memoryview],
        size: int,
        *,
        checksum: Sum | None = None,
    ) -> str:
        """Send a part and return its etag as the service wants it back."""
        client = await self._client()
        options = {"ChecksumCRC64NVME": to_header(checksum)} if checksum is not None else {}
        async with self._edge("UploadPart"):
            reply = await client.upload_part(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=body_of(buffers, size),
                **options,
            )
            return _etag(reply, "UploadPart")

    async def copy_part(
        self, source: str, source_etag: str | None, key: str, upload_id: str, number: int, start: int, stop: int
    ) -> str:
        """Copy a range of an object as a part and return the part's etag."""
        client = await self._client()
        options = {"CopySourceIfMatch": quoted(source_etag)} if source_etag else {}
        async with self._edge("UploadPartCopy"):
            reply = await client.upload_part_copy(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                CopySource={"Bucket": self.bucket, "Key": source},
                CopySourceRange=range_header(start, stop),
                **options,
            )
            return _etag(reply.get("CopyPartResult") or {}, "UploadPartCopy")

    async def complete_upload(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[tuple[int, str, Sum | None]],
        *,
        condition: Condition = ALWAYS,
        checksum: Sum | None = None,
    ) -> Put:
        """Make the object of its parts: (number, etag, checksum) each."""
        client = await self._client()
        options: dict[str, Any] = dict(write_condition(condition))
        if checksum is not None:
            options |= {"ChecksumCRC64NVME": to_header(checksum), "ChecksumType": "FULL_OBJECT"}
        listed = [
            {"PartNumber": number, "ETag": etag}
            | ({"ChecksumCRC64NVME": to_header(part)} if part is not None and checksum is not None else {})
            for number, etag, part in parts
        ]
        async with self._edge("CompleteMultipartUpload"):
            reply = await client.complete_multipart_upload(
                Bucket=self.bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}, **options
            )
            return _put({**reply, "LastModified": _date(reply)}, "CompleteMultipartUpload")

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Give a multipart upload up; its parts are deleted."""
        client = await self._client()
        async with self._edge("AbortMultipartUpload"):
            await client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)

    async def has_parts(self, key: str, upload_id: str) -> bool:
        """Return whether the upload still exists, which means that it is not completed."""
        client = await self._client()
        try:
            async with self._edge("ListParts"):
                await client.list_parts(Bucket=self.bucket, Key=key, UploadId=upload_id, MaxParts=1)
        except Fault as fault:
            if fault.code in ("NoSuchUpload", "404"):
                return False
            raise
        return True

    async def uploads_page(self, prefix: str, marker: Mapping[str, str]) -> tuple[list[Upload], dict[str, str]]:
        """Fetch a page of the uploads whose key starts with `prefix`, and the next page's marker, empty at the end."""
        client = await self._client()
        async with self._edge("ListMultipartUploads"):
            reply = await client.list_multipart_uploads(Bucket=self.bucket, Prefix=prefix, **marker)
            if "IsTruncated" not in reply:
                raise unexpected("the answer is no list of uploads", "ListMultipartUploads")
            found = [Upload(entry["Key"], entry["UploadId"], entry["Initiated"]) for entry in reply.get("Uploads", ())]
            following: dict[str, str] = {}
            if reply["IsTruncated"]:
                following = {"KeyMarker": reply.get("NextKeyMarker", "")}
                if reply.get("NextUploadIdMarker"):
                    following["UploadIdMarker"] = reply["NextUploadIdMarker"]
                if following == marker:
                    raise unexpected("the list of uploads goes round in a circle", "ListMultipartUploads")
            return found, following

    # Signing

    async def presign(self, key: str, method: str, expires: int) -> str:
        """Return a signed URL; nothing is sent."""
        client = await self._client()
        verb = {"GET": "get_object", "PUT": "put_object"}[method]
        with _translated("Presign"):
            url = await client.generate_presigned_url(
                verb, Params={"Bucket": self.bucket, "Key": key}, ExpiresIn=expires
            )
            return str(url)

    async def _connection(self) -> Connection:
        return await self.clients.get()

    async def _client(self) -> Any:
        return (await self.clients.get()).client

    @asynccontextmanager
    async def _edge(self, verb: str) -> AsyncIterator[None]:
        """Count a request, wait for its turn, and raise a fault for whatever the SDK raises in the block."""
        slots = (await self.clients.get()).slots
        try:
            slots.acquire_nowait()  # without a turn of the loop, which costs a tenth of a small request
        except anyio.WouldBlock:
            await slots.acquire()
        try:
            self.sent[verb] += 1
            yield
        except Exception as error:
            raise fault_of(error, verb) from error
        finally:
            slots.release()


@contextmanager
def _translated(verb: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise fault_of(error, verb) from error


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
        self.head = _head(reply, "GetObject", allow_missing=True)
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


def _head(reply: Mapping[str, Any], verb: str, *, allow_missing: bool = False) -> Head:
    stored = reply.get("Metadata") or {}
    etag = plain_etag(reply.get("ETag"))
    if etag is None and not allow_missing:
        raise unexpected("the answer has no etag", verb)
    return Head(
        size=int(reply.get("ContentLength", 0)),
        etag=etag,
        modified=_utc(reply.get("LastModified")),
        content_type=reply.get("ContentType"),
        metadata=from_headers(stored),
        write_id=stored.get(WRITE_ID),
        version_id=_version(reply),
        checksum=from_header(reply.get("ChecksumCRC64NVME")),
    )


def _put(reply: Mapping[str, Any], verb: str) -> Put:
    etag = plain_etag(_etag(reply, verb))
    return Put(etag, _version(reply), from_header(reply.get("ChecksumCRC64NVME")), _utc(reply.get("LastModified")))


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _etag(reply: Mapping[str, Any], verb: str) -> str:
    if not reply.get("ETag"):
        raise unexpected("the answer has no etag", verb, maybe_done=True)
    return str(reply["ETag"])


def _date(reply: Mapping[str, Any]) -> datetime | None:
    """Return the answer's own time: a write is not told its object's, and a second request would be dear."""
    try:
        return parsedate_to_datetime(reply["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
    except (KeyError, ValueError):
        return None


def _version(reply: Mapping[str, Any]) -> str | None:
    version = reply.get("VersionId")
    return str(version) if version and version != "null" else None
