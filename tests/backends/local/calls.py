"""Every system call that the local backend makes, as a place where a test may step in."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from typing import Any

import pytest

from remote_store.backends.local import commit, guard

NAMES = [
    "open",
    "close",
    "read",
    "write",
    "pread",
    "preadv",
    "fstat",
    "stat",
    "lstat",
    "readlink",
    "mkdir",
    "makedirs",
    "scandir",
    "link",
    "rename",
    "replace",
    "unlink",
    "rmdir",
    "fsync",
    "fchmod",
    "utime",
    "copy_file_range",
    "sendfile",
]
Step = Callable[[str, int], None]


class Calls:
    """Counts the calls while it is on, and lets `step(name, number)` act before each; it may raise OSError.

    It stands in for the functions of `os` that our code looks up by name, for flock, and for the two system calls
    made by ctypes, which report an error by their result. The hint sync_file_range(2) is none of them: it can't fail.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.step: Step | None = None
        self.made: list[str] = []
        for name in NAMES:
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))
        monkeypatch.setattr(fcntl, "flock", self._watched("flock", fcntl.flock))
        if guard._openat2 is not None:
            monkeypatch.setattr(guard, "_openat2", self._watched_by_ctypes("openat2", guard._openat2))
        renameat2 = commit._renameat2()
        if renameat2 is not None:
            monkeypatch.setattr(commit, "_renameat2", lambda: self._watched_by_ctypes("renameat2", renameat2))

    def during(self, act: Callable[[], object], step: Step | None = None) -> list[str]:
        """Run `act` with `step` before each call; return the names of the calls made so far, also after an error."""
        self.made, self.step = [], step or (lambda name, number: None)
        try:
            act()
        finally:
            self.step = None
        return self.made

    def _before(self, name: str) -> None:
        if self.step is not None:
            step, self.step = self.step, None  # what the step does itself is not counted
            self.made.append(name)
            try:
                step(name, len(self.made))
            finally:
                self.step = step

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            self._before(name)
            return function(*args, **options)

        return watched

    def _watched_by_ctypes(self, name: str, function: Callable[..., int]) -> Callable[..., int]:
        def watched(*args: Any) -> int:
            try:
                self._before(name)
            except OSError as error:
                ctypes.set_errno(error.errno or errno.EIO)
                return -1
            return function(*args)

        return watched
