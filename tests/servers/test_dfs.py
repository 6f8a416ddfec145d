"""The fake account is asked by Microsoft's own client, so that our reading of the reference is not judged by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.servers.dfs import FakeAccount, fake_account

datalake = pytest.importorskip("azure.storage.filedatalake", reason="azure-storage-file-datalake is missing")
blob = pytest.importorskip("azure.storage.blob", reason="azure-storage-blob is missing")

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError  # noqa: E402


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    """A fake account."""
    with fake_account() as running:
        yield running


@pytest.fixture
def files(account: FakeAccount) -> Iterator[Any]:
    """The SDK's client of the Data Lake endpoint."""
    credential = {"account_name": account.name, "account_key": account.key}
    with datalake.FileSystemClient(account.dfs_url, "fs", credential=credential, retry_total=0) as client:
        yield client


@pytest.fixture
def blobs(account: FakeAccount) -> Iterator[Any]:
    """The SDK's client of the Blob endpoint."""
    credential = {"account_name": account.name, "account_key": account.key}
    with blob.ContainerClient(account.blob_url, "fs", credential=credential, retry_total=0) as client:
        yield client


def code_of(error: Any) -> str:
    """Return the service's code; the SDK gives it as an attribute from some of its methods only."""
    return str(error.response.headers["x-ms-error-code"])


def written(files: Any, path: str, data: bytes = b"x") -> Any:
    client = files.get_file_client(path)
    client.create_file()
    client.append_data(data, 0)
    client.flush_data(len(data))
    return client


def test_data_is_there_when_it_is_flushed_and_not_before(account: FakeAccount, files: Any, blobs: Any) -> None:
    """Appended data can be read after the flush that names its end, over both endpoints."""
    client = files.get_file_client("a/b.txt")
    client.create_file(content_settings=datalake.ContentSettings(content_type="text/plain"), metadata={"who": "me"})
    client.append_data(b"world", 5)
    client.append_data(b"hello", 0)
    assert blobs.get_blob_client("a/b.txt").download_blob().readall() == b""
    client.flush_data(10)
    assert blobs.get_blob_client("a/b.txt").download_blob().readall() == b"helloworld"
    properties = blobs.get_blob_client("a/b.txt").get_blob_properties()
    assert (properties.metadata, properties.content_settings.content_type) == ({"who": "me"}, "text/plain")


@pytest.mark.parametrize("position", [0, 4, 6])
def test_a_flush_must_name_the_end_of_what_was_appended(files: Any, position: int) -> None:
    """The reference: InvalidFlushPosition where the data is not contiguous or the position is not its end."""
    client = files.get_file_client("f")
    client.create_file()
    client.append_data(b"hello", 1 if position == 6 else 0)
    if position == 0:
        assert client.flush_data(0)["etag"]
        return
    with pytest.raises(HttpResponseError) as refused:
        client.flush_data(position)
    assert (refused.value.status_code, code_of(refused.value)) == (400, "InvalidFlushPosition")


def test_a_rename_moves_a_directory_as_one(files: Any) -> None:
    """One request moves what is under it."""
    written(files, "old/deep/a")
    files.get_directory_client("old").rename_directory("fs/new")
    assert sorted(path.name for path in files.get_paths()) == ["new", "new/deep", "new/deep/a"]


def test_a_rename_without_overwrite_keeps_the_target(files: Any) -> None:
    """If-None-Match: * on a rename answers PathAlreadyExists."""
    written(files, "a", b"1")
    written(files, "b", b"2")
    with pytest.raises(ResourceExistsError) as refused:
        files.get_file_client("a").rename_file("fs/b", match_condition=_missing())
    assert code_of(refused.value) == "PathAlreadyExists"
    assert files.get_file_client("b").download_file().readall() == b"2"


def test_a_rename_needs_the_parent_and_the_source(files: Any) -> None:
    """Unlike a creation, a rename makes no directories."""
    written(files, "a")
    for source, target, code in [
        ("a", "fs/no/b", "RenameDestinationParentPathNotFound"),
        ("missing", "fs/b", "SourcePathNotFound"),
    ]:
        with pytest.raises(ResourceNotFoundError) as refused:
            files.get_file_client(source).rename_file(target)
        assert code_of(refused.value) == code


