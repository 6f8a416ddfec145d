"""Hive-style partition paths: ``year=2026/month=03/data.parquet``."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ParsedPartition", "parse_partition", "partition_path"]


@dataclass(frozen=True)
class ParsedPartition:
    """The parts of a path: `partitions` by column name in their order, `filename` all the rest."""

    partitions: dict[str, str]
    filename: str


def partition_path(filename: str, /, **partitions: str | int) -> str:
    """Return the path of a file below its partitions: ``partition_path("f.csv", year=2024)`` is ``year=2024/f.csv``.

    Partitions come in the order given; values become text. Raises ValueError for a file name that is empty or has a
    ``/``, and for a column or value that is empty or has an ``=``.
    """
    if not filename:
        raise ValueError("filename must not be empty")
    if "/" in filename:
        raise ValueError(f"filename must not contain '/': {filename!r}")
    segments = [_segment(column, str(value)) for column, value in partitions.items()]
    return "/".join([*segments, filename])


def _segment(column: str, value: str) -> str:
    for what, text in (("partition key", column), (f"partition value of {column!r}", value)):
        if not text:
            raise ValueError(f"{what} must not be empty")
        if "=" in text:
            raise ValueError(f"{what} must not contain '=': {text!r}")
    return f"{column}={value}"


def parse_partition(path: str) -> ParsedPartition:
    """Return the partitions that `path` begins with, and what comes after them.

    A segment is a partition if it has exactly one ``=`` and something before it; the first one that is none ends
    them. Raises ValueError for an empty path.
    """
    if not path:
        raise ValueError("path must not be empty")
    segments = path.split("/")
    partitions: dict[str, str] = {}
    for position, segment in enumerate(segments):
        column, sign, value = segment.partition("=")
        if not (column and sign) or "=" in value:
            return ParsedPartition(partitions, "/".join(segments[position:]))
        partitions[column] = value
    return ParsedPartition(partitions, "")
