"""Issue 10: trees between stores and local folders."""

from __future__ import annotations

import errno
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store import (
    AlreadyExists,
    BackendUnavailable,
    CapabilityNotSupported,
    FileInfo,
    IntegrityError,
    InvalidPath,
    NoSpace,
    NotFound,
    PreconditionFailed,
    RemotePath,
    RemoteStoreError,
    Store,
    observe,
)
from remote_store.backends import LocalBackend, MemoryBackend
from remote_store.ext.trees import TreeError, TreeEvent, TreeReport, check_tree, copy_tree, sync_tree
from tests.ext.faces import ExtFace

BIG = bytes(range(256)) * 8192  # 2 MiB: streamed
FILES = {"a.txt": b"a", "d/b.csv": b"bb", "d/e/c.bin": BIG, "d/empty": b""}


def grow(folder: Path, files: dict[str, bytes]) -> Path:
    """Put files into a local folder."""
    for key, content in files.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def files_of(store: Store | Path) -> dict[str, bytes]:
    """All files of a store or a folder."""
    if isinstance(store, Path):
        return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}
    return {str(info.path): store.read_bytes(str(info.path)) for info in store.list_files("", recursive=True)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return grow(tmp_path / "source", FILES)


def test_a_tree_goes_up_and_down(disk_face: ExtFace, source: Path, tmp_path: Path) -> None:
    """Issue 10: below a folder of the store; every file keeps its key."""
    report = disk_face.ext("trees", "upload_tree", disk_face.store, source, "up")
    assert (report.copied, report.skipped, report.bytes) == (4, 0, sum(map(len, FILES.values())))
    assert disk_face.do("read_bytes", "up/d/e/c.bin") == BIG
    report = disk_face.ext("trees", "download_tree", disk_face.store, "up", tmp_path / "down")
    assert report.copied == 4
    assert files_of(tmp_path / "down") == FILES
    assert disk_face.ext("trees", "check_tree", source, tmp_path / "down", checksum=True).matches


def test_what_is_there_is_skipped_so_that_a_run_goes_on(face: ExtFace, source: Path) -> None:
    """Issue 10: resumable."""
    face.ext("trees", "upload_tree", face.store, source, "up", include=["*.txt"])
    report = face.ext("trees", "upload_tree", face.store, source, "up")
    assert (report.copied, report.skipped) == (3, 1)
    assert face.ext("trees", "upload_tree", face.store, source, "up").copied == 0


def test_another_file_at_the_place_fails_or_is_replaced(face: ExtFace, source: Path) -> None:
    """Issue 10: the others are done; the errors come together."""
    face.do("write", "a.txt", b"mine")
    with pytest.raises(ExceptionGroup) as raised:
        face.ext("trees", "upload_tree", face.store, source)
    assert isinstance(raised.value, TreeError)
    (error,) = raised.value.exceptions
    assert isinstance(error, AlreadyExists)
    assert (raised.value.report.copied, raised.value.report.failed) == (3, 1)
    assert face.ext("trees", "upload_tree", face.store, source, overwrite=True).copied == 1
    assert face.do("read_bytes", "a.txt") == b"a"


def test_a_dry_run_does_nothing_and_tells_everything(face: ExtFace, source: Path, tmp_path: Path) -> None:
    """Issue 10."""
    events: list[TreeEvent] = []
    face.do("write", "old", b"x")
    report = face.ext("trees", "sync_tree", source, face.store, delete=True, dry_run=True, on_event=events.append)
    assert (report.copied, report.deleted, report.dry_run) == (4, 1, True)
    assert sorted((event.action, event.key) for event in events) == [
        ("copy", "a.txt"),
        ("copy", "d/b.csv"),
        ("copy", "d/e/c.bin"),
        ("copy", "d/empty"),
        ("delete", "old"),
    ]
    assert list(face.content()) == ["old"]
    assert face.ext("trees", "copy_tree", source, tmp_path / "none", dry_run=True).copied == 4
    assert not (tmp_path / "none").exists()


def test_sync_makes_the_target_the_source(face: ExtFace, source: Path) -> None:
    """Issue 10: `delete=`; what is excluded is left alone."""
    for key in ("old/x", "keep/y.log"):
        face.do("write", key, b"x")
    report = face.ext("trees", "sync_tree", source, face.store)
    assert (report.copied, report.deleted) == (4, 0)
    report = face.ext("trees", "sync_tree", source, face.store, delete=True, exclude=["*.log"])
    assert (report.skipped, report.deleted) == (4, 1)
    assert face.do("exists", "keep/y.log")
    assert not face.do("exists", "old/x")


def test_a_checksum_sees_what_size_and_time_don_t(face: ExtFace, source: Path) -> None:
    """Issue 10: `checksum=`."""
    face.ext("trees", "sync_tree", source, face.store)
    face.do("write", "a.txt", b"b", overwrite=True)
    assert face.ext("trees", "sync_tree", source, face.store).copied == 0
    assert face.ext("trees", "check_tree", source, face.store).matches
    assert face.ext("trees", "check_tree", source, face.store, checksum=True).different == ["a.txt"]
    assert face.ext("trees", "sync_tree", source, face.store, checksum=True).copied == 1
    assert face.do("read_bytes", "a.txt") == b"a"


def test_a_newer_source_is_copied_again(face: ExtFace, source: Path) -> None:
    """Issue 10: of the same size."""
    face.ext("trees", "sync_tree", source, face.store)
    (source / "a.txt").write_bytes(b"z")
    os.utime(source / "a.txt", (4e9, 4e9))
    assert face.ext("trees", "sync_tree", source, face.store).copied == 1
    assert face.do("read_bytes", "a.txt") == b"z"


def test_checking_tells_how_trees_differ(face: ExtFace, source: Path) -> None:
    """Issue 10."""
    face.do("write", "a.txt", b"longer")
    face.do("write", "extra", b"x")
    face.do("write", "d/empty", b"")
    found = face.ext("trees", "check_tree", source, face.store)
    assert (found.missing, found.extra, found.different, found.equal) == (
        ["d/b.csv", "d/e/c.bin"],
        ["extra"],
        ["a.txt"],
        1,
    )
    assert not found.matches


def test_patterns_choose(face: ExtFace, source: Path) -> None:
    """Issue 10: without `/` by name, with one by key; `exclude` wins."""
    face.ext("trees", "copy_tree", source, face.store, include=["*.csv", "d/**"], exclude=["*.bin"])
    assert sorted(key for key, content in face.content().items() if content is not None) == ["d/b.csv", "d/empty"]
    with pytest.raises(TypeError, match="sequences"):
        face.ext("trees", "copy_tree", source, face.store, include="*.csv")
    with pytest.raises(ValueError, match="complete path segment"):
        face.ext("trees", "copy_tree", source, face.store, exclude=["a**"])


def test_progress_is_told_in_bytes(face: ExtFace, source: Path) -> None:
    """Issue 10, DECISIONS 21: (done, total, item); it never goes back and ends at the whole."""
    told: list[tuple[int, int, str]] = []
    face.ext("trees", "copy_tree", source, face.store, progress=lambda *now: told.append(now))
    whole = sum(map(len, FILES.values()))
    done = [now[0] for now in told]
    assert done == sorted(done)
    assert told[-1][:2] == (whole, whole)
    assert {now[2] for now in told} == set(FILES)
    assert sum(now[2] == "d/e/c.bin" for now in told) > 1, "a large file is told as it goes"


@pytest.mark.parametrize("error", [KeyError("mine"), BrokenPipeError("mine"), NotFound("mine")], ids=repr)
@pytest.mark.parametrize("hook", ["progress", "on_event"])
def test_a_callback_that_raises_ends_the_run(face: ExtFace, source: Path, hook: str, error: Exception) -> None:
    """RELIABILITY: as it is, without a group around it, and not as the error of a file."""
    calls: list[object] = []

    def fail(*args: object) -> None:
        calls.append(args)
        raise error

    with pytest.raises(type(error), match="mine") as raised:
        face.ext("trees", "copy_tree", source, face.store, concurrency=1, **{hook: fail})
    assert raised.value is error
    assert len(calls) == 1


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (-1, ValueError), (True, TypeError), (1.5, TypeError)])
def test_concurrency_is_a_count(face: ExtFace, source: Path, value: object, error: type[Exception]) -> None:
    """RELIABILITY: refused before anything is done."""
    with pytest.raises(error, match="concurrency"):
        face.ext("trees", "copy_tree", source, face.store, concurrency=value)
    assert face.content() == {}


