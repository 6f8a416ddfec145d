"""Operations on files, but reading and writing."""

from __future__ import annotations

from ..._core.errors import InvalidPath
from ..._core.keys import ancestors, split
from ..._core.models import FileInfo
from ..._http.retrying import Fault
from . import requests
from .clients import Connection
from .core import Core
from .errors import MISSING, VAGUE, exists, exists_as_file, missing, not_a_file
from .listing import file_info
from .names import join
from .packets import Attrs
from .places import Node
from .reading import Download, Stream
from .writing import Upload, committed

__all__ = ["copy", "delete", "get_file_info", "kind_of", "move"]


async def kind_of(core: Core, key: str, path: str) -> str | None:
    """Return ``"file"`` or ``"folder"``, None where neither is."""
    if not key:
        return "folder"
    attrs = (await core.find(key, path)).attrs
    if attrs is None:
        return None
    return "folder" if attrs.is_folder else "file" if attrs.is_file else None


async def get_file_info(core: Core, key: str, path: str) -> FileInfo:
    """Return what is known of a file. Raises NotFound, and InvalidPath for a folder."""
    attrs = (await core.find(key, path)).attrs
    if attrs is None:
        raise missing(path, core.label)
    if not attrs.is_file:
        raise not_a_file(path, core.label)
    return file_info(key, attrs)


async def delete(core: Core, key: str, path: str, missing_ok: bool) -> None:
    """Delete a file; of a link the link alone. One request in the common case."""
    doubt = False

    async def attempt(connection: Connection) -> bool:
        nonlocal doubt
        again, doubt = doubt, True
        try:
            place = await core.places.entry(connection, key, path)
            await requests.remove(connection.main, place).ok()
        except Fault as fault:
            if fault.code not in MISSING and fault.code not in VAGUE:
                raise
            node = await core.places.find(connection, key, path)
            if node.attrs is None and not node.linked:
                return again  # the first attempt's answer was lost: it may have done it
            if node.attrs is not None and not node.attrs.is_file:
                raise not_a_file(path, core.label) from fault
            raise
        return True

    if not await core.run(attempt) and not missing_ok:
        raise missing(path, core.label)


# Moving and copying


async def _source(core: Core, connection: Connection, key: str, path: str) -> tuple[Node, Attrs]:
    node = await core.places.find(connection, key, path)
    if node.attrs is None:
        raise missing(path, core.label, "Source")
    if node.attrs.is_folder:
        raise InvalidPath(f"Source is a directory: {path}", path=path, backend=core.label)
    if not node.attrs.is_file:
        raise InvalidPath(f"Source is not a file: {path}", path=path, backend=core.label)
    return node, node.attrs


async def _check_target(core: Core, connection: Connection, key: str, path: str, overwrite: bool) -> Node:
    """Return what is at the destination, or raise what rules the transfer out (CONTRACT 74)."""
    node = await core.places.find(connection, key, path)
    if node.attrs is not None:
        if not node.attrs.is_file:
            raise InvalidPath(f"Destination exists as a directory: {path}", path=path, backend=core.label)
        if not overwrite:
            raise exists(path, core.label)
    elif list(ancestors(key)):
        above = await core.places.file_above(connection, key)
        if above is not None:
            raise exists_as_file(above, path, core.label)
    return node


async def move(core: Core, src: str, dst: str, paths: tuple[str, str], overwrite: bool) -> None:
    """Move a file by one rename, or by a link and a removal where the destination must not be replaced."""
    asked, wanted = paths

    async def prepare(connection: Connection) -> tuple[bytes, bytes, Attrs] | None:
        node, attrs = await _source(core, connection, src, asked)
        if src == dst:
            return None
        target = await _check_target(core, connection, dst, wanted, overwrite)
        if target.attrs is not None and target.path == node.path:
            return None  # two ways to one file
        place = target.path
        if target.attrs is None:
            above, name = split(dst)
            place = join(await _folder(core, connection, above, wanted), name.encode())
        # A link itself is left where it is and what it leads to is moved: renamed, it might lead nowhere.
        return node.path, place, attrs

    prepared = await core.run(prepare)
    if prepared is None:
        return
    source, target, attrs = prepared
    try:
        await committed(core, source, target, wanted, overwrite=overwrite, moved=attrs)
    except Fault as fault:
        if fault.code in MISSING:
            raise missing(asked, core.label, "Source") from fault
        raise


async def _folder(core: Core, connection: Connection, key: str, path: str) -> bytes:
    try:
        place = await core.places.folder(connection, key, path)
        if (await requests.attrs_of(requests.stat(connection.main, place))).is_folder:
            return place
    except Fault as fault:
        if fault.code not in MISSING and fault.code not in VAGUE:
            raise
    return await core.places.make_folder(connection, key, path)


async def copy(core: Core, src: str, dst: str, paths: tuple[str, str], overwrite: bool) -> None:
    """Copy a file inside the server where it can do that, else through here; it comes into sight whole."""
    asked, wanted = paths

    async def check(connection: Connection) -> tuple[bytes, int] | None:
        node, attrs = await _source(core, connection, src, asked)
        if src == dst:
            return None
        target = await _check_target(core, connection, dst, wanted, overwrite)
        same = target.attrs is not None and target.path == node.path
        return None if same else (node.path, attrs.size or 0)

    source = await core.run(check)
    if source is None:
        return
    place, size = source
    upload = Upload(core, dst, wanted, overwrite=overwrite, size=size)
    try:
        await upload.begin()
        if not await upload.copy_data(place, size):
            await _through_here(Download(core, src, asked), upload)
        await upload.finish()
    except BaseException:
        await upload.abort()
        raise


async def _through_here(download: Download, upload: Upload) -> None:
    await download.open()
    stream = Stream(download)
    try:
        while batch := await stream.batch():
            await upload.send(batch)
    finally:
        await stream.close()
