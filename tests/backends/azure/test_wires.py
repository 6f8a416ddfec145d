"""Every kind of fault on the wire, in the way of every operation: the right answer or one of our errors, never less."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from remote_store._core.errors import BackendUnavailable, RemoteStoreError
from remote_store._core.retry import RetryPolicy
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.testing.faults import KINDS, Fault, FaultProxy
from tests.servers.fixtures import Container

pytestmark = pytest.mark.anyio
KIB = 1024
OLD = os.urandom(100 * KIB)
NEW = os.urandom(300 * KIB)
IMPATIENT = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=4)
DEADLINE = IMPATIENT.timeout + 2 if IMPATIENT.timeout else 0


async def pieces(data: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), 10_000):
        yield data[start : start + 10_000]


async def streamed(backend: AsyncAzureBackend) -> bytes:
    return b"".join([chunk async for chunk in backend.read("d/old")])


async def filled(backend: AsyncAzureBackend) -> bytes:
    buffer = bytearray(len(OLD))
    assert await backend.read_into("d/old", buffer) == len(OLD)
    return bytes(buffer)


async def listed(backend: AsyncAzureBackend) -> list[str]:
    return [str(info.path) async for info in backend.list_files("d")]


async def told(backend: AsyncAzureBackend) -> tuple[int, Any]:
    info = await backend.get_file_info("d/old")
    return info.size, info.metadata


async def sent(backend: AsyncAzureBackend) -> None:
    async with aclosing(pieces(NEW)) as content:
        await backend.write("new", content)


Operation = tuple[Callable[[AsyncAzureBackend], Awaitable[Any]], Any]
READS: dict[str, Operation] = {
    "read_bytes": (lambda b: b.read_bytes("d/old"), OLD),
    "read": (streamed, OLD),
    "read_into": (filled, OLD),
    "read_ranges": (lambda b: b.read_ranges("d/old", [(1000, 2000), (0, 10)]), [OLD[1000:2000], OLD[:10]]),
    "get_file_info": (told, (len(OLD), {"a": "1"})),
    "exists": (lambda b: b.exists("d/old"), True),
    "list_files": (listed, ["d/old"]),
}
WRITES: dict[str, Callable[[AsyncAzureBackend], Awaitable[Any]]] = {
    "create": lambda b: b.write("new", OLD),
    "overwrite": lambda b: b.write("d/old", NEW[: 100 * KIB], overwrite=True),
    "stream": sent,
    "copy": lambda b: b.copy("d/old", "new"),
    "move": lambda b: b.move("d/old", "new"),
    "delete": lambda b: b.delete("d/old"),
}
STORED: dict[str, list[dict[str, bytes]]] = {
    "create": [{"d/old": OLD, "new": OLD}],
    "overwrite": [{"d/old": NEW[: 100 * KIB]}],
    "stream": [{"d/old": OLD, "new": NEW}],
    "copy": [{"d/old": OLD, "new": OLD}],
    "move": [{"new": OLD}, {"d/old": OLD, "new": OLD}],
    "delete": [{}],
}
"""What may be there after a write: the first if it says that it was done, any or the old if it raises."""

UNSEEN = {
    "flip-down",
    "flip-up",
    "splice",
    "replaced",
    "list-empty-page",
    "list-duplicates",
    "certificate",
    "tls-reset",
}
"""Kinds with tests of their own: what they ask needs a checksum, another version, a longer listing, or TLS."""
SLOW = {"blackhole", "trickle", "stall-upload", "delay", "huge", "refuse"}
KINDS_HERE = sorted(KINDS.keys() - UNSEEN)
HEALED = {"reset", "close", "stale", "delay", "cut", "content-range", "html", "empty", "garbage", "truncated"}
"""Kinds that a read survives if they happen once."""

TOLD_AT_THE_END = {("read", "truncated")}
"""A stream has handed out its bytes when their MD5 turns out to be another's."""


def faults(kind: str, *, count: int) -> list[Fault]:
    """The kind with each of its arguments that mean something here."""
    arguments: dict[str, list[str]] = {
        "content-length": ["short", "long", "missing", "duplicate", "negative", "words"],
        "content-range": ["shifted", "size", "missing"],
        "error": [
            "503 ServerBusy",
            "500 InternalError",
            "403 AuthenticationFailed",
            "409 BlobArchived",
            "412 LeaseIdMissing",
        ],
        "region": ["westeurope"],
        "error-200": ["InternalError"],
    }
    more: dict[str, Any] = {"seconds": 0.3} if kind in ("delay", "refuse") else {}
    if kind == "huge":
        more = {"offset": 1024 * KIB}
    if kind == "trickle":
        more = {"seconds": 0.2}
    return [Fault(kind, count=count, argument=argument, **more) for argument in arguments.get(kind, [""])]


@pytest.fixture
async def impatient(options: dict[str, Any]) -> AsyncIterator[AsyncAzureBackend]:
    """A backend that waits half a second for a byte, and four for an operation."""
    hurried = {"connection_timeout": 1.0, "read_timeout": 0.5}
    async with AsyncAzureBackend(**{**options, "retry": IMPATIENT, "client_options": hurried}) as backend:
        yield backend


