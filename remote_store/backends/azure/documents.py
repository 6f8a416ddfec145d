"""The service's XML: pages of listings and lists of blocks, read with suspicion; lists of blocks, written."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote
from xml.sax.saxutils import escape

from .errors import unexpected

__all__ = ["MAX_DOCUMENT", "Blob", "Page", "block_list", "commit_list", "key_request", "page_of", "record_of"]

MAX_DOCUMENT = 64 * 1024 * 1024
"""Bytes: a page of 5,000 blobs with the longest names and metadata stays below."""

Blob: TypeAlias = dict[str, str]
"""What a listing tells of a blob: ``Name``, and its properties by the service's names."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing: blobs, prefixes, and where to go on."""

    blobs: Sequence[Blob]
    prefixes: Sequence[str]
    marker: str | None


def page_of(data: bytes, verb: str) -> Page:
    """Return a page; a fault for anything that is not a whole, well-formed listing."""
    root = _parsed(data, "EnumerationResults", verb)
    entries = root.find("Blobs")
    marker = root.find("NextMarker")
    if entries is None or marker is None:
        raise unexpected("the answer is no listing", verb)
    blobs = [_blob(entry, verb) for entry in entries if entry.tag == "Blob"]
    prefixes = [_name(entry, verb) for entry in entries if entry.tag == "BlobPrefix"]
    return Page(blobs, prefixes, marker.text or None)


def block_list(data: bytes, verb: str) -> tuple[list[str], list[str]]:
    """Return the ids of the blocks that are committed, and of those that are not."""
    root = _parsed(data, "BlockList", verb)

    def ids(kind: str) -> list[str]:
        return [name.text or "" for name in root.iterfind(f"{kind}/Block/Name")]

    return ids("CommittedBlocks"), ids("UncommittedBlocks")


def commit_list(ids: Sequence[str]) -> bytes:
    """Return the list that makes a blob of these blocks, whether they are committed already or not."""
    blocks = "".join(f"<Latest>{block}</Latest>" for block in ids)
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{blocks}</BlockList>'.encode()


def key_request(start: str, expiry: str) -> bytes:
    """Return what asks for a key to sign with in a user's name."""
    return f"<KeyInfo><Start>{escape(start)}</Start><Expiry>{escape(expiry)}</Expiry></KeyInfo>".encode()


def record_of(data: bytes, tag: str, verb: str) -> dict[str, str]:
    """Return a flat document as texts by tag."""
    return {entry.tag: entry.text or "" for entry in _parsed(data, tag, verb)}


def _parsed(data: bytes, tag: str, verb: str) -> ET.Element:
    try:
        text = data.decode("utf-8-sig")
        if "<!" in text:
            raise unexpected("the answer has a document type, which the service's never have", verb)
        root = ET.fromstring(text)  # noqa: S314  # no document type, so no entities
    except (UnicodeDecodeError, ET.ParseError) as error:
        raise unexpected(f"the answer is no XML document ({type(error).__name__})", verb) from error
    if root.tag != tag:
        raise unexpected(f"the answer is a {root.tag[:40]!r}, not a {tag!r}", verb)
    return root


def _blob(entry: ET.Element, verb: str) -> Blob:
    found = {each.tag: each.text or "" for each in entry.find("Properties") or ()}
    found["Name"] = _name(entry, verb)
    if not found.get("Content-Length", "0").isdecimal():
        raise unexpected("a blob's size is no number", verb)
    return found


def _name(entry: ET.Element, verb: str) -> str:
    name = entry.find("Name")
    if name is None or not name.text:
        raise unexpected("a blob in the listing has no name", verb)
    return unquote(name.text) if name.get("Encoded") == "true" else name.text
