"""The SDK's session on httpx, whose cancelled requests leave no generator behind that trio would warn about."""

from __future__ import annotations

from typing import Any

import anyio
from aiobotocore.httpxsession import HttpxSession

from ..._http.quiet import Born, Watched, close_all

__all__ = ["TidyHttpxSession"]


class TidyHttpxSession(HttpxSession):  # type: ignore[misc]  # the SDK has no types
    """As its base; the generators of a request's body end with the request."""

    async def send(self, request: Any) -> Any:
        """Send a request."""
        born: Born = []
        try:
            return await Watched(super().send(request), born)
        finally:
            if born:
                with anyio.CancelScope(shield=True):
                    await close_all(born)
