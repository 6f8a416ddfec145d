"""All contenders on Azure; run as a module, one of them.

A target's `key` is the account, its `secret` the account's key, its `bucket` the container.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from benchmarks.s3.contender import PART, Calls, Contender, Pieces, Target, async_pieces
from benchmarks.s3.work import main
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.backends.azure.sync import AzureBackend


def _options(target: Target, ways: int) -> dict[str, Any]:
    return {
        "container": target.bucket,
        "account_url": target.endpoint,
        "account_key": target.secret,
        "max_concurrency": ways,
    }


@asynccontextmanager
async def sdk(target: Target) -> AsyncIterator[Calls]:
    """azure-storage-blob's async client, with its own parallel transfers at its own sizes."""
    from azure.storage.blob.aio import ContainerClient

    credential = {"account_name": target.key, "account_key": target.secret}
    async with ContainerClient(target.endpoint, target.bucket, credential=credential) as client:

        async def put(key: str, data: bytes, ways: int = 1) -> None:
            await client.upload_blob(key, data, overwrite=True, max_concurrency=ways)

        async def get(key: str, size: int = 0, ways: int = 1) -> int:
            return len(await (await client.download_blob(key, max_concurrency=ways)).readall())

        async def exists(key: str) -> None:
            await client.get_blob_client(key).exists()

        async def listed(prefix: str) -> int:
            return len([blob.size async for blob in client.list_blobs(prefix)])

        async def stream(key: str, mib: int) -> None:
            await client.upload_blob(key, async_pieces(mib), overwrite=True, max_concurrency=8)

        yield Calls(put, get, exists, listed, put, get, stream)


@asynccontextmanager
async def on_loop(target: Target) -> AsyncIterator[Calls]:
    """AsyncAzureBackend."""
    async with AsyncAzureBackend(**_options(target, 8)) as eight, AsyncAzureBackend(**_options(target, 1)) as one:
        by_ways = {1: one, 8: eight}

        async def get(key: str) -> int:
            return len(await eight.read_bytes(key))

        async def listed(prefix: str) -> int:
            return len([info.size async for info in eight.list_files(prefix, recursive=True)])

        async def get_large(key: str, size: int, ways: int) -> int:
            return len(await by_ways[ways].read_bytes(key))

        yield Calls(
            partial(eight.write, overwrite=True),
            get,
            eight.exists,
            listed,
            lambda key, data, ways: by_ways[ways].write(key, data, overwrite=True),
            get_large,
            lambda key, mib: eight.write(key, async_pieces(mib), overwrite=True),
        )


@contextmanager
def in_threads(target: Target) -> Iterator[Calls]:
    """AzureBackend."""
    eight, one = AzureBackend(**_options(target, 8)), AzureBackend(**_options(target, 1))
    by_ways = {1: one, 8: eight}
    try:
        yield Calls(
            partial(eight.write, overwrite=True),
            lambda key: len(eight.read_bytes(key)),
            eight.exists,
            lambda prefix: len([info.size for info in eight.list_files(prefix, recursive=True)]),
            lambda key, data, ways: by_ways[ways].write(key, data, overwrite=True),
            lambda key, size, ways: len(by_ways[ways].read_bytes(key)),
            lambda key, mib: eight.write(key, Pieces(mib), overwrite=True),  # type: ignore[arg-type]  # readable is enough
        )
    finally:
        one.close()
        eight.close()


@asynccontextmanager
async def adlfs(target: Target) -> AsyncIterator[Calls]:
    """adlfs, the fsspec filesystem; it has one setting for concurrency, which is 8."""
    from adlfs import AzureBlobFileSystem

    text = f"DefaultEndpointsProtocol=http;AccountName={target.key};AccountKey={target.secret};BlobEndpoint={target.endpoint};"
    system = AzureBlobFileSystem(connection_string=text, asynchronous=True, max_concurrency=8, skip_instance_cache=True)

    async def get(key: str, size: int = 0, ways: int = 8) -> int:
        return len(await system._cat_file(f"{target.bucket}/{key}"))

    async def put(key: str, data: bytes, ways: int = 8) -> None:
        await system._pipe_file(f"{target.bucket}/{key}", data, overwrite=True)

    async def listed(prefix: str) -> int:
        return len(await system._find(f"{target.bucket}/{prefix}"))

    yield Calls(put, get, lambda key: system._exists(f"{target.bucket}/{key}"), listed, put, get)
    await system.service_client.close()


@asynccontextmanager
async def obstore(target: Target) -> AsyncIterator[Calls]:
    """obstore, whose engine is Rust's object_store."""
    import obstore as library
    from obstore.store import AzureStore

    store: Any = AzureStore(
        target.bucket,
        account_name=target.key,
        account_key=target.secret,
        endpoint=target.endpoint,
        client_options={"allow_http": True},
    )

    async def put(key: str, data: bytes, ways: int = 8) -> None:
        await library.put_async(store, key, data, chunk_size=PART, max_concurrency=ways)

    async def get(key: str, size: int = 0, ways: int = 1) -> int:
        return len(await (await library.get_async(store, key)).bytes_async())

    async def get_large(key: str, size: int, ways: int) -> int:
        if ways == 1:
            return await get(key)
        starts = list(range(0, size, PART))
        ends = [min(start + PART, size) for start in starts]
        return sum(map(len, await library.get_ranges_async(store, key, starts=starts, ends=ends)))

    async def listed(prefix: str) -> int:
        return sum([len(page) async for page in library.list(store, prefix)])

    yield Calls(put, get, partial(library.head_async, store), listed, put, get_large)


@asynccontextmanager
async def opendal(target: Target) -> AsyncIterator[Calls]:
    """opendal."""
    import opendal as library

    store: Any = library.AsyncOperator(
        "azblob", container=target.bucket, endpoint=target.endpoint, account_name=target.key, account_key=target.secret
    )

    async def put_large(key: str, data: bytes, ways: int) -> None:
        await store.write(key, data, chunk=PART, concurrent=ways)

    async def get(key: str, size: int = 0, ways: int = 1) -> int:
        return len(await store.read(key))

    async def listed(prefix: str) -> int:
        return len([entry async for entry in await store.list(prefix)])

    yield Calls(store.write, get, store.exists, listed, put_large, get)


CONTENDERS = [
    Contender("azure-storage-blob", "asyncio", "azure.storage.blob", sdk),
    Contender("remote_store asyncio", "asyncio", "remote_store", on_loop),
    Contender("remote_store trio", "trio", "httpx2", on_loop),
    Contender("remote_store AzureBackend", "threads", "remote_store", in_threads),
    Contender("adlfs", "asyncio", "adlfs", adlfs),
    Contender("obstore", "asyncio", "obstore", obstore),
    Contender("opendal", "asyncio", "opendal", opendal),
]

if __name__ == "__main__":
    main(CONTENDERS)
