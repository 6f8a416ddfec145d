"""`remote-store rm`: files, and with -r folders."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from .._core.errors import InvalidPath, NotFound, RemoteStoreError
from .exits import FAILED, OK, reported
from .options import DryRun, FailFast, Json, Recursive, Verbose
from .places import Place, Places
from .telling import Teller

__all__ = ["rm"]


@reported
def rm(
    places: Annotated[list[str], typer.Argument(help="Paths, URLs or quoted patterns.")],
    recursive: Recursive = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before a folder is removed.")] = False,
    dry_run: DryRun = False,
    fail_fast: FailFast = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Remove files; -r removes folders, and asks first unless --yes is given."""
    teller = Teller(as_json=as_json, dry_run=dry_run, verbose=verbose)
    done = failed = 0
    with Places() as opened:
        targets = [place for text in places for place in opened.found(text, follow=False)]
        folders = [place for place in targets if _is_folder(place, recursive)]
        if folders and not (yes or dry_run or _agreed(folders)):
            raise InvalidPath("nothing was removed; --yes removes folders without asking")
        for place in targets:
            try:
                if not dry_run:
                    _remove(place, place in folders)
            except (RemoteStoreError, OSError) as error:
                if fail_fast or len(targets) == 1:
                    raise
                failed += 1
                teller.failed(place.key, error)
            else:
                done += 1
                teller.event("remove", place.key)
    teller.totals(removed=done, failed=failed)
    return FAILED if failed else OK


def _is_folder(place: Place, recursive: bool) -> bool:
    """Return whether a target is a folder that may be removed; refuse roots, and folders without -r."""
    if place.is_root:
        raise InvalidPath(f"{place.text} is all of its store, which is not removed", path=place.text)
    if not place.folder and place.store.is_file(place.key):
        return False
    if not place.store.is_folder(place.key):
        raise NotFound(f"Nothing is at {place.text}")
    if not recursive:
        raise InvalidPath(f"{place.text} is a folder; -r removes folders", path=place.key)
    if place.local and _holds_current(place.store.native_path(place.key)):
        raise InvalidPath(f"{place.text} is the current folder or holds it, which is not removed", path=place.key)
    return True


def _holds_current(path: str) -> bool:
    if os.path.islink(path):
        return False  # the link alone is removed
    folder = os.path.realpath(path)
    return os.path.commonpath([folder, os.getcwd()]) == folder


def _agreed(folders: list[Place]) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    names = ", ".join(place.text for place in folders)
    return typer.confirm(f"Remove {names} with all that is in it?", err=True)


def _remove(place: Place, folder: bool) -> None:
    if folder:
        place.store.delete_folder(place.key, recursive=True)
    else:
        place.store.delete(place.key)
