"""The content type that an object has by its name."""

from __future__ import annotations

import mimetypes

__all__ = ["media_type"]

_PACKED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz", "br": None}
"""A packed file is what it is, not what is in it: ``a.csv.gz`` as text/csv would be unpacked by nobody."""


def media_type(key: str) -> str | None:
    """Return the MIME type by the last segment's ending, None for an unknown one."""
    kind, packing = mimetypes.guess_type(key.rpartition("/")[2])
    return _PACKED.get(packing, kind) if packing else kind
