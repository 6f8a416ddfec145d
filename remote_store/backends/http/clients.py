"""One transport for each event loop, owned by a generator that the loop closes (DECISIONS 31)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from itertools import count

import anyio
from anyio.lowlevel import RunVar

from .config import HttpConfig
from .transports import Reply, Transport, transport_for

__all__ = ["Clients", "Connection"]

_numbers = count()


class Connection:
    """What a backend has on one loop: the transport, and the answers that nobody reads any more."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.dropped: list[Reply] = []
        """Bodies whose stream was collected unread: closing waits, a collector must not (CONTRACT 111)."""

    async def reap(self) -> None:
        """Close what was dropped, so that its connection goes away."""
        while self.dropped:
            await self.dropped.pop().aclose(ended=False)


class Clients:
    """The connections of one backend, by event loop; each is made at its loop's first call."""

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._mine: RunVar[_Slot] = RunVar(f"remote_store_http_{next(_numbers)}")

    async def get(self) -> Connection:
        """Return this loop's connection."""
        try:
            slot = self._mine.get()
        except LookupError:
            slot = _Slot()
            self._mine.set(slot)
        if slot.connection is None:
            async with slot.lock:
                if slot.connection is None:
                    slot.owner = _owner(self._config)
                    slot.connection = await anext(slot.owner)
        if slot.connection.dropped:
            await slot.connection.reap()
        return slot.connection

    async def aclose(self) -> None:
        """Close this loop's connections; those of other loops are closed with them."""
        try:
            slot = self._mine.get()
        except LookupError:
            return
        owner, slot.owner, slot.connection = slot.owner, None, None
        if owner is not None:
            await owner.aclose()


class _Slot:
    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.owner: AsyncGenerator[Connection, None] | None = None
        self.connection: Connection | None = None


async def _owner(config: HttpConfig) -> AsyncGenerator[Connection, None]:
    """Yield a connection once and close it when the generator is closed: by `aclose`, or by the loop at its end."""
    connection = Connection(await transport_for(config))
    try:
        yield connection
    finally:
        with anyio.CancelScope(shield=True):
            await connection.reap()
            await connection.transport.aclose()
