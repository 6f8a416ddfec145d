"""Answers that are documents: read by us, with limits, before the SDK parses them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from ..._http.retrying import Fault

__all__ = ["DOCUMENT_BYTES", "Answers", "document_of", "read_as_stream"]

DOCUMENT_BYTES = 16 * 1024 * 1024
"""The largest document that is read. A page of 1,000 keys of 1,024 bytes, each byte escaped, has 7 MiB."""
REMEMBERED = 256
"""Request ids that are kept, to know them again."""
DOCUMENT_SECONDS = 60.0
"""How long a document may take in all: one that trickles never stalls."""


class Answers:
    """Notices an answer that has come before.

    A server, or what stands between, may answer a request twice; the second answer then lies on the connection and
    would be taken for that to the next request, and so on (RELIABILITY 10). Its request id gives it away. A server
    whose ids are all the same is found out by the next answer, which comes on another connection.
    """

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._repeated = ""
        self._mute = False

    def is_new(self, response: Any) -> bool:
        """Return whether an answer can be that to the request that was sent last."""
        number = response.headers.get("x-amz-request-id", "")
        if self._mute or not number:
            return True
        if number not in self._ids:
            self._ids[number] = None
            if len(self._ids) > REMEMBERED:
                self._ids.popitem(last=False)
            return True
        self._mute = number == self._repeated
        self._repeated = number
        return self._mute


async def read_as_stream(
    request: Any,
    send: Callable[[Any], Awaitable[Any]],
    read: Callable[[Any], Awaitable[bytes]],
    drop: Callable[[Any], Awaitable[None]],
    answers: Answers,
) -> Any:
    """Send a request without reading its answer, then let `read` have what is a document: no object, or an error.

    The SDK would read all that comes, as long as something comes. An answer to another request is left to `drop`.
    """
    streams, request.stream_output = request.stream_output, True
    try:
        response = await send(request)
    finally:
        request.stream_output = streams
    if not answers.is_new(response):
        await drop(response.raw)
        raise Fault("Unexpected", "the answer to another request came", may_retry=True, maybe_done=True)
    if not streams or response.status_code >= 300:
        response._content = await read(response)
    return response


async def document_of(following: Callable[[], Awaitable[bytes | None]]) -> bytes:
    """Return a document whose pieces `following` returns, until one is empty or None; a Fault for one too large."""
    body = bytearray()
    with anyio.CancelScope(deadline=anyio.current_time() + DOCUMENT_SECONDS) as scope:
        while piece := await following():
            body += piece
            if len(body) > DOCUMENT_BYTES:
                raise Fault("Unexpected", "a document larger than any of S3's came", may_retry=True, maybe_done=True)
    if scope.cancelled_caught:
        raise Fault("Timeout", "the document came too slowly", may_retry=True, maybe_done=True)
    if b"<!DOCTYPE" in body or b"\0" in body:
        # A second of computing, or more, before the parser gives up on entities; S3's documents declare nothing.
        raise Fault("Unexpected", "a document came that is none of S3's", may_retry=True, maybe_done=True)
    return bytes(body)
