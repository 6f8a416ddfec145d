"""The SDK's session on httpx, whose cancelled requests leave no generator behind that trio would warn about."""

from __future__ import annotations

from typing import Any

from aiobotocore.httpxsession import HttpxSession

from .quiet import Quiet

__all__ = ["QuietHttpxSession"]


class QuietHttpxSession(HttpxSession):  # type: ignore[misc]  # the SDK has no types
    """As its base, quietly."""

    async def send(self, request: Any) -> Any:
        """Send a request."""
        return await Quiet(super().send(request))
