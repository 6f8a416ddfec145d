"""A file comes into sight whole, and races have one winner (CONTRACT 43, 49 to 51, DECISIONS 12)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.errors import AlreadyExists, NotFound, PreconditionFailed, RemoteStoreError
from remote_store.backends.local import places
from remote_store.backends.local.commit import lock_folder
from remote_store.backends.local.sync import LocalBackend
from tests.backends.local.disk import leftovers, open_below, snapshot, together

SIZE = 200_000


def content_of(index: int) -> bytes:
    """Return content that tells whose it is in every byte."""
    return bytes([index % 256]) * SIZE


def is_whole(content: bytes) -> bool:
    """Return whether the content is that of one writer."""
    return len(content) == SIZE and content.count(content[0]) == SIZE


def processes(count: int, act: Callable[[int], int]) -> list[int]:
    """Run `act` in forked children which start at the same moment; return what each gave (0 to 255)."""
    gate_out, gate_in = os.pipe()
    children = []
    for index in range(count):
        child = os.fork()
        if child == 0:
            signal.alarm(600)
            os.close(gate_in)
            os.read(gate_out, 1)  # the end of the pipe: all have started
            code = 255
            try:
                code = act(index)
            finally:
                os._exit(code)
        children.append(child)
    os.close(gate_out)
    os.close(gate_in)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


COUNTS = [pytest.param((20, 3), id="20x3"), pytest.param((100, 100), id="100x100", marks=pytest.mark.soak)]
UPDATES = [pytest.param((10, 20), id="10x20"), pytest.param((50, 200), id="50x200", marks=pytest.mark.soak)]


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_of_racing_creates_in_threads_exactly_one_wins(
    files: LocalBackend, root: Path, counts: tuple[int, int], streamed: bool
) -> None:
    """CONTRACT 43, issue 3: `overwrite=False` is exact; the losers get AlreadyExists, the bytes are the winner's."""
    racers, rounds = counts
    for turn in range(rounds):
        key = f"new{turn}/d/f"

        def create(index: int, key: str = key) -> int:
            content = content_of(index)
            files.write(key, iter([content[:9], content[9:]]) if streamed else content)
            return index

        results = together(racers, create)
        (winner,) = [result for result in results if isinstance(result, int)]
        assert sum(type(result) is AlreadyExists for result in results) == racers - 1
        assert (root / key).read_bytes() == content_of(winner)
    assert leftovers(root) == []


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("size", [4, SIZE])
def test_of_racing_creates_in_processes_exactly_one_wins(
    files: LocalBackend, root: Path, counts: tuple[int, int], size: int
) -> None:
    """CONTRACT 43: the kernel decides, so it holds between processes."""
    racers, rounds = counts
    for turn in range(rounds):

        def create(index: int, key: str = f"d/f{turn}") -> int:
            try:
                files.write(key, bytes([index]) * size)
            except AlreadyExists:
                return 200
            return index

        results = processes(racers, create)
        assert results.count(200) == racers - 1
        (winner,) = set(results) - {200}
        assert (root / f"d/f{turn}").read_bytes() == bytes([winner]) * size
    assert leftovers(root) == []


@pytest.mark.parametrize("counts", UPDATES)
def test_a_counter_under_if_match_counts_each_success_of_many_processes(
    files: LocalBackend, counts: tuple[int, int]
) -> None:
    """DECISIONS 12, 23: `if_match` is exact among the users of this library."""
    writers, updates = counts
    files.write("n", b"0")

    def count_up(_: int) -> int:
        wins = 0
        while wins < updates:
            etag = files.get_file_info("n").etag
            value = int(files.read_bytes("n"))
            try:
                files.write("n", b"%d" % (value + 1), if_match=etag)
            except PreconditionFailed:
                continue
            wins += 1
        return 0

    assert processes(writers, count_up) == [0] * writers
    assert files.read_bytes("n") == b"%d" % (writers * updates)


@pytest.mark.parametrize("counts", UPDATES)
def test_a_counter_under_if_match_counts_each_success_of_many_threads(
    files: LocalBackend, counts: tuple[int, int]
) -> None:
    """DECISIONS 12: threads of one process too; a plain overwrite with the same content can't hide."""
    writers, updates = counts
    files.write("n", b"0")

    def count_up(_: int) -> int:
        wins = 0
        while wins < updates:
            etag = files.get_file_info("n").etag
            value = int(files.read_bytes("n"))
            try:
                files.write("n", b"%d" % (value + 1), if_match=etag)
            except PreconditionFailed:
                continue
            wins += 1
        return wins

    assert together(writers, count_up) == [updates] * writers
    assert files.read_bytes("n") == b"%d" % (writers * updates)


