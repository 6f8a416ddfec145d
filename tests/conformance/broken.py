"""Backends that each break one sentence of the contract; `BROKEN` says which check must notice."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from remote_store._core.capability import Capability, CapabilitySet
from remote_store._core.errors import AlreadyExists, InvalidPath, NotFound
from remote_store._core.models import FileInfo, FolderEntry, FolderInfo
from remote_store.backends.memory.backend import AsyncMemoryBackend

BROKEN: dict[str, type[AsyncMemoryBackend]] = {}
"""The id of a check, and a backend that it must find wrong."""


def breaks(check: str) -> Any:
    """Register the class under the check that must notice it."""

    def register(cls: type[AsyncMemoryBackend]) -> type[AsyncMemoryBackend]:
        assert check not in BROKEN, check
        BROKEN[check] = cls
        return cls

    return register


class Broken(AsyncMemoryBackend):
    """The memory backend, whose methods the others spoil."""

    async def _has(self, path: str) -> bool:
        return await super().is_file(path)


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


# Reading


@breaks("reading-a_file_reads_as_it_is")
class LosesTheLastByte(Broken):
    async def read_bytes(self, path: str) -> bytes:
        return (await super().read_bytes(path))[:-1]


@breaks("reading-chunks_are_non_empty_bytes")
class HandsOutViews(Broken):
    async def read(self, path: str) -> AsyncIterator[Any]:  # type: ignore[override]
        async for chunk in super().read(path):
            yield memoryview(chunk)


@breaks("reading-an_empty_file_has_no_chunks")
class YieldsAnEmptyChunk(Broken):
    async def read(self, path: str) -> AsyncIterator[bytes]:  # type: ignore[override]
        async for chunk in super().read(path):
            yield chunk
        yield b""


@breaks("reading-a_missing_file_is_not_found")
class LeaksKeyError(Broken):
    async def read_bytes(self, path: str) -> bytes:
        if not await self._has(path):
            raise KeyError(path)
        return await super().read_bytes(path)


@breaks("reading-below_a_file_nothing_is_found")
class RefusesBelowAFile(Broken):
    async def read_bytes(self, path: str) -> bytes:
        if await self._has(path.rpartition("/")[0]):
            raise InvalidPath(f"Not a folder: {path}", path=path, backend=self.name)
        return await super().read_bytes(path)


@breaks("reading-a_folder_cannot_be_read")
class FindsNoFolders(Broken):
    async def read_bytes(self, path: str) -> bytes:
        if not await self._has(path):
            raise NotFound(f"File not found: {path}", path=path, backend=self.name)
        return await super().read_bytes(path)


@breaks("reading-a_reader_never_sees_a_mixture")
class ReadsAsItGoes(Broken):
    async def read(self, path: str) -> AsyncIterator[bytes]:  # type: ignore[override]
        for start in range(0, len(await self.read_bytes(path)), 65536):
            yield (await self.read_bytes(path))[start : start + 65536]


# Ranges


@breaks("ranges-ranges_come_in_the_order_given")
class SortsRanges(Broken):
    async def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        return await super().read_ranges(path, sorted(ranges))


@breaks("ranges-ranges_of_a_large_file_are_exact")
class ShortRanges(Broken):
    async def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        return [piece[:65536] for piece in await super().read_ranges(path, ranges)]


@breaks("ranges-a_range_past_the_end_is_short")
class RefusesRangesPastTheEnd(Broken):
    async def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        wanted = list(ranges)
        size = len(await self.read_bytes(path))
        if any(stop > size for _, stop in wanted):
            raise ValueError("a range ends past the file")
        return await super().read_ranges(path, wanted)


@breaks("ranges-what_is_no_range_is_refused")
class TakesReversedRanges(Broken):
    async def read_ranges(self, path: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        return await super().read_ranges(path, [(start, max(start, stop)) for start, stop in ranges])


@breaks("ranges-memory_is_filled_from_an_offset")
class IgnoresTheOffset(Broken):
    async def read_into(self, path: str, buffer: bytearray | memoryview, start: int = 0) -> int:
        return await super().read_into(path, buffer, 0)


@breaks("ranges-memory_beyond_the_end_is_left_alone")
class ZeroesTheRest(Broken):
    async def read_into(self, path: str, buffer: bytearray | memoryview, start: int = 0) -> int:
        done = await super().read_into(path, buffer, start)
        memoryview(buffer)[done:] = bytes(len(buffer) - done)
        return done


# Writing


@breaks("writing-an_existing_file_is_kept")
class AlwaysOverwrites(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        return await super().write(path, content, **{**options, "overwrite": True})


@breaks("together-one_creator_wins")
class LooksBeforeItWrites(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        if not options.get("overwrite") and not options.get("if_match") and await self._has(path):
            raise AlreadyExists(f"File already exists: {path}", path=path, backend=self.name)
        if not options.get("if_match"):
            options["overwrite"] = True
        return await super().write(path, content, **options)


@breaks("writing-overwrite_replaces_the_whole_content")
class LeavesATail(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        if isinstance(content, bytes) and await self._has(path):
            content += (await self.read_bytes(path))[len(content) :]
        return await super().write(path, content, **options)


@breaks("writing-the_result_tells_path_and_size")
class MiscountsStreams(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        result = await super().write(path, content, **options)
        return result if isinstance(content, bytes) else replace(result, size=0)


@breaks("writing-an_iterator_is_written_in_order")
class StopsAtAnEmptyPiece(Broken):
    async def write_atomic(self, path: str, content: Any, **options: Any) -> Any:
        async def pieces() -> AsyncIterator[bytes]:
            async for piece in content:
                if not piece:
                    return
                yield piece

        return await super().write_atomic(path, content if isinstance(content, bytes) else pieces(), **options)


@breaks("writing-nothing_is_written_below_a_file")
class ReplacesAFileAbove(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        above = path.rpartition("/")[0]
        if await self._has(above):
            await self.delete(above)
        return await super().write(path, content, **options)


@breaks("writing-a_folder_is_not_overwritten")
class ReplacesFolders(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        if options.get("overwrite") and path and await self.is_folder(path):
            await self.delete_folder(path, recursive=True)
        return await super().write(path, content, **options)


@breaks("writing_failures-a_failing_source_leaves_nothing")
class CommitsWhatCame(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        if isinstance(content, bytes) or not hasattr(content, "__aiter__"):
            return await super().write(path, content, **options)
        data = b""
        try:
            async for piece in content:
                data += piece
        finally:
            result = await super().write(path, data, **options)
        return result


@breaks("writing_failures-a_failing_source_keeps_the_old_content")
class DeletesBeforeItWrites(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        if options.get("overwrite"):
            await self.delete(path, missing_ok=True)
        return await super().write(path, content, **options)


@breaks("writing_failures-text_is_refused")
class EncodesText(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        return await super().write(path, content.encode() if isinstance(content, str) else content, **options)


@breaks("writing_failures-a_refused_write_leaves_no_folders")
class LeavesATemporaryFile(Broken):
    async def write_atomic(self, path: str, content: Any, **options: Any) -> Any:
        await super().write(f"{path}.tmp", b"", overwrite=True)
        result = await super().write_atomic(path, content, **options)
        await self.delete(f"{path}.tmp")
        return result


# Conditions and metadata


@breaks("conditions-a_stale_etag_changes_nothing")
class IgnoresTheEtag(Broken):
    async def write(self, path: str, content: Any, *, if_match: str | None = None, **options: Any) -> Any:
        return await super().write(
            path, content, **{**options, "overwrite": True if if_match else options.get("overwrite", False)}
        )


@breaks("conditions-a_change_changes_the_etag")
class TakesTheSizeForAnEtag(Broken):
    async def get_file_info(self, path: str) -> FileInfo:
        info = await super().get_file_info(path)
        return replace(info, etag=str(info.size))


@breaks("together-no_conditional_update_is_lost")
class ChecksTheEtagTooEarly(Broken):
    async def write(self, path: str, content: Any, *, if_match: str | None = None, **options: Any) -> Any:
        if if_match is None:
            return await super().write(path, content, **options)
        if (await self.get_file_info(path)).etag == if_match:
            return await super().write(path, content, overwrite=True)
        return await super().write(path, content, if_match=if_match)


@breaks("metadata-an_overwrite_replaces_metadata")
class MergesMetadata(Broken):
    async def write(self, path: str, content: Any, **options: Any) -> Any:
        if await self._has(path):
            old = (await self.get_file_info(path)).metadata or {}
            options["metadata"] = {**old, **(options.get("metadata") or {})}
        return await super().write(path, content, **options)


@breaks("metadata-metadata_goes_along")
class ForgetsMetadataInACopy(Broken):
    async def copy(self, src: str, dst: str, *, overwrite: bool = False) -> None:
        await super().copy(src, dst, overwrite=overwrite)
        if src != dst:
            await super().write(dst, await self.read_bytes(src), overwrite=True)


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
