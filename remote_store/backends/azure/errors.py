"""What the service's answers mean: refusals and exceptions become faults, and faults become our errors."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
from azure.core import exceptions as core

from ..._core.condition import ALWAYS, Condition, IfMatch
from ..._core.errors import (
    AlreadyExists,
    BackendUnavailable,
    CapabilityNotSupported,
    IntegrityError,
    InvalidConfig,
    InvalidPath,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    PreconditionFailed,
    RemoteStoreError,
    ResourceLocked,
    TimeoutExceeded,
    UnexpectedResponse,
)
from ..._http.asyncio_connections import UploadStalled
from ..._http.retrying import Fault, pause_asked

__all__ = ["MISSING", "NO_CONTAINER", "REFUSED", "Place", "failure", "fault_of", "refusal", "translated", "unexpected"]

NO_CONTAINER = frozenset({"ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled", "FilesystemNotFound"})
MISSING = frozenset({"BlobNotFound", "ResourceNotFound", "PathNotFound", "404"}) | NO_CONTAINER
"""Codes of a blob or container that is not there."""
REFUSED = frozenset(
    {
        "ConditionNotMet",
        "TargetConditionNotMet",
        "SourceConditionNotMet",
        "BlobAlreadyExists",
        "PathAlreadyExists",
        "412",
    }
)
"""Codes of a condition that does not hold: 412, and 409 for If-None-Match (DECISIONS 28)."""
THROTTLED = frozenset(
    {"ServerBusy", "IngressIsOverAccountLimit", "EgressIsOverAccountLimit", "TooManyRequests", "429", "503"}
)

_AGAIN = THROTTLED | {"InternalError", "OperationTimedOut", "Md5Mismatch", "Crc64Mismatch", "408", "500", "502", "504"}
"""Codes that may pass. A digest that is wrong at the service's end was spoilt on the way, once."""
_UNDONE = THROTTLED - {"503"}
"""Codes of requests that the service did not begin."""

