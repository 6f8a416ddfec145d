"""On a real server: sizes, keys, metadata, and what bad input and bad configurations get."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import anyio
import pytest

from remote_store._core.errors import (
    BackendUnavailable,
    InvalidPath,
    NotFound,
    PermissionDenied,
    RemoteStoreError,
)
from remote_store._core.retry import RetryPolicy
from remote_store.aio import open_async_store
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.fixtures import Bucket
from tests.servers.ports import free_ports

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
SHORT = RetryPolicy(max_attempts=2, backoff_base=0.05, jitter=0, timeout=5)


# Sizes


@pytest.mark.parametrize("size", [0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 16 * MIB + 1, 24 * MIB])
async def test_any_size_comes_back(bucket: Bucket, size: int) -> None:
    """Issue 4: objects of 0 bytes, one part, one byte over; as bytes and as a stream, read in each way."""
    data = os.urandom(size)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 3 * MIB + 7):
            yield data[start : start + 3 * MIB + 7]

    async with AsyncS3Backend(**bucket.options) as backend:
        for content in (data, bytearray(data), pieces()):
            result = await backend.write("file", content, overwrite=True)  # type: ignore[arg-type]
            assert result.size == size
            assert await backend.read_bytes("file") == data
        assert b"".join([chunk async for chunk in backend.read("file")]) == data
        buffer = bytearray(size + 5)
        assert await backend.read_into("file", buffer) == size
        assert buffer[:size] == data
        assert await backend.read_ranges("file", [(size // 2, size + 9), (0, 0), (size + 1, size + 2)]) == [
            data[size // 2 :],
            b"",
            b"",
        ]
        assert await backend.list_uploads() == []


# Keys

GOOD_KEYS = [
    "a b/c+d",
    "%41/%2F",
    "a?b#c&d=e;f",
    "*[x]{y}",
    "'\"",
    "\u00e9",  # NFC
    "e\u0301",  # NFD
    "\U0001f600/\u202e",
    "-rf",
    "~/x",
    "con/NUL.txt",
    "/".join(["k" * 127] * 8),  # 1,023 bytes
]


async def test_odd_keys_come_back_as_they_are(bucket: Bucket) -> None:
    """Issue 4: blanks, plus signs, escapes, Unicode forms kept apart, 1,023 bytes."""
    async with AsyncS3Backend(**bucket.options) as backend:
        for key in GOOD_KEYS:
            await backend.write(key, key.encode())
        listed = [str(info.path) async for info in backend.list_files("", recursive=True)]
        assert sorted(listed) == sorted(GOOD_KEYS)
        for key in GOOD_KEYS:
            assert await backend.read_bytes(key) == key.encode()
            await backend.copy(key, "copy", overwrite=True)
            assert await backend.read_bytes("copy") == key.encode()
            await backend.delete(key)


@pytest.mark.parametrize("key", ["/lead", "../x", "a/../b", "nul\0", "\ud800", "k" * 256, "k/" * 600 + "k", ""])
async def test_bad_keys_are_refused_without_a_request(bucket: Bucket, key: str) -> None:
    """RELIABILITY: what can be refused locally is."""
    async with AsyncS3Backend(**bucket.options) as backend:
        for call in (backend.write(key, b""), backend.read_bytes(key), backend.delete(key)):
            with pytest.raises(InvalidPath):
                await call
        assert not backend.wire.sent


async def test_a_marker_is_no_file(bucket: Bucket) -> None:
    """CONTRACT 154: zero-byte `name/` makes an empty folder, which goes without `recursive`."""
    bucket.poke("folder/", b"")
    async with AsyncS3Backend(**bucket.options) as backend:
        assert await backend.is_folder("folder")
        assert not await backend.is_file("folder")
        assert [entry async for entry in backend.list_files("", recursive=True)] == []
        assert (await backend.get_folder_info("folder")).file_count == 0
        await backend.delete_folder("folder")
        assert not await backend.exists("folder")


async def test_keys_that_are_no_paths_are_left_out_of_listings(
    moto_bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    """DECISIONS 29: what would not come back the same is left out, with one warning."""
    for key in ("good", "a//b", "/lead", "a/./c", "a/../d"):
        moto_bucket.poke(key, b"x")
    async with AsyncS3Backend(**moto_bucket.options) as backend:
        assert [str(i.path) async for i in backend.list_files("", recursive=True)] == ["good"]
        assert len([r for r in caplog.records if "left out" in r.getMessage()]) == 1
        await backend.delete_folder("a", recursive=True)
    assert moto_bucket.keys() == ["/lead", "good"]


# Metadata

BAD_METADATA = [{"a b": "x"}, {"k\r\nX-Evil": "1"}, {"k": "a\r\nX-Evil: 1"}, {"rs-write-id": "x"}, {"(": "x"}]


@pytest.mark.parametrize("metadata", BAD_METADATA)
async def test_metadata_that_no_header_can_hold_is_refused(bucket: Bucket, metadata: dict[str, str]) -> None:
    """RELIABILITY, metadata: no header can be smuggled in; the library's own entry is its own."""
    async with AsyncS3Backend(**bucket.options) as backend:
        with pytest.raises(ValueError):
            await backend.write("file", b"", metadata=metadata)
        assert not backend.wire.sent


