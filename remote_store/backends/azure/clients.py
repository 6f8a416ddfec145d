"""One pipeline of azure-core for each event loop, owned by a generator that the loop closes (DECISIONS 31)."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from importlib.util import find_spec
from typing import Any

import anyio
from anyio.lowlevel import RunVar
from azure.core.pipeline import AsyncPipeline
from azure.core.pipeline.transport import AsyncHttpTransport

from ..._contract.threads import in_thread
from ..._core.version import __version__
from ..._http.budget import ByteBudget
from ..._http.incoming import Incoming
from ..._http.turns import Turns
from .config import API_VERSION, AzureConfig
from .signing import policy_for

__all__ = ["Clients", "Connection"]

BEGIN_PER_PASS = 16
"""Requests that begin in one pass of the loop: preparing one takes 0.2 ms of it, and a thousand tasks that begin
together would stall it for as many times that."""


class Connection:
    """What a backend has on one loop: the pipeline, the byte budget, and the answers that nobody reads any more."""

    def __init__(self, transport: AsyncHttpTransport[Any, Any], policy: Any, config: AzureConfig) -> None:
        self.pipeline: AsyncPipeline[Any, Any] = AsyncPipeline(transport, [policy] if policy is not None else [])
        self.transport = transport
        self.budget = ByteBudget(config.byte_budget)
        self.turns = Turns(config.max_pool_connections, BEGIN_PER_PASS)
        """Turns of requests that wait for their answer; bodies that are being read have no turn."""
        self.headers = {
            "Accept-Encoding": "identity",
            "x-ms-version": str(config.options.get("api_version") or API_VERSION),
            "User-Agent": " ".join(filter(None, [config.options.get("user_agent"), f"remote-store-aio/{__version__}"])),
        }
        proxy = config.proxy()
        self.settings: dict[str, Any] = {} if proxy is None else {"proxy": proxy}
        self.asking = anyio.Lock()
        """Held while the account is asked what it is, so that calls which begin together ask once."""
        self.dropped: list[Incoming] = []
        """Bodies whose stream was collected unread: closing waits, a collector must not (CONTRACT 111)."""

    async def reap(self) -> None:
        """Close what was dropped, so that its connection goes away."""
        while self.dropped:
            await self.dropped.pop().aclose(ended=False)


class Clients:
    """The connections of one backend, by event loop; each is made at its loop's first call."""

    def __init__(self, config: AzureConfig) -> None:
        self._config = config
        self._mine: RunVar[_Slot] = RunVar("remote_store_azure")

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
        """Close this loop's pipeline; those of other loops are closed with them."""
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


async def _owner(config: AzureConfig) -> AsyncGenerator[Connection, None]:
    """Yield a connection once and close it when the generator is closed: by `aclose`, or by the loop at its end."""
    config.warn()
    tls = await in_thread(config.tls)
    policy = await in_thread(policy_for, config)
    transport = _transport(config, tls)
    connection = Connection(transport, policy, config)
    try:
        yield connection
    finally:
        with anyio.CancelScope(shield=True):
            await connection.reap()
            await transport.close()
            if hasattr(policy, "aclose"):
                await policy.aclose()


def _transport(config: AzureConfig, tls: Any) -> AsyncHttpTransport[Any, Any]:
    settings: dict[str, Any] = {
        "connections": config.max_pool_connections,
        "tls": tls,
        "timeouts": config.timeouts,
        "environment": bool(config.options.get("use_env_settings", True)),
    }
    if not _on_trio():
        from .on_aiohttp import aiohttp_transport

        return aiohttp_transport(**settings)
    if find_spec("httpx2") is None:
        raise ImportError("Azure on trio needs httpx2: pip install 'remote-store-aio[azure,trio]'")
    from .on_httpx import HttpxTransport

    return HttpxTransport(**settings, proxy=config.proxy())


def _on_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_task()