_DENIED = "check the credentials and what they may do"
_LEASED = "The blob is leased by another client; wait until the lease ends, or break it"
_ARCHIVED = "The blob is archived and must be rehydrated first"
_OTHER_KIND = "A file is where a directory is meant, or the other way round"
_BAD_NAME = "The service forbids this name"
_SPOILT = "The bytes arrived with another checksum than they were sent with"
_BY_CODE: dict[str, tuple[type[RemoteStoreError], str]] = {
    "BlobNotFound": (NotFound, "File not found"),
    "ResourceNotFound": (NotFound, "File not found"),
    "PathNotFound": (NotFound, "File not found"),
    "SourcePathNotFound": (NotFound, "Source not found"),
    "FilesystemNotFound": (NotFound, "Not found: there is no such container; check its name and the account"),
    "404": (NotFound, "File not found"),
    "ContainerNotFound": (NotFound, "Not found: there is no such container; check its name and the account"),
    "ContainerBeingDeleted": (NotFound, "Not found: the container is being deleted"),
    "ContainerDisabled": (PermissionDenied, "Permission denied: the container is disabled"),
    "AuthenticationFailed": (PermissionDenied, "Permission denied: wrong signature; check account_key or sas_token"),
    "InvalidAuthenticationInfo": (PermissionDenied, "Permission denied: the service can't read the credentials"),
    "NoAuthenticationInformation": (PermissionDenied, f"Permission denied; {_DENIED}"),
    "AuthorizationFailure": (PermissionDenied, f"Permission denied; {_DENIED}"),
    "AuthorizationPermissionMismatch": (PermissionDenied, f"Permission denied; {_DENIED}"),
    "AuthorizationProtocolMismatch": (PermissionDenied, "Permission denied: the SAS is for https alone"),
    "AuthorizationResourceTypeMismatch": (PermissionDenied, "Permission denied: the SAS is for another scope"),
    "AuthorizationServiceMismatch": (PermissionDenied, "Permission denied: the SAS is for another service"),
    "AuthorizationSourceIPMismatch": (PermissionDenied, "Permission denied: not from this address"),
    "KeyBasedAuthenticationNotPermitted": (
        PermissionDenied,
        "Permission denied: the account takes no keys, only tokens",
    ),
    "InsufficientAccountPermissions": (PermissionDenied, f"Permission denied; {_DENIED}"),
    "AccountIsDisabled": (PermissionDenied, "Permission denied: the account is disabled"),
    "PublicAccessNotPermitted": (PermissionDenied, "Permission denied: the account allows no anonymous access"),
    "BlobImmutableDueToPolicy": (PermissionDenied, "Permission denied: a policy keeps the blob as it is"),
    "NoCredentials": (PermissionDenied, "Permission denied: no token was given; check the credential"),
    "TLS": (PermissionDenied, "Permission denied: the server's certificate is not trusted; check connection_verify"),
    "BlobArchived": (ResourceLocked, _ARCHIVED),
    "BlobBeingRehydrated": (ResourceLocked, "The blob is being rehydrated; wait until it is online"),
    "LeaseIdMissing": (ResourceLocked, _LEASED),
    "LeaseIdMismatchWithBlobOperation": (ResourceLocked, _LEASED),
    "LeaseLost": (ResourceLocked, _LEASED),
    "LeaseAlreadyPresent": (ResourceLocked, _LEASED),
    "PendingCopyOperation": (ResourceLocked, "The blob is being copied onto"),
    "IsFolder": (InvalidPath, "Not a file, but a directory"),
    "PathConflict": (InvalidPath, _OTHER_KIND),
    "ResourceTypeMismatch": (InvalidPath, _OTHER_KIND),
    "InvalidSourceOrDestinationResourceType": (InvalidPath, _OTHER_KIND),
    "InvalidResourceName": (InvalidPath, _BAD_NAME),
    "InvalidUri": (InvalidPath, _BAD_NAME),
    "OutOfRangeInput": (InvalidPath, _BAD_NAME),
    "InvalidBlobType": (InvalidPath, "The blob is no block blob"),
    "Md5Mismatch": (IntegrityError, _SPOILT),
    "Crc64Mismatch": (IntegrityError, _SPOILT),
    "InvalidBlockList": (
        PreconditionFailed,
        "Another write of this file ended meanwhile and discarded the blocks of this one; write it again",
    ),
    "MetadataTooLarge": (RemoteStoreError, "The metadata is larger than the service allows (8 KiB)"),
    "RequestBodyTooLarge": (RemoteStoreError, "The content is larger than the service takes in one request"),
    "BlockCountExceedsLimit": (RemoteStoreError, "The content has more blocks than the service takes"),
    "FeatureNotSupported": (CapabilityNotSupported, "The service does not support this"),
    "NotImplemented": (CapabilityNotSupported, "The service does not support this"),
    "UnsupportedHttpVerb": (CapabilityNotSupported, "The service does not support this"),
    "Deadline": (TimeoutExceeded, "Gave up"),
    "Timeout": (TimeoutExceeded, "No answer in time; check the account and the network"),
    "Unreachable": (BackendUnavailable, "Can't reach the service; check the account and the network"),
    "Unexpected": (UnexpectedResponse, "This is no answer of Azure's; check account_url"),
    "InvalidConfig": (InvalidConfig, "The configuration can't be used"),
}
_BY_STATUS: dict[int, tuple[type[RemoteStoreError], str]] = {
    401: _BY_CODE["NoAuthenticationInformation"],
    403: _BY_CODE["AuthorizationFailure"],
    404: _BY_CODE["404"],
    408: (BackendUnavailable, "The service gave up waiting for the request"),
    409: (AlreadyExists, "Conflict: the blob already exists or is being changed"),
    423: (ResourceLocked, "The blob is locked"),
    429: (BackendUnavailable, "The service is throttled"),
    501: _BY_CODE["NotImplemented"],
    503: (BackendUnavailable, "The service is throttled or overloaded"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """What an operation is about: the names that its errors have."""

    container: str
    path: str
    backend: str


# From an answer to a fault

_ERROR_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,100})</Code>")
_ERROR_TEXT = re.compile(rb'<Message>([^<]{0,1000})|"message" *: *"([^"\\]{0,1000})')
"""XML of the Blob endpoint, JSON of the Data Lake Storage endpoint."""


