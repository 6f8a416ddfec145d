"""The account on two loopback ports, one for each endpoint, with a log of requests and faults on demand."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

from .asked import Answer, Asked
from .blobs import Blobs
from .paths import Paths
from .signing import check
from .tree import Refused, Tree

__all__ = ["FakeAccount", "Filesystem", "fake_account"]

NAME = "fakeaccount"
Fault = Callable[[Asked, Callable[[], Answer]], Answer]
"""Gets the request and what carries it out, and returns the answer to send; ConnectionError drops the connection."""


class FakeAccount:
    """An account whose namespace is hierarchical, with one key. `requests` has (endpoint, verb, path) of each request."""

    def __init__(self) -> None:
        self.name = NAME
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.trees: dict[str, Tree] = {"fs": Tree()}
        self.paths = Paths(self.trees, NAME)
        self.blobs = Blobs(self.trees, NAME)
        self.requests: list[tuple[str, str, str]] = []
        self.ports: dict[str, int] = {}
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.RLock()

    @property
    def blob_url(self) -> str:
        """The Blob endpoint, with the account in its path as Azurite has it."""
        return f"http://127.0.0.1:{self.ports['blob']}/{NAME}"

    @property
    def dfs_url(self) -> str:
        """The Data Lake Storage endpoint."""
        return f"http://127.0.0.1:{self.ports['dfs']}/{NAME}"

    @property
    def connection_string(self) -> str:
        """What the portal gives, with both endpoints."""
        return f"AccountName={NAME};AccountKey={self.key};BlobEndpoint={self.blob_url};DfsEndpoint={self.dfs_url}"

    def filesystem(self, name: str) -> Filesystem:
        """Make a filesystem, or take it as it is, and return what looks into it."""
        return Filesystem(self, name, self.trees.setdefault(name, Tree()))

    def fail(self, verb: str, fault: Fault, times: int = 1) -> None:
        """Let the next requests of this verb go through `fault`."""
        self._faults += [(verb, fault)] * times

    def count(self, *verbs: str) -> int:
        """Return how many requests of these verbs have come; of all verbs where none is named."""
        return sum(not verbs or verb in verbs for _, verb, _ in self.requests)

    def answer(self, endpoint: str, asked: Asked) -> Answer:
        """Check who asks, and carry the request out, one at a time."""
        service: Any = self.paths if endpoint == "dfs" else self.blobs
        if "x-ms-version" not in asked.headers and "sv" not in asked.query:
            raise Refused(400, "MissingRequiredHeader")
        verb = service.verb(asked)
        check(asked, self.name, self.key)
        with self._lock:
            self.requests.append((endpoint, verb, asked.path))
            fault = self._next_fault(verb)
        return fault(asked, lambda: self._carry_out(service, asked)) if fault else self._carry_out(service, asked)

    def _carry_out(self, service: Any, asked: Asked) -> Answer:
        with self._lock:
            answer: Answer = service.answer(asked)
            return answer

    def _next_fault(self, verb: str) -> Fault | None:
        for index, (wanted, fault) in enumerate(self._faults):
            if wanted == verb:
                del self._faults[index]
                return fault
        return None


@dataclass(frozen=True)
class Filesystem:
    """A filesystem of the account, seen from behind."""

    account: FakeAccount
    name: str
    tree: Tree

    @property
    def options(self) -> dict[str, str]:
        """What a backend for it is made with."""
        return {"container": self.name, "connection_string": self.account.connection_string}

    def peek(self, key: str) -> bytes | None:
        """Return what is stored, None where there is no file."""
        node = self.tree.nodes.get(key)
        return None if node is None or node.directory else node.data

    def poke(self, key: str, data: bytes) -> None:
        """Store a file."""
        self.tree.put(key, self.tree.new(directory=False, data=data))

    def files(self) -> list[str]:
        """Return the paths of all files, temporary ones too."""
        return sorted(name for name, node in self.tree.nodes.items() if not node.directory)


@contextmanager
def fake_account() -> Iterator[FakeAccount]:
    """Run an account as long as the block lasts; its container is named "fs"."""
    account = FakeAccount()
    with contextlib.ExitStack() as stack:
        for endpoint in ("blob", "dfs"):
            account.ports[endpoint] = stack.enter_context(_listening(account, endpoint))
        yield account


@contextmanager
def _listening(account: FakeAccount, endpoint: str) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

        def handle_any(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            try:
                if "transfer-encoding" in headers:
                    self.close_connection = True
                    raise Refused(411, "MissingContentLengthHeader")
                asked = Asked.parsed(self.command, self.path, headers, body, account.name)
                self.send(account.answer(endpoint, asked))
            except Refused as refused:
                self.send(_error(refused, endpoint))
            except ConnectionError:
                self.close_connection = True

        def send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            length = {} if answer.status == 304 else {"Content-Length": str(len(answer.body))}
            for name, value in {
                **length,
                "x-ms-request-id": "1",
                "x-ms-version": "2023-11-03",
                **answer.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that go away are what is tested
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _error(refused: Refused, endpoint: str) -> Answer:
    """Return an error in the endpoint's form: JSON for Data Lake Storage, XML for blobs."""
    headers = {"x-ms-error-code": refused.code}
    if endpoint == "dfs":
        body = json.dumps({"error": {"code": refused.code, "message": "no"}}).encode()
        return Answer(refused.status, headers | {"Content-Type": "application/json;charset=utf-8"}, body)
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{escape(refused.code)}</Code><Message>no</Message></Error>'
    )
    return Answer(refused.status, headers | {"Content-Type": "application/xml"}, text.encode())
