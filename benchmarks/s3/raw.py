"""aiobotocore by hand, with the same checksum and bodies sent well: what our layers cost is measured against it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from remote_store.backends.s3.bodies import body_of
from remote_store.backends.s3.checksums import sum_of, to_header

from .contender import PART, Calls, Contender, Target


@asynccontextmanager
async def by_hand(target: Target) -> AsyncIterator[Calls]:
    """An aiobotocore client."""
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    config = AioConfig(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        signature_version="s3v4",
        max_pool_connections=64,
        s3={"addressing_style": "path"},
    )
    async with get_session().create_client(
        "s3",
        endpoint_url=target.endpoint,
        aws_access_key_id=target.key,
        aws_secret_access_key=target.secret,
        region_name="us-east-1",
        config=config,
    ) as client:
        yield _Hand(client, target.bucket).calls()


class _Hand:
    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def calls(self) -> Calls:
        return Calls(self._put, self._get, self._exists, self._listed, self._put_large, self._get_large)

    async def _put(self, key: str, data: bytes) -> None:
        await self._client.put_object(
            Bucket=self._bucket, Key=key, Body=data, ChecksumCRC64NVME=to_header(sum_of((data,)))
        )

    async def _get(self, key: str, **options: Any) -> int:
        return len(await self._body(key, **options))

    async def _body(self, key: str, **options: Any) -> bytes:
        reply = await self._client.get_object(Bucket=self._bucket, Key=key, **options)
        return b"".join([chunk async for chunk in reply["Body"].raw_stream.content.iter_any()])

    async def _exists(self, key: str) -> None:
        await self._client.head_object(Bucket=self._bucket, Key=key)

    async def _listed(self, prefix: str) -> int:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return sum([len(page.get("Contents", ())) async for page in pages])

    async def _put_large(self, key: str, data: bytes, ways: int) -> None:
        upload = await self._client.create_multipart_upload(
            Bucket=self._bucket, Key=key, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
        )
        where = {"Bucket": self._bucket, "Key": key, "UploadId": upload["UploadId"]}
        slots = asyncio.Semaphore(ways)

        async def part(number: int) -> dict[str, Any]:
            view = memoryview(data)[(number - 1) * PART : number * PART]
            async with slots:
                told = to_header(sum_of((view,)))
                body = body_of([view], len(view))
                reply = await self._client.upload_part(**where, PartNumber=number, Body=body, ChecksumCRC64NVME=told)
            return {"PartNumber": number, "ETag": reply["ETag"]}

        parts = await asyncio.gather(*[part(number) for number in range(1, -(-len(data) // PART) + 1)])
        await self._client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})

    async def _get_large(self, key: str, size: int, ways: int) -> int:
        if ways == 1:
            return await self._get(key)
        slots = asyncio.Semaphore(ways)

        async def piece(start: int) -> bytes:
            async with slots:
                return await self._body(key, Range=f"bytes={start}-{min(start + PART, size) - 1}")

        return len(b"".join(await asyncio.gather(*[piece(start) for start in range(0, size, PART)])))


CONTENDERS = [Contender("aiobotocore", "asyncio", "aiobotocore", by_hand)]
