"""The HTTP backend against a scripted server, native on both loops and blocking, on each transport."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from remote_store import RetryPolicy
from remote_store.aio.backends import AsyncReadOnlyHttpBackend
from remote_store.backends import ReadOnlyHttpBackend
from tests.servers.web import Web, web_server

QUICK = RetryPolicy(max_attempts=3, backoff_base=0.001, backoff_max=0.002, jitter=0.0)


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as web:
        yield web


class Client:
    """A backend on one face, whose methods are called by name and answer all they have."""

    def __init__(self, face: str, transport: str, web: Web) -> None:
        self.face = face
        self.transport = transport
        self.web = web

    def make(self, base: str | None = None, **options: Any) -> Any:
        options = {"retry": QUICK, "http_client": self.transport, **options}
        cls: Any = ReadOnlyHttpBackend if self.face == "sync" else AsyncReadOnlyHttpBackend
        return cls(base or self.web.base, **options)

    def do(self, method: str, *args: Any, backend: Any = None, **options: Any) -> Any:
        """Call a method of a fresh backend, or of `backend`, and return all of its answer."""
        if self.face == "sync":
            return self._blocking(method, args, backend or self.make(**options))

        async def main() -> Any:
            made = backend or self.make(**options)
            try:
                answer = getattr(made, method)(*args)
                if hasattr(answer, "__await__"):
                    return await answer
                if not hasattr(answer, "__anext__"):
                    return answer
                return b"".join([chunk async for chunk in answer])
            finally:
                await made.aclose()

        return anyio.run(main, backend=self.face)

    def _blocking(self, method: str, args: tuple[Any, ...], backend: Any) -> Any:
        try:
            answer = getattr(backend, method)(*args)
            if hasattr(answer, "read"):
                with answer:
                    return answer.read()
            return answer
        finally:
            backend.close()


@pytest.fixture(
    params=[f"{face}-{transport}" for face in ("sync", "asyncio", "trio") for transport in ("httpx", "urllib")]
)
def client(request: pytest.FixtureRequest, web: Web) -> Client:
    """Return a client on each face and each transport."""
    face, _, transport = request.param.partition("-")
    return Client(face, transport, web)
