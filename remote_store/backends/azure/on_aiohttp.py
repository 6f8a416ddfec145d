"""azure-core's own transport on aiohttp, for asyncio, without aiohttp's second try."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport

from ..._http.asyncio_connections import mind_stalls

__all__ = ["aiohttp_transport"]


def aiohttp_transport(
    *, connections: int, tls: ssl.SSLContext | None, timeouts: tuple[float, float], environment: bool
) -> AsyncHttpTransport[Any, Any]:
    """Return a transport with at most so many connections.

    aiohttp sends a PUT or DELETE again by itself if its connection is closed without an answer. The first may have
    been carried out, and the second then meets its own blob: we must know that to tell the truth (DECISIONS 25).
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=tls if tls is not None else True),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=environment,
    )
    session._retry_connection = False
    mind_stalls(session.connector)
    connect, read = timeouts
    transport: AsyncHttpTransport[Any, Any] = AioHttpTransport(
        session=session, session_owner=True, connection_timeout=connect, read_timeout=read
    )
    return transport
