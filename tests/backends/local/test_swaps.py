"""Links and folders that change places during a call lead nobody out of the root (CONTRACT 31, DECISIONS 11).

A folder, a file, or the root itself is swapped with a link that leads out: before each system call of an operation
in turn, and, in the long run, by another process as fast as it can. Whatever an operation answers, no byte comes from
outside and nothing changes there.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.errors import RemoteStoreError
from remote_store.backends.local.sync import LocalBackend
from tests.backends.local.calls import Calls
from tests.backends.local.disk import LINUX, in_mode, snapshot
from tests.backends.local.test_guard import DELETES, EVERY, LISTS, READS, WRITES, Operation

pytestmark = pytest.mark.skipif(not LINUX, reason="renameat2 with RENAME_EXCHANGE is Linux's")

EXCHANGE = 2
HERE = -100  # AT_FDCWD
HIDDEN = f".~tmp.{7:016x}"


@pytest.fixture(params=["kernel", "walk"], autouse=True)
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run each test on openat2 and on the walk; checked paths promise nothing here (DECISIONS 11)."""
    return in_mode(request.param, monkeypatch)


@pytest.fixture(params=[pytest.param(2, id="short"), pytest.param(1000, id="long", marks=pytest.mark.soak)])
def rounds(request: pytest.FixtureRequest) -> int:
    """Return how often a test tries everything."""
    count: int = request.param
    return count


@contextmanager
def swapped(one: Path, other: Path) -> Iterator[None]:
    """Let another process exchange two names all the while."""
    rename = ctypes.CDLL(None, use_errno=True).renameat2
    names = HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready)
        rename(*names)
        os.close(tell)
        while True:
            rename(*names)
    os.close(tell)
    os.read(ready, 1)  # the end of the pipe: the first exchange has been made
    os.close(ready)
    try:
        yield
    finally:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the process that swaps has died"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.fixture
def scene(root: Path, outside: Path) -> None:
    """Put the same names inside and outside, with other content."""
    fill(root)
    fill(outside, b"OUTSIDE!")
    (outside / "only outside").write_bytes(b"OUTSIDE!")


def fill(folder: Path, content: bytes = b"INSIDE") -> None:
    """Put the files of the scene into a folder: those of the root, or, as far as they have the same names, outside."""
    for top, names in ((folder, ("secret", "f", "file")), (folder / "d", ("secret",))):
        (top / "sub").mkdir(parents=True, exist_ok=True)
        for name in (*names, "sub/deep", HIDDEN):
            (top / name).write_bytes(content)


def attempt(files: LocalBackend, operation: Operation, key: str) -> Any:
    """Return what an operation gives, None if it is refused; only errors of ours may come."""
    try:
        return operation(files, key)
    except RemoteStoreError:
        return None


def assert_harmless(result: Any) -> None:
    """Nothing in an answer may come from outside."""
    text = repr(result)
    assert "OUTSIDE" not in text
    assert "only outside" not in text
    for entry in result if isinstance(result, list) else [result]:
        assert getattr(entry, "size", 6) != 8, "the size of a file outside"
        assert getattr(entry, "total_size", 6) % 6 == 0


# Before each call in turn


TWINS = {
    "read_seekable",
    "read_into",
    "read_ranges",
    "write",
    "stream",
    "write_atomic",
    "delete missing_ok",
    "list_folders",
}
STEPPED: dict[str, Operation] = {
    **{name: operation for name, operation in EVERY.items() if name not in TWINS},  # these make the same calls
    "abort": lambda files, _: files.abort_uploads(0),
}
SHAPES = [("d/secret", "d"), ("d/new", "d"), ("d/sub", "d"), ("d/sub/deep", "d"), ("d/sub/deep", "d/sub"), ("f", "f")]
SHAPES += [("secret", ""), ("d/secret", "")]


