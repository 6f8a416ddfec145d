"""What the fault proxy has found: each of these was answered wrongly once (RELIABILITY 6, 7, 11, 12, 16, 18, 19, 21)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from remote_store._core.errors import OutcomeUnknown, PreconditionFailed, TimeoutExceeded, UnexpectedResponse
from remote_store._core.retry import RetryPolicy
from remote_store.backends.s3.backend import AsyncS3Backend
from remote_store.backends.s3.sync import S3Backend
from remote_store.testing.faults import Fault, FaultProxy
from tests.servers.fixtures import Bucket
from tests.servers.strict import Reply, StrictS3, strict_s3

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
DATA = os.urandom(300_000)


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[StrictS3, FaultProxy]]:
    """A server and a proxy for all of this module: a process takes 0.2 s to start."""
    with strict_s3() as server, FaultProxy(server.endpoint) as proxy:
        yield server, proxy


@pytest.fixture
def strict(pair: tuple[StrictS3, FaultProxy]) -> StrictS3:
    """The server, emptied."""
    server = pair[0]
    server.objects.clear()
    server.requests.clear()
    server.faults.clear()
    server.put("file", DATA)
    return server


@pytest.fixture
def proxy(pair: tuple[StrictS3, FaultProxy]) -> FaultProxy:
    """The proxy, without a script."""
    pair[1].script()
    return pair[1]


@pytest.fixture
def options(strict: StrictS3, proxy: FaultProxy) -> dict[str, Any]:
    """What a backend behind the proxy is made with."""
    policy = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=20)
    return {"bucket": "b", "endpoint_url": proxy.endpoint, "key": "k", "secret": "s" * 20, "retry": policy}


async def whole(backend: AsyncS3Backend) -> bytes:
    return await backend.read_bytes("file")


async def streamed(backend: AsyncS3Backend) -> bytes:
    return b"".join([chunk async for chunk in backend.read("file")])


async def filled(backend: AsyncS3Backend) -> bytes:
    buffer = bytearray(len(DATA))
    await backend.read_into("file", buffer)
    return bytes(buffer)


READERS = pytest.mark.parametrize("read", [whole, streamed, filled])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_followed_to_another_host(backend: AsyncS3Backend, proxy: FaultProxy, status: int) -> None:
    """RELIABILITY 16: aiohttp follows redirects by itself, and what another port said was handed out as the file."""
    proxy.script(Fault("redirect", count=0, argument=str(status)))
    for call in (
        lambda: backend.read_bytes("file"),
        lambda: backend.write("new", b"x"),
        lambda: backend.exists("file"),
    ):
        with pytest.raises(UnexpectedResponse):
            await call()
    counted = proxy.counters()
    assert (counted.trapped, counted.trapped_credentials) == (0, 0)


@READERS
async def test_a_server_that_ignores_if_match_mixes_nothing(
    backend: AsyncS3Backend, proxy: FaultProxy, read: Any
) -> None:
    """RELIABILITY 12: the rest of a cut body was taken from whatever version came."""
    proxy.script(Fault("splice", verb="GetObject", count=0, offset=100_000))
    with pytest.raises(PreconditionFailed):
        await read(backend)


async def test_a_range_that_is_refused_wrongly_is_no_end_of_the_file(
    backend: AsyncS3Backend, proxy: FaultProxy
) -> None:
    """RELIABILITY 11: 416 inside the file was taken for its end, and nothing handed out for something."""
    proxy.script(Fault("not-satisfiable", verb="GetObject", count=0))
    with pytest.raises(UnexpectedResponse):
        await backend.read_into("file", bytearray(100), 1000)
    with pytest.raises(UnexpectedResponse):
        await backend.read_ranges("file", [(0, 100), (200_000, 200_100)])
    proxy.script()
    assert await backend.read_into("file", bytearray(100), len(DATA)) == 0


@pytest.mark.parametrize("verb", ["ListObjectsV2", "CopyObject", "GetObject"])
async def test_a_huge_document_is_not_read(backend: AsyncS3Backend, proxy: FaultProxy, verb: str) -> None:
    """RELIABILITY 18: limits; the SDK would have taken all of it into memory. An error document too."""
    faults = {"GetObject": Fault("error", verb=verb, count=0, argument="500 " + "x" * (17 * MIB))}
    proxy.script(faults.get(verb, Fault("huge", verb=verb, count=0, offset=17 * MIB)))
    with pytest.raises((UnexpectedResponse, OutcomeUnknown), match="larger"):
        if verb == "ListObjectsV2":
            [entry async for entry in backend.list_files("")]
        elif verb == "CopyObject":
            await backend.copy("file", "copy", overwrite=True)
        else:
            await backend.read_bytes("file")


async def test_what_a_page_has_twice_counts_once(backend: AsyncS3Backend, proxy: FaultProxy) -> None:
    """RELIABILITY 21: duplicates were listed, and counted, twice."""
    proxy.script(Fault("list-duplicates", verb="ListObjectsV2", count=0))
    assert [str(entry.path) async for entry in backend.list_files("")] == ["file"]
    assert (await backend.get_folder_info("")).file_count == 1


async def test_a_body_that_is_cut_after_every_piece_ends(backend: AsyncS3Backend, proxy: FaultProxy) -> None:
    """RELIABILITY 6: each resume had fresh attempts, so that there were as many requests as pieces."""
    proxy.script(Fault("cut", verb="GetObject", count=0, offset=1000))
    with pytest.raises(OSError, match="Can't reach"):
        await streamed(backend)
    assert proxy.counters().requests["GetObject"] <= 4


@pytest.mark.parametrize("read", [whole, streamed])
async def test_a_transfer_that_gets_on_is_not_given_up(
    backend: AsyncS3Backend, strict: StrictS3, proxy: FaultProxy, read: Any
) -> None:
    """RELIABILITY 6: a MiB of progress gives a transfer its attempts anew; three cuts ended a read of any length."""
    data = os.urandom(9 * MIB)
    strict.put("file", data)
    proxy.script(Fault("cut", verb="GetObject", count=6, offset=int(1.3 * MIB)))
    assert await read(backend) == data
    assert proxy.counters().requests["GetObject"] == 7


@READERS
async def test_a_trickle_is_no_sign_of_life(options: dict[str, Any], proxy: FaultProxy, read: Any) -> None:
    """RELIABILITY 7: a byte now and then kept a stream alive for ever: the timeout began anew with each."""
    proxy.script(Fault("trickle", verb="GetObject", count=0, seconds=0.01))
    options["retry"] = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=0.5)
    async with AsyncS3Backend(**options) as backend:
        with pytest.raises(TimeoutExceeded):
            await read(backend)


async def test_chunks_that_are_none_end_the_answer(
    backend: AsyncS3Backend, strict: StrictS3, proxy: FaultProxy
) -> None:
    """RELIABILITY 10: on asyncio garbage that came after the head left its reader waiting as long as the operation had.

    Whether it comes with the head is left to chance, and so there are many.
    """
    strict.put("d/file", b"x")
    for _ in range(40):
        proxy.script(Fault("chunked", verb="ListObjectsV2"))
        assert [entry.name async for entry in backend.list_files("d")] == ["file"]
        assert proxy.counters().requests == {"ListObjectsV2": 2}


@pytest.mark.parametrize("count", [1, 0])
async def test_an_upload_that_stalls_is_sent_again(
    options: dict[str, Any], strict: StrictS3, proxy: FaultProxy, count: int
) -> None:
    """RELIABILITY 8: on asyncio a stall took all of the operation's time, and left it unknown what had been done."""
    proxy.script(Fault("stall-upload", verb="PutObject", count=count, offset=1000))
    data = os.urandom(32 * MIB)
    impatient = {"config_kwargs": {"read_timeout": 0.5}}
    async with AsyncS3Backend(**options, single_put_max=64 * MIB, client_options=impatient) as backend:
        if count:
            await backend.write("new", data, overwrite=True)
            assert strict.objects["new"].data == data
        else:
            with pytest.raises(TimeoutExceeded, match="3 attempts"):
                await backend.write("new", data, overwrite=True)
            assert "new" not in strict.objects
    assert proxy.counters().struck == {"stall-upload": count or 3}


