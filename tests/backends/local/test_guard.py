"""Nothing outside the root can be reached (CONTRACT 31, DECISIONS 11), by the kernel or by the walk."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remote_store._core.errors import AlreadyExists, InvalidPath, NotFound, RemoteStoreError
from remote_store.backends.local.sync import LocalBackend
from tests.backends.local.disk import in_mode, leftovers, snapshot

Operation = Callable[[LocalBackend, str], object]


def opened_atomically(files: LocalBackend, key: str) -> None:
    """Write by open_atomic."""
    with files.open_atomic(key, overwrite=True) as file:
        file.write(b"x")


def streamed(files: LocalBackend, key: str) -> bytes:
    """Read by a stream."""
    with files.read(key) as stream:
        return stream.read()


def read_seekably(files: LocalBackend, key: str) -> bytes:
    """Read by a seekable stream."""
    with files.read_seekable(key) as stream:
        return stream.read()


READS: dict[str, Operation] = {
    "read": streamed,
    "read_seekable": read_seekably,
    "read_bytes": lambda files, key: files.read_bytes(key),
    "read_into": lambda files, key: files.read_into(key, bytearray(9)),
    "read_ranges": lambda files, key: files.read_ranges(key, [(0, 9)]),
    "get_file_info": lambda files, key: files.get_file_info(key),
    "copy from": lambda files, key: files.copy(key, "copied"),
    "move from": lambda files, key: files.move(key, "moved"),
}
WRITES: dict[str, Operation] = {
    "write": lambda files, key: files.write(key, b"x"),
    "overwrite": lambda files, key: files.write(key, b"x", overwrite=True),
    "stream": lambda files, key: files.write(key, iter([b"x"]), overwrite=True),
    "write_atomic": lambda files, key: files.write_atomic(key, b"x", overwrite=True),
    "open_atomic": opened_atomically,
    "copy to": lambda files, key: files.copy("file", key, overwrite=True),
    "move to": lambda files, key: files.move("file", key, overwrite=True),
}
DELETES: dict[str, Operation] = {
    "delete": lambda files, key: files.delete(key),
    "delete missing_ok": lambda files, key: files.delete(key, missing_ok=True),
    "delete_folder": lambda files, key: files.delete_folder(key),
    "delete_folder all": lambda files, key: files.delete_folder(key, recursive=True, missing_ok=True),
}
LISTS: dict[str, Operation] = {
    "list_files": lambda files, key: list(files.list_files(key)),
    "list_files all": lambda files, key: list(files.list_files(key, recursive=True)),
    "list_folders": lambda files, key: list(files.list_folders(key)),
    "iter_children": lambda files, key: list(files.iter_children(key)),
    "get_folder_info": lambda files, key: files.get_folder_info(key),
}
PROBES: dict[str, Operation] = {
    "exists": lambda files, key: files.exists(key),
    "is_file": lambda files, key: files.is_file(key),
    "is_folder": lambda files, key: files.is_folder(key),
}
ESCAPES = "escapes root"
EVERY: dict[str, Operation] = {**READS, **WRITES, **DELETES, **LISTS, **PROBES}


def refusals(files: LocalBackend, operations: dict[str, Operation], key: str) -> dict[str, str]:
    """Return what each operation answers: the errors that are no InvalidPath "escapes root", and the results."""
    return {
        name: answer for name, operation in operations.items() if (answer := refusal(files, operation, key)) != ESCAPES
    }


def refusal(files: LocalBackend, operation: Operation, key: str) -> str:
    """Return what one operation answers."""
    try:
        result = operation(files, key)
    except InvalidPath as error:
        is_told = error.path in (key, "file") and error.backend == "local"  # "file" is the source of a copy
        return ESCAPES if ESCAPES in str(error) and is_told else repr(error)
    except RemoteStoreError as error:
        return repr(error)
    return f"no error: {result!r}"


@pytest.fixture(params=["kernel", "walk", "paths"], autouse=True)
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run each test on openat2, on the walk by descriptors, and on checked paths as on Windows."""
    return in_mode(request.param, monkeypatch)


