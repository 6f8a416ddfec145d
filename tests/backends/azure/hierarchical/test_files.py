"""Azure with a hierarchical namespace, on a fake account: requests, lost answers, races, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest
from azure.storage import filedatalake as datalake

from remote_store import checkpoint
from remote_store._core.errors import (
    AlreadyExists,
    CapabilityNotSupported,
    IntegrityError,
    InvalidPath,
    OutcomeUnknown,
    PreconditionFailed,
    ResourceLocked,
)
from remote_store._core.options import WriteOptions
from remote_store._http import retrying
from remote_store._store._sync.store import Store
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.backends.azure.sync import AzureBackend
from remote_store.testing.case import Pieces
from tests.servers.dfs import FakeAccount, Filesystem
from tests.servers.dfs.asked import Answer, Asked

pytestmark = pytest.mark.anyio

KIB = 1024


def pieces(count: int, error: BaseException | None = None) -> Pieces:
    """Content of so many blocks; then the error, if there is one."""
    return Pieces(*(bytes([number % 251]) * 64 * KIB for number in range(count)), error=error)


def lost(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
    """Carry a request out and lose its answer."""
    carry_out()
    raise ConnectionResetError


# Requests


async def test_requests_are_few(filesystem: Filesystem, backend: AsyncAzureBackend) -> None:
    """DECISIONS 29, where directories are real."""
    counts: dict[str, dict[str, int]] = {}

    async def counted(name: str, call: Any) -> None:
        before = dict(backend.wire.sent)
        await call
        counts[name] = {
            verb: count - before.get(verb, 0)
            for verb, count in backend.wire.sent.items()
            if count != before.get(verb, 0)
        }

    await counted("write", backend.write("d/a", b"x"))
    await counted("write_atomic", backend.write_atomic("d/b", b"x"))
    await counted("write of a stream", backend.write("d/c", pieces(3)))
    await counted("read_bytes", backend.read_bytes("d/a"))
    await counted("exists", backend.exists("d"))
    await counted("move", backend.move("d/a", "d/z"))
    await counted("move into a new folder", backend.move("d/z", "new/deep/z"))
    await counted("copy", backend.copy("d/b", "d/b2"))
    await counted("delete", backend.delete("d/b2"))
    await counted("delete_folder", backend.delete_folder("d", recursive=True))
    by_rename = {"CreateFile": 1, "AppendData": 1, "FlushData": 1, "RenameFile": 1, "GetBlobProperties": 1}
    assert counts == {
        "write": {"PutBlob": 1},
        "write_atomic": by_rename,
        "write of a stream": {**by_rename, "AppendData": 3},
        "read_bytes": {"GetBlob": 1},
        "exists": {"GetBlobProperties": 1},
        "move": {"GetBlobProperties": 1, "RenameFile": 1},
        "move into a new folder": {"GetBlobProperties": 1, "RenameFile": 2, "CreateDirectory": 1},
        "copy": {"GetBlobProperties": 1, "CopyBlob": 1},
        "delete": {"GetBlobProperties": 1, "DeleteBlob": 1},
        "delete_folder": {"GetBlobProperties": 1, "DeleteDirectory": 1},
    }


# Directories


async def test_a_directory_is_not_deleted_as_a_file(filesystem: Filesystem, backend: AsyncAzureBackend) -> None:
    """The service would delete an empty directory for a file; `delete` does not."""
    filesystem.poke("d/f", b"x")
    await backend.delete("d/f")
    with pytest.raises(InvalidPath, match="is a directory"):
        await backend.delete("d")
    assert await backend.is_folder("d")


async def test_a_file_that_becomes_a_directory_is_not_deleted(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
    """Between the look at a file and its deletion a directory takes its place: it stays, and is told of."""

    def overtaken(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        filesystem.tree.nodes["f"] = filesystem.tree.new(directory=True)
        return carry_out()

    filesystem.poke("f", b"x")
    account.fail("delete", overtaken)
    with pytest.raises(InvalidPath, match="is a directory"):
        await backend.delete("f")
    assert await backend.is_folder("f")


async def test_a_file_that_is_replaced_is_deleted(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
    """The newer file goes, after another look; where that never ends, the caller hears so."""

    def overtaken(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        filesystem.poke("f", b"newer")
        return carry_out()

    filesystem.poke("f", b"x")
    account.fail("delete", overtaken, times=2)
    await backend.delete("f")
    assert filesystem.files() == []
    filesystem.poke("f", b"x")
    account.fail("delete", overtaken, times=8)
    with pytest.raises(PreconditionFailed):
        await backend.delete("f")


async def test_directories_above_a_copy_are_no_files(filesystem: Filesystem, options: dict[str, Any]) -> None:
    """CONTRACT 44: `reject_write_under_file_ancestor` is about files; a directory may hold a copy."""
    filesystem.poke("d/a", b"x")
    async with AsyncAzureBackend(**options, reject_write_under_file_ancestor=True) as backend:
        await backend.copy("d/a", "d/b")
        assert filesystem.peek("d/b") == b"x"
        with pytest.raises(InvalidPath, match="is a regular file"):
            await backend.copy("d/a", "d/a/b")


async def test_the_mark_of_a_directory_is_hidden(filesystem: Filesystem, backend: AsyncAzureBackend) -> None:
    """CONTRACT 156: hdi_isfolder is in nobody's metadata, and nobody can give it."""
    await backend.write("d/f", b"x", metadata={"who": "me"})
    assert (await backend.get_file_info("d/f")).metadata == {"who": "me"}
    with pytest.raises(InvalidPath):
        await backend.get_file_info("d")
    with pytest.raises(ValueError, match="hdi_isfolder"):
        await backend.write("g", b"x", metadata={"hdi_isfolder": "true"})


