"""The S3 backend keeps the contract on a SeaweedFS: direct, blocking, behind the bare adapter, and lifted back."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store._bridge.to_sync import AsyncBackendSyncAdapter
from remote_store._core.capability import Capability, CapabilitySet
from remote_store.backends.s3.backend import AsyncS3Backend
from remote_store.backends.s3.sync import S3Backend
from remote_store.testing import BackDoor, ConformanceSuite
from tests.servers.fixtures import Bucket


class OnSeaweedFS(ConformanceSuite):
    """What the four have in common: a fresh bucket, and boto3 to look into it."""

    flat = True

    @pytest.fixture(autouse=True)
    def _fresh_bucket(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def back_door(self, backend: Any) -> BackDoor:
        return self.bucket


class TestAsync(OnSeaweedFS):
    """AsyncS3Backend, on both loops."""

    backend_type = AsyncS3Backend

    @pytest.fixture
    def backend(self) -> Any:
        return AsyncS3Backend(**self.bucket.options)


class TestBlocking(OnSeaweedFS):
    """S3Backend, the generated twin."""

    backend_type = S3Backend

    @pytest.fixture
    def backend(self) -> Any:
        return S3Backend(**self.bucket.options)


class TestBareAdapter(OnSeaweedFS):
    """AsyncBackendSyncAdapter(AsyncS3Backend(...)), without the twin's policies."""

    backend_type = AsyncBackendSyncAdapter
    capabilities = CapabilitySet(set(AsyncS3Backend.CAPABILITIES) - {Capability.SEEKABLE_READ})

    @pytest.fixture
    def backend(self) -> Any:
        return AsyncBackendSyncAdapter(AsyncS3Backend(**self.bucket.options))


class TestLifted(OnSeaweedFS):
    """SyncBackendAdapter(S3Backend(...)): the twin seen as async again, on both loops."""

    backend_type = SyncBackendAdapter
    capabilities = S3Backend.CAPABILITIES

    @pytest.fixture
    def backend(self) -> Any:
        return SyncBackendAdapter(S3Backend(**self.bucket.options))
