"""The newest checkpoint file below a local folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["latest_checkpoint"]


def latest_checkpoint(
    root: str | os.PathLike[str], glob: str = "**/last.ckpt", *, key: Callable[[Path], Any] | None = None
) -> Path | None:
    """Return the match of `glob` below the local folder `root` with the largest `key`, None if nothing matches.

    The default `key` is the time of the last modification, so that the newest wins. `glob` is a pattern of
    `pathlib.Path.glob`; the default finds what Lightning calls its last checkpoint.
    """
    return max(Path(root).glob(glob), key=key or _modified, default=None)


def _modified(path: Path) -> float:
    return path.stat().st_mtime
