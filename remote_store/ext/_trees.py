"""Trees of files between two stores: listed, compared, copied and deleted, many at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio

from .._core.errors import AlreadyExists, IntegrityError, PreconditionFailed, RemoteStoreError
from .._core.models import ContentDigest, FileInfo, WriteResult
from .._store._async.store import AsyncStore
from ._async.integrity import checksum
from ._tree_report import OnEvent, Progress, TreeCheck, TreeError, TreeEvent, TreeReport
from ._tree_rules import Chosen, Seen, same, seen_of

__all__ = ["AT_ONCE", "Options", "check", "copy", "planned"]

AT_ONCE = 16
"""Files at a time: small ones are bound by the round trip, and 16 hide it without starving anybody."""
SMALL = 1024 * 1024
"""Bytes up to which a file goes in one piece: one request each way, and at most 16 MiB of memory."""
PINNED = frozenset({"s3", "azure", "memory"})
"""Backends whose reads are of one version, whatever happens meanwhile."""

Job = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Options:
    """How a tree is gone through; see `copy_tree` and `sync_tree`."""

    overwrite: bool = False
    delete: bool = False
    dry_run: bool = False
    checksum: bool = False
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    concurrency: int = AT_ONCE
    fail_fast: bool = False
    progress: Progress | None = None
    on_event: OnEvent | None = None

    def __post_init__(self) -> None:
        if isinstance(self.concurrency, bool) or not isinstance(self.concurrency, int):
            raise TypeError(f"concurrency must be an int, not {type(self.concurrency).__name__}")
        if self.concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {self.concurrency}")


async def copy(source: AsyncStore, target: AsyncStore | None, options: Options) -> TreeReport:
    """Make `target` have the files of `source`; None is a target that is not there yet, for a dry run."""
    return await _Run(source, target, options).run()


async def planned(source: AsyncStore, options: Options) -> TreeReport:
    """Return what `copy` would do with a target that is not there yet."""
    return await copy(source, None, options)


class _Run:
    """One run. Files that fail are told at the end, together; what is no error of a file ends it at once."""

    def __init__(self, source: AsyncStore, target: AsyncStore | None, options: Options) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._chosen = Chosen(options.include, options.exclude)
        self._report = TreeReport(dry_run=options.dry_run)
        self._errors: list[Exception] = []
        self._done = self._total = 0
        self._there: dict[str, Seen] = {}
        self._pinned = source._backend.name.removeprefix("async-") in PINNED

    async def run(self) -> TreeReport:
        """Go through both trees. What a callback raises ends it, as it is."""
        try:
            return await self._run()
        except _CallbackError as failed:
            raise failed.error from None

    async def _run(self) -> TreeReport:
        if self._target is not None:
            async for info in self._target.list_files("", recursive=True):
                if self._chosen(str(info.path)):
                    self._there[str(info.path)] = seen_of(info)
        count = 0

        async def jobs() -> AsyncIterator[Job]:
            nonlocal count
            async for info in self._source.list_files("", recursive=True):
                if self._chosen(str(info.path)):
                    count += 1
                    self._total += info.size
                    there = self._there.pop(str(info.path), None)
                    if self._needs_no_io(info, there):
                        await self._guarded(self._file, info, there)  # not worth another task's turn
                    else:
                        yield partial(self._guarded, self._file, info, there)

        await self._at_once(jobs())
        # Only here: the source's listing has come to its end, and no file of it has failed.
        if self._options.delete:
            await self._delete_rest(count)
        if self._errors:
            raise TreeError(f"{len(self._errors)} files failed", self._errors, self._report)
        return self._report

    async def _delete_rest(self, count: int) -> None:
        if not count and self._there:
            raise RemoteStoreError("The source lists no files: nothing is deleted")
        if self._errors:
            self._report.kept = len(self._there)
            for key, seen in self._there.items():
                self._tell(TreeEvent("keep", key, seen.size))
            return

        async def jobs() -> AsyncIterator[Job]:
            for key, seen in list(self._there.items()):
                yield partial(self._guarded, self._delete, key, seen)

        await self._at_once(jobs())

    async def _delete(self, key: str, seen: Seen) -> None:
        if not self._options.dry_run:
            assert self._target is not None
            await self._target.delete(key, missing_ok=True)
        self._report.deleted += 1
        self._tell(TreeEvent("delete", key, seen.size))

    # Many at a time

    async def _at_once(self, jobs: AsyncIterator[Job]) -> None:
        """Run jobs as they come, so many at a time; the listing waits where all are busy."""
        failure: list[BaseException] = []
        send, receive = anyio.create_memory_object_stream[Job](0)

        async def work(own: Any) -> None:
            async with own:
                async for job in own:
                    try:
                        await job()
                    except Exception as error:  # noqa: BLE001  # raised below, without a group around it
                        failure.append(error)
                        group.cancel_scope.cancel()
                        return

        async with anyio.create_task_group() as group:
            async with receive:
                for _ in range(self._options.concurrency):
                    group.start_soon(work, receive.clone())
            try:
                async with send:
                    async for job in jobs:
                        await send.send(job)
            except Exception as error:  # noqa: BLE001  # the listing's own error: raised below
                failure.append(error)
                group.cancel_scope.cancel()
        if failure:
            raise failure[0]

    async def _guarded(self, act: Callable[..., Awaitable[None]], what: Any, *args: Any) -> None:
        """Do one file; an error of it is kept for the end."""
        key = what if isinstance(what, str) else str(what.path)
        try:
            await act(what, *args)
        except (RemoteStoreError, OSError) as error:
            error.add_note(f"file: {key}")
            self._report.failed += 1
            self._errors.append(error)
            self._tell(TreeEvent("fail", key, error=error))
            if self._options.fail_fast:
                raise TreeError("1 file failed, and the rest was not tried", [error], self._report) from None

    def _tell(self, event: TreeEvent) -> None:
        if self._options.on_event is not None:
            with _as_callback():
                self._options.on_event(event)

    def _moved_on(self, count: int, key: str) -> None:
        self._done += count
        if self._options.progress is not None:
            with _as_callback():
                self._options.progress(self._done, self._total, key)

    # One file

    def _needs_no_io(self, info: FileInfo, there: Seen | None) -> bool:
        if there is None:
            return self._options.dry_run
        return not self._options.checksum and same(seen_of(info), there) is True

    async def _file(self, info: FileInfo, there: Seen | None) -> None:
        key = str(info.path)
        if there is not None and await self._is_there(key, seen_of(info), there):
            self._report.skipped += 1
            self._moved_on(info.size, key)
            self._tell(TreeEvent("skip", key, info.size))
            return
        if there is not None and not self._options.overwrite:
            raise AlreadyExists(f"Another file already exists: {key}", path=key)
        if not self._options.dry_run:
            await self._copy(info, key)
        self._report.copied += 1
        self._report.bytes += info.size
        self._tell(TreeEvent("copy", key, info.size))

    async def _is_there(self, key: str, here: Seen, there: Seen) -> bool:
        if here.size != there.size:
            return False
        if not self._options.checksum:
            return same(here, there) is True
        assert self._target is not None
        return await _digest(self._source, key, here) == await _digest(self._target, key, there)

    async def _copy(self, info: FileInfo, key: str) -> None:
        assert self._target is not None
        overwrite = self._options.overwrite
        if info.size <= SMALL:
            content = await self._source.read_bytes(key)
            self._moved_on(len(content), key)
            count = len(content)
            if count != info.size:
                raise _changed(key)
            result = await self._target.write(key, content, overwrite=overwrite)
        else:
            async with self._source.read(key) as stream:
                told = _Told(stream, lambda size: self._moved_on(size, key), info.size, key)
                result = await self._target.write(key, told, overwrite=overwrite)
                count = told.count
        self._verify(info, result, count, key)
        if not self._pinned:
            after = await self._source.get_file_info(key)
            if (after.size, after.modified_at) != (info.size, info.modified_at):
                raise _changed(key)

    def _verify(self, info: FileInfo, result: WriteResult, count: int, key: str) -> None:
        digests = info.digest, result.digest
        both = digests[0] is not None and digests[1] is not None and digests[0].algorithm == digests[1].algorithm
        if result.size != count or (both and digests[0] != digests[1]):
            raise IntegrityError(f"What was written is not what was read: {key}", path=key)


class _CallbackError(Exception):
    """What the caller's own function raised, on its way to the caller: an OSError of it is no file's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _as_callback() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # unwrapped by `run`
        raise _CallbackError(error) from error


