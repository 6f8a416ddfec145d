"""Glob patterns on any store, whether or not its backend knows them."""

from remote_store.ext._sync.glob import glob_files

__all__ = ["glob_files"]
