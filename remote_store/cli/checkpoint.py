"""`remote-store checkpoint`: what checkpoints there are, what is in them, whether they are whole, and which may go."""

from __future__ import annotations

import enum
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from .._core.errors import RemoteStoreError
from .._core.urls import parse_url
from ..checkpoint import CheckpointManager, CheckpointNotFound, CollectResult, Generation, Item
from .exits import FAILED, OK, reported

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    help="Checkpoints that a manager saved: list, inspect, verify, collect.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

ROWS = 100
"""Items shown in a table; `--json` has all."""

Url = Annotated[str, typer.Argument(help="The folder of the checkpoints: a path, or a URL such as s3://bucket/run.")]
Which = Annotated[
    str | None, typer.Argument(help="A step, or a checkpoint's name. Default: the newest.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for machines.")]


class Mode(enum.StrEnum):
    """Which value of a metric is best."""

    min = "min"
    max = "max"


@app.command("ls")
@reported
def ls(url: Url, as_json: AsJson = False) -> int:
    """List the checkpoints, oldest step first; the newest one is marked."""
    with _opened(url) as manager:
        newest = manager.latest()
        if newest is None:
            raise CheckpointNotFound(f"there is no checkpoint at {url}")
        found = manager.list()
    rows = [_row(generation, newest) for generation in found]
    if as_json:
        _print_json(rows)
        return OK
    table = Table(box=None, pad_edge=False)
    for title in ("step", "checkpoint", "saved (UTC)", "items", "size", "user"):
        table.add_column(
            title, justify="right" if title in ("step", "items", "size") else "left", no_wrap=title != "user"
        )
    for generation in found:
        mark = " *" if generation == newest else ""
        table.add_row(
            f"{generation.step}{mark}",
            generation.name,
            f"{generation.created:%Y-%m-%d %H:%M:%S}",
            str(generation.items),
            decimal(generation.total_bytes),
            json.dumps(dict(generation.user)) if generation.user else "",
        )
    _console().print(table)
    return OK


@app.command("inspect")
@reported
def inspect(url: Url, which: Which = None, as_json: AsJson = False) -> int:
    """Show one checkpoint and its items: names, kinds, dtypes, shapes, sizes."""
    with _opened(url) as manager:
        generation = _chosen(manager, which, url)
        items = manager.items(generation)
        newest = manager.latest()
    if as_json:
        _print_json({**_row(generation, newest), "contents": [_item(item) for item in items]})
        return OK
    console = _console()
    console.print(f"{generation.name}: step {generation.step}, saved {generation.created:%Y-%m-%d %H:%M:%S} UTC")
    console.print(f"{generation.items} items, {decimal(generation.total_bytes)}, {generation.writers} writer(s)")
    if generation.user:
        console.print(f"user: {json.dumps(dict(generation.user))}")
    table = Table(box=None, pad_edge=False)
    for title in ("name", "kind", "dtype", "shape", "size"):
        table.add_column(title, justify="right" if title == "size" else "left", overflow="fold")
    for item in items[:ROWS]:
        shape = "x".join(map(str, item.shape)) if item.kind == "tensor" else ""
        table.add_row(_printable(item.name), item.kind, item.dtype, shape, decimal(item.length))
    console.print(table)
    if len(items) > ROWS:
        console.print(f"and {len(items) - ROWS} more; --json has all")
    return OK


@app.command("verify")
@reported
def verify(
    url: Url,
    which: Which = None,
    quick: Annotated[bool, typer.Option("--quick", help="Documents and sizes only; no part is read.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All checkpoints, not just one.")] = False,
    as_json: AsJson = False,
) -> int:
    """Check that a checkpoint is whole: its documents, its objects, and every byte of them.

    Exits with 1 if anything is wrong; each problem names the object.
    """
    reports: list[dict[str, Any]] = []
    with _opened(url) as manager:
        chosen = manager.list() if every else [_chosen(manager, which, url)]
        if not chosen:
            raise CheckpointNotFound(f"there is no checkpoint at {url}")
        for generation in chosen:
            with _moving(f"step {generation.step}", shown=not as_json) as progress:
                reports.append(_verified(manager, generation, not quick, progress))
    if as_json:
        _print_json(reports)
    else:
        for report in reports:
            _tell(report)
    return OK if all(report["ok"] for report in reports) else FAILED


