"""AsyncCheckpoint in the layout "folder": what the seed leaves as a TODO, on both loops (CHECKPOINT A5, async)."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import aiofiles
import anyio
import pytest

from remote_store.checkpoint import AsyncCheckpoint, CheckpointNotFound, SyncCheckpoint
from tests.checkpoint.homes import STORES, Home, local_files

pytestmark = pytest.mark.anyio


def at(home: Home, name: Any, source: Any = None) -> Any:
    """A checkpoint that is laid out file by file."""
    return AsyncCheckpoint(home.at(name), source, layout="folder", **home.options)


async def test_without_a_source_there_is_nothing_to_restore(home: Home) -> None:
    """A5, first row; also flyte-sdk's load."""
    for source in (None, "", "  ", '""'):
        checkpoint = at(home, "dst", source)
        assert checkpoint.prev_exists() is False
        assert await checkpoint.read() is None
        assert await checkpoint.load() is None
        assert await checkpoint.restore("/no/such/folder") is None


async def test_write_makes_one_object_and_replaces_it(home: Home) -> None:
    checkpoint = at(home, "dst")
    await checkpoint.write(b"first, and longer")
    await checkpoint.write(memoryview(b"second"))
    assert home.files("dst") == {"_dst_cp": b"second"}


@pytest.mark.parametrize("content", ["text", 7, None])
async def test_write_takes_nothing_but_bytes(home: Home, content: Any) -> None:
    with pytest.raises(TypeError):
        await at(home, "dst").write(content)


async def test_save_keeps_a_files_name(home: Home, tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"content")
    await at(home, "dst").save(tmp_path / "model.tar.gz")
    assert home.files("dst") == {"model.tar.gz": b"content"}


