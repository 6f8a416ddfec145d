"""`remote-store cat`, `cp` and `mv`: bytes from one place to another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated, Any, BinaryIO, cast

import typer

from .._core.capability import Capability
from .._core.errors import AlreadyExists, InvalidPath, NotFound, RemoteStoreError
from ..ext._tree_report import TreeError, TreeEvent, TreeReport
from ..ext._tree_rules import location
from .exits import FAILED, OK, reported
from .options import Concurrency, DryRun, Exclude, FailFast, Include, Json, Recursive, Verbose
from .places import STANDARD, Place, Places, is_pattern
from .telling import Teller, progress_bar

__all__ = ["cat", "cp", "mv", "run_tree"]

PIECE = 256 * 1024
Paths = Annotated[list[str], typer.Argument(help="Paths, URLs or quoted patterns; '-' is standard input or output.")]
Keep = Annotated[bool, typer.Option("--no-overwrite", "-n", help="Fail for files that exist.")]


@reported
def cat(places: Annotated[list[str], typer.Argument(help="Paths, URLs or quoted patterns.")]) -> int:
    """Write files to standard output."""
    with Places() as opened:
        for text in places:
            for place in [None] if text == STANDARD else opened.found(text):
                if place is None:
                    _pour(_standard_input(), sys.stdout.buffer)
                else:
                    with place.store.read(place.key) as stream:
                        _pour(stream, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return OK


def _standard_input() -> BinaryIO:
    if sys.stdin is None:  # closed by whoever started us
        raise OSError("standard input is closed")
    return cast(BinaryIO, sys.stdin.buffer)


def _pour(source: BinaryIO, sink: BinaryIO) -> None:
    while piece := source.read(PIECE):
        sink.write(piece)


@reported
def cp(
    paths: Paths,
    recursive: Recursive = False,
    no_overwrite: Keep = False,
    checksum: Annotated[bool, typer.Option("--checksum", help="Compare bytes to see what is there already.")] = False,
    include: Include = [],  # noqa: B006
    exclude: Exclude = [],  # noqa: B006
    dry_run: DryRun = False,
    fail_fast: FailFast = False,
    jobs: Concurrency = 16,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Copy files, or with -r folders, to a place; the last argument is the target."""
    options = {
        "checksum": checksum,
        "include": include,
        "exclude": exclude,
        "fail_fast": fail_fast,
        "concurrency": jobs,
    }
    teller = Teller(as_json=as_json, dry_run=dry_run, verbose=verbose)
    return _Transfer("copy", teller, dry_run, not no_overwrite, recursive, options).run(paths)