@app.command("gc")
@reported
def gc(
    url: Url,
    keep_last: Annotated[int | None, typer.Option(min=1, help="Keep the newest so many.")] = None,
    keep_every: Annotated[int | None, typer.Option(min=1, help="Keep each step that this divides.")] = None,
    keep_best: Annotated[int | None, typer.Option(min=1, help="Keep the best so many, by --best-by.")] = None,
    best_by: Annotated[str | None, typer.Option(help="The entry of `user` that is compared.")] = None,
    best_mode: Annotated[Mode, typer.Option(help="Whether the smallest or the largest is best.")] = Mode.min,
    min_age: Annotated[float, typer.Option(min=0, help="Seconds that leftovers must be old.")] = 3600.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; tell what would be.")] = False,
    as_json: AsJson = False,
) -> int:
    """Remove checkpoints that the rules don't keep, and what interrupted saves left.

    Without a rule every checkpoint is kept, and only leftovers go. Pinned ones and the newest are always kept.
    """
    if (keep_best is None) != (best_by is None):
        raise typer.BadParameter("--keep-best and --best-by belong together")
    rules: dict[str, Any] = {"keep_last": keep_last, "keep_every": keep_every, "keep_best": keep_best}
    with _opened(url, **rules, best_by=best_by, best_mode=best_mode.value) as manager:
        result = manager.gc(dry_run=dry_run, min_age=min_age)
    if as_json:
        _print_json(vars(result))
    else:
        _tell_removed(result)
    return OK


# Opening and choosing


@contextmanager
def _opened(url: str, **options: Any) -> Iterator[CheckpointManager]:
    """Open a manager at a place that is there: looking must not make a folder."""
    if not url.startswith("profile:"):
        parsed = parse_url(url)
        if parsed.scheme == "file" and not os.path.isdir(parsed.path):
            raise CheckpointNotFound(f"there is no folder {Path(parsed.path)}")
    with CheckpointManager(url, **options) as manager:
        yield manager


def _chosen(manager: CheckpointManager, which: str | None, url: str) -> Generation:
    if which is None:
        newest = manager.latest()
        if newest is None:
            raise CheckpointNotFound(f"there is no checkpoint at {url}")
        return newest
    return manager.get(int(which) if which.isdecimal() else which)


# Verifying


def _verified(
    manager: CheckpointManager, generation: Generation, deep: bool, progress: Callable[[int, int, str], object] | None
) -> dict[str, Any]:
    report: dict[str, Any] = {"checkpoint": generation.name, "step": generation.step, "deep": deep}
    try:
        found = manager.verify(generation, deep, progress=progress)
    except (RemoteStoreError, ValueError) as error:
        return {**report, "ok": False, "problems": [str(error), *getattr(error, "__notes__", ())]}
    return {**report, "ok": True, "parts": found.parts, "bytes": found.bytes, "problems": []}


def _tell(report: dict[str, Any]) -> None:
    console = _console()
    if report["ok"]:
        how = "every byte read" if report["deep"] else "sizes only"
        size = decimal(report["bytes"])
        console.print(f"step {report['step']}: {report['checkpoint']}: whole: {report['parts']} parts, {size}, {how}")
        return
    console.print(f"step {report['step']}: {report['checkpoint']}: NOT WHOLE")
    for problem in report["problems"]:
        console.print(f"  {_printable(problem)}")


def _tell_removed(result: CollectResult) -> None:
    console, mark = _console(), " (dry run)" if result.dry_run else ""
    verb = "would remove" if result.dry_run else "removed"
    for name in result.removed:
        console.print(f"{verb} {name}{mark}")
    for name in result.leftovers:
        console.print(f"{verb} what was left of {name}{mark}")
    console.print(f"{verb} {result.objects} objects, {decimal(result.bytes)}{mark}")


# Showing


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True, markup=False)


@contextmanager
def _moving(what: str, *, shown: bool) -> Iterator[Callable[[int, int, str], object] | None]:
    """Show a bar while a block runs, on a terminal only; yields what to call with bytes."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield None
        return
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def update(done: int, total: int, _part: str) -> None:
            bar.update(task, completed=done, total=total)

        yield update


def _row(generation: Generation, newest: Generation | None) -> dict[str, Any]:
    return {
        "checkpoint": generation.name,
        "step": generation.step,
        "save_id": generation.save_id,
        "created": generation.created.isoformat(),
        "writers": generation.writers,
        "items": generation.items,
        "bytes": generation.total_bytes,
        "user": _finite(dict(generation.user)),
        "latest": generation == newest,
    }


def _finite(value: Any) -> Any:
    """Return JSON without NaN and infinity, which a diverged loss may be and JSON has no word for: null instead."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    return value


def _item(item: Item) -> dict[str, Any]:
    shape = list(item.shape) if item.kind == "tensor" else None
    return {
        "name": item.name,
        "kind": item.kind,
        "dtype": item.dtype or None,
        "shape": shape,
        "bytes": item.length,
        "writer": item.writer,
    }


def _printable(text: str) -> str:
    """Return text without what could move a terminal's cursor."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, indent=2, allow_nan=False))