@pytest.fixture
def safe(root: Path, outside: Path) -> Iterator[None]:
    """Expect that a test changes nothing, neither inside nor outside."""
    (root / "file").write_bytes(b"data")
    (root / "in").mkdir()
    before = snapshot(root), snapshot(outside)
    yield
    after = snapshot(root)
    assert {key: value for key, value in after.items() if key != "way"} == before[0]
    assert snapshot(outside) == before[1]


@pytest.mark.parametrize(
    "key",
    ["../outside/secret", "a/../../outside/secret", "..", "in/../..", "/etc/passwd", "//etc", "\\etc", "..\\outside"],
)
@pytest.mark.usefixtures("safe")
def test_a_key_that_leaves_the_root_is_refused(files: LocalBackend, key: str) -> None:
    """CONTRACT 31: `..` and absolute keys are InvalidPath "escapes root", for every operation."""
    assert refusals(files, EVERY, key) == {}


@pytest.mark.usefixtures("safe")
def test_a_key_that_leaves_is_refused_though_the_root_is_gone(files: LocalBackend, root: Path) -> None:
    """CONTRACT 31: "also when the root is missing"."""
    hidden = root.rename(root.with_name("elsewhere"))
    assert refusals(files, EVERY, "../outside/secret") == {}
    hidden.rename(root)


@pytest.mark.parametrize("target", ["{outside}/secret", "../outside/secret", "in/../../outside/secret"])
@pytest.mark.usefixtures("safe")
def test_a_link_to_a_file_outside_is_refused(files: LocalBackend, root: Path, outside: Path, target: str) -> None:
    """CONTRACT 31: "a symlink that points out", absolute or relative."""
    (root / "way").symlink_to(target.format(outside=outside))
    assert refusals(files, {**READS, **WRITES, **PROBES, "delete": DELETES["delete"]}, "way") == {}


@pytest.mark.parametrize("key", ["way", "way/secret", "way/sub/deep", "way/sub", "way/new"])
@pytest.mark.usefixtures("safe")
def test_a_link_to_a_folder_outside_is_refused(files: LocalBackend, root: Path, outside: Path, key: str) -> None:
    """CONTRACT 31: nothing is read, listed, made or removed through it."""
    (root / "way").symlink_to(outside)
    assert refusals(files, EVERY, key) == {}


@pytest.mark.usefixtures("safe")
def test_what_leads_out_is_left_out_of_listings(files: LocalBackend, root: Path, outside: Path) -> None:
    """CONTRACT 57, 67: listings and glob skip it, and the rest is there."""
    (root / "way").symlink_to(outside)
    assert [str(info.path) for info in files.list_files("", recursive=True)] == ["file"]
    assert [str(info.path) for info in files.glob("**")] == ["file"]
    assert [str(info.path) for info in files.glob("way/*")] == []
    assert [str(info.path) for info in files.glob("*/secret")] == []
    assert {str(entry.path) for entry in files.iter_children("")} == {"file", "in"}
    assert files.get_folder_info("").total_size == 4


@pytest.mark.usefixtures("safe")
def test_a_recursive_delete_takes_the_link_and_not_what_it_leads_to(
    files: LocalBackend, root: Path, outside: Path
) -> None:
    """CONTRACT 31: a link inside a folder that is deleted is removed as a link."""
    (root / "doomed").mkdir()
    (root / "doomed" / "out").symlink_to(outside)
    (root / "doomed" / "in").symlink_to(root / "in")
    files.delete_folder("doomed", recursive=True)
    assert not (root / "doomed").exists()


# Links that stay inside are legal


@pytest.mark.parametrize(
    ("link", "target", "key"),
    [
        ("way", "folder/file", "way"),
        ("way", "{root}/folder/file", "way"),
        ("way", "folder", "way/file"),
        ("way", "{root}/folder", "way/file"),
        ("folder/way", "../folder/file", "folder/way"),
        ("folder/way", "..", "folder/way/folder/file"),
        ("folder/way", "{root}", "folder/way/folder/file"),
        ("folder/way", "./.././folder//file", "folder/way"),
        ("way", "{root}/folder/../folder/file", "way"),
        ("folder/deeper/way", "../../folder/deeper/../file", "folder/deeper/way"),
    ],
)
def test_a_link_that_stays_inside_is_followed(
    files: LocalBackend, root: Path, link: str, target: str, key: str
) -> None:
    """DECISIONS 11: absolute or relative, with `..` or without, for reading, looking, listing and replacing."""
    (root / "folder" / "deeper").mkdir(parents=True)
    (root / "folder" / "file").write_bytes(b"old")
    (root / link).symlink_to(target.format(root=root))
    assert files.read_bytes(key) == b"old"
    assert files.is_file(key)
    assert files.get_file_info(key).size == 3
    files.write(key, b"new!", overwrite=True)
    assert (root / "folder" / "file").read_bytes() == b"new!"
    assert (root / link).is_symlink()
    assert leftovers(root) == []
    files.copy(key, "copied")
    assert files.read_bytes("copied") == b"new!"