@reported
def mv(
    paths: Paths,
    recursive: Recursive = False,
    no_overwrite: Keep = False,
    include: Include = [],  # noqa: B006
    exclude: Exclude = [],  # noqa: B006
    dry_run: DryRun = False,
    fail_fast: FailFast = False,
    jobs: Concurrency = 16,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Move files, or with -r folders: each source is deleted when its copy is there."""
    # A source is deleted when its copy is there: that a file of its size is newer is no proof that it is the copy.
    options = {"checksum": True, "include": include, "exclude": exclude, "fail_fast": fail_fast, "concurrency": jobs}
    teller = Teller(as_json=as_json, dry_run=dry_run, verbose=verbose)
    return _Transfer("move", teller, dry_run, not no_overwrite, recursive, options).run(paths)


class _Transfer:
    """One `cp` or `mv`: what it is given, and what became of each source."""

    def __init__(
        self, verb: str, teller: Teller, dry_run: bool, overwrite: bool, recursive: bool, options: dict[str, Any]
    ) -> None:
        self._verb = verb
        self._teller = teller
        self._dry_run = dry_run
        self._overwrite = overwrite
        self._recursive = recursive
        self._options = options
        self._done = self._failed = self._skipped = self._bytes = 0
        self._single = True

    def run(self, paths: list[str]) -> int:
        """Transfer every source to the target, and return the exit code."""
        if len(paths) < 2:
            raise InvalidPath("a source and a target are needed")
        *sources, target = paths
        if paths.count(STANDARD) > 1 or (STANDARD in paths and len(paths) > 2):
            raise InvalidPath("'-' can be one source or the target, beside one other place")
        if STANDARD in paths and self._verb == "move":
            raise InvalidPath("standard input and output can't be moved")
        if is_pattern(target):
            raise InvalidPath("the target can't be a pattern", path=target)
        with Places() as places:
            if target == STANDARD:
                return self._to_stdout(places, sources[0])
            into = places.open(target)
            if sources[0] == STANDARD:
                self._one("-", lambda: self._from_stdin(into))
            else:
                self._all(places, sources, into)
        verb = "copied" if self._verb == "copy" else "moved"
        self._teller.totals(
            **{verb: self._done, "skipped": self._skipped, "failed": self._failed, "bytes": self._bytes}
        )
        return FAILED if self._failed else OK

    def _to_stdout(self, places: Places, source: str) -> int:
        for place in places.found(source):
            with place.store.read(place.key) as stream:
                _pour(stream, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return OK

    def _from_stdin(self, into: Place) -> None:
        if into.folder or into.is_root:
            raise InvalidPath("standard input needs the name of a file", path=into.text)
        if not self._dry_run:
            result = into.store.write(into.key, _standard_input(), overwrite=self._overwrite)
            self._bytes += result.size
        self._done += 1
        self._teller.event(self._verb, into.key)

    def _all(self, places: Places, sources: list[str], into: Place) -> None:
        self._single = len(sources) == 1 and not is_pattern(sources[0])
        folder = not self._single or into.is_folder()
        for text in sources:
            found = places.found(text, follow=self._verb == "copy")
            for place in found:
                if not place.folder and not place.is_root and place.store.is_file(place.key):
                    target = into.below(place.name) if folder else into
                    self._one(place.text if len(found) == 1 else place.key, lambda: self._file(place, target))  # noqa: B023  # called at once
                elif place.is_root or place.store.is_folder(place.key):
                    self._folder(place, into)
                else:
                    raise NotFound(f"Nothing is at {place.text}")

    def _one(self, key: str, act: Callable[[], None]) -> None:
        try:
            act()
        except (RemoteStoreError, OSError) as error:
            if self._options["fail_fast"] or self._single:
                raise
            self._failed += 1
            self._teller.failed(key, error)

    def _file(self, place: Place, target: Place) -> None:
        info = place.store.get_file_info(place.key)
        if _same_file(place, target):
            raise InvalidPath("the source and the target are the same", path=place.key)
        if not self._overwrite and target.store.exists(target.key):
            raise AlreadyExists(f"File already exists: {target.key}", path=target.key)
        if not self._dry_run:
            self._send(place, target, info.size)
        self._done += 1
        self._bytes += info.size
        self._teller.event(self._verb, place.key, to=target.key, size=info.size)

    def _send(self, place: Place, target: Place, size: int) -> None:
        native = Capability.MOVE if self._verb == "move" else Capability.COPY
        if _same_place(place, target) and place.store.supports(native):
            act = place.store.move if self._verb == "move" else place.store.copy
            act(place.key, target.key, overwrite=self._overwrite)
            return
        from ..ext.transfer import transfer

        done = 0
        with progress_bar(place.name) as bar:

            def told(count: int) -> None:
                nonlocal done
                done += count
                if bar is not None:
                    bar(done, size, place.key)

            transfer(
                place.store, place.key, target.store, target.key, overwrite=self._overwrite,
                on_progress=told if bar is not None else None,
            )  # fmt: skip
        if self._verb == "move":
            place.store.delete(place.key)

    def _folder(self, place: Place, into: Place) -> None:
        if not self._recursive:
            raise InvalidPath(f"{place.text} is a folder; -r takes folders", path=place.key)
        done: list[str] = []

        def note(event: TreeEvent) -> None:
            if event.action in ("copy", "skip"):
                done.append(event.key)

        report = run_tree(
            self._teller,
            self._verb,
            place,
            into,
            note,
            overwrite=self._overwrite,
            dry_run=self._dry_run,
            **self._options,
        )
        if self._verb == "move" and not self._dry_run:
            from ..ext.batch import batch_delete

            gone = batch_delete(place.tree(), done, missing_ok=True, concurrent=True)
            for key, error in gone.failed.items():
                self._failed += 1
                self._teller.failed(key, error)
            if not place.is_root and not any(place.tree().list_files("", recursive=True)):
                self._clear(place, done)
        self._done += report.copied
        self._skipped += report.skipped
        self._failed += report.failed
        self._bytes += report.bytes

    def _clear(self, place: Place, done: list[str]) -> None:
        """Remove the folders that are empty now. What is in no listing stays, and is told: links to elsewhere, pipes."""
        if not place.store.is_folder(place.key):
            return  # no keys, no folders
        kept: set[str] = set()
        for key in sorted(_folders(place, done), key=lambda key: key.count("/"), reverse=True):
            if key not in kept:
                try:
                    place.store.delete_folder(key, missing_ok=True)
                    continue
                except (RemoteStoreError, OSError) as error:
                    self._failed += 1
                    self._teller.failed(key, error)
            kept.add(key.rpartition("/")[0])


def _folders(place: Place, done: list[str]) -> set[str]:
    """Return a folder and those in it that are known to be no links: where files were, and locally all."""
    found = {place.key}
    top = place.store.native_path(place.key) if place.local else ""
    if os.path.islink(top):
        return found
    inner = [os.path.relpath(folder, top).replace(os.sep, "/") for folder, _, _ in os.walk(top)] if top else []
    for key in done:
        inner += [str(parent) for parent in PurePosixPath(key).parents]
    return found | {f"{place.key}/{key}" for key in inner if key != "."}


def _same_place(place: Place, target: Place) -> bool:
    """Return whether both are in one store, so that the backend can do it by itself."""
    backend, other = place.store._backend, target.store._backend
    return backend is other or (place.local and target.local and repr(backend) == repr(other))


def _same_file(place: Place, target: Place) -> bool:
    """Return whether both are one file, however they were named. A local link is another file than what it leads to."""
    if place.local and target.local:
        return _local_name(place) == _local_name(target)
    return location(place.store, place.key) == location(target.store, target.key)


def _local_name(place: Place) -> tuple[str, str]:
    folder, name = os.path.split(place.store.native_path(place.key))
    return os.path.realpath(folder), name


def run_tree(
    teller: Teller, verb: str, place: Place, into: Place, note: Callable[[TreeEvent], None] | None, **options: Any
) -> TreeReport:
    """Copy or synchronise a tree, telling each file; errors of files are in the report."""
    from ..ext.trees import copy_tree, sync_tree

    with progress_bar(place.name or place.text) as bar:

        def on_event(event: TreeEvent) -> None:
            if bar is not None:
                bar.files += 1
            if note is not None:
                note(event)
            if event.error is not None:
                teller.failed(event.key, event.error)
            else:
                teller.event(verb if event.action == "copy" else event.action, event.key, size=event.size)

        run: Callable[..., TreeReport] = sync_tree if verb == "sync" else copy_tree
        try:
            return run(place.tree(), into.tree(), progress=bar, on_event=on_event, **options)
        except TreeError as error:
            return error.report
