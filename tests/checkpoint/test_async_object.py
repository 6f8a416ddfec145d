"""AsyncCheckpoint in flyte-sdk's shape: the remote side is one object (CHECKPOINT A6)."""

from __future__ import annotations

import gc
import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from remote_store.checkpoint import AsyncCheckpoint, CheckpointNotFound
from tests.checkpoint.homes import Home, local_files

pytestmark = pytest.mark.anyio


def at(home: Home, name: Any, source: Any = None) -> Any:
    return AsyncCheckpoint(home.at(name), source, **home.options)


async def test_the_destination_and_source_are_given_as_passed(tmp_path: Path) -> None:
    """A6: remote_destination and remote_source give the text; blanks and double quotes around the source go."""
    checkpoint = AsyncCheckpoint(tmp_path.as_uri(), ' "s3://bucket/prev" ')
    assert checkpoint.remote_destination == tmp_path.as_uri()
    assert checkpoint.remote_source == "s3://bucket/prev"
    assert checkpoint.prev_exists() is True
    assert AsyncCheckpoint(tmp_path / "a", tmp_path / "b").remote_source == str(tmp_path / "b")
    for nothing in (None, "", "  ", '""'):
        assert AsyncCheckpoint("x", nothing).remote_source is None
        assert AsyncCheckpoint("x", nothing).prev_exists() is False


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
async def test_bytes_and_readers_are_one_object_as_they_are(home: Home, kind: Any) -> None:
    await at(home, "dst").save(kind(b"bytes"))
    assert home.files("dst") == {"": b"bytes"}


