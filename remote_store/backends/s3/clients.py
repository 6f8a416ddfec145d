"""One client of the SDK for each event loop, owned by a generator that the loop closes (DECISIONS 31)."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import Any

import anyio
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from anyio.lowlevel import RunVar

from ..._contract.threads import in_thread, within
from ..._http.budget import ByteBudget
from ..._http.retrying import Fault
from ..._http.turns import Turns
from .chain import walk
from .checksums import AVAILABLE
from .config import S3Config
from .credentials import Keychain, Signer, Source, provided
from .errors import fault_of
from .keys import Keys, no_keys
from .logs import keep_secrets
from .on_aiohttp import OneTrySession
from .times import moment_of

__all__ = ["Clients", "Connection"]

BEGIN_PER_PASS = 8
"""Requests that begin in one pass of the event loop: the SDK takes 0.6 ms to prepare one."""

_loader_lock = threading.Lock()
_loader: Any = None


class Connection:
    """What a backend has on one loop: the client, who signs for it, the byte budget, answers that nobody reads any more."""

    def __init__(self, client: Any, config: S3Config, signer: Signer) -> None:
        self.client = client
        self.signer = signer
        self.budget = ByteBudget(config.byte_budget)
        self.turns = Turns(config.max_pool_connections, BEGIN_PER_PASS)
        """Turns of requests that wait for their answer; bodies that are being read have no turn."""
        self.dropped: list[Any] = []
        """Bodies whose stream was collected unread: closing waits, a collector must not (CONTRACT 111)."""

    async def reap(self) -> None:
        """Close what was dropped, so that its connection goes back or goes away."""
        while self.dropped:
            await self.dropped.pop().aclose()


class Clients:
    """The connections of one backend, by event loop; each is made at its loop's first call."""

    def __init__(self, config: S3Config) -> None:
        self._config = config
        self._keys = Keychain(_source(config))
        self._mine: RunVar[_Slot] = RunVar("remote_store_s3")

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
                    slot.owner = _owner(self._config, Signer(self._keys))
                    slot.connection = await anext(slot.owner)
        if slot.connection.dropped:
            await slot.connection.reap()
        return slot.connection

    async def renew(self, fault: Fault) -> bool:
        """Get new keys after a fault that tells of expired ones; false where none were fetched: they are given."""
        return await (await self.get()).signer.renew(fault)

    async def aclose(self) -> None:
        """Close this loop's client; those of other loops are closed with them."""
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


async def _owner(config: S3Config, signer: Signer) -> AsyncGenerator[Connection, None]:
    """Yield a connection once and close it when the generator is closed: by `aclose`, or by the loop at its end."""
    async with AsyncExitStack() as stack:
        connection = Connection(await _entered(stack, config, signer), config, signer)
        try:
            yield connection
        finally:
            with anyio.CancelScope(shield=True):
                await connection.reap()


async def _entered(stack: AsyncExitStack, config: S3Config, signer: Signer) -> Any:
    arguments = config.client_arguments()
    settings = config.config_arguments()
    if config.checksum != "off" and AVAILABLE and (config.endpoint_url or "https").startswith("https"):
        # Under TLS a checksum of our own protects the bytes; hashing them again to sign them costs 0.7 CPU-s/GiB.
        settings["s3"].setdefault("payload_signing_enabled", False)
    try:
        settings |= _for_trio(settings["read_timeout"]) if _on_trio() else {"http_session_cls": OneTrySession}
        session = await in_thread(_session, config)
        session.register_component("credential_provider", signer)
        creator = session.create_client("s3", **arguments, config=AioConfig(**settings))
        client = await stack.enter_async_context(creator)
        client.meta.events.register("before-call.s3.HeadBucket", _not_redirected)
        return client
    except ImportError:
        raise
    except Exception as error:
        raise fault_of(error, "CreateClient") from error


def _not_redirected(params: dict[str, Any], **_: Any) -> None:
    """Say that a HeadBucket has been redirected before.

    The SDK sends one to find the region behind a redirect, and another if that is answered by a redirect, until the
    interpreter's stack ends.
    """
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _on_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_task()


def _for_trio(read_timeout: float) -> dict[str, Any]:
    """Return the settings of the SDK's session on httpx, which runs on trio.

    The pool may keep callers waiting as long as it takes: they have a deadline of their own. A write may stall as
    long as a read.
    """
    if find_spec("httpx2") is None:
        raise ImportError("S3 on trio needs httpx2: pip install 'remote-store-aio[s3,trio]'")
    from .on_httpx import TidyHttpxSession

    return {
        "http_session_cls": TidyHttpxSession,
        "connector_args": {"pool_timeout": None, "write_timeout": read_timeout},
    }


def _session(config: S3Config) -> AioSession:
    """Return a session that shares the process's service models: reading them takes 100 ms."""
    keep_secrets()
    session = AioSession(**config.session_options())
    session.register_component("data_loader", _models(session))
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=moment_of)
    return session


def _models(session: Any) -> Any:
    global _loader
    with _loader_lock:
        if _loader is None:
            _loader = session.get_component("data_loader")
            _loader.load_service_model("s3", "service-2")
            _loader.load_service_model("s3", "endpoint-rule-set-1")
            _loader.load_data("endpoints")
            _loader.load_data("partitions")
    return _loader


def _source(config: S3Config) -> Source:
    """Return where keys come from: the user's function, else botocore's chain in a thread that may be left behind."""
    if config.credential_provider is not None:
        return provided(config.credential_provider)

    async def chain(seconds: float) -> Keys:
        try:
            return await within(seconds, walk, config.session_options().get("profile"), seconds, _loader)
        except TimeoutError:
            raise no_keys(f"botocore's chain gave nothing within {seconds:.1f} s", late=True) from None

    return chain
