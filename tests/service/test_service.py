"""The example service by a real HTTP client, under uvicorn on asyncio and hypercorn on trio (issue 5)."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from tests.servers.fixtures import Bucket
from tests.service.server import SERVERS, Service, eventually, service

MIB = 1024 * 1024
BUDGET = 64 * MIB
CLIENTS = 100

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")


@dataclass
class House:
    """A service with its store, and a back door to what is stored."""

    service: Service
    root: Path | None = None
    bucket: Bucket | None = None

    def stored(self) -> dict[str, int]:
        """Return what is stored, temporary files and uploads under way included, with sizes."""
        if self.bucket is not None:
            uploads = {f"upload of {key}": -1 for key in self.bucket.uploads()}
            keys = self.bucket.keys()
            return uploads | {key: len(self.bucket.peek(key) or b"") for key in keys}
        assert self.root is not None
        files = [file for file in self.root.rglob("*") if file.is_file()]
        return {str(file.relative_to(self.root)): file.stat().st_size for file in files}

    def put(self, key: str, data: bytes) -> None:
        """Store a file from outside."""
        if self.bucket is not None:
            self.bucket.poke(key, data)
        else:
            assert self.root is not None
            (self.root / key).write_bytes(data)

    def running(self) -> int:
        """Return how many transfers the service has under way."""
        return int(httpx.get(f"{self.service.url}/health").json()["transfers"])


HOUSES = [(kind, server) for kind in ("local", "s3") for server in SERVERS]
CROSSED = [("local", "uvicorn-asyncio"), ("s3", "hypercorn-trio")]
"""Each store and each server once."""


@pytest.fixture(params=HOUSES, ids="-".join)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The service over a folder and over SeaweedFS, under each server."""
    kind, server = request.param
    (tmp_path / "process").mkdir()
    if kind == "local":
        root = tmp_path / "root"
        root.mkdir()
        with service(server, f"file://{root}", tmp_path / "process", TRANSFER_BYTES=str(BUDGET)) as running:
            yield House(running, root=root)
        return
    bucket: Bucket = request.getfixturevalue("bucket")
    keys = {"AWS_ACCESS_KEY_ID": bucket.server.key, "AWS_SECRET_ACCESS_KEY": bucket.server.secret}
    url = f"s3://{bucket.name}?endpoint={bucket.server.endpoint}&byte_budget={BUDGET}"
    with service(server, url, tmp_path / "process", TRANSFER_BYTES=str(BUDGET), **keys) as running:
        yield House(running, bucket=bucket)


def test_files_come_and_go(house: House) -> None:
    """Upload, download, ranges, conditions, listing, deletion: as RFC 9110 says."""
    data = os.urandom(3 * MIB)
    with httpx.Client(base_url=house.service.url) as client:
        created = client.put("/files/a/b.bin", content=data, headers={"If-None-Match": "*"})
        assert created.status_code == 201, created.text
        assert created.json() == {"key": "a/b.bin", "size": len(data)}
        assert house.stored() == {"a/b.bin": len(data)}
        assert client.put("/files/a/b.bin", content=b"x", headers={"If-None-Match": "*"}).status_code == 412
        whole = client.get("/files/a/b.bin")
        assert (whole.status_code, whole.content) == (200, data)
        etag = whole.headers["etag"]
        assert etag == created.headers["etag"]
        check_ranges(client, data, etag)
        assert client.get("/files/a/b.bin", headers={"If-None-Match": etag}).status_code == 304
        assert client.get("/files/a/b.bin", headers={"If-None-Match": f'"x", W/{etag}'}).status_code == 304
        assert client.get("/files/a/b.bin", headers={"If-None-Match": '"x"'}).status_code == 200
        head = client.head("/files/a/b.bin", headers={"Range": "bytes=0-9"})
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(data)), b"")
        replaced = client.put("/files/a/b.bin", content=b"new", headers={"If-Match": etag})
        assert replaced.status_code == 201
        assert client.put("/files/a/b.bin", content=b"x", headers={"If-Match": etag}).status_code == 412
        assert client.put("/files/a/b.bin", content=b"newer", headers={"If-Match": "*"}).status_code == 201
        assert client.put("/files/none", content=b"x", headers={"If-Match": "*"}).status_code == 412
        assert client.put("/files/none", content=b"x", headers={"If-Match": etag}).status_code == 412
        assert client.put("/files/empty", content=b"").status_code == 201
        assert client.get("/files/empty").content == b""
        lines = client.get("/list/", params={"recursive": "1"}).text.splitlines()
        assert sorted(json.loads(line)["key"] for line in lines) == ["a/b.bin", "empty"]
        assert client.delete("/files/a/b.bin").status_code == 204
        assert client.delete("/files/a/b.bin").status_code == 404
        assert client.get("/files/a/b.bin").status_code == 404
        assert client.get("/files/a/%2e%2e/%2e%2e/etc/passwd").status_code == 400
        assert client.post("/files/x").status_code == 405
    assert house.stored() == {"empty": 0}


