"""How a checkpoint comes back: whatever lies at the source, into a local folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from .._contract.threads import in_thread
from .._core.models import cut
from . import archive
from .errors import CheckpointNotFound
from .place import Place, Spot
from .staging import land, staged
from .transfer import Progress, below, download

__all__ = ["PAYLOAD", "Restored", "Restorer"]

PAYLOAD = "payload"
"""The name that an object gets in the local folder where it has none of its own (flyte-sdk's)."""
EVERY_LEVEL = 10_000

Restored: TypeAlias = Literal["folder", "payload", "empty"]
"""What was found: files in a folder (an archive's too), one object, an object without a byte."""


@dataclass(frozen=True, slots=True)
class Restorer:
    """How to restore: where from, how many files at a time, whether an object may be an archive of ours."""

    place: Place
    concurrency: int
    unpacks: bool

    async def restore(self, target: Path, progress: Progress | None = None) -> Restored:
        """Bring the checkpoint into the folder `target`, which changes only when all has arrived.

        Files of the same names are replaced, others stay. Raises CheckpointNotFound where nothing is, ArchiveRefused.
        """
        async with self.place.source() as spot, staged(target) as stage:
            tree = stage / "tree"
            await in_thread(tree.mkdir)
            if await spot.is_file():
                found = await self._object(spot, stage, tree)
            elif await spot.is_folder():
                found = await self._folder(spot, tree, progress)
            else:
                raise CheckpointNotFound(f"Checkpoint not found: {self.place.text}", path=spot.key)
            await in_thread(land, tree, target)
        return found

    async def _object(self, spot: Spot, stage: Path, tree: Path) -> Restored:
        got = stage / "object"
        await spot.remote.fetch(spot.key, got, None)
        if self.unpacks and await in_thread(archive.is_archive, got):
            await in_thread(archive.unpack, got, tree)
            return "folder"
        name = PAYLOAD if self.unpacks else spot.key.rpartition("/")[2]
        await in_thread(os.rename, got, below(tree, name))
        return "payload" if (await in_thread(below(tree, name).stat)).st_size else "empty"

    async def _folder(self, spot: Spot, tree: Path, progress: Progress | None) -> Restored:
        # Empty folders exist on disks alone, and asking for each one is cheap there alone.
        keys = await spot.remote.folders(spot.key, EVERY_LEVEL if spot.local is not None else 0)
        await in_thread(_make_folders, tree, [cut(key, spot.key) for key in keys])
        files = await spot.remote.files(spot.key)
        await download(spot.remote, spot.key, files, tree, concurrency=self.concurrency, progress=progress)
        return "folder"


def _make_folders(tree: Path, keys: list[str]) -> None:
    for key in keys:
        below(tree, key).mkdir(parents=True, exist_ok=True)
