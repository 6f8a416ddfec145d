"""The SDK's session on aiohttp, without aiohttp's own second try and its own ways to other hosts."""

from __future__ import annotations

from typing import Any

from aiobotocore.httpsession import AIOHTTPSession

from ..._http.asyncio_connections import mind_stalls
from .documents import Answers, document_of, read_as_stream

__all__ = ["OneTrySession"]


class OneTrySession(AIOHTTPSession):  # type: ignore[misc]  # the SDK has no types
    """As its base, but a request is sent once, to the host it was signed for.

    aiohttp sends a PUT or DELETE again by itself if its connection is closed without an answer. The first may have
    been carried out, and the second then meets its own object: we must know that to tell the truth (DECISIONS 25).
    It follows redirects too, and what the other host says would be believed. Its connections mind stalls.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answers = Answers()

    async def send(self, request: Any) -> Any:
        """Send a request."""
        return await read_as_stream(request, super().send, _document, _drop, self._answers)

    async def _create_connector(self, proxy_url: str | None) -> Any:
        connector = await super()._create_connector(proxy_url)
        mind_stalls(connector)
        return connector

    async def _get_session(self, proxy_url: str | None) -> Any:
        session = await super()._get_session(proxy_url)
        session._retry_connection = False
        return _Straight(session)


class _Straight:
    """A session that follows no redirect: it is the only thing that the base does with one."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def request(self, method: str, **options: Any) -> Any:
        """Send a request."""
        return await self._session.request(method, allow_redirects=False, **options)


async def _document(response: Any) -> bytes:
    """Read a document; the connection of one that is not read to its end is closed."""
    try:
        body = await document_of(response.raw.content.readany)
    except BaseException:
        response.raw.close()
        raise
    response.raw.release()
    return body


async def _drop(raw: Any) -> None:
    """Close an answer's connection."""
    raw.close()