class _Told(AsyncIterator[bytes]):
    """A file's chunks on their way; a file that grows or shrinks under the copy is not committed."""

    def __init__(self, chunks: AsyncIterator[bytes], tell: Callable[[int], None], size: int, key: str) -> None:
        self._chunks = chunks
        self._tell = tell
        self._size = size
        self._key = key
        self.count = 0

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._chunks.__anext__()
        except StopAsyncIteration:
            if self.count != self._size:
                raise _changed(self._key) from None
            raise
        self.count += len(chunk)
        if self.count > self._size:
            raise _changed(self._key)
        self._tell(len(chunk))
        return chunk


def _changed(key: str) -> PreconditionFailed:
    return PreconditionFailed(f"The file changed while it was copied: {key}", path=key)


async def _digest(store: AsyncStore, key: str, seen: Seen) -> ContentDigest:
    if seen.digest is not None and seen.digest.algorithm == "sha256":
        return seen.digest
    return ContentDigest(*await checksum(store, key))


# Checking


async def check(source: AsyncStore, target: AsyncStore, options: Options) -> TreeCheck:
    """Compare two trees by size, by digests that both sides tell, and with `checksum` by all bytes."""
    chosen = Chosen(options.include, options.exclude)
    found = TreeCheck()
    there = {
        str(info.path): seen_of(info) async for info in target.list_files("", recursive=True) if chosen(str(info.path))
    }
    limit = anyio.Semaphore(options.concurrency)
    errors: list[Exception] = []

    async def compare(key: str, here: Seen, other: Seen) -> None:
        try:
            equal = await _digest(source, key, here) == await _digest(target, key, other)
        except (RemoteStoreError, OSError) as error:
            error.add_note(f"file: {key}")
            errors.append(error)
        else:
            _count(found, key, equal)
        finally:
            limit.release()

    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        try:
            async for info in source.list_files("", recursive=True):
                key, here = str(info.path), seen_of(info)
                if not chosen(key):
                    continue
                other = there.pop(key, None)
                if other is None:
                    found.missing.append(key)
                elif here.size != other.size or not options.checksum:
                    _count(found, key, here.size == other.size and _digests_agree(here, other))
                else:
                    await limit.acquire()
                    group.start_soon(compare, key, here, other)
        except Exception as error:  # noqa: BLE001  # the listing's own error: raised below
            failure = error
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    found.extra = sorted(there)
    found.missing.sort()
    found.different.sort()
    if errors:
        raise TreeError(f"{len(errors)} files could not be compared", errors, TreeReport(failed=len(errors)))
    return found


def _count(found: TreeCheck, key: str, equal: bool) -> None:
    if equal:
        found.equal += 1
    else:
        found.different.append(key)


def _digests_agree(here: Seen, there: Seen) -> bool:
    digests = here.digest, there.digest
    if digests[0] is None or digests[1] is None or digests[0].algorithm != digests[1].algorithm:
        return True
    return digests[0] == digests[1]
