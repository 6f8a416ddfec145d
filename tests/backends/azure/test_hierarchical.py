"""Azure with a hierarchical namespace, on a fake account: requests, lost answers, races, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest
from azure.storage import filedatalake as datalake

from remote_store import checkpoint
from remote_store._core.capability import Capability
from remote_store._core.errors import (
    AlreadyExists,
    BackendUnavailable,
    CapabilityNotSupported,
    InvalidPath,
    OutcomeUnknown,
    PreconditionFailed,
    UnexpectedResponse,
)
from remote_store._core.options import WriteOptions
from remote_store._core.retry import RetryPolicy
from remote_store._store._sync.store import Store
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.backends.azure.sync import AzureBackend
from remote_store.testing.case import Pieces
from tests.servers.dfs import FakeAccount, Shelf, fake_account
from tests.servers.dfs.asked import Answer, Asked

pytestmark = pytest.mark.anyio

KIB = 1024
AT_ONCE = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=20)


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    """A fake account."""
    with fake_account() as running:
        yield running


@pytest.fixture
def shelf(account: FakeAccount) -> Shelf:
    """Its filesystem."""
    return account.filesystem("fs")


@pytest.fixture
def options(shelf: Shelf) -> dict[str, Any]:
    """What a backend on it is made with: small blocks, no pauses."""
    sizes = {"block_size": 64 * KIB, "single_put_max": 128 * KIB, "max_concurrency": 4}
    return {**shelf.options, **sizes, "hns": True, "retry": AT_ONCE}


@pytest.fixture
async def backend(options: dict[str, Any]) -> AsyncIterator[AsyncAzureBackend]:
    """A backend on the fake."""
    async with AsyncAzureBackend(**options) as backend:
        yield backend


def pieces(count: int, error: BaseException | None = None) -> Pieces:
    """Content of so many blocks; then the error, if there is one."""
    return Pieces(*(bytes([number % 251]) * 64 * KIB for number in range(count)), error=error)


def lost(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
    """Carry a request out and lose its answer."""
    carry_out()
    raise ConnectionResetError


# Which namespace


async def test_the_account_is_asked_once(account: FakeAccount, options: dict[str, Any]) -> None:
    """CONTRACT 156: hns=None finds out at the first use, however many calls begin together; ATOMIC_MOVE comes with it."""
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        assert Capability.ATOMIC_MOVE not in backend.capabilities
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(backend.exists, f"missing/{number}")
        assert backend.wire.sent["GetAccountInfo"] == 1
        assert Capability.ATOMIC_MOVE in backend.capabilities
        assert [entry async for entry in backend.list_files("")] == []


async def test_a_listing_may_be_what_asks(shelf: Shelf, options: dict[str, Any]) -> None:
    """A listing is made before anything is known, and asks with its first page."""
    shelf.poke("a/b", b"x")
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        assert [str(entry.path) async for entry in backend.list_folders("")] == ["a"]
        assert backend.wire.sent == {"GetAccountInfo": 1, "ListPaths": 1}


async def test_what_may_not_be_asked_is_taken_as_flat(account: FakeAccount, options: dict[str, Any]) -> None:
    """Credentials that may not see the account may still read blobs: the flat face serves them."""

    def refused(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        return Answer(403, {"x-ms-error-code": "AuthorizationPermissionMismatch"})

    account.fail("account", refused)
    account.filesystem("fs").poke("f", b"x")
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        assert await backend.read_bytes("f") == b"x"
        assert await backend.is_file("f")
        assert Capability.ATOMIC_MOVE not in backend.capabilities


async def test_an_outage_is_no_answer(account: FakeAccount, options: dict[str, Any]) -> None:
    """The namespace is not guessed where the account can't be reached: the next call asks again."""
    account.fail("account", lambda asked, carry_out: Answer(503, {"x-ms-error-code": "ServerBusy"}), times=3)
    async with AsyncAzureBackend(**{**options, "hns": None}) as backend:
        with pytest.raises(BackendUnavailable):
            await backend.exists("f")
        assert not await backend.exists("f")
        assert Capability.ATOMIC_MOVE in backend.capabilities


# Requests


async def test_requests_are_few(shelf: Shelf, backend: AsyncAzureBackend) -> None:
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


