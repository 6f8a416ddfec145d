"""The Data Lake Storage endpoint's JSON: pages of listings, read with suspicion."""

from __future__ import annotations

import json
from typing import Any

from ..documents import Blob, Page
from ..errors import unexpected

__all__ = ["paths_of"]


def paths_of(data: bytes, continuation: str | None, verb: str) -> Page:
    """Return a page; a fault for anything that is not a listing. Directories are its prefixes, with a slash behind."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise unexpected(f"the answer is no JSON document ({type(error).__name__})", verb) from error
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, list):
        raise unexpected("the answer is no listing", verb)
    blobs: list[Blob] = []
    prefixes: list[str] = []
    for entry in paths:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise unexpected("a path in the listing has no name", verb)
        if _is_true(entry.get("isDirectory")):
            prefixes.append(f"{name}/")
        else:
            blobs.append(_blob(name, entry, verb))
    return Page(blobs, prefixes, continuation or None)


def _blob(name: str, entry: dict[str, Any], verb: str) -> Blob:
    """Return a file by the names that the Blob endpoint's listings use."""
    size = str(entry.get("contentLength", "0"))
    if not size.isdecimal():
        raise unexpected("a file's size is no number", verb)
    told = {"Last-Modified": entry.get("lastModified"), "Etag": entry.get("etag")}
    return {
        "Name": name,
        "Content-Length": size,
        **{key: value for key, value in told.items() if isinstance(value, str)},
    }


def _is_true(value: object) -> bool:
    return value is True or value == "true"
