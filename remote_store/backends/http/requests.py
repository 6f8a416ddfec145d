"""The requests that are sent: GET and HEAD, with redirects followed by our own rules."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import anyio

from ..._http.ranges import range_header
from .answers import Download, Head, head_of
from .clients import Clients, Connection
from .config import PLAIN, HttpConfig
from .errors import refusal, unexpected
from .transports import Reply

__all__ = ["Wire"]

log = logging.getLogger("remote_store.http")

REDIRECTS = frozenset({301, 302, 303, 307, 308})
DENIED = frozenset({401, 403, 405, 501})
"""Answers to HEAD of servers that may still answer GET."""


class Wire:
    """Sends the requests of one backend."""

    def __init__(self, config: HttpConfig, clients: Clients) -> None:
        self._config = config
        self._clients = clients
        self.head_refused = False
        """Whether this server is known to answer GET but not HEAD."""

    async def get(self, key: str, start: int | None, stop: int | None, pin: str | None) -> Download:
        """GET a file, or a half-open range of it; `pin` is the version that it must still be (see answers.py)."""
        headers: dict[str, str] = {}
        if start is not None:
            headers["Range"] = range_header(start, stop)
            if pin is not None and not pin.startswith("size:"):
                headers["If-Range"] = pin
        connection, reply = await self._send("GET", self._config.url(key), headers)
        download = Download(reply, connection.dropped)
        try:
            if reply.status not in (200, 206):
                raise refusal(reply.status, reply.headers, "GET")
            await download.check(start, stop, pin)
        except BaseException:
            await download.aclose()
            raise
        return download

    async def head(self, key: str) -> Head:
        """Return what HEAD tells of a file, or the answer to a GET of one byte where HEAD is refused."""
        return await self._head(self._config.url(key) if key else self._config.base_url)

    async def _head(self, url: str) -> Head:
        if self.head_refused:
            return await self._first_byte(url)
        _, reply = await self._send("HEAD", url, {})
        await _closed(reply)
        if reply.status in DENIED:
            found = await self._first_byte(url, instead_of=reply.status)
            self.head_refused = True
            return found
        if not 200 <= reply.status < 300:
            raise refusal(reply.status, reply.headers, "HEAD")
        return head_of(reply.headers)

    async def _first_byte(self, url: str, instead_of: int | None = None) -> Head:
        _, reply = await self._send("GET", url, {"Range": "bytes=0-0"})
        await _closed(reply)
        if reply.status == 416:  # an empty file has no first byte
            return head_of(dict(reply.headers) | {"content-length": "0"})
        if 200 <= reply.status < 300:
            return head_of(reply.headers)
        if reply.status == 404:
            self.head_refused = True
        told = reply.status if instead_of not in (401, 403) or reply.status == 404 else instead_of
        raise refusal(told, reply.headers, "GET")

    async def _send(self, method: str, url: str, headers: Mapping[str, str]) -> tuple[Connection, Reply]:
        """Send a request and follow redirects; elsewhere than on the server itself, none of the user's headers go."""
        connection = await self._clients.get()
        home = urlsplit(url)
        sent = {**self._config.request_headers(), **headers}
        for _ in range(self._config.max_redirects + 1):
            log.debug("%s %s", method, _told(url))
            reply = await connection.transport.send(method, url, sent)
            if reply.status not in REDIRECTS:
                return connection, reply
            await _closed(reply)
            url = _followed(url, reply.headers.get("location"), method)
            if urlsplit(url)[:2] != home[:2]:
                sent = {**PLAIN, **headers}
        raise unexpected(f"Too many redirects (max {self._config.max_redirects})", method)


def _followed(url: str, location: str | None, method: str) -> str:
    """Return where a redirect leads, if it may be followed."""
    if not location:
        raise unexpected("a redirect without a Location", method)
    target = urljoin(url, location)
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise unexpected(f"a redirect to {parts.scheme or 'nowhere'!r}", method)
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise unexpected("a redirect from https to http", method)
    if "@" in parts.netloc:
        raise unexpected("a redirect with a password", method)
    return target


def _told(url: str) -> str:
    """Return a URL for the log: without its query, which may be a signature."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + ("?***" if parts.query else "")


async def _closed(reply: Reply) -> None:
    with anyio.CancelScope(shield=True):
        await reply.aclose(ended=False)