def test_readers_see_the_old_file_or_the_whole_new_one(files: LocalBackend, root: Path) -> None:
    """CONTRACT 51, RELIABILITY: never a mixture, never a missing or short file, while it is replaced again and again."""
    files.write("f", content_of(0))
    stop: list[bool] = []

    def work(index: int) -> bool:
        if index < 2:
            for turn in range(60):
                files.write("f", iter([content_of(turn)[:7], content_of(turn)[7:]]), overwrite=True)
            stop.append(True)
            return True
        while len(stop) < 2:
            assert is_whole(files.read_bytes("f"))
            assert [(str(info.path), info.size) for info in files.list_files("")] == [("f", SIZE)]
        return True

    assert together(4, work) == [True] * 4
    assert leftovers(root) == []


def test_of_racing_moves_exactly_one_finds_the_source(files: LocalBackend, root: Path) -> None:
    """CONTRACT 77, 78: the file is at one destination, whole."""
    for turn in range(5):
        files.write("src", b"%d" % turn)

        def move(index: int, turn: int = turn) -> None:
            files.move("src", f"dst{turn}/{index}")

        results = together(16, move)
        assert sum(type(result) is NotFound for result in results) == 15
        assert list(snapshot(root / f"dst{turn}").values()) == [b"%d" % turn]


def test_many_threads_write_nested_paths_at_once(files: LocalBackend, root: Path) -> None:
    """CONTRACT 150."""

    def work(index: int) -> None:
        for turn in range(10):
            files.write(f"a/{turn}/b/{index % 4}/c/{index}", b"%d" % index)

    assert together(16, work) == [None] * 16
    assert sum(isinstance(value, bytes) for value in snapshot(root).values()) == 160


def test_deleting_a_folder_beside_others_who_delete_in_it_deletes_all_of_it(files: LocalBackend, root: Path) -> None:
    """CONTRACT 53: `missing_ok` forgives what is gone, and never means "stopped half-way"."""
    for turn in range(15):
        for n in range(40):
            (root / "d" / f"sub{n % 4}").mkdir(parents=True, exist_ok=True)
            (root / "d" / f"sub{n % 4}" / str(n)).write_bytes(b"x")

        def work(index: int) -> None:
            if index % 2:
                files.delete_folder("d", recursive=True, missing_ok=True)
                return
            for n in range(40):
                files.delete(f"d/sub{n % 4}/{n}", missing_ok=True)

        assert together(4, work) == [None] * 4, turn
        assert snapshot(root) == {}


def test_writes_beside_recursive_deletes_are_whole_or_refused(files: LocalBackend, root: Path) -> None:
    """CONTRACT 42, 53: a write that returned was there; what is listed is whole."""

    def work(index: int) -> None:
        for turn in range(40):
            try:
                if index == 0:
                    files.delete_folder("d", recursive=True, missing_ok=True)
                else:
                    files.write(f"d/{turn % 3}/{index}", b"xyz", overwrite=True)
                for info in files.list_files("", recursive=True):
                    assert info.size == 3
            except RemoteStoreError:
                continue

    assert together(4, work) == [None] * 4
    assert leftovers(root) == []
    assert {value for value in snapshot(root).values() if value is not None} <= {b"xyz"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_forked_during_a_conditional_write_does_not_keep_the_lock(files: LocalBackend, root: Path) -> None:
    """DECISIONS 12, 18: a lock belongs to all who have its descriptor; the writer gives it back by name."""
    folder = places.Root(str(root)).open_folder("", places.READABLE_FOLDER)
    lock_folder(folder, exclusive=True)
    hold_out, hold_in = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hold_in)
        os.read(hold_out, 1)
        os._exit(0)
    folder.close()
    files.write("f", b"x", overwrite=True)  # would wait for the child otherwise
    etag = files.get_file_info("f").etag
    files.write("f", b"y", if_match=etag)
    os.close(hold_in)
    os.close(hold_out)
    os.waitpid(child, 0)
    assert snapshot(root) == {"f": b"y"}


# Conditions


