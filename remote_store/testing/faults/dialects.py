"""How a protocol on HTTP names its operations and its errors: the part of the proxy that knows services."""

from __future__ import annotations

import importlib
import re
from typing import Protocol
from xml.sax.saxutils import escape

from .messages import INVENTED_ID, Answer, Request

__all__ = ["AZURE", "HTTP", "S3", "Dialect", "dialect_of"]


class Dialect(Protocol):
    """What the proxy must know of a service. An instance in a module of yours is named ``"package.module:name"``."""

    def verb(self, request: Request) -> str:
        """Return the operation's name; only the request's head is there yet."""

    def error(self, status: int, code: str) -> Answer:
        """Return the service's error answer."""

    def more(self, page: bytes, token: str) -> bytes:
        """Return a page of a listing that says that there is more, under `token`."""

    def doubled(self, page: bytes) -> bytes:
        """Return a page of a listing that has each entry twice."""

    def emptied(self, page: bytes) -> bytes:
        """Return a page of a listing without its entries."""


class _XML:
    """What S3 and Azure have in common: documents in XML, whose entries and tokens are elements of these names."""

    entries: tuple[str, ...]
    token: str
    truncated = ""

    def more(self, page: bytes, token: str) -> bytes:
        """Return a page that says that there is more."""
        plain = re.sub(rb"<%s\s*/>|<%s>.*?</%s>" % ((self.token.encode(),) * 3), b"", page, flags=re.DOTALL)
        if self.truncated:
            plain = re.sub(rb"<%s>.*?</%s>" % ((self.truncated.encode(),) * 2), b"", plain)
        added = f"<{self.token}>{escape(token)}</{self.token}>"
        if self.truncated:
            added += f"<{self.truncated}>true</{self.truncated}>"
        head, mark, root = plain.rpartition(b"</")
        return head + added.encode() + mark + root

    def doubled(self, page: bytes) -> bytes:
        """Return a page with each entry twice."""
        return self._entries.sub(rb"\g<0>\g<0>", page)

    def emptied(self, page: bytes) -> bytes:
        """Return a page without entries."""
        return self._entries.sub(b"", page)

    @property
    def _entries(self) -> re.Pattern[bytes]:
        names = "|".join(self.entries)
        return re.compile(rf"<({names})>.*?</\1>".encode(), re.DOTALL)


class _S3(_XML):
    """Amazon S3, with the bucket in the path. Verbs are the API's operations: GetObject, UploadPart, ListObjectsV2."""

    entries = ("Contents", "CommonPrefixes")
    token = "NextContinuationToken"  # noqa: S105
    truncated = "IsTruncated"

    def verb(self, request: Request) -> str:
        """Return the operation's name (API reference, "Amazon S3 API operations")."""
        query, method = request.query, request.method
        copies = bool(request.header("x-amz-copy-source"))
        if "uploadId" in query:
            part = "UploadPartCopy" if copies else "UploadPart"
            names = {
                "PUT": part,
                "GET": "ListParts",
                "POST": "CompleteMultipartUpload",
                "DELETE": "AbortMultipartUpload",
            }
            return names.get(method, method)
        if "uploads" in query:
            return "CreateMultipartUpload" if method == "POST" else "ListMultipartUploads"
        if not request.path.strip("/").partition("/")[2]:
            return self._of_bucket(request)
        if method == "PUT" and copies:
            return "CopyObject"
        names = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
        return names.get(method, method)

    def _of_bucket(self, request: Request) -> str:
        if request.method == "GET":
            return "ListObjectsV2" if "list-type" in request.query else "ListObjects"
        if request.method == "POST" and "delete" in request.query:
            return "DeleteObjects"
        names = {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
        return names.get(request.method, request.method)

    def error(self, status: int, code: str) -> Answer:
        """Return S3's error document."""
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{escape(code)}</Code>'
            "<Message>injected</Message><RequestId>FAULT</RequestId></Error>"
        )
        headers = [("Content-Type", "application/xml"), ("x-amz-request-id", INVENTED_ID)]
        return Answer(status, headers, text.encode())


class _Azure(_XML):
    """Azure Blob Storage. Verbs are the REST operations: GetBlob, PutBlock, PutBlockList, ListBlobs."""

    entries = ("Blob", "BlobPrefix")
    token = "NextMarker"  # noqa: S105

    def verb(self, request: Request) -> str:
        """Return the operation's name (REST reference, "Operations on blobs")."""
        query, method = request.query, request.method
        component = query.get("comp", "")
        if query.get("restype") == "container":
            return "ListBlobs" if component == "list" else f"{method.capitalize()}Container"
        if method == "PUT":
            if not component and request.header("x-ms-copy-source"):
                return "CopyBlob"
            names = {"block": "PutBlock", "blocklist": "PutBlockList", "metadata": "SetBlobMetadata"}
            return names.get(component, f"Put{component.capitalize()}" if component else "PutBlob")
        if method == "GET" and component == "blocklist":
            return "GetBlockList"
        return {"GET": "GetBlob", "HEAD": "GetBlobProperties", "DELETE": "DeleteBlob"}.get(method, method)

    def error(self, status: int, code: str) -> Answer:
        """Return Azure's error document, whose code is a header too."""
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{escape(code)}</Code><Message>injected</Message></Error>'
        headers = [("Content-Type", "application/xml"), ("x-ms-error-code", code), ("x-ms-request-id", INVENTED_ID)]
        return Answer(status, headers, text.encode())


class _HTTP:
    """HTTP as such: verbs are methods, errors are text, and there are no listings."""

    def verb(self, request: Request) -> str:
        """Return the method."""
        return request.method

    def error(self, status: int, code: str) -> Answer:
        """Return a line of text."""
        return Answer(status, [("Content-Type", "text/plain")], f"{code}\n".encode())

    def more(self, page: bytes, token: str) -> bytes:
        """Return the page as it is."""
        return page

    def doubled(self, page: bytes) -> bytes:
        """Return the page as it is."""
        return page

    def emptied(self, page: bytes) -> bytes:
        """Return the page as it is."""
        return page


S3: Dialect = _S3()
"""Amazon S3 and what speaks like it."""
AZURE: Dialect = _Azure()
"""Azure Blob Storage."""
HTTP: Dialect = _HTTP()
"""Any other server."""

_BY_NAME = {"s3": S3, "azure": AZURE, "http": HTTP}


def dialect_of(name: str) -> Dialect:
    """Return a dialect by name: ``s3``, ``azure``, ``http``, or ``package.module:name``. ValueError for another."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    module, mark, attribute = name.partition(":")
    if not mark:
        raise ValueError(f"unknown dialect {name!r}; there are {', '.join(_BY_NAME)}, and 'package.module:name'")
    found: Dialect = getattr(importlib.import_module(module), attribute)
    return found
