"""Sending one request through the pipeline, and receiving its answer."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, TypeAlias, cast
from urllib.parse import quote

import anyio
from azure.core.pipeline.transport import HttpRequest

from ..._http.incoming import incoming
from .bodies import Outgoing
from .clients import Clients, Connection
from .documents import MAX_DOCUMENT
from .errors import fault_of, refusal, unexpected

__all__ = ["Query", "Reply", "Sender"]

MAX_REFUSAL = 64 * 1024
"""Bytes of an error's document that are read."""

Query: TypeAlias = Mapping[str, str]


class Reply:
    """An answer: its status, its headers in lower case, its body while it lasts or once it was read."""

    def __init__(self, response: Any, connection: Connection) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers  # of either library: any case finds them
        self.incoming = incoming(response.internal_response)
        self.connection = connection
        self.body = b""

    async def load(self, limit: int, verb: str) -> None:
        """Read the body and give the connection back."""
        ended = False
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := await self.incoming.next():
                size += len(piece)
                if size > limit:
                    raise unexpected(f"a document of more than {limit} bytes", verb)
                pieces.append(piece)
            ended = True
        finally:
            with anyio.CancelScope(shield=True):
                await self.incoming.aclose(ended=ended)
        self.body = b"".join(pieces)


class Sender:
    """Sends requests of one backend to one endpoint of its account; `sent` counts them."""

    def __init__(self, account_url: str, clients: Clients, sent: Counter[str] | None = None) -> None:
        self._account_url = account_url
        self._clients = clients
        self.sent: Counter[str] = Counter() if sent is None else sent
        self._mark = secrets.token_hex(4)

    async def send(
        self,
        verb: str,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Outgoing = b"",
        size: int = 0,
        ok: tuple[int, ...],
    ) -> Reply:
        """Send a request and return its answer, read; a fault for a status that is not in `ok`."""
        try:
            reply = await self._answered(verb, method, path, query or {}, headers or {}, body, size)
            await reply.load(MAX_DOCUMENT if reply.status in ok else MAX_REFUSAL, verb)
        except Exception as error:
            raise fault_of(error, verb) from error
        if reply.status not in ok:
            raise refusal(reply.status, reply.headers, reply.body, verb)
        if "x-ms-request-id" not in reply.headers and not reply.body:  # a document tells by itself whose it is
            raise unexpected("the answer has no request id", verb, maybe_done=method != "GET")
        return reply

    async def open(self, verb: str, method: str, path: str, *, query: Query, headers: Mapping[str, str]) -> Reply:
        """Send a request and return its answer, whose body has yet to be read."""
        try:
            reply = await self._answered(verb, method, path, query, headers, b"", 0)
            if reply.status not in (200, 206):
                await reply.load(MAX_REFUSAL, verb)
        except Exception as error:
            raise fault_of(error, verb) from error
        if reply.status not in (200, 206):
            raise refusal(reply.status, reply.headers, reply.body, verb)
        return reply

    async def _answered(
        self,
        verb: str,
        method: str,
        path: str,
        query: Query,
        headers: Mapping[str, str],
        body: bytes | Outgoing,
        size: int,
    ) -> Reply:
        connection = await self._clients.get()
        request = HttpRequest(method, self._url(path, query), headers={**connection.headers, **headers})
        asked = request.headers["x-ms-client-request-id"] = f"{self._mark}-{sum(self.sent.values())}"
        request.headers["x-ms-date"] = format_datetime(datetime.now(UTC), usegmt=True)
        if method in ("PUT", "POST", "PATCH"):
            request.headers["Content-Length"] = str(size)
            if size:
                request.headers["Content-Type"] = headers.get("Content-Type", "application/octet-stream")
                request.data = cast("Any", body)
        await connection.turns.take()
        try:
            self.sent[verb] += 1
            run = await connection.pipeline.run(request, stream=True, **connection.settings)
        finally:
            connection.turns.give()
        reply = Reply(run.http_response, connection)
        if reply.headers.get("x-ms-client-request-id", asked) != asked:
            # The service repeats it. A second answer to an earlier request must not pass for this one's.
            await reply.incoming.aclose(ended=False)
            raise unexpected("the answer is that to another request", verb, maybe_done=True)
        return reply

    def _url(self, path: str, query: Query) -> str:
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"{self._account_url}/{path}?{asked}" if asked else f"{self._account_url}/{path}"
