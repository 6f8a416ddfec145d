"""Stores: a backend seen from a root, with checks, names and logging."""