def check_ranges(client: httpx.Client, data: bytes, etag: str) -> None:
    size = len(data)
    for asked, start, stop in [
        ("bytes=0-9", 0, 10),
        ("bytes=5-", 5, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=1000000-{size + 5}", 1_000_000, size),
        (f"bytes=-{size + 5}", 0, size),
        ("bytes=0-", 0, size),
    ]:
        part = client.get("/files/a/b.bin", headers={"Range": asked})
        assert part.status_code == 206, asked
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert part.content == data[start:stop], asked
    for asked in (f"bytes={size}-", "bytes=-0"):
        past = client.get("/files/a/b.bin", headers={"Range": asked})
        assert (past.status_code, past.headers["content-range"]) == (416, f"bytes */{size}")
    for asked in ("bytes=5-2", "bytes=-", "bytes=0-1,3-4", "lines=0-1", "bytes=x"):
        assert client.get("/files/a/b.bin", headers={"Range": asked}).status_code == 200, asked
    assert client.get("/files/a/b.bin", headers={"Range": "bytes=0-9", "If-Range": etag}).status_code == 206
    assert client.get("/files/a/b.bin", headers={"Range": "bytes=0-9", "If-Range": '"old"'}).status_code == 200


# Many at a time


@pytest.mark.timeout(300)
@pytest.mark.parametrize("house", CROSSED, ids="-".join, indirect=True)
def test_a_hundred_clients_share_one_byte_budget(house: House) -> None:
    """Uploads and downloads of 256 KiB each; `soak` has 16 MiB."""
    hundred_clients(house, MIB // 4)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_hundred_clients_of_16_mib_share_one_byte_budget(house: House) -> None:
    """Issue 5."""
    hundred_clients(house, 16 * MIB)


def hundred_clients(house: House, size: int) -> None:
    """All bytes arrive, and the service never had more memory than its budget, whatever they send together."""
    assert httpx.put(f"{house.service.url}/files/warm", content=os.urandom(9 * MIB)).status_code == 201
    assert len(httpx.get(f"{house.service.url}/files/warm").content) == 9 * MIB
    before = house.service.peak()
    anyio.run(_all, house.service.url, size)
    assert house.stored().keys() == {"warm", *(f"k{number}" for number in range(CLIENTS))}
    # Pieces that were joined to a part are there twice for a moment, and hypercorn keeps ten messages of 64 KiB for each
    # upload that waits for its turn.
    allowed = 2 * BUDGET + CLIENTS * MIB // 4
    print(f"{CLIENTS} x {size / MIB:g} MiB both ways: peak +{(house.service.peak() - before) / MIB:.0f} MiB")
    assert house.service.peak() - before <= allowed
    assert house.running() == 0


async def _all(url: str, size: int) -> None:
    async with anyio.create_task_group() as group:
        for number in range(CLIENTS):
            group.start_soon(_one, url, number, size)


async def _one(url: str, number: int, size: int) -> None:
    # A pool of its own: one of a hundred connections looks at all of them with each request.
    async with httpx.AsyncClient(base_url=url, verify=False, timeout=300) as client:
        await _both_ways(client, number, size)


async def _both_ways(client: httpx.AsyncClient, number: int, size: int) -> None:
    block = random.Random(number).randbytes(64 * 1024)
    sent_sum = got_sum = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent_sum
        for _ in range(size // len(block)):
            sent_sum = zlib.crc32(block, sent_sum)
            yield block

    headers = {"Content-Length": str(size)}
    sent = await client.put(f"/files/k{number}", content=body(), headers=headers)
    assert sent.status_code == 201, sent.text
    got = 0
    async with client.stream("GET", f"/files/k{number}") as answer:
        assert answer.status_code == 200
        async for chunk in answer.aiter_raw():
            got_sum = zlib.crc32(chunk, got_sum)
            got += len(chunk)
    assert (got, got_sum) == (size, sent_sum)


# Clients that go away


@pytest.mark.parametrize("how", ["reset", pytest.param("closed", marks=pytest.mark.soak)])
def test_a_client_that_vanishes_leaves_nothing(house: House, how: str) -> None:
    """In mid-upload no object, no upload, no temporary file; in mid-download no open file; no socket either way."""
    with httpx.Client(base_url=house.service.url) as client:
        house.put("large", os.urandom(24 * MIB))
        assert client.put("/files/warm", content=b"x").status_code == 201
        before = house.stored()
    calm = descriptors(house)
    vanish(house, b"PUT /files/torn HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n", 17 * MIB, how)
    vanish(house, b"PUT /files/torn HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n", 1000, how)
    vanish(house, b"PUT /files/torn HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0, how)
    for request in (
        b"GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /files/large HTTP/1.1\r\nHost: x\r\nRange: bytes=9-\r\n\r\n",
    ):
        vanish(house, request, -1, how)
    assert eventually(lambda: house.running() == 0)
    assert eventually(lambda: house.stored() == before), house.stored().keys()
    assert eventually(lambda: descriptors(house) <= calm), (calm, house.service.open_files())
    assert httpx.get(f"{house.service.url}/files/warm").content == b"x"
    assert "Traceback" not in house.service.log()


def descriptors(house: House) -> int:
    """Count the open files and sockets of the service, but those that are kept for the S3 server."""
    return sum(not ("pipe" in name or "anon" in name) for name in house.service.open_files())


def vanish(house: House, request: bytes, more: int, how: str) -> None:
    """Send a request and `more` bytes of its body, or with -1 read the beginning of its answer; then go away."""
    with socket.create_connection(("127.0.0.1", house.service.port), timeout=30) as client:
        client.sendall(request)
        if more < 0:
            assert client.recv(100)
        elif more:
            client.sendall(bytes(more))
        assert eventually(lambda: house.running() >= 1), "the service has not begun"
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("house", CROSSED, ids="-".join, indirect=True)
def test_a_service_that_is_full_still_answers_for_its_health(house: House) -> None:
    """Uploads that stand still have all the turns; others wait, and health does not."""
    waiting: list[Any] = []
    try:
        for _ in range(BUDGET // (16 * MIB)):
            client = socket.create_connection(("127.0.0.1", house.service.port), timeout=30)
            waiting.append(client)
            client.sendall(b"PUT /files/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nhello")
        assert eventually(lambda: house.running() == len(waiting))
        for _ in range(20):
            assert httpx.get(f"{house.service.url}/health").json()["status"] == "ok"
    finally:
        for client in waiting:
            client.close()
    assert eventually(lambda: house.running() == 0)
    assert eventually(lambda: not house.stored())
