"""What the operations on files and folders share: connections, places, retries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..._http.retrying import Retrier, budget_for
from .clients import Clients, Connection
from .config import SFTPConfig
from .places import Node, Places

__all__ = ["Core"]

T = TypeVar("T")


class Core:
    """One backend's parts. All that awaits here runs on asyncio."""

    def __init__(self, config: SFTPConfig, label: str) -> None:
        self.config = config
        self.clients = Clients(config, label)
        self.places = Places(config.base_path, label)
        self.retrier = Retrier(config.policy, budget_for(f"sftp:{config.target}"))

    @property
    def label(self) -> str:
        """The backend's name in errors."""
        return self.places.label

    async def run(self, attempt: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a step that may be repeated, on the connection at hand; again on a new one if that is lost."""

        async def once() -> T:
            return await attempt(await self.clients.get())

        return await self.retrier.run(once)

    async def find(self, key: str, path: str) -> Node:
        """Return what is at a key."""
        return await self.run(lambda connection: self.places.find(connection, key, path))
