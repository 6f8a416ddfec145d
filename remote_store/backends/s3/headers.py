"""Headers of a write: content type by name, and the user's options."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from ..._core.options import WriteOptions
from ..._http.media import media_type

__all__ = ["headers_for"]

_NAMES = {
    "content_type": "ContentType",
    "cache_control": "CacheControl",
    "content_disposition": "ContentDisposition",
    "content_encoding": "ContentEncoding",
    "storage_class": "StorageClass",
}


def headers_for(key: str, options: WriteOptions | None) -> dict[str, Any]:
    """Return the SDK's parameters for what is kept beside an object's bytes."""
    headers: dict[str, Any] = {}
    guessed = media_type(key)
    if guessed:
        headers["ContentType"] = guessed
    if options is None:
        return headers
    for name, parameter in _NAMES.items():
        if getattr(options, name) is not None:
            headers[parameter] = getattr(options, name)
    if options.tags:
        headers["Tagging"] = urlencode(options.tags)
    return headers | _encryption(options.encryption)


def _encryption(wanted: str | None) -> dict[str, str]:
    if wanted is None:
        return {}
    if wanted.startswith("aws:kms:") and wanted != "aws:kms:dsse":
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": wanted.removeprefix("aws:kms:")}
    return {"ServerSideEncryption": wanted}
