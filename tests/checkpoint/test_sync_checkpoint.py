"""SyncCheckpoint behaves as flytekit's, over every kind of store (CHECKPOINT A5, row by row)."""

from __future__ import annotations

import gc
import io
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

from remote_store import RemoteStoreError
from remote_store.checkpoint import Checkpoint, CheckpointNotFound, SyncCheckpoint
from tests.checkpoint.homes import Home, local_files

# Names that third-party tests read


def test_the_base_class_can_be_made_and_does_nothing() -> None:
    """A5: Checkpoint() is plain; each method raises NotImplementedError."""
    base = Checkpoint()
    for call in (
        base.prev_exists,
        lambda: base.restore("x"),
        lambda: base.save("x"),
        base.read,
        lambda: base.write(b""),
    ):
        with pytest.raises(NotImplementedError):
            call()
    assert issubclass(SyncCheckpoint, Checkpoint)


def test_constants_and_private_names_are_flytekits(tmp_path: Path) -> None:
    """A5: SRC_LOCAL_FOLDER, TMP_DST_PATH, and the four private names."""
    assert SyncCheckpoint.SRC_LOCAL_FOLDER == "prev_cp"
    assert SyncCheckpoint.TMP_DST_PATH == "_dst_cp"
    checkpoint = SyncCheckpoint(tmp_path, str(tmp_path / "src"))
    assert checkpoint._checkpoint_dest == tmp_path
    assert checkpoint._checkpoint_src == str(tmp_path / "src")
    assert checkpoint._prev_download_path is None
    assert Path(checkpoint._td.name).is_dir()


def test_store_is_keyword_only() -> None:
    with pytest.raises(TypeError):
        SyncCheckpoint("a", None, object())  # type: ignore[call-arg]  # that is the test


# No source


@pytest.mark.parametrize("source", [None, ""])
def test_without_a_source_there_is_nothing_to_restore(home: Home, source: Any) -> None:
    """A5: src None or "": prev_exists False, read and restore None, even for a bad path."""
    checkpoint = SyncCheckpoint(home.at("dst"), source, **home.options)
    assert checkpoint.prev_exists() is False
    assert checkpoint.read() is None
    assert checkpoint.restore() is None
    assert checkpoint.restore("/no/such/folder") is None
    assert checkpoint._checkpoint_src is None


# Destinations


class AnyPath(os.PathLike):
    def __init__(self, text: Any) -> None:
        self.text = text

    def __fspath__(self) -> Any:
        return self.text


class JustText:
    def __init__(self, text: Any) -> None:
        self.text = text

    def __str__(self) -> Any:
        return self.text


@pytest.mark.parametrize(
    "form", [str, Path, AnyPath, JustText, lambda text: f"{text}/", lambda text: Path(text).as_uri()]
)
def test_the_destination_is_anything_with_a_text(tmp_path: Path, form: Any) -> None:
    """A5: str, Path, os.PathLike, file:// URL, trailing slash; the folder is made on the first save."""
    folder = tmp_path / "not there yet"
    checkpoint = SyncCheckpoint(form(str(folder)))
    assert not folder.exists()
    checkpoint.write(b"x")
    assert (folder / "_dst_cp").read_bytes() == b"x"


def test_a_relative_destination_counts_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    SyncCheckpoint("here").write(b"x")
    assert (tmp_path / "here" / "_dst_cp").read_bytes() == b"x"


@pytest.mark.parametrize("where", ["memory:", "memory://", "nope://x/y", "s3://x/y", "~/checkpoints", None, b"x"])
def test_a_place_that_cannot_be_one_is_refused(where: Any) -> None:
    """Nothing is lost in a memory that nobody else has; unknown schemes say so."""
    with pytest.raises((RemoteStoreError, ValueError, TypeError)):
        SyncCheckpoint(where).write(b"x")


# write


