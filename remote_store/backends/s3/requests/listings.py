"""Requests for listings, and for the bucket itself."""

from __future__ import annotations

from typing import Any

from ..errors import unexpected
from .answers import Page
from .edge import Edge

__all__ = ["ListingRequests"]


class ListingRequests(Edge):
    """Keys, a page at a time."""

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
            # A key that comes twice on a page would be counted twice (RELIABILITY 21).
            objects = {entry["Key"]: entry for entry in reply.get("Contents", ())}
            return Page(list(objects.values()), prefixes, following)

    async def head_bucket(self) -> None:
        """Ask whether the bucket can be used."""
        client = await self._client()
        async with self._edge("HeadBucket"):
            await client.head_bucket(Bucket=self.bucket)
