"""S3 operations cancelled at each of their awaits leave nothing behind (DECISIONS 36, CONTRACT 51 and 110)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import anyio
import pytest

from remote_store._core.retry import RetryPolicy
from remote_store.backends.s3.backend import AsyncS3Backend
from remote_store.testing.faults import FaultProxy
from tests.faults.matrix.operations import BIG, NEW, OLD, OPERATIONS, Bench, Operation, finish
from tests.servers.fixtures import Bucket
from tests.soak.cancelling import cancelled_after, cancelled_at

WAYS = [
    pytest.param(("asyncio", False), id="asyncio-scope"),
    pytest.param(("asyncio", True), id="asyncio-native"),
    pytest.param(("trio", False), id="trio-scope"),
]
ASYNC = [operation for operation in OPERATIONS if not operation.sync_only]
STEPS = [
    pytest.param(7, id="slice"),
    pytest.param(1, id="full", marks=[pytest.mark.matrix, pytest.mark.timeout(3600)]),
]
"""How many awaits lie between two that are tried."""
MOMENTS = 40
"""Parts of the usual time after which an operation is cancelled as well."""
MOST = 2000
"""More awaits than any operation has."""


@pytest.fixture(scope="module")
def proxy(s3_server: Any) -> Iterator[FaultProxy]:
    """A proxy that spoils nothing: it counts connections."""
    with FaultProxy(s3_server.endpoint) as proxy:
        yield proxy


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operation", ASYNC, ids=lambda operation: operation.name.replace(" ", "_"))
def test_an_operation_may_be_cancelled_at_any_await(
    operation: Operation, way: tuple[str, bool], step: int, bucket: Bucket, proxy: FaultProxy
) -> None:
    """No upload, connection or task stays; each key holds what it held, or all of the new; the backend goes on."""
    loop, native = way
    anyio.run(_cancelled_everywhere, operation, native, step, bucket, proxy, backend=loop)


async def _cancelled_everywhere(
    operation: Operation, native: bool, step: int, bucket: Bucket, proxy: FaultProxy
) -> None:
    options = {**bucket.options, "endpoint_url": proxy.endpoint, "part_size": 5 << 20, "single_put_max": 1 << 20}
    policy = RetryPolicy(max_attempts=3, backoff_base=0.02, jitter=0, timeout=60)
    if operation.name == "read_bytes big":
        bucket.poke("shared/big", BIG)
    async with AsyncS3Backend(**options, retry=policy) as backend:
        await backend.write("warm", b"x")
        for number, at in enumerate(range(1, MOST, step)):
            if not await _once(operation, backend, bucket, f"c{number}", at, native):
                break
        else:
            raise AssertionError("it never ended by itself")
        assert number, "it was not cancelled at all"
        if step == 1:
            await _cancelled_now_and_then(operation, native, bucket, backend)
        assert await backend.read_bytes("warm") == b"x"
    assert proxy.wait_idle() == 0


async def _cancelled_now_and_then(operation: Operation, native: bool, bucket: Bucket, backend: AsyncS3Backend) -> None:
    """Cancel after parts of the usual time as well: tasks of a group have awaits of their own."""
    run = _runner(operation, backend, bucket, "usual")
    begun = anyio.current_time()
    await run()
    usual = anyio.current_time() - begun
    for number in range(MOMENTS):
        folder = f"m{number}"
        await cancelled_after(_runner(operation, backend, bucket, folder), usual * number / MOMENTS, native=native)
        _check(operation, bucket, folder)


async def _once(
    operation: Operation, backend: AsyncS3Backend, bucket: Bucket, folder: str, at: int, native: bool
) -> bool:
    reached = await cancelled_at(_runner(operation, backend, bucket, folder), at, native=native)
    _check(operation, bucket, folder)
    return reached


def _runner(
    operation: Operation, backend: AsyncS3Backend, bucket: Bucket, folder: str
) -> Callable[[], Coroutine[Any, Any, object]]:
    bench = Bench(backend, folder, _prepared(operation, bucket, folder), asynchronous=True)

    async def run() -> object:
        return await finish(operation.call(bench), bytearray())

    return run


def _check(operation: Operation, bucket: Bucket, folder: str) -> None:
    for name, allowed in operation.stored.items():
        assert bucket.peek(f"{folder}/{name}") in allowed, (folder, name)
    assert bucket.uploads() == [], folder


def _prepared(operation: Operation, bucket: Bucket, folder: str) -> str:
    told = bucket.client.put_object(Bucket=bucket.name, Key=f"{folder}/old", Body=OLD, ChecksumAlgorithm="CRC64NVME")
    for name in "ab" if "folder" in operation.name or "children" in operation.name else "":
        bucket.poke(f"{folder}/folder/{name}", name.encode())
    etag: str = told["ETag"].strip('"')
    return etag


def test_what_is_written_is_not_what_was() -> None:
    """The judgement above would else be none."""
    assert OLD != NEW
