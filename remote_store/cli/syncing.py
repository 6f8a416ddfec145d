"""`remote-store sync` and `check`: whole trees."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .._core.errors import NotFound
from ..ext._tree_report import TreeError
from .copying import run_tree
from .exits import FAILED, OK, reported
from .options import Concurrency, DryRun, Exclude, FailFast, Include, Json, Verbose
from .places import Place, Places, printable
from .telling import Teller

__all__ = ["check", "sync"]

Source = Annotated[str, typer.Argument(help="A folder: a path or a URL.")]
Target = Annotated[str, typer.Argument(help="Another folder.")]


@reported
def sync(
    source: Source,
    target: Target,
    delete: Annotated[bool, typer.Option("--delete", help="Delete what the source does not have.")] = False,
    checksum: Annotated[bool, typer.Option("--checksum", help="Compare bytes, not size and time.")] = False,
    include: Include = [],  # noqa: B006
    exclude: Exclude = [],  # noqa: B006
    dry_run: DryRun = False,
    fail_fast: FailFast = False,
    jobs: Concurrency = 16,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Make the target have the files of the source; --delete removes others, last, and only if nothing failed."""
    teller = Teller(as_json=as_json, dry_run=dry_run, verbose=verbose)
    with Places() as places:
        here, there = _folder(places, source), places.open(target)
        report = run_tree(
            teller, "sync", here, there, None, delete=delete, checksum=checksum, include=include, exclude=exclude,
            dry_run=dry_run, fail_fast=fail_fast, concurrency=jobs,
        )  # fmt: skip
    teller.totals(
        copied=report.copied, skipped=report.skipped, deleted=report.deleted, kept=report.kept, failed=report.failed,
        bytes=report.bytes,
    )  # fmt: skip
    return FAILED if report.failed else OK


@reported
def check(
    source: Source,
    target: Target,
    download: Annotated[bool, typer.Option("--download", help="Read and compare all bytes.")] = False,
    include: Include = [],  # noqa: B006
    exclude: Exclude = [],  # noqa: B006
    jobs: Concurrency = 16,
    as_json: Json = False,
) -> int:
    """Compare two trees by size and known digests; exit 1 on a difference."""
    from ..ext.trees import check_tree

    teller = Teller(as_json=as_json, dry_run=False)
    with Places() as places:
        here, there = _folder(places, source), _folder(places, target)
        try:
            found = check_tree(
                here.tree(), there.tree(), checksum=download, include=include, exclude=exclude, concurrency=jobs
            )
        except TreeError as failed:
            for error in failed.exceptions:
                teller.failed(", ".join(getattr(error, "__notes__", [])).removeprefix("file: "), error)
            return FAILED
    for action, keys in (("missing", found.missing), ("extra", found.extra), ("different", found.different)):
        for key in keys:
            print(json.dumps({"action": action, "key": key}) if as_json else f"{action} {printable(key)}")
    teller.totals(equal=found.equal, missing=len(found.missing), extra=len(found.extra), different=len(found.different))
    return OK if found.matches else FAILED


def _folder(places: Places, text: str) -> Place:
    place = places.open(text)
    if not place.is_root and not place.store.is_folder(place.key):
        raise NotFound(f"Folder not found: {text}")
    return place
