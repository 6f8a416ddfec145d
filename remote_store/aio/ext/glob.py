"""Glob patterns on any async store, whether or not its backend knows them."""

from remote_store.ext._async.glob import glob_files

__all__ = ["glob_files"]
