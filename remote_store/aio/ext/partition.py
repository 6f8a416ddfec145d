"""Hive-style partition paths."""

from remote_store.ext.partition import ParsedPartition, parse_partition, partition_path

__all__ = ["ParsedPartition", "parse_partition", "partition_path"]
