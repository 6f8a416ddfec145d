"""Listings and deletions of directories: pages, depths, orders."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from remote_store._core.errors import UnexpectedResponse
from remote_store.backends.azure.backend import AsyncAzureBackend
from tests.servers.dfs import FakeAccount, Filesystem
from tests.servers.dfs.asked import Answer, Asked

pytestmark = pytest.mark.anyio


async def test_the_service_prunes_a_listing_by_depth(filesystem: Filesystem, backend: AsyncAzureBackend) -> None:
    """With `max_depth` only the directories down to it are asked for; the thousand files below never travel."""
    for number in range(1000):
        filesystem.poke(f"a/b/c/d/{number}", b"")
    filesystem.poke("a/f", b"")
    filesystem.poke("a/b/g", b"")
    found = [str(entry.path) async for entry in backend.list_files("", recursive=True, max_depth=2)]
    assert sorted(found) == ["a/b/g", "a/f"]
    assert backend.wire.sent == {"ListPaths": 3}


@pytest.mark.parametrize("depth", [None, 1, 9])
async def test_a_listing_goes_on_after_its_last_key(
    filesystem: Filesystem, backend: AsyncAzureBackend, depth: int | None
) -> None:
    """DECISIONS 23: `limit` and `start_after` together give each file once, in the order of keys."""
    keys = ["a.c", "a/b", "a/z", "b", "c/1", "c/2", "c/3", "d0", "é", "z"]
    for key in reversed(keys):
        filesystem.poke(key, b"")
    filesystem.poke("c/.~tmp.0123456789abcdef", b"")
    found: list[str] = []
    while True:
        after = found[-1] if found else None
        page = [
            str(entry.path)
            async for entry in backend.list_files("", recursive=True, max_depth=depth, start_after=after, limit=3)
        ]
        assert len(page) <= 3
        if not page:
            break
        found += page
    assert found == sorted(keys)


async def test_a_listing_asks_only_for_what_it_gives(filesystem: Filesystem, backend: AsyncAzureBackend) -> None:
    """Directories before the key, and those behind the limit, are not asked for."""
    for folder in "abcdef":
        filesystem.poke(f"{folder}/1", b"")
        filesystem.poke(f"{folder}/2", b"")
    found = [str(e.path) async for e in backend.list_files("", recursive=True, start_after="c/1", limit=2)]
    assert found == ["c/2", "d/1"]
    assert backend.wire.sent == {"ListPaths": 3}


async def test_a_folder_goes_page_by_page(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
    """A recursive deletion follows the service's continuations to the end."""
    account.paths.delete_page = 10
    for number in range(35):
        filesystem.poke(f"d/{number}", b"")
    await backend.delete_folder("d", recursive=True)
    assert filesystem.tree.nodes == {}
    assert backend.wire.sent["DeleteDirectory"] == 4


async def test_a_listing_in_a_circle_ends(
    account: FakeAccount, filesystem: Filesystem, backend: AsyncAzureBackend
) -> None:
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
