"""Deleting a folder with all that is in it, beside others who write and delete there."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from typing import Any

from .places import Folder

__all__ = ["remove_tree"]


def remove_tree(folder: Folder, name: str) -> None:
    """Delete the folder `name` with its content, links as links; what others delete meanwhile is no error.

    Raises OSError: ENOENT if it is missing from the start, ENOTEMPTY if files are written to it all the while.
    """
    os.lstat(folder.prefix + name, dir_fd=folder.fd)
    if sys.version_info >= (3, 12):
        shutil.rmtree(folder.prefix + name, onexc=lambda *args: _unless_gone(args[2]), dir_fd=folder.fd)
    else:
        shutil.rmtree(folder.prefix + name, onerror=lambda *args: _unless_gone(args[2][1]), dir_fd=folder.fd)


def _unless_gone(error: Any) -> None:
    """Go on if what was to be deleted is gone already: stopping there would leave the rest."""
    if isinstance(error, FileNotFoundError):
        return
    if error.errno is None:  # shutil's own word for a link that was put in the folder's place
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    raise error
