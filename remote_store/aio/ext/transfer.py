"""Single files between async stores and local disks."""

from remote_store.ext._async.transfer import download, transfer, upload

__all__ = ["download", "transfer", "upload"]
