# Generated from remote_store/backends/local/backend.py by tools/gen_sync.py. Edit that file.
"""LocalBackend: the sync twin of AsyncLocalBackend."""

from __future__ import annotations

from ..._bridge.twins import BlockingTwin
from .backend import TWIN_CAPABILITIES, AsyncLocalBackend

__all__ = ["LocalBackend"]


class LocalBackend(BlockingTwin):
    """Files below the folder `root` of the local disk, which is made if it is missing.

    Nothing outside `root` can be reached, neither by `..` or absolute paths nor by links, also when a link is put
    there during a call; links that stay inside are followed. A file comes into sight whole: it is written under a
    hidden name in its folder and then renamed, or linked where ``overwrite=False`` must decide a race. With `fsync`
    a write that has returned survives a power failure.

    `if_match` is exact among the users of this library, which share a lock on the folder.
    """

    CAPABILITIES = TWIN_CAPABILITIES
    _generated_twin = True

    def __init__(self, root: str, *, fsync: bool=False) -> None:
        super().__init__(AsyncLocalBackend(root, fsync=fsync))
