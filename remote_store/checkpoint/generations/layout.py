"""The names of a checkpoint's objects below its root (CHECKPOINT D2)."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

from ..._core.errors import InvalidPath
from ..._core.keys import join, normalize

__all__ = [
    "LATEST",
    "MANIFEST",
    "MAX_STEP",
    "GenerationName",
    "Layout",
    "checked_save_id",
    "checked_step",
    "generation_name",
    "index_name",
    "is_own",
    "new_save_id",
    "parse_generation",
    "part_name",
]

LATEST = "LATEST"
MANIFEST = "MANIFEST.json"
MAX_STEP = 10**12 - 1
MAX_WRITERS = 100_000

_GENERATION = re.compile(r"(\d{12})-([0-9a-f]{16})", re.ASCII)
_OWN = re.compile(r"part-\d{5}-\d{5,}-[0-9a-f]{8,16}|index-\d{5}\.json|MANIFEST\.json", re.ASCII)


class GenerationName(NamedTuple):
    """A generation's name taken apart."""

    step: int
    save_id: str


class Layout:
    """Keys below a root."""

    def __init__(self, root: str) -> None:
        self.root = normalize(root)

    @property
    def latest(self) -> str:
        """Key of the pointer to the newest checkpoint."""
        return join(self.root, LATEST)

    @property
    def generations(self) -> str:
        """Key of the folder of all generations."""
        return join(self.root, "gen")

    @property
    def pins(self) -> str:
        """Key of the folder of pins."""
        return join(self.root, "pin")

    def folder(self, generation: str) -> str:
        """Return the key of a generation's folder."""
        return join(self.generations, generation)

    def object(self, generation: str, name: str) -> str:
        """Return the key of one of a generation's objects."""
        return join(self.folder(generation), name)

    def manifest(self, generation: str) -> str:
        """Return the key of a generation's manifest."""
        return self.object(generation, MANIFEST)

    def pin(self, generation: str) -> str:
        """Return the key of a generation's pin."""
        return join(self.pins, generation)

    def claim(self, step: int) -> str:
        """Return the key of the object that says which save has a step."""
        return join(self.root, f"step/{step:012d}")


def generation_name(step: int, save_id: str) -> str:
    """Return the name of a save's generation; names sort by step."""
    return f"{step:012d}-{save_id}"


def parse_generation(name: str) -> GenerationName | None:
    """Return the step and save id of a generation's name, None for what is none."""
    match = _GENERATION.fullmatch(name)
    return GenerationName(int(match[1]), match[2]) if match else None


def part_name(writer: int, number: int, checksum: str) -> str:
    """Return the name of a part; equal bytes have the same name, so that a save can be taken up again."""
    return f"part-{writer:05d}-{number:05d}-{checksum}"


def index_name(writer: int) -> str:
    """Return the name of a writer's index."""
    return f"index-{writer:05d}.json"


def is_own(name: str) -> bool:
    """Return whether this library made an object of that name in a generation's folder."""
    return _OWN.fullmatch(name) is not None


def new_save_id() -> str:
    """Return a random save id."""
    return secrets.token_hex(8)


def checked_save_id(save_id: object) -> str:
    """Return a save id. Raises TypeError or ValueError for what is none: 16 lower-case hex digits."""
    if not isinstance(save_id, str):
        raise TypeError(f"save_id must be a str, not {type(save_id).__name__}")
    if re.fullmatch(r"[0-9a-f]{16}", save_id, re.ASCII) is None:
        raise ValueError(f"save_id must be 16 lower-case hex digits, not {save_id[:80]!r}")
    return save_id


def checked_step(step: object) -> int:
    """Return a step number. Raises TypeError for no integer, ValueError for one out of range."""
    if isinstance(step, bool) or not hasattr(step, "__index__"):
        raise TypeError(f"step must be an int, not {type(step).__name__}")
    number = int(step.__index__())
    if not 0 <= number <= MAX_STEP:
        raise ValueError(f"step must be 0 to {MAX_STEP}, not {number}")
    return number


def checked_generation(name: str) -> GenerationName:
    """Return the parts of a generation's name. Raises InvalidPath for what is none."""
    found = parse_generation(name)
    if found is None:
        raise InvalidPath("a generation's name is 12 digits, '-' and 16 hex digits", path=name[:200])
    return found
