"""Writes that tell more about what was written."""

from remote_store.ext._sync.write import HashingAtomicWriter, open_atomic_with_hash, write_with_hash

__all__ = ["HashingAtomicWriter", "open_atomic_with_hash", "write_with_hash"]