@pytest.mark.parametrize("content", [b"one", bytearray(b"one"), memoryview(b"")])
def test_write_makes_one_object(home: Home, content: Any) -> None:
    """A5: bytes, bytearray, memoryview -> dest/_dst_cp; returns None."""
    SyncCheckpoint(home.at("dst"), **home.options).write(content)
    assert home.files("dst") == {"_dst_cp": bytes(content)}


def test_write_replaces_what_was_written_before(home: Home) -> None:
    """A5: replaced each time."""
    checkpoint = SyncCheckpoint(home.at("dst"), **home.options)
    checkpoint.write(b"first, and longer")
    checkpoint.write(b"second")
    assert home.files("dst") == {"_dst_cp": b"second"}


@pytest.mark.parametrize("content", ["text", 7, [b"x"], None, io.BytesIO(b"x")])
def test_write_takes_nothing_but_bytes(home: Home, content: Any) -> None:
    """A5: str, int, list: TypeError; None too."""
    with pytest.raises(TypeError):
        SyncCheckpoint(home.at("dst"), **home.options).write(content)
    assert home.files("dst") == {}


# save


@pytest.mark.parametrize(
    ("name", "form"),
    [("model.tar.gz", str), (".hidden", Path), ("no suffix", AnyPath), ("trailing.", str), ("ünïcode", Path)],
)
def test_save_keeps_a_files_name(home: Home, tmp_path: Path, name: Any, form: Any) -> None:
    """A5: dest/<file name>, suffixes and dots kept."""
    (tmp_path / name).write_bytes(b"content")
    SyncCheckpoint(home.at("dst"), **home.options).save(form(str(tmp_path / name)))
    assert home.files("dst") == {name: b"content"}


def test_save_copies_a_folders_content_straight_under_the_destination(
    home: Home, tmp_path: Path, tree: dict[str, bytes]
) -> None:
    """A5: recursively, hidden files too."""
    SyncCheckpoint(home.at("dst"), **home.options).save(tmp_path / "tree")
    assert home.files("dst") == tree


