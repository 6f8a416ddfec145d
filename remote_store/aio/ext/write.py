"""Writes to async stores that tell more about what was written."""

from remote_store.ext._async.write import write_with_hash

__all__ = ["write_with_hash"]
