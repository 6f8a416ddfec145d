"""Checkpoints of files, folders, bytes and readers, over any store; no torch needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_store._core.lazy import lazily

if TYPE_CHECKING:
    from remote_store.checkpoint.async_checkpoint import AsyncCheckpoint
    from remote_store.checkpoint.base import Checkpoint
    from remote_store.checkpoint.errors import ArchiveRefused, CheckpointNotFound
    from remote_store.checkpoint.latest import latest_checkpoint
    from remote_store.checkpoint.sync_checkpoint import SyncCheckpoint

__all__ = [
    "Checkpoint",
    "SyncCheckpoint",
    "AsyncCheckpoint",
    "CheckpointNotFound",
    "ArchiveRefused",
    "latest_checkpoint",
]

_HOMES = {
    "remote_store.checkpoint.base": ["Checkpoint"],
    "remote_store.checkpoint.sync_checkpoint": ["SyncCheckpoint"],
    "remote_store.checkpoint.async_checkpoint": ["AsyncCheckpoint"],
    "remote_store.checkpoint.errors": ["CheckpointNotFound", "ArchiveRefused"],
    "remote_store.checkpoint.latest": ["latest_checkpoint"],
}

if not TYPE_CHECKING:  # or checkers would take any misspelt name for Any
    __getattr__, __dir__ = lazily(__name__, _HOMES)