def test_a_write_through_a_linked_folder_lands_in_it(files: LocalBackend, root: Path) -> None:
    """DECISIONS 11: new files and folders too."""
    (root / "folder").mkdir()
    (root / "way").symlink_to(root / "folder")
    files.write("way/new/file", b"x")
    assert (root / "folder" / "new" / "file").read_bytes() == b"x"
    assert [str(info.path) for info in files.list_files("way", recursive=True)] == ["way/new/file"]


def test_a_linked_folder_is_listed_and_not_descended_into(files: LocalBackend, root: Path) -> None:
    """CONTRACT 58: each entry once, also where a link leads back up."""
    (root / "folder").mkdir()
    (root / "folder" / "file").write_bytes(b"x")
    (root / "folder" / "up").symlink_to("..")
    assert [str(info.path) for info in files.list_files("", recursive=True)] == ["folder/file"]
    assert [entry.name for entry in files.list_folders("folder")] == ["up"]


def test_a_linked_folder_is_deleted_as_a_link(files: LocalBackend, root: Path) -> None:
    """CONTRACT 53: not recursive it must be empty as any folder; what it leads to stays."""
    (root / "folder").mkdir()
    (root / "folder" / "file").write_bytes(b"x")
    (root / "way").symlink_to("folder")
    files.delete_folder("way", recursive=True)
    assert snapshot(root) == {"folder": None, "folder/file": b"x"}


def test_a_link_to_a_file_is_deleted_as_a_link(files: LocalBackend, root: Path) -> None:
    """CONTRACT 52: deleting a key takes away its name, not another key's content."""
    (root / "file").write_bytes(b"x")
    (root / "way").symlink_to("file")
    files.delete("way")
    assert snapshot(root) == {"file": b"x"}


def test_a_link_to_nothing_is_absent(files: LocalBackend, root: Path) -> None:
    """CONTRACT 72, 33: probes are false, reads NotFound; a write makes what it leads to."""
    (root / "way").symlink_to("nothing")
    assert not files.exists("way")
    with pytest.raises(NotFound, match="way"):
        files.read_bytes("way")
    assert list(files.iter_children("")) == []
    files.write("way", b"x")
    assert snapshot(root) == {"way": "-> nothing", "nothing": b"x"}


# Circles and chains


@pytest.mark.usefixtures("safe")
def test_a_circle_of_links_is_refused(files: LocalBackend, root: Path) -> None:
    """DECISIONS 11: ELOOP becomes InvalidPath, at once."""
    (root / "way").symlink_to("way")
    assert refusals(files, {**READS, **WRITES, **PROBES, "list_files": LISTS["list_files"]}, "way") == {}


@pytest.mark.parametrize("target", ["{root}/way{n}", "way{n}"])
def test_forty_links_are_followed_and_forty_one_are_not(
    files: LocalBackend, root: Path, target: str, mode: str
) -> None:
    """path_resolution(7): the kernel's own bound, the same for links it does not follow for us."""
    if mode == "paths":
        pytest.skip("realpath has no bound of its own; the kernel's holds for the rest")
    (root / "way0").write_bytes(b"end")
    for n in range(1, 42):
        (root / f"way{n}").symlink_to(target.format(root=root, n=n - 1))
    assert files.read_bytes("way40") == b"end"
    with pytest.raises(InvalidPath):
        files.read_bytes("way41")
    with pytest.raises(InvalidPath):
        files.write("way41", b"x", overwrite=True)
    assert files.read_bytes("way0") == b"end"


