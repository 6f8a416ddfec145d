"""Requests for multipart uploads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...._core.condition import ALWAYS, Condition
from ...._http.ranges import range_header
from ...._http.retrying import Fault
from ..bodies import body_of
from ..checksums import Sum, to_header
from ..errors import unexpected
from ..precondition import quoted, write_condition
from .answers import Put, Upload, check_done, date_of, etag_of, put_of
from .edge import Edge

__all__ = ["UploadRequests"]


class UploadRequests(Edge):
    """Multipart uploads, from their creation to their end."""

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
            return etag_of(reply, "UploadPart")

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
            return etag_of(reply.get("CopyPartResult") or {}, "UploadPartCopy")

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
            return put_of({**reply, "LastModified": date_of(reply)}, "CompleteMultipartUpload")

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Give a multipart upload up; its parts are deleted."""
        client = await self._client()
        async with self._edge("AbortMultipartUpload"):
            reply = await client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
            check_done(reply, "AbortMultipartUpload")

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
            found = [
                Upload(entry["Key"], entry["UploadId"], entry.get("Initiated")) for entry in reply.get("Uploads", ())
            ]
            following: dict[str, str] = {}
            if reply["IsTruncated"]:
                following = {"KeyMarker": reply.get("NextKeyMarker", "")}
                if reply.get("NextUploadIdMarker"):
                    following["UploadIdMarker"] = reply["NextUploadIdMarker"]
                if following == marker:
                    raise unexpected("the list of uploads goes round in a circle", "ListMultipartUploads")
            return found, following
