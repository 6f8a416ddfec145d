"""What reading must know of a web server: how to ask, which versions are the same, whose errors."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

from ..._core.errors import IntegrityError
from ..._http.reading import Answer, ObjectSource, Service, Wanted
from ..._http.retrying import Fault
from .answers import Download
from .errors import Place, failure, translated
from .requests import Wire

__all__ = ["HttpReading", "HttpSource"]


class HttpReading(Service[Place]):
    """One server, for `_http.reading`."""

    refused = frozenset({"Changed", "412"})

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def get(
        self,
        key: str,
        *,
        start: int | None = None,
        stop: int | None = None,
        if_match: str | None = None,
        version_id: str | None = None,
    ) -> Download:
        """GET a file, or a half-open range of it."""
        if start and stop is None and (if_match is None or if_match.startswith("size:")):
            raise Fault("Body", "the connection was lost, and the server tells no version to go on with", verb="GET")
        return await self._wire.get(key, start, stop, if_match)

    async def size(self, key: str, version_id: str | None) -> int:
        """Return a file's size, 0 where the server does not tell it."""
        return (await self._wire.head(key)).size or 0

    async def explain(self, fault: Fault, place: Place) -> Exception:
        """Return the error for a file that can't be read."""
        return failure(fault, place)

    def translated(self, place: Place) -> AbstractContextManager[None]:
        """Raise our error for a fault that comes out of the block."""
        return translated(place)

    def spoilt(self, place: Place) -> IntegrityError:
        """Return the error for a wrong checksum; servers tell none."""
        return IntegrityError(f"The bytes of {place.path!r} are spoilt", path=place.path, backend=place.backend)

    def hasher(self) -> None:
        """Return None: nothing is compared."""


class HttpSource(ObjectSource[Place]):
    """A file's chunks as they arrive; `etag` is the server's, `size` None where it does not tell it."""

    def _note(self, download: Answer) -> None:
        super()._note(download)
        head = cast(Download, download).info
        self._pin, self.size, self.etag = download.head.etag, head.size, head.etag

    async def _resumed(self, wanted: Wanted[Place]) -> Answer:
        self.etag, told = self._pin, self.etag
        try:
            return await super()._resumed(wanted)
        finally:
            self.etag = told
