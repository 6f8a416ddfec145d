"""What goes wrong with checkpoints alone."""

from __future__ import annotations

from .._core.errors import NotFound, RemoteStoreError

__all__ = ["ArchiveRefused", "CheckpointNotFound"]


class CheckpointNotFound(NotFound, ValueError):
    """There is nothing at the place that the previous checkpoint was said to be; a ValueError, as in flytekit."""


class ArchiveRefused(RemoteStoreError, ValueError):
    """An archive holds what must not be unpacked: names or links that leave the folder, devices, too much."""
