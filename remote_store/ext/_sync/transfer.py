# Generated from remote_store/ext/_async/transfer.py by tools/gen_sync.py. Edit that file.
"""Single files between stores and local disks, as streams: none is in memory as a whole."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..._contract._sync.content import PIECE
from ..._store._sync.store import Store
from .pairs import counted, local_draft, local_file, refuse_local

__all__ = ["download", "transfer", "upload"]

OnProgress = Callable[[int], None]


def upload(
    store: Store,
    local_path: str | os.PathLike[str],
    remote_path: str,
    *,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> None:
    """Write a local file into a store.

    `on_progress` is called with the number of bytes of each piece that has been read. Raises FileNotFoundError for
    a local file that is not there, before the store is asked anything, and what `store.write` raises.
    """
    with local_file(local_path) as file:
        store.write(remote_path, counted(file, on_progress), overwrite=overwrite)


def download(
    store: Store,
    remote_path: str,
    local_path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> None:
    """Write a store's file to a local path, where it appears when it is whole.

    `on_progress` is called with the number of bytes of each piece. The folder must be there. Raises FileExistsError
    for a local file that exists while `overwrite` is false, before anything is read, and what `store.read` raises.
    """
    if not overwrite:
        refuse_local(local_path)
    with store.read(remote_path) as stream:
        with local_draft(local_path, overwrite) as file:
            while piece := stream.read(PIECE):
                file.write(piece)
                if on_progress is not None:
                    on_progress(len(piece))


def transfer(
    src_store: Store,
    src_path: str,
    dst_store: Store,
    dst_path: str,
    *,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> None:
    """Write a file of one store into another, or into the same.

    `on_progress` is called with the number of bytes of each piece that has been read. Raises what `read` of the one
    and `write` of the other raise.
    """
    with src_store.read(src_path) as stream:
        dst_store.write(dst_path, counted(stream, on_progress), overwrite=overwrite)
