"""A listing in the order of keys, which the service does not promise: for callers who go on after a key."""

from __future__ import annotations

from ..core import Core
from ..documents import Blob, Page
from ..names import prefix_of
from .requests import PathWire
from .walk import Walk

__all__ = ["OrderedWalk"]


class OrderedWalk:
    """Fetches directories depth first, each with a slash behind its name, so that files come in the order of code points.

    A directory whose keys are all before `after`, or that nobody gets to, is not asked for.
    """

    def __init__(
        self, core: Core, paths: PathWire, key: str, path: str, *, depth: int | None, after: str | None
    ) -> None:
        self._core = core
        self._paths = paths
        self._path = path
        self._after = after
        self._pending: list[tuple[str, Blob | None, int | None]] = [(prefix_of(key), None, depth)]
        """What is to come, the next one last: files, and directories (no blob) with the depth that is left below."""

    async def next_page(self) -> Page | None:
        """Return the files up to the next directory that holds some, None at the end."""
        blobs: list[Blob] = []
        while self._pending:
            name, blob, depth = self._pending[-1]
            if blob is None and blobs:
                break
            self._pending.pop()
            if blob is not None:
                blobs.append(blob)
            else:
                await self._open(name, depth)
        return Page(blobs, [], None) if blobs else None

    async def _open(self, folder: str, depth: int | None) -> None:
        walk = Walk(self._core, self._paths, folder.removesuffix("/"), self._path, depth=0)
        found: list[tuple[str, Blob | None, int | None]] = []
        while (page := await walk.next_page()) is not None:
            found += [(blob["Name"], blob, None) for blob in page.blobs]
            if depth != 0:
                below = None if depth is None else depth - 1
                found += [(prefix, None, below) for prefix in page.prefixes if len(prefix) > len(folder)]
        wanted = [entry for entry in found if entry[0].startswith(folder) and not self._is_before(entry[0])]
        self._pending += sorted(wanted, key=lambda entry: entry[0], reverse=True)

    def _is_before(self, name: str) -> bool:
        after = self._after
        return after is not None and name <= after and not (name.endswith("/") and after.startswith(name))
