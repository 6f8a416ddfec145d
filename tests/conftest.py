"""What every test may ask for: the two event loops of anyio's plugin."""

from __future__ import annotations

import signal
from typing import Any

import hypothesis
import pytest

from tests.servers.fixtures import (
    azure_server,
    bucket,
    container,
    filesystem,
    hierarchical_account,
    moto_bucket,
    moto_server,
    s3_server,
    shelf,
    ssh_server,
)

__all__ = [
    "anyio_backend",
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

# A shell starts its background jobs with SIGINT ignored, and children inherit that: Ctrl-C has tests, wherever they run.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no bug, and a failure must come again when the test is run again.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True)
hypothesis.settings.load_profile("house")

# A test marked `pytest.mark.anyio` runs once on each; what belongs to asyncio alone is marked `pytest.mark.asyncio`.
LOOPS = [pytest.param(("asyncio", {}), id="asyncio"), pytest.param(("trio", {}), id="trio")]


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run an async test on asyncio and on trio."""
    backend: tuple[str, dict[str, Any]] = request.param
    return backend
