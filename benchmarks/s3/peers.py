"""The peers, each told the same part size and concurrency, with what it calls by default for checksums and retries."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from .contender import PART, Calls, Contender, Pieces, Target, async_pieces, blocking_pieces

REGION = "us-east-1"


async def _in_ranges(fetch: Callable[[int, int], Awaitable[Any]], size: int, ways: int) -> int:
    """Fetch a file in ranges for a library that leaves that to its caller; return the bytes."""
    slots = asyncio.Semaphore(ways)

    async def piece(start: int) -> int:
        async with slots:
            return len(await fetch(start, min(start + PART, size)))

    return sum(await asyncio.gather(*[piece(start) for start in range(0, size, PART)]))


@asynccontextmanager
async def obstore(target: Target) -> AsyncIterator[Calls]:
    """obstore, whose engine is Rust's object_store."""
    import obstore as library
    from obstore.store import S3Store

    store = S3Store(
        target.bucket,
        endpoint=target.endpoint,
        access_key_id=target.key,
        secret_access_key=target.secret,
        region=REGION,
        client_options={"allow_http": True},
    )

    async def get(key: str) -> int:
        return len(await (await library.get_async(store, key)).bytes_async())

    async def get_large(key: str, size: int, ways: int) -> int:
        if ways == 1:
            return await get(key)
        return await _in_ranges(
            lambda start, end: library.get_range_async(store, key, start=start, end=end), size, ways
        )

    async def listed(prefix: str) -> int:
        return sum([len(page) async for page in library.list(store, prefix)])

    yield Calls(
        lambda key, data: library.put_async(store, key, data),
        get,
        lambda key: library.head_async(store, key),
        listed,
        lambda key, data, ways: library.put_async(store, key, data, chunk_size=PART, max_concurrency=ways),
        get_large,
        lambda key, mib: library.put_async(store, key, async_pieces(mib), chunk_size=PART, max_concurrency=8),
    )


@asynccontextmanager
async def opendal(target: Target) -> AsyncIterator[Calls]:
    """OpenDAL's binding."""
    import opendal as library

    operator = library.AsyncOperator(
        "s3",
        bucket=target.bucket,
        endpoint=target.endpoint,
        access_key_id=target.key,
        secret_access_key=target.secret,
        region=REGION,
        disable_config_load="true",
        disable_ec2_metadata="true",
    )

    async def get(key: str) -> int:
        return len(await operator.read(key))

    async def get_large(key: str, size: int, ways: int) -> int:
        return len(await (operator.read(key) if ways == 1 else operator.read(key, chunk=PART, concurrent=ways)))

    async def listed(prefix: str) -> int:
        return len([entry async for entry in await operator.list(prefix, recursive=True)])

    async def put_stream(key: str, mib: int) -> None:
        opened: Any = await operator.open(key, "wb", chunk=PART, concurrent=8)  # its stub is wrong
        async with opened as file:
            for piece in blocking_pieces(mib):
                await file.write(piece)

    yield Calls(
        operator.write,
        get,
        operator.exists,
        listed,
        lambda key, data, ways: operator.write(key, data, chunk=PART, concurrent=ways),
        get_large,
        put_stream,
    )


@asynccontextmanager
async def s3fs(target: Target) -> AsyncIterator[Calls]:
    """s3fs on the running loop."""
    import s3fs as library

    files = library.S3FileSystem(
        asynchronous=True,
        skip_instance_cache=True,
        use_listings_cache=False,
        endpoint_url=target.endpoint,
        key=target.key,
        secret=target.secret,
        client_kwargs={"region_name": REGION},
    )
    session = await files.set_session()
    root = f"{target.bucket}/"

    async def get(key: str) -> int:
        return len(await files._cat_file(root + key))

    async def get_large(key: str, size: int, ways: int) -> int:
        if ways == 1:
            return await get(key)
        return await _in_ranges(lambda start, end: files._cat_file(root + key, start=start, end=end), size, ways)

    async def listed(prefix: str) -> int:
        return len(await files._find(root + prefix))

    try:
        yield Calls(
            lambda key, data: files._pipe_file(root + key, data),
            get,
            lambda key: files._exists(root + key),
            listed,
            lambda key, data, ways: files._pipe_file(root + key, data, chunksize=PART, max_concurrency=ways),
            get_large,
        )
    finally:
        await session.close()


@contextmanager
def boto3(target: Target) -> Iterator[Calls]:
    """boto3 with its own parallel transfers."""
    import boto3 as library
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    client = library.client(
        "s3",
        endpoint_url=target.endpoint,
        aws_access_key_id=target.key,
        aws_secret_access_key=target.secret,
        region_name=REGION,
        config=Config(max_pool_connections=64, s3={"addressing_style": "path"}),
    )
    transfers = {
        ways: TransferConfig(multipart_threshold=2 * PART, multipart_chunksize=PART, max_concurrency=ways, use_threads=ways > 1)
        for ways in (1, 8)
    }  # fmt: skip

    def get(key: str) -> int:
        return len(client.get_object(Bucket=target.bucket, Key=key)["Body"].read())

    def get_large(key: str, size: int, ways: int) -> int:
        into = io.BytesIO()
        client.download_fileobj(target.bucket, key, into, Config=transfers[ways])
        return into.getbuffer().nbytes

    def listed(prefix: str) -> int:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=target.bucket, Prefix=prefix)
        return sum(len(page.get("Contents", ())) for page in pages)

    def put_large(key: str, content: Any, ways: int) -> None:
        client.upload_fileobj(content, target.bucket, key, Config=transfers[ways])

    yield Calls(
        lambda key, data: client.put_object(Bucket=target.bucket, Key=key, Body=data),
        get,
        lambda key: client.head_object(Bucket=target.bucket, Key=key),
        listed,
        lambda key, data, ways: put_large(key, io.BytesIO(data), ways),
        get_large,
        lambda key, mib: put_large(key, Pieces(mib), 8),
    )


@contextmanager
def s3torchconnector(target: Target) -> Iterator[Calls]:
    """AWS's connector for PyTorch: its engine decides by itself how many parts are under way."""
    os.environ |= {"AWS_ACCESS_KEY_ID": target.key, "AWS_SECRET_ACCESS_KEY": target.secret}
    from s3torchconnector import S3ClientConfig
    from s3torchconnector._s3client import S3Client

    settings = S3ClientConfig(force_path_style=True, part_size=PART)
    client = S3Client(REGION, endpoint=target.endpoint, s3client_config=settings)

    def written(key: str, pieces: Iterator[bytes]) -> None:
        with client.put_object(target.bucket, key) as writer:
            for piece in pieces:
                writer.write(piece)

    def get(key: str, *_: object) -> int:
        return len(client.get_object(target.bucket, key).read())

    def listed(prefix: str) -> int:
        return sum(len(page.object_info) for page in client.list_objects(target.bucket, prefix))

    yield Calls(
        lambda key, data: written(key, iter((data,))),
        get,
        partial(client.head_object, target.bucket),
        listed,
        lambda key, data, ways: written(key, iter((data,))),
        get,
        lambda key, mib: written(key, blocking_pieces(mib)),
    )


CONTENDERS = [
    Contender("obstore", "asyncio", "obstore", obstore),
    Contender("opendal", "asyncio", "opendal", opendal),
    Contender("s3fs", "asyncio", "s3fs", s3fs),
    Contender("boto3", "threads", "boto3", boto3),
    Contender("s3torchconnector", "threads", "s3torchconnector", s3torchconnector),
]
