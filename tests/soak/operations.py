"""Every operation of AsyncStore that can be cancelled, with what must hold afterwards."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiofiles
import anyio

from remote_store.aio import AsyncStore

__all__ = ["NEW", "OLD", "OPERATIONS", "Bench", "Operation"]

OLD = b"o" * 600_000
NEW = b"n" * 700_001
PIECE = 256 * 1024


@dataclass
class Bench:
    """A store with some files in it, and a file beside it to take content from."""

    store: AsyncStore
    source: Path
    root: Path | None
    handle: Any = None
    keys: frozenset[str] = field(default_factory=frozenset)

    async def content(self, key: str) -> bytes | None:
        """What is at a key; of a disk read past the library."""
        if self.root is not None:
            path = self.root / key
            return path.read_bytes() if path.exists() else None
        return await self.store.read_bytes(key) if await self.store.exists(key) else None


@dataclass(frozen=True)
class Operation:
    """`run` is cancelled; then each key of `may_hold` must hold one of the contents given (None: no file)."""

    run: Callable[[Bench], Any]
    may_hold: dict[str, tuple[bytes | None, ...]] = field(default_factory=dict)
    handle: Callable[[Bench], Any] | None = None
    asyncio_only: bool = False


class _Pieces(AsyncIterator[bytes]):
    """Content that takes a moment for each piece."""

    def __init__(self) -> None:
        self._offset = 0

    async def __anext__(self) -> bytes:
        await anyio.lowlevel.checkpoint()
        piece = NEW[self._offset : self._offset + PIECE]
        self._offset += len(piece)
        if not piece:
            raise StopAsyncIteration
        return piece


def _pieces() -> Iterator[bytes]:
    for start in range(0, len(NEW), PIECE):
        yield NEW[start : start + PIECE]


async def _drain(bench: Bench) -> None:
    async with bench.store.read("old") as stream:
        async for _ in stream:
            await anyio.lowlevel.checkpoint()


async def _drop(bench: Bench) -> None:
    async for _ in bench.store.read("old"):
        await anyio.lowlevel.checkpoint()


async def _read_in_steps(bench: Bench) -> None:
    async with bench.store.read("old") as stream:
        while await stream.read(100_000):
            pass


async def _list(entries: AsyncIterator[Any]) -> None:
    async for _ in entries:
        await anyio.lowlevel.checkpoint()


async def _open_atomic(bench: Bench, key: str, overwrite: bool) -> None:
    async with bench.store.open_atomic(key, overwrite=overwrite) as file:
        for piece in _pieces():
            await file.write(piece)


async def _probe(bench: Bench) -> None:
    await bench.store.exists("old")
    await bench.store.is_file("folder/a")
    await bench.store.is_folder("folder")


FRESH: dict[str, tuple[bytes | None, ...]] = {"new": (None, NEW), "old": (OLD,)}
REPLACED: dict[str, tuple[bytes | None, ...]] = {"old": (OLD, NEW)}


def _write(make: Callable[[Bench], Any], verb: str = "write", **more: Any) -> dict[str, Operation]:
    """The two forms of a write: of a new key, and over an old one."""
    fresh = Operation(lambda bench: getattr(bench.store, verb)("new", make(bench)), FRESH, **more)
    over = Operation(lambda bench: getattr(bench.store, verb)("old", make(bench), overwrite=True), REPLACED, **more)
    return {"": fresh, " over": over}


def _named(name: str, forms: dict[str, Operation]) -> dict[str, Operation]:
    return {f"{name}{suffix}": operation for suffix, operation in forms.items()}


OPERATIONS: dict[str, Operation] = {
    "read": Operation(_drain),
    "read dropped": Operation(_drop),
    "read(n)": Operation(_read_in_steps),
    "read_bytes": Operation(lambda bench: bench.store.read_bytes("old")),
    "read_into": Operation(lambda bench: bench.store.read_into("old", bytearray(300_000), 7)),
    "read_ranges": Operation(lambda bench: bench.store.read_ranges("old", [(0, 10), (100, 50_000), (7, 9)])),
    **_named("write bytes", _write(lambda bench: NEW)),
    **_named("write async iterator", _write(lambda bench: _Pieces())),
    **_named("write iterator", _write(lambda bench: _pieces())),
    **_named("write BytesIO", _write(lambda bench: io.BytesIO(NEW))),
    **_named("write file", _write(lambda bench: bench.handle, handle=lambda bench: bench.source.open("rb"))),
    **_named(
        "write anyio file",
        _write(lambda bench: bench.handle, handle=lambda bench: anyio.open_file(bench.source, "rb")),
    ),
    **_named(
        "write aiofiles handle",
        _write(lambda bench: bench.handle, handle=lambda bench: aiofiles.open(bench.source, "rb"), asyncio_only=True),
    ),
    **_named("write_atomic", _write(lambda bench: _Pieces(), "write_atomic")),
    "open_atomic": Operation(lambda bench: _open_atomic(bench, "new", overwrite=False), FRESH),
    "open_atomic over": Operation(lambda bench: _open_atomic(bench, "old", overwrite=True), REPLACED),
    "list_files": Operation(lambda bench: _list(bench.store.list_files("", recursive=True))),
    "list_folders": Operation(lambda bench: _list(bench.store.list_folders("", max_depth=3))),
    "iter_children": Operation(lambda bench: _list(bench.store.iter_children("folder"))),
    "glob": Operation(lambda bench: _list(bench.store.glob("**/*"))),
    "get_file_info": Operation(lambda bench: bench.store.get_file_info("old")),
    "get_folder_info": Operation(lambda bench: bench.store.get_folder_info("folder")),
    "head": Operation(lambda bench: bench.store.head("old")),
    "probes": Operation(_probe),
    "move": Operation(lambda bench: bench.store.move("old", "moved"), {"old": (OLD, None), "moved": (None, OLD)}),
    "copy": Operation(lambda bench: bench.store.copy("old", "copied"), {"old": (OLD,), "copied": (None, OLD)}),
    "delete": Operation(lambda bench: bench.store.delete("old"), {"old": (OLD, None)}),
    "delete_folder": Operation(
        lambda bench: bench.store.delete_folder("folder", recursive=True),
        {f"folder/{name}": (b"small", None) for name in "abc"},
    ),
    "ping": Operation(lambda bench: bench.store.ping()),
}
"""By name; `glob` is left out where it is not declared."""
