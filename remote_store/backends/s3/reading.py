"""What reading must know of S3: how to ask, which checksum, whose errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from ..._core.errors import IntegrityError
from ..._http.reading import Service
from ..._http.retrying import Fault
from .checksums import AVAILABLE, Sum, sum_of
from .errors import REFUSED, Place, translated
from .requests import Download, Wire

__all__ = ["S3Reading"]


class S3Reading(Service[Place]):
    """One bucket, for `_http.reading`. `explain` makes the error for an object that is missing (CONTRACT 33)."""

    refused = REFUSED

    def __init__(self, wire: Wire, explain: Callable[[Fault, Place], Awaitable[Exception]], *, verify: bool) -> None:
        self._wire = wire
        self._explain = explain
        self._verify = verify and AVAILABLE

    async def get(
        self,
        key: str,
        *,
        start: int | None = None,
        stop: int | None = None,
        if_match: str | None = None,
        version_id: str | None = None,
    ) -> Download:
        """GET an object, or a half-open range of it."""
        return await self._wire.get(key, start=start, stop=stop, if_match=if_match, version_id=version_id)

    async def size(self, key: str, version_id: str | None) -> int:
        """Return an object's size."""
        return (await self._wire.head(key, version_id=version_id)).size

    async def explain(self, fault: Fault, place: Place) -> Exception:
        """Return the error for an object that can't be read."""
        return await self._explain(fault, place)

    def translated(self, place: Place) -> AbstractContextManager[None]:
        """Raise our error for a fault that comes out of the block."""
        return translated(place)

    def spoilt(self, place: Place) -> IntegrityError:
        """Return the error for bytes that don't have the checksum which the service holds."""
        return IntegrityError(
            f"The bytes don't have the checksum that the service holds for them: {place.path!r}"
            f" in bucket {place.bucket!r}",
            path=place.path,
            backend=place.backend,
        )

    def hasher(self) -> Crc64 | None:
        """Return a fresh CRC64NVME."""
        return Crc64() if self._verify else None


class Crc64:
    """A CRC64NVME that grows."""

    def __init__(self) -> None:
        self.value: Sum = 0

    def update(self, chunk: bytes) -> None:
        """Add bytes."""
        self.value = sum_of((chunk,), self.value)