def test_if_match_takes_the_etag_of_each_kind_of_answer(files: LocalBackend) -> None:
    """DECISIONS 23: of a write, a listing, an info and a stream; a stale one is PreconditionFailed."""
    etags = [files.write("f", b"0").etag]
    etags.append(files.get_file_info("f").etag)
    etags += [info.etag for info in files.list_files("")]
    with files.read("f") as stream:
        etags.append(stream.etag)  # type: ignore[attr-defined]  # a stream that knows it
    (etag,) = set(etags)
    files.write("f", b"1", if_match=etag)
    with pytest.raises(PreconditionFailed):
        files.write("f", b"2", if_match=etag)
    with pytest.raises(PreconditionFailed):
        files.write("missing", b"2", if_match=etag)
    assert (files.read_bytes("f"), files.exists("missing")) == (b"1", False)


def test_equal_content_written_again_at_once_is_another_version(files: LocalBackend) -> None:
    """DECISIONS 12: neither a coarse clock nor an inode used again makes two versions one."""
    seen = set()
    for _ in range(300):
        files.delete("f", missing_ok=True)
        seen.add(files.write("f", b"x").etag)
        seen.add(files.write("f", b"x", overwrite=True).etag)
    assert len(seen) == 600


# Nothing half-written


class Broken(Exception):
    """What a content source raises."""


def failing(good: bytes) -> Iterator[bytes]:
    """Give a little, then fail."""
    yield good
    raise Broken


@pytest.mark.parametrize("old", [None, b"old"])
def test_content_that_fails_half_way_changes_nothing(files: LocalBackend, root: Path, old: bytes | None) -> None:
    """CONTRACT 49, 51: for write, write_atomic and open_atomic; the error comes as it is."""
    if old is not None:
        (root / "f").write_bytes(old)
    before = snapshot(root)
    for act in (files.write, files.write_atomic):
        with pytest.raises(Broken):
            act("f", failing(b"x" * SIZE), overwrite=True)
        assert snapshot(root) == before

    def by_block() -> None:
        with files.open_atomic("f", overwrite=True) as file:
            file.write(b"x" * SIZE)
            assert [str(info.path) for info in files.list_files("")] == list(before)
            raise Broken

    with pytest.raises(Broken):
        by_block()
    assert snapshot(root) == before


def test_a_file_being_written_is_not_in_sight(files: LocalBackend, root: Path) -> None:
    """DECISIONS 12: hidden from listings and probes, and its name is refused as a key."""
    with files.open_atomic("d/f") as file:
        file.write(b"x")
        (hidden,) = leftovers(root)
        assert list(files.list_files("", recursive=True)) == []
        assert list(files.iter_children("d")) == []
        assert list(files.glob("**")) == []
        assert files.get_folder_info("").file_count == 0
        assert not files.exists("d/f")
        for act in (files.read_bytes, files.exists, files.delete, lambda key: files.write(key, b"x")):
            with pytest.raises(RemoteStoreError, match="being written"):
                act(hidden)  # type: ignore[operator]  # a table of calls
    assert snapshot(root) == {"d": None, "d/f": b"x"}


# Killed


KILLS = [pytest.param(20, id="20"), pytest.param(300, id="300", marks=pytest.mark.soak)]


@pytest.mark.parametrize("kills", KILLS)
def test_after_sigkill_there_are_whole_files_only(files: LocalBackend, root: Path, kills: int) -> None:
    """RELIABILITY 24: torn files are never in sight; what is left is hidden, and removed when asked to."""
    for index in range(4):
        files.write(f"d/f{index}", content_of(index))
    for turn in range(kills):
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(tell, b"x")
            index = 0
            while True:
                index += 1
                content = content_of(index)
                given: Any = content if index % 2 else iter([content[n : n + 9999] for n in range(0, SIZE, 9999)])
                files.write(f"d/f{index % 4}", given, overwrite=True)
                files.write(f"d/new{turn}-{index}", content)
                if index > 1:
                    files.move(f"d/new{turn}-{index}", f"d/moved{index % 5}", overwrite=True)
        os.read(told, 1)
        os.close(told)
        os.close(tell)
        for _ in range(turn * 37 % 400):  # a while that differs from turn to turn: so many looks at the disk
            files.exists("d/f0")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for info in files.list_files("", recursive=True):
            assert info.size == SIZE
            assert is_whole(files.read_bytes(str(info.path)))
    there = len(leftovers(root))
    assert files.abort_uploads(3600) == 0
    assert len(leftovers(root)) == there
    assert files.abort_uploads(0) == there
    assert leftovers(root) == []
    assert open_below(root) == []
