"""Single files between stores and local disks."""

from remote_store.ext._sync.transfer import download, transfer, upload

__all__ = ["download", "transfer", "upload"]
