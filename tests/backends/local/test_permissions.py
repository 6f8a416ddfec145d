"""What file modes forbid, tried as a user who is not root: PermissionDenied, unless something else counts for more."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remote_store import AlreadyExists, InvalidPath, NotFound, PermissionDenied
from remote_store.backends import LocalBackend

NOBODY = 65534

pytestmark = pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no users to change to on this system")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a file, for whom modes count: root has them not apply, so the test gives that up for a while."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o777)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        for name in ("file", "dir/file", "shut/file", "dir/sub/file"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"1")
        yield root
    finally:
        if is_root:
            os.seteuid(0)
        for folder in (root / "dir", root / "shut"):
            folder.chmod(0o777)
        shutil.rmtree(root)


Call = Callable[[LocalBackend], object]

DENIED: dict[str, Call] = {
    "reading a closed file": lambda backend: backend.read_bytes("file"),
    "a stream of a closed file": lambda backend: backend.read("file"),
    "a new file in a read-only folder": lambda backend: backend.write("dir/new", b""),
    "deleting from a read-only folder": lambda backend: backend.delete("dir/file"),
    "deleting from it, if it is there": lambda backend: backend.delete("dir/file", missing_ok=True),
    "moving out of a read-only folder": lambda backend: backend.move("dir/file", "moved"),
    "moving into a read-only folder": lambda backend: backend.move("file", "dir/moved"),
    "deleting what is read-only": lambda backend: backend.delete_folder("dir", recursive=True),
    "a file in a closed folder": lambda backend: backend.read_bytes("shut/file"),
    "listing a closed folder": lambda backend: list(backend.list_files("shut")),
}


def shut(place: Path) -> LocalBackend:
    """Take the modes away and return a backend over the place."""
    (place / "file").chmod(0)
    (place / "dir").chmod(0o555)
    (place / "shut").chmod(0)
    return LocalBackend(place)


@pytest.mark.parametrize("what", DENIED)
def test_what_modes_forbid_is_permission_denied(place: Path, what: str) -> None:
    """CONTRACT 86, 150: with the key asked for, and nothing is changed."""
    backend = shut(place)
    with pytest.raises(PermissionDenied, match="Permission denied") as caught:
        DENIED[what](backend)
    assert caught.value.backend == "local"
    assert sorted(path.name for path in (place / "dir").iterdir()) == ["file", "sub"]


def test_that_it_is_a_folder_counts_for_more_than_its_mode(place: Path) -> None:
    """CONTRACT 150: directory checks beat permission errors, for reading and for writing."""
    backend = shut(place)
    for call in (backend.read, backend.read_bytes, lambda path: backend.read_ranges(path, [(0, 1)])):
        with pytest.raises(InvalidPath, match="Not a file"):
            call("shut")
    with pytest.raises(InvalidPath, match="exists as a directory"):
        backend.write("dir/sub", b"")
    with pytest.raises(InvalidPath, match="Not a file"):
        backend.delete("dir/sub")


@pytest.mark.parametrize("content", [b"2", [b"2"]])
def test_that_the_key_is_taken_counts_for_more_than_the_mode(place: Path, content: object) -> None:
    """CONTRACT part E: exists comes before native failure."""
    backend = shut(place)
    with pytest.raises(AlreadyExists):
        backend.write("dir/file", content)  # type: ignore[arg-type]
    with pytest.raises(PermissionDenied):
        backend.write("dir/file", content, overwrite=True)  # type: ignore[arg-type]


def test_a_root_that_cannot_be_read_is_not_healthy(place: Path) -> None:
    """CONTRACT 73."""
    root = place / "root"
    backend = LocalBackend(root)
    root.chmod(0)
    with pytest.raises(PermissionDenied, match="not readable"):
        backend.check_health()
    root.chmod(stat.S_IRWXU)
    root.rmdir()
    with pytest.raises(NotFound, match="Root directory not found"):
        backend.check_health()


def test_a_root_that_became_a_file_is_named_as_such(tmp_path: Path) -> None:
    """CONTRACT 44: a file where a folder must be; there is no key to name it by."""
    backend = LocalBackend(tmp_path / "root")
    (tmp_path / "root").rmdir()
    (tmp_path / "root").write_bytes(b"")
    with pytest.raises(InvalidPath, match="^The root exists as a file"):
        backend.write("a", b"")
