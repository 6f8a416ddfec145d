"""Blocking backends that each break one sentence which only they have."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier, BrokenBarrierError
from typing import Any, BinaryIO, cast

from remote_store._core.errors import AlreadyExists
from remote_store.backends.memory.sync import MemoryBackend

BROKEN: dict[str, type[MemoryBackend]] = {}
"""The id of a check, and a backend that it must find wrong."""


def breaks(check: str) -> Any:
    """Register the class under the check that must notice it."""

    def register(cls: type[MemoryBackend]) -> type[MemoryBackend]:
        assert check not in BROKEN, check
        BROKEN[check] = cls
        return cls

    return register


class _Lazy(io.RawIOBase):
    """Opens with the first read."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return cast(int, self._opened().readinto(buffer))


@breaks("streams-a_missing_file_is_told_at_the_call")
class OpensLate(MemoryBackend):
    def read(self, path: str) -> BinaryIO:
        opened = super().read
        return cast(BinaryIO, _Lazy(lambda: opened(path)))


class _Deaf(io.BytesIO):
    closed = False  # type: ignore[assignment]

    def close(self) -> None:
        """Stay open."""


@breaks("streams-a_stream_is_a_readable_file")
class NeverCloses(MemoryBackend):
    def read(self, path: str) -> BinaryIO:
        return _Deaf(self.read_bytes(path))


class _Generous(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(None if size is None or size < 0 else size + 1)


@breaks("streams-reading_never_gives_more_than_asked")
class GivesMore(MemoryBackend):
    def read(self, path: str) -> BinaryIO:
        return _Generous(self.read_bytes(path))


class _NoneAtTheEnd(io.BytesIO):
    def readinto(self, buffer: Any, /) -> Any:
        return super().readinto(buffer) or None


@breaks("streams-memory_is_filled_by_a_stream")
class EndsWithNone(MemoryBackend):
    def read(self, path: str) -> BinaryIO:
        return _NoneAtTheEnd(self.read_bytes(path))


class _Relative(io.BytesIO):
    def seek(self, offset: int, whence: int = 0, /) -> int:
        super().seek(offset, whence)
        return offset


@breaks("streams-a_stream_can_seek")
class SaysWhatItWasTold(MemoryBackend):
    def read(self, path: str) -> BinaryIO:
        return _Relative(self.read_bytes(path))


@breaks("streams-every_file_can_be_opened_for_seeking")
class StartsAtTheEnd(MemoryBackend):
    def read_seekable(self, path: str) -> BinaryIO:
        stream = io.BytesIO(self.read_bytes(path))
        stream.seek(0, io.SEEK_END)
        return stream


@breaks("streams-lines_come_one_by_one")
class DropsLineEnds(MemoryBackend):
    def read(self, path: str) -> BinaryIO:
        return _Stripped(self.read_bytes(path))


class _Stripped(io.BytesIO):
    def __next__(self) -> bytes:
        return super().__next__().rstrip(b"\n")


# open_atomic


class _Opens(MemoryBackend):
    at_once = overwrites = commits_failures = False

    @contextmanager
    def open_atomic(self, path: str, *, overwrite: bool = False) -> Iterator[BinaryIO]:
        if self.at_once:
            self.write(path, b"", overwrite=overwrite)
        buffer = io.BytesIO()
        try:
            yield buffer
        except BaseException:
            if self.commits_failures:
                self.write(path, buffer.getvalue(), overwrite=True)
            raise
        self.write(path, buffer.getvalue(), overwrite=self.at_once or overwrite or self.overwrites)


@breaks("writing-a_file_opened_for_writing_appears_at_the_end")
class AppearsAtOnce(_Opens):
    at_once = True


@breaks("writing-a_failed_block_leaves_nothing")
class CommitsFailures(_Opens):
    commits_failures = True


@breaks("writing-opening_a_taken_path_is_refused")
class OverwritesAlways(_Opens):
    overwrites = True


@breaks("writing-opening_a_folder_for_writing_is_refused")
class LooksAtTheEnd(_Opens):
    """As the bare adapter does, which is allowed there alone."""


@breaks("roots-root_cannot_be_opened_for_writing")
class OpensTheRoot(_Opens):
    """Refuses it, but at the end of the block."""


# Threads


@breaks("threads-one_thread_wins")
class LooksBeforeItWrites(MemoryBackend):
    def __init__(self) -> None:
        super().__init__()
        self._all_have_looked = Barrier(2)

    def write(self, path: str, content: Any, **options: Any) -> Any:
        if self.is_file(path):
            raise AlreadyExists(f"File already exists: {path}", path=path, backend=self.name)
        try:
            self._all_have_looked.wait(timeout=2)
        except BrokenBarrierError:
            pass  # the second one came late, and has seen the file
        return super().write(path, content, overwrite=True)