async def test_an_upload_that_stalled_leaves_no_connection(options: dict[str, Any], proxy: FaultProxy) -> None:
    """RELIABILITY 8: asyncio keeps a connection that is closed until its peer has read what it was still to send."""
    proxy.script(Fault("stall-upload", verb="PutObject", count=0, offset=1000))
    options["retry"] = RetryPolicy(max_attempts=2, backoff_base=0, jitter=0, timeout=1)
    async with AsyncS3Backend(**options, single_put_max=64 * MIB) as backend:
        with pytest.raises(OutcomeUnknown):
            await backend.write("new", bytes(32 * MIB), overwrite=True)
    proxy.script()  # reads on, while this loop stands still and sends nothing more
    assert proxy.wait_idle() == 0


async def test_a_source_that_changed_is_not_a_target_that_exists(
    backend: AsyncS3Backend, strict: StrictS3, proxy: FaultProxy
) -> None:
    """RELIABILITY 20: one 412 answers two conditions; a move said AlreadyExists where nothing was."""

    def replaced(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        strict.put("file", b"another version")
        return carry_out()

    strict.fail("copy", replaced)
    with pytest.raises(PreconditionFailed):
        await backend.move("file", "new")
    assert sorted(strict.objects) == ["file"]


async def test_an_answer_that_comes_twice_answers_one_request(
    options: dict[str, Any], proxy: FaultProxy, strict: StrictS3
) -> None:
    """RELIABILITY 10: the second lay on the connection, and was taken for the next file."""
    strict.put("other", b"other")
    for method in ("exists", "read_bytes", "get_file_info"):
        async with AsyncS3Backend(**options) as backend:
            await backend.exists("file")
            proxy.script(Fault("duplicate"))
            await getattr(backend, method)("file")
            for _ in range(3):
                assert await backend.read_bytes("other") == b"other"
                assert await backend.read_bytes("file") == DATA


async def test_a_server_whose_ids_are_all_the_same_is_understood(options: dict[str, Any], strict: StrictS3) -> None:
    """Not every server that speaks S3 counts its answers; one request is sent twice to find that out."""

    def numbered(request: Any, carry_out: Callable[[], Reply]) -> Reply:
        reply = carry_out()
        reply.headers["x-amz-request-id"] = "1"
        return reply

    strict.fail("head", numbered, times=20)
    async with AsyncS3Backend(**options) as backend:
        for _ in range(5):
            assert await backend.exists("file")
    assert strict.count("head") == 6


def test_a_stream_that_seeks_stays_with_its_version(options: dict[str, Any], strict: StrictS3) -> None:
    """RELIABILITY 12: after a seek the blocking face read whatever version was there by then."""
    data = os.urandom(5 * MIB)
    strict.put("file", data)
    with S3Backend(**options) as backend, backend.read("file") as stream:
        stream.seek(-100, 2)
        assert stream.read() == data[-100:]
        strict.put("file", os.urandom(5 * MIB))
        stream.seek(MIB)
        with pytest.raises(PreconditionFailed):
            stream.read(10)


async def test_a_whole_file_has_no_wrong_range(backend: AsyncS3Backend, proxy: FaultProxy) -> None:
    """RELIABILITY 11: 416 where no range was asked for leaked the wire's own exception."""
    proxy.script(Fault("not-satisfiable", verb="GetObject", count=0))
    with pytest.raises(UnexpectedResponse):
        await backend.read_bytes("file")


@pytest.mark.parametrize("kind", ["empty", "html"])
async def test_a_page_is_no_word_that_something_was_deleted(
    backend: AsyncS3Backend, strict: StrictS3, proxy: FaultProxy, kind: str
) -> None:
    """RELIABILITY 17, 18: any 200 was taken for a delete that was done."""
    strict.put("folder/a", b"a")
    proxy.script(Fault(kind, verb="DeleteObject,DeleteObjects", count=0))
    for call in (lambda: backend.delete("file"), lambda: backend.delete_folder("folder", recursive=True)):
        with pytest.raises(OutcomeUnknown):
            await call()
    proxy.script(Fault(kind, verb="DeleteObject,DeleteObjects"))
    await backend.delete("file")
    await backend.delete_folder("folder", recursive=True)
    assert strict.objects == {}


async def test_a_document_of_entities_is_not_parsed(backend: AsyncS3Backend, proxy: FaultProxy) -> None:
    """RELIABILITY 18: the parser gave up on a billion laughs after a second of computing on the loop."""
    proxy.script(Fault("entities", verb="ListObjectsV2", count=0))
    with pytest.raises(UnexpectedResponse, match="none of S3's"):
        [entry async for entry in backend.list_files("")]


async def test_a_server_may_spell_its_request_ids_otherwise(moto_bucket: Bucket) -> None:
    """moto says x-amzn-requestid: its bulk delete is believed all the same."""
    async with AsyncS3Backend(**moto_bucket.options) as backend:
        for name in "ab":
            await backend.write(f"folder/{name}", b"x", overwrite=True)
        await backend.delete_folder("folder", recursive=True)
        assert moto_bucket.keys() == []
