# Generated from remote_store/backends/memory/backend.py by tools/gen_sync.py. Edit that file.
"""MemoryBackend: the sync twin of AsyncMemoryBackend."""

from __future__ import annotations

from ..._bridge.twins import BlockingTwin
from .backend import TWIN_CAPABILITIES, AsyncMemoryBackend

__all__ = ["MemoryBackend"]


class MemoryBackend(BlockingTwin):
    """Files in memory, in a tree of folders: no disk, no network, nothing left behind.

    All capabilities but GLOB. It is safe to use from several threads and several event loops at once. Closing it
    keeps the files; they live as long as the object. It can't be pickled: an empty copy would be a silent loss.
    """

    CAPABILITIES = TWIN_CAPABILITIES
    _generated_twin = True

    def __init__(self) -> None:
        super().__init__(AsyncMemoryBackend())