async def test_the_service_prunes_a_listing_by_depth(shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """With `max_depth` only the directories down to it are asked for; the thousand files below never travel."""
    for number in range(1000):
        shelf.poke(f"a/b/c/d/{number}", b"")
    shelf.poke("a/f", b"")
    shelf.poke("a/b/g", b"")
    found = [str(entry.path) async for entry in backend.list_files("", recursive=True, max_depth=2)]
    assert sorted(found) == ["a/b/g", "a/f"]
    assert backend.wire.sent == {"ListPaths": 3}


async def test_a_folder_goes_page_by_page(account: FakeAccount, shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """A recursive deletion follows the service's continuations to the end."""
    account.paths.delete_page = 10
    for number in range(35):
        shelf.poke(f"d/{number}", b"")
    await backend.delete_folder("d", recursive=True)
    assert shelf.tree.nodes == {}
    assert backend.wire.sent["DeleteDirectory"] == 4


async def test_a_listing_in_a_circle_ends(account: FakeAccount, shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """RELIABILITY 21: a continuation that repeats is no listing."""

    def again(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        return Answer(200, {"x-ms-continuation": "same"}, json.dumps({"paths": []}).encode())

    account.fail("list", again, times=2)
    with pytest.raises(UnexpectedResponse, match="circle"):
        [entry async for entry in backend.list_files("")]


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b"", b'{"paths": [{"name": 3}]}', b'{"paths": [{"name": "a", "contentLength": "x"}]}']
)
async def test_no_listing_is_no_empty_listing(account: FakeAccount, backend: AsyncAzureBackend, body: bytes) -> None:
    """RELIABILITY 18: a page that is no listing raises, whatever its status says."""
    account.fail("list", lambda asked, carry_out: Answer(200, {}, body), times=3)
    with pytest.raises(UnexpectedResponse):
        [entry async for entry in backend.list_files("")]


# Directories


async def test_a_directory_is_not_deleted_as_a_file(shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """The service would delete an empty directory for a file; `delete` does not."""
    shelf.poke("d/f", b"x")
    await backend.delete("d/f")
    with pytest.raises(InvalidPath, match="is a directory"):
        await backend.delete("d")
    assert await backend.is_folder("d")


async def test_the_mark_of_a_directory_is_hidden(shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """CONTRACT 156: hdi_isfolder is in nobody's metadata, and nobody can give it."""
    await backend.write("d/f", b"x", metadata={"who": "me"})
    assert (await backend.get_file_info("d/f")).metadata == {"who": "me"}
    with pytest.raises(InvalidPath):
        await backend.get_file_info("d")
    with pytest.raises(ValueError, match="hdi_isfolder"):
        await backend.write("g", b"x", metadata={"hdi_isfolder": "true"})


async def test_options_of_a_stream_are_kept_or_refused(shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """Headers and metadata travel through the temporary file; what can't is refused by name."""
    options = WriteOptions(content_type="text/x-own", cache_control="no-store")
    await backend.write_atomic("f", pieces(2), metadata={"who": "me"}, options=options)
    node = shelf.tree.nodes["f"]
    assert (node.headers["content-type"], node.headers["cache-control"]) == ("text/x-own", "no-store")
    assert (await backend.get_file_info("f")).metadata == {"who": "me"}
    with pytest.raises(CapabilityNotSupported, match="tags"):
        await backend.write_atomic("g", b"x", options=WriteOptions(tags={"a": "b"}))
    assert shelf.files() == ["f"]


# A write is whole or not at all


@pytest.mark.parametrize("verb", ["create", "append", "flush", "rename"])
async def test_a_failed_request_leaves_the_target(
    account: FakeAccount, shelf: Shelf, backend: AsyncAzureBackend, verb: str
) -> None:
    """Wherever a write fails, the target is as it was and nothing hidden is left."""
    shelf.poke("f", b"old")
    account.fail(verb, lambda asked, carry_out: Answer(403, {"x-ms-error-code": "AuthorizationFailure"}))
    with pytest.raises(PermissionError):
        await backend.write_atomic("f", pieces(3), overwrite=True)
    assert shelf.files() == ["f"]
    assert shelf.peek("f") == b"old"


async def test_a_failing_source_leaves_the_target(shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """A source that raises in the middle commits nothing."""
    shelf.poke("f", b"old")
    with pytest.raises(RuntimeError, match="the source"):
        await backend.write("f", pieces(5, RuntimeError("the source")), overwrite=True)
    assert shelf.files() == ["f"]
    assert shelf.peek("f") == b"old"


async def test_a_cancelled_write_leaves_nothing(account: FakeAccount, shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """Cancelled between append and flush: the temporary file is removed under a shield."""
    with anyio.CancelScope() as scope:

        async def endless() -> AsyncIterator[bytes]:
            async for piece in pieces(8):
                yield piece
            scope.cancel()
            await anyio.lowlevel.checkpoint()

        await backend.write("f", endless())
    assert scope.cancelled_caught
    assert shelf.files() == []
    await backend.write("f", b"the pool is usable")


@pytest.mark.parametrize("verb", ["create", "append", "flush", "rename"])
@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_lost_answer_is_found_out(
    account: FakeAccount, shelf: Shelf, backend: AsyncAzureBackend, verb: str, overwrite: bool
) -> None:
    """DECISIONS 25: what was done is success, though its answer was lost and its repetition refused."""
    account.fail(verb, lost)
    result = await backend.write_atomic("f", pieces(3), overwrite=overwrite)
    assert result.size == 3 * 64 * KIB
    assert result.etag == (await backend.get_file_info("f")).etag
    assert shelf.files() == ["f"]


async def test_a_lost_rename_is_not_taken_for_another_ones(
    account: FakeAccount, shelf: Shelf, backend: AsyncAzureBackend
) -> None:
    """Somebody else's file at the target, ours not renamed: AlreadyExists, and it stays theirs."""

    def overtaken(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        shelf.poke("f", b"theirs")
        raise ConnectionResetError

    account.fail("rename", overtaken)
    with pytest.raises(AlreadyExists):
        await backend.write_atomic("f", b"ours")
    assert shelf.files() == ["f"]
    assert shelf.peek("f") == b"theirs"


async def test_a_condition_is_checked_by_the_rename(shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """`if_match` reaches the request that decides."""
    first = await backend.write("f", b"1")
    await backend.write_atomic("f", b"2", if_match=first.etag)
    with pytest.raises(PreconditionFailed):
        await backend.write_atomic("f", b"3", if_match=first.etag)
    assert shelf.peek("f") == b"2"
    assert shelf.files() == ["f"]


# Moves


async def test_a_lost_move_is_found_out(account: FakeAccount, shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """The mark that a write leaves tells that the file at the target is the one that was moved."""
    await backend.write_atomic("a", b"x")
    account.fail("rename", lost)
    await backend.move("a", "b")
    assert shelf.files() == ["b"]


async def test_a_lost_move_without_a_mark_is_told_as_it_is(
    account: FakeAccount, shelf: Shelf, backend: AsyncAzureBackend
) -> None:
    """A file that others wrote carries no mark: the outcome is unknown, and nothing is guessed."""
    shelf.poke("a", b"x")
    account.fail("rename", lost)
    with pytest.raises(OutcomeUnknown):
        await backend.move("a", "b")
    assert shelf.files() == ["b"]


async def test_of_twenty_movers_onto_one_name_one_wins(shelf: Shelf, backend: AsyncAzureBackend) -> None:
    """A rename race without `overwrite`: the service decides, the others keep their files."""
    for number in range(20):
        shelf.poke(f"from/{number}", str(number).encode())
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
    assert shelf.peek("to") == str(won[0]).encode()
    assert len(shelf.files()) == 20


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
    account: FakeAccount, shelf: Shelf, options: dict[str, Any], verb: str
) -> None:
    """SIGKILL between append and flush, and between flush and rename; `abort_uploads` finds what it left."""
    shelf.poke("d/f", b"old")
    killed: list[int] = []

    def kill(asked: Asked, carry_out: Callable[[], Answer]) -> Answer:
        if verb == "append":
            carry_out()
        os.kill(child.pid, signal.SIGKILL)
        killed.append(child.wait())
        raise ConnectionResetError

    account.fail(verb, kill)
    given = {**shelf.options, "hns": True, "block_size": 64 * KIB, "max_concurrency": 1}
    child = subprocess.Popen([sys.executable, "-c", CHILD, json.dumps(given)], stdout=subprocess.PIPE)
    with child:
        assert child.wait() == -signal.SIGKILL
    assert shelf.peek("d/f") == b"old"
    with AzureBackend(**options) as backend:
        assert [str(entry.path) for entry in backend.list_files("", recursive=True)] == ["d/f"]
        assert [kind for _, kind in backend.list_uploads()] == ["temporary"]
        assert backend.abort_uploads(3600) == 0
        assert backend.abort_uploads(0) == 1
    assert shelf.files() == ["d/f"]


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


def test_the_sdk_is_one_call_away(shelf: Shelf, options: dict[str, Any]) -> None:
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
