"""What reading must know of Azure: how to ask, which checksum, whose errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from ..._core.errors import IntegrityError
from ..._http.reading import Service
from ..._http.retrying import Fault
from .answers import Download
from .checksums import Md5
from .errors import REFUSED, Place, translated
from .requests import Wire

__all__ = ["AzureReading"]


class AzureReading(Service[Place]):
    """One container, for `_http.reading`. `explain` makes the error for a blob that is missing (CONTRACT 33)."""

    refused = REFUSED

    def __init__(self, wire: Wire, explain: Callable[[Fault, Place], Awaitable[Exception]], *, verify: bool) -> None:
        self._wire = wire
        self._explain = explain
        self._verify = verify

    async def get(
        self,
        key: str,
        *,
        start: int | None = None,
        stop: int | None = None,
        if_match: str | None = None,
        version_id: str | None = None,
    ) -> Download:
        """GET a blob, or a half-open range of it."""
        try:
            return await self._wire.get(key, start=start, stop=stop, if_match=if_match, version_id=version_id)
        except Fault as fault:
            # No range fits into a directory, which has no bytes; the refusal does not tell what it is about.
            if fault.status == 416 and (await self._wire.head(key)).is_folder:
                raise Fault("IsFolder", "a directory", verb=fault.verb) from fault
            raise

    async def size(self, key: str, version_id: str | None) -> int:
        """Return a blob's size."""
        return (await self._wire.head(key, version_id=version_id)).size

    async def explain(self, fault: Fault, place: Place) -> Exception:
        """Return the error for a blob that can't be read."""
        return await self._explain(fault, place)

    def translated(self, place: Place) -> AbstractContextManager[None]:
        """Raise our error for a fault that comes out of the block."""
        return translated(place)

    def spoilt(self, place: Place) -> IntegrityError:
        """Return the error for bytes that don't have the MD5 which the service holds."""
        return IntegrityError(
            f"The bytes don't have the MD5 that the service holds for them: {place.path!r}"
            f" in container {place.container!r}",
            path=place.path,
            backend=place.backend,
        )

    def hasher(self) -> Md5 | None:
        """Return a fresh MD5; it is compared with that of a blob that carries one (DECISIONS 27)."""
        return Md5() if self._verify else None
