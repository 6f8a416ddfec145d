"""`remote-store ls`, `du` and `head`: what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from .._core.errors import NotFound
from .._core.models import FileInfo, FolderEntry, known_time
from ..ext._tree_rules import Chosen
from .exits import OK, reported
from .options import Exclude, Include, Json, Recursive
from .places import Place, Places, is_pattern, printable
from .telling import file_entry, size_text

__all__ = ["du", "head", "ls"]

Target = Annotated[str, typer.Argument(help="A path, a URL, or a quoted pattern.")]


@reported
def ls(
    place: Target = ".",
    long: Annotated[bool, typer.Option("-l", "--long", help="Size and time too.")] = False,
    recursive: Recursive = False,
    include: Include = [],  # noqa: B006  # typer's way
    exclude: Exclude = [],  # noqa: B006
    as_json: Json = False,
) -> int:
    """List a folder, a file or what a pattern matches, as it comes."""
    chosen = Chosen(include, exclude)
    with Places() as places:
        for key, entry in _entries(places, place, recursive):
            if isinstance(entry, FileInfo) and not chosen(key):
                continue
            if as_json:
                print(json.dumps(_told(key, entry)))
            else:
                print(_line(key, entry) if long else _name(key, entry))
    return OK


def _entries(places: Places, text: str, recursive: bool) -> Iterator[tuple[str, FileInfo | FolderEntry]]:
    if is_pattern(text):
        for found in places.found(text):
            yield found.key, found.store.get_file_info(found.key)
        return
    place = places.open(text)
    if not place.is_root and not place.folder and place.store.is_file(place.key):
        yield place.name, place.store.get_file_info(place.key)
        return
    _must_be_there(place)
    tree = place.tree()
    entries = tree.list_files("", recursive=True) if recursive else tree.iter_children("")
    for entry in entries:
        yield str(entry.path), entry


def _must_be_there(place: Place) -> None:
    if not place.is_root and not place.store.exists(place.key):
        raise NotFound(f"Nothing is at {place.text}")


def _told(key: str, entry: FileInfo | FolderEntry) -> dict[str, Any]:
    if isinstance(entry, FileInfo):
        return file_entry(entry, key)
    return {"key": key, "type": "folder", "size": None, "modified": None, "etag": None}


def _name(key: str, entry: FileInfo | FolderEntry) -> str:
    return printable(key) + ("" if isinstance(entry, FileInfo) else "/")


def _line(key: str, entry: FileInfo | FolderEntry) -> str:
    if not isinstance(entry, FileInfo):
        return f"{'-':>15}  {'-':<19}  {_name(key, entry)}"
    moment = known_time(entry.modified_at)
    when = moment.strftime("%Y-%m-%d %H:%M:%S") if moment is not None else "-"
    return f"{entry.size:>15}  {when:<19}  {_name(key, entry)}"


@reported
def du(
    place: Target = ".",
    human: Annotated[bool, typer.Option("--human", help="Sizes as KiB, MiB, ...")] = False,
    include: Include = [],  # noqa: B006
    exclude: Exclude = [],  # noqa: B006
    as_json: Json = False,
) -> int:
    """Count the files at a place, at every depth, and their bytes."""
    chosen = Chosen(include, exclude)
    files = size = 0
    with Places() as places:
        for key, entry in _entries(places, place, True):
            if isinstance(entry, FileInfo) and chosen(key):
                files += 1
                size += entry.size
    if as_json:
        print(json.dumps({"place": place, "files": files, "bytes": size}))
    else:
        print(f"{size_text(size) if human else size}\t{files} files\t{printable(place)}")
    return OK


@reported
def head(place: Target, as_json: Json = False) -> int:
    """Show what is known of a file: size, time, etag, content type, metadata."""
    with Places() as places:
        for each in places.found(place):
            info = each.store.get_file_info(each.key)
            told = file_entry(info, each.key) | {
                "content_type": info.content_type,
                "digest": f"{info.digest.algorithm}:{info.digest.value}" if info.digest else None,
                "metadata": dict(info.metadata) if info.metadata else None,
            }
            if as_json:
                print(json.dumps(told))
            else:
                print(
                    "\n".join(
                        f"{name:<13} {printable(str(value))}" for name, value in told.items() if value is not None
                    )
                )
    return OK
