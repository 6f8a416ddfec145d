"""One SSH connection for each event loop, shared by all calls, with a few channels; made anew when it is lost."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable

import anyio
import asyncssh
from anyio.lowlevel import RunVar

from ..._http.retrying import Fault
from . import requests
from .config import SFTPConfig
from .connecting import connected
from .wire import Channel, gone

__all__ = ["Clients", "Connection"]

log = logging.getLogger("remote_store.sftp")

CLOSE_SECONDS = 5.0
"""How long a connection may take to close before its socket is."""
SEND_WINDOW = 8 * 1024 * 1024
"""Bytes of answers that the server may send ahead."""


class Connection:
    """A connection with its channels, and what has been learnt over it."""

    def __init__(self, hosts: list[asyncssh.SSHClientConnection], config: SFTPConfig, main: Channel) -> None:
        self._hosts = hosts
        self._config = config
        self._channels = [main]
        self._room = config.max_channels
        self._opening = anyio.Lock()
        self.main = main
        self.real_root: bytes | None = None
        self.folders: dict[str, tuple[float, bytes]] = {}
        """Folders with the time and place where they were found (DECISIONS 34)."""

    @property
    def ssh(self) -> asyncssh.SSHClientConnection:
        """The connection to the server itself."""
        return self._hosts[-1]

    @property
    def lost(self) -> bool:
        """Whether it is of no use any more."""
        return self.main.lost

    @property
    def sent(self) -> dict[str, int]:
        """Requests sent, by their name."""
        total: dict[str, int] = {}
        for channel in self._channels:
            for verb, count in channel.sent.items():
                total[verb] = total.get(verb, 0) + count
        return total

    async def bulk(self) -> Channel:
        """Return the channel for a long transfer: one of its own, as long as the server gives more."""
        async with self._opening:
            others = [channel for channel in self._channels[1:] if not channel.lost]
            free = next((channel for channel in others if not channel.users), None)
            if free is None and len(others) + 1 < self._room:
                free = await self._another(others)
        return free or min([*others, self.main], key=lambda channel: channel.users)

    async def _another(self, others: list[Channel]) -> Channel | None:
        try:
            channel = await opened(self.ssh, self._config)
        except asyncssh.ChannelOpenError as error:
            # The server has its own limit of sessions; the channels at hand do as well.
            log.debug("no further SFTP channel: %s", error)
            self._room = len(others) + 1
            return None
        self._channels = [self.main, *others, channel]
        return channel

    def tidy(self) -> None:
        """Close what was dropped unread."""
        for channel in self._channels:
            if channel.dropped:
                channel.reap(requests.close)

    async def aclose(self) -> None:
        """Close the channels and the connection."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True) as scope:
            for channel in self._channels:
                await channel.aclose()
            for host in reversed(self._hosts):
                host.close()
                await host.wait_closed()
        if scope.cancelled_caught:
            self.abort()

    def abort(self) -> None:
        """Drop the sockets."""
        for host in reversed(self._hosts):
            host.abort()


async def opened(ssh: asyncssh.SSHClientConnection, config: SFTPConfig) -> Channel:
    """Open an SFTP channel on a connection. Raises asyncssh.ChannelOpenError if the server gives no more, or a Fault."""
    channel = Channel(config.io_timeout)
    try:
        with anyio.fail_after(config.io_timeout):
            await ssh.create_session(lambda: channel, subsystem="sftp", encoding=None, window=SEND_WINDOW)
    except TimeoutError as error:
        text = f"no SFTP channel within io_timeout={config.io_timeout:g} s"
        raise Fault("Stalled", text, may_retry=True) from error
    except (asyncssh.DisconnectError, OSError) as error:
        raise gone(error) from error
    try:
        await channel.start()
    except BaseException:
        channel.fail(Fault("Lost", "the channel was given up"))
        raise
    return channel


class _Slot:
    """What a backend has on one event loop."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.owner: AsyncGenerator[Connection, None] | None = None
        self.connection: Connection | None = None


class Clients:
    """The connections of one backend, by event loop; each is made at its loop's first call."""

    def __init__(self, config: SFTPConfig, label: str) -> None:
        self._config = config
        self.label = label
        self._mine: RunVar[_Slot] = RunVar("remote_store_sftp")
        self.latest: Connection | None = None
        """The connection made last, on whichever loop: what is known of the server's extensions."""
        self.debris: set[bytes] = set()
        """Hidden files that could not be removed over a lost connection; the next one does that, on whichever loop."""

    def _slot(self) -> _Slot:
        try:
            return self._mine.get()
        except LookupError:
            slot = _Slot()
            self._mine.set(slot)
            return slot

    async def get(self) -> Connection:
        """Return this loop's connection, made if there is none that lives."""
        slot = self._slot()
        connection = slot.connection
        if connection is None or connection.lost:
            async with slot.lock:
                if slot.connection is None or slot.connection.lost:
                    await self._renew(slot)
                connection = slot.connection
        assert connection is not None
        connection.tidy()
        return connection

    def alive(self) -> Connection | None:
        """Return this loop's connection, if there is one that lives."""
        connection = self._slot().connection
        return None if connection is None or connection.lost else connection

    async def _renew(self, slot: _Slot) -> None:
        owner, slot.owner, slot.connection = slot.owner, None, None
        if owner is not None:
            await owner.aclose()
        fresh = _owner(self._config, self.label)
        slot.connection = self.latest = await anext(fresh)
        slot.owner = fresh
        debris = list(self.debris)
        if debris:
            # Taken off the list one by one: whoever is cancelled here leaves the rest to the next.
            await _clear(slot.connection.main, debris, self.debris.discard)

    async def aclose(self) -> None:
        """Close this loop's connection; those of other loops are closed with them."""
        try:
            slot = self._mine.get()
        except LookupError:
            return
        owner, slot.owner, slot.connection = slot.owner, None, None
        if owner is not None:
            await owner.aclose()

    @property
    def live(self) -> bool:
        """Whether the connection made last is still there."""
        return self.latest is not None and not self.latest.lost


async def _owner(config: SFTPConfig, backend: str) -> AsyncGenerator[Connection, None]:
    """Yield a connection once and close it when the generator is closed: by `aclose`, or by the loop at its end."""
    begun = time.monotonic()
    hosts = await connected(config, backend)
    try:
        main = await opened(hosts[-1], config)
    except BaseException as error:
        for host in reversed(hosts):
            host.abort()
        if isinstance(error, asyncssh.ChannelOpenError):
            raise Fault("Unreachable", f"{config.target} gives no SFTP channel: {error}") from error
        raise
    connection = Connection(hosts, config, main)
    log.info("connected to %s in %.0f ms", config.target, (time.monotonic() - begun) * 1000, extra={"op": "connect"})
    try:
        yield connection
    finally:
        await connection.aclose()


async def _clear(channel: Channel, debris: list[bytes], done: Callable[[bytes], None]) -> None:
    """Remove what a lost connection left behind; what need not be tried again is `done`, unless this one is lost too."""
    replies = [requests.remove(channel, path) for path in debris]
    for path, reply in zip(debris, replies, strict=True):
        try:
            await reply.ok()
        except Fault as fault:
            log.debug("leftover %r was not removed: %s", path, fault)
            if fault.may_retry:
                continue
        done(path)