def test_of_twenty_renames_onto_one_name_one_wins(files: Any) -> None:
    """The service decides."""
    for number in range(20):
        written(files, f"from/{number}", str(number).encode())
    won: list[int] = []

    def move(number: int) -> None:
        try:
            files.get_file_client(f"from/{number}").rename_file("fs/to", match_condition=_missing())
            won.append(number)
        except ResourceExistsError:
            pass

    threads = [threading.Thread(target=move, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert files.get_file_client("to").download_file().readall() == str(won[0]).encode()


def test_a_file_is_no_directory(files: Any, blobs: Any) -> None:
    """PathConflict under a file, over both endpoints."""
    written(files, "f")
    with pytest.raises(HttpResponseError) as refused:
        files.get_file_client("f/child").create_file()
    assert code_of(refused.value) == "PathConflict"
    with pytest.raises(HttpResponseError) as refused:
        blobs.upload_blob("f/child", b"x")
    assert refused.value.status_code == 404


def test_a_directory_is_removed_page_by_page(account: FakeAccount, files: Any) -> None:
    """A recursive deletion goes on with the continuation that it was given; the plain one refuses what is not empty."""
    account.paths.delete_page = 3
    for number in range(7):
        written(files, f"d/{number}")
    with pytest.raises(HttpResponseError) as refused:
        files.get_directory_client("d")._client.path.delete(recursive=False)
    assert code_of(refused.value) == "DirectoryNotEmpty"
    client = files.get_directory_client("d")
    more = _continuation(client, None)
    while more:
        more = _continuation(client, more)
    assert account.count("delete") == 4
    assert list(files.get_paths()) == []


def test_listings_are_paged(account: FakeAccount, files: Any, blobs: Any) -> None:
    """The client gets all entries, whatever the size of a page; a depth of one stays at one level."""
    account.paths.list_page = account.blobs.list_page = 2
    for name in ("a", "b/c", "b/d/e", "z"):
        written(files, name)
    assert [path.name for path in files.get_paths()] == ["a", "b", "b/c", "b/d", "b/d/e", "z"]
    assert [path.name for path in files.get_paths("b", recursive=False)] == ["b/c", "b/d"]
    assert [item.name for item in blobs.walk_blobs(delimiter="/")] == ["a", "b", "b/", "z"]
    folders = [
        item.name for item in blobs.list_blobs(include=["metadata"]) if (item.metadata or {}).get("hdi_isfolder")
    ]
    assert folders == ["b", "b/d"]


def test_the_namespace_is_told(account: FakeAccount, blobs: Any) -> None:
    """By which a client knows what it talks to."""
    assert blobs.get_account_information()["is_hns_enabled"] is True


def test_a_wrong_key_is_refused(account: FakeAccount) -> None:
    """AuthenticationFailed."""
    credential = {"account_name": account.name, "account_key": "bm90IHRoZSBrZXk="}
    with datalake.FileSystemClient(account.dfs_url, "fs", credential=credential, retry_total=0) as client:
        with pytest.raises(HttpResponseError) as refused:
            client.get_file_client("f").create_file()
    assert (refused.value.status_code, code_of(refused.value)) == (403, "AuthenticationFailed")


@pytest.mark.parametrize("kind", ["account", "container"])
def test_a_shared_access_signature_allows_what_it_says(account: FakeAccount, files: Any, kind: str) -> None:
    """Reading with a signature for reading; no writing with it; nothing with an expired one."""
    written(files, "f", b"data")
    for expires, verb, code in [
        (1, "read", None),
        (1, "write", "AuthorizationPermissionMismatch"),
        (-1, "read", "AuthenticationFailed"),
    ]:
        until = datetime.now(UTC) + timedelta(hours=expires)
        token = _account_token(account, until) if kind == "account" else _container_token(account, until)
        with datalake.FileSystemClient(account.dfs_url, "fs", credential=token, retry_total=0) as client:
            file = client.get_file_client("f")
            if code is None:
                assert file._client.path.get_properties(action="getStatus", cls=lambda *_: True)
                continue
            with pytest.raises(HttpResponseError) as refused:
                if verb == "read":
                    file._client.path.get_properties(action="getStatus")
                else:
                    file.create_file()
            assert code_of(refused.value) == code


def _missing() -> Any:
    from azure.core import MatchConditions

    return MatchConditions.IfMissing


def _continuation(client: Any, more: str | None) -> str | None:
    found: dict[str, str] = client._client.path.delete(
        recursive=True, continuation=more, cls=lambda _pipeline, _body, headers: headers
    )
    return found.get("x-ms-continuation")


def _account_token(account: FakeAccount, until: datetime) -> str:
    return str(
        blob.generate_account_sas(
            account.name,
            account.key,
            resource_types=blob.ResourceTypes(object=True, container=True),
            permission=blob.AccountSasPermissions(read=True),
            expiry=until,
        )
    )


def _container_token(account: FakeAccount, until: datetime) -> str:
    return str(
        blob.generate_container_sas(
            account.name,
            "fs",
            account_key=account.key,
            permission=blob.ContainerSasPermissions(read=True),
            expiry=until,
        )
    )
