"""A temporary folder that goes with the object it belongs to."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path

__all__ = ["Workspace"]


class Workspace:
    """A temporary folder, removed by `cleanup`, with the object, or when the interpreter ends.

    `name` and `cleanup` are those of `tempfile.TemporaryDirectory`, which would warn when it is collected and
    would remove its folder in a forked child too.
    """

    def __init__(self, prefix: str = "remote-store-cp-") -> None:
        self.name: str = tempfile.mkdtemp(prefix=prefix)
        self._remove = weakref.finalize(self, _remove, self.name, os.getpid())

    def cleanup(self) -> None:
        """Remove the folder. Doing so twice is fine."""
        self._remove()

    @property
    def path(self) -> Path:
        """The folder, made again if somebody removed it."""
        folder = Path(self.name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def _remove(name: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(name, ignore_errors=True)