async def test_a_file_is_one_object_as_it_is(home: Home, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    for form in (str, Path):
        await at(home, "deep/er/dst").save(form(tmp_path / "f"))
        assert home.files("deep/er/dst") == {"": b"content"}


async def test_a_folder_is_a_gzip_tar_of_its_children(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    await at(home, "dst").save(tmp_path / "tree")
    data = home.files("dst")[""]
    assert data[:2] == b"\x1f\x8b"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        packed = {member.name: _content(archive, member) for member in archive if member.isfile()}
    assert packed == tree


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


async def test_load_unpacks_a_folder_into_the_workspace(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    """A6: tar -> extracted into `path`, returns `path`; the result is cached."""
    await at(home, "src").save(tmp_path / "tree")
    checkpoint = at(home, "dst", home.at("src"))
    assert await checkpoint.load() == checkpoint.path
    assert local_files(checkpoint.path) == tree
    home.put("src", b"changed")
    (checkpoint.path / "empty").unlink()
    assert await checkpoint.load() == checkpoint.path
    assert not (checkpoint.path / "empty").exists()


async def test_load_puts_an_object_into_the_payload_file(home: Home) -> None:
    """A6: else -> `path/"payload"`."""
    home.put("src", b"raw")
    checkpoint = at(home, "dst", home.at("src"))
    assert await checkpoint.load() == checkpoint.path / "payload"
    assert (checkpoint.path / "payload").read_bytes() == b"raw"
    assert await checkpoint.load() == checkpoint.path / "payload"
    assert await checkpoint.read() == b"raw"


async def test_the_workspace_can_be_saved_and_loaded_again(home: Home) -> None:
    """The loop of a training job: load, change, save."""
    (first := at(home, "one")).path.joinpath("state").write_bytes(b"1")
    await first.save(first.path)
    second = at(home, "two", home.at("one"))
    folder = await second.load()
    assert (folder / "state").read_bytes() == b"1"
    (folder / "state").write_bytes(b"2")
    await second.save(second.path)
    third = at(home, "three", home.at("two"))
    assert (await third.load() / "state").read_bytes() == b"2"


async def test_an_empty_folder_comes_back_as_one(home: Home, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    await at(home, "src").save(tmp_path / "empty")
    checkpoint = at(home, "dst", home.at("src"))
    assert await checkpoint.load() == checkpoint.path
    assert list(checkpoint.path.iterdir()) == []


async def test_nothing_there_is_none_and_is_looked_for_again(home: Home) -> None:
    """A6: missing or empty -> None; ours caches success only."""
    checkpoint = at(home, "dst", home.at("src"))
    assert await checkpoint.load() is None
    home.put("src", b"")
    assert await checkpoint.load() is None
    home.put("src", b"now")
    assert await checkpoint.load() == checkpoint.path / "payload"


async def test_restore_says_that_nothing_is_there(home: Home) -> None:
    with pytest.raises(CheckpointNotFound):
        await at(home, "dst", home.at("src")).restore()


async def test_restore_unpacks_into_the_users_folder(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    await at(home, "src").save(tmp_path / "tree")
    (tmp_path / "mine").mkdir()
    checkpoint = at(home, "dst", home.at("src"))
    assert await checkpoint.restore(tmp_path / "mine") == tmp_path / "mine"
    assert local_files(tmp_path / "mine") == tree
    assert await checkpoint.load() == tmp_path / "mine"


async def test_load_takes_a_folder_that_was_saved_file_by_file(
    home: Home, tmp_path: Path, tree: dict[str, bytes]
) -> None:
    await AsyncCheckpoint(home.at("src"), layout="folder", **home.options).save(tmp_path / "tree")
    checkpoint = at(home, "dst", home.at("src"))
    assert await checkpoint.load() == checkpoint.path
    assert local_files(checkpoint.path) == tree


async def test_a_missing_path_leaves_the_last_checkpoint(home: Home, tmp_path: Path) -> None:
    """A6: FileNotFoundError; nothing written."""
    home.put("dst", b"last")
    with pytest.raises(FileNotFoundError):
        await at(home, "dst").save(tmp_path / "missing")
    assert home.files("dst") == {"": b"last"}


@pytest.mark.parametrize(
    "payload",
    [b"\0" * 20480, b"\0", gzip.compress(b"no tar", mtime=0), b"\x1f\x8bbroken"],
    ids=["zeros", "zero", "gzip", "broken gzip"],
)
async def test_bytes_that_look_like_an_archive_come_back_as_they_are(home: Home, payload: Any) -> None:
    """A block of zeros reads as a tar without members, to Python's tarfile."""
    await at(home, "src").save(payload)
    checkpoint = at(home, "dst", home.at("src"))
    assert (await checkpoint.load()).read_bytes() == payload


async def test_links_in_a_folder_are_saved_as_what_they_lead_to(home: Home, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"o")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "outside")
    await at(home, "src").save(tmp_path / "tree")
    checkpoint = at(home, "dst", home.at("src"))
    await checkpoint.load()
    assert local_files(checkpoint.path) == {"link": b"o"}
    assert not (checkpoint.path / "link").is_symlink()


async def test_a_link_as_the_source_is_followed(tmp_path: Path) -> None:
    """`latest -> step-5` is how many name their newest checkpoint."""
    (tmp_path / "step-5").write_bytes(b"5")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "latest").symlink_to(tmp_path / "step-5")
    assert await AsyncCheckpoint("x", tmp_path / "elsewhere" / "latest").read() == b"5"


async def test_the_workspace_goes_with_the_object() -> None:
    checkpoint = AsyncCheckpoint("x")
    folder = checkpoint.path
    assert folder.is_dir()
    del checkpoint
    gc.collect()
    assert not folder.exists()
    AsyncCheckpoint.__new__(AsyncCheckpoint)
    gc.collect()


async def test_blocking_verbs(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    """A6: load_sync, save_sync."""
    at(home, "src").save_sync(tmp_path / "tree")
    checkpoint = at(home, "dst", home.at("src"))
    assert checkpoint.load_sync() == checkpoint.path
    assert local_files(checkpoint.path) == tree


async def test_as_a_context_manager_it_removes_its_workspace(home: Home) -> None:
    """Without blocking the loop; closing twice is fine."""
    home.put("src", b"raw")
    async with at(home, "dst", home.at("src")) as checkpoint:
        folder = checkpoint.path
        assert await checkpoint.load() == folder / "payload"
    assert not folder.exists()
    await checkpoint.aclose()
