"""The modules without I/O, as tables: errors, bodies, checksums, metadata, configuration, presigned names."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import botocore.exceptions as sdk
import pytest

from remote_store import RegistryConfig, Secret
from remote_store._core import errors as ours
from remote_store._core.condition import ALWAYS, IF_ABSENT, IfMatch
from remote_store._core.retry import RetryPolicy
from remote_store.backends import S3Backend
from remote_store.backends.s3.backend import AsyncS3Backend
from remote_store.backends.s3.bodies import SMALL, Body, body_of
from remote_store.backends.s3.checksums import combined, from_header, sum_of, to_header, to_hex
from remote_store.backends.s3.errors import Place, failure, fault_of
from remote_store.backends.s3.metadata import from_headers, to_headers, with_write_id
from remote_store.backends.s3.multipart import composite_etag
from remote_store.backends.s3.precondition import plain_etag, write_condition

PLACE = Place("bucket", "a/b", "s3")


def refusal(status: int, code: str, **headers: str) -> sdk.ClientError:
    meta = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return sdk.ClientError({"Error": {"Code": code, "Message": "the text"}, "ResponseMetadata": meta}, "Verb")


ERRORS: list[tuple[int, str, Any, type[Exception]]] = [
    (404, "NoSuchKey", ALWAYS, ours.NotFound),
    (404, "NoSuchBucket", IF_ABSENT, ours.NotFound),
    (404, "404", ALWAYS, ours.NotFound),
    (404, "NoSuchKey", IfMatch("x"), ours.PreconditionFailed),
    (403, "AccessDenied", ALWAYS, ours.PermissionDenied),
    (403, "403", ALWAYS, ours.PermissionDenied),
    (401, "Unheard", ALWAYS, ours.PermissionDenied),
    (400, "ExpiredToken", ALWAYS, ours.PermissionDenied),
    (403, "RequestTimeTooSkewed", ALWAYS, ours.PermissionDenied),
    (412, "PreconditionFailed", IF_ABSENT, ours.AlreadyExists),
    (412, "PreconditionFailed", IfMatch("x"), ours.PreconditionFailed),
    (412, "PreconditionFailed", ALWAYS, ours.PreconditionFailed),
    (409, "BucketNotEmpty", ALWAYS, ours.AlreadyExists),
    (409, "ConditionalRequestConflict", IF_ABSENT, ours.BackendUnavailable),
    (423, "Locked", ALWAYS, ours.ResourceLocked),
    (403, "InvalidObjectState", ALWAYS, ours.ResourceLocked),
    (429, "Unheard", ALWAYS, ours.BackendUnavailable),
    (503, "SlowDown", ALWAYS, ours.BackendUnavailable),
    (500, "InternalError", ALWAYS, ours.BackendUnavailable),
    (501, "NotImplemented", ALWAYS, ours.CapabilityNotSupported),
    (301, "PermanentRedirect", ALWAYS, ours.UnexpectedResponse),
    (400, "BadDigest", ALWAYS, ours.IntegrityError),
    (400, "KeyTooLongError", ALWAYS, ours.InvalidPath),
    (400, "Whatever", ALWAYS, ours.RemoteStoreError),
]


@pytest.mark.parametrize(("status", "code", "condition", "kind"), ERRORS)
def test_an_answer_becomes_the_error_of_the_contract(
    status: int, code: str, condition: Any, kind: type[Exception]
) -> None:
    """CONTRACT 86, RELIABILITY 20: by code, then by status, then by what was asked."""
    error = failure(fault_of(refusal(status, code), "Verb"), PLACE, condition)
    assert type(error) is kind
    assert (error.path, error.backend) == ("a/b", "s3")
    assert "bucket" in str(error)


def test_a_missing_file_and_a_taken_one_have_the_texts_of_the_contract() -> None:
    """CONTRACT 43, 87."""
    assert "File not found: a/b" in str(failure(fault_of(refusal(404, "NoSuchKey"), "GetObject"), PLACE))
    taken = failure(fault_of(refusal(412, "PreconditionFailed"), "PutObject"), PLACE, IF_ABSENT)
    assert "already exists" in str(taken)


CONNECTIONS: list[tuple[Exception, str, bool]] = [
    (sdk.EndpointConnectionError(endpoint_url="http://x", error=OSError("refused")), "Unreachable", True),
    (sdk.ConnectTimeoutError(endpoint_url="http://x"), "Timeout", False),
    (sdk.ReadTimeoutError(endpoint_url="http://x"), "Timeout", True),
    (TimeoutError(), "Timeout", True),
    (ConnectionResetError("reset"), "Unreachable", True),
    (sdk.SSLError(endpoint_url="http://x", error="certificate verify failed"), "TLS", False),
    (sdk.NoCredentialsError(), "NoCredentials", False),
    (sdk.ParamValidationError(report="bad"), "ParamValidation", False),
]


@pytest.mark.parametrize(("error", "code", "maybe_done"), CONNECTIONS)
def test_a_connection_s_failure_is_named(error: Exception, code: str, maybe_done: bool) -> None:
    """RELIABILITY 1-4, 22: and whether the request may have been carried out."""
    fault = fault_of(error, "PutObject")
    assert (fault.code, fault.maybe_done) == (code, maybe_done)


def test_a_mistake_in_the_program_stays_one() -> None:
    """CONTRACT 38: programming errors are not the service's."""
    with pytest.raises(TypeError):
        fault_of(TypeError("oops"), "Verb")


