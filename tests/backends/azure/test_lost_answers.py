"""When an answer is lost: the truth, by the write id that the blob carries (DECISIONS 25)."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from remote_store._core.errors import (
    AlreadyExists,
    BackendUnavailable,
    IntegrityError,
    OutcomeUnknown,
    PreconditionFailed,
    UnexpectedResponse,
)
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.testing.faults import Fault, FaultProxy
from tests.servers.fixtures import Container

pytestmark = pytest.mark.anyio
KIB = 1024
BIG = os.urandom(300 * KIB)


def lost(verb: str, *, done: bool = True, count: int = 1) -> Fault:
    return Fault("reset", verb=verb, done=done, count=count)


@pytest.mark.parametrize(("content", "verb"), [(b"x", "PutBlob"), (BIG, "PutBlockList")], ids=["put", "blocks"])
@pytest.mark.parametrize("done", [True, False])
async def test_a_create_whose_answer_was_lost_is_a_success(
    backend: AsyncAzureBackend, container: Container, proxy: FaultProxy, content: bytes, verb: str, done: bool
) -> None:
    """DECISIONS 25: 409 BlobAlreadyExists on our own blob is no AlreadyExists; its id is in no model."""
    proxy.script(lost(verb, done=done))
    result = await backend.write("file", content)
    assert container.peek("file") == content
    info = await backend.get_file_info("file")
    assert (info.etag, info.metadata) == (result.etag, {})
    assert "rs_write_id" in container.client.get_blob_client("file").get_blob_properties().metadata


async def test_a_swap_whose_answer_was_lost_is_a_success(
    backend: AsyncAzureBackend, container: Container, proxy: FaultProxy
) -> None:
    """DECISIONS 25: 412 on our own etag is no PreconditionFailed."""
    first = await backend.write("file", b"old")
    proxy.script(lost("PutBlob"))
    second = await backend.write("file", b"new", if_match=first.etag)
    assert (await backend.get_file_info("file")).etag == second.etag
    assert container.peek("file") == b"new"


async def test_a_create_of_somebody_else_is_already_exists(
    backend: AsyncAzureBackend, options: dict[str, Any], container: Container, proxy: FaultProxy
) -> None:
    """DECISIONS 25: another id there is another writer's; no id there leaves the outcome unknown."""
    async with AsyncAzureBackend(**container.options) as other:
        await other.write("theirs", b"theirs")
    container.poke("plain", b"somebody's")
    for key, wanted in (("theirs", AlreadyExists), ("plain", OutcomeUnknown)):
        proxy.script(lost("PutBlob", done=False))
        with pytest.raises(wanted):
            await backend.write(key, b"ours")


async def test_a_delete_whose_answer_was_lost_is_a_success(
    backend: AsyncAzureBackend, container: Container, proxy: FaultProxy
) -> None:
    """DECISIONS 25: gone is done."""
    container.poke("file", b"x")
    proxy.script(lost("DeleteBlob"))
    await backend.delete("file")
    assert container.keys() == []


async def test_an_unconditional_write_without_any_answer_is_unknown(
    backend: AsyncAzureBackend, proxy: FaultProxy
) -> None:
    """RELIABILITY 19: nobody can say."""
    proxy.script(lost("PutBlob", done=False, count=0))
    with pytest.raises(OutcomeUnknown):
        await backend.write("file", b"x", overwrite=True)


async def test_a_block_without_any_answer_leaves_nothing_in_doubt(
    backend: AsyncAzureBackend, container: Container, proxy: FaultProxy
) -> None:
    """Nothing is visible before the commit: BackendUnavailable, not OutcomeUnknown."""
    proxy.script(lost("PutBlock", count=0))
    with pytest.raises(BackendUnavailable) as raised:
        await backend.write("file", BIG)
    assert not isinstance(raised.value, OutcomeUnknown)
    assert container.keys() == []


async def test_a_flipped_bit_on_the_way_up_is_sent_again_where_md5_is_asked_for(
    options: dict[str, Any], container: Container, proxy: FaultProxy
) -> None:
    """DECISIONS 27: checksum="md5" sends an MD5 with each request, which the service checks, and keeps the whole's."""
    import hashlib

    async with AsyncAzureBackend(**options, checksum="md5") as backend:
        for key, content, verb in (("small", BIG[: 10 * KIB], "PutBlob"), ("big", BIG, "PutBlock")):
            proxy.script(Fault("flip-up", verb=verb))
            await backend.write(key, content)
            assert container.peek(key) == content
            properties = container.client.get_blob_client(key).get_blob_properties()
            assert bytes(properties.content_settings.content_md5) == hashlib.md5(content).digest()


async def test_a_flipped_bit_on_the_way_down_is_found(
    backend: AsyncAzureBackend, container: Container, proxy: FaultProxy
) -> None:
    """DECISIONS 27: a blob that carries an MD5; a whole read is tried once more, a stream raises at its end."""
    container.poke("file", BIG[: 100 * KIB])
    proxy.script(Fault("flip-down", verb="GetBlob"))
    assert await backend.read_bytes("file") == BIG[: 100 * KIB]
    proxy.script(Fault("flip-down", verb="GetBlob", count=0))
    with pytest.raises(IntegrityError):
        await backend.read_bytes("file")
    with pytest.raises(IntegrityError):
        async for _ in backend.read("file"):
            pass