def test_a_missing_folder_is_told_and_not_made(face: ExtFace, tmp_path: Path) -> None:
    """RELIABILITY."""
    for function in ("copy_tree", "sync_tree", "check_tree"):
        with pytest.raises(NotFound):
            face.ext("trees", function, tmp_path / "none", face.store)
    with pytest.raises(NotFound):
        face.ext("trees", "check_tree", face.store, tmp_path / "none")
    assert not (tmp_path / "none").exists()


# Places that overlap


def test_a_tree_is_not_copied_into_itself(face: ExtFace, source: Path) -> None:
    """RELIABILITY: a source inside its target, and the reverse, by stores and by folders, links too."""
    face.do("write", "d/e/x", b"x")
    store, child, grandchild = face.store, face.store.child("d"), face.store.child("d/e")
    link = source.parent / "link"
    link.symlink_to(source / "d")
    for one, other in ((store, store), (store, child), (child, grandchild), (grandchild, store)):
        with pytest.raises(InvalidPath, match="the same|lies in"):
            face.ext("trees", "sync_tree", one, other, delete=True)
    for inner in (source, source / "d", link):
        with pytest.raises(InvalidPath, match="the same|lies in"):
            face.ext("trees", "copy_tree", source, inner)
        with pytest.raises(InvalidPath, match="the same|lies in"):
            face.ext("trees", "copy_tree", inner, source)
    assert files_of(source) == FILES


