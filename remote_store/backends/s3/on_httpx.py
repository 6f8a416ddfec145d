"""The SDK's session on httpx, whose requests leave no generator behind that trio would warn about."""

from __future__ import annotations

from typing import Any

import anyio
from aiobotocore.httpxsession import HttpxSession

from ..._http.quiet import Born, Watched, close_all
from .documents import Answers, document_of, read_as_stream

__all__ = ["TidyHttpxSession"]


class TidyHttpxSession(HttpxSession):  # type: ignore[misc]  # the SDK has no types
    """As its base; the generators of a request's body end with the request. Redirects are not followed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answers = Answers()

    async def send(self, request: Any) -> Any:
        """Send a request."""
        born: Born = []
        try:
            return await Watched(read_as_stream(request, super().send, _document, _drop, self._answers), born)
        finally:
            if born:
                with anyio.CancelScope(shield=True):
                    await close_all(born)


async def _document(response: Any) -> bytes:
    """Read a document; the connection of one that is not read to its end is closed."""
    chunks = response.raw.aiter_raw()
    try:
        return await document_of(lambda: anext(chunks, None))
    finally:
        with anyio.CancelScope(shield=True):
            await response.raw.aclose()


async def _drop(raw: Any) -> None:
    """Close an answer's connection: one whose body has not been read is not used again."""
    with anyio.CancelScope(shield=True):
        await raw.aclose()
