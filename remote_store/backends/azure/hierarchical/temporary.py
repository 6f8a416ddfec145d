"""Names of files that are being written: hidden until they are renamed, as on a local disk."""

from __future__ import annotations

import re
import secrets

from ...._core.errors import InvalidPath
from ...._core.keys import join, split

__all__ = ["is_temporary", "refuse_temporary", "temporary_beside"]

_NAME = re.compile(r"(?:^|/)\.~tmp\.[0-9a-f]{16}(?:/|$)")


def temporary_beside(key: str) -> str:
    """Return a name that nobody else has, in the same directory: a rename must not need another one."""
    return join(split(key)[0], f".~tmp.{secrets.token_hex(8)}")


def is_temporary(key: str) -> bool:
    """Return whether a key is such a name."""
    return ".~tmp." in key and _NAME.search(key) is not None


def refuse_temporary(key: str, path: str, backend: str) -> str:
    """Return a key; InvalidPath for such a name, which belongs to the library."""
    if is_temporary(key):
        raise InvalidPath("Path is reserved for files that are being written", path=path, backend=backend)
    return key
