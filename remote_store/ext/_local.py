"""A local file being written under another name until it is whole; blocking calls."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from secrets import token_hex

__all__ = ["LocalDraft", "local_draft", "refuse_existing"]


def refuse_existing(path: str | os.PathLike[str]) -> None:
    """Raise FileExistsError if something is at `path`, a broken link too."""
    if os.path.lexists(path):
        raise FileExistsError(f"Local file already exists: {os.fspath(path)}")


class LocalDraft:
    """A file that gets its name by `commit`; until then it stands beside it under a name of its own.

    What is no regular file (a pipe, a device) is written in place. Links are followed, an overwritten file's mode
    is kept. Raises FileNotFoundError without the folder, IsADirectoryError for a folder.
    """

    def __init__(self, path: str | os.PathLike[str], overwrite: bool) -> None:
        self._target = os.path.realpath(path)
        self._overwrite = overwrite
        self._name: str | None = None
        mode = self._mode()
        if mode is not None and not stat.S_ISREG(mode):
            self._file = FileIO(self._target, "wb")
            return
        self._name = os.path.join(os.path.dirname(self._target), f".~tmp.{token_hex(8)}")
        self._file = FileIO(os.open(self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb")
        if mode is not None:
            os.chmod(self._name, stat.S_IMODE(mode))

    def _mode(self) -> int | None:
        try:
            return os.stat(self._target).st_mode
        except FileNotFoundError:
            return None

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) or 0 :]

    def commit(self) -> None:
        """Give the file its name. Raises FileExistsError if somebody else has taken it and it must not be replaced."""
        self._file.close()
        if self._name is None:
            return
        if self._overwrite:
            os.replace(self._name, self._target)
        else:
            try:
                os.link(self._name, self._target)
            except FileExistsError:
                raise
            except OSError:  # a disk without hard links
                refuse_existing(self._target)
                os.replace(self._name, self._target)
                self._name = None
                return
            os.unlink(self._name)
        self._name = None

    def discard(self) -> None:
        """Close and remove what has not been committed."""
        self._file.close()
        if self._name is not None:
            os.unlink(self._name)
            self._name = None


@contextmanager
def local_draft(path: str | os.PathLike[str], overwrite: bool) -> Iterator[LocalDraft]:
    """Write a local file that appears when the block ends without an exception."""
    draft = LocalDraft(path, overwrite)
    try:
        yield draft
        draft.commit()
    except BaseException:
        draft.discard()
        raise
