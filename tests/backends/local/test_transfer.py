"""Moves, copies and overwrites keep what belongs to a file (CONTRACT 74 to 78)."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.errors import AlreadyExists, CapabilityNotSupported, InvalidPath
from remote_store.backends.local import places, transfer
from remote_store.backends.local.sync import LocalBackend
from tests.backends.local.calls import Calls
from tests.backends.local.disk import leftovers, snapshot

SECOND = 10**9


def mode_of(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444, 0o666])
@pytest.mark.parametrize("content", [b"new", [b"n", b"ew"]], ids=["whole", "streamed"])
def test_an_overwrite_keeps_the_mode(files: LocalBackend, root: Path, mode: int, content: Any) -> None:
    """CONTRACT 43: the content is replaced; who may read it is not our business."""
    (root / "f").write_bytes(b"old")
    (root / "f").chmod(mode)
    files.write("f", content if isinstance(content, bytes) else iter(content), overwrite=True)
    assert (mode_of(root / "f"), (root / "f").read_bytes()) == (mode, b"new")


def test_a_new_file_has_the_mode_that_the_umask_leaves(files: LocalBackend, root: Path) -> None:
    """CONTRACT 42: as any program's new file."""
    old = os.umask(0o027)
    try:
        files.write("d/f", b"x")
    finally:
        os.umask(old)
    assert (mode_of(root / "d" / "f"), mode_of(root / "d")) == (0o640, 0o750)


@pytest.mark.parametrize("operation", ["whole", "streamed", "copy"])
def test_content_that_only_its_owner_may_read_is_never_open_to_others(
    files: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """CONTRACT 43, 78: neither is the hidden file that it is written to."""
    (root / "f").write_bytes(b"old")
    (root / "f").chmod(0o600)
    seen: set[int] = set()

    def look(name: str, number: int) -> None:
        seen.update(mode_of(root / key) for key in leftovers(root))

    act = {
        "whole": lambda: files.write("f", b"secret", overwrite=True),
        "streamed": lambda: files.write("f", iter([b"sec", b"ret"]), overwrite=True),
        "copy": lambda: files.copy("f", "g"),
    }[operation]
    Calls(monkeypatch).during(act, look)
    assert seen == {0o600}


def test_a_copy_keeps_times_and_mode(files: LocalBackend, root: Path) -> None:
    """CONTRACT 78: as copy2 does, to the nanosecond, also over another file."""
    (root / "f").write_bytes(b"x")
    (root / "f").chmod(0o750)
    os.utime(root / "f", ns=(1 * SECOND + 1, 2 * SECOND + 3))
    (root / "there").write_bytes(b"old")
    for target in ("d/g", "there"):
        files.copy("f", target, overwrite=True)
        state = (root / target).stat()
        assert (state.st_mtime_ns, mode_of(root / target)) == (2 * SECOND + 3, 0o750)
        assert (root / target).read_bytes() == b"x"


def test_a_move_keeps_the_very_file(files: LocalBackend, root: Path) -> None:
    """CONTRACT 78: an atomic rename, with every attribute."""
    (root / "f").write_bytes(b"x")
    (root / "f").chmod(0o751)
    before = (root / "f").stat()
    files.move("f", "d/e/g")
    after = (root / "d" / "e" / "g").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_mode) == (before.st_ino, before.st_mtime_ns, before.st_mode)
    assert not (root / "f").exists()


# Two names of one file


def test_a_move_onto_another_name_of_the_same_file_leaves_that_name(files: LocalBackend, root: Path) -> None:
    """CONTRACT 77: rename(2) leaves both names of one inode; we take the first away."""
    (root / "f").write_bytes(b"x")
    (root / "g").hardlink_to(root / "f")
    with pytest.raises(AlreadyExists):
        files.move("f", "g")
    files.move("f", "g", overwrite=True)
    assert snapshot(root) == {"g": b"x"}


def test_a_copy_onto_another_name_of_the_same_file_keeps_both(files: LocalBackend, root: Path) -> None:
    """CONTRACT 77: the content of both is there."""
    (root / "f").write_bytes(b"x")
    (root / "g").hardlink_to(root / "f")
    files.copy("f", "g", overwrite=True)
    assert snapshot(root) == {"f": b"x", "g": b"x"}


def test_a_move_onto_a_link_to_the_source_keeps_the_file(files: LocalBackend, root: Path) -> None:
    """CONTRACT 77: "a failed move leaves at least one full copy", and so does this one."""
    (root / "d").mkdir()
    (root / "f").write_bytes(b"x")
    (root / "d" / "way").symlink_to("../f")
    files.move("f", "d/way", overwrite=True)
    assert files.read_bytes("d/way") == b"x"
    assert not files.exists("f")


def test_a_move_of_a_link_onto_what_it_leads_to_keeps_the_file(files: LocalBackend, root: Path) -> None:
    """CONTRACT 77: the link is gone, the content is at the destination."""
    (root / "f").write_bytes(b"x")
    (root / "way").symlink_to("f")
    files.move("way", "f", overwrite=True)
    assert snapshot(root) == {"f": b"x"}


