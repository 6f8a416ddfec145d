"""The pages of a directory and of those below it."""

from __future__ import annotations

from collections import deque

from ...._http.retrying import Fault
from ..core import Core
from ..documents import Page
from ..errors import MISSING, NO_CONTAINER, failure, translated, unexpected
from ..names import prefix_of
from .requests import PathWire

__all__ = ["Walk"]


class Walk:
    """Fetches the pages of a directory and, down to a depth, of those below it. A missing one lists nothing."""

    def __init__(
        self, core: Core, paths: PathWire, key: str, path: str, *, depth: int | None, quiet: bool = True
    ) -> None:
        self._core = core
        self._paths = paths
        self._place = core.place(path)
        self._prefix = prefix_of(key)
        self._recursive = depth is None
        self._quiet = quiet
        self._pending = deque([(key, depth or 0)])
        self._marker: str | None = None
        self._seen: set[str] = set()

    async def next_page(self) -> Page | None:
        """Return the next page, None at the end."""
        while self._pending:
            directory, depth = self._pending[0]
            try:
                page = await self._core.run(
                    lambda at=directory: self._paths.list_page(  # type: ignore[misc]
                        at, recursive=self._recursive, continuation=self._marker
                    )
                )
            except Fault as fault:
                if not self._nothing(fault):
                    raise failure(fault, self._place) from fault.__cause__
                self._turn(None)
                continue
            self._turn(page.marker)
            if depth:
                self._pending.extend((prefix.removesuffix("/"), depth - 1) for prefix in page.prefixes)
            return page
        return None

    def _nothing(self, fault: Fault) -> bool:
        """Return whether a fault tells that there is no such directory."""
        return fault.code == "PathConflict" or (
            fault.code in MISSING and (self._quiet or fault.code not in NO_CONTAINER)
        )

    def _turn(self, marker: str | None) -> None:
        if marker is None:
            self._pending.popleft()
            self._seen.clear()
        elif marker in self._seen:
            with translated(self._place):
                raise unexpected("the listing goes round in a circle", "ListPaths")
        else:
            self._seen.add(marker)
        self._marker = marker
