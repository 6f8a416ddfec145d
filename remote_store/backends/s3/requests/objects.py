"""Requests for objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...._core.condition import ALWAYS, Condition
from ...._http.ranges import range_header
from ...._http.retrying import Fault
from ..bodies import body_of
from ..checksums import Sum, to_header
from ..errors import REFUSED, unexpected
from ..precondition import quoted, write_condition
from .answers import Head, Put, check_done, date_of, head_of, put_of
from .download import Download
from .edge import Edge, faults_of

__all__ = ["ObjectRequests"]


class ObjectRequests(Edge):
    """Objects, one by one and many at once."""

    async def head(self, key: str, *, version_id: str | None = None) -> Head:
        """HEAD an object."""
        client = await self._client()
        async with self._edge("HeadObject"):
            options = {"VersionId": version_id} if version_id else {}
            reply = await client.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED", **options)
            return head_of(reply, "HeadObject")

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
        try:
            async with self._edge("GetObject"):
                reply = await connection.client.get_object(Bucket=self.bucket, Key=key, **options)
        except Fault as fault:
            if if_match is None and fault.code in REFUSED:
                raise unexpected(f"{fault.text}, without a condition", "GetObject") from fault
            raise
        download = Download(reply, connection)
        try:
            with faults_of("GetObject"):
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
            return put_of({**reply, "LastModified": date_of(reply)}, "PutObject")

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
            return put_of({**result, "VersionId": reply.get("VersionId")}, "CopyObject")

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """DELETE an object; without a condition it is no error if it is missing."""
        client = await self._client()
        options = {"IfMatch": quoted(if_match)} if if_match else {}
        async with self._edge("DeleteObject"):
            check_done(await client.delete_object(Bucket=self.bucket, Key=key, **options), "DeleteObject")

    async def delete_many(self, keys: Sequence[str]) -> list[tuple[str, str, str]]:
        """Delete up to 1,000 objects; return (key, code, message) of those that were not."""
        client = await self._client()
        async with self._edge("DeleteObjects"):
            reply = await client.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
            check_done(reply, "DeleteObjects", document=True)
            return [
                (entry.get("Key", ""), entry.get("Code", ""), entry.get("Message", ""))
                for entry in reply.get("Errors", ())
            ]

    async def presign(self, key: str, method: str, expires: int) -> str:
        """Return a signed URL; nothing is sent."""
        client = await self._client()
        verb = {"GET": "get_object", "PUT": "put_object"}[method]
        with faults_of("Presign"):
            url = await client.generate_presigned_url(
                verb, Params={"Bucket": self.bucket, "Key": key}, ExpiresIn=expires
            )
            return str(url)
