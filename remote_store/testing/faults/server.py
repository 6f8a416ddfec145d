"""The proxy itself: it takes connections, reads requests, has them answered, and spoils what the script says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPException
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from .answers import Delivery, End, Exchange, Memory, answered, spoilt
from .dialects import Dialect
from .fault import Fault
from .messages import Answer, Request, forwarded, read_body, read_head
from .script import Script, Strike
from .streams import pumped
from .waiting import Link, held, reset

__all__ = ["Server"]

BACKLOG = 1024
DOOM_SECONDS = 2.0
"""How long a script that refuses connections waits for those that are open to be reset."""
CREDENTIALS = ("authorization", "x-amz-security-token", "cookie")


@dataclass(frozen=True)
class Upstream:
    """The real server."""

    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, url: str) -> Upstream:
        """Return the server of a URL: ``http://host:port``, ``https://host:port`` or ``tcp://host:port``."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "tcp") or not parts.hostname:
            raise ValueError(f"upstream must be http://host:port, https://host:port or tcp://host:port, not {url!r}")
        return cls(
            parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0), parts.scheme == "https"
        )


class Server:
    """A proxy on a loopback port. `dialect` None passes bytes on without reading them. `certificate` is a PEM file."""

    def __init__(self, upstream: str, dialect: Dialect | None, certificate: str = "", port: int = 0) -> None:
        self.script = Script()
        self._upstream = Upstream.of(upstream)
        self._dialect = dialect
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._certificate = certificate
        if certificate:
            self._context(certificate)
        self._port = Port(port, self._met)
        self._trap = Port(0, lambda connection: lambda: self._trapped(connection))
        self._memory: Memory = {}
        self._links: set[Link] = set()
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """The port to connect to."""
        return self._port.number

    @property
    def trap(self) -> str:
        """Where redirects lead: a server that nobody may follow to, and that writes down who does."""
        return f"http://127.0.0.1:{self._trap.number}"

    def load(self, faults: list[Fault]) -> None:
        """Begin a script."""
        self.script.load(faults)
        self._memory = {}
        refusal = next((fault for fault in faults if fault.kind == "refuse"), None)
        if refusal is None:
            self._port.open()
            return
        self._port.close()
        with self._lock:
            links = list(self._links)
        for link in links:
            link.doom()
        self.script.wait_idle(DOOM_SECONDS)
        if refusal.seconds:
            threading.Thread(target=self._reopen, args=(refusal.seconds, self.script.ended), daemon=True).start()

    def _reopen(self, seconds: float, ended: threading.Event) -> None:
        if not ended.wait(seconds):
            self._port.open()

    def stop(self) -> None:
        """Close all there is."""
        self.script.load([])
        self._port.close()
        self._trap.close()

    def _context(self, certificate: str) -> ssl.SSLContext:
        if certificate not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[certificate] = context
        return self._contexts[certificate]

    # One connection

    def _met(self, connection: socket.socket) -> Callable[[], None]:
        """Note a connection, and return what serves it."""
        number = self.script.opened()
        link = Link(connection)
        with self._lock:
            self._links.add(link)
        return lambda: self._served(number, link)

    def _served(self, number: int, link: Link) -> None:
        try:
            self._serve(number, link)
        except (OSError, ValueError, HTTPException):
            pass  # a client that goes away, or a request that is none, is the client's affair
        finally:
            with self._lock:
                self._links.discard(link)
            link.end()
            self.script.closed()

    def _serve(self, number: int, link: Link) -> None:
        strike = self.script.connecting(number)
        if strike.fault is not None and self._struck_at_once(strike, strike.fault, link):
            return
        if self._dialect is None:
            pumped(link, self._upstream.host, self._upstream.port, strike)
            return
        if self._certificate:
            other = strike.fault.argument if strike.fault and strike.fault.kind == "certificate" else ""
            link.socket = self._context(other or self._certificate).wrap_socket(link.socket, server_side=True)
        stream = link.socket.makefile("rb")
        try:
            used = False
            while self._one(number, link, cast("BinaryIO", stream), used=used):
                used = True
        finally:
            stream.close()

    def _struck_at_once(self, strike: Strike, fault: Fault, link: Link) -> bool:
        """Do what a fault of the connection itself does; return whether that was the end of it."""
        if fault.kind == "tls-reset":
            link.socket.recv(1)
        elif fault.kind in ("blackhole", "delay"):
            held(link.socket, fault.seconds or None, strike.ended)
        elif fault.kind not in ("reset", "close"):
            return False
        strike.record.text = f"{fault.kind} as it was made"
        link.doomed = fault.kind not in ("close", "delay")
        return fault.kind != "delay"

    def _one(self, number: int, link: Link, stream: BinaryIO, *, used: bool) -> bool:
        """Serve one request; return whether the connection can have another."""
        request = read_head(stream)
        if request is None or self._dialect is None:
            return False
        verb = self._dialect.verb(request)
        strike = self.script.asking(number, verb, request.method, request.path, used=used)
        if strike.fault is not None and strike.fault.kind == "stale":
            strike.record.text = "closed as the next request came"
            return False
        request = self._with_body(request, stream, link, strike)
        delivery = self._delivery(strike, request)
        strike.record.text = delivery.text
        self._send(delivery, link, strike.ended)
        return delivery.end is End.KEEP and not link.doomed and request.header("connection").lower() != "close"

    def _with_body(self, request: Request, stream: BinaryIO, link: Link, strike: Strike) -> Request:
        fault = strike.fault
        if request.header("expect").lower() == "100-continue":
            link.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault is None or fault.kind != "stall-upload":
            return replace(request, body=read_body(stream, request))
        size = int(request.header("content-length") or 0)
        at = fault.position(size) if fault.offset is not None else 0
        pause = partial(held, link.socket, fault.seconds or None, strike.ended)
        return replace(request, body=read_body(stream, request, at, pause))

    def _delivery(self, strike: Strike, request: Request) -> Delivery:
        assert self._dialect is not None
        try:
            if strike.fault is None:
                answer = answered(request, self._forward, self._memory)
                return Delivery(f"passed on, status {answer.status}", answer.parts(request))
            return spoilt(
                Exchange(
                    request,
                    strike.fault,
                    self._dialect,
                    self._forward,
                    self.trap,
                    strike.match,
                    f"{strike.script}-{strike.match}",
                    self._memory,
                )
            )
        except (OSError, HTTPException) as error:
            return Delivery(f"the server failed: {type(error).__name__}", end=End.RESET)

    def _forward(self, request: Request) -> Answer:
        return forwarded(request, self._upstream.host, self._upstream.port, self._upstream.tls)

    def _send(self, delivery: Delivery, link: Link, ended: threading.Event) -> None:
        """Send what is to be sent, and say what is to become of the connection."""
        if delivery.before:
            held(link.socket, delivery.before, ended)
        for piece in delivery.first:
            link.socket.sendall(piece)
        for index in range(len(delivery.slowly)):
            if held(link.socket, delivery.pace, ended):
                link.doomed = True
                return
            link.socket.sendall(delivery.slowly[index : index + 1])
        if delivery.hold != 0.0:
            held(link.socket, delivery.hold, ended)
        if delivery.end is End.RESET:
            link.doomed = True
        link.abandoned = delivery.end is End.ABANDON

    # The trap

    def _trapped(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as stream:
            request = read_head(cast("BinaryIO", stream))
            if request is None:
                return
            shown = any(request.header(name) for name in CREDENTIALS) or "Signature=" in request.target
            self.script.trapped(credentials=shown)
            headers = [("ETag", '"trap"'), ("x-amz-request-id", "TRAP"), ("Connection", "close")]
            connection.sendall(b"".join(Answer(200, headers, b"trapped").parts(request)))


class Port:
    """A port on loopback that can be closed, so that connections are refused, and opened again under its number."""

    def __init__(self, number: int, met: Callable[[socket.socket], Callable[[], None]]) -> None:
        self._met = met
        self._lock = threading.Lock()
        self._holder = _bound(number)  # bound and never listening: nobody else gets the number meanwhile
        self.number: int = self._holder.getsockname()[1]
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        """Listen, unless it does already."""
        if self._listener is None:
            self._listener = _bound(self.number)
            self._listener.listen(BACKLOG)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections from now on; those that were taken before have been noted."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed
            with self._lock:
                serve = self._met(connection) if self._listener is listener else None
            if serve is None:
                reset(connection)
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, daemon=True).start()


def _bound(number: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", number))
    return made
