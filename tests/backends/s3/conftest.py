"""The strict fake, and a backend on it whose retries don't pause."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store._core.retry import RetryPolicy
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.identity import Identity, identity_server
from tests.servers.strict import Reply, StrictS3, error, strict_s3

AT_ONCE = RetryPolicy(max_attempts=3, backoff_base=0, jitter=0, timeout=20)


@pytest.fixture
def strict() -> Iterator[StrictS3]:
    """A fresh server."""
    with strict_s3() as server:
        yield server


@pytest.fixture
def options(strict: StrictS3) -> dict[str, Any]:
    """What a backend on it is made with."""
    return {"bucket": "b", "endpoint_url": strict.endpoint, "key": "k", "secret": "s" * 20, "retry": AT_ONCE}


@pytest.fixture
async def backend(options: dict[str, Any]) -> AsyncIterator[AsyncS3Backend]:
    """A backend that already knows that the server keeps conditions."""
    async with AsyncS3Backend(**options) as backend:
        backend._core.probe._puts = backend._core.probe._copies = backend._core.probe._deletes = True
        yield backend


# Keys from elsewhere


@pytest.fixture
def identity() -> Iterator[Identity]:
    """Fakes of STS, SSO and the metadata services."""
    with identity_server() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any keys in it, and no variable that names some."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for provider in ("credentials.SSOProvider", "tokens.SSOTokenProvider"):  # they have looked up HOME at import
        monkeypatch.setattr(f"botocore.{provider}._SSO_TOKEN_CACHE_DIR", str(tmp_path / ".aws" / "sso" / "cache"))
    return tmp_path


@pytest.fixture
def signed(strict: StrictS3) -> list[tuple[str, str]]:
    """(access key, token) of each request that came; those without a signature are turned away."""
    seen: list[tuple[str, str]] = []

    def gate(request: Any) -> Reply | None:
        found = re.search(r"Credential=([^/]+)/", request.headers.get("authorization", ""))
        seen.append((found[1] if found else "", request.headers.get("x-amz-security-token", "")))
        return None if found else error(403, "AccessDenied")

    strict.gate = gate
    return seen


@pytest.fixture
def keyless(strict: StrictS3, home: Path) -> dict[str, Any]:
    """What a backend is made with that is told of no keys."""
    return {"bucket": "b", "endpoint_url": strict.endpoint, "retry": AT_ONCE}
