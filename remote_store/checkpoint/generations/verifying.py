"""Checking that a checkpoint is whole: its documents, its objects' sizes, and deeply every byte."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import CheckpointCorrupted, CheckpointGone
from ..fetching import RangeLoader, Wanted
from ..transfer import each
from .core import Core
from .index import Index, Part
from .layout import is_own
from .manifest import Generation, Manifest
from .reading import indexes_of
from .writing import Progress

__all__ = ["VerifyReport", "verify"]

CONCURRENCY = 4


@dataclass(frozen=True)
class VerifyReport:
    """What was found whole: the checkpoint, its parts and their bytes, and whether every byte was read."""

    generation: Generation
    parts: int
    bytes: int
    deep: bool
    ok: bool = True


async def verify(core: Core, manifest: Manifest, *, deep: bool, progress: Progress | None) -> VerifyReport:
    """Check a checkpoint; with `deep` read all of it.

    Raises the first problem, with a note for each other one: CheckpointGone for a part that is not there,
    CheckpointCorrupted for one of another size or with other bytes, and for an object that is none of the
    checkpoint's. Parts of an interrupted try of the same save do no harm.
    """
    name = manifest.generation.name
    indexes = await indexes_of(core, manifest)
    infos = await core.objects.files(core.layout.folder(name))
    folder = core.layout.folder(name)
    sizes = {str(info.path)[len(folder) + 1 :]: info.size for info in infos}
    parts = [part for index in indexes for part in index.parts]
    problems: list[Exception] = [problem for part in parts if (problem := _problem(core, name, part, sizes))]
    problems += [
        CheckpointCorrupted(f"{other!r} is no object of the checkpoint", path=f"{folder}/{other}", part=other)
        for other in sorted(sizes)
        if not is_own(other)
    ]
    if deep:
        problems += await _read_all(core, manifest, indexes, {part.name for part in parts} & sizes.keys(), progress)
    if problems:
        raise _first(problems)
    return VerifyReport(manifest.generation, len(parts), sum(part.size for part in parts), deep)


def _problem(core: Core, name: str, part: Part, sizes: dict[str, int]) -> Exception | None:
    key = core.layout.object(name, part.name)
    size = sizes.get(part.name)
    if size is None:
        return CheckpointGone(f"The part {part.name} is not there", path=key, part=part.name)
    if size != part.size:
        return CheckpointCorrupted(
            f"The part {part.name} has {size} bytes, {part.size} were saved", path=key, part=part.name,
            offset=min(size, part.size), expected=str(part.size), got=str(size),
        )  # fmt: skip
    return None


async def _read_all(
    core: Core, manifest: Manifest, indexes: list[Index], there: set[str], progress: Progress | None
) -> list[Exception]:
    """Read every part that is there, each into a buffer of the budget."""
    problems: list[Exception] = []
    total = sum(part.size for index in indexes for part in index.parts)
    done = 0

    async def tick(size: int, name: str) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total, name)

    loader = RangeLoader(core.objects, manifest.digest, core.budget, core.part_budget())

    async def check(job: tuple[Index, int]) -> None:
        index, number = job
        part = index.parts[number]
        key = core.layout.object(manifest.generation.name, part.name)
        wanted = Wanted(part.name, key, part.size, part.checksum, part.block, part.sums)
        try:
            await loader.check(wanted, tick)
        except (CheckpointCorrupted, CheckpointGone) as error:
            if isinstance(error, CheckpointCorrupted) and error.offset is not None:
                error.name = index.items_at(number, error.offset)
            problems.append(error)

    jobs = [(index, number) for index in indexes for number, part in enumerate(index.parts) if part.name in there]
    await each(jobs, check, CONCURRENCY)
    return problems


def _first(problems: list[Exception]) -> Exception:
    unique: dict[str, Exception] = {}
    for problem in problems:
        unique.setdefault(str(getattr(problem, "part", "")), problem)
    first, *others = unique.values()
    for other in others:
        first.add_note(f"also: {other}")
    return first
