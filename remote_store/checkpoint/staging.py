"""Restored files are gathered out of sight and put in place only when all have arrived."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from .._contract.threads import in_thread, to_the_end

__all__ = ["REMOVE_SECONDS", "entries", "land", "staged"]

REMOVE_SECONDS = 300.0
"""How long removing a staged checkpoint may take: 100,000 small files on a slow disk."""

PREFIX = ".~restore."
"""Begins the name of a staging folder; a killed restore leaves one, which `entries` doesn't count."""


@asynccontextmanager
async def staged(target: Path) -> AsyncIterator[Path]:
    """Make a folder inside `target`, so that moving out of it is a rename; it is removed at the end."""
    stage = target / f"{PREFIX}{secrets.token_hex(8)}"
    try:
        await in_thread(stage.mkdir, 0o700)
        yield stage
    finally:
        # A cancelled restore must not leave what it had so far.
        await to_the_end(REMOVE_SECONDS, shutil.rmtree, stage, True)


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, without staging folders."""
    return [path for path in folder.iterdir() if not path.name.startswith(PREFIX)]


def land(source: Path, target: Path) -> None:
    """Move all of a staged folder into `target`, replacing files of the same names, merging folders."""
    for item in os.scandir(source):
        there = target / item.name
        if item.is_dir(follow_symlinks=False) and there.is_dir():
            land(Path(item.path), there)
        else:
            _put(item.path, there)


def _put(path: str, there: Path) -> None:
    try:
        # Refuses a file in place of a folder, and the reverse, by itself.
        os.replace(path, there)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # A subfolder of the target is on another disk: a copy, as whole as one can be there.
        shutil.move(path, there)
