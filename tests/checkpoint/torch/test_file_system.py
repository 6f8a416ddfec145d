"""FileSystem: the file system that torch's readers and writers ask (CHECKPOINT A1, seeds/000)."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from torch.distributed.checkpoint.filesystem import FileSystemBase

from remote_store import PermissionDenied
from remote_store.checkpoint import FileSystem
from tests.checkpoint.torch.places import Place


@pytest.fixture
def fs(place: Place) -> FileSystem:
    made = FileSystem()
    assert made.init_path(place.path, **place.options) is place.path
    return made


def at(place: Place, name: str) -> str:
    return FileSystem().concat_path(place.path, name)


def put(place: Place, fs: FileSystem, name: str, data: bytes = b"0123456789") -> str:
    place.poke(name, data)
    return fs.concat_path(place.path, name)


def test_it_is_torchs_kind_and_closed_until_a_path_is_given() -> None:
    fs = FileSystem()
    assert isinstance(fs, FileSystemBase)
    assert fs.fs is None
    with pytest.raises(AssertionError), fs.create_stream("x", "rb"):
        pass


def test_a_path_comes_back_as_it_was_given(tmp_path: Path) -> None:
    for path in (tmp_path, str(tmp_path), tmp_path.as_uri()):
        assert FileSystem().init_path(path) is path


def test_paths_are_joined_with_one_slash() -> None:
    join = FileSystem().concat_path
    assert join("/a/b", "c") == "/a/b/c"
    assert join("/a/b/", "c") == "/a/b/c"
    assert join(Path("/a/b"), "c") == "/a/b/c"
    assert join("s3://bucket/a/", "c") == "s3://bucket/a/c"
    assert join("s3://bucket/a?endpoint=http://h:1", "c") == "s3://bucket/a/c?endpoint=http://h:1"


def test_bytes_and_text_go_in_and_out(place: Place, fs: FileSystem) -> None:
    name = at(place, "x")
    with fs.create_stream(name, "wb") as stream:
        assert [stream.write(piece) for piece in (b"ab", bytearray(b"c"), memoryview(b"de"))] == [2, 1, 2]  # type: ignore[attr-defined]
        assert stream.tell() == 5
        stream.flush()
        stream.close()
        stream.close()
    assert place.peek("x") == b"abcde"
    with fs.create_stream(name, "w") as text:
        text.write("héllo\n")  # type: ignore[attr-defined]
    assert place.peek("x") == "héllo\n".encode()
    with fs.create_stream(name, "r") as text:
        assert text.read() == "héllo\n"  # type: ignore[attr-defined]
    with fs.create_stream(name, "a") as text:
        text.write("more")  # type: ignore[attr-defined]
    assert place.peek("x") == "héllo\nmore".encode()


def test_a_stream_seeks_like_a_file(place: Place, fs: FileSystem) -> None:
    name = put(place, fs, "x")
    with fs.create_stream(name, "rb") as stream:
        reader: Any = stream
        assert reader.seekable()
        assert reader.seek(0, io.SEEK_END) == 10
        assert reader.read() == b""
        assert reader.seek(-4, io.SEEK_END) == 6
        assert reader.read(2) == b"67"
        assert reader.seek(-3, io.SEEK_CUR) == 5
        buffer = bytearray(3)
        assert reader.readinto(buffer) == 3
        assert buffer == b"567"
        assert reader.tell() == 8
        with pytest.raises(OSError, match="fileno"):
            reader.fileno()


@pytest.mark.parametrize("mode", ["w", "wb", "a", "ab"])
def test_what_a_failing_block_wrote_is_gone_and_what_was_there_stays(place: Place, fs: FileSystem, mode: str) -> None:
    """A1, B19: the same exception object leaves; torch removes after the upload, so half a file stays (C6)."""
    new, old = at(place, "new"), put(place, fs, "old", b"before")
    error = OSError("mine")
    for name in (new, old):
        with pytest.raises(OSError, match="mine") as caught, fs.create_stream(name, mode) as stream:
            stream.write(b"half" if "b" in mode else "half")  # type: ignore[attr-defined]
            raise error
        assert caught.value is error
    assert not fs.exists(new)
    assert place.peek("old") == b"before"
    assert place.names() == ["old"]


def test_a_failing_block_that_reads_removes_nothing(place: Place, fs: FileSystem) -> None:
    name = put(place, fs, "x")
    with pytest.raises(OSError, match="mine"), fs.create_stream(name, "r"):
        raise OSError("mine")
    assert fs.exists(name)


def test_large_content_passes_without_being_held(place: Place, fs: FileSystem) -> None:
    name = at(place, "large")
    pieces = [bytes([number]) * (3 << 20) for number in range(8)]
    with fs.create_stream(name, "wb") as stream:
        for piece in pieces:
            stream.write(piece)  # type: ignore[attr-defined]
    assert place.peek("large") == b"".join(pieces)


@pytest.mark.parametrize("mode", ["rb", "r"])
def test_a_missing_file_is_file_not_found(place: Place, fs: FileSystem, mode: str) -> None:
    with pytest.raises(FileNotFoundError), fs.create_stream(at(place, "missing"), mode):
        pass
    with pytest.raises(FileNotFoundError):
        fs.rm_file(at(place, "missing"))
    with pytest.raises(FileNotFoundError):
        fs.rename(at(place, "missing"), at(place, "other"))
    with pytest.raises(FileNotFoundError):
        fs.ls(at(place, "missing"))


@pytest.mark.parametrize("mode", ["", "rw", "r+", "wtb", "q"])
def test_another_mode_is_refused(place: Place, fs: FileSystem, mode: str) -> None:
    with pytest.raises(ValueError, match="mode"), fs.create_stream(at(place, "x"), mode):
        pass


def test_exclusive_creation_refuses_an_existing_file(place: Place, fs: FileSystem) -> None:
    name = put(place, fs, "x")
    with pytest.raises(FileExistsError), fs.create_stream(name, "xb"):
        pass
    assert place.peek("x") == b"0123456789"


def test_rename_replaces(place: Place, fs: FileSystem) -> None:
    one, two = put(place, fs, "one", b"1"), put(place, fs, "two", b"2")
    fs.rename(one, two)
    assert place.names() == ["two"]
    assert place.peek("two") == b"1"


def test_a_folder_is_listed_in_the_form_of_its_path(place: Place, fs: FileSystem) -> None:
    put(place, fs, "one")
    put(place, fs, "deep/two")
    assert fs.ls(place.path) == [at(place, "deep"), at(place, "one")]
    assert fs.exists(at(place, "deep"))
    assert fs.exists(place.path)


def test_a_folder_made_twice_is_no_error(place: Place, fs: FileSystem) -> None:
    fs.mkdir(place.path)
    fs.mkdir(place.path)
    put(place, fs, "file")
    with pytest.raises(FileExistsError):
        fs.mkdir(at(place, "file"))
    assert place.peek("file") == b"0123456789"


def test_a_used_file_system_can_be_pickled(place: Place, fs: FileSystem) -> None:
    name = put(place, fs, "x")
    if place.kind == "store":
        pytest.skip("the caller's memory store can't travel")
    assert pickle.loads(pickle.dumps(fs)).exists(name)


def test_a_path_in_another_store_is_refused(tmp_path: Path) -> None:
    fs = FileSystem()
    fs.init_path("memory://one/a")
    with pytest.raises(ValueError, match="another store"):
        fs.exists("memory://two/a")


@pytest.mark.parametrize(
    ("checkpoint_id", "valid"),
    [("", True), ("relative/name", True), ("/a/b", True), ("file:///a", True), ("memory://x/y", True), ("s3://b/x", True),
     (Path("/a"), False), ("nosuchscheme://a/b", False)],
)  # fmt: skip
def test_ids_are_texts_with_a_known_scheme(checkpoint_id: Any, valid: bool) -> None:
    """A1, C17: also where the scheme's extra is not installed."""
    assert FileSystem.validate_checkpoint_id(checkpoint_id) is valid


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_a_permission_error(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    path.chmod(0)
    fs = FileSystem()
    fs.init_path(str(tmp_path))
    with pytest.raises(PermissionError) as caught, fs.create_stream(str(path), "rb"):
        pass
    assert isinstance(caught.value, PermissionDenied)


def test_relative_paths_are_found_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fs = FileSystem()
    path = fs.init_path("runs")
    fs.mkdir(path)
    with fs.create_stream(fs.concat_path(path, "x"), "wb") as stream:
        stream.write(b"1")  # type: ignore[attr-defined]
    assert fs.ls("runs") == ["runs/x"]
    assert (tmp_path / "runs" / "x").read_bytes() == b"1"


def test_it_works_in_a_thread_whose_event_loop_is_running(place: Place, fs: FileSystem) -> None:
    """CHECKPOINT 0: async code may call dcp.save; the loop stands still meanwhile, and nothing waits for it."""
    import asyncio

    put(place, fs, "x")

    async def main() -> bool:
        return fs.exists(at(place, "x"))

    assert asyncio.run(main())
