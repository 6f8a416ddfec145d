"""FileSystem: what torch's checkpointing asks of a file system, over any store (seeds/000)."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.distributed.checkpoint.filesystem import FileSystemBase

from ..._core.errors import NotFound
from .access import Access
from .locations import AnyPath, is_valid_id, joined, shown, text_of
from .streams import Draft, RangeFile

__all__ = ["FileSystem"]

READ_AHEAD = 256 * 1024
"""Bytes that a stream reads at a time where it is asked for less: a request costs as much as these."""


class FileSystem(FileSystemBase):
    """Files for torch's checkpoint readers and writers, on a local disk or in a store, by path or URL.

    `init_path` opens the store; before it nothing can be done. Paths are those of one store then: ``/a/b``,
    ``memory://name/a``, ``s3://bucket/a?endpoint=...``, or keys, where `init_path` was given a store. Errors are of
    the OSError family: FileNotFoundError, FileExistsError, PermissionError.
    """

    def __init__(self) -> None:
        self.fs: Access | None = None
        self._durable = False

    @property
    def _access(self) -> Access:
        assert self.fs is not None, "init_path() has not been called"
        return self.fs

    @contextmanager
    def create_stream(self, path: AnyPath, mode: str) -> Iterator[io.IOBase]:
        """Open a file: bytes with a "b" in `mode`, else UTF-8 text.

        "r" reads, and seeks anywhere. "w" writes a file that appears, in place of an older one, when the block ends;
        "x" the same where no file is, "a" after what is there. If the block raises, nothing has changed. Raises
        FileNotFoundError, FileExistsError, ValueError for another mode.
        """
        kind = mode.replace("b", "", 1).replace("t", "", 1)
        if kind not in ("r", "w", "a", "x") or ("b" in mode and "t" in mode):
            raise ValueError(f"mode must be 'r', 'w', 'a' or 'x', with 'b' for bytes, not {mode!r}")
        access = self._access
        key = access.key(path)
        if kind == "r":
            with _reading(access, key, text="b" not in mode) as stream:
                yield stream
        else:
            with _writing(access, key, kind, text="b" not in mode) as stream:
                yield stream

    def concat_path(self, path: AnyPath, suffix: str) -> str:
        """Return the path of `suffix` below `path`, as text."""
        return joined(path, suffix)

    def init_path(self, path: AnyPath, **kwargs: Any) -> AnyPath:
        """Choose the store that `path` lies in, and return `path` as it is.

        `store` is a Store or an AsyncStore to be used; `path` is a key in it then. The other options are those of
        the store's backend, also under fsspec's names (``key``, ``secret``, ``endpoint_url``, ``anon``, ...). An
        unknown one is a TypeError.
        """
        store = kwargs.pop("store", None)
        self.fs = Access(path, kwargs, store=store, durable=self._durable)
        return path

    def rename(self, path: AnyPath, new_path: AnyPath) -> None:
        """Move a file, in place of one that is there. Raises FileNotFoundError."""
        access = self._access
        access.call(_move, access, access.key(path), access.key(new_path))

    def mkdir(self, path: AnyPath) -> None:
        """Make a folder and those above it, if they are missing; object stores have none. FileExistsError: a file."""
        access = self._access
        key = access.key(path)
        if access.location.is_local:
            os.makedirs(os.path.join(str(access.location.root), key), exist_ok=True)
        elif key and access.call(access.store.is_file, key):
            raise FileExistsError(f"a file is where the folder is to be: {shown(path)}")

    def exists(self, path: AnyPath) -> bool:
        """Return whether a file or a folder is there."""
        access = self._access
        return access.call(access.store.exists, access.key(path))

    def rm_file(self, path: AnyPath) -> None:
        """Delete a file. Raises FileNotFoundError."""
        access = self._access
        access.call(access.store.delete, access.key(path))

    def ls(self, path: AnyPath) -> list[str]:
        """Return the paths of a folder's files and folders, in the form of `path`. Raises FileNotFoundError."""
        access = self._access
        names = access.call(_names, access, access.key(path))
        return [access.location.path_below(path, name) for name in names]

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: AnyPath) -> bool:
        """Return whether a checkpoint can have this id: text, with a scheme that is known here or none."""
        return is_valid_id(checkpoint_id)

    # Beyond torch's interface: what writers and readers share

    def _move_to(self, path: AnyPath) -> AnyPath:
        """Go on with another path, with the same store and options."""
        text_of(path)
        self.fs = self._access.moved(path)
        return path


@contextmanager
def _reading(access: Access, key: str, *, text: bool) -> Iterator[io.IOBase]:
    with io.BufferedReader(RangeFile(access, key), READ_AHEAD) as stream:
        if not text:
            yield stream
            return
        with io.TextIOWrapper(stream, encoding="utf-8") as reader:
            yield reader


@contextmanager
def _writing(access: Access, key: str, kind: str, *, text: bool) -> Iterator[io.IOBase]:
    there = kind != "w" and access.call(access.store.is_file, key)
    if kind == "x" and there:
        raise FileExistsError(f"the file exists already: {key}")
    before = access.call(access.store.read_bytes, key) if kind == "a" and there else b""
    draft = Draft(access, key)
    try:
        if before:
            draft.write(before)
        if text:
            writer = io.TextIOWrapper(io.BufferedWriter(draft), encoding="utf-8")
            yield writer
            writer.close()
        else:
            yield draft
            draft.close()
    except BaseException:
        draft.abandon()
        raise
    draft.publish()


async def _move(access: Access, source: str, target: str) -> None:
    await access.store.move(source, target, overwrite=True)


async def _names(access: Access, key: str) -> list[str]:
    store = access.store
    found = sorted([entry.path.name async for entry in store.iter_children(key)])
    if not found and key and not await store.is_folder(key):
        raise NotFound(f"No folder is there: {key}", path=key)
    return found