class Exchange:
    """Exchanges two names once at a chosen call, and for good or until the next call."""

    def __init__(self, one: Path, other: Path) -> None:
        self.names = HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE
        self.rename = ctypes.CDLL(None, use_errno=True).renameat2
        self.at: set[int] = set()
        self.is_exchanged = False

    def step(self, name: str, number: int) -> None:
        """Step in before a call."""
        if number in self.at:
            self.toggle()

    def toggle(self) -> None:
        """Exchange the names; one of them may have been deleted."""
        self.is_exchanged ^= self.rename(*self.names) == 0

    def undo(self) -> None:
        """Put the names back."""
        if self.is_exchanged:
            self.toggle()


@pytest.fixture
def calls(mode: str, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return the watch over system calls, put on once the guard's mode is set."""
    return Calls(monkeypatch)


def rebuilt(root: Path, outside: Path, swapped_key: str) -> Path:
    """Set the scene anew inside; return the link that leads to what is swapped for it."""
    shutil.rmtree(root, ignore_errors=True)
    fill(root)
    (root / "secret").write_bytes(b"INSIDE")
    way = root.with_name("way")
    way.unlink(missing_ok=True)
    way.symlink_to({"f": outside / "secret", "d/sub": outside / "sub"}.get(swapped_key, outside))
    return way


@pytest.mark.parametrize(
    "lasting", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["for good", "for one call"]
)
@pytest.mark.parametrize(("key", "swapped_key"), SHAPES)
def test_a_swap_before_any_call_leads_nobody_out(
    files: LocalBackend, root: Path, outside: Path, calls: Calls, key: str, swapped_key: str, lasting: bool
) -> None:
    """CONTRACT 31: whichever system call comes after it, of whichever operation."""
    fill(outside, b"OUTSIDE!")
    (outside / "only outside").write_bytes(b"OUTSIDE!")
    before = snapshot(outside)
    for name, operation in STEPPED.items():
        number = 1
        while True:
            exchange = Exchange(root / swapped_key, rebuilt(root, outside, swapped_key))
            exchange.at = {number} if lasting else {number, number + 1}
            results: list[Any] = []
            made = calls.during(lambda: results.append(attempt(files, operation, key)), exchange.step)  # noqa: B023
            exchange.undo()
            assert_harmless(results[0])
            for copy in ("copied", "moved"):
                is_link = (root / copy).is_symlink()  # the link itself was moved, and still leads nobody out
                assert is_link or not (root / copy).exists() or (root / copy).read_bytes() == b"INSIDE", (name, number)
            assert snapshot(outside) == before, (name, made[number - 1 :])
            if len(made) < number:
                break
            number += 1


# By another process, all the while


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("key", ["d/secret", "d/sub/deep", "f"])
def test_reads_never_give_a_byte_from_outside(
    files: LocalBackend, root: Path, outside: Path, key: str, rounds: int
) -> None:
    """CONTRACT 31: the content inside, or an error of ours."""
    (root / "way").symlink_to(outside if "/" in key else outside / "secret")
    before = snapshot(outside)
    with swapped(root / key.partition("/")[0], root / "way"):
        for _ in range(rounds):
            for operation in READS.values():
                assert_harmless(attempt(files, operation, key))
                for made in ("copied", "moved"):
                    assert attempt(files, READS["read_bytes"], made) in (b"INSIDE", None)
                    attempt(files, DELETES["delete"], made)
            attempt(files, lambda files, key: files.write(key, b"INSIDE"), key)
    assert snapshot(outside) == before


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("key", ["d/secret", "d/new", "d/sub/new/new", "f"])
def test_writes_never_land_outside(files: LocalBackend, root: Path, outside: Path, key: str, rounds: int) -> None:
    """CONTRACT 31: no file, no folder and no hidden file is made there, none is replaced."""
    (root / "way").symlink_to(outside if "/" in key else outside / "secret")
    before = snapshot(outside)
    with swapped(root / key.partition("/")[0], root / "way"):
        for _ in range(rounds):
            for operation in WRITES.values():
                attempt(files, operation, key)
                files.write("file", b"INSIDE", overwrite=True)
            attempt(files, DELETES["delete"], key)
    assert snapshot(outside) == before


@pytest.mark.usefixtures("scene")
def test_listings_never_tell_what_is_outside(files: LocalBackend, root: Path, outside: Path, rounds: int) -> None:
    """CONTRACT 31, 57: entries, sizes and totals are those inside."""
    (root / "way").symlink_to(outside)
    with swapped(root / "d", root / "way"):
        for _ in range(rounds):
            for operation in LISTS.values():
                for key in ("d", "d/sub"):
                    assert_harmless(attempt(files, operation, key))
            assert_harmless(list(files.list_files("", recursive=True)))
            assert_harmless(list(files.glob("**")))
            assert_harmless(attempt(files, lambda files, key: list(files.glob(key)), "d/*"))
            assert files.get_folder_info("").total_size % 6 == 0


@pytest.mark.usefixtures("scene")
def test_deletes_never_reach_outside(files: LocalBackend, root: Path, outside: Path, rounds: int) -> None:
    """CONTRACT 31, 53: neither a delete nor a recursive one, nor the removal of left-over hidden files."""
    (root / "way").symlink_to(outside)
    before = snapshot(outside)
    with swapped(root / "d", root / "way"):
        for _ in range(rounds):
            for key in ("d/secret", "d/sub/deep", "d/sub"):
                for operation in DELETES.values():
                    attempt(files, operation, key)
            attempt(files, lambda files, _: files.abort_uploads(0), "")
            attempt(files, WRITES["write"], "d/sub/deep")
            attempt(files, WRITES["write"], "d/secret")
    assert snapshot(outside) == before


@pytest.mark.usefixtures("scene")
def test_a_recursive_delete_around_the_swap_never_reaches_outside(
    files: LocalBackend, root: Path, outside: Path, rounds: int
) -> None:
    """CONTRACT 31: a folder that becomes a link while the tree above it is deleted is left or unlinked."""
    before = snapshot(outside)
    for turn in range(rounds // 4):
        top = root / f"top{turn}"
        for n in range(8):
            (top / "d" / f"sub{n}").mkdir(parents=True)
            (top / "d" / f"sub{n}" / "deep").write_bytes(b"x")
        (top / "way").symlink_to(outside)
        with swapped(top / "d", top / "way"):
            attempt(files, DELETES["delete_folder all"], top.name)
        assert snapshot(outside) == before


@pytest.mark.usefixtures("scene")
def test_a_root_that_is_swapped_for_a_link_leads_nowhere(
    files: LocalBackend, root: Path, outside: Path, rounds: int
) -> None:
    """CONTRACT 31: the root itself, under every operation."""
    way = root.with_name("way")
    way.symlink_to(outside)
    (root / "secret").write_bytes(b"INSIDE")
    before = snapshot(outside)
    with swapped(root, way):
        for _ in range(rounds // 4):
            for operation in EVERY.values():
                assert_harmless(attempt(files, operation, "secret"))
                attempt(files, lambda files, key: files.write(key, b"INSIDE", overwrite=True), "secret")
            for operation in LISTS.values():
                assert_harmless(attempt(files, operation, ""))
            attempt(files, lambda files, _: files.abort_uploads(0), "")
    assert snapshot(outside) == before


@pytest.mark.usefixtures("scene")
def test_a_link_that_is_moved_between_two_folders_inside_is_always_followed_to_one(
    files: LocalBackend, root: Path, rounds: int
) -> None:
    """DECISIONS 11: swapping `current` from one version to the next is legal, and no reader is refused."""
    for name in ("v1", "v2"):
        (root / name).mkdir()
        (root / name / "f").write_bytes(name.encode())
    (root / "current").symlink_to(root / "v1")
    (root / "next").symlink_to("v2")
    with swapped(root / "current", root / "next"):
        seen = {files.read_bytes("current/f") for _ in range(rounds * 10)}
    assert seen <= {b"v1", b"v2"}
