"""A fresh memory backend, and a fresh tree, for each test."""

from __future__ import annotations

import pytest

from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.backends.memory.tree import MemoryTree


@pytest.fixture
def backend() -> AsyncMemoryBackend:
    """Return an empty async backend."""
    return AsyncMemoryBackend()


@pytest.fixture
def tree() -> MemoryTree:
    """Return an empty blocking tree."""
    return MemoryTree()
