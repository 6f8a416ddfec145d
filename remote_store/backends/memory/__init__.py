"""The memory backend: a tree of folders in this process."""