# The root itself


@pytest.mark.usefixtures("safe")
def test_a_root_replaced_by_a_link_is_refused(files: LocalBackend, root: Path, outside: Path) -> None:
    """CONTRACT 31: "the root itself replaced by a symlink"."""
    kept = root.rename(root.with_name("kept"))
    root.symlink_to(outside)
    assert refusals(files, EVERY, "secret") == {}
    root.unlink()
    kept.rename(root)


def test_a_root_replaced_by_a_link_is_not_listed(files: LocalBackend, root: Path, outside: Path) -> None:
    """CONTRACT 31: neither is what the link leads to."""
    (outside / f".~tmp.{0:016x}").write_bytes(b"not ours")
    root.rmdir()
    root.symlink_to(outside)
    before = snapshot(outside)
    assert refusals(files, LISTS, "") == {}
    with pytest.raises(InvalidPath, match="escapes root"):
        files.abort_uploads(0)
    with pytest.raises(InvalidPath, match="escapes root"):
        list(files.glob("**"))
    assert snapshot(outside) == before


def test_a_missing_root_reads_as_absent_and_is_made_again_by_a_write(files: LocalBackend, root: Path) -> None:
    """CONTRACT 88, 56, 28."""
    root.rmdir()
    assert files.exists("")
    assert not files.exists("a")
    assert list(files.list_files("", recursive=True)) == []
    assert files.get_folder_info("").file_count == 0
    with pytest.raises(NotFound):
        files.read_bytes("a")
    files.delete("a", missing_ok=True)
    files.delete_folder("a", missing_ok=True)
    with pytest.raises(NotFound, match="Root directory not found"):
        files.check_health()
    files.write("d/a", b"x")
    assert snapshot(root) == {"d": None, "d/a": b"x"}


def test_a_root_made_anew_is_the_one_that_is_used(files: LocalBackend, root: Path) -> None:
    """DECISIONS 11: the root is opened for each call."""
    files.write("a", b"old")
    old = root.rename(root.with_name("old"))
    root.mkdir()
    files.write("a", b"new")
    assert (snapshot(old), snapshot(root)) == ({"a": b"old"}, {"a": b"new"})
    shutil.rmtree(root)
    root.write_bytes(b"a file now")
    with pytest.raises(NotFound, match="Root directory not found"):
        files.check_health()


def test_a_root_given_by_a_link_is_where_the_link_led(tmp_path: Path, root: Path) -> None:
    """CONTRACT 150: the constructor resolves `root`."""
    (tmp_path / "way").symlink_to(root)
    files = LocalBackend(str(tmp_path / "way"))
    files.write("a", b"x")
    assert files.native_path("a") == f"{root}/a"
    assert files.to_key(f"{root}/a") == "a"
    assert snapshot(root) == {"a": b"x"}


# What is no file


def make_fifo(path: Path) -> None:
    """Make a pipe."""
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    """Make a socket that nobody listens on."""
    here = os.open(path.parent, os.O_RDONLY)
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"/proc/self/fd/{here}/{path.name}")  # a socket's path has 108 bytes at most
    server.close()
    os.close(here)


def make_device(path: Path) -> None:
    """Make the device that gives zeros for ever."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_device])
@pytest.mark.timeout(20)
def test_a_pipe_a_socket_or_a_device_is_no_file(files: LocalBackend, root: Path, make: Callable[[Path], None]) -> None:
    """DECISIONS 11: refused without waiting for anybody at the other end, and left where it is."""
    (root / "file").write_bytes(b"data")
    make(root / "way")
    before = snapshot(root)
    for operation in [*READS.values(), *WRITES.values(), DELETES["delete"], DELETES["delete_folder"]]:
        with pytest.raises((InvalidPath, AlreadyExists)):
            operation(files, "way")
    assert snapshot(root) == before


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_device])
def test_a_pipe_a_socket_or_a_device_is_not_listed(
    files: LocalBackend, root: Path, make: Callable[[Path], None]
) -> None:
    """CONTRACT 58: files and folders only."""
    make(root / "way")
    assert list(files.iter_children("")) == []
    assert not files.exists("way")
    assert not files.is_file("way")
    assert not files.is_folder("way")