async def test_options_of_a_stream_are_kept_or_refused(filesystem: Filesystem, backend: AsyncAzureBackend) -> None:
    """Headers and metadata travel through the temporary file; what can't is refused by name."""
    options = WriteOptions(content_type="text/x-own", cache_control="no-store")
    await backend.write_atomic("f", pieces(2), metadata={"who": "me"}, options=options)
    node = filesystem.tree.nodes["f"]
    assert (node.headers["content-type"], node.headers["cache-control"]) == ("text/x-own", "no-store")
    assert (await backend.get_file_info("f")).metadata == {"who": "me"}
    with pytest.raises(CapabilityNotSupported, match="tags"):
        await backend.write_atomic("g", b"x", options=WriteOptions(tags={"a": "b"}))
    assert filesystem.files() == ["f"]


async def test_the_md5_of_a_stream_is_kept(filesystem: Filesystem, options: dict[str, Any]) -> None:
    """DECISIONS 27: with `checksum="md5"` the file carries the whole's, and a read compares it."""
    async with AsyncAzureBackend(**options, checksum="md5") as backend:
        result = await backend.write_atomic("f", pieces(3))
        assert result.digest is not None
        assert result.digest == (await backend.get_file_info("f")).digest
        node = filesystem.tree.nodes["f"]
        node.data = b"!" + node.data[1:]
        with pytest.raises(IntegrityError):
            await backend.read_bytes("f")


async def test_the_reason_of_the_service_is_told(account: FakeAccount, backend: AsyncAzureBackend) -> None:
    """The Data Lake endpoint tells it in JSON; what follows its first line is left out."""
    body = json.dumps({"error": {"code": "LeaseIdMissing", "message": "A lease is on it.\nRequestId:1"}}).encode()
    account.fail("create", lambda asked, carry_out: Answer(412, {"x-ms-error-code": "LeaseIdMissing"}, body))
    with pytest.raises(ResourceLocked, match=r"412 LeaseIdMissing: A lease is on it\. "):
        await backend.write_atomic("f", b"x")


# A write is whole or not at all


@pytest.mark.parametrize("verb", ["create", "append", "flush", "rename"])
async def test_a_failed_request_leaves_the_target(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend, verb: str
) -> None:
    """Wherever a write fails, the target is as it was and nothing hidden is left."""
    filesystem.poke("f", b"old")
    account.fail(verb, lambda asked, carry_out: Answer(403, {"x-ms-error-code": "AuthorizationFailure"}))
    with pytest.raises(PermissionError):
        await backend.write_atomic("f", pieces(3), overwrite=True)
    assert filesystem.files() == ["f"]
    assert filesystem.peek("f") == b"old"


async def test_a_failing_source_leaves_the_target(filesystem: Filesystem, backend: AsyncAzureBackend) -> None:
    """A source that raises in the middle commits nothing."""
    filesystem.poke("f", b"old")
    with pytest.raises(RuntimeError, match="the source"):
        await backend.write("f", pieces(5, RuntimeError("the source")), overwrite=True)
    assert filesystem.files() == ["f"]
    assert filesystem.peek("f") == b"old"


