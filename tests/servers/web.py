"""A web server in this process whose every answer can be scripted."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

__all__ = ["Asked", "Page", "Web", "web_server"]


@dataclass
class Page:
    """A file on the server. `etag` and `modified` are headers, None for none."""

    data: bytes
    etag: str | None = '"v1"'
    modified: str | None = "Sun, 15 Mar 2026 12:00:00 GMT"
    content_type: str = "text/plain"
    chunked: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]


class Web:
    """Pages by path, and what is to go wrong."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.knows_ranges = True
        self.knows_if_range = True
        self.head_status: int | None = None
        self.answers: dict[str, list[tuple[int, dict[str, str]]]] = {}
        """By path: statuses with headers that come before the page does."""
        self.cuts: dict[str, list[int]] = {}
        """By path: after how many bytes of the body the connection is lost, one for each answer."""
        self.after_cut: dict[str, Page] = {}
        """By path: what the page is after a cut."""
        self.silent = threading.Event()
        self.silent.set()
        """Cleared, no request is answered."""
        self.base = ""

    def put(self, path: str, data: bytes, **how: Any) -> None:
        self.pages["/" + path.lstrip("/")] = Page(data, **how)

    def count(self, method: str) -> int:
        return sum(asked.method == method for asked in self.asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        web = self.web
        path = unquote(self.path.partition("?")[0])
        web.asked.append(Asked(self.command, self.path, {name.lower(): text for name, text in self.headers.items()}))
        web.silent.wait(60)
        if not body and web.head_status is not None:
            return self._refuse(web.head_status, {})
        if web.answers.get(path):
            return self._refuse(*web.answers[path].pop(0))
        page = web.pages.get(path)
        if page is None:
            return self._refuse(404, {})
        self._serve(path, page, body=body)
        return None

    def _refuse(self, status: int, headers: dict[str, str]) -> None:
        text = b"" if self.command == "HEAD" else b"no"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _serve(self, path: str, page: Page, *, body: bool) -> None:
        data, status, told = page.data, 200, None
        asked = self.headers.get("Range") if body and self.web.knows_ranges else None
        pin = self.headers.get("If-Range")
        if asked and (pin is None or not self.web.knows_if_range or pin in (page.etag, page.modified)):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), int(last) + 1 if last else len(data)
            if start >= len(data):
                return self._refuse(416, {"Content-Range": f"bytes */{len(data)}"})
            told = f"bytes {start}-{min(stop, len(data)) - 1}/{len(data)}"
            data, status = data[start:stop], 206
        self.send_response(status)
        headers = {"ETag": page.etag, "Last-Modified": page.modified, "Content-Range": told, **page.headers}
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Content-Type", page.content_type)
        self.send_header(*(("Transfer-Encoding", "chunked") if page.chunked else ("Content-Length", str(len(data)))))
        self.end_headers()
        if body:
            self._send(path, data, chunked=page.chunked)
        return None

    def _send(self, path: str, data: bytes, *, chunked: bool) -> None:
        cuts = self.web.cuts.get(path)
        cut = cuts.pop(0) if cuts else None
        if chunked:
            data = b"%x\r\n%s\r\n" % (len(data), data) if data else b""
            data += b"0\r\n\r\n"
        try:
            self.wfile.write(data[:cut])
            self.wfile.flush()
        except OSError:  # the client has gone
            self.close_connection = True
            return
        if cut is not None:
            if path in self.web.after_cut:
                self.web.pages[path] = self.web.after_cut.pop(path)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go are part of the tests."""


@contextmanager
def web_server(tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    """Run a server on a free port of the loopback for the block, with `tls` for https."""
    web = Web()
    handler = type("Handler", (_Handler,), {"web": web})
    server = _Server(("127.0.0.1", 0), handler)
    web.base = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.silent.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