async def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(
    backend: AsyncAzureBackend, container: Container, proxy: FaultProxy
) -> None:
    """RELIABILITY 12: what was handed out is not continued with another version."""
    container.poke("file", BIG)
    proxy.script(Fault("cut", verb="GetBlob", offset=200 * KIB))
    async with aclosing(backend.read("file")) as chunks:
        got = await anext(chunks)
        container.poke("file", bytes(len(BIG)))
        with pytest.raises(PreconditionFailed):
            async for chunk in chunks:
                got += chunk
    assert BIG.startswith(got)


async def test_throttling_is_retried_and_then_told(
    backend: AsyncAzureBackend, container: Container, proxy: FaultProxy
) -> None:
    """RELIABILITY 14: within the policy's attempts, and "throttled" in the text."""
    container.poke("file", b"x")
    proxy.script(Fault("error", verb="GetBlob", count=2, argument="503 ServerBusy"))
    assert await backend.read_bytes("file") == b"x"
    proxy.script(Fault("error", verb="GetBlob", count=0, argument="503 ServerBusy"))
    with pytest.raises(BackendUnavailable, match="throttled"):
        await backend.read_bytes("file")
    assert len(proxy.log()) == 3
    proxy.script(Fault("error", verb="GetBlob", count=0, argument="503 ServerBusy", seconds=600))
    with pytest.raises(BackendUnavailable, match="throttled"):
        await backend.read_bytes("file")
    assert len(proxy.log()) == 1  # nobody waits for ten minutes


async def test_a_listing_that_goes_round_in_a_circle_ends(
    backend: AsyncAzureBackend, container: Container, proxy: FaultProxy
) -> None:
    """RELIABILITY 21: never an endless loop, never lost or doubled keys."""
    container.poke("file", b"x")
    for kind in ("list-repeat", "list-loop"):
        proxy.script(Fault(kind, verb="ListBlobs", count=0))
        with pytest.raises(UnexpectedResponse):
            _ = [info async for info in backend.list_files("")]
    # The page that the proxy has kept repeats another request's id: refused, which is better than a file too few.
    proxy.script(Fault("list-empty-page", verb="ListBlobs"))
    with pytest.raises(UnexpectedResponse, match="another request"):
        _ = [info async for info in backend.list_files("")]


# What is cancelled or fails (CONTRACT 51, 110)


async def blocks(pieces: int, *, fails: bool = False) -> AsyncGenerator[bytes, None]:
    for _ in range(pieces):
        yield bytes(64 * KIB)
    if fails:
        raise RuntimeError("the source failed")


@pytest.mark.parametrize("content", [b"", b"small", BIG], ids=["empty", "small", "blocks"])
async def test_a_source_that_fails_leaves_nothing(
    backend: AsyncAzureBackend, container: Container, content: bytes
) -> None:
    """Issue 7: blocks left uncommitted are invisible, and the next write goes over them."""
    async with aclosing(blocks(8, fails=True)) as source:
        with pytest.raises(RuntimeError, match="the source failed"):
            await backend.write("file", source)
    assert container.keys() == []
    assert not await backend.exists("file")
    assert await backend.list_uploads() == [("file", "blocks")]
    await backend.write("file", content)
    assert container.peek("file") == content
    assert await backend.list_uploads() == []
    with pytest.raises(AlreadyExists):
        await backend.write("file", content)


async def test_blocks_are_discarded_on_request(backend: AsyncAzureBackend, container: Container) -> None:
    """DECISIONS 23: as far as the service tells of them."""
    async with aclosing(blocks(4, fails=True)) as source:
        with pytest.raises(RuntimeError):
            await backend.write("d/file", source)
    container.poke("d/kept", b"x")
    assert await backend.list_uploads("d") == [("d/file", "blocks")]
    assert await backend.abort_uploads(older_than=3600) == 0
    assert await backend.abort_uploads(older_than=0, prefix="other") == 0
    assert await backend.abort_uploads(older_than=0) == 1
    assert await backend.list_uploads() == []
    assert container.blocks("d/file") == []
    assert container.keys() == ["d/kept"]


@pytest.mark.parametrize("number", range(1, 7))
async def test_a_write_that_is_cancelled_at_any_request_leaves_nothing_visible(
    backend: AsyncAzureBackend, container: Container, proxy: FaultProxy, number: int
) -> None:
    """Issue 7: cancelled while the service has any of its requests in hand; the old file stays whole."""
    container.poke("kept", b"old")
    proxy.script(Fault("blackhole", nth=number, count=0))
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def cancel() -> None:
                while len(proxy.log()) < number:
                    await anyio.sleep(0.01)
                scope.cancel()

            group.start_soon(cancel)
            await backend.write("kept", BIG, overwrite=True)
    assert scope.cancelled_caught
    proxy.script()
    assert container.peek("kept") == b"old"
    await backend.write("after", b"works")


@pytest.mark.parametrize("width", [7, 20, 45, 48])
async def test_blocks_that_others_left_behind_are_written_over(
    backend: AsyncAzureBackend, container: Container, width: int
) -> None:
    """Issue 7: all ids of a blob's blocks must be of one length, also those of other programs' interrupted writes."""
    import base64

    client = container.client.get_blob_client("file")
    # The SDK encodes it once more.
    client.stage_block(base64.b64encode(bytes(width)).decode(), b"left over")
    await backend.write("file", BIG)
    assert container.peek("file") == BIG
