"""What the operations on objects and on folders share: the wire, the retries, the errors for a path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..._http.reading import Reader
from ..._http.retrying import Fault, Retrier, budget_for
from .clients import Clients
from .config import S3Config
from .errors import MISSING, Place, failure
from .names import folder_error, prefix_of
from .probe import Probe
from .reading import S3Reading
from .requests import Head, Wire
from .writing import Writer

__all__ = ["Core"]

T = TypeVar("T")


class Core:
    """One backend's parts. It has no state of its own: clients are by loop, what is known of a server is in `probe`."""

    def __init__(self, config: S3Config, label: str) -> None:
        self.config = config
        self.label = label
        self.clients = Clients(config)
        self.wire = Wire(config.bucket, self.clients)
        endpoint = config.endpoint_url or f"aws:{config.region_name}"
        self.retrier = Retrier(config.policy, budget_for(endpoint), self.clients.renew)
        self.probe = Probe(self.wire, self.retrier, ask=config.endpoint_url is not None)
        self.writer = Writer(self.wire, self.retrier, config)
        self.reader = Reader(
            S3Reading(self.wire, self.explained, verify=config.checksum != "off"),
            self.retrier,
            piece=config.part_size,
            concurrency=config.max_concurrency,
        )

    def place(self, path: str) -> Place:
        """Return what errors about `path` name."""
        return Place(self.config.bucket, path, self.label)

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Send a request, and again while the policy says so."""
        return await self.retrier.run(attempt)

    async def head(self, key: str) -> Head | None:
        """Return what HEAD tells, None where nothing is."""
        try:
            return await self.run(lambda: self.wire.head(key))
        except Fault as fault:
            if fault.code in MISSING:
                return None
            raise

    async def is_prefix(self, key: str) -> bool:
        """Return whether there are keys below a folder."""
        try:
            page = await self.run(lambda: self.wire.list_page(prefix_of(key), limit=1))
        except Fault as fault:
            if fault.code in MISSING:
                return False
            raise
        return bool(page.objects or page.prefixes)

    async def explained(self, fault: Fault, place: Place) -> Exception:
        """Return the error for a file that can't be used; a missing one may be a folder (CONTRACT 33).

        If that can't be found out, the first error stays.
        """
        if fault.code in MISSING and fault.code not in ("NoSuchBucket", "NoSuchVersion"):
            try:
                if await self.is_prefix(place.path):
                    return folder_error(place.path, self.label)
            except Fault:
                pass
        return failure(fault, place)
