"""What a server's answers mean: refusals and exceptions become faults, and faults become our errors."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ..._core.errors import (
    BackendUnavailable,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    RemoteStoreError,
    ResourceLocked,
    TimeoutExceeded,
    UnexpectedResponse,
)
from ..._http.retrying import Fault, pause_asked

__all__ = ["MISSING", "Place", "failure", "fault_of", "refusal", "translated", "unexpected"]

MISSING = frozenset({"404", "410"})
"""Codes of a file that is not there."""
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may pass."""

_BY_CODE: dict[str, tuple[type[RemoteStoreError], str]] = {
    "401": (PermissionDenied, "Access denied"),
    "403": (PermissionDenied, "Access denied"),
    "404": (NotFound, "Not found"),
    "407": (PermissionDenied, "Access denied by the proxy"),
    "410": (NotFound, "Not found"),
    "412": (PreconditionFailed, "The file has changed"),
    "423": (ResourceLocked, "The file is locked"),
    "429": (BackendUnavailable, "The server is throttled"),
    "503": (BackendUnavailable, "The server is throttled or overloaded"),
    "Changed": (PreconditionFailed, "The file was replaced while it was read; open it again"),
    "Deadline": (TimeoutExceeded, "Gave up"),
    "Timeout": (TimeoutExceeded, "No answer in time"),
    "TLS": (PermissionDenied, "The server's certificate is not trusted"),
    "Unexpected": (UnexpectedResponse, "Not the answer that was asked for"),
    "Unreachable": (BackendUnavailable, "Can't reach the server"),
    "Body": (BackendUnavailable, "Stream error"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """What an operation is about: the names that its errors have."""

    path: str
    backend: str


def refusal(status: int, headers: Mapping[str, str], verb: str) -> Fault:
    """Return the fault of an answer that is none of those hoped for."""
    return Fault(
        str(status),
        f"HTTP {status}",
        status=status,
        verb=verb,
        may_retry=status in AGAIN,
        pause=pause_asked(headers.get("retry-after"), headers.get("date")),
    )


def unexpected(text: str, verb: str) -> Fault:
    """Return the fault of an answer that can't be the server's answer to this."""
    return Fault("Unexpected", text, verb=verb)


def fault_of(error: Exception, verb: str, *, body: bool = False) -> Fault:
    """Return the fault for an exception of the HTTP library or of the sockets below it."""
    if isinstance(error, Fault):
        return error
    chain = _chain(error)
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain):
        return Fault("TLS", _text(chain), verb=verb)
    if any(isinstance(each, TimeoutError) or "Timeout" in type(each).__name__ for each in chain):
        return Fault("Timeout", "no answer in time", verb=verb, may_retry=True)
    if any(type(each).__name__ in ("InvalidURL", "LocalProtocolError", "UnsupportedProtocol") for each in chain):
        return Fault("Unexpected", _text(chain), verb=verb)
    if any(isinstance(each, socket.gaierror) and each.errno == socket.EAI_NONAME for each in chain):
        return Fault("Unreachable", _text(chain), verb=verb)
    # A pooled connection that the server closed while it rested; without an answer nothing was begun.
    stale = not body and any("without sending a response" in str(each) for each in chain)
    return Fault("Body" if body else "Unreachable", _text(chain), verb=verb, may_retry=True, stale=stale)


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    waiting: list[BaseException | object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and each not in chain:
            chain.append(each)
            # urllib keeps the cause as an attribute, the others as a cause.
            waiting += [getattr(each, "reason", None), each.__cause__, each.__context__]
    return chain


def _text(chain: list[BaseException]) -> str:
    return next((str(each) for each in chain if str(each)), type(chain[0]).__name__)


def failure(fault: Fault, place: Place) -> RemoteStoreError:
    """Return our error for a fault."""
    if fault.code not in _BY_CODE:
        kind: type[RemoteStoreError] = BackendUnavailable if fault.status in AGAIN else RemoteStoreError
        text = f"HTTP {fault.status}: {place.path}" if fault.status else fault.text
    else:
        kind, meaning = _BY_CODE[fault.code]
        text = f"{meaning}: {place.path}" if fault.status else f"{meaning}: {fault.text}"
        text += f" (HTTP {fault.status})" if fault.status and kind is not NotFound else ""
    attempts = f" ({fault.attempts} attempts)" if fault.attempts > 1 else ""
    return kind(text + attempts, path=place.path, backend=place.backend)


@contextmanager
def translated(place: Place) -> Iterator[None]:
    """Raise our error for a fault that comes out of the block."""
    try:
        yield
    except Fault as fault:
        raise failure(fault, place) from fault.__cause__
