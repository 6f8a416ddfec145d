"""Messages of HTTP/1.1 (RFC 9112), read whole and written as told: the proxy must be able to write wrong ones."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["INVENTED_ID", "Answer", "Headers", "Request", "forwarded", "handed_on", "read_body", "read_head"]

Headers = list[tuple[str, str]]

UPSTREAM_SECONDS = 120.0
"""A server that does not answer in this time fails the test in its own name."""
INVENTED_ID = "FAULT"
"""How the request id begins of an answer that no server gave."""
PIECE = 64 * 1024
_OF_THE_CONNECTION = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "expect", "content-length", "te", "trailer"}
)
"""Headers that are about one connection, and so are not handed on (RFC 9110, section 7.6.1)."""


@dataclass(frozen=True)
class Request:
    """A request; `body` is empty until it has been read. `path` is decoded, without the query."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target's path, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, the first of each name."""
        found = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    def header(self, name: str) -> str:
        """Return a header's first value, empty if there is none."""
        return _header(self.headers, name)

    def without(self, *names: str) -> Request:
        """Return the request without some headers."""
        return replace(self, headers=[pair for pair in self.headers if pair[0].lower() not in names])


@dataclass(frozen=True)
class Answer:
    """An answer; `sized` False leaves Content-Length to whoever writes the headers."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    sized: bool = True

    def header(self, name: str) -> str:
        """Return a header's first value, empty if there is none."""
        return _header(self.headers, name)

    def with_headers(self, *added: tuple[str, str]) -> Answer:
        """Return the answer with headers added, in the place of those with the same names."""
        names = {name.lower() for name, _ in added}
        return replace(self, headers=[*(pair for pair in self.headers if pair[0].lower() not in names), *added])

    def head(self) -> bytes:
        """Return status line and headers as bytes."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Injected"
        headers = list(self.headers)
        if self.sized and not self.header("content-length") and self.status not in (204, 304):
            headers.append(("Content-Length", str(len(self.body))))
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def parts(self, request: Request) -> tuple[bytes, ...]:
        """Return what is sent in answer to `request`: HEAD gets no body (RFC 9110, section 9.3.2)."""
        return (self.head(),) if request.method == "HEAD" or not self.body else (self.head(), self.body)


def read_head(stream: BinaryIO) -> Request | None:
    """Return the next request without its body, None where the client has gone or talks nonsense."""
    line = stream.readline(PIECE)
    words = line.decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    headers = http.client.parse_headers(stream)
    return Request(words[0], words[1], [(name, str(value)) for name, value in headers.items()])


def read_body(stream: BinaryIO, request: Request, at: int | None = None, pause: Callable[[], object] = bool) -> bytes:
    """Return a request's body; before its byte `at` is read, `pause` is called."""
    if "chunked" in request.header("transfer-encoding").lower():
        return _chunks(stream)
    size = int(request.header("content-length") or 0)
    body = b""
    if at is not None:
        body = stream.read(min(at, size))
        pause()
    body += stream.read(size - len(body))
    if len(body) < size:
        raise ConnectionError("the client went away in the middle of its request")
    return body


def _chunks(stream: BinaryIO) -> bytes:
    body = bytearray()
    while size := int(stream.readline(PIECE).split(b";")[0], 16):
        body += stream.read(size)
        stream.readline(PIECE)
    while stream.readline(PIECE).strip():
        pass  # trailers
    return bytes(body)


def forwarded(request: Request, host: str, port: int, tls: bool) -> Answer:
    """Send a request to the server and return its answer; each on a connection of its own, so that none is stale."""
    if tls:
        insecure = ssl.create_default_context()
        insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE  # both ends are the test's
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=UPSTREAM_SECONDS, context=insecure
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=UPSTREAM_SECONDS)
    try:
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            if name.lower() not in _OF_THE_CONNECTION:
                connection.putheader(name, value.encode("latin-1"))
        if request.body or request.header("content-length") or request.method in ("PUT", "POST"):
            connection.putheader("Content-Length", str(len(request.body)))
        connection.putheader("Connection", "close")
        connection.endheaders(request.body or None)
        reply = connection.getresponse()
        body = reply.read()
        kept = handed_on(reply.getheaders())
        if request.method == "HEAD" and (size := reply.getheader("content-length")):
            kept.append(("Content-Length", size))
        return Answer(reply.status, kept, body)
    finally:
        connection.close()


def handed_on(headers: Headers) -> Headers:
    """Return the headers that are about the content, not about one connection."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_CONNECTION]


def _header(headers: Headers, name: str) -> str:
    return next((value for each, value in headers if each.lower() == name.lower()), "")
