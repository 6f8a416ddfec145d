"""Loading items: what is wanted, where it goes, and what becomes of the bytes (CHECKPOINT D5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import CheckpointFormatError, CheckpointMismatch, CheckpointNotFound
from ..fetching import Piece, RangeLoader, Wanted
from . import skeleton
from .core import Core
from .index import Index, Item, Span
from .manifest import Manifest
from .places import Destinations
from .reading import indexes_of
from .slicing import Runs, runs_of
from .tensors import Target, check_target, is_tensor, made, nbytes_of, target_of
from .writing import Progress

__all__ = ["Request", "load"]

STRUCTURES = ("tree", "folder")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: names (None: all), memory or paths to load into, and slices, by name."""

    names: Iterable[str] | None = None
    into: Mapping[str, Any] | None = None
    slices: Mapping[str, Any] | None = None
    progress: Progress | None = None


async def load(core: Core, manifest: Manifest, request: Request) -> dict[str, Any]:
    """Return the wanted items by name: new objects, or what they were loaded into."""
    catalogue = Catalogue(manifest, await indexes_of(core, manifest))
    reader = Reader(core, catalogue, request.progress)
    asked = catalogue.asked(request)
    into = dict(request.into or {})
    slices = dict(request.slices or {})
    for name in (*into, *slices):
        if name not in asked:
            raise CheckpointNotFound(
                f"There is no item {name!r} among those to be loaded", path=manifest.generation.name
            )
    # Structures first: they say which other items there are.
    shapes = await reader.json_of([name for name in asked if catalogue[name].kind in STRUCTURES])
    async with Destinations() as places:
        plan = _Plan(catalogue, places, shapes)
        for name in asked:
            plan.add(name, into.get(name), slices.get(name))
        await places.prepare()
        await reader.fill(plan.jobs)
        await places.land()
    return {name: plan.value_of(name) for name in asked}


class Catalogue:
    """All items of a generation, by name, with the parts that they lie in."""

    def __init__(self, manifest: Manifest, indexes: list[Index]) -> None:
        self.generation = manifest.generation
        self.digest = manifest.digest
        self.indexes = {index.writer: index for index in indexes}
        self.items: dict[str, Item] = {}
        for index in indexes:
            for item in index.items:
                if item.name in self.items:
                    raise CheckpointFormatError(f"the item {item.name!r} comes twice", path=manifest.generation.name)
                self.items[item.name] = item

    def __getitem__(self, name: str) -> Item:
        return self.items[name]

    def asked(self, request: Request) -> list[str]:
        """Return the names to load, in the order they were saved. Raises CheckpointNotFound for one that is not there."""
        if request.names is None:
            return self.top_level()
        names = [request.names] if isinstance(request.names, str) else list(request.names)
        for name in names:
            if name not in self.items:
                raise CheckpointNotFound(f"There is no item {str(name)[:200]!r}", path=self.generation.name)
        return list(dict.fromkeys(names))

    def top_level(self) -> list[str]:
        """Return all names but those of items that belong to a tree or a folder."""
        return [name for name in self.items if not self._is_inner(name)]

    def _is_inner(self, name: str) -> bool:
        at = name.find("/")
        while at >= 0:
            above = self.items.get(name[:at])
            if above is not None and above.kind in STRUCTURES:
                return True
            at = name.find("/", at + 1)
        return False


@dataclass(slots=True)
class Job:
    """Bytes of an item (from `start` on) that go into `view`."""

    item: Item
    start: int
    view: memoryview


