"""On Azurite itself: races, kills, sizes, keys, credentials, and what bad input and locked blobs get."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

from remote_store import open_store
from remote_store._core.errors import (
    AlreadyExists,
    BackendUnavailable,
    CapabilityNotSupported,
    InvalidPath,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    RemoteStoreError,
    ResourceLocked,
)
from remote_store._core.options import WriteOptions
from remote_store._core.retry import RetryPolicy
from remote_store.aio import open_async_store
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.backends.azure.namespace import AzureUtils
from remote_store.backends.azure.sync import AzureBackend
from tests.servers.fixtures import Container
from tests.servers.ports import free_ports

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
SHORT = RetryPolicy(max_attempts=2, backoff_base=0.05, jitter=0, timeout=5)

VICTIM = """
import itertools, json, sys, anyio
from remote_store.backends.azure.backend import AsyncAzureBackend

async def main():
    async def content():
        for number in itertools.count():
            print(number, flush=True)
            yield bytes([number % 256]) * (1 << 20)
    async with AsyncAzureBackend(**json.loads(sys.argv[1]), block_size=1 << 20) as backend:
        await backend.write("file", content(), overwrite=True)

anyio.run(main)
"""


# Races and kills (DECISIONS 36: the small counts)


@pytest.mark.parametrize("size", [1, 200 * 1024], ids=["put", "blocks"])
async def test_one_of_twenty_racing_creates_wins(container: Container, size: int) -> None:
    """CONTRACT F, DECISIONS 36: decided by the service."""
    won: list[int] = []
    limits = {"single_put_max": 64 * 1024, "block_size": 64 * 1024}
    async with AsyncAzureBackend(**container.options, **limits) as backend:

        async def create(number: int) -> None:
            try:
                await backend.write("file", bytes([number]) * size)
            except AlreadyExists:
                return
            except PreconditionFailed as error:
                assert "discarded the blocks" in str(error)  # noqa: PT017  # the other outcome of a lost race in blocks
                return
            won.append(number)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(create, number)
    assert [bytes([number]) * size for number in won] == [container.peek("file")]


async def test_no_compare_and_swap_is_lost(container: Container) -> None:
    """DECISIONS 36: 10 tasks that add 20 each make 200."""
    async with AsyncAzureBackend(**container.options) as backend:
        await backend.write("count", b"0")

        async def add() -> None:
            for _ in range(20):
                while True:
                    stream = backend.read("count")
                    value = int(b"".join([chunk async for chunk in stream]))
                    try:
                        await backend.write("count", str(value + 1).encode(), if_match=stream.etag)
                    except PreconditionFailed:
                        continue
                    break

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(add)
    assert container.peek("count") == b"200"


def test_a_killed_write_is_never_seen(container: Container) -> None:
    """DECISIONS 36: SIGKILL in the middle of writes in blocks; the old file stays whole."""
    container.poke("file", b"old")
    for moment in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", VICTIM, json.dumps(container.options)], stdout=subprocess.PIPE, cwd=Path.cwd()
        )
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= moment + 2:
                break
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert container.peek("file") == b"old"
    with AzureBackend(**container.options) as backend:
        backend.write("file", bytes(20 * MIB), overwrite=True)
    assert container.peek("file") == bytes(20 * MIB)
    assert container.blocks("file") == []


# Sizes and keys


@pytest.mark.parametrize("size", [0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 16 * MIB + 1, 24 * MIB])
async def test_any_size_comes_back(container: Container, size: int) -> None:
    """Issue 7: 0 bytes, one block, one byte over; as bytes and as a stream, read in each way."""
    data = os.urandom(size)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 3 * MIB + 7):
            yield data[start : start + 3 * MIB + 7]

    async with AsyncAzureBackend(**container.options, max_concurrency=4) as backend:
        for content in (data, bytearray(data), pieces()):
            result = await backend.write("file", content, overwrite=True)  # type: ignore[arg-type]
            assert result.size == size
            assert await backend.read_bytes("file") == data
        assert b"".join([chunk async for chunk in backend.read("file")]) == data
        buffer = bytearray(size + 5)
        assert await backend.read_into("file", buffer) == size
        assert buffer[:size] == data
        ranges = [(size // 2, size + 9), (0, 0), (size + 1, size + 2)]
        assert await backend.read_ranges("file", ranges) == [data[size // 2 :], b"", b""]


def fetched(url: str) -> bytes:
    """What anybody gets at a URL."""
    with urllib.request.urlopen(url) as reply:
        data: bytes = reply.read()
    return data


GOOD_KEYS = [
    "a b/c+d",
    "%41/%2F",
    "a?b#c&d=e;f",
    "*[x]{y}",
    "'\"!~()",
    "\u00e9",  # NFC
    "e\u0301",  # NFD
    "\U0001f600/\u202e",
    "-rf",
    "con/NUL.txt",
    "/".join(["k" * 127] * 8),  # 1,023 characters
]


async def test_odd_keys_come_back_as_they_are(container: Container) -> None:
    """Blanks, plus signs, escapes, Unicode forms kept apart; also as the source of a copy and in a signed URL."""
    async with AsyncAzureBackend(**container.options) as backend:
        for key in GOOD_KEYS:
            await backend.write(key, key.encode())
        listed = [str(info.path) async for info in backend.list_files("", recursive=True)]
        assert sorted(listed) == sorted(GOOD_KEYS) == container.keys()
        for key in GOOD_KEYS:
            assert await backend.read_bytes(key) == key.encode()
            await backend.copy(key, "copy", overwrite=True)
            assert await backend.read_bytes("copy") == key.encode()
            url = await backend.presign(key)
            assert await anyio.to_thread.run_sync(fetched, url) == key.encode()


@pytest.mark.parametrize(
    "key",
    [
        "/lead",
        "../x",
        "nul\0",
        "a\x01b",
        "\uffff",
        "\ud800",
        "k" * 256,
        "k/" * 254 + "k",
        "k" * 200 + "/" + "é" * 125 + "/x" * 400,
        "",
    ],
)
async def test_bad_keys_are_refused_without_a_request(container: Container, key: str) -> None:
    """Issue 7: names that the service forbids are refused here, with our own error."""
    async with AsyncAzureBackend(**container.options) as backend:
        for call in (backend.write(key, b""), backend.read_bytes(key), backend.delete(key)):
            with pytest.raises(InvalidPath):
                await call
        assert not backend.wire.sent


# Metadata and headers


@pytest.mark.parametrize("key", ["content-hash", "1st", "a.b", "rs_write_id", "RS_Write_Id"])
async def test_metadata_keys_that_are_no_identifiers_are_refused(container: Container, key: str) -> None:
    """Issue 7: a ValueError that says why, and no request."""
    async with AsyncAzureBackend(**container.options) as backend:
        with pytest.raises(ValueError, match=r"C# identifier|meaning of its own"):
            await backend.write("file", b"", metadata={key: "x"})
        assert not backend.wire.sent


@pytest.mark.parametrize("size", [1, 20 * MIB], ids=["put", "blocks"])
async def test_metadata_and_headers_are_kept(container: Container, size: int) -> None:
    """CONTRACT 48, DECISIONS 23: any text, empty and with blanks around it; upper case in keys; headers, tags, tier."""
    metadata = {"Author": "Ä\U0001f600", "empty": "", "blank": " x ", "_a"[1:]: "1"}
    options = WriteOptions(content_type="text/x-one", cache_control="no-store", storage_class="Cool", tags={"t": "1"})
    async with AsyncAzureBackend(**container.options) as backend:
        await backend.write("file", bytes(size), metadata=metadata, options=options)
        info = await backend.get_file_info("file")
        assert (info.metadata, info.content_type) == (metadata, "text/x-one")
        assert info.extra["access_tier"] == "Cool"
        await backend.move("file", "moved")
        assert (await backend.get_file_info("moved")).metadata == metadata
        await backend.write("page.html", b"")
        assert (await backend.get_file_info("page.html")).content_type == "text/html"


# What is locked


async def test_an_archived_blob_is_locked(container: Container) -> None:
    """Issue 7: ResourceLocked; it can still be listed, looked at and deleted."""
    container.poke("file", b"x")
    container.client.get_blob_client("file").set_standard_blob_tier("Archive")
    async with AsyncAzureBackend(**container.options) as backend:
        for call in (backend.read_bytes("file"), backend.read_ranges("file", [(0, 1)]), backend.copy("file", "copy")):
            with pytest.raises(ResourceLocked):
                await call
        assert (await backend.get_file_info("file")).extra["access_tier"] == "Archive"
        await backend.delete("file")


async def test_a_leased_blob_is_locked(container: Container) -> None:
    """Issue 7: ResourceLocked for whoever has not the lease; reading goes on."""
    container.poke("file", b"x")
    lease = container.client.get_blob_client("file").acquire_lease(60)
    async with AsyncAzureBackend(**container.options) as backend:
        assert await backend.read_bytes("file") == b"x"
        for call in (
            backend.write("file", b"y", overwrite=True),
            backend.delete("file"),
            backend.move("file", "other"),
            backend.write("file", bytes(20 * MIB), overwrite=True),
        ):
            with pytest.raises(ResourceLocked):
                await call
        assert container.peek("file") == b"x"
        lease.release()
        await backend.delete("file")


# Credentials


def sas(container: Container, *, permission: str = "racwdl", hours: float = 1) -> str:
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    return generate_container_sas(
        container.server.account,
        container.name,
        account_key=container.server.key,
        permission=ContainerSasPermissions.from_string(permission),
        expiry=datetime.now(UTC) + timedelta(hours=hours),
    )


def given(container: Container) -> list[dict[str, Any]]:
    """Each way to name the account and its secret."""
    url, name, key = container.server.url, container.server.account, container.server.key
    text = f"DefaultEndpointsProtocol=http;AccountName={name};BlobEndpoint={url};"
    signed = sas(container)
    return [
        {"account_url": url, "account_key": key},
        {"account_url": url + "/", "account_name": name, "credential": key},
        {"account_url": url, "sas_token": signed},
        {"account_url": url, "sas_token": "?" + signed},
        {"account_url": f"{url}?{signed}"},
        {"connection_string": f"{text}AccountKey={key}"},
        {"connection_string": f"{text}SharedAccessSignature={signed};"},
        {"account_url": url, "credential": AzureNamedKeyCredential(name, key)},
        {"account_url": url, "credential": AzureSasCredential(signed)},
        {"account_url": url, "credential": {"account_name": name, "account_key": key}},
    ]


@pytest.mark.parametrize("number", range(10))
async def test_every_kind_of_secret_opens_the_account(container: Container, number: int) -> None:
    """Issue 7: keys, SAS, connection strings, credential objects; what is copied is signed too, nothing is shown."""
    options = given(container)[number]
    async with AsyncAzureBackend(container.name, **options) as backend:
        await backend.write("file", b"x")
        await backend.copy("file", "copy")
        assert await backend.read_bytes("copy") == b"x"
        assert [str(info.path) async for info in backend.list_files("")] == ["copy", "file"]
        shown = f"{backend!r} {backend.resolve('file')!r} {backend._config!r}"
        assert container.server.key not in shown
        assert "sig=" not in shown


async def test_a_secret_can_be_renewed_while_running(container: Container) -> None:
    """Issue 7: credential objects are asked at each request."""
    credential = AzureSasCredential(sas(container, hours=-1))
    async with AsyncAzureBackend(container.name, account_url=container.server.url, credential=credential) as backend:
        with pytest.raises(PermissionDenied):
            await backend.read_bytes("file")
        credential.update(sas(container))
        await backend.write("file", b"x")
        with pytest.raises(CapabilityNotSupported, match="signed with"):
            await backend.presign("file")


@pytest.mark.parametrize("wrong", ["key", "expired", "scope", "anonymous"])
async def test_wrong_credentials_are_permission_denied(container: Container, wrong: str) -> None:
    """Issue 7: once, without a retry, without falling back, without a secret in the text."""
    url = container.server.url
    other = "b3RoZXJvdGhlcm90aGVy"
    options: dict[str, dict[str, Any]] = {
        "key": {"account_key": other},
        "expired": {"sas_token": sas(container, hours=-1)},
        "scope": {"sas_token": sas(container, permission="l")},
        "anonymous": {"anonymous": True},
    }
    container.poke("file", b"x")
    async with AsyncAzureBackend(container.name, account_url=url, **options[wrong]) as backend:
        for call in (backend.read_bytes("file"), backend.write("new", b"x"), backend.delete("file")):
            before = sum(backend.wire.sent.values())
            with pytest.raises((PermissionDenied, NotFound)) as raised:
                await call
            assert isinstance(raised.value, PermissionDenied) or wrong == "anonymous"
            assert "sig=" not in str(raised.value)
            assert other not in str(raised.value)
            assert sum(backend.wire.sent.values()) - before <= 2
    assert container.keys() == ["file"]


async def test_a_missing_container_reads_as_missing_paths(container: Container) -> None:
    """CONTRACT 88: probes false, reads NotFound, listings empty, tolerant deletes pass, writes fail, ping tells."""
    async with AsyncAzureBackend(**{**container.options, "container": "not-there"}) as backend:
        assert not await backend.exists("file")
        assert [info async for info in backend.list_files("", recursive=True)] == []
        await backend.delete("file", missing_ok=True)
        await backend.delete_folder("d", recursive=True, missing_ok=True)
        for call in (backend.read_bytes("file"), backend.write("file", b"x"), backend.check_health()):
            with pytest.raises(NotFound, match="no such container"):
                await call


async def test_a_server_that_is_not_there_is_unavailable(container: Container) -> None:
    """CONTRACT 86."""
    (port,) = free_ports(1)
    options = {**container.options, "account_url": f"http://127.0.0.1:{port}/devstoreaccount1", "retry": SHORT}
    async with AsyncAzureBackend(**options) as backend:
        with pytest.raises(BackendUnavailable):
            await backend.write("file", b"x")


# Opening


def test_urls_open_a_store(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 7: az:, with the account in the query or in the environment."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", container.server.account)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", container.server.key)
    with open_store(f"az://{container.name}/folder?endpoint={container.server.url}") as store:
        store.write("a", b"x")
        with store.read("a") as stream:
            assert stream.seekable()
            assert stream.read() == b"x"
    assert container.keys() == ["folder/a"]


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("az://cont/x?account=acc", "https://acc.blob.core.windows.net"),
        ("abfss://cont@acc.dfs.core.windows.net/x", "https://acc.blob.core.windows.net"),
        ("abfs://cont@acc.dfs.core.chinacloudapi.cn/x", "https://acc.blob.core.chinacloudapi.cn"),
        ("https://acc.blob.core.windows.net/cont/x", "https://acc.blob.core.windows.net"),
        ("az://cont/x?endpoint=https://blobs.example.com&account=acc", "https://blobs.example.com"),
    ],
)
async def test_every_address_names_its_account(url: str, account: str) -> None:
    """Issue 7: az, abfs(s), https, sovereign clouds and custom domains."""
    async with open_async_store(url, account_key="a2V5") as store:
        plan = store.resolve("file")
        assert plan.details["account_url"] == account
        assert plan.native_path == "cont/x/file"


async def test_the_account_tells_of_its_namespace(container: Container) -> None:
    """CONTRACT A8, 156: Azurite's has none."""
    options = {name: value for name, value in container.options.items() if name.startswith("account")}
    assert await AzureUtils.adetect_hns(**options) is False
    with pytest.raises(RemoteStoreError):
        await AzureUtils.adetect_hns(**{**options, "account_key": "b3RoZXI="})


def test_the_sdk_s_own_client_can_be_had(container: Container) -> None:
    """CONTRACT 83: with the same settings, blocking."""
    from azure.storage.blob import ContainerClient

    with AzureBackend(**container.options) as backend:
        backend.write("file", b"x")
        with backend.unwrap(ContainerClient) as client:
            assert client.download_blob("file").readall() == b"x"
        with pytest.raises(CapabilityNotSupported):
            backend.unwrap(dict)
