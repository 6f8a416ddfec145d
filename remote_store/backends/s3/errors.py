"""What S3's answers mean: exceptions of the SDK become faults, and faults become our errors."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import botocore.exceptions as sdk
from botocore.parsers import ResponseParserError

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

__all__ = ["MISSING", "REFUSED", "Place", "failure", "fault_of", "translated", "unexpected"]

MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "NoSuchVersion", "404", "NotFound"})
"""Codes of an object or bucket that is not there; HEAD has no body and so only the number."""
REFUSED = frozenset({"PreconditionFailed", "412", "NotModified", "304"})
"""Codes of a condition that does not hold; some servers say 304 where S3 says 412."""

THROTTLED = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "429", "503"}
)
_AGAIN = THROTTLED | {
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "ConditionalRequestConflict",
    "OperationAborted",
    "BadDigest",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
    "IncompleteBody",
    "408",
    "500",
    "502",
    "504",
}
"""Codes that may pass. A digest that is wrong at the service's end was spoilt on the way, once."""

_DENIED = "check the credentials and what they may do"
_NAMELESS = (
    "Permission denied, and an answer to HEAD can't say why; mostly the session token has expired, or the bucket is in"
    " another region"
)
_BY_CODE: dict[str, tuple[type[RemoteStoreError], str]] = {
    "NoSuchBucket": (NotFound, "Not found: there is no such bucket; check its name and the endpoint"),
    "NoSuchKey": (NotFound, "File not found"),
    "NoSuchVersion": (NotFound, "Not found: no such version of the file"),
    "NoSuchUpload": (NotFound, "Not found: no such upload"),
    "404": (NotFound, "File not found"),
    "AccessDenied": (PermissionDenied, f"Permission denied; {_DENIED}"),
    "InvalidAccessKeyId": (PermissionDenied, "Permission denied: the service doesn't know this key; check `key`"),
    "SignatureDoesNotMatch": (PermissionDenied, "Permission denied: wrong signature; check `secret`"),
    "ExpiredToken": (PermissionDenied, "Permission denied: the session token has expired"),
    "ExpiredTokenException": (PermissionDenied, "Permission denied: the session token has expired"),
    "RequestTimeTooSkewed": (PermissionDenied, "Permission denied: this machine's clock is wrong"),
    "NoCredentials": (PermissionDenied, "Permission denied: no credentials were found; give key=, or anonymous=True"),
    "Credentials": (PermissionDenied, "Permission denied: there are no credentials to sign with"),
    "CredentialsLate": (PermissionDenied, "Permission denied: there are no credentials to sign with"),
    "TokenRefreshRequired": (PermissionDenied, "Permission denied: the session token must be renewed"),
    "TLS": (PermissionDenied, "Permission denied: the server's certificate is not trusted; check tls_ca_bundle"),
    "InvalidObjectState": (ResourceLocked, "The object is archived and must be restored first"),
    "BadDigest": (IntegrityError, "The bytes arrived with another checksum than they were sent with"),
    "XAmzContentChecksumMismatch": (IntegrityError, "The bytes arrived with another checksum than they were sent with"),
    "XAmzContentSHA256Mismatch": (IntegrityError, "The bytes arrived with another checksum than they were sent with"),
    "KeyTooLongError": (InvalidPath, "The key is longer than the service allows (1,024 bytes)"),
    "InvalidURI": (InvalidPath, "The service refuses this key"),
    "ParamValidation": (InvalidPath, "The request can't be sent"),
    "MetadataTooLarge": (RemoteStoreError, "The metadata is larger than the service allows (2 KiB as headers)"),
    "NotImplemented": (CapabilityNotSupported, "The service does not support this"),
    "MethodNotAllowed": (CapabilityNotSupported, "The service does not support this"),
    "Deadline": (TimeoutExceeded, "Gave up"),
    "Timeout": (TimeoutExceeded, "No answer in time; check the endpoint and the network"),
    "Unreachable": (BackendUnavailable, "Can't reach the service; check the endpoint and the network"),
    "Unexpected": (UnexpectedResponse, "This is no answer of S3; check the endpoint"),
    "InvalidConfig": (InvalidConfig, "The configuration can't be used"),
    "PermanentRedirect": (UnexpectedResponse, "The bucket is in another region; check region_name and the endpoint"),
    "AuthorizationHeaderMalformed": (UnexpectedResponse, "The bucket is in another region; check region_name"),
    "ConditionalRequestConflict": (BackendUnavailable, "Other writers kept interfering"),
}
_ELSEWHERE = "The answer leads to another address, and is not followed; check the endpoint"
_BY_STATUS: dict[int, tuple[type[RemoteStoreError], str]] = {
    301: _BY_CODE["PermanentRedirect"],
    302: (UnexpectedResponse, _ELSEWHERE),
    303: (UnexpectedResponse, _ELSEWHERE),
    307: _BY_CODE["PermanentRedirect"],
    308: (UnexpectedResponse, _ELSEWHERE),
    401: _BY_CODE["AccessDenied"],
    403: _BY_CODE["AccessDenied"],
    404: _BY_CODE["404"],
    405: _BY_CODE["MethodNotAllowed"],
    408: (BackendUnavailable, "The service gave up waiting for the request"),
    409: (AlreadyExists, "Conflict: the object already exists or is being changed"),
    416: (UnexpectedResponse, "A range was refused where none was asked for"),
    423: (ResourceLocked, "The object is locked"),
    429: (BackendUnavailable, "The service is throttled"),
    501: _BY_CODE["NotImplemented"],
    503: (BackendUnavailable, "The service is throttled or overloaded"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """What an operation is about: the names that its errors have."""

    bucket: str
    path: str
    backend: str


# From the SDK to a fault


def fault_of(error: Exception, verb: str) -> Fault:
    """Return the fault that an exception of the SDK, or of the HTTP library below it, stands for."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, sdk.ClientError):
        return _refused(error.response, verb)
    if isinstance(error, (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError)):
        return Fault("NoCredentials", str(error), verb=verb)
    if isinstance(error, (sdk.SSLError, ssl.SSLError)):
        return Fault("TLS", _cause_text(error), verb=verb, may_retry=not _about_certificates(error))
    if isinstance(error, sdk.ParamValidationError):
        return Fault("ParamValidation", " ".join(str(error).split()), verb=verb)
    if isinstance(error, ResponseParserError):
        return Fault("Unexpected", "the answer is no XML document", verb=verb, may_retry=True, maybe_done=True)
    below = _of_transport(error, verb)
    if below is not None:
        return below
    if isinstance(error, (sdk.BotoCoreError, ValueError)):
        return Fault("InvalidConfig", " ".join(str(error).split()), verb=verb)
    raise error  # a mistake in the program is not the service's


def _of_transport(error: Exception, verb: str) -> Fault | None:
    """Return the fault of a connection that failed, None for any other exception."""
    if isinstance(error, sdk.ConnectTimeoutError):
        return Fault("Timeout", "no connection in time", verb=verb, may_retry=True)
    if isinstance(getattr(error, "kwargs", {}).get("error"), UploadStalled):
        return Fault("Timeout", "the upload stalled", verb=verb, may_retry=True)
    if isinstance(error, (sdk.ReadTimeoutError, TimeoutError)) or _named(error, "Timeout"):
        return Fault("Timeout", "the answer stalled", verb=verb, may_retry=True, maybe_done=True)
    if isinstance(error, (sdk.EndpointConnectionError, sdk.ProxyConnectionError)):
        return Fault(
            "Unreachable", _cause_text(error), verb=verb, may_retry=True, maybe_done=not _never_connected(error)
        )
    if _closed_early(error):
        return Fault("Unreachable", _cause_text(error), verb=verb, may_retry=True, maybe_done=True, stale=True)
    if isinstance(error, (sdk.HTTPClientError, sdk.IncompleteReadError, OSError)) or _of_http_library(error):
        return Fault("Unreachable", _cause_text(error), verb=verb, may_retry=True, maybe_done=True)
    return None


def unexpected(text: str, verb: str, *, maybe_done: bool = False) -> Fault:
    """Return the fault of an answer that can't be S3's."""
    return Fault("Unexpected", text, verb=verb, may_retry=True, maybe_done=maybe_done)


def _refused(response: Any, verb: str) -> Fault:
    about = response.get("Error", {})
    meta = response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    code = str(about.get("Code", "") or meta.get("HTTPStatusCode", ""))
    status = int(meta.get("HTTPStatusCode") or 0)
    text = " ".join(str(about.get("Message", "")).split())[:200]
    if code == "RequestTimeTooSkewed":
        text = f"{text} ({_skew(headers.get('date'))})"
    if status in (301, 307) or code in ("PermanentRedirect", "AuthorizationHeaderMalformed"):
        region = about.get("Region") or headers.get("x-amz-bucket-region")
        text = f"{text} (the service names the region {region!r})" if region else text
    request_id = headers.get("x-amz-request-id")
    return Fault(
        code,
        f"{status or ''} {code}: {text}".strip() + (f" (request {request_id})" if request_id else ""),
        status=status,
        verb=verb,
        may_retry=code in _AGAIN or status in (500, 502, 503, 504, 429),
        # A proxy's 502 or 504 tells nothing of what the service did with the request.
        maybe_done=status >= 500 and code not in THROTTLED and code != "NotImplemented",
        pause=pause_asked(headers.get("retry-after"), headers.get("date")),
    )


def _skew(date: str | None) -> str:
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return "the service does not tell its time"
    return f"this clock is {(datetime.now(UTC) - there).total_seconds():+.0f} s off the service's"


def _cause_text(error: Exception) -> str:
    inner = getattr(error, "kwargs", {}).get("error") or error
    text = " ".join(str(inner).split())[:200]
    return f"{type(inner).__name__}: {text}" if text else type(inner).__name__


def _closed_early(error: Exception) -> bool:
    """Whether the connection was closed before the first byte of an answer."""
    inner = getattr(error, "kwargs", {}).get("error")
    if isinstance(inner, aiohttp.ServerDisconnectedError):
        return True
    return _named(inner, "RemoteProtocolError") and "without sending a response" in str(inner)


def _never_connected(error: Exception) -> bool:
    inner = getattr(error, "kwargs", {}).get("error")
    return isinstance(inner, aiohttp.ClientConnectorError) or _named(inner, "ConnectError")


def _about_certificates(error: BaseException) -> bool:
    return "certificate" in str(error).lower() or "hostname" in str(error).lower()


def _named(error: object, name: str) -> bool:
    """Whether an exception is of a class of httpx with this name; httpx is there only with its extra."""
    return _of_httpx(error) and name in type(error).__name__


def _of_httpx(error: object) -> bool:
    return type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2")


def _of_http_library(error: Exception) -> bool:
    return isinstance(error, aiohttp.ClientError) or _of_httpx(error)


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
    message = f"{text}: {place.path!r} in bucket {place.bucket!r} [{fault.verb}: {fault.text}{tries}]"
    return kind(message, path=place.path, backend=place.backend)


def _kind(fault: Fault, place: Place, condition: Condition) -> tuple[type[RemoteStoreError], str]:
    if fault.code == "400" and fault.verb.startswith("Head"):
        return PermissionDenied, _NAMELESS
    if isinstance(condition, IfMatch) and (fault.code in REFUSED or fault.code in ("NoSuchKey", "404")):
        return PreconditionFailed, "The file is not, or no longer, the one with this etag"
    if fault.code in REFUSED:
        if condition is ALWAYS:
            return PreconditionFailed, "The file has been changed meanwhile"
        return AlreadyExists, f"File already exists: {place.path}"
    found = _BY_CODE.get(fault.code) or _BY_STATUS.get(fault.status)
    if found is not None:
        kind, text = found
        return (kind, f"{text}: {place.path}") if kind is NotFound else found
    if fault.status >= 500 or fault.code in _AGAIN:
        return BackendUnavailable, "The service failed"
    return RemoteStoreError, "The service refused this"


@contextmanager
def translated(place: Place, condition: Condition = ALWAYS, *, writes: bool = False) -> Iterator[None]:
    """Raise our error for a fault that comes out of the block: the one place where that happens."""
    try:
        yield
    except Fault as fault:
        raise failure(fault, place, condition, writes=writes) from fault.__cause__
