"""Checksums of stored files."""

from remote_store.ext._sync.integrity import checksum, content_digest, verify, verify_hex

__all__ = ["checksum", "content_digest", "verify", "verify_hex"]