class Reader:
    """Fetches bytes of items."""

    def __init__(self, core: Core, catalogue: Catalogue, progress: Progress | None) -> None:
        self._core = core
        self._catalogue = catalogue
        self._progress = progress
        self._known: dict[tuple[int, int], Wanted] = {}

    async def json_of(self, names: list[str]) -> dict[str, Any]:
        """Return items whose bytes are JSON."""
        buffers = {name: bytearray(self._catalogue[name].length) for name in names}
        await self.fill([Job(self._catalogue[name], 0, memoryview(data)) for name, data in buffers.items()])
        return {name: parsed(data, name) for name, data in buffers.items()}

    async def fill(self, jobs: list[Job]) -> None:
        """Fill all jobs' memory, verified."""
        wanted: dict[tuple[int, int], Wanted] = {}
        for job in jobs:
            index = self._catalogue.indexes[job.item.writer]
            start = job.item.start + job.start
            for span in index.spans(start, start + len(job.view)):
                part = wanted.setdefault((index.writer, span.part), self._part(index, span))
                view = job.view[span.at : span.at + span.stop - span.start]
                part.pieces.append(Piece(span.start, view, job.item.name))
        core = self._core
        loader = RangeLoader(core.objects, self._catalogue.digest, core.budget, core.part_budget())
        total = sum(len(job.view) for job in jobs)
        ticker = _Ticker(self._progress, total)
        await loader.load(list(wanted.values()), ticker.tick)

    def _part(self, index: Index, span: Span) -> Wanted:
        part = index.parts[span.part]
        key = self._core.layout.object(self._catalogue.generation.name, part.name)
        return Wanted(part.name, key, part.size, part.checksum, part.block, part.sums)


@dataclass(slots=True)
class _Ticker:
    progress: Progress | None
    total: int
    done: int = 0

    async def tick(self, size: int, name: str) -> None:
        self.done = min(self.done + size, self.total)
        if self.progress is not None:
            self.progress(self.done, self.total, name)


def parsed(data: bytearray, name: str) -> Any:
    """Return JSON that was saved. Raises CheckpointFormatError for what is none."""
    try:
        return json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise CheckpointFormatError(f"item {name!r} is no JSON: {error}"[:300]) from error


