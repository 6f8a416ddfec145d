"""Large bodies go straight into memory, and their connections go on being the HTTP library's."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from remote_store._core.errors import TimeoutExceeded
from remote_store._core.retry import RetryPolicy
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.strict import Reply, StrictS3

pytestmark = pytest.mark.anyio
BIG = os.urandom(3_000_000)


async def test_a_connection_is_used_again_after_a_large_body(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """Issue 4: whole, as a stream and into memory, one connection does it all."""
    strict.put("file", BIG)
    for _ in range(3):
        assert await backend.read_bytes("file") == BIG
        assert b"".join([chunk async for chunk in backend.read("file")]) == BIG
        buffer = bytearray(len(BIG) - 5)
        assert await backend.read_into("file", buffer, 5) == len(buffer)
        assert buffer == BIG[5:]
        assert await backend.exists("file")
    assert strict.connections == 1


async def test_a_stream_that_is_left_early_leaves_the_pool_usable(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """CONTRACT 111: the connection of a body that nobody reads to its end goes, and others come."""
    strict.put("file", BIG)
    for _ in range(3):
        async for _chunk in backend.read("file"):
            break
    assert await backend.read_bytes("file") == BIG


async def test_a_read_that_is_cancelled_leaves_memory_and_pool_alone(options: dict[str, Any], strict: StrictS3) -> None:
    """DESIGN 5: once `read_into` has been cancelled, no byte comes into the caller's memory any more."""
    arriving, buffer = anyio.Event(), bytearray(len(BIG))

    def slow(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        reply = carry_out()
        reply.cut, reply.stall = 1_000_000, 30.0
        return reply

    strict.put("file", BIG)
    strict.fail("get", slow)
    async with AsyncS3Backend(**options) as backend:
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while buffer[900_000:999_999] != BIG[900_000:999_999]:
                    await anyio.sleep(0.01)
                arriving.set()

            group.start_soon(watch)
            group.start_soon(backend.read_into, "file", buffer)
            await arriving.wait()
            group.cancel_scope.cancel()
        buffer[:] = bytes(len(buffer))
        assert await backend.read_bytes("file") == BIG
        assert not any(buffer)


async def test_a_stall_ends_after_the_read_timeout(options: dict[str, Any], strict: StrictS3) -> None:
    """RELIABILITY 4: botocore's `read_timeout` bounds the time between two bytes of a large body too."""

    def stalled(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        reply = carry_out()
        reply.cut, reply.stall = 1_000_000, 30.0
        return reply

    strict.put("file", BIG)
    strict.fail("get", stalled, times=2)
    options |= {
        "client_options": {"config_kwargs": {"read_timeout": 0.3}},
        "retry": RetryPolicy(max_attempts=2, backoff_base=0, jitter=0),
    }
    async with AsyncS3Backend(**options) as backend:
        with pytest.raises(TimeoutExceeded):
            await backend.read_bytes("file")
        assert strict.count("get") == 2
        assert await backend.read_bytes("file") == BIG


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # on trio h11 has them already, out of our sight
async def test_bytes_behind_a_body_are_nobody_s_answer(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """RELIABILITY 10: what a server sends beyond the length it told is not taken for the next answer."""

    def talkative(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        reply = carry_out()
        reply.headers["Content-Length"] = str(len(reply.body))
        reply.body += b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 5\r\n\r\nwrong'
        return reply

    strict.put("file", BIG)
    strict.put("small", b"right")
    strict.fail("get", talkative)
    assert await backend.read_bytes("file") == BIG
    assert await backend.read_bytes("small") == b"right"
