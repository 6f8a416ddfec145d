"""Data files on their way into a store, several at a time; the first failure ends all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch.distributed.checkpoint.planner import WriteItem
from torch.distributed.checkpoint.storage import WriteResult

from ..._core.capability import Capability
from ..._core.errors import AlreadyExists, CapabilityNotSupported
from ..transfer import each
from .access import Access
from .content import FileContent, Recipe

__all__ = ["DataFile", "upload"]


@dataclass(frozen=True)
class DataFile:
    """A file to be written: its key in the store, what metadata call it, its items.

    `otherwise` is a second (key, name), unique to this save, for the case that the first is taken: then the file is
    not replaced, since another save may be about to commit it. Without it whatever is there is replaced.
    """

    key: str
    storage_key: str
    items: Sequence[WriteItem]
    otherwise: tuple[str, str] | None = None


async def upload(access: Access, files: Sequence[DataFile], recipe: Recipe, concurrency: int) -> list[WriteResult]:
    """Write data files, `concurrency` at a time, and return torch's results, file by file.

    After an error nothing of the files under way is left; the first error is raised, with notes for the others.
    """
    results: list[list[WriteResult]] = [[] for _ in files]

    async def put(number: int) -> None:
        results[number] = await _put(access, files[number], recipe)

    try:
        await each(range(len(files)), put, concurrency)
    except _Carried as carried:
        raise carried.error from None
    return [result for found in results for result in found]


async def _put(access: Access, file: DataFile, recipe: Recipe) -> list[WriteResult]:
    if file.otherwise is None:
        return await _written(access, file.key, file.storage_key, file, recipe, overwrite=True)
    try:
        return await _written(access, file.key, file.storage_key, file, recipe, overwrite=False)
    except (AlreadyExists, CapabilityNotSupported):
        key, name = file.otherwise
        return await _written(access, key, name, file, recipe, overwrite=True)


async def _written(
    access: Access, key: str, name: str, file: DataFile, recipe: Recipe, *, overwrite: bool
) -> list[WriteResult]:
    content = FileContent(recipe, name, file.items)
    store = access.store
    write = store.write_atomic if store.supports(Capability.ATOMIC_WRITE) else store.write
    try:
        await write(key, content, overwrite=overwrite)
    except Exception as error:
        if content.failure is None:
            raise
        if isinstance(content.failure, Exception):
            raise content.failure from None
        raise _Carried(content.failure) from error
    return content.results


class _Carried(Exception):
    """Carries what is no Exception (torch's CheckpointException, Ctrl-C) through a task group, which would wrap it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(error))
        self.error = error
