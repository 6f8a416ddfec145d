"""One request and its answer, on the HTTP library of the loop or in worker threads."""

from __future__ import annotations

import http.client
import logging
import os
import ssl
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import anyio

from ..._contract.threads import in_thread, to_the_end
from ..._http.quiet import Born, Watched, close_all
from ..._http.retrying import seconds_left
from .config import HttpConfig
from .errors import fault_of

__all__ = ["Reply", "Transport", "transport_for"]

log = logging.getLogger("remote_store.http")

PIECE = 256 * 1024
"""Bytes read at a time in a worker thread."""
CLOSE_SECONDS = 5.0
"""How long closing a connection may take before it is left behind."""
SOON = 0.001
"""Seconds: a socket with a timeout of 0 would not block at all."""
CONNECTIONS = 64
"""Sockets that a backend has open on one loop."""


class Reply(ABC):
    """An answer: `status`, `headers` by lower-case name, and the body, which is read by `next`."""

    status: int
    headers: Mapping[str, str]

    @abstractmethod
    async def next(self) -> bytes:
        """Return the next bytes as they came, empty at the end."""

    @abstractmethod
    async def aclose(self, *, ended: bool) -> None:
        """Give the connection back, or drop it if the body has not `ended`."""


class Transport(ABC):
    """Sends requests of one backend on one loop. Redirects are not followed. Exceptions become faults."""

    @abstractmethod
    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a request and return its answer, whose body has yet to be read."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close all connections."""


async def transport_for(config: HttpConfig) -> Transport:
    """Return a new transport: on httpx where it is installed and not refused, else in worker threads."""
    where = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    tls = await in_thread(_trusting, *where) if config.verify_ssl else _credulous()
    library = config.httpx()
    return BlockingTransport(config, tls) if library is None else HttpxTransport(config, tls, library)


@lru_cache(maxsize=4)
def _trusting(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Return the context that trusts what the system trusts, or these; one for all, as making it takes 20 ms."""
    return ssl.create_default_context(cafile=file or None, capath=folder or None)


@lru_cache(maxsize=1)
def _credulous() -> ssl.SSLContext:
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


# On httpx, for asyncio and trio


class HttpxTransport(Transport):
    """Requests on an httpx client, which it owns."""

    def __init__(self, config: HttpConfig, tls: ssl.SSLContext, library: Any) -> None:
        self._client = library.AsyncClient(
            verify=tls,
            timeout=library.Timeout(config.timeout, pool=None),
            limits=library.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            follow_redirects=False,
        )

    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a request. What was begun for it ends with it."""
        born: Born = []
        try:
            wanted = self._client.build_request(method, url, headers=dict(headers))
            return _HttpxReply(await Watched(self._client.send(wanted, stream=True), born))
        except Exception as error:
            raise fault_of(error, method) from error
        finally:
            if born:
                with anyio.CancelScope(shield=True):
                    await close_all(born)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


class _HttpxReply(Reply):
    def __init__(self, answer: Any) -> None:
        self.status = answer.status_code
        self.headers = {name.lower(): value for name, value in answer.headers.items()}
        self._answer = answer
        self._chunks: Any = None
        self._born: Born = []

    async def next(self) -> bytes:
        try:
            return await Watched(self._next(), self._born)
        except Exception as error:
            raise fault_of(error, "GET", body=True) from error

    async def _next(self) -> bytes:
        if self._chunks is None:
            self._chunks = self._answer.aiter_raw()
        async for chunk in self._chunks:
            if chunk:
                return bytes(chunk)
        return b""

    async def aclose(self, *, ended: bool) -> None:
        if self._chunks is not None:
            if ended:
                await Watched(self._finish(), self._born)
            await close_all(self._born)
        await self._answer.aclose()

    async def _finish(self) -> None:
        """Read the end of a body whose bytes are all here, or httpx would close its connection."""
        try:
            async for _ in self._chunks:
                pass
        except Exception as error:  # noqa: BLE001  # the bytes are here; the connection is the pool's business
            log.debug("the end of a body raised %r", error)


# On urllib, in worker threads


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Hands redirects out as answers: who follows them decides what goes along."""

    def redirect_request(self, *_: Any) -> None:
        return None


class BlockingTransport(Transport):
    """Requests of the standard library, each on a connection of its own, in worker threads."""

    def __init__(self, config: HttpConfig, tls: ssl.SSLContext) -> None:
        self._timeout = config.timeout
        self._opener = urllib.request.build_opener(_NoRedirects(), urllib.request.HTTPSHandler(context=tls))

    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a request in a worker thread."""
        request = urllib.request.Request(url, headers=dict(headers), method=method)  # noqa: S310  # http and https alone
        opened: list[Any] = []
        try:
            # A thread can't be called back: the socket itself must give up by the operation's deadline.
            await in_thread(self._open, request, min(self._timeout, seconds_left()), opened)
        except Exception as error:
            raise fault_of(error, method) from error
        except BaseException:
            for answer in opened:  # it came when its caller had gone
                await to_the_end(CLOSE_SECONDS, answer.close)
            raise
        return _BlockingReply(opened[0])

    def _open(self, request: urllib.request.Request, timeout: float, opened: list[Any]) -> None:
        try:
            opened.append(self._opener.open(request, timeout=max(timeout, SOON)))
        except urllib.error.HTTPError as answer:
            opened.append(answer)  # any status but 2xx: an answer as good as others

    async def aclose(self) -> None:
        """Do nothing: no connection outlives its answer."""


class _BlockingReply(Reply):
    def __init__(self, answer: Any) -> None:
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.headers.items()}
        self._answer = answer

    async def next(self) -> bytes:
        try:
            return await in_thread(self._read)
        except Exception as error:
            raise fault_of(error, "GET", body=True) from error

    def _read(self) -> bytes:
        read = getattr(self._answer, "read1", None) or self._answer.read
        data: bytes = read(PIECE)
        if not data and getattr(self._answer, "length", None):
            raise http.client.IncompleteRead(b"", self._answer.length)
        return data

    async def aclose(self, *, ended: bool) -> None:
        await to_the_end(CLOSE_SECONDS, self._answer.close)
