"""What the demo saves: the files of a real folder, beside one large file packed from them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..._core.errors import InvalidConfig
from ..._core.keys import normalize

__all__ = ["MIB", "Source"]

MIB = 1 << 20
COPY_BYTES = 4 * MIB
FOLDER = "files"
PACKED = "packed.bin"
STEP = "step.txt"


@dataclass(slots=True)
class Source:
    """A workspace folder with a link to the user's folder, the packed file, and a small file that each step changes.

    `sizes` has the bytes of every file to be saved, by key. What is left out: `unreadable` paths, and a count of
    the others by reason.
    """

    workspace: Path
    folder: Path
    sizes: dict[str, int] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)

    @classmethod
    def prepare(cls, folder: Path, workspace: Path, *, skip: frozenset[str], packed_bytes: int) -> Source:
        """Make the workspace. Raises InvalidConfig for a folder without a file that can be read."""
        workspace.mkdir(parents=True)
        (workspace / FOLDER).symlink_to(folder, target_is_directory=True)
        source = cls(workspace, folder)
        source._scan(workspace / FOLDER, FOLDER, skip | {"__pycache__"})
        if not any(source.sizes.values()):
            raise InvalidConfig(f"nothing in {folder} can be read, or all of it is empty; name a folder with files")
        source.sizes = dict(sorted(source.sizes.items()))
        if packed_bytes:
            source._pack(packed_bytes)
        source.set_step(0)
        return source

    @classmethod
    def again(cls, workspace: Path, keys: Iterable[str]) -> Source:
        """Return what another process has prepared: the same files, whatever the folder has by now."""
        return cls(workspace, (workspace / FOLDER).resolve(), dict.fromkeys(keys, 0))

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())

    def set_step(self, step: int) -> None:
        """Change the state, as training does, so that no two steps are the same."""
        text = f"step {step:>6}\n"
        (self.workspace / STEP).write_text(text, encoding="ascii", newline="\n")
        self.sizes[STEP] = len(text)

    def content_of(self, key: str, step: int) -> Path | bytes:
        """Return what a file of a step must hold: a path to compare with, or the bytes."""
        return f"step {step:>6}\n".encode("ascii") if key == STEP else self.workspace / key

    def items(self) -> dict[str, Path]:
        """Return what is saved: the path of each file by its key."""
        return {key: self.workspace / key for key in self.sizes}

    def _scan(self, folder: Path, prefix: str, skip: frozenset[str]) -> None:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            self._note_unreadable(prefix)
            return
        for entry in entries:
            reason = _reason_to_skip(entry, skip)
            key = f"{prefix}/{entry.name}"
            if reason is not None:
                self.skipped[reason] = self.skipped.get(reason, 0) + 1
            elif entry.is_dir(follow_symlinks=False):
                self._scan(Path(entry.path), key, skip)
            else:
                self._take(entry.path, key)

    def _take(self, path: str, key: str) -> None:
        try:
            with open(path, "rb") as file:
                self.sizes[key] = os.fstat(file.fileno()).st_size
        except OSError:
            self._note_unreadable(key)

    def _note_unreadable(self, key: str) -> None:
        # By its own name, not by that of the link in the workspace.
        self.unreadable.append(str(self.folder / key[len(FOLDER) + 1 :]))

    def _pack(self, wanted: int) -> None:
        """Write the large file: the folder's files one after the other, again and again, to `wanted` bytes."""
        left = wanted
        with (self.workspace / PACKED).open("wb") as target:
            while left > 0:
                for key in self.sizes:
                    with (self.workspace / key).open("rb") as file:
                        left -= _copy(file, target, left)
        self.sizes[PACKED] = wanted


def _reason_to_skip(entry: os.DirEntry[str], skip: frozenset[str]) -> str | None:
    if entry.is_symlink():
        return "symbolic links"
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode) and entry.name in skip:
        return entry.name
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        return "special files"
    if normalize_or_none(entry.name) != entry.name or entry.name.startswith(".~"):
        return "names that can't be keys"
    return None


def normalize_or_none(name: str) -> str | None:
    """Return the key that a file name makes in any store, None for one that isn't UTF-8."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return normalize(name)


def _copy(file: BinaryIO, target: BinaryIO, limit: int) -> int:
    copied = 0
    while copied < limit and (piece := file.read(min(COPY_BYTES, limit - copied))):
        copied += target.write(piece)
    return copied