async def test_any_text_comes_back_as_metadata(bucket: Bucket) -> None:
    """CONTRACT 48: values that are not ASCII, blank at the ends, empty, or look like an encoding."""
    wanted = {"a": "gr\u00f6\u00dfer \U0001f600", "b": "  x ", "c": "", "d": "=?UTF-8?B?eA==?="}
    async with AsyncS3Backend(**bucket.options) as backend:
        await backend.write("file", b"", metadata=wanted)
        assert (await backend.get_file_info("file")).metadata == wanted


# Configurations


async def refused(options: dict[str, Any], kinds: Any) -> str:
    """Read and write with a bad configuration; both must end in one of `kinds`, soon, without a secret in the text."""
    begun = time.monotonic()
    texts = []
    async with AsyncS3Backend(**{"retry": SHORT, **options}) as backend:
        for call in (backend.read_bytes("file"), backend.write("file", b"", overwrite=True)):
            with pytest.raises(kinds) as raised:
                await call
            texts.append(str(raised.value))
            assert isinstance(raised.value, RemoteStoreError)
    assert time.monotonic() - begun < 12
    text = " ".join(texts)
    assert options.get("secret", "nothing") not in text
    return text


async def test_a_wrong_secret_is_permission_denied(bucket: Bucket) -> None:
    """Issue 4."""
    assert "secret" in await refused({**bucket.options, "secret": "wrong-secret-value"}, PermissionDenied)


async def test_a_wrong_key_is_permission_denied(bucket: Bucket) -> None:
    """Issue 4."""
    assert "key" in await refused({**bucket.options, "key": "wrong"}, PermissionDenied)


async def test_nobody_is_permission_denied(bucket: Bucket) -> None:
    """Issue 4: anonymous, and no silent fallback to it."""
    options = {name: bucket.options[name] for name in ("bucket", "endpoint_url")}
    await refused({**options, "anonymous": True}, PermissionDenied)


async def test_a_missing_bucket_is_not_found(bucket: Bucket) -> None:
    """CONTRACT 88: it reads as an absent path, and writes say what is missing."""
    options = {**bucket.options, "bucket": "there-is-none"}
    assert "there-is-none" in await refused(options, NotFound)
    async with AsyncS3Backend(**options) as backend:
        assert not await backend.exists("a")
        assert [entry async for entry in backend.list_files("")] == []
        await backend.delete("a", missing_ok=True)
        await backend.delete_folder("a", missing_ok=True, recursive=True)
        with pytest.raises(NotFound, match="bucket"):
            await backend.check_health()


async def test_an_endpoint_that_is_down_is_unavailable(bucket: Bucket) -> None:
    """Issue 4: within the policy's time, with what to check."""
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    assert "endpoint" in await refused({**bucket.options, "endpoint_url": endpoint}, BackendUnavailable)


