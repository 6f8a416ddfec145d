"""remote_store: on asyncio, on trio, and the blocking class."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from remote_store.backends.s3.backend import AsyncS3Backend
from remote_store.backends.s3.sync import S3Backend

from .contender import Calls, Contender, Pieces, Target, async_pieces


def _options(target: Target, ways: int) -> dict[str, Any]:
    return {
        "bucket": target.bucket,
        "endpoint_url": target.endpoint,
        "key": target.key,
        "secret": target.secret,
        "max_concurrency": ways,
    }


@asynccontextmanager
async def on_loop(target: Target) -> AsyncIterator[Calls]:
    """AsyncS3Backend."""
    async with AsyncS3Backend(**_options(target, 8)) as eight, AsyncS3Backend(**_options(target, 1)) as one:
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
    """S3Backend."""
    eight, one = S3Backend(**_options(target, 8)), S3Backend(**_options(target, 1))
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


CONTENDERS = [
    Contender("remote_store asyncio", "asyncio", "aiobotocore", on_loop),
    Contender("remote_store trio", "trio", "httpx2", on_loop),
    Contender("remote_store S3Backend", "threads", "aiobotocore", in_threads),
]