def test_two_folders_of_one_store_are_two_places(face: ExtFace) -> None:
    """Look-alikes too."""
    face.do("write", "d/x", b"x")
    assert face.ext("trees", "copy_tree", face.store.child("d"), face.store.child("d2")).copied == 1
    assert face.do("read_bytes", "d2/x") == b"x"


# What goes wrong with single files


class Odd(LocalBackend):
    """A folder in which single files fail in ways of their own."""

    def read_bytes(self, path: str, *, version_id: str | None = None) -> bytes:
        if path.endswith("forbidden"):
            raise PermissionError(13, "no", path)
        content = super().read_bytes(path)
        return content + b"!" if path.endswith("growing") else content


def test_each_file_that_fails_is_told_and_the_rest_is_done(tmp_path: Path) -> None:
    """RELIABILITY: unreadable files, files that change, names that the target forbids."""
    files = {"good": b"1", "forbidden": b"2", "growing": b"3", "x" * 200: b"4"}
    target = Store(MemoryBackend())
    write = target.write

    def picky(path: str, *args: Any, **options: Any) -> Any:
        if len(path) > 100:
            raise InvalidPath("too long a name", path=path)
        return write(path, *args, **options)

    target.write = picky  # type: ignore[method-assign]
    with pytest.raises(TreeError) as raised:
        copy_tree(Store(Odd(str(grow(tmp_path, files)))), target)
    assert sorted(type(error).__name__ for error in raised.value.exceptions) == [
        "InvalidPath",
        "PermissionError",
        "PreconditionFailed",
    ]
    notes = [note for error in raised.value.exceptions for note in error.__notes__]
    assert sorted(notes) == sorted(f"file: {key}" for key in files if key != "good")
    assert files_of(target) == {"good": b"1"}


