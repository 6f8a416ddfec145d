"""A dialect names operations by what the services' references call them, from a request's head alone."""

from __future__ import annotations

import pytest

from remote_store.testing.faults import AZURE, HTTP, S3
from remote_store.testing.faults.dialects import dialect_of
from remote_store.testing.faults.messages import Request


@pytest.mark.parametrize(
    ("method", "target", "headers", "verb"),
    [
        ("GET", "/b/a/key", {}, "GetObject"),
        ("HEAD", "/b/a/key", {}, "HeadObject"),
        ("PUT", "/b/key", {}, "PutObject"),
        ("PUT", "/b/key", {"X-Amz-Copy-Source": "/b/other"}, "CopyObject"),
        ("DELETE", "/b/key", {}, "DeleteObject"),
        ("GET", "/b?list-type=2&prefix=a", {}, "ListObjectsV2"),
        ("GET", "/b/?prefix=a", {}, "ListObjects"),
        ("POST", "/b?delete", {}, "DeleteObjects"),
        ("HEAD", "/b", {}, "HeadBucket"),
        ("PUT", "/b", {}, "CreateBucket"),
        ("DELETE", "/b", {}, "DeleteBucket"),
        ("POST", "/b/key?uploads", {}, "CreateMultipartUpload"),
        ("GET", "/b?uploads", {}, "ListMultipartUploads"),
        ("PUT", "/b/key?partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT", "/b/key?partNumber=1&uploadId=u", {"x-amz-copy-source": "b/o"}, "UploadPartCopy"),
        ("POST", "/b/key?uploadId=u", {}, "CompleteMultipartUpload"),
        ("DELETE", "/b/key?uploadId=u", {}, "AbortMultipartUpload"),
        ("GET", "/b/key?uploadId=u", {}, "ListParts"),
        ("OPTIONS", "/b/key", {}, "OPTIONS"),
    ],
)
def test_s3_s_operations(method: str, target: str, headers: dict[str, str], verb: str) -> None:
    assert S3.verb(Request(method, target, list(headers.items()))) == verb


@pytest.mark.parametrize(
    ("method", "target", "headers", "verb"),
    [
        ("GET", "/a/c/blob", {}, "GetBlob"),
        ("HEAD", "/a/c/blob", {}, "GetBlobProperties"),
        ("PUT", "/a/c/blob", {"x-ms-blob-type": "BlockBlob"}, "PutBlob"),
        ("PUT", "/a/c/blob", {"x-ms-copy-source": "https://x"}, "CopyBlob"),
        ("PUT", "/a/c/blob?comp=block&blockid=1", {}, "PutBlock"),
        ("PUT", "/a/c/blob?comp=blocklist", {}, "PutBlockList"),
        ("GET", "/a/c/blob?comp=blocklist", {}, "GetBlockList"),
        ("PUT", "/a/c/blob?comp=metadata", {}, "SetBlobMetadata"),
        ("PUT", "/a/c/blob?comp=lease", {}, "PutLease"),
        ("DELETE", "/a/c/blob", {}, "DeleteBlob"),
        ("GET", "/a/c?restype=container&comp=list", {}, "ListBlobs"),
        ("PUT", "/a/c?restype=container", {}, "PutContainer"),
    ],
)
def test_azure_s_operations(method: str, target: str, headers: dict[str, str], verb: str) -> None:
    assert AZURE.verb(Request(method, target, list(headers.items()))) == verb


def test_azure_s_pages_and_errors() -> None:
    page = b"<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs><NextMarker /></EnumerationResults>"
    more = AZURE.more(page, "t")
    assert more.endswith(b"<NextMarker>t</NextMarker></EnumerationResults>")
    assert more.count(b"NextMarker") == 2
    assert AZURE.doubled(page).count(b"<Name>a</Name>") == 2
    assert b"<Name>" not in AZURE.emptied(page)
    assert AZURE.error(409, "BlobAlreadyExists").header("x-ms-error-code") == "BlobAlreadyExists"


def test_plain_http_knows_methods() -> None:
    assert HTTP.verb(Request("GET", "/x", [])) == "GET"
    assert HTTP.error(503, "Busy").body == b"Busy\n"
    assert HTTP.more(b"x", "t") == HTTP.doubled(b"x") == HTTP.emptied(b"x") == b"x"


def test_a_dialect_of_one_s_own_is_found_by_its_address() -> None:
    """Verb classification is pluggable: the proxy's process imports it."""
    assert dialect_of("remote_store.testing.faults:AZURE") is AZURE
    with pytest.raises(ValueError, match="unknown dialect"):
        dialect_of("gopher")
