"""The front door `remote_store.backends`: names without their modules."""

from __future__ import annotations

import subprocess
import sys

import pytest

import remote_store.backends


def test_only_known_names_come_through() -> None:
    """CONTRACT A8: an unknown or missing backend is an AttributeError, hence an ImportError."""
    with pytest.raises(AttributeError, match="NoSuchBackend"):
        remote_store.backends.__getattr__("NoSuchBackend")
    with pytest.raises(ImportError, match="NoSuchBackend"):
        exec("from remote_store.backends import NoSuchBackend")
    assert {"LocalBackend", "MemoryBackend"} <= set(remote_store.backends.__all__) <= set(dir(remote_store.backends))


def test_a_backend_is_imported_when_it_is_asked_for() -> None:
    """DESIGN 2: opening the door loads no backend; asking for one loads that one."""
    code = """
import sys
import remote_store.backends as door
assert not [name for name in sys.modules if name.startswith("remote_store.backends.")]
assert door.MemoryBackend is door.MemoryBackend
assert door.MemoryBackend.__name__ == "MemoryBackend"
assert not [name for name in sys.modules if name.startswith("remote_store.backends.local")]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