def test_a_case_twin_on_a_case_insensitive_disk_is_not_lost(
    files: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONTRACT 77, issue 3: moving `a` to `A` is a rename there, and both names are one file before and after.

    No such disk can be had here: names are folded where our code hands them to the system.
    """
    for name in ("open", "stat", "unlink"):
        kept = getattr(places.Folder, name)
        monkeypatch.setattr(places.Folder, name, lambda self, name, *args, kept=kept: kept(self, name.lower(), *args))
    replace, open_file = places.Folder.replace, places.Root.open_file
    monkeypatch.setattr(
        places.Folder, "replace", lambda self, name, target, new: replace(self, name.lower(), target, new.lower())
    )
    monkeypatch.setattr(places.Root, "open_file", lambda self, key, flags: open_file(self, key.lower(), flags))
    files.write("a", b"x")
    files.move("a", "A", overwrite=True)
    assert files.read_bytes("A") == b"x"
    with pytest.raises(AlreadyExists):
        files.move("a", "A")


# Links


def test_a_link_is_moved_and_copied_as_the_file_it_leads_to(files: LocalBackend, root: Path) -> None:
    """DECISIONS 11: a relative link would mean another file in another folder."""
    (root / "f").write_bytes(b"x")
    (root / "way").symlink_to("f")
    files.copy("way", "d/copied")
    files.move("way", "d/moved")
    assert snapshot(root) == {"f": b"x", "d": None, "d/copied": b"x", "d/moved": b"x"}


def test_a_move_onto_a_link_replaces_what_it_leads_to(files: LocalBackend, root: Path) -> None:
    """DECISIONS 11: as a write does."""
    (root / "f").write_bytes(b"new")
    (root / "g").write_bytes(b"old")
    (root / "way").symlink_to("g")
    files.move("f", "way", overwrite=True)
    assert snapshot(root) == {"g": b"new", "way": "-> g"}


# Other file systems


class OtherDisk:
    """Lets every rename between folders fail as it does between file systems."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(transfer, "rename_absent", refuse)
        replace = places.Folder.replace
        monkeypatch.setattr(
            places.Folder,
            "replace",
            lambda folder, name, target, new: (refuse if folder is not target else replace)(folder, name, target, new),
        )


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_move_to_another_file_system_is_a_copy_that_takes_the_source_away(
    files: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    """CONTRACT 77, 78: with times and mode, in sight only when it is whole."""
    (root / "f").write_bytes(b"x" * 300_000)
    (root / "f").chmod(0o751)
    os.utime(root / "f", ns=(1, 5 * SECOND + 5))
    OtherDisk(monkeypatch)
    files.move("f", "d/g", overwrite=overwrite)
    assert snapshot(root) == {"d": None, "d/g": b"x" * 300_000}
    assert ((root / "d/g").stat().st_mtime_ns, mode_of(root / "d/g")) == (5 * SECOND + 5, 0o751)


def test_a_move_to_another_file_system_spares_what_is_there(
    files: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONTRACT 74: AlreadyExists, both files as they were."""
    files.write("f", b"x")
    files.write("d/g", b"old")
    before = snapshot(root)
    OtherDisk(monkeypatch)
    with pytest.raises(AlreadyExists):
        files.move("f", "d/g")
    assert snapshot(root) == before


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_copy_goes_by_hand_where_the_kernel_can_not(
    files: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """CONTRACT 78: from where the kernel stopped."""
    content = os.urandom(3_000_000)
    files.write("f", content)
    given = os.copy_file_range

    def first_then_refuse(source: int, target: int, count: int) -> int:
        if os.lseek(source, 0, os.SEEK_CUR):
            raise OSError(code, os.strerror(code))
        return given(source, target, 1_000_001)

    monkeypatch.setattr(os, "copy_file_range", first_then_refuse)
    files.copy("f", "g")
    assert (root / "g").read_bytes() == content


# File systems without hard links


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let link(2) answer as on FAT."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("no_links")
def test_creating_works_without_hard_links(files: LocalBackend, root: Path) -> None:
    """DECISIONS 12: renameat2 with NOREPLACE decides the race instead."""
    files.write("d/f", b"x")
    files.write("d/g", iter([b"y"]))
    with pytest.raises(AlreadyExists, match="already exists"):
        files.write("d/f", b"z")
    assert snapshot(root) == {"d": None, "d/f": b"x", "d/g": b"y"}


@pytest.mark.usefixtures("no_links")
def test_without_hard_links_nor_that_rename_creating_is_refused(
    files: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DECISIONS 12: "else CapabilityNotSupported", never a look before the write; overwriting goes on working."""
    from remote_store.backends.local import commit

    monkeypatch.setattr(commit, "_renameat2", lambda: None)
    with pytest.raises(CapabilityNotSupported):
        files.write("f", b"x")
    assert snapshot(root) == {}
    files.write("f", b"x", overwrite=True)
    with pytest.raises(CapabilityNotSupported):
        files.move("f", "g")
    assert snapshot(root) == {"f": b"x"}


def test_a_folder_at_the_destination_is_told_before_an_existing_file(files: LocalBackend, root: Path) -> None:
    """CONTRACT 43, 74: InvalidPath "exists as a directory", whatever `overwrite` says."""
    files.write("d/f", b"x")
    for overwrite in (False, True):
        for act in (files.copy, files.move):
            with pytest.raises(InvalidPath, match="exists as a directory"):
                act("d/f", "d", overwrite=overwrite)
        with pytest.raises(InvalidPath, match="exists as a directory"):
            files.write("d", b"x", overwrite=overwrite)
    assert snapshot(root) == {"d": None, "d/f": b"x"}
