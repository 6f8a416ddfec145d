"""Operations on folders."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial

from ..._core.errors import DirectoryNotEmpty, InvalidPath
from ..._core.keys import RemotePath, join
from ..._core.models import UNKNOWN_TIME, FileInfo, FolderEntry, FolderInfo
from ..._http.retrying import Fault
from ..._http.together import together
from . import requests
from .clients import Connection
from .core import Core
from .errors import MISSING, missing, not_a_folder
from .listing import AT_A_TIME, Walk, listed, names_in
from .names import is_hidden
from .names import join as path_join
from .packets import Name
from .wire import Reply

__all__ = ["abort_uploads", "check_health", "delete_folder", "folder_entries", "get_folder_info"]


async def folder_entries(core: Core, key: str, path: str) -> list[FolderEntry]:
    """Return the immediate subfolders of a folder."""
    result = await listed(core, key, path)
    return [] if result is None else result.entries()


async def get_folder_info(core: Core, key: str, path: str) -> FolderInfo:
    """Return the totals of a folder. Raises NotFound, and InvalidPath for a file; the root is always there."""
    if key:
        node = await core.find(key, path)
        if node.attrs is None:
            raise missing(path, core.label, "Folder")
        if not node.attrs.is_folder:
            raise not_a_folder(path, core.label)
    walk = Walk(core, key, path, None)
    count = size = 0
    latest: datetime | None = None
    while (found := await walk.next()) is not None:
        for folder in found:
            count += len(folder)
            size += sum(attrs.size or 0 for _, attrs in folder.files)
            latest = _latest(latest, list(folder))
    return FolderInfo(RemotePath.from_backend_path(key), count, size, latest)


def _latest(known: datetime | None, files: list[FileInfo]) -> datetime | None:
    moments = [info.modified_at for info in files if info.modified_at != UNKNOWN_TIME]
    return max(moments if known is None else [*moments, known], default=None)


async def delete_folder(core: Core, key: str, path: str, recursive: bool, missing_ok: bool) -> None:
    """Delete a folder, with its content if `recursive`; of a linked folder the link alone."""
    if not key:
        raise InvalidPath("Cannot delete the store root", path=path, backend=core.label)
    if not await core.run(lambda connection: _delete(core, connection, key, path, recursive)) and not missing_ok:
        raise missing(path, core.label, "Folder")


async def _delete(core: Core, connection: Connection, key: str, path: str, recursive: bool) -> bool:
    """Delete what is there; false where nothing is."""
    node = await core.places.find(connection, key, path)
    if node.attrs is None:
        return False
    if not node.attrs.is_folder:
        raise not_a_folder(path, core.label)
    connection.folders.clear()
    if not recursive and await names_in(connection, node.path):
        raise DirectoryNotEmpty(f"Folder is not empty: {path}", path=path, backend=core.label)
    if node.linked:
        await _removed(connection, await core.places.entry(connection, key, path))
        return True
    if recursive:
        await _emptied(connection, node.path)
    try:
        await requests.rmdir(connection.main, node.path).ok()
    except Fault as fault:
        if fault.code in MISSING:
            return True
        if fault.code == "Failure" and await names_in(connection, node.path):
            raise DirectoryNotEmpty(f"Folder is not empty: {path}", path=path, backend=core.label) from fault
        raise
    return True


async def _emptied(connection: Connection, place: bytes) -> None:
    """Remove all that is in a folder; links are removed and not followed."""
    names = await names_in(connection, place)
    folders = [path_join(place, entry.name) for entry in names if entry.attrs.is_folder]
    files = [path_join(place, entry.name) for entry in names if not entry.attrs.is_folder]
    replies = []
    for file in files:
        replies.append(requests.remove(connection.main, file))
        if len(replies) >= 128:
            await _all_gone(replies)
            replies = []
    await _all_gone(replies)

    async def one(folder: bytes) -> None:
        await _emptied(connection, folder)
        await _gone(requests.rmdir(connection.main, folder))

    await together([partial(one, folder) for folder in folders], AT_A_TIME)


async def _all_gone(replies: list[Reply]) -> None:
    for reply in replies:
        await _gone(reply)


async def _removed(connection: Connection, place: bytes) -> None:
    await _gone(requests.remove(connection.main, place))


async def _gone(reply: Reply) -> None:
    """Wait for something to be deleted; by whom does not matter."""
    try:
        await reply.ok()
    except Fault as fault:
        if fault.code not in MISSING:
            raise


async def abort_uploads(core: Core, key: str, path: str, older_than: float) -> int:
    """Remove the hidden files below a folder that are older than so many seconds; return how many there were."""
    limit = time.time() - older_than
    waiting, count = [key], 0
    while waiting:
        folder = waiting.pop()
        result = await listed(core, folder, path)
        if result is None:
            continue
        waiting.extend(join(folder, name) for name in result.folders if name not in result.linked)
        count += await core.run(lambda connection, folder=folder: _swept(core, connection, folder, path, limit))  # type: ignore[misc]
    return count


async def _swept(core: Core, connection: Connection, key: str, path: str, limit: float) -> int:
    place = await core.places.folder(connection, key, path)
    old = [entry for entry in await names_in(connection, place) if is_hidden(entry.name) and _before(entry, limit)]
    await _all_gone([requests.remove(connection.main, path_join(place, entry.name)) for entry in old])
    return len(old)


def _before(entry: Name, limit: float) -> bool:
    return entry.attrs.modified is not None and entry.attrs.modified < limit


async def check_health(core: Core, backend: str) -> None:
    """Raise NotFound if the root is missing or no folder, and what keeps us from the server."""
    try:
        attrs = await core.run(lambda connection: requests.attrs_of(requests.stat(connection.main, core.places.base)))
    except Fault as fault:
        if fault.code not in MISSING:
            raise
        attrs = None
    if attrs is None or not attrs.is_folder:
        raise missing(core.places.base.decode(), backend, "Root directory")