def test_save_leaves_what_an_earlier_save_left(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    """A5: does not delete."""
    checkpoint = SyncCheckpoint(home.at("dst"), **home.options)
    checkpoint.write(b"old")
    home.put("dst/empty", b"older")
    checkpoint.save(str(tmp_path / "tree"))
    assert home.files("dst") == {**tree, "_dst_cp": b"old"}


def test_save_keeps_empty_folders_where_there_are_folders(tmp_path: Path) -> None:
    (tmp_path / "tree" / "logs" / "today").mkdir(parents=True)
    SyncCheckpoint(tmp_path / "dst").save(tmp_path / "tree")
    assert (tmp_path / "dst" / "logs" / "today").is_dir()
    again = SyncCheckpoint("x", tmp_path / "dst")
    folder = again.restore()
    assert folder is not None
    assert (folder / "logs" / "today").is_dir()


def test_save_of_an_empty_folder_makes_the_destination(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    SyncCheckpoint(tmp_path / "dst").save(tmp_path / "tree")
    checkpoint = SyncCheckpoint("x", tmp_path / "dst")
    assert checkpoint.read() is None


def test_save_follows_links_in_a_folder(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    (tmp_path / "tree" / "link.bin").symlink_to(tmp_path / "tree" / ".hidden")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "o").write_bytes(b"o")
    (tmp_path / "tree" / "linked").symlink_to(tmp_path / "outside", target_is_directory=True)
    SyncCheckpoint(home.at("dst"), **home.options).save(tmp_path / "tree")
    assert home.files("dst") == {**tree, "link.bin": b"h", "linked/o": b"o"}


def test_save_leaves_out_what_ignore_names(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    """As in shutil.copytree."""
    SyncCheckpoint(home.at("dst"), **home.options).save(tmp_path / "tree", ignore=shutil.ignore_patterns(".*", "*.bin"))
    assert home.files("dst") == {"a.tar.gz": b"not really", "empty": b"", "nested/deep/state.json": b"{}"}


@pytest.mark.parametrize("trap", ["dangling", "loop", "fifo", "backslash"])
def test_a_folder_that_cannot_be_saved_whole_is_not_begun(
    home: Home, tmp_path: Path, tree: dict[str, bytes], trap: Any
) -> None:
    """An exception that names the path, and nothing written."""
    folder = tmp_path / "tree"
    if trap == "dangling":
        (folder / "zzz-dangling").symlink_to("nowhere")
    elif trap == "loop":
        (folder / "nested" / "zzz-loop").symlink_to(folder, target_is_directory=True)
    elif trap == "fifo":
        os.mkfifo(folder / "zzz-fifo")
    else:
        (folder / "zzz-back\\slash").write_bytes(b"x")
    with pytest.raises((ValueError, FileNotFoundError), match="zzz-"):
        SyncCheckpoint(home.at("dst"), **home.options).save(folder)
    assert home.files("dst") == {}


def test_save_of_a_device_is_refused_without_opening_it(home: Home, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError, match="fifo"):
        SyncCheckpoint(home.at("dst"), **home.options).save(tmp_path / "fifo")


@pytest.mark.parametrize("opened", ["buffered", "raw", "bytesio", "tempfile"])
def test_save_of_a_reader_takes_what_it_still_has(home: Home, tmp_path: Path, opened: Any) -> None:
    """A5: from its position to its end, stored as dest/_dst_cp, left open."""
    (tmp_path / "f").write_bytes(b"0123456789")
    reader = {
        "buffered": lambda: (tmp_path / "f").open("rb"),
        "raw": lambda: (tmp_path / "f").open("rb", buffering=0),
        "bytesio": lambda: io.BytesIO(b"0123456789"),
        "tempfile": lambda: _temporary(b"0123456789"),
    }[opened]()
    reader.seek(3)
    with reader:
        SyncCheckpoint(home.at("dst"), **home.options).save(reader)
        assert not reader.closed
    assert home.files("dst") == {"_dst_cp": b"3456789"}


def _temporary(content: Any) -> Any:
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115  # the test closes it
    file.write(content)
    return file


@pytest.mark.parametrize("opened", ["stringio", "text file"])
def test_save_refuses_a_text_reader(home: Home, tmp_path: Path, opened: Any) -> None:
    """A5: text reader: TypeError."""
    (tmp_path / "f").write_text("text")
    with (tmp_path / "f").open() if opened == "text file" else io.StringIO("text") as reader, pytest.raises(TypeError):
        SyncCheckpoint(home.at("dst"), **home.options).save(reader)
    assert home.files("dst") == {}


@pytest.mark.parametrize("other", [b"bytes", None, 7, SyncCheckpoint, io.BytesIO, object()])
def test_save_of_anything_else_is_a_value_error(home: Home, other: Any) -> None:
    """A5: bytes, None, int, class: ValueError."""
    with pytest.raises(ValueError, match="Only a valid path or IOBase type"):
        SyncCheckpoint(home.at("dst"), **home.options).save(other)


def test_save_of_a_missing_path_writes_nothing(home: Home, tmp_path: Path) -> None:
    """A5: missing path: FileNotFoundError, nothing written."""
    with pytest.raises(FileNotFoundError, match="missing"):
        SyncCheckpoint(home.at("dst"), **home.options).save(tmp_path / "missing")
    assert home.files("dst") == {}
    assert not (home.root / "dst").exists()


def test_progress_comes_after_each_file_with_bytes(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    calls = []
    total = sum(map(len, tree.values()))
    SyncCheckpoint(home.at("dst"), **home.options).save(tmp_path / "tree", progress=lambda *call: calls.append(call))
    assert {key for _, _, key in calls} == set(tree)
    assert {of for _, of, _ in calls} == {total}
    assert max(done for done, _, _ in calls) == total
    calls.clear()
    SyncCheckpoint("x", home.at("dst"), **home.options).restore(progress=lambda *call: calls.append(call))
    assert {key for _, _, key in calls} == set(tree)
    assert max(done for done, _, _ in calls) == total


# restore


def test_restore_brings_a_folder_into_the_default_one(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    """A5: default folder <temp>/prev_cp; returns a Path."""
    SyncCheckpoint(home.at("src"), **home.options).save(tmp_path / "tree")
    checkpoint = SyncCheckpoint(home.at("dst"), home.at("src"), **home.options)
    assert checkpoint.prev_exists() is True
    folder = checkpoint.restore()
    assert folder == Path(checkpoint._td.name) / "prev_cp"
    assert local_files(folder) == tree
    assert checkpoint._prev_download_path == folder


@pytest.mark.parametrize("form", [str, Path])
def test_restore_into_an_existing_folder_of_the_user(
    home: Home, tmp_path: Path, tree: dict[str, bytes], form: Any
) -> None:
    """A5: a given path must be an existing folder; what it held stays, files of the same names are replaced."""
    SyncCheckpoint(home.at("src"), **home.options).save(tmp_path / "tree")
    target = tmp_path / "mine"
    (target / "nested").mkdir(parents=True)
    (target / "nested" / "kept").write_bytes(b"kept")
    (target / "empty").write_bytes(b"replaced")
    assert SyncCheckpoint(home.at("dst"), home.at("src"), **home.options).restore(form(target)) == target
    assert local_files(target) == {**tree, "nested/kept": b"kept"}


def test_restore_into_what_is_no_folder_is_a_value_error(home: Home, tmp_path: Path) -> None:
    """A5: "Checkpoints can be restored to a directory only."."""
    home.put("src/one", b"1")
    (tmp_path / "file").write_bytes(b"")
    checkpoint = SyncCheckpoint(home.at("dst"), home.at("src"), **home.options)
    for path in (tmp_path / "file", str(tmp_path / "missing")):
        with pytest.raises(ValueError, match=r"Checkpoints can be restored to a directory only\."):
            checkpoint.restore(path)
    assert checkpoint.read() == b"1"


def test_restore_again_returns_the_first_path_whatever_is_asked(home: Home, tmp_path: Path) -> None:
    """A5: no download, even if the argument is invalid, the files were deleted, or the source is gone."""
    home.put("src/one", b"1")
    (tmp_path / "mine").mkdir()
    checkpoint = SyncCheckpoint(home.at("dst"), home.at("src"), **home.options)
    first = checkpoint.restore()
    assert first is not None
    (first / "one").unlink()
    home.delete("src")
    assert checkpoint.restore(tmp_path / "mine") == first
    assert checkpoint.restore("/no/such/folder") == first
    assert not (first / "one").exists()
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_missing_source_is_a_value_error_and_is_tried_again(home: Home) -> None:
    """A5: ValueError subclass; nothing is cached."""
    checkpoint = SyncCheckpoint(home.at("dst"), home.at("src"), **home.options)
    assert checkpoint.prev_exists() is True
    for call in (checkpoint.restore, checkpoint.read):
        with pytest.raises(ValueError, match="src") as failure:
            call()
        assert isinstance(failure.value, (CheckpointNotFound, FileNotFoundError))
    home.put("src/one", b"1")
    assert checkpoint.read() == b"1"


def test_a_source_that_is_one_object_is_restored_as_one_file(home: Home) -> None:
    """A5: src is a single object."""
    home.put("src/one.bin", b"1")
    checkpoint = SyncCheckpoint(home.at("dst"), home.at("src/one.bin"), **home.options)
    folder = checkpoint.restore()
    assert local_files(folder) == {"one.bin": b"1"}
    assert checkpoint.read() == b"1"


# read


def test_read_gives_back_what_was_written(home: Home) -> None:
    SyncCheckpoint(home.at("src"), **home.options).write(b"state")
    assert SyncCheckpoint(home.at("dst"), home.at("src"), **home.options).read() == b"state"


def test_read_of_more_than_one_entry_is_a_value_error(home: Home) -> None:
    """A5: "Expected exactly one checkpoint - found N"; folders count."""
    for key in ("a", "b", "folder/c"):
        home.put(f"src/{key}", b"x")
    with pytest.raises(ValueError, match="Expected exactly one checkpoint - found 3"):
        SyncCheckpoint(home.at("dst"), home.at("src"), **home.options).read()


def test_read_of_a_single_folder(home: Home) -> None:
    """A5: one entry that is a folder: IsADirectoryError."""
    home.put("src/folder/c", b"x")
    with pytest.raises(IsADirectoryError):
        SyncCheckpoint(home.at("dst"), home.at("src"), **home.options).read()


def test_read_of_an_empty_local_folder(tmp_path: Path) -> None:
    """A5: 0 entries: None; an empty subfolder counts."""
    (tmp_path / "src").mkdir()
    assert SyncCheckpoint(tmp_path / "dst", tmp_path / "src").read() is None
    (tmp_path / "src" / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        SyncCheckpoint(tmp_path / "dst", tmp_path / "src").read()
    (tmp_path / "src" / "file").write_bytes(b"")
    with pytest.raises(ValueError, match="found 2"):
        SyncCheckpoint(tmp_path / "dst", tmp_path / "src").read()


def test_read_uses_the_users_folder_after_restore(home: Home, tmp_path: Path) -> None:
    """A5: reads the user's folder if restore(user) came first."""
    home.put("src/one", b"1")
    (tmp_path / "mine").mkdir()
    checkpoint = SyncCheckpoint(home.at("dst"), home.at("src"), **home.options)
    checkpoint.restore(tmp_path / "mine")
    (tmp_path / "mine" / "one").write_bytes(b"changed")
    assert checkpoint.read() == b"changed"


# The temporary folder


def test_the_temporary_folder_goes_with_the_object(tmp_path: Path) -> None:
    """A5: removed when the object dies."""
    checkpoint = SyncCheckpoint(tmp_path)
    folder = Path(checkpoint._td.name)
    assert folder.is_dir()
    del checkpoint
    gc.collect()
    assert not folder.exists()


def test_a_half_made_object_dies_in_silence() -> None:
    """A5: `__new__` without `__init__`: no unraisable error (which would fail this test)."""
    half_made = SyncCheckpoint.__new__(SyncCheckpoint)
    del half_made
    gc.collect()


# Callers of every kind


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_it_works_in_a_thread_whose_loop_is_running(home: Home, loop: Any) -> None:
    """It blocks that thread, as any sync call does (DESIGN 4)."""

    async def main() -> Any:
        SyncCheckpoint(home.at("src"), **home.options).write(b"x")
        return SyncCheckpoint(home.at("dst"), home.at("src"), **home.options).read()

    assert anyio.run(main, backend=loop) == b"x"


def test_threads_that_restore_at_once_share_one_download(home: Home) -> None:
    """One lock inside: everybody gets the same path."""
    home.put("src/one", b"1")
    checkpoint = SyncCheckpoint(home.at("dst"), home.at("src"), **home.options)
    found = []
    threads = [threading.Thread(target=lambda: found.append(checkpoint.restore())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_no_thread_is_left_behind(home: Home, tmp_path: Path, tree: dict[str, bytes]) -> None:
    before = set(threading.enumerate())
    SyncCheckpoint(home.at("src"), **home.options).save(tmp_path / "tree")
    SyncCheckpoint(home.at("dst"), home.at("src"), **home.options).restore()
    loops = [thread for thread in set(threading.enumerate()) - before if "checkpoint" in thread.name]
    assert loops == []


@pytest.mark.parametrize("concurrency", [0, -1, True, 1.5, "8"])
def test_a_concurrency_that_is_no_number_is_refused(concurrency: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="concurrency"):
        SyncCheckpoint("x", concurrency=concurrency)
