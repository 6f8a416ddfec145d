"""What the answers tell: of an object, of a write, of a listing, of an upload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ..checksums import Sum, from_header
from ..errors import unexpected
from ..metadata import WRITE_ID, from_headers
from ..precondition import plain_etag

__all__ = ["Head", "Page", "Put", "Upload", "check_done", "date_of", "etag_of", "head_of", "put_of"]


@dataclass(frozen=True, slots=True)
class Head:
    """What HEAD and GET tell of an object."""

    size: int
    etag: str | None
    modified: datetime | None
    content_type: str | None
    metadata: dict[str, str]
    write_id: str | None
    version_id: str | None
    checksum: Sum | None


@dataclass(frozen=True, slots=True)
class Put:
    """What a write's answer tells."""

    etag: str | None
    version_id: str | None
    checksum: Sum | None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing: objects as the service told them, prefixes, and where to go on."""

    objects: Sequence[Mapping[str, Any]]
    prefixes: Sequence[str]
    token: str | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    upload_id: str
    started: datetime | None
    """None if the service told none that can be read."""


def head_of(reply: Mapping[str, Any], verb: str, *, allow_missing: bool = False) -> Head:
    stored = reply.get("Metadata") or {}
    etag = plain_etag(reply.get("ETag"))
    if etag is None and not allow_missing:
        raise unexpected("the answer has no etag", verb)
    return Head(
        size=int(reply.get("ContentLength", 0)),
        etag=etag,
        modified=utc(reply.get("LastModified")),
        content_type=reply.get("ContentType"),
        metadata=from_headers(stored),
        write_id=stored.get(WRITE_ID),
        version_id=version_of(reply),
        checksum=from_header(reply.get("ChecksumCRC64NVME")),
    )


def put_of(reply: Mapping[str, Any], verb: str) -> Put:
    etag = plain_etag(etag_of(reply, verb))
    return Put(etag, version_of(reply), from_header(reply.get("ChecksumCRC64NVME")), utc(reply.get("LastModified")))


def utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def etag_of(reply: Mapping[str, Any], verb: str) -> str:
    if not reply.get("ETag"):
        raise unexpected("the answer has no etag", verb, maybe_done=True)
    return str(reply["ETag"])


def date_of(reply: Mapping[str, Any]) -> datetime | None:
    """Return the answer's own time: a write is not told its object's, and a second request would be dear."""
    try:
        return parsedate_to_datetime(reply["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
    except (KeyError, ValueError):
        return None


def version_of(reply: Mapping[str, Any]) -> str | None:
    version = reply.get("VersionId")
    return str(version) if version and version != "null" else None


def check_done(reply: Mapping[str, Any], verb: str, *, document: bool = False) -> None:
    """Raise a fault unless the service said that it is done: any 200 is believed of nobody (RELIABILITY 17, 18)."""
    meta = reply["ResponseMetadata"]
    if meta["HTTPStatusCode"] == 204 and not document:
        return
    if not meta.get("RequestId") or (document and meta.get("HTTPHeaders", {}).get("content-length") == "0"):
        raise unexpected("the answer is none of the service's", verb, maybe_done=True)