async def test_save_and_restore_a_nested_folder(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    """Nested, hidden, empty and large files; what either face saves, the other restores."""
    await at(home, "src").save(str(tmp_path / "tree"))
    assert home.files("src") == tree
    target = tmp_path / "mine"
    target.mkdir()
    assert await at(home, "dst", home.at("src")).restore(target) == target
    assert local_files(target) == tree
    blocking = SyncCheckpoint(home.at("dst"), home.at("src"), **home.options)
    assert local_files(blocking.restore()) == tree


async def test_load_gives_the_folder(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    await at(home, "src").save(tmp_path / "tree")
    checkpoint = at(home, "dst", home.at("src"))
    (checkpoint.path / "stale").write_bytes(b"")
    assert await checkpoint.load() == checkpoint.path
    assert local_files(checkpoint.path) == tree


@pytest.mark.parametrize("opened", ["file", "bytesio", "anyio", "aiofiles"])
async def test_save_of_a_reader_takes_what_it_still_has(
    home: Home, tmp_path: Path, opened: Any, anyio_backend_name: Any
) -> None:
    """From its position to its end, left open; async files too, where the store is async."""
    if opened == "aiofiles" and anyio_backend_name == "trio":
        pytest.skip("aiofiles runs on asyncio only")
    if opened in ("anyio", "aiofiles") and home.kind in STORES:
        pytest.skip("a Store takes no async reader: the next test")
    (tmp_path / "f").write_bytes(b"0123456789")
    if opened == "anyio":
        async with await anyio.open_file(tmp_path / "f", "rb") as reader:
            await reader.seek(3)
            await at(home, "dst").save(reader)
            assert not reader.wrapped.closed
    elif opened == "aiofiles":
        async with aiofiles.open(tmp_path / "f", "rb") as reader:
            await reader.seek(3)
            await at(home, "dst").save(reader)
    else:
        with (tmp_path / "f").open("rb") if opened == "file" else io.BytesIO(b"0123456789") as reader:
            reader.seek(3)
            await at(home, "dst").save(reader)
            assert not reader.closed
    assert home.files("dst") == {"_dst_cp": b"3456789"}


async def test_a_blocking_store_says_that_it_takes_no_async_reader(home: Home, tmp_path: Path) -> None:
    if home.kind not in STORES:
        pytest.skip("only a Store refuses")
    (tmp_path / "f").write_bytes(b"x")
    async with await anyio.open_file(tmp_path / "f", "rb") as reader:
        with pytest.raises(TypeError, match="AsyncStore"):
            await at(home, "dst").save(reader)


async def test_save_refuses_text_and_anything_else(home: Home, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("text")
    async with await anyio.open_file(tmp_path / "f") as reader:
        with pytest.raises(TypeError):
            await at(home, "dst").save(reader)
    with pytest.raises(TypeError):
        await at(home, "dst").save(io.StringIO("text"))
    for other in (None, 7, AsyncCheckpoint):
        with pytest.raises(ValueError, match="Only a valid path"):
            await at(home, "dst").save(other)
    with pytest.raises(FileNotFoundError):
        await at(home, "dst").save(tmp_path / "missing")
    assert home.files("dst") == {}


async def test_restore_is_cached_only_when_it_succeeded(home: Home, tmp_path: Path) -> None:
    checkpoint = at(home, "dst", home.at("src"))
    with pytest.raises(CheckpointNotFound):
        await checkpoint.restore()
    assert await checkpoint.load() is None
    home.put("src/one", b"1")
    with pytest.raises(ValueError, match="directory only"):
        await checkpoint.restore(tmp_path / "missing")
    first = await checkpoint.restore()
    home.delete("src")
    assert await checkpoint.restore("/no/such/folder") == first
    assert await checkpoint.load() == first
    assert await checkpoint.read() == b"1"


async def test_tasks_that_restore_at_once_share_one_download(home: Home) -> None:
    home.put("src/one", b"1")
    checkpoint = at(home, "dst", home.at("src"))
    found = []

    async def restore() -> Any:
        found.append(await checkpoint.restore())

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(restore)
    assert len(found) == 8
    assert len(set(found)) == 1


async def test_read_counts_entries(home: Home) -> None:
    """A5: one file its bytes, more a ValueError, a single folder IsADirectoryError."""
    home.put("one/file", b"1")
    assert await at(home, "dst", home.at("one")).read() == b"1"
    home.put("two/file", b"1")
    home.put("two/folder/file", b"1")
    with pytest.raises(ValueError, match="Expected exactly one checkpoint - found 2"):
        await at(home, "dst", home.at("two")).read()
    home.put("three/folder/file", b"1")
    with pytest.raises(IsADirectoryError):
        await at(home, "dst", home.at("three")).read()


async def test_a_source_that_is_one_object_is_restored_as_one_file(home: Home) -> None:
    home.put("src/one.tar.gz", b"1")
    checkpoint = at(home, "dst", home.at("src/one.tar.gz"))
    assert local_files(await checkpoint.restore()) == {"one.tar.gz": b"1"}


async def test_the_blocking_verbs_work_inside_the_loop(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    """load_sync and save_sync block the loop's thread, as any sync call does."""
    at(home, "src").save_sync(tmp_path / "tree")
    checkpoint = at(home, "dst", home.at("src"))
    assert checkpoint.load_sync() == checkpoint.path
    assert local_files(checkpoint.path) == tree


async def test_ignore_and_progress(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    calls = []
    ignore = shutil.ignore_patterns(".*", "*.bin")
    await at(home, "dst").save(tmp_path / "tree", ignore=ignore, progress=lambda *call: calls.append(call))
    assert set(home.files("dst")) == {"a.tar.gz", "empty", "nested/deep/state.json"}
    assert calls[-1][:2] == (12, 12)


@pytest.mark.parametrize(("dest", "is_folder"), [("{}/", True), ("{}", False)])
async def test_a_slash_at_the_end_means_a_folder(tmp_path: Path, dest: Any, is_folder: Any) -> None:
    """Without `layout`, the text decides, never what happens to be there."""
    await AsyncCheckpoint(dest.format(tmp_path / "dst")).save(b"x")
    assert (tmp_path / "dst").is_dir() is is_folder


async def test_the_root_of_a_store_is_a_folder(home: Home) -> None:
    if "store" in home.options:
        checkpoint = AsyncCheckpoint("", **home.options)
        await checkpoint.write(b"x")
        assert await AsyncCheckpoint("other", "_dst_cp", **home.options).read() == b"x"


async def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="layout"):
        AsyncCheckpoint("x", layout="tar")
