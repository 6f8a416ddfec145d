"""Backends that each break one sentence about deleting, listing, information, moving, names or life cycle."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from remote_store._core.capability import Capability, CapabilitySet
from remote_store._core.errors import AlreadyExists, NotFound
from remote_store._core.models import FileInfo, FolderEntry, FolderInfo
from tests.conformance.broken import Broken, CommitsWhatCame, breaks

__all__: list[str] = []


async def _all(entries: AsyncIterator[Any]) -> list[Any]:
    return [entry async for entry in entries]


class Collected(AsyncIterator[Any]):
    """A listing that is changed as a whole before it is handed out."""

    def __init__(self, entries: AsyncIterator[Any], change: Any) -> None:
        self._entries, self._change = entries, change
        self._changed: list[Any] | None = None

    async def __anext__(self) -> Any:
        if self._changed is None:
            self._changed = list(self._change(await _all(self._entries)))
        if not self._changed:
            raise StopAsyncIteration
        return self._changed.pop(0)


# Deleting


@breaks("deleting-a_folder_is_no_file_to_delete")
class ToleratesFolders(Broken):
    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        if not (missing_ok and await self.is_folder(path)):
            await super().delete(path, missing_ok=missing_ok)


@breaks("deleting-a_missing_file_cannot_be_deleted")
class AlwaysTolerates(Broken):
    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        await super().delete(path, missing_ok=True)


@breaks("deleting-a_folder_with_content_is_kept")
class AlwaysRecurses(Broken):
    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        await super().delete_folder(path, recursive=True, missing_ok=missing_ok)


@breaks("deleting-look_alike_folders_survive")
class DeletesByPrefix(Broken):
    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        await super().delete_folder(path, recursive=recursive, missing_ok=missing_ok)
        async for info in self.list_files("", recursive=True):
            if str(info.path).startswith(path):
                await self.delete(str(info.path))


@breaks("deleting-a_file_is_no_folder_to_delete")
class ToleratesFiles(Broken):
    async def delete_folder(self, path: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        if not (missing_ok and await self._has(path)):
            await super().delete_folder(path, recursive=recursive, missing_ok=missing_ok)


@breaks("deleting-an_empty_folder_needs_no_recursion")
class PrunesFolders(Broken):
    async def delete(self, path: str, *, missing_ok: bool = False) -> None:
        await super().delete(path, missing_ok=missing_ok)
        folder = path.rpartition("/")[0]
        if folder and not [entry async for entry in self.iter_children(folder)]:
            await self.delete_folder(folder, missing_ok=True)


# Listing


@breaks("listing-look_alike_prefixes_do_not_match")
class ListsByPrefix(Broken):
    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        everything = super().list_files("", recursive=True)
        return Collected(everything, lambda found: [info for info in found if str(info.path).startswith(path)])


@breaks("listing-everything_below_is_listed")
class IgnoresRecursion(Broken):
    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        return super().list_files(path)


@breaks("listing-depth_bounds_a_recursive_listing")
class IgnoresTheDepth(Broken):
    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        return super().list_files(path, recursive=recursive)


@breaks("listing-immediate_folders_are_listed")
class ListsFoldersTwice(Broken):
    def list_folders(self, path: str) -> AsyncIterator[FolderEntry]:
        return Collected(super().list_folders(path), lambda found: found + found)


@breaks("listing-a_large_folder_is_listed_whole")
class ForgetsTheSecondPage(Broken):
    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        found = super().list_files(path, recursive=recursive, max_depth=max_depth)
        return Collected(found, lambda entries: entries[:500])


@breaks("listing-what_is_no_folder_lists_as_nothing")
class MissesFolders(Broken):
    async def list_files(self, path: str, **options: Any) -> AsyncIterator[FileInfo]:  # type: ignore[override]
        if not await self.is_folder(path):
            raise NotFound(f"Folder not found: {path}", path=path, backend=self.name)
        async for info in super().list_files(path, **options):
            yield info


@breaks("listing-listed_files_are_described")
class ListsWithoutSizes(Broken):
    def list_files(
        self, path: str, *, recursive: bool = False, max_depth: int | None = None
    ) -> AsyncIterator[FileInfo]:
        found = super().list_files(path, recursive=recursive, max_depth=max_depth)
        return Collected(found, lambda entries: [replace(entry, size=0) for entry in entries])


@breaks("patterns-patterns_choose_whole_keys")
class CrossesSlashes(Broken):
    CAPABILITIES = CapabilitySet(set(Capability))

    @property
    def capabilities(self) -> CapabilitySet:
        return self.CAPABILITIES

    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        everything = super().list_files("", recursive=True)
        return Collected(everything, lambda found: [info for info in found if fnmatchcase(str(info.path), pattern)])


@breaks("patterns-without_the_capability_patterns_are_refused")
class MatchesNothing(Broken):
    def glob(self, pattern: str) -> AsyncIterator[FileInfo]:
        return Collected(super().list_files(""), lambda found: [])


# Information, moving, names


@breaks("information-probes_are_false_below_a_file")
class RaisesBelowAFile(Broken):
    async def exists(self, path: str) -> bool:
        if "/" in path and await self._has(path.rpartition("/")[0]):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory")
        return await super().exists(path)


@breaks("information-a_folder_is_counted_at_every_depth")
class CountsOneLevel(Broken):
    async def get_folder_info(self, path: str) -> FolderInfo:
        info = await super().get_folder_info(path)
        sizes = [entry.size async for entry in self.list_files(path)]
        return replace(info, file_count=len(sizes), total_size=sum(sizes))


@breaks("information-a_missing_folder_has_no_information")
class CountsMissingFolders(Broken):
    async def get_folder_info(self, path: str) -> FolderInfo:
        try:
            return await super().get_folder_info(path)
        except NotFound:
            return replace(await super().get_folder_info(""), file_count=0, total_size=0)


@breaks("moving-a_move_takes_the_file_along")
class CopiesInsteadOfMoving(Broken):
    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        await super().copy(src, dst, overwrite=overwrite)


@breaks("moving-the_same_path_is_left_as_it_is")
class MovesOntoItself(Broken):
    async def move(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        data = await self.read_bytes(src)
        await self.write(dst, data, overwrite=overwrite)
        await self.delete(src)


@breaks("moving-a_missing_source_is_not_found")
class LooksAtTheDestinationFirst(Broken):
    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        if not overwrite and await self._has(dst):
            raise AlreadyExists(f"File already exists: {dst}", path=dst, backend=self.name)
        await super().copy(src, dst, overwrite=overwrite)


@breaks("roots-root_cannot_be_written")
class WritesTheRootAsAFile(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        return await super().write("root" if path in ("./", ".") else path, content, **options)


@breaks("roots-root_is_a_folder")
class KnowsOneSpellingOfTheRoot(Broken):
    async def exists(self, path: str) -> bool:
        return path != "." and await super().exists(path)


@breaks("keys-what_is_no_key_is_refused")
class ResolvesDots(Broken):
    async def exists(self, path: str) -> bool:
        return await super().exists(path.replace("../", "").replace("..", "x").lstrip("/"))


@breaks("keys-percent_signs_are_not_decoded")
class DecodesPercents(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        return await super().write(path.replace("%2F", "/"), content, **options)


@breaks("keys-composed_and_decomposed_letters_differ")
class FoldsCase(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        return await super().write(path.lower(), content, **options)


@breaks("names-it_declares_no_more_than_its_class")
class DeclaresTooMuch(Broken):
    @property
    def capabilities(self) -> CapabilitySet:
        return CapabilitySet(set(Capability))


@breaks("names-native_paths_and_keys_are_inverse")
class ForgetsItsPrefix(Broken):
    def native_path(self, path: str) -> str:
        return f"memory/{path}"


@breaks("names-an_unknown_handle_is_refused")
class UnwrapsAnything(Broken):
    def unwrap(self, type_hint: Any) -> Any:
        return self


# Life cycle, cancellation


@breaks("lifecycle-after_closing")
class ClosesForGood(Broken):
    closed = False

    async def aclose(self) -> None:
        self.closed = True

    async def write(self, path: str, content: Any, **options: Any) -> Any:
        if self.closed:
            raise RuntimeError("is closed")
        return await super().write(path, content, **options)


@breaks("lifecycle-closing_twice_does_nothing")
class ClosesOnce(Broken):
    closed = False

    async def aclose(self) -> None:
        if self.closed:
            raise RuntimeError("already closed")
        self.closed = True


@breaks("cancelling-a_cancelled_write_leaves_nothing")
class CommitsWhenCancelled(CommitsWhatCame):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        if isinstance(content, bytes):
            return await super().write(path, content, **options)
        data = b""
        try:
            async for piece in content:
                data += piece
        finally:
            self.blocking.write(path, data, overwrite=True)


@breaks("cancelling-the_backend_is_usable_after_a_cancellation")
class KeepsAPathLocked(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        locked: set[str] = vars(self).setdefault("locked", set())
        if path in locked:
            raise AlreadyExists(f"File already exists: {path} is being written", path=path, backend=self.name)
        locked.add(path)
        result = await super().write(path, content, **options)
        locked.remove(path)
        return result


@breaks("stores-keys_are_relative_to_the_store")
class TellsAnotherPath(Broken):
    async def get_file_info(self, path: str) -> FileInfo:
        info = await super().get_file_info(path)
        return replace(info, path=type(info.path)(f"{path}/x"))
