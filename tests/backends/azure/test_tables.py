"""What needs no server: accounts by their arguments, answers as errors, documents, metadata, constructor arguments."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from remote_store._core.condition import ALWAYS, IF_ABSENT, Condition, IfMatch
from remote_store._core.errors import (
    AlreadyExists,
    BackendUnavailable,
    CapabilityNotSupported,
    IntegrityError,
    InvalidPath,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    PreconditionFailed,
    RemoteStoreError,
    ResourceLocked,
    UnexpectedResponse,
)
from remote_store._core.secret import Secret
from remote_store._http.retrying import Fault
from remote_store.backends.azure.backend import AsyncAzureBackend
from remote_store.backends.azure.documents import commit_list, page_of
from remote_store.backends.azure.errors import Place, failure, refusal
from remote_store.backends.azure.metadata import from_headers, to_stored, with_write_id
from remote_store.backends.azure.sync import AzureBackend

KEY = "a2V5IG9mIHRoZSBhY2NvdW50"
VARIABLES = ["CONNECTION_STRING", "ACCOUNT_NAME", "ACCOUNT", "ACCOUNT_KEY", "KEY", "SAS_TOKEN"]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)


# The constructor


def test_the_constructor_is_that_of_the_seed() -> None:
    """seeds/003, CONTRACT 156: names, order, kinds and defaults, with `hns`; what is ours comes after."""
    parameters = inspect.signature(AsyncAzureBackend).parameters
    seed = {
        "hns": None, "account_name": None, "account_url": None, "account_key": None, "sas_token": None,
        "connection_string": None, "credential": None, "client_options": None, "retry": None, "max_concurrency": 1,
        "reject_write_under_file_ancestor": False,
    }  # fmt: skip
    assert list(parameters)[: len(seed) + 1] == ["container", *seed]
    assert {name: parameters[name].default for name in seed} == seed
    assert list(inspect.signature(AzureBackend).parameters) == list(parameters)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"container": ""}, "container"),
        ({"container": " "}, "container"),
        ({"account_name": None}, "one of account_name, account_url or connection_string"),
        ({"max_concurrency": 0}, "max_concurrency must be >= 1"),
        ({"hns": "false"}, "hns"),
        ({"account_key": "not base64!"}, "base64"),
        ({"account_key": KEY + "\n"}, "line breaks"),
        ({"account_url": "ftp://x"}, "scheme"),
        ({"account_url": "https://me:pw@host"}, "user or password"),
        ({"connection_string": "nonsense"}, "name=value"),
        ({"connection_string": f"AccountKey={KEY}"}, "BlobEndpoint"),
        (
            {"account_name": None, "account_url": "https://blobs.example.com", "account_key": KEY},
            "account_name is needed",
        ),
        ({"checksum": "crc"}, "checksum"),
        ({"block_size": 5000 * 1024**2}, "block_size"),
    ],
)
def test_bad_arguments_are_refused_when_it_is_made(arguments: dict[str, Any], text: str) -> None:
    """CONTRACT 156, RELIABILITY config: a ValueError that says what, and never repeats a secret."""
    with pytest.raises(ValueError, match=text) as raised:
        AsyncAzureBackend(**{"container": "cont", "account_name": "acc", **arguments})
    assert KEY not in str(raised.value)


def test_no_secret_is_shown_and_all_travel_in_a_pickle() -> None:
    """CONTRACT 124, 145, DECISIONS 19."""
    for kind in (AsyncAzureBackend, AzureBackend):
        backend = kind("cont", account_name="acc", account_key=Secret(KEY))
        assert repr(backend) == (
            f"{kind.__name__}(container='cont', hns=None, account_name='acc', account_key='***', sas_token=None,"
            " connection_string=None, credential=None)"
        )
        assert repr(pickle.loads(pickle.dumps(backend))) == repr(backend)
    again: AsyncAzureBackend = pickle.loads(pickle.dumps(AsyncAzureBackend("c", account_name="a", account_key=KEY)))
    assert again._config.account.key == Secret(KEY)


ACCOUNTS: list[tuple[dict[str, Any], tuple[str, str | None]]] = [
    ({"account_name": "acc"}, ("https://acc.blob.core.windows.net", "acc")),
    ({"account_url": "https://acc.dfs.core.windows.net/"}, ("https://acc.blob.core.windows.net", "acc")),
    ({"account_url": "https://acc.z12.dfs.storage.azure.net"}, ("https://acc.z12.blob.storage.azure.net", "acc")),
    ({"account_url": "acc.blob.core.usgovcloudapi.net"}, ("https://acc.blob.core.usgovcloudapi.net", "acc")),
    (
        {"account_url": "https://acc-secondary.blob.core.windows.net"},
        ("https://acc-secondary.blob.core.windows.net", "acc"),
    ),
    ({"account_url": "http://127.0.0.1:10000/dev"}, ("http://127.0.0.1:10000/dev", "dev")),
    ({"account_url": "https://blobs.example.com", "account_name": "acc"}, ("https://blobs.example.com", "acc")),
    ({"account_url": "https://blobs.example.com"}, ("https://blobs.example.com", None)),
    (
        {"connection_string": "UseDevelopmentStorage=true"},
        ("http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1"),
    ),
    (
        {"connection_string": f"AccountName=acc;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn"},
        ("https://acc.blob.core.chinacloudapi.cn", "acc"),
    ),
]


@pytest.mark.parametrize(("arguments", "wanted"), ACCOUNTS, ids=[str(number) for number in range(len(ACCOUNTS))])
def test_an_account_is_found_by_its_arguments(arguments: dict[str, Any], wanted: tuple[str, str | None]) -> None:
    """Issue 7: sovereign clouds, custom domains, Azurite's URLs, connection strings."""
    account = AsyncAzureBackend("cont", **arguments)._config.account
    assert (account.url, account.name) == wanted