def chosen(kind: str, count: int, name: str) -> bool:
    """Whether an operation is tried: what takes seconds is tried on few, for they all wait in the same place."""
    if name == "get_file_info" and kind == "content-length":
        return False  # a HEAD has no body that could be compared with its length
    return kind not in SLOW or name in (
        ("read", "create") if count == 0 else ("read", "read_bytes", "create", "stream")
    )


CASES = [
    pytest.param(kind, count, id=f"{kind}-{'once' if count else 'always'}", marks=() if count else pytest.mark.soak)
    for kind in KINDS_HERE
    for count in (1, 0)
]


@pytest.mark.parametrize(("kind", "count"), CASES)
async def test_a_read_is_right_or_raises(
    impatient: AsyncAzureBackend, container: Container, proxy: FaultProxy, kind: str, count: int
) -> None:
    """RELIABILITY, 24 kinds: no hang, no part handed out as the whole, no foreign exception, no secret in a text."""
    container.client.upload_blob("d/old", OLD, metadata={"a": "1"})
    for fault in faults(kind, count=count):
        for name, (call, wanted) in READS.items():
            if not chosen(kind, count, name):
                continue
            proxy.script(fault)
            found = await outcome(impatient, container, call)
            if not isinstance(found, RemoteStoreError) or (
                count == 1 and kind in HEALED and (name, kind) not in TOLD_AT_THE_END
            ):
                assert found == wanted, (name, fault)
    proxy.script()
    assert await impatient.read_bytes("d/old") == OLD


@pytest.mark.parametrize(("kind", "count"), CASES)
async def test_a_write_is_done_or_raises(
    impatient: AsyncAzureBackend, container: Container, proxy: FaultProxy, kind: str, count: int
) -> None:
    """RELIABILITY, 24 kinds: what says that it was done was, and nobody ever sees a part of it."""
    for fault in faults(kind, count=count):
        for name, call in WRITES.items():
            if not chosen(kind, count, name):
                continue
            container.poke("d/old", OLD)
            container.drop("new")
            proxy.script(fault)
            done = not isinstance(await outcome(impatient, container, call), RemoteStoreError)
            proxy.script()
            allowed = STORED[name][:1] if done else [*STORED[name], {"d/old": OLD}]
            stored = container.all()
            assert stored in allowed, (name, fault, done, sorted(stored))
    await impatient.write("after", b"works")


async def outcome(backend: AsyncAzureBackend, container: Container, call: Callable[..., Awaitable[Any]]) -> Any:
    """What a call gives, or the error that it raises, in time and without a secret in its text."""
    with anyio.fail_after(DEADLINE):
        try:
            return await call(backend)
        except RemoteStoreError as error:
            text = f"{error} {error!r} {error.__cause__!r}"
            assert container.server.key not in text
            assert "sig=" not in text
            return error


async def test_no_connection_is_left(options: dict[str, Any], container: Container, proxy: FaultProxy) -> None:
    """RELIABILITY: no leaked socket, also of reads that were given up."""
    container.poke("d/old", OLD)
    async with AsyncAzureBackend(**options) as backend:
        proxy.script(Fault("cut", verb="GetBlob", count=0, offset=1000))
        with pytest.raises(RemoteStoreError):
            await backend.read_bytes("d/old")
        proxy.script()
        async for _ in backend.read("d/old"):
            break
    assert proxy.wait_idle() == 0


async def test_an_upload_that_stalls_is_sent_again(
    options: dict[str, Any], container: Container, proxy: FaultProxy
) -> None:
    """RELIABILITY 8: on asyncio a stall took all of the operation's time."""
    proxy.script(Fault("stall-upload", verb="PUT", offset=1000))
    data = os.urandom(32 * KIB * KIB)
    policy = RetryPolicy(max_attempts=2, backoff_base=0, jitter=0, timeout=30)
    impatient = {"connection_timeout": 5.0, "read_timeout": 2.0}
    more = {"retry": policy, "client_options": impatient, "single_put_max": len(data)}
    async with AsyncAzureBackend(**{**options, **more}) as backend:
        await backend.write("new", data, overwrite=True)
    assert container.client.download_blob("new").readall() == data
    assert proxy.counters().struck == {"stall-upload": 1}


async def test_an_upload_that_stalled_leaves_no_connection(options: dict[str, Any], proxy: FaultProxy) -> None:
    """RELIABILITY 8: asyncio keeps a connection that is closed until its peer has read what it was still to send."""
    proxy.script(Fault("stall-upload", verb="PUT", count=0, offset=1000))
    policy = RetryPolicy(max_attempts=2, backoff_base=0, jitter=0, timeout=1)
    async with AsyncAzureBackend(**{**options, "retry": policy, "single_put_max": 32 * KIB * KIB}) as backend:
        with pytest.raises(BackendUnavailable):
            await backend.write("new", bytes(32 * KIB * KIB), overwrite=True)
    proxy.script()  # reads on, while this loop stands still and sends nothing more
    assert proxy.wait_idle() == 0
