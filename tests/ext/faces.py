"""The extensions seen through three faces: sync, async on asyncio, async on trio."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from tests.badinput.faces import Face

MEMORY_FACES = [f"memory-{face}" for face in ("sync", "asyncio", "trio")]
ALL_FACES = [f"{disk}-{face}" for disk in ("memory", "local") for face in ("sync", "asyncio", "trio")]


class ExtFace(Face):
    """A store, and the extensions that belong to its face."""

    def __init__(self, name: str, root: Path) -> None:
        root.mkdir(exist_ok=True)
        super().__init__(name, root)

    def module(self, name: str) -> Any:
        """Return an extension's module on this face."""
        return import_module(f"remote_store.{'' if self.is_sync else 'aio.'}ext.{name}")

    def ext(self, module: str, function: str, *args: Any, **options: Any) -> Any:
        """Call a function of an extension and return all of its answer."""
        return self.run(lambda: getattr(self.module(module), function)(*args, **options))

    def on(self, store: Any, method: str, *args: Any, **options: Any) -> Any:
        """Call a method of another store of this face and return all of its answer."""
        return self.run(lambda: getattr(store, method)(*args, **options))

    def filled(self, **files: bytes) -> Any:
        """Write files into the store and return it."""
        for name, content in files.items():
            self.do("write", name, content)
        return self.store

    def block(self, opened: Any, *pieces: bytes, fail: BaseException | None = None) -> Any:
        """Write pieces within an `open_atomic` block and return its file; raise `fail` at its end."""
        if self.is_sync:
            with opened as file:
                for piece in pieces:
                    file.write(piece)
                if fail is not None:
                    raise fail
            return file

        async def main() -> Any:
            async with opened as file:
                for piece in pieces:
                    await file.write(piece)
                if fail is not None:
                    raise fail
            return file

        return self.run(main)
