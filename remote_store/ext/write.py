"""Writes that tell more about what was written."""

from remote_store.ext._sync.write import write_with_hash

__all__ = ["write_with_hash"]