@dataclass
class _Plan:
    """Where everything goes. Nothing is fetched before all of it has been checked."""

    catalogue: Catalogue
    places: Destinations
    shapes: dict[str, Any]
    jobs: list[Job] = field(default_factory=list)
    values: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def add(self, name: str, into: Any, part: Any) -> None:
        """Plan an item. Raises CheckpointMismatch and TypeError for a target that doesn't fit."""
        if name in self.values:
            if into is None and part is None:
                return  # it belongs to a tree that is loaded as well
            raise ValueError(f"item {name!r} is wanted twice: by itself, and in a tree or folder")
        item = self.catalogue[name]
        if item.kind in STRUCTURES:
            if part is not None:
                raise TypeError(f"item {name!r} is a {item.kind}; slice one of its items, such as {name + '/...'!r}")
            self._add_tree(item, into) if item.kind == "tree" else self._add_folder(item, into)
        elif item.kind == "tensor":
            self._add_tensor(item, into, part)
        else:
            self._add_bytes(item, into, part)

    def value_of(self, name: str) -> Any:
        """Return an item after its bytes have arrived."""
        return self.values[name]()

    # Tensors

    def _add_tensor(self, item: Item, into: Any, part: Any) -> None:
        if nbytes_of(item.dtype, item.shape, item.name) != item.length:
            raise CheckpointFormatError(f"item {item.name!r} has another size than its shape and dtype say")
        runs = runs_of(item.shape, item.length, part, item.name)
        if into is None:
            data = bytearray(runs.size)
            self._run(item, runs, memoryview(data))
            self.values[item.name] = lambda: made(item.codec, item.dtype, runs.shape, data)
        elif is_tensor(into):
            target = target_of(into, item.name)
            check_target(target, item.dtype, runs.shape, item.name)
            self._into_tensor(item, runs, target)
        else:
            self._add_raw(item, into, runs)

    def _into_tensor(self, item: Item, runs: Runs, target: Target) -> None:
        if target.view is not None or not runs.size:
            self._run(item, runs, target.view or memoryview(bytearray()))
            self.values[item.name] = lambda: target.value
            return
        data = bytearray(runs.size)
        self._run(item, runs, memoryview(data))

        def assigned() -> Any:
            target.assign(item.codec, data)
            return target.value

        self.values[item.name] = assigned

    def _run(self, item: Item, runs: Runs, view: memoryview) -> None:
        at = 0
        for start, length in runs.ranges():
            self.jobs.append(Job(item, start, view[at : at + length]))
            at += length

    # Bytes, JSON, files

    def _add_bytes(self, item: Item, into: Any, part: Any) -> None:
        runs = runs_of((item.length,), item.length, part, item.name)
        if into is not None:
            self._add_raw(item, into, runs)
            return
        data = bytearray(runs.size)
        self._run(item, runs, memoryview(data))
        if item.kind == "json" and part is None:
            self.values[item.name] = lambda: parsed(data, item.name)
        else:
            self.values[item.name] = lambda: bytes(data)

    def _add_raw(self, item: Item, into: Any, runs: Runs) -> None:
        """Load into a file, or into a plain buffer of the same size."""
        if self.places.is_path(into):
            path = self.places.file(into, runs.size)
            self.places.later(path, lambda view: self._run(item, runs, view))
            self.values[item.name] = lambda: path.path
            return
        view = _writable(into, item.name)
        if len(view) != runs.size:
            raise CheckpointMismatch(f"item {item.name!r} has {runs.size} bytes, the target {len(view)}")
        self._run(item, runs, view)
        self.values[item.name] = lambda: into

    # Trees and folders

    def _add_tree(self, item: Item, into: Any) -> None:
        shape = self.shapes[item.name]
        targets: dict[str, Any] = {}
        try:
            names = skeleton.leaf_names(shape)
            missing = [name for name in names if name not in self.catalogue.items]
            if missing:
                raise ValueError(f"it names an item that is not there, {missing[0][:200]!r}")
        except ValueError as error:
            raise CheckpointFormatError(f"item {item.name!r} can't be read: {error}") from error
        if into is not None:
            try:
                skeleton.walk_targets(shape, into, targets.__setitem__)
            except (KeyError, IndexError, TypeError) as error:
                raise CheckpointMismatch(f"item {item.name!r} does not fit into its target: {error!r}") from error
        for name in names:
            self.add(name, targets.get(name), None)
        self.values[item.name] = lambda: skeleton.put_together(shape, self.value_of)

    def _add_folder(self, item: Item, into: Any) -> None:
        content = _folder_content(self.shapes[item.name], item.name)
        names = {key: f"{item.name}/{key}" for key in content["files"]}
        missing = [name for name in names.values() if name not in self.catalogue.items]
        if missing:
            raise CheckpointFormatError(f"folder {item.name!r} names a file that is not there, {missing[0][:200]!r}")
        if into is None:
            for name in names.values():
                self.add(name, None, None)
            self.values[item.name] = lambda: {key: self.value_of(name) for key, name in names.items()}
            return
        folder = self.places.folder(into, content["folders"], item.name)
        for key, name in names.items():
            inner = self.catalogue[name]
            runs = runs_of((inner.length,), inner.length, None, name)
            file = self.places.file_in(folder, key, inner.length)
            self.places.later(file, lambda view, inner=inner, runs=runs: self._run(inner, runs, view))  # type: ignore[misc]
        self.values[item.name] = lambda: folder.path


def _folder_content(content: Any, name: str) -> dict[str, list[str]]:
    if (
        not isinstance(content, dict)
        or not all(isinstance(content.get(kind), list) for kind in ("files", "folders"))
        or not all(isinstance(key, str) for kind in ("files", "folders") for key in content[kind])
    ):
        raise CheckpointFormatError(f"folder {name!r} can't be read")
    return content


def _writable(into: Any, name: str) -> memoryview:
    try:
        view = memoryview(into)
    except TypeError:
        raise TypeError(f"item {name!r} can't be loaded into {type(into).__name__}") from None
    if view.readonly or not view.c_contiguous:
        raise TypeError(f"item {name!r} can't be loaded into a buffer that is read-only or not in one piece")
    return view.cast("B") if view.nbytes else memoryview(bytearray())