async def test_an_endpoint_that_never_answers_is_unavailable(bucket: Bucket) -> None:
    """RELIABILITY 4: a black hole ends at the policy's timeout."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        endpoint = f"http://127.0.0.1:{hole.getsockname()[1]}"
        policy = RetryPolicy(max_attempts=2, backoff_base=0, jitter=0, timeout=0.7)
        await refused({**bucket.options, "endpoint_url": endpoint, "retry": policy}, BackendUnavailable)


async def test_a_web_server_is_no_s3(bucket: Bucket) -> None:
    """RELIABILITY 18: a page for everything."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        do_PUT = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        await refused(
            {**bucket.options, "endpoint_url": f"http://127.0.0.1:{server.server_address[1]}"}, BackendUnavailable
        )
        server.shutdown()
        thread.join()


# URLs and presigning


async def test_a_store_opens_by_url(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 4: `s3://bucket/prefix?endpoint=...&region=...`, credentials from the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.server.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.server.secret)
    url = f"s3://{bucket.name}/pre/fix?endpoint={bucket.server.endpoint}&region=eu-central-1"
    async with open_async_store(url) as store:
        await store.write("a", b"x")
        assert await store.read_bytes("a") == b"x"
    assert bucket.keys() == ["pre/fix/a"]
    async with open_async_store(url + "&anon=1") as store:
        with pytest.raises(PermissionDenied):
            await store.read_bytes("a")


async def test_a_presigned_url_needs_no_credentials(bucket: Bucket) -> None:
    """Issue 4: GET and PUT, made without a request."""
    import urllib.request

    async with AsyncS3Backend(**bucket.options) as backend:
        put = await backend.presign("a b", "PUT", expires=60)
        get = await backend.presign("a b", expires=60)
        assert not backend.wire.sent
        for method, expires in (("DELETE", 60), ("GET", 0), ("GET", 8 * 86400)):
            with pytest.raises(ValueError):
                await backend.presign("a b", method, expires=expires)
    assert bucket.server.secret not in put + get

    def use() -> bytes:
        with urllib.request.urlopen(urllib.request.Request(put, data=b"signed", method="PUT")):
            pass
        with urllib.request.urlopen(get) as reply:
            data: bytes = reply.read()
            return data

    assert await anyio.to_thread.run_sync(use) == b"signed"


# Loops


def test_one_backend_serves_one_loop_after_the_other(bucket: Bucket) -> None:
    """DECISIONS 31, CONTRACT 113: a client for each loop, closed with it."""
    backend = AsyncS3Backend(**bucket.options)

    async def use() -> bytes:
        await backend.write("file", b"x", overwrite=True)
        return await backend.read_bytes("file")

    for loop in ("asyncio", "trio", "asyncio"):
        assert anyio.run(use, backend=loop) == b"x"


async def test_a_thousand_reads_share_the_pool(bucket: Bucket) -> None:
    """Issue 4: 1,000 concurrent small reads keep to the pool's sockets."""
    bucket.poke("file", b"x" * 4096)
    most = 0

    async with AsyncS3Backend(**bucket.options) as backend:
        await backend.read_bytes("file")

        async def one() -> None:
            nonlocal most
            assert len(await backend.read_bytes("file")) == 4096
            most = max(most, len(os.listdir("/proc/self/fd")))

        before = len(os.listdir("/proc/self/fd"))
        async with anyio.create_task_group() as group:
            for _ in range(1000):
                group.start_soon(one)
    assert most <= before + 64 + 20


async def test_a_server_that_takes_the_star_for_an_etag_deletes_too(moto_bucket: Bucket) -> None:
    """DECISIONS 28: moto refuses ``If-Match: *`` for what is there; the file is deleted all the same, a missing one told."""
    moto_bucket.poke("folder/file", b"x")
    async with AsyncS3Backend(**moto_bucket.options) as backend:
        await backend.delete("folder/file")
        assert moto_bucket.keys() == []
        with pytest.raises(NotFound):
            await backend.delete("folder/file")
    assert moto_bucket.keys() == []
