"""The SDK's session on aiohttp, without aiohttp's own second try."""

from __future__ import annotations

from typing import Any

from aiobotocore.httpsession import AIOHTTPSession

__all__ = ["OneTrySession"]


class OneTrySession(AIOHTTPSession):  # type: ignore[misc]  # the SDK has no types
    """As its base, but a request is sent once.

    aiohttp sends a PUT or DELETE again by itself if its connection is closed without an answer. The first may have
    been carried out, and the second then meets its own object: we must know that to tell the truth (DECISIONS 25).
    """

    async def _get_session(self, proxy_url: str | None) -> Any:
        session = await super()._get_session(proxy_url)
        session._retry_connection = False
        return session
