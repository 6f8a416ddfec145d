"""Refusing a write before its content is there, for backends that decide only when it is written."""

from __future__ import annotations

from .._contract._async.backend import AsyncBackend
from .._core.errors import AlreadyExists, InvalidPath, NotFound

__all__ = ["refuse_target"]


async def refuse_target(backend: AsyncBackend, path: str, *, overwrite: bool, has_folders: bool) -> None:
    """Raise what a write to `path` would raise as things stand: AlreadyExists, or InvalidPath (CONTRACT 50).

    With `has_folders` a folder at the path and a file among its ancestors count too.
    """
    try:
        await backend.get_file_info(path)
    except NotFound:
        if has_folders:
            await _refuse_ancestors(backend, path)
        return
    except InvalidPath:
        is_root = all(part in ("", ".") for part in path.replace("\\", "/").split("/"))
        if is_root or not await backend.is_folder(path):
            raise
        if has_folders:
            raise InvalidPath(f"Path exists as a directory: {path}", path=path, backend=_name(backend)) from None
        return
    if not overwrite:
        raise AlreadyExists(f"File already exists: {path}", path=path, backend=_name(backend))


async def _refuse_ancestors(backend: AsyncBackend, path: str) -> None:
    """Ask upwards, so that a folder that is there answers at once."""
    parts = path.split("/")
    for end in range(len(parts) - 1, 0, -1):
        ancestor = "/".join(parts[:end])
        if await backend.is_folder(ancestor):
            return
        if await backend.is_file(ancestor):
            raise InvalidPath(f"{ancestor} exists as a file, above {path}", path=path, backend=_name(backend))


def _name(backend: AsyncBackend) -> str:
    return getattr(backend, "_label", None) or backend.name
