"""Comparing every byte of a restored step with what it must hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from .source import MIB, Source

__all__ = ["local_differences"]

PIECE = MIB


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
