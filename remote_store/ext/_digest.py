"""Digests by name, as `hashlib` has them."""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = ["new_digest"]


def new_digest(algorithm: str) -> Any:
    """Return a new hash object. Raises ValueError for an unknown algorithm or one without a fixed length."""
    digest = hashlib.new(algorithm.lower())
    if digest.digest_size == 0:
        raise ValueError(f"unsupported hash type {algorithm}: its digests have no fixed length")
    return digest
