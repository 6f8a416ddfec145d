"""S3 figures beside peers, on one SeaweedFS in one run: `python -m benchmarks.s3 [--mib 256] [--small 300]`.

CPU is this process's own, user and system; the server is another process. Ratios within one run count, absolute
figures move with the machine. Peers that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib.util
import io
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio

from remote_store.backends.s3.backend import AsyncS3Backend
from remote_store.backends.s3.sync import S3Backend
from tests.servers.fixtures import Bucket
from tests.servers.seaweedfs import seaweedfs

MIB = 1024 * 1024
SMALL = 4096


@dataclass
class Cost:
    """Wall and CPU seconds of rounds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure a block."""
        before, begun = _cpu(), time.perf_counter()
        yield
        self.wall.append(time.perf_counter() - begun)
        self.cpu.append(_cpu() - before)

    @property
    def text(self) -> tuple[float, float]:
        """Median wall and CPU."""
        return statistics.median(self.wall), statistics.median(self.cpu)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@dataclass
class Client:
    """One contender: async put, get and exists of an object."""

    name: str
    put: Callable[[str, bytes], Awaitable[Any]]
    get: Callable[[str], Awaitable[int]]
    exists: Callable[[str], Awaitable[Any]]
    list: Callable[[], Awaitable[int]]


@asynccontextmanager
async def ours(bucket: Bucket, name: str) -> AsyncIterator[Client]:
    """remote_store on the running loop."""
    async with AsyncS3Backend(**bucket.options) as backend:

        async def get(key: str) -> int:
            return len(await backend.read_bytes(key))

        async def listed() -> int:
            return len([info.size async for info in backend.list_files("list", recursive=True)])

        yield Client(name, partial(backend.write, overwrite=True), get, backend.exists, listed)


@asynccontextmanager
async def raw(bucket: Bucket, name: str) -> AsyncIterator[Client]:
    """aiobotocore by hand, with the same checksum: what our layer costs is measured against it."""
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    from remote_store.backends.s3.bodies import body_of
    from remote_store.backends.s3.checksums import sum_of, to_header

    config = AioConfig(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        signature_version="s3v4",
        max_pool_connections=64,
        s3={"addressing_style": "path"},
    )
    async with get_session().create_client(
        "s3",
        endpoint_url=bucket.server.endpoint,
        aws_access_key_id=bucket.server.key,
        aws_secret_access_key=bucket.server.secret,
        region_name="us-east-1",
        config=config,
    ) as client:

        async def put(key: str, data: bytes) -> None:
            if len(data) <= 16 * MIB:
                await client.put_object(
                    Bucket=bucket.name, Key=key, Body=data, ChecksumCRC64NVME=to_header(sum_of((data,)))
                )
                return
            upload = await client.create_multipart_upload(
                Bucket=bucket.name, Key=key, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
            )
            slots = asyncio.Semaphore(8)

            async def part(number: int) -> dict[str, Any]:
                view = memoryview(data)[(number - 1) * 8 * MIB : number * 8 * MIB]
                async with slots:
                    reply = await client.upload_part(
                        Bucket=bucket.name,
                        Key=key,
                        UploadId=upload["UploadId"],
                        PartNumber=number,
                        Body=body_of([view], len(view)),
                        ChecksumCRC64NVME=to_header(sum_of((view,))),
                    )
                return {"PartNumber": number, "ETag": reply["ETag"]}

            parts = await asyncio.gather(*[part(number) for number in range(1, -(-len(data) // (8 * MIB)) + 1)])
            await client.complete_multipart_upload(
                Bucket=bucket.name, Key=key, UploadId=upload["UploadId"], MultipartUpload={"Parts": parts}
            )

        async def get(key: str) -> int:
            reply = await client.get_object(Bucket=bucket.name, Key=key)
            size = reply["ContentLength"]
            if size <= 16 * MIB:
                return len(b"".join([chunk async for chunk in reply["Body"].raw_stream.content.iter_any()]))
            reply["Body"].close()
            slots = asyncio.Semaphore(8)

            async def piece(start: int) -> bytes:
                async with slots:
                    found = await client.get_object(
                        Bucket=bucket.name, Key=key, Range=f"bytes={start}-{min(start + 8 * MIB, size) - 1}"
                    )
                    return b"".join([chunk async for chunk in found["Body"].raw_stream.content.iter_any()])

            return len(b"".join(await asyncio.gather(*[piece(start) for start in range(0, size, 8 * MIB)])))

        async def listed() -> int:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix="list/")
            return sum([len(page.get("Contents", ())) async for page in pages])

        yield Client(name, put, get, lambda key: client.head_object(Bucket=bucket.name, Key=key), listed)


@asynccontextmanager
async def obstore(bucket: Bucket, name: str) -> AsyncIterator[Client]:
    """obstore, whose engine is Rust's object_store."""
    import obstore as library
    from obstore.store import S3Store

    store = S3Store(
        bucket.name,
        endpoint=bucket.server.endpoint,
        access_key_id=bucket.server.key,
        secret_access_key=bucket.server.secret,
        region="us-east-1",
        client_options={"allow_http": True},
    )

    async def put(key: str, data: bytes) -> None:
        await library.put_async(store, key, data)

    async def get(key: str) -> int:
        reply = await library.get_async(store, key)
        size = reply.meta["size"]
        if size <= 16 * MIB:
            return len(await reply.bytes_async())
        starts = list(range(0, size, 8 * MIB))
        slots = asyncio.Semaphore(8)

        async def piece(start: int) -> int:
            async with slots:
                return len(await library.get_range_async(store, key, start=start, end=min(start + 8 * MIB, size)))

        return sum(await asyncio.gather(*[piece(start) for start in starts]))

    async def listed() -> int:
        return sum([len(page) async for page in library.list(store, "list/")])

    yield Client(name, put, get, lambda key: library.head_async(store, key), listed)


