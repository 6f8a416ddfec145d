"""Headers of a write: content type by name, and the user's options."""

from __future__ import annotations

from urllib.parse import urlencode

from ..._core.options import WriteOptions
from ..._http.media import media_type

__all__ = ["headers_for"]

_NAMES = {
    "content_type": "x-ms-blob-content-type",
    "cache_control": "x-ms-blob-cache-control",
    "content_disposition": "x-ms-blob-content-disposition",
    "content_encoding": "x-ms-blob-content-encoding",
    "storage_class": "x-ms-access-tier",
    "encryption": "x-ms-encryption-scope",
}


def headers_for(key: str, options: WriteOptions | None) -> dict[str, str]:
    """Return the headers for what is kept beside a blob's bytes.

    A storage class is an access tier (``"Cool"``), an encryption the name of one of the account's encryption scopes.
    """
    headers: dict[str, str] = {}
    guessed = media_type(key)
    if guessed:
        headers["x-ms-blob-content-type"] = guessed
    if options is None:
        return headers
    for name, header in _NAMES.items():
        value = getattr(options, name)
        if value is not None:
            headers[header] = value
    if options.tags:
        headers["x-ms-tags"] = urlencode(options.tags)
    return headers
