"""Other libraries doing the same operations, each as its documentation shows it."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio


def missing(*names: str) -> dict[str, str]:
    """Return which libraries are not there, with the reason."""
    reasons = {}
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            reasons[name] = f"skipped: {error}"
    return reasons


def versions() -> dict[str, str]:
    found = {}
    for name in ("anyio", "trio", "aiofiles", "fsspec", "obstore"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


class AnyioPath:
    """anyio.Path: a hop for each call; the write is neither atomic nor exclusive."""

    def __init__(self, root: str) -> None:
        self.root = anyio.Path(root)

    async def write(self, key: str, data: bytes) -> None:
        await (self.root / key).write_bytes(data)

    async def read(self, key: str) -> bytes:
        return await (self.root / key).read_bytes()

    async def exists(self, key: str) -> bool:
        return await (self.root / key).exists()

    async def scan(self, folder: str) -> int:
        total = 0
        async for path in (self.root / folder).iterdir():
            total += len(path.name) + (await path.stat()).st_size
        return total


class Aiofiles:
    """aiofiles, which works on asyncio alone."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.open: Callable[..., Any] = importlib.import_module("aiofiles").open
        self.os: Any = importlib.import_module("aiofiles.os")

    async def write(self, key: str, data: bytes) -> None:
        async with self.open(f"{self.root}/{key}", "xb") as file:
            await file.write(data)

    async def read(self, key: str) -> bytes:
        async with self.open(f"{self.root}/{key}", "rb") as file:
            return await file.read()  # type: ignore[no-any-return]

    async def exists(self, key: str) -> bool:
        return await self.os.path.exists(f"{self.root}/{key}")  # type: ignore[no-any-return]


class Fsspec:
    """fsspec's LocalFileSystem; the write is neither atomic nor exclusive."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: Any = importlib.import_module("fsspec").filesystem("file")

    def write(self, key: str, data: bytes) -> None:
        self.files.pipe_file(f"{self.root}/{key}", data)

    def read(self, key: str) -> bytes:
        return self.files.cat_file(f"{self.root}/{key}")  # type: ignore[no-any-return]

    def exists(self, key: str) -> bool:
        return self.files.exists(f"{self.root}/{key}")  # type: ignore[no-any-return]

    def scan(self, folder: str) -> int:
        return sum(len(item["name"]) + item["size"] for item in self.files.ls(f"{self.root}/{folder}", detail=True))


class Obstore:
    """obstore's LocalStore: Rust, its own threads; `mode="create"` is exclusive, and files appear whole."""

    def __init__(self, root: str) -> None:
        self.module: Any = importlib.import_module("obstore")
        self.store: Any = importlib.import_module("obstore.store").LocalStore(root)

    def write(self, key: str, data: bytes) -> None:
        self.module.put(self.store, key, data, mode="create")

    def read(self, key: str) -> object:
        return self.module.get(self.store, key).bytes()

    def exists(self, key: str) -> object:
        return self.module.head(self.store, key)

    def scan(self, folder: str) -> int:
        pages = self.module.list(self.store, prefix=folder)
        return sum(len(item["path"]) + item["size"] for page in pages for item in page)

    def write_async(self, key: str, data: bytes) -> Awaitable[object]:
        return self.module.put_async(self.store, key, data, mode="create")  # type: ignore[no-any-return]

    async def read_async(self, key: str) -> object:
        return await (await self.module.get_async(self.store, key)).bytes_async()

    def exists_async(self, key: str) -> Awaitable[object]:
        return self.module.head_async(self.store, key)  # type: ignore[no-any-return]
