"""Trees of files between async stores and local folders."""

from remote_store.ext._async.trees import check_tree, copy_tree, download_tree, sync_tree, upload_tree
from remote_store.ext._tree_report import TreeCheck, TreeError, TreeEvent, TreeReport

__all__ = [
    "TreeCheck",
    "TreeError",
    "TreeEvent",
    "TreeReport",
    "check_tree",
    "copy_tree",
    "download_tree",
    "sync_tree",
    "upload_tree",
]
