"""Checkpoints over any store, by step or file by file; with the extra `torch` also PyTorch's distributed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_store._core.lazy import lazily

if TYPE_CHECKING:
    from remote_store.checkpoint._async.manager import AsyncCheckpointManager, AsyncPending, AsyncSave
    from remote_store.checkpoint._sync.manager import CheckpointManager, Pending, Save
    from remote_store.checkpoint.async_checkpoint import AsyncCheckpoint
    from remote_store.checkpoint.base import Checkpoint
    from remote_store.checkpoint.errors import (
        ArchiveRefused,
        CheckpointBusy,
        CheckpointConflict,
        CheckpointCorrupted,
        CheckpointFormatError,
        CheckpointGone,
        CheckpointIncomplete,
        CheckpointMismatch,
        CheckpointNotFound,
        CheckpointSaveFailed,
        CheckpointTooNew,
    )
    from remote_store.checkpoint.generations.collecting import CollectResult
    from remote_store.checkpoint.generations.index import Item
    from remote_store.checkpoint.generations.manifest import Generation
    from remote_store.checkpoint.generations.verifying import VerifyReport
    from remote_store.checkpoint.latest import latest_checkpoint
    from remote_store.checkpoint.sync_checkpoint import SyncCheckpoint
    from remote_store.checkpoint.torch.filesystem import FileSystem
    from remote_store.checkpoint.torch.reader import FsspecReader
    from remote_store.checkpoint.torch.writer import FsspecWriter, SerializationFormat

__all__ = [
    "AsyncCheckpointManager",
    "CheckpointManager",
    "AsyncSave",
    "Save",
    "AsyncPending",
    "Pending",
    "Generation",
    "Item",
    "VerifyReport",
    "CollectResult",
    "Checkpoint",
    "SyncCheckpoint",
    "AsyncCheckpoint",
    "CheckpointNotFound",
    "CheckpointCorrupted",
    "CheckpointGone",
    "CheckpointConflict",
    "CheckpointIncomplete",
    "CheckpointMismatch",
    "CheckpointFormatError",
    "CheckpointTooNew",
    "CheckpointBusy",
    "CheckpointSaveFailed",
    "ArchiveRefused",
    "latest_checkpoint",
    "FileSystem",
    "FsspecWriter",
    "FsspecReader",
    "SerializationFormat",
]

_HOMES = {
    "remote_store.checkpoint._async.manager": ["AsyncCheckpointManager", "AsyncSave", "AsyncPending"],
    "remote_store.checkpoint._sync.manager": ["CheckpointManager", "Save", "Pending"],
    "remote_store.checkpoint.generations.manifest": ["Generation"],
    "remote_store.checkpoint.generations.verifying": ["VerifyReport"],
    "remote_store.checkpoint.generations.collecting": ["CollectResult"],
    "remote_store.checkpoint.generations.index": ["Item"],
    "remote_store.checkpoint.base": ["Checkpoint"],
    "remote_store.checkpoint.sync_checkpoint": ["SyncCheckpoint"],
    "remote_store.checkpoint.async_checkpoint": ["AsyncCheckpoint"],
    "remote_store.checkpoint.errors": [
        "ArchiveRefused",
        "CheckpointBusy",
        "CheckpointConflict",
        "CheckpointCorrupted",
        "CheckpointFormatError",
        "CheckpointGone",
        "CheckpointIncomplete",
        "CheckpointMismatch",
        "CheckpointNotFound",
        "CheckpointSaveFailed",
        "CheckpointTooNew",
    ],
    "remote_store.checkpoint.latest": ["latest_checkpoint"],
    "remote_store.checkpoint.torch": ["FileSystem", "FsspecWriter", "FsspecReader", "SerializationFormat"],
}

if not TYPE_CHECKING:  # or checkers would take any misspelt name for Any
    __getattr__, __dir__ = lazily(__name__, _HOMES)
