"""Full disks, limits and missing rights, as the system itself reports them (RELIABILITY 24)."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.errors import (
    BackendUnavailable,
    NoSpace,
    PermissionDenied,
    RemoteStoreError,
)
from remote_store.backends.local import guard
from remote_store.backends.local.sync import LocalBackend
from tests.backends.local.calls import Calls
from tests.backends.local.disk import in_child, snapshot


def test_a_full_disk_is_no_space(root: Path) -> None:
    """Issue 3: ENOSPC from the kernel, on /dev/full."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    files = LocalBackend(str(root))
    write = os.write
    with open("/dev/full", "wb", buffering=0) as full, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(full.fileno(), data))
        with pytest.raises(NoSpace, match="No space left") as caught:
            files.write("d/f", b"x" * 100_000)
        assert caught.value.errno == errno.ENOSPC
    assert snapshot(root) == {"d": None}


def test_a_disk_that_is_really_full_keeps_the_old_file(tmp_path: Path) -> None:
    """RELIABILITY 24: a file system of 1 MiB; the write is refused, the old content is whole, later writes work."""
    root = tmp_path / "small"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(root)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting needs rights that this user does not have; the n-th call loop covers ENOSPC")
    try:
        files = LocalBackend(str(root))
        files.write("f", b"old")
        for content in (b"x" * 2_000_000, iter([b"x" * 500_000] * 4)):
            with pytest.raises(NoSpace):
                files.write("f", content, overwrite=True)
            assert snapshot(root) == {"f": b"old"}
        files.write("f", b"y" * 900_000, overwrite=True)
        with pytest.raises(NoSpace):
            files.copy("f", "g")
        assert list(snapshot(root)) == ["f"]
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_a_file_above_the_size_limit_is_refused(files: LocalBackend, root: Path) -> None:
    """RELIABILITY 24: EFBIG half-way, under RLIMIT_FSIZE."""
    files.write("f", b"old")

    def act() -> object:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            files.write("f", iter([b"x" * 60_000] * 3), overwrite=True)
        except BackendUnavailable as error:
            return error.path
        return None

    assert in_child(act) == "'f'"
    assert snapshot(root) == {"f": b"old"}


def test_no_descriptor_left_is_our_error_and_nothing_is_lost(files: LocalBackend, root: Path) -> None:
    """Issue 3: EMFILE, mapped; once there are descriptors again all goes on."""
    files.write("d/f", b"x")

    def act() -> object:
        held = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
        try:
            while True:
                held.append(os.open("/", os.O_RDONLY))
        except OSError:
            pass
        answers = []
        for spare in range(6):
            for call in (
                lambda: files.read_bytes("d/f"),
                lambda: files.write("d/g", b"y", overwrite=True),
                lambda: len(list(files.list_files("", recursive=True))),
            ):
                try:
                    call()
                except BackendUnavailable:
                    answers.append(spare)
            os.close(held.pop())
        return max(answers), len(answers) >= 6, files.read_bytes("d/f")

    text = in_child(act)
    assert text.endswith("True, b'x')"), text
    assert {key for key in snapshot(root) if "~" in key} == set()


def as_nobody(act: Callable[[], object]) -> str:
    """Run `act` in a child without root's rights."""

    def run() -> object:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        return act()

    return in_child(run)


def open_up(root: Path) -> None:
    """Let everybody come as far as the root, and write there."""
    root.chmod(0o777)
    for folder in root.parents:
        if os.stat(folder).st_mode & 0o001:
            return
        folder.chmod(0o711)


def kind_of(act: Callable[[], object]) -> str:
    """Return the class of the error, or the result."""
    try:
        return str(act())
    except RemoteStoreError as error:
        return type(error).__name__


def test_what_may_not_be_read_or_written_is_permission_denied(files: LocalBackend, root: Path) -> None:
    """CONTRACT 150: EACCES is PermissionDenied "Permission denied"; a directory check beats it."""
    files.write("closed/f", b"x")
    files.write("unreadable", b"x")
    (root / "unreadable").chmod(0)
    (root / "closed").chmod(0o555)
    open_up(root)

    def act() -> list[str]:
        kinds: list[Callable[[], Any]] = [
            lambda: files.read_bytes("unreadable"),
            lambda: files.read_bytes("closed/f"),
            lambda: files.write("closed/g", b"y"),
            lambda: files.write("closed/f", b"y", overwrite=True),
            lambda: files.delete("closed/f"),
            lambda: files.write("closed/deep/g", b"y"),
            lambda: files.move("closed/f", "elsewhere"),
            lambda: files.copy("closed/f", "closed/g"),
            lambda: files.delete_folder("closed", recursive=True),
            lambda: files.write("closed", b"y"),
            lambda: files.read_bytes("closed"),
        ]
        return [kind_of(kind) for kind in kinds]

    denied = "PermissionDenied"
    assert as_nobody(act) == repr([denied, "b'x'", *[denied] * 7, "InvalidPath", "InvalidPath"])
    (root / "unreadable").chmod(0o644)
    assert snapshot(root) == {"closed": None, "closed/f": b"x", "unreadable": b"x"}


def test_a_folder_that_may_not_be_entered_is_permission_denied(files: LocalBackend, root: Path) -> None:
    """CONTRACT 150, 73: also for probes and listings; the root is "not readable"."""
    files.write("shut/f", b"x")
    open_up(root)
    (root / "shut").chmod(0)
    probes: list[Callable[[], Any]] = [
        lambda: files.read_bytes("shut/f"),
        lambda: files.exists("shut/f"),
        lambda: list(files.list_files("shut")),
        lambda: files.delete("shut/f", missing_ok=True),
    ]
    assert as_nobody(lambda: [kind_of(probe) for probe in probes]) == repr(["PermissionDenied"] * 4)
    root.chmod(0o300)
    assert as_nobody(lambda: kind_of(files.check_health)) == "'PermissionDenied'"
    root.chmod(0o700)


def test_a_read_only_file_system_is_permission_denied(files: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """RELIABILITY 24: a read-only remount; reading goes on."""
    files.write("f", b"x")

    def step(name: str, number: int) -> None:
        if name in ("link", "replace", "unlink", "mkdir", "write"):
            raise OSError(errno.EROFS, "Read-only file system")

    calls = Calls(monkeypatch)
    for act in (
        lambda: files.write("f", b"y", overwrite=True),
        lambda: files.delete("f"),
        lambda: files.write("d/f", b""),
    ):
        with pytest.raises(PermissionDenied, match="read-only"):
            calls.during(act, step)
    assert files.read_bytes("f") == b"x"


def test_without_openat2_the_walk_takes_over(root: Path) -> None:
    """DECISIONS 11: ENOSYS and EPERM at the import's probe, in a fresh interpreter whose syscall() refuses it."""
    program = """
import ctypes, sys
kept = ctypes.CDLL
class Library:
    def __init__(self, *args, **options):
        self._library = kept(*args, **options)
    def __getattr__(self, name):
        if name == "syscall":
            def refuse(*_): return -1
            return refuse
        return getattr(self._library, name)
ctypes.CDLL = Library
from remote_store.backends.local import guard
from remote_store.backends.local.sync import LocalBackend
assert guard._openat2 is None
files = LocalBackend(sys.argv[1])
files.write("d/f", b"x")
print(files.read_bytes("d/f"))
"""
    done = subprocess.run([sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=False)
    assert done.stdout == "b'x'\n", done.stderr
    assert hasattr(guard, "_openat2")
