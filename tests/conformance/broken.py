"""Backends that each break one sentence about reading or writing; `BROKEN` says which check must notice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

from remote_store._core.errors import AlreadyExists, InvalidPath, NotFound
from remote_store._core.models import FileInfo
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
