"""The interface of a checkpoint, as flytekit has it (seeds/002)."""

from __future__ import annotations

import io
import os
from pathlib import Path

__all__ = ["Checkpoint"]


class Checkpoint:
    """Base of the blocking checkpoints: every method raises NotImplementedError."""

    def prev_exists(self) -> bool:
        """Return whether a previous checkpoint was given to restore from."""
        raise NotImplementedError("Use one of the derived classes")

    def restore(self, path: str | os.PathLike[str]) -> Path | None:
        """Download the previous checkpoint into the folder `path` and return that, None if there is none."""
        raise NotImplementedError("Use one of the derived classes")

    def save(self, cp: str | os.PathLike[str] | io.BufferedReader) -> None:
        """Save a file, a folder or what an open binary file still has."""
        raise NotImplementedError("Use one of the derived classes")

    def read(self) -> bytes | None:
        """Return the bytes of the previous checkpoint, which must be a single file; None if there is none."""
        raise NotImplementedError("Use one of the derived classes")

    def write(self, b: bytes) -> None:
        """Save bytes, replacing those written before."""
        raise NotImplementedError("Use one of the derived classes")
