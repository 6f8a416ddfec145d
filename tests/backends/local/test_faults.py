"""Every system call of every operation fails once, and then for good (RELIABILITY 24, "n-th call" loop).

Whatever fails: an error of ours, nothing half-written in sight, nothing lost, no descriptor and no hidden file left.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from remote_store._core.errors import (
    BackendUnavailable,
    NoSpace,
    OutcomeUnknown,
    PermissionDenied,
    RemoteStoreError,
)
from remote_store.backends.local.sync import LocalBackend
from tests.backends.local.calls import Calls
from tests.backends.local.disk import leftovers, open_below, snapshot

OLD, NEW = b"old content", b"NEW" * 50_000
MAY_FAIL_UNNOTICED = {"close", "unlink"}  # done by then: the hidden file's second name, a folder's descriptor


def streamed(files: LocalBackend, key: str) -> bytes:
    """Read by a stream."""
    with files.read(key) as stream:
        return stream.read()


def written_atomically(files: LocalBackend) -> None:
    """Write by open_atomic."""
    with files.open_atomic("d/f", overwrite=True) as file:
        file.write(NEW)


CHANGES: dict[str, Callable[[LocalBackend], object]] = {
    "create": lambda files: files.write("d/new", NEW),
    "create small": lambda files: files.write("d/new", b"NEW"),
    "create deep": lambda files: files.write("e/e/new", NEW),
    "overwrite": lambda files: files.write("d/f", NEW, overwrite=True),
    "stream": lambda files: files.write("d/f", iter([NEW[:9], NEW[9:]]), overwrite=True),
    "match": lambda files: files.write("d/f", NEW, if_match=files.get_file_info("d/f").etag),
    "open_atomic": written_atomically,
    "through a link": lambda files: files.write("way", NEW, overwrite=True),
    "copy": lambda files: files.copy("g", "d/new"),
    "copy over": lambda files: files.copy("g", "d/f", overwrite=True),
    "move": lambda files: files.move("g", "d/new"),
    "move over": lambda files: files.move("g", "d/f", overwrite=True),
}
LOOKS: dict[str, Callable[[LocalBackend], object]] = {
    "read": lambda files: streamed(files, "d/f"),
    "read_bytes": lambda files: files.read_bytes("d/f"),
    "read_ranges": lambda files: files.read_ranges("d/f", [(0, 3), (2, 9)]),
    "read_into": lambda files: files.read_into("d/f", bytearray(5)),
    "link": lambda files: files.read_bytes("way"),
    "info": lambda files: files.get_file_info("d/f"),
    "folder info": lambda files: files.get_folder_info("d").total_size,
    "list": lambda files: sorted(str(info.path) for info in files.list_files("", recursive=True)),
    "children": lambda files: sorted(str(info.path) for info in files.iter_children("d")),
    "glob": lambda files: sorted(str(info.path) for info in files.glob("**")),
    "exists": lambda files: files.exists("d/f"),
    "health": lambda files: files.check_health(),
}
DELETES: dict[str, Callable[[LocalBackend], object]] = {
    "delete": lambda files: files.delete("d/f"),
    "delete_folder": lambda files: files.delete_folder("d", recursive=True),
}


@pytest.fixture(params=[False, True], ids=["", "fsync"])
def scene(request: pytest.FixtureRequest, root: Path) -> LocalBackend:
    """Return a backend over an old file, a source and a link."""
    (root / "d").mkdir()
    fill(root)
    return LocalBackend(str(root), fsync=request.param)


def fill(root: Path) -> None:
    """Make the files that the operations need."""
    for key, content in (("d/f", OLD), ("g", NEW)):
        (root / key).parent.mkdir(exist_ok=True)
        (root / key).write_bytes(content)
    if not (root / "way").is_symlink():
        (root / "way").symlink_to("d/f")
    for key in ("d/new", "e/e/new"):
        (root / key).unlink(missing_ok=True)
    for key in ("e/e", "e"):
        if (root / key).exists():
            (root / key).rmdir()


class Failing:
    """Lets the n-th call fail, or all from the n-th on."""

    def __init__(self, number: int, code: int, *, for_good: bool) -> None:
        self.number, self.code, self.for_good = number, code, for_good
        self.names: set[str] = set()

    def step(self, name: str, number: int) -> None:
        """Step in before a call; a close that reports an error has closed all the same, so it is left alone."""
        if name != "close" and (number >= self.number if self.for_good else number == self.number):
            self.names.add(name)
            raise OSError(self.code, os.strerror(self.code))


def failures(
    calls: Calls, act: Callable[[], object], again: Callable[[set[str]], None], code: int, *, for_good: bool
) -> list[tuple[str, RemoteStoreError | None]]:
    """Let each call of `act` fail in turn; return the call's name and the error, None where it went through."""
    outcomes: list[tuple[str, RemoteStoreError | None]] = []
    number = 1
    while True:
        error: RemoteStoreError | None = None
        failing = Failing(number, code, for_good=for_good)
        try:
            calls.during(act, failing.step)
        except RemoteStoreError as caught:
            error = caught
        if len(calls.made) < number:
            return outcomes
        outcomes.append((calls.made[number - 1], error))
        again(failing.names)
        number += 1


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=["ENOSPC", "EIO", "EACCES"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_whose_nth_call_fails_is_done_or_not_done(
    scene: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int, for_good: bool
) -> None:
    """RELIABILITY: "an exception says not done, done by someone else, or unknown": old or new, whole, and no torso."""
    expected = {errno.ENOSPC: NoSpace, errno.EIO: BackendUnavailable, errno.EACCES: PermissionDenied}[code]
    before, outcome = snapshot(root), ""

    def again(failed: set[str]) -> None:
        now = snapshot(root)
        hidden = [key for key in now if key in leftovers(root)]
        assert "unlink" in failed or not hidden, "only a failing unlink leaves a hidden file"
        assert open_below(root) == []
        visible = {key: value for key, value in now.items() if key not in hidden and not key.startswith("e")}
        for key in {*visible, *before} - {"way", "d", "g"}:
            assert visible.get(key) in (NEW, b"NEW", before.get(key)), (name, key, calls.made)
        assert visible["d/f"] in (OLD, NEW)
        assert visible.get("g", visible.get("d/new", visible["d/f"])) == NEW, "a move lost the only copy"
        for key in hidden:
            (root / key).unlink()
        fill(root)

    calls = Calls(monkeypatch)
    outcomes = failures(calls, lambda: CHANGES[name](scene), again, code, for_good=for_good)
    assert len(outcomes) > 3
    for call, error in outcomes:
        outcome = f"{call}: {error!r}"
        if error is None:
            # what fails here has a second way (no rename by the kernel, no copy by the kernel, a missing look)
            assert call in {
                *MAY_FAIL_UNNOTICED,
                "openat2",
                "open",
                "lstat",
                "stat",
                "mkdir",
                "flock",
                "copy_file_range",
                "link",
            }, outcome
        else:
            is_from_makedirs = call == "stat" and "File exists" in str(error)  # it looks whether a folder is there
            assert is_from_makedirs or isinstance(error, (expected, OutcomeUnknown)), outcome
            assert error.backend == "local"
            assert error.path


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.EACCES])
@pytest.mark.parametrize("name", LOOKS)
def test_a_look_whose_nth_call_fails_says_so(
    scene: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """RELIABILITY 24: an error of ours, never a short answer; descriptors are given back."""
    right, before = LOOKS[name](scene), snapshot(root)
    answers: list[object] = []

    def again(failed: set[str]) -> None:
        assert open_below(root) == []
        assert code == errno.EACCES or all(answer == right for answer in answers), (name, calls.made)
        answers.clear()

    calls = Calls(monkeypatch)
    outcomes = failures(calls, lambda: answers.append(LOOKS[name](scene)), again, code, for_good=False)
    assert outcomes
    if code != errno.EACCES:  # a link into a folder that may not be entered is left out of listings
        assert all(error is not None for call, error in outcomes if call not in ("close", "openat2")), outcomes
    assert snapshot(root) == before


@pytest.mark.parametrize("name", DELETES)
def test_a_delete_whose_nth_call_fails_says_so(
    scene: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """RELIABILITY 24: what it was not asked to delete is there, and it does not claim to be done."""

    def again(failed: set[str]) -> None:
        assert open_below(root) == []
        assert (root / "g").read_bytes() == NEW
        (root / "d").mkdir(exist_ok=True)
        fill(root)

    outcomes = failures(Calls(monkeypatch), lambda: DELETES[name](scene), again, errno.EIO, for_good=False)
    assert outcomes
    assert all(error is not None for call, error in outcomes if call not in ("close", "openat2", "flock")), outcomes


def test_a_failed_fsync_is_final(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RELIABILITY 24: fsync is not asked again, since the second answer would be a lie; nothing is in sight."""
    files, asked = LocalBackend(str(root), fsync=True), []

    def fail(fd: int) -> None:
        asked.append(stat.S_ISREG(os.fstat(fd).st_mode))
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(BackendUnavailable) as caught:
        files.write("f", b"x")
    assert not isinstance(caught.value, OutcomeUnknown)
    assert asked == [True]
    assert snapshot(root) == {}


def test_a_failed_fsync_of_the_folder_leaves_the_outcome_open(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RELIABILITY: "done, not done or unknown, never a guess": the name is there, but may not last."""
    files, fsync = LocalBackend(str(root), fsync=True), os.fsync

    def fail(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fail)
    for act in (lambda: files.write("f", b"x"), lambda: files.write("f", b"y", overwrite=True)):
        with pytest.raises(OutcomeUnknown):
            act()
    with pytest.raises(OutcomeUnknown):
        files.move("f", "g")
    assert snapshot(root) == {"g": b"y"}


@pytest.mark.parametrize("fsync", [False, True])
def test_fsync_is_called_before_the_name_is_given_and_on_the_folder_after(
    root: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool
) -> None:
    """DECISIONS 12: "durable" is promised with it on, and not paid for with it off."""
    files, calls = LocalBackend(str(root), fsync=fsync), Calls(monkeypatch)
    for act, name in (
        (lambda: files.write("f", b"x"), "link"),
        (lambda: files.write("f", b"y", overwrite=True), "replace"),
    ):
        made = [call for call in calls.during(act) if call in ("write", "fsync", name)]
        assert made == (["write", "fsync", name, "fsync"] if fsync else ["write", name])
