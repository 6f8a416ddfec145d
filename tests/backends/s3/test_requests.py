"""Each operation sends no more requests than DECISIONS 29 allows; counted at the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from remote_store._core.errors import AlreadyExists, InvalidPath, NotFound
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.strict import StrictS3

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024


async def drained(entries: Any) -> list[Any]:
    return [entry async for entry in entries]


Row = tuple[str, Callable[[AsyncS3Backend], Awaitable[Any]], list[str]]

FOUND: list[Row] = [
    ("read", lambda b: drained(b.read("d/file")), ["get"]),
    ("read_bytes", lambda b: b.read_bytes("d/file"), ["get"]),
    ("read_into", lambda b: b.read_into("d/file", bytearray(3), 1), ["get"]),
    ("read_ranges near", lambda b: b.read_ranges("d/file", [(0, 2), (3, 5)]), ["get"]),
    ("write new", lambda b: b.write("new", b"x"), ["put"]),
    ("write over", lambda b: b.write("d/file", b"x", overwrite=True), ["put"]),
    ("info", lambda b: b.get_file_info("d/file"), ["head"]),
    ("exists", lambda b: b.exists("d/file"), ["head"]),
    ("is_file", lambda b: b.is_file("d/file"), ["head"]),
    ("is_folder", lambda b: b.is_folder("d"), ["list"]),
    ("list_files", lambda b: drained(b.list_files("d")), ["list"]),
    ("list_files deep", lambda b: drained(b.list_files("", recursive=True)), ["list"]),
    ("list_folders", lambda b: drained(b.list_folders("")), ["list"]),
    ("iter_children", lambda b: drained(b.iter_children("")), ["list"]),
    ("glob", lambda b: drained(b.glob("d/*")), ["list"]),
    ("folder info", lambda b: b.get_folder_info("d"), ["list"]),
    ("delete", lambda b: b.delete("d/file"), ["delete"]),
    ("delete_folder", lambda b: b.delete_folder("d", recursive=True), ["list", "delete_many"]),
    ("copy", lambda b: b.copy("d/file", "new"), ["copy"]),
    ("copy over", lambda b: b.copy("d/file", "other", overwrite=True), ["copy"]),
    ("move", lambda b: b.move("d/file", "new"), ["head", "copy", "delete"]),
    ("presign", lambda b: b.presign("d/file"), []),
    ("multipart", lambda b: b.write("big", bytes(17 * MIB)), ["create", "part", "part", "part", "complete"]),
]


@pytest.mark.parametrize(("call", "requests"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
async def test_an_operation_sends_just_these_requests(
    backend: AsyncS3Backend,
    strict: StrictS3,
    call: Callable[[AsyncS3Backend], Awaitable[Any]],
    requests: list[str],
) -> None:
    """DECISIONS 29, DESIGN 6: read, write, info and a page are one request, a move is three, parts + 2."""
    strict.put("d/file", b"content")
    strict.put("other", b"content")
    await call(backend)
    assert sorted(verb for verb, _ in strict.requests) == sorted(requests)
    assert sum(backend.wire.sent.values()) == len(requests)


MISSING: list[tuple[str, Callable[[AsyncS3Backend], Awaitable[Any]], int]] = [
    ("read", lambda b: drained(b.read("no")), 2),
    ("read_bytes", lambda b: b.read_bytes("no"), 2),
    ("info", lambda b: b.get_file_info("no"), 2),
    ("delete", lambda b: b.delete("no"), 2),
    ("copy", lambda b: b.copy("no", "new", overwrite=True), 2),
    ("move", lambda b: b.move("no", "new"), 2),
    ("folder info", lambda b: b.get_folder_info("no"), 2),
    ("delete_folder", lambda b: b.delete_folder("no", recursive=True), 2),
]


@pytest.mark.parametrize(("call", "most"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING])
async def test_a_missing_key_costs_two_requests(
    backend: AsyncS3Backend, strict: StrictS3, call: Callable[[AsyncS3Backend], Awaitable[Any]], most: int
) -> None:
    """DECISIONS 29: CONTRACT 33 needs a listing to tell a folder from nothing."""
    with pytest.raises(NotFound):
        await call(backend)
    assert len(strict.requests) == most


async def test_exists_asks_twice_on_a_miss(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """DESIGN 6: exists is one request on a hit, two on a miss; is_file asks once."""
    assert not await backend.exists("no")
    assert not await backend.is_file("no")
    assert [verb for verb, _ in strict.requests] == ["head", "list", "head"]


async def test_a_folder_of_2500_files_goes_in_three_bulk_deletes(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """Issue 4: bulk delete is one request per 1,000 keys; never one a key."""
    for number in range(2500):
        strict.put(f"d/{number:04}", b"")
    await backend.delete_folder("d", recursive=True)
    assert strict.objects == {}
    assert strict.count("delete_many") == 3
    assert strict.count("list") <= 3


async def test_a_server_is_asked_once_whether_it_keeps_conditions(options: dict[str, Any], strict: StrictS3) -> None:
    """DECISIONS 28: the first conditional write asks, the others know; nothing of it stays."""
    async with AsyncS3Backend(**options) as backend:
        await backend.write("a", b"")
        await backend.write("b", b"")
        with pytest.raises(AlreadyExists):
            await backend.write("b", b"")
    assert strict.count("put") == 1 + 3
    assert sorted(strict.objects) == ["a", "b"]


async def test_of_many_writes_at_once_one_asks(options: dict[str, Any], strict: StrictS3) -> None:
    """DECISIONS 28: once per backend; a checkpoint's first parts all begin at the same moment."""
    async with AsyncS3Backend(**options) as backend, anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(backend.write, f"part-{number}", b"x")
    assert strict.count("put") == 1 + 10


async def test_a_folder_is_told_from_nothing(backend: AsyncS3Backend, strict: StrictS3) -> None:
    """CONTRACT 154: file operations on a pure prefix raise InvalidPath."""
    strict.put("d/file", b"")
    for call in (backend.read_bytes("d"), backend.get_file_info("d"), backend.delete("d", missing_ok=True)):
        with pytest.raises(InvalidPath, match="is a folder, not a file"):
            await call