def test_a_disk_that_is_full_half_way_is_told_for_each_file_and_the_run_goes_on_when_there_is_room(
    face: ExtFace, tmp_path: Path
) -> None:
    """Issue 10: the files that still fit are copied, the others are NoSpace; nothing half written is left."""
    files = {f"d/{number}": bytes([number]) * 300_000 for number in range(6)} | {"z": b"small"}
    source, room = grow(tmp_path / "source", files), {"left": 1_000_000}
    write = os.write

    def bounded(fd: int, data: Any) -> int:
        if not room["left"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = write(fd, memoryview(data)[: room["left"]])
        room["left"] -= count
        return count

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", bounded)
        with pytest.raises(TreeError) as raised:
            face.ext("trees", "copy_tree", source, tmp_path / "to", concurrency=1)
    report = raised.value.report
    assert {type(error) for error in raised.value.exceptions} == {NoSpace}
    assert (report.copied, report.failed) == (len(files_of(tmp_path / "to")), len(raised.value.exceptions))
    assert report.copied >= 3
    assert report.copied + report.failed == len(files)
    assert files_of(tmp_path / "to").items() <= files.items()
    assert face.ext("trees", "copy_tree", source, tmp_path / "to").skipped == report.copied
    assert files_of(tmp_path / "to") == files


@pytest.mark.parametrize("more", [b"longer", b""], ids=["grows", "shrinks"])
def test_a_large_file_that_changes_under_the_copy_is_not_committed(tmp_path: Path, more: bytes) -> None:
    """RELIABILITY: nothing is committed unless the source ended as it was listed."""
    grow(tmp_path, {"k": BIG})
    source, target = Store(LocalBackend(str(tmp_path))), Store(MemoryBackend())
    listed = source.list_files

    def stale(*args: Any, **options: Any) -> Iterator[FileInfo]:
        entries = list(listed(*args, **options))
        (tmp_path / "k").write_bytes(BIG + more if more else BIG[:-7])
        return iter(entries)

    source.list_files = stale  # type: ignore[method-assign]
    with pytest.raises(TreeError) as raised:
        copy_tree(source, target)
    assert isinstance(raised.value.exceptions[0], PreconditionFailed)
    assert files_of(target) == {}


def test_what_was_written_is_compared() -> None:
    """Issue 10: verified after write."""
    source, target = Store(MemoryBackend()), Store(MemoryBackend())
    source.write("k", b"12345")
    write = target.write
    target.write = lambda path, content, **options: write(path, content[:3], **options)  # type: ignore[method-assign]
    with pytest.raises(TreeError) as raised:
        copy_tree(source, target)
    assert isinstance(raised.value.exceptions[0], IntegrityError)


def test_links_that_go_round_end(tmp_path: Path) -> None:
    """RELIABILITY: a symlink loop."""
    source = grow(tmp_path / "source", {"d/a": b"1"})
    (source / "d" / "loop").symlink_to(source / "d")
    target = Store(MemoryBackend())
    try:
        copy_tree(source, target)
    except TreeError:
        pass  # told per file is as good as left out
    assert files_of(target)["d/a"] == b"1"
    assert len(files_of(target)) < 100


def test_failing_fast_ends_at_the_first(tmp_path: Path) -> None:
    """Issue 10, CONVENTIONS: `--fail-fast`."""
    files = {f"{number}/forbidden": b"x" for number in range(50)}
    with pytest.raises(TreeError) as raised:
        copy_tree(Store(Odd(str(grow(tmp_path, files)))), Store(MemoryBackend()), fail_fast=True, concurrency=1)
    assert (len(raised.value.exceptions), raised.value.report.failed) == (1, 1)


def test_an_error_group_splits_and_keeps_its_report() -> None:
    """`except*` makes groups of parts."""
    group = TreeError("two", [NotFound("a"), AlreadyExists("b")], TreeReport(failed=2))
    part = group.subgroup(NotFound)
    assert isinstance(part, TreeError)
    assert part.report is group.report


def test_a_target_that_can_t_list_is_refused() -> None:
    """CONTRACT 84: before anything is written."""
    from remote_store.backends import ReadOnlyHttpBackend

    with pytest.raises(CapabilityNotSupported):
        copy_tree(Store(MemoryBackend()), Store(ReadOnlyHttpBackend("http://127.0.0.1:9/")))


# Nothing is deleted by mistake


def test_an_empty_source_deletes_nothing(face: ExtFace, tmp_path: Path) -> None:
    """Issue 10: nor one of which the patterns leave nothing."""
    (tmp_path / "empty").mkdir()
    face.do("write", "k", b"x")
    with pytest.raises(RemoteStoreError, match="nothing is deleted"):
        face.ext("trees", "sync_tree", tmp_path / "empty", face.store, delete=True)
    grow(tmp_path / "empty", {"a": b"1"})
    with pytest.raises(RemoteStoreError, match="nothing is deleted"):
        face.ext("trees", "sync_tree", tmp_path / "empty", face.store, delete=True, exclude=["a"])
    assert face.do("exists", "k")


def test_a_listing_that_breaks_off_deletes_nothing() -> None:
    """Issue 10: an error in the middle of the source's listing is raised as it is."""
    source, target = Store(MemoryBackend()), Store(MemoryBackend())
    for number in range(5):
        source.write(f"s{number}", b"x")
        target.write(f"s{number}", b"x")
    target.write("t", b"x")
    listed = source.list_files

    def breaking(*args: Any, **options: Any) -> Iterator[FileInfo]:
        for number, entry in enumerate(listed(*args, **options)):
            if number == 3:
                raise BackendUnavailable("gone")
            yield entry

    source.list_files = breaking  # type: ignore[method-assign]
    with pytest.raises(BackendUnavailable, match="gone"):
        sync_tree(source, target, delete=True)
    assert len(files_of(target)) == 6


def test_a_file_that_fails_keeps_the_rest_of_the_target(tmp_path: Path) -> None:
    """Issue 10: what would have been deleted is told."""
    source = Store(Odd(str(grow(tmp_path, {"good": b"1", "forbidden": b"2"}))))
    target = Store(MemoryBackend())
    target.write("old", b"x")
    events: list[TreeEvent] = []
    with pytest.raises(TreeError) as raised:
        sync_tree(source, target, delete=True, on_event=events.append)
    assert (raised.value.report.kept, raised.value.report.deleted) == (1, 0)
    assert ("keep", "old") in [(event.action, event.key) for event in events]
    assert target.exists("old")


class Stopped(Exception):
    """The n-th operation fails."""


def test_sync_with_delete_interrupted_at_every_operation_never_deletes_what_it_should_keep() -> None:
    """Issue 10: the first, the second, ... the n-th operation of either store fails, until a run passes untouched."""
    wanted = {"a": b"1", "d/b": b"22", "d/c": BIG}

    def run(stop_at: int, kind: type[Exception]) -> bool:
        calls = 0

        def around(operation: str, path: str, backend: str) -> Any:
            nonlocal calls
            if operation not in ("supports", "native_path", "resolve"):
                calls += 1
                if calls == stop_at:
                    raise kind(f"operation {stop_at}: {operation}")
            from contextlib import nullcontext

            return nullcontext()

        source, target = Store(MemoryBackend()), Store(MemoryBackend())
        for key, content in wanted.items():
            source.write(key, content)
        kept = {"a": b"1", "d/b": b"old", "other": b"x", "e/other": b"y"}
        for key, content in kept.items():
            target.write(key, content)
        try:
            sync_tree(observe(source, around=around), observe(target, around=around), delete=True, concurrency=2)
        except (kind, ExceptionGroup):
            assert files_of(source) == wanted
            left = files_of(target)
            assert left["a"] == b"1"
            assert left["d/b"] in (b"old", b"22")
            assert left.get("d/c", BIG) == BIG
            if left.get("d/b") == b"old" or "d/c" not in left:
                assert {"other", "e/other"} <= left.keys(), "something was deleted before all was there"
            return False
        assert files_of(target) == wanted
        return calls < stop_at

    for kind in (BackendUnavailable, Stopped):
        stop_at = 1
        while not run(stop_at, kind):
            stop_at += 1
            assert stop_at < 100
        assert stop_at > 8


# Size


class Endless(MemoryBackend):
    """Lists so many files that are all the same."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def list_files(self, path: str, **_: Any) -> Iterator[FileInfo]:  # type: ignore[override]
        from datetime import UTC, datetime

        moment = datetime(2026, 1, 1, tzinfo=UTC)
        for number in range(self.count):
            key = f"folder-{number // 1000:04}/a-file-with-a-name-{number:06}.bin"
            yield FileInfo(RemotePath(key), key.rpartition("/")[2], 7, moment)


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_many_files_take_bounded_memory(count: int) -> None:
    """Issue 10: the source streams; the target costs about 300 bytes a file, as the docs say."""
    tracemalloc.start()
    try:
        report = copy_tree(Store(Endless(count)), Store(MemoryBackend()), dry_run=True)
        source_only = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        both = copy_tree(Store(Endless(count)), Store(Endless(count)))
        with_target = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (report.copied, both.skipped) == (count, count)
    assert source_only < 12 * 1024 * 1024
    assert with_target < 12 * 1024 * 1024 + 350 * count


CALLS: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("copy_tree", copy_tree),
    ("check_tree", check_tree),
]


@pytest.mark.parametrize(("name", "call"), CALLS, ids=[name for name, _ in CALLS])
def test_no_thread_is_left(name: str, call: Callable[[Any, Any], Any], tmp_path: Path) -> None:
    """Issue 10: the loop that a call on two stores was given ends with it."""
    import threading

    before = {thread.name for thread in threading.enumerate()}
    call(grow(tmp_path / "one", {"a": b"1"}), Store(MemoryBackend()))
    after = {thread.name for thread in threading.enumerate()} - before
    assert not any("remote_store.ext" in name for name in after)
