"""azure-core's transport on httpx, which runs on trio (and on asyncio)."""

from __future__ import annotations

import ssl
from typing import Any, Self

import anyio
import httpx2 as httpx
from azure.core.pipeline.transport import AsyncHttpResponse, AsyncHttpTransport, HttpRequest
from azure.core.utils import case_insensitive_dict

from ..._http.quiet import Born, Watched, close_all

__all__ = ["HttpxTransport"]


class HttpxTransport(AsyncHttpTransport[Any, Any]):
    """Sends azure-core's requests with an httpx client, which it owns.

    The pool may keep callers waiting as long as it takes: they have a deadline of their own. A write may stall as
    long as a read.
    """

    def __init__(
        self,
        *,
        connections: int,
        tls: ssl.SSLContext | None,
        timeouts: tuple[float, float],
        environment: bool,
        proxy: str | None = None,
    ) -> None:
        connect, read = timeouts
        self._client = httpx.AsyncClient(
            verify=tls if tls is not None else True,
            timeout=httpx.Timeout(connect=connect, read=read, write=read, pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=environment,
            proxy=proxy,
            follow_redirects=False,
        )

    async def open(self) -> None:
        """Do nothing: connections are made when they are needed."""

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def send(self, request: HttpRequest, **_: Any) -> HttpxResponse:
        """Send a request; the body of the answer has yet to be read. What was begun for it ends with it."""
        content: Any = request.data or None
        wanted = self._client.build_request(
            request.method, request.url, headers=list(request.headers.items()), content=content
        )
        born: Born = []
        try:
            return HttpxResponse(request, await Watched(self._client.send(wanted, stream=True), born))
        finally:
            if born:
                with anyio.CancelScope(shield=True):
                    await close_all(born)


class HttpxResponse(AsyncHttpResponse):
    """An answer as azure-core's policies look at it."""

    def __init__(self, request: HttpRequest, answer: httpx.Response) -> None:
        super().__init__(request, answer)
        self.status_code = answer.status_code
        # httpx itself forgets in which case a name came, and metadata has its keys there.
        raw = [(name.decode("ascii"), value.decode("latin-1")) for name, value in answer.headers.raw]
        self.headers = case_insensitive_dict(raw)
        self.reason = answer.reason_phrase
        self.content_type = answer.headers.get("content-type")
