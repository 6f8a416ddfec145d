"""Each operation sends no more requests than the guide says; counted at the server's side of the wire, and by the backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from remote_store._core.errors import InvalidPath, NotFound
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.testing.faults import FaultProxy
from tests.servers.fixtures import Container

pytestmark = pytest.mark.anyio
KIB = 1024


async def drained(entries: Any) -> list[Any]:
    return [entry async for entry in entries]


Call = Callable[[AsyncAzureBackend], Awaitable[Any]]
FOUND: list[tuple[str, Call, list[str]]] = [
    ("read", lambda b: drained(b.read("d/file")), ["GetBlob"]),
    ("read_bytes", lambda b: b.read_bytes("d/file"), ["GetBlob"]),
    ("read_into", lambda b: b.read_into("d/file", bytearray(3), 1), ["GetBlob"]),
    ("read_ranges near", lambda b: b.read_ranges("d/file", [(0, 2), (3, 5)]), ["GetBlob"]),
    ("write new", lambda b: b.write("new", b"x"), ["PutBlob"]),
    ("write over", lambda b: b.write("d/file", b"x", overwrite=True), ["PutBlob"]),
    ("info", lambda b: b.get_file_info("d/file"), ["GetBlobProperties"]),
    ("exists", lambda b: b.exists("d/file"), ["GetBlobProperties"]),
    ("is_file", lambda b: b.is_file("d/file"), ["GetBlobProperties"]),
    ("is_folder", lambda b: b.is_folder("d"), ["ListBlobs"]),
    ("list_files", lambda b: drained(b.list_files("d")), ["ListBlobs"]),
    ("list_files deep", lambda b: drained(b.list_files("", recursive=True)), ["ListBlobs"]),
    ("list_folders", lambda b: drained(b.list_folders("")), ["ListBlobs"]),
    ("iter_children", lambda b: drained(b.iter_children("")), ["ListBlobs"]),
    ("glob", lambda b: drained(b.glob("d/*")), ["ListBlobs"]),
    ("folder info", lambda b: b.get_folder_info("d"), ["ListBlobs"]),
    ("delete", lambda b: b.delete("d/file"), ["DeleteBlob"]),
    ("delete_folder", lambda b: b.delete_folder("d", recursive=True), ["ListBlobs", "DeleteBlob"]),
    ("copy", lambda b: b.copy("d/file", "new"), ["CopyBlob"]),
    ("copy over", lambda b: b.copy("d/file", "other", overwrite=True), ["CopyBlob"]),
    ("move", lambda b: b.move("d/file", "new"), ["GetBlobProperties", "CopyBlob", "DeleteBlob"]),
    ("presign", lambda b: b.presign("d/file"), []),
    ("blocks", lambda b: b.write("big", bytes(160 * KIB)), ["PutBlock", "PutBlock", "PutBlock", "PutBlockList"]),
    ("check_health", lambda b: b.check_health(), ["GetContainerProperties"]),
]
MISSING: list[tuple[str, Call, int]] = [
    ("read", lambda b: drained(b.read("no")), 2),
    ("read_bytes", lambda b: b.read_bytes("no"), 2),
    ("info", lambda b: b.get_file_info("no"), 2),
    ("delete", lambda b: b.delete("no"), 2),
    ("copy", lambda b: b.copy("no", "new", overwrite=True), 3),
    ("move", lambda b: b.move("no", "new"), 2),
    ("folder info", lambda b: b.get_folder_info("no"), 2),
    ("delete_folder", lambda b: b.delete_folder("no", recursive=True), 2),
]


@pytest.fixture
def filled(container: Container, proxy: FaultProxy) -> FaultProxy:
    container.poke("d/file", b"content")
    container.poke("other", b"content")
    proxy.script()
    return proxy


@pytest.mark.parametrize(("call", "requests"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
async def test_an_operation_sends_just_these_requests(
    backend: AsyncAzureBackend, filled: FaultProxy, call: Call, requests: list[str]
) -> None:
    """DECISIONS 29: read, write, info and a page are one request, a move is three, blocks + 1."""
    await call(backend)
    assert sorted(backend.wire.sent.elements()) == sorted(requests)
    assert len(filled.log()) == len(requests)


@pytest.mark.parametrize(("call", "most"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING])
async def test_a_missing_key_costs_two_requests(
    backend: AsyncAzureBackend, filled: FaultProxy, call: Call, most: int
) -> None:
    """DECISIONS 29: CONTRACT 33 needs a listing to tell a folder from nothing."""
    with pytest.raises(NotFound):
        await call(backend)
    assert len(filled.log()) <= most


async def test_exists_asks_twice_on_a_miss(backend: AsyncAzureBackend) -> None:
    """DESIGN 6: exists is one request on a hit, two on a miss; is_file asks once."""
    assert not await backend.exists("no")
    assert backend.wire.sent == {"GetBlobProperties": 1, "ListBlobs": 1}
    assert not await backend.is_file("no")
    assert backend.wire.sent == {"GetBlobProperties": 2, "ListBlobs": 1}


async def test_a_folder_is_told_from_nothing(backend: AsyncAzureBackend, filled: FaultProxy) -> None:
    """CONTRACT 154: file operations on a pure prefix raise InvalidPath."""
    for call in (backend.read_bytes("d"), backend.get_file_info("d"), backend.delete("d", missing_ok=True)):
        with pytest.raises(InvalidPath, match="is a folder, not a file"):
            await call