async def test_a_cancelled_write_leaves_nothing(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
    """Cancelled between append and flush: the temporary file is removed under a shield."""
    with anyio.CancelScope() as scope:

        async def endless() -> AsyncIterator[bytes]:
            async for piece in pieces(8):
                yield piece
            scope.cancel()
            await anyio.lowlevel.checkpoint()

        await backend.write("f", endless())
    assert scope.cancelled_caught
    assert filesystem.files() == []
    await backend.write("f", b"the pool is usable")


async def test_a_write_cancelled_while_its_file_is_made_leaves_nothing(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
    """The service makes the temporary file after the cancellation: its answer is heard, then it is removed."""
    token = anyio.lowlevel.current_token()
    asked_again = threading.Event()

    def late(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        anyio.from_thread.run_sync(scope.cancel, token=token)
        asked_again.wait(0.2)  # set by a removal that did not wait for this answer
        return carry_out()

    def removal(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        try:
            return carry_out()
        finally:
            asked_again.set()

    account.fail("create", late)
    account.fail("delete", removal)
    with anyio.CancelScope() as scope:
        await backend.write_atomic("f", b"x")
    assert scope.cancelled_caught
    assert asked_again.is_set()
    assert filesystem.files() == []


@pytest.mark.parametrize("verb", ["create", "append", "flush", "rename"])
@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_lost_answer_is_found_out(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend, verb: str, overwrite: bool
) -> None:
    """DECISIONS 25: what was done is success, though its answer was lost and its repetition refused."""
    account.fail(verb, lost)
    result = await backend.write_atomic("f", pieces(3), overwrite=overwrite)
    assert result.size == 3 * 64 * KIB
    assert result.etag == (await backend.get_file_info("f")).etag
    assert filesystem.files() == ["f"]


async def test_a_lost_rename_is_not_taken_for_another_ones(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
    """Somebody else's file at the target, ours not renamed: AlreadyExists, and it stays theirs."""

    def overtaken(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        filesystem.poke("f", b"theirs")
        raise ConnectionResetError

    account.fail("rename", overtaken)
    with pytest.raises(AlreadyExists):
        await backend.write_atomic("f", b"ours")
    assert filesystem.files() == ["f"]
    assert filesystem.peek("f") == b"theirs"


async def test_a_condition_is_checked_by_the_rename(filesystem: Filesystem, backend: AsyncAzureBackend) -> None:
    """`if_match` reaches the request that decides."""
    first = await backend.write("f", b"1")
    await backend.write_atomic("f", b"2", if_match=first.etag)
    with pytest.raises(PreconditionFailed):
        await backend.write_atomic("f", b"3", if_match=first.etag)
    assert filesystem.peek("f") == b"2"
    assert filesystem.files() == ["f"]


# Moves


async def test_a_lost_move_is_found_out(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
    """The mark that a write leaves tells that the file at the target is the one that was moved."""
    await backend.write_atomic("a", b"x")
    account.fail("rename", lost)
    await backend.move("a", "b")
    assert filesystem.files() == ["b"]


async def test_a_lost_move_without_a_mark_is_told_as_it_is(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
    """A file that others wrote carries no mark: the outcome is unknown, and nothing is guessed."""
    filesystem.poke("a", b"x")
    account.fail("rename", lost)
    with pytest.raises(OutcomeUnknown):
        await backend.move("a", "b")
    assert filesystem.files() == ["b"]


async def test_a_lost_move_that_was_not_done_is_told_as_it_is(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
    """The request was lost before it arrived, and its repetition refused: the source tells that nothing was done."""

    def dropped(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        raise ConnectionResetError

    filesystem.poke("a", b"x")
    filesystem.poke("b", b"theirs")
    account.fail("rename", dropped)
    with pytest.raises(AlreadyExists):
        await backend.move("a", "b")
    assert filesystem.peek("b") == b"theirs"


@pytest.mark.parametrize("verb", ["rename", "copy"])
async def test_a_source_that_changes_is_no_target_that_exists(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend, verb: str
) -> None:
    """The condition on the source is lost, not the one on the target."""

    def overtaken(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        filesystem.poke("a", b"newer")
        return carry_out()

    filesystem.poke("a", b"x")
    account.fail(verb, overtaken)
    with pytest.raises(PreconditionFailed, match="source"):
        await (backend.move if verb == "rename" else backend.copy)("a", "b")
    assert filesystem.files() == ["a"]


@pytest.mark.parametrize("operation", ["exists", "is_folder", "delete", "move", "copy"])
async def test_an_operation_has_one_deadline(
    account: FakeAccount, filesystem: Filesystem, options: dict[str, Any], operation: str
) -> None:
    """DECISIONS 24: all requests of an operation share one."""
    ends: list[float | None] = []
    filesystem.poke("a", b"x")
    async with AsyncAzureBackend(**options) as backend:
        send = backend._core.wire.head

        async def head(key: str) -> Any:
            ends.append(retrying._operation.get())
            return await send(key)

        backend._core.wire.head = head  # type: ignore[method-assign,assignment]
        await getattr(backend, operation)(*["a", "b"][: 2 if operation in ("move", "copy") else 1])
    assert ends
    assert None not in ends


async def test_of_twenty_movers_onto_one_name_one_wins(filesystem: Filesystem, backend: AsyncAzureBackend) -> None:
    """A rename race without `overwrite`: the service decides, the others keep their files."""
    for number in range(20):
        filesystem.poke(f"from/{number}", str(number).encode())
    won: list[int] = []

    async def move(number: int) -> None:
        try:
            await backend.move(f"from/{number}", "to")
        except AlreadyExists:
            return
        won.append(number)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(move, number)
    assert len(won) == 1
    assert filesystem.peek("to") == str(won[0]).encode()
    assert len(filesystem.files()) == 20


# Kills

CHILD = """
import sys, json
from remote_store.backends.azure.sync import AzureBackend
def chunks():
    for number in range(4):
        yield b"n" * 65536
backend = AzureBackend(**json.loads(sys.argv[1]))
print("ready", flush=True)
backend.write_atomic("d/f", chunks(), overwrite=True)
"""


@pytest.mark.parametrize("verb", ["append", "flush", "rename"])
def test_a_kill_leaves_the_target_as_it_was(
    account: FakeAccount, filesystem: Filesystem, options: dict[str, Any], verb: str
) -> None:
    """SIGKILL between append and flush, and between flush and rename; `abort_uploads` finds what it left."""
    filesystem.poke("d/f", b"old")
    killed: list[int] = []

    def kill(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        if verb == "append":
            carry_out()
        os.kill(child.pid, signal.SIGKILL)
        killed.append(child.wait())
        raise ConnectionResetError

    account.fail(verb, kill)
    given = {**filesystem.options, "hns": True, "block_size": 64 * KIB, "max_concurrency": 1}
    child = subprocess.Popen([sys.executable, "-c", CHILD, json.dumps(given)], stdout=subprocess.PIPE)
    with child:
        assert child.wait() == -signal.SIGKILL
    assert filesystem.peek("d/f") == b"old"
    with AzureBackend(**options) as backend:
        assert [str(entry.path) for entry in backend.list_files("", recursive=True)] == ["d/f"]
        assert [kind for _, kind in backend.list_uploads()] == ["temporary"]
        assert backend.abort_uploads(3600) == 0
        assert backend.abort_uploads(0) == 1
    assert filesystem.files() == ["d/f"]


# The account


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"account_name": "me"}, "https://me.dfs.core.windows.net"),
        ({"account_url": "https://me.dfs.core.chinacloudapi.cn"}, "https://me.dfs.core.chinacloudapi.cn"),
        ({"account_url": "https://me.z6.blob.storage.azure.net/"}, "https://me.z6.dfs.storage.azure.net"),
        ({"account_url": "http://127.0.0.1:10000/me"}, "http://127.0.0.1:10000/me"),
        ({"connection_string": "AccountName=me;AccountKey=a2V5;DfsEndpoint=http://h:1/me"}, "http://h:1/me"),
        ({"connection_string": "AccountName=me;AccountKey=a2V5"}, "https://me.dfs.core.windows.net"),
    ],
)
def test_the_other_endpoint_is_known_by_the_first(given: dict[str, Any], url: str) -> None:
    """The Data Lake endpoint stands beside the blob endpoint, in every cloud, or where a connection string says."""
    backend = AsyncAzureBackend("c", **{"account_key": "a2V5", "account_name": "me"} | given)
    assert backend._config.account.dfs_url == url


def test_the_sdk_is_one_call_away(filesystem: Filesystem, options: dict[str, Any]) -> None:
    """CONTRACT 156: unwrap(FileSystemClient) gives the SDK's client, at the Data Lake endpoint."""
    with AzureBackend(**options) as backend, backend.unwrap(datalake.FileSystemClient) as client:
        backend.write("d/f", b"x")
        assert [path.name for path in client.get_paths()] == ["d", "d/f"]


# Checkpoints


@pytest.fixture(params=["fake", "real"])
def kept(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """What a backend is made with, on the fake, and on a real account where there is one."""
    if request.param == "fake":
        yield request.getfixturevalue("options")
        return
    connection = os.environ.get("AZURE_HNS_CONNECTION_STRING")
    if not connection:
        pytest.skip("no real account: AZURE_HNS_CONNECTION_STRING is not set")
    name = f"remote-store-test-{os.getpid()}"
    with datalake.DataLakeServiceClient.from_connection_string(connection) as service:
        service.create_file_system(name)
        yield {"container": name, "connection_string": connection}
        service.delete_file_system(name)


def test_checkpoints_are_kept_by_it(kept: dict[str, Any]) -> None:
    """A manager saves and loads, and keeps the newest."""
    with Store(AzureBackend(**kept)) as store, checkpoint.CheckpointManager(store, "run", keep_last=2) as manager:
        for step in range(4):
            manager.save({"weights": bytes([step]) * 300_000, "note": {"step": step}}, step=step)
        latest = manager.latest()
        assert latest is not None
        assert latest.step == 3
        assert bytes(manager.load()["weights"]) == bytes([3]) * 300_000
        assert [each.step for each in manager.list()] == [2, 3]
