"""What the operations on blobs and on folders share: the wire, the retries, the errors for a path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..._http.reading import Reader
from ..._http.retrying import Fault, Retrier, budget_for
from .answers import Head
from .clients import Clients
from .config import AzureConfig
from .errors import MISSING, NO_CONTAINER, Place, failure
from .names import folder_error, prefix_of
from .reading import AzureReading
from .requests import Wire
from .writing import Writer

__all__ = ["Core"]

T = TypeVar("T")


class Core:
    """One backend's parts. It has no state of its own: clients are by loop."""

    def __init__(self, config: AzureConfig, label: str) -> None:
        self.config = config
        self.label = label
        self.clients = Clients(config)
        self.wire = Wire(config, self.clients)
        self.retrier = Retrier(config.policy, budget_for(config.account.host))
        self.writer = Writer(self.wire, self.retrier, config)
        self.reader = Reader(
            AzureReading(self.wire, self.explained, verify=config.checksum != "off"),
            self.retrier,
            piece=config.block_bytes,
            concurrency=config.max_concurrency,
        )

    def place(self, path: str) -> Place:
        """Return what errors about `path` name."""
        return Place(self.config.container, path, self.label)

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

    async def file_head(self, key: str) -> Head:
        """Return what HEAD tells of a file; a fault for what is none."""
        head = await self.run(lambda: self.wire.head(key))
        if head.is_folder:
            raise Fault("IsFolder", "a directory", verb="GetBlobProperties")
        return head

    async def is_prefix(self, key: str) -> bool:
        """Return whether there are keys below a folder."""
        try:
            page = await self.run(lambda: self.wire.list_page(prefix_of(key), limit=1))
            while not page.blobs and not page.prefixes and page.marker is not None:
                # The service may give an empty page and still go on.
                page = await self.run(lambda at=page.marker: self.wire.list_page(prefix_of(key), marker=at, limit=1))  # type: ignore[misc]
        except Fault as fault:
            if fault.code in MISSING:
                return False
            raise
        return bool(page.blobs or page.prefixes)

    async def explained(self, fault: Fault, place: Place) -> Exception:
        """Return the error for a file that can't be used; a missing one may be a folder (CONTRACT 33).

        If that can't be found out, the first error stays.
        """
        if fault.code in MISSING - NO_CONTAINER:
            try:
                if await self.is_prefix(place.path):
                    return folder_error(place.path, self.label)
            except Fault:
                pass
        return failure(fault, place)