def refusal(status: int, headers: Mapping[str, str], body: bytes, verb: str) -> Fault:
    """Return the fault of an answer that is none of those hoped for."""
    match = _ERROR_CODE.search(body)
    code = headers.get("x-ms-error-code") or (match[1].decode() if match else str(status))
    request_id = headers.get("x-ms-request-id")
    if 200 <= status < 400 or (status < 500 and request_id is None and match is None and status != 407):
        return unexpected(f"status {status}{_redirect(status, headers)}", verb, maybe_done=status < 300)
    told = _ERROR_TEXT.search(body)
    # The first line: what follows repeats the request's signature, or its id.
    text = (told[1] or told[2] or b"").decode("utf-8", "replace").strip().partition("\n")[0][:200] if told else ""
    if code == "InvalidOperation" and "MD5" in text:
        code = "Md5Mismatch"  # Azurite's word for it
    return Fault(
        code,
        f"{status} {code}: {text}".rstrip(": ") + (f" (request {request_id})" if request_id else ""),
        status=status,
        verb=verb,
        may_retry=code in _AGAIN or status in (500, 502, 503, 504, 429, 408),
        # A proxy's 502 or 504 tells nothing of what the service did with the request.
        maybe_done=status >= 500 and code not in _UNDONE and code not in ("NotImplemented", "FeatureNotSupported"),
        pause=_pause(headers),
    )


def _redirect(status: int, headers: Mapping[str, str]) -> str:
    if not 300 <= status < 400:
        return ""
    return f": the service, or a proxy, points to {headers.get('location', 'nowhere').partition('?')[0]!r}"


def _pause(headers: Mapping[str, str]) -> float | None:
    for name in ("x-ms-retry-after-ms", "retry-after-ms"):
        text = headers.get(name, "")
        if text.isascii() and text.isdecimal() and len(text) < 9:
            return int(text) / 1000
    return pause_asked(headers.get("retry-after"), headers.get("date"))


def unexpected(text: str, verb: str, *, maybe_done: bool = False) -> Fault:
    """Return the fault of an answer that can't be the service's."""
    return Fault("Unexpected", text, verb=verb, may_retry=True, maybe_done=maybe_done)


# From an exception to a fault

MAX_CAUSES = 8
"""Exceptions below one another that are looked at; a chain may be a circle."""