# Work


async def small(client: Client, count: int, ways: int) -> dict[str, Cost]:
    """4 KiB put, get, exists: `count` of each, `ways` at a time."""
    data = os.urandom(SMALL)
    costs = {}
    for verb in ("put", "get", "exists"):
        call: dict[str, Callable[[str], Awaitable[Any]]] = {
            "put": lambda key: client.put(key, data),
            "get": client.get,
            "exists": client.exists,
        }
        cost = costs[verb] = Cost()
        waiting = iter([f"small/{number}" for number in range(count)])

        async def worker(keys: Iterator[str], act: Callable[[str], Awaitable[Any]]) -> None:
            for key in keys:
                await act(key)

        with cost.measured():
            async with anyio.create_task_group() as group:
                for _ in range(ways):
                    group.start_soon(worker, waiting, call[verb])
    return costs


async def large(client: Client, data: bytes, rounds: int) -> dict[str, Cost]:
    """A large put and get."""
    costs = {"put": Cost(), "get": Cost()}
    for _ in range(rounds):
        with costs["put"].measured():
            await client.put("large", data)
        with costs["get"].measured():
            assert await client.get("large") == len(data)
    return costs


Opener = Callable[[Bucket, str], Any]


def run_all(opener: Opener, bucket: Bucket, name: str, loop: str, options: argparse.Namespace, data: bytes) -> None:
    """Run one contender through all the work and print its rows."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            client: Client = await stack.enter_async_context(opener(bucket, name))
            await client.put("warm", b"x" * SMALL)
            await client.get("warm")
            for ways in (1, 64):
                for verb, cost in (await small(client, options.small, ways)).items():
                    wall, cpu = cost.text
                    row(name, f"4 KiB {verb}, {ways}-way", wall / options.small, cpu / options.small, "us", 1e6)
            for verb, cost in (await large(client, data, options.rounds)).items():
                wall, cpu = cost.text
                gib = len(data) / 1024**3
                row(name, f"{options.mib} MiB {verb}", wall, cpu / gib, "s wall, CPU-s/GiB", 1)
            cost = Cost()
            with cost.measured():
                found = await client.list()
            row(name, f"list {found}", *cost.text, "s", 1)

    anyio.run(main, backend=loop)


def facade(bucket: Bucket, options: argparse.Namespace, data: bytes) -> None:
    """The generated blocking class, and boto3 with its own parallel transfers."""
    backend = S3Backend(**bucket.options)
    blocking(
        "remote_store S3Backend",
        lambda key, content: backend.write(key, content, overwrite=True),
        lambda key: len(backend.read_bytes(key)),
        backend.exists,
        options,
        data,
    )
    backend.close()
    client, name = bucket.client, bucket.name

    def get(key: str) -> int:
        target = io.BytesIO()
        client.download_fileobj(name, key, target)
        return len(target.getbuffer())  # parts arrive in any order

    blocking(
        "boto3",
        lambda key, content: client.upload_fileobj(io.BytesIO(content), name, key),
        get,
        lambda key: client.head_object(Bucket=name, Key=key),
        options,
        data,
    )


def blocking(
    name: str,
    put: Callable[[str, bytes], Any],
    get: Callable[[str], int],
    exists: Callable[[str], Any],
    options: argparse.Namespace,
    data: bytes,
) -> None:
    """Run a blocking contender through the work of one thread and print its rows."""
    put("warm", b"x")
    piece = os.urandom(SMALL)
    calls: dict[str, Callable[[str], Any]] = {"put": lambda key: put(key, piece), "get": get, "exists": exists}
    for verb, call in calls.items():
        cost = Cost()
        with cost.measured():
            for number in range(options.small):
                call(f"small/{number}")
        wall, cpu = cost.text
        row(name, f"4 KiB {verb}, 1-way", wall / options.small, cpu / options.small, "us", 1e6)
    sent, fetched = Cost(), Cost()
    for _ in range(options.rounds):
        with sent.measured():
            put("large", data)
        with fetched.measured():
            assert get("large") == len(data)
    gib = len(data) / 1024**3
    for verb, cost in (("put", sent), ("get", fetched)):
        row(name, f"{options.mib} MiB {verb}", cost.text[0], cost.text[1] / gib, "s wall, CPU-s/GiB", 1)


def streamed(options: dict[str, Any], mib: int) -> None:
    """A stream of unknown length: peak memory beyond what was there."""

    async def main() -> None:
        async def content() -> AsyncIterator[bytes]:
            for number in range(mib):
                yield hashlib.sha256(bytes([number % 256])).digest() * (MIB // 32)

        async with AsyncS3Backend(**options) as backend:
            await backend.write("warm", b"x", overwrite=True)
            _reset_peak()
            before = _status("VmRSS")
            cost = Cost()
            with cost.measured():
                await backend.write("stream", content(), overwrite=True)
            peak = (_status("VmHWM") - before) / 1024
            wall, cpu = cost.text
            print(
                f"remote_store asyncio       | {mib} MiB stream put: {wall:.2f} s, {cpu:.2f} CPU-s, peak +{peak:.0f} MiB"
            )
            print(f"  requests: {dict(backend.wire.sent)}")

    anyio.run(main)


def _status(name: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def _reset_peak() -> None:
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")


def row(name: str, work: str, wall: float, cpu: float, unit: str, scale: float) -> None:
    """Print a figure."""
    print(f"{name:26} | {work:20} | wall {wall * scale:9.2f} | cpu {cpu * scale:9.2f} | {unit}", flush=True)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=256, help="size of the large object")
    parser.add_argument("--small", type=int, default=300, help="number of small objects")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the large object; the median counts")
    parser.add_argument("--keys", type=int, default=10_000, help="keys of the listing")
    options = parser.parse_args()
    data = os.urandom(options.mib * MIB)
    with seaweedfs() as server:
        bucket = Bucket(server, "bench")
        bucket.client.create_bucket(Bucket=bucket.name)
        _fill(bucket, options.keys)
        for opener, name, loop in (
            (raw, "aiobotocore", "asyncio"),
            (ours, "remote_store asyncio", "asyncio"),
            (ours, "remote_store trio", "trio"),
            (obstore, "obstore", "asyncio"),
        ):
            if name == "obstore" and importlib.util.find_spec("obstore") is None:
                print("obstore is not installed")
                continue
            run_all(opener, bucket, name, loop, options, data)
        facade(bucket, options, data)
        # A process of its own: what earlier work has left in the heap would hide what this takes.
        child = multiprocessing.get_context("spawn").Process(target=streamed, args=(bucket.options, 1024))
        child.start()
        child.join()


def _fill(bucket: Bucket, keys: int) -> None:
    async def fill() -> None:
        async with AsyncS3Backend(**bucket.options) as backend:
            waiting = iter(range(keys))

            async def worker() -> None:
                for number in waiting:
                    await backend.write(f"list/{number:06}", b"", overwrite=True)

            async with anyio.create_task_group() as group:
                for _ in range(32):
                    group.start_soon(worker)

    anyio.run(fill)


if __name__ == "__main__":
    main()