def test_a_write_in_doubt_is_unknown_and_a_read_is_not() -> None:
    """RELIABILITY: not done, done by someone else, or unknown."""
    fault = fault_of(ConnectionResetError("reset"), "PutObject")
    assert type(failure(fault, PLACE, writes=True)) is ours.OutcomeUnknown
    assert type(failure(fault, PLACE)) is ours.BackendUnavailable


def test_conditions_and_etags_are_written_as_the_rfc_says() -> None:
    """RFC 9110, section 8.8.3."""
    assert write_condition(ALWAYS) == {}
    assert write_condition(IF_ABSENT) == {"IfNoneMatch": "*"}
    assert write_condition(IfMatch("abc")) == {"IfMatch": '"abc"'}
    for told in ('"ABC"', "abc", 'W/"abc"', "&#34;abc&#34;"):
        assert plain_etag(told) == "abc"
    assert plain_etag("") is plain_etag(None) is None


# Bodies


def test_a_body_is_a_file_and_an_iterator() -> None:
    """DECISIONS 26: read, seek, tell, a length, slices of 256 KiB; sent again after a seek."""
    pieces = [os.urandom(size) for size in (300_000, 1, 262_144, 5)]
    data = b"".join(pieces)
    body = Body([memoryview(piece) for piece in pieces], len(data))
    assert len(body) == len(data) and body.read() == data and body.read(10) == b""
    assert body.seek(299_990) == body.tell() == 299_990
    assert body.read(20) == data[299_990:300_010]
    body.seek(-3, os.SEEK_END)
    assert body.read() == data[-3:]
    for _ in range(2):
        assert b"".join(body) == data
    assert max(map(len, body)) <= 256 * 1024
    assert body_of([memoryview(b"x" * SMALL)], SMALL) == b"x" * SMALL


# Checksums


def test_the_checksum_of_the_check_string() -> None:
    """CRC-64/NVME's published check value; parts combine to the whole; header and back."""
    assert to_hex(sum_of([b"123456789"])) == "ae8b14860a799888"
    parts = [b"12345", b"", b"6789"]
    assert combined((sum_of([part]), len(part)) for part in parts) == sum_of([b"123456789"]) == sum_of(parts)
    assert from_header(to_header(12345)) == 12345
    for text in (None, "", "AAAA", "abc=-3", "not base64!"):
        assert from_header(text) is None


def test_the_etag_of_parts_is_computed_as_the_service_does() -> None:
    """DECISIONS 25; unknown where etags are no MD5s."""
    digest = hashlib.md5(b"part").hexdigest()
    joined = hashlib.md5(hashlib.md5(b"part").digest() * 2).hexdigest()
    assert composite_etag([f'"{digest}"', digest.upper()]) == f"{joined}-2"
    assert composite_etag(['"not-md5"']) is None


# Metadata


def test_there_must_be_room_for_the_write_id() -> None:
    """DECISIONS 25: without 27 spare bytes it is left out."""
    assert "rs-write-id" in with_write_id({"a": "x" * (2048 - 28)}, "0" * 16)
    assert "rs-write-id" not in with_write_id({"a": "x" * (2048 - 27)}, "0" * 16)
    assert from_headers({"rs-write-id": "0", "a": "b"}) == {"a": "b"}


@pytest.mark.parametrize("value", ["plain", " blank ", "", "größer", "=?UTF-8?B?eA==?=", "a=?b?c"])
def test_a_value_goes_through_a_header(value: str) -> None:
    """Issue 4: metadata that is not ASCII."""
    stored = to_headers({"k": value})
    assert stored["k"].isascii() and stored["k"] == stored["k"].strip() != ""
    assert from_headers(stored) == {"k": value}


# Configuration

BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"bucket": ""}, ValueError, "bucket"),
    ({"bucket": " "}, ValueError, "bucket"),
    ({"bucket": 3}, TypeError, "bucket"),
    ({"key": "k"}, ValueError, "secret"),
    ({"key": "k", "secret": " s"}, ValueError, "secret"),
    ({"key": "k", "secret": "s\n"}, ValueError, "secret"),
    ({"endpoint_url": "ftp://x"}, ValueError, "endpoint_url"),
    ({"endpoint_url": "http://u:p@x"}, ValueError, "endpoint_url"),
    ({"endpoint_url": "http://x?a=b"}, ValueError, "endpoint_url"),
    ({"endpoint_url": "http://"}, ValueError, "endpoint_url"),
    ({"region_name": "eu\nX"}, ValueError, "region_name"),
    ({"tls_ca_bundle": "/no/such/file"}, ValueError, "does not exist or is not a file"),
    ({"part_size": 1024}, ValueError, "part_size"),
    ({"part_size": 8.5}, TypeError, "part_size"),
    ({"max_concurrency": 0}, ValueError, "max_concurrency"),
    ({"max_concurrency": True}, TypeError, "max_concurrency"),
    ({"byte_budget": -1}, ValueError, "byte_budget"),
    ({"checksum": "sometimes"}, ValueError, "checksum"),
    ({"addressing_style": "sideways"}, ValueError, "addressing_style"),
    ({"retry": {"max_attempts": 3}}, TypeError, "retry"),
    ({"no_such_option": 1}, TypeError, "no_such_option"),
]


@pytest.mark.parametrize(("options", "kind", "text"), BAD)
@pytest.mark.parametrize("cls", [AsyncS3Backend, S3Backend])
def test_a_configuration_that_cannot_be_used_is_refused(
    cls: Any, options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    """CONTRACT 153, RELIABILITY: at construction, without any I/O, naming the argument and no secret."""
    with pytest.raises(kind, match=text):
        cls(**{"bucket": "b", **options})


def test_an_endpoint_without_a_scheme_is_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 153: and a blank one is none."""
    assert "endpoint_url='https://host:9000'" in repr(S3Backend("b", endpoint_url="host:9000"))
    assert "endpoint_url=None" in repr(S3Backend("b", endpoint_url="  "))


def test_the_certificate_file_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """CONTRACT 153: AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, SSL_CERT_FILE, in this order."""
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert "tls_ca_bundle=None" in repr(S3Backend("b"))
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"):
        file = tmp_path / name
        file.touch()
        monkeypatch.setenv(name, str(file))
        assert f"tls_ca_bundle='{file}'" in repr(S3Backend("b"))


def test_secrets_are_seen_in_a_pickle_and_nowhere_else() -> None:
    """CONTRACT 124, 145, DESIGN 4: `repr` is masked, a pickle carries them, and its copy is the same backend."""
    for cls in (AsyncS3Backend, S3Backend):
        backend = cls("b", key="AKIA", secret=Secret("hush-hush"), token="tok", retry=RetryPolicy(max_attempts=7))
        assert "hush" not in repr(backend) and "AKIA" not in repr(backend) and "'***'" in repr(backend)
        assert repr(backend).startswith(f"{cls.__name__}(bucket='b', endpoint_url=None, key='***', secret='***'")
        copy = pickle.loads(pickle.dumps(backend))
        original = copy._async_backend if cls is S3Backend else copy
        assert original._config.secret.reveal() == "hush-hush"
        assert original._config.retry.max_attempts == 7


def test_a_registry_makes_one() -> None:
    """CONTRACT 119, 120."""
    config = RegistryConfig.from_dict(
        {"backends": {"x": {"type": "s3", "options": {"bucket": "b"}}}, "stores": {"s": {"backend": "x"}}}
    )
    from remote_store import Registry

    with Registry(config) as registry:
        assert type(registry.get_store("s")._backend) is S3Backend


def test_names_lead_to_the_bucket_and_back() -> None:
    """CONTRACT 81, 82."""
    backend = S3Backend("b", endpoint_url="http://h:1")
    assert (backend.native_path("a/b"), backend.native_path(""), backend.native_path(".")) == ("b/a/b", "b", "b")
    assert (backend.to_key("b/a/b"), backend.to_key("b"), backend.to_key("other/a")) == ("a/b", "", "other/a")
    plan = backend.resolve("a/b")
    assert (plan.kind, plan.native_path) == ("s3", "b/a/b")
    assert dict(plan.details) == {"bucket": "b", "object_key": "a/b", "endpoint_url": "http://h:1"}


def test_a_closed_backend_says_so_first() -> None:
    """CONTRACT 90: before any other check."""
    backend = S3Backend("b")
    backend.close()
    backend.close()
    for call in (backend.exists, backend.read, backend.read_bytes, backend.delete, backend.get_file_info):
        for path in ("a", "", "../x"):
            with pytest.raises(ours.BackendUnavailable, match="is closed"):
                call(path)
