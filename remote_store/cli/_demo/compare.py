"""Comparing every byte of a saved or restored step with what it must hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..._contract.threads import in_thread
from ..._core.errors import NotFound
from ...checkpoint.transfer import each
from .source import MIB, Source

__all__ = ["differences", "local_differences", "sync_differences"]

PIECE = MIB


async def differences(store: Any, source: Source, keys: list[str], step: int, concurrency: int) -> list[str]:
    """Return which keys of an AsyncStore don't hold what they must, reading all of it."""
    wrong: list[str] = []

    async def compare(key: str) -> None:
        expected = source.content_of(key, step)
        if isinstance(expected, bytes):
            same = await store.read_bytes(key) == expected
        elif source.sizes[key] <= MIB:
            same = await store.read_bytes(key) == await in_thread(expected.read_bytes)
        else:
            same = await _same_stream(store, key, expected)
        if not same:
            wrong.append(key)

    async def compare_if_there(key: str) -> None:
        try:
            await compare(key)
        except NotFound:
            wrong.append(key)

    await each(keys, compare_if_there, concurrency)
    return sorted(wrong)


async def _same_stream(store: Any, key: str, expected: Path) -> bool:
    # Two buffers for the whole file: fresh memory for each piece costs more than comparing it.
    mine, theirs = memoryview(bytearray(PIECE)), memoryview(bytearray(PIECE))
    with expected.open("rb", buffering=0) as file:
        async with store.read(key) as stream:
            while count := await in_thread(file.readinto, mine):
                if await stream.readinto(theirs[:count]) != count or mine[:count] != theirs[:count]:
                    return False
            return not await stream.read(1)


def sync_differences(store: Any, source: Source, keys: list[str], step: int) -> list[str]:
    """Return which keys of a Store don't hold what they must, reading all of it."""
    return sorted(key for key in keys if not _same_in_store(store, key, source.content_of(key, step)))


def _same_in_store(store: Any, key: str, expected: Path | bytes) -> bool:
    try:
        if isinstance(expected, bytes):
            return bool(store.read_bytes(key) == expected)
        with store.read(key) as stream, expected.open("rb") as file:
            return _same_files(stream, file)
    except NotFound:
        return False


def local_differences(folder: Path, source: Source, step: int) -> list[str]:
    """Return which files of a restored folder are missing, too many, or differ in any byte."""
    restored = set(_files(folder, ""))
    wrong = restored ^ set(source.sizes)
    for key in restored & set(source.sizes):
        expected = source.content_of(key, step)
        if isinstance(expected, bytes):
            same = (folder / key).read_bytes() == expected
        else:
            with (folder / key).open("rb") as file, expected.open("rb") as other:
                same = _same_files(file, other)
        wrong |= set() if same else {key}
    return sorted(wrong)


def _files(folder: Path, prefix: str) -> Iterator[str]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path, f"{prefix}{path.name}/")
        else:
            yield f"{prefix}{path.name}"


def _same_files(one: BinaryIO, other: BinaryIO) -> bool:
    mine, theirs = memoryview(bytearray(PIECE)), memoryview(bytearray(PIECE))
    while count := _filled(one, mine):
        if _filled(other, theirs) != count or mine[:count] != theirs[:count]:
            return False
    return not other.read(1)


def _filled(file: Any, buffer: memoryview) -> int:
    """Fill the buffer as far as the file goes: a raw file may give less at a time."""
    done = 0
    while done < len(buffer) and (count := file.readinto(buffer[done:])):
        done += count
    return done