def fault_of(error: Exception, verb: str) -> Fault:
    """Return the fault that an exception of azure-core, or of the HTTP library below it, stands for."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, core.ClientAuthenticationError):
        return Fault("NoCredentials", _text(error), verb=verb)
    inner = _innermost(error)
    tls = _tls_error(inner)
    if tls is not None:
        return Fault("TLS", _text(tls), verb=verb, may_retry=not _about_certificates(tls))
    if isinstance(error, core.ServiceRequestTimeoutError) or _named(inner, "ConnectTimeout"):
        return Fault("Timeout", "no connection in time", verb=verb, may_retry=True)
    if isinstance(inner, UploadStalled):
        return Fault("Timeout", "the upload stalled", verb=verb, may_retry=True)
    if (
        isinstance(error, (core.ServiceResponseTimeoutError, TimeoutError))
        or isinstance(inner, TimeoutError)
        or _named(inner, "Timeout")
    ):
        return Fault("Timeout", "the answer stalled", verb=verb, may_retry=True, maybe_done=True)
    if isinstance(inner, aiohttp.ClientConnectorError) or _named(inner, "ConnectError"):
        return Fault("Unreachable", _text(inner), verb=verb, may_retry=True)
    if isinstance(inner, aiohttp.ServerDisconnectedError) or _silent(inner):
        return Fault("Unreachable", _text(inner), verb=verb, may_retry=True, maybe_done=True, stale=True)
    if isinstance(error, (core.AzureError, aiohttp.ClientError, OSError)) or _of_httpx(error):
        return Fault("Unreachable", _text(inner), verb=verb, may_retry=True, maybe_done=True)
    if isinstance(error, ValueError):
        return Fault("InvalidConfig", _text(error), verb=verb)
    raise error  # a mistake in the program is not the service's


def _innermost(error: BaseException) -> BaseException:
    inner = getattr(error, "inner_exception", None)
    return _innermost(inner) if isinstance(inner, BaseException) and inner is not error else error


def _text(error: BaseException) -> str:
    text = " ".join(str(error).split()).partition("?")[0][:200]  # behind a '?' may stand a signature
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _silent(error: BaseException) -> bool:
    """Whether the connection was closed before the first byte of an answer."""
    return _named(error, "RemoteProtocolError") and "without sending a response" in str(error)


def _tls_error(error: BaseException) -> BaseException | None:
    """Return what went wrong in TLS; httpx on trio tells nothing of it, but that it came from there."""
    if isinstance(error, (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError)):
        return error
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None or isinstance(cause, ssl.SSLError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _about_certificates(error: BaseException) -> bool:
    return "certificate" in str(error).lower() or "hostname" in str(error).lower()


def _named(error: BaseException, name: str) -> bool:
    """Whether an exception is of a class of httpx with this name; httpx is there only with its extra."""
    return _of_httpx(error) and name in type(error).__name__


def _of_httpx(error: object) -> bool:
    return type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2")


# From a fault to our error


def failure(fault: Fault, place: Place, condition: Condition = ALWAYS, *, writes: bool = False) -> RemoteStoreError:
    """Return the user's error for a fault that stays.

    `condition` is what the write asked for; `writes` says that a request which may have been carried out leaves the
    user in doubt (OutcomeUnknown), as it does unless repeating it is known to be harmless.
    """
    kind, text = _kind(fault, place, condition)
    if writes and fault.maybe_done and issubclass(kind, BackendUnavailable):
        kind, text = OutcomeUnknown, f"It is unknown whether this was done. {text}"
    if fault.code in THROTTLED and "throttled" not in text:
        text = f"The service is throttled. {text}"
    tries = f", {fault.attempts} attempts" if fault.attempts > 1 else ""
    message = f"{text}: {place.path!r} in container {place.container!r} [{fault.verb}: {fault.text}{tries}]"
    return kind(message, path=place.path, backend=place.backend)


def _kind(fault: Fault, place: Place, condition: Condition) -> tuple[type[RemoteStoreError], str]:
    if isinstance(condition, IfMatch) and fault.code in REFUSED | MISSING - NO_CONTAINER:
        return PreconditionFailed, "The file is not, or no longer, the one with this etag"
    if fault.code == "SourceConditionNotMet":
        return PreconditionFailed, "The source has been changed meanwhile"
    if fault.code in REFUSED:
        if condition is ALWAYS:
            return PreconditionFailed, "The file has been changed meanwhile"
        return AlreadyExists, f"File already exists: {place.path}"
    found = _BY_CODE.get(fault.code) or _BY_STATUS.get(fault.status)
    if found is not None:
        kind, text = found
        return (kind, f"{text}: {place.path}") if kind is NotFound else found
    if fault.status >= 500:
        return BackendUnavailable, "The service failed"
    return RemoteStoreError, "The service refused this"


@contextmanager
def translated(place: Place, condition: Condition = ALWAYS, *, writes: bool = False) -> Iterator[None]:
    """Raise our error for a fault that comes out of the block: the one place where that happens."""
    try:
        yield
    except Fault as fault:
        raise failure(fault, place, condition, writes=writes) from fault.__cause__