def test_the_environment_s_secrets_are_for_its_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONVENTIONS: explicit before environment; a key is never tried on another account."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "acc")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    found = AsyncAzureBackend("cont")._config.account
    assert (found.url, found.key) == ("https://acc.blob.core.windows.net", Secret(KEY))
    assert AsyncAzureBackend("cont", account_name="acc")._config.account.key == Secret(KEY)
    assert AsyncAzureBackend("cont", account_name="other")._config.account.key is None
    assert AsyncAzureBackend("cont", account_url="https://other.blob.core.windows.net")._config.account.key is None
    assert AsyncAzureBackend("cont", anonymous=True)._config.account.key is None


# Answers

HERE = Place("cont", "dir/file", "azure")
ROWS: list[tuple[int, str, Condition, type[RemoteStoreError]]] = [
    (404, "BlobNotFound", ALWAYS, NotFound),
    (404, "ContainerNotFound", ALWAYS, NotFound),
    (409, "BlobAlreadyExists", IF_ABSENT, AlreadyExists),
    (412, "ConditionNotMet", IF_ABSENT, AlreadyExists),
    (412, "ConditionNotMet", IfMatch("e"), PreconditionFailed),
    (404, "BlobNotFound", IfMatch("e"), PreconditionFailed),
    (404, "ContainerNotFound", IfMatch("e"), NotFound),
    (412, "ConditionNotMet", ALWAYS, PreconditionFailed),
    (409, "BlobArchived", ALWAYS, ResourceLocked),
    (412, "LeaseIdMissing", IF_ABSENT, ResourceLocked),
    (409, "LeaseIdMismatchWithBlobOperation", ALWAYS, ResourceLocked),
    (409, "SomethingElse", ALWAYS, AlreadyExists),
    (423, "Locked", ALWAYS, ResourceLocked),
    (401, "NoAuthenticationInformation", ALWAYS, PermissionDenied),
    (403, "AuthenticationFailed", ALWAYS, PermissionDenied),
    (403, "AuthorizationPermissionMismatch", ALWAYS, PermissionDenied),
    (400, "InvalidResourceName", ALWAYS, InvalidPath),
    (400, "Md5Mismatch", ALWAYS, IntegrityError),
    (400, "InvalidBlockList", ALWAYS, PreconditionFailed),
    (503, "ServerBusy", ALWAYS, BackendUnavailable),
    (500, "InternalError", ALWAYS, OutcomeUnknown),
    (501, "NotImplemented", ALWAYS, CapabilityNotSupported),
    (400, "Whatever", ALWAYS, RemoteStoreError),
    (200, "", ALWAYS, OutcomeUnknown),
    (302, "", ALWAYS, UnexpectedResponse),
]


@pytest.mark.parametrize(("status", "code", "condition", "wanted"), ROWS, ids=[f"{r[0]}-{r[1]}-{r[2]}" for r in ROWS])
def test_an_answer_is_the_right_error(
    status: int, code: str, condition: Condition, wanted: type[RemoteStoreError]
) -> None:
    """CONTRACT 86, DECISIONS 28: by code before status."""
    headers = {"x-ms-error-code": code, "x-ms-request-id": "7"} if code else {}
    fault = refusal(status, headers, b"", "PutBlob")
    error = failure(fault, HERE, condition, writes=True)
    assert type(error) is wanted
    assert (error.path, error.backend) == ("dir/file", "azure")
    assert "dir/file" in str(error)
    assert str(error)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "3", "x-ms-retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "x"}, None),
        ({}, None),
    ],
)
def test_a_pause_is_what_the_service_asks_for(headers: dict[str, str], pause: float | None) -> None:
    """Issue 7: throttling with Retry-After."""
    fault = refusal(503, {"x-ms-request-id": "7", **headers}, b"<Error><Code>ServerBusy</Code></Error>", "GetBlob")
    assert (fault.code, fault.pause, fault.may_retry, fault.maybe_done) == ("ServerBusy", pause, True, False)


# Documents

PAGE = (
    '\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>'
    "<Blob><Name>a&amp;b</Name><Properties><Content-Length>3</Content-Length><Etag>0x1</Etag></Properties></Blob>"
    '<Blob><Name Encoded="true">x%EF%BF%BF</Name><Properties /></Blob>'
    "<BlobPrefix><Name>d/</Name></BlobPrefix></Blobs><NextMarker>m</NextMarker></EnumerationResults>"
)


def test_a_page_is_read() -> None:
    """https://learn.microsoft.com/rest/api/storageservices/list-blobs."""
    page = page_of(PAGE.encode(), "ListBlobs")
    assert [(blob["Name"], blob.get("Content-Length")) for blob in page.blobs] == [("a&b", "3"), ("x\uffff", None)]
    assert (list(page.prefixes), page.marker) == (["d/"], "m")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "<html></html>",
        PAGE[:-30],
        PAGE.replace("<NextMarker>m</NextMarker>", ""),
        PAGE.replace("Blobs>", "Blubs>"),
        PAGE.replace(">3<", ">-3<"),
        PAGE.replace("<Name>a&amp;b</Name>", ""),
        PAGE.replace("?>", '?><!DOCTYPE x [<!ENTITY a "b">]>', 1),
    ],
)
def test_what_is_no_listing_is_refused(text: str) -> None:
    """RELIABILITY 18: never an empty listing, never an entity."""
    with pytest.raises(Fault) as raised:
        page_of(text.encode(), "ListBlobs")
    assert (raised.value.code, raised.value.may_retry) == ("Unexpected", True)


def test_a_commit_names_its_blocks_in_order() -> None:
    """https://learn.microsoft.com/rest/api/storageservices/put-block-list."""
    assert b"<Latest>YQ==</Latest><Latest>Yg==</Latest>" in commit_list(["YQ==", "Yg=="])


# Metadata


def test_metadata_comes_back_without_our_own_entry() -> None:
    """DECISIONS 25: the write id is stripped from every model."""
    stored = with_write_id(to_stored({"Author": "Ä", "plain": "x"}), "0" * 16)
    headers = {f"x-ms-meta-{key}": value for key, value in stored.items()} | {"etag": "e"}
    assert from_headers(headers) == ({"Author": "Ä", "plain": "x"}, "0" * 16)


def test_a_write_id_without_room_is_left_out() -> None:
    """DECISIONS 25: without 27 spare bytes."""
    full = to_stored({"k": "v" * 2047})
    assert with_write_id(full, "0" * 16) == full
