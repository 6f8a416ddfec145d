"""The demo's own checks find what is wrong: without that, its verdict would mean nothing."""

from __future__ import annotations

import builtins
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from remote_store.cli import main
from remote_store.cli._demo.compare import local_differences
from remote_store.cli._demo.faces import url_of
from remote_store.cli._demo.source import MIB, Source


@pytest.fixture
def source(folder: Path, tmp_path: Path) -> Source:
    made = Source.prepare(folder, tmp_path / "workspace", skip=frozenset(), packed_bytes=3 * MIB)
    made.set_step(1)
    return made


@pytest.fixture
def saved(source: Source, tmp_path: Path) -> Path:
    """The source as it is restored: copied into a local folder."""
    for key, path in source.items().items():
        target = tmp_path / "saved" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return tmp_path / "saved"


BIG, SMALL = "packed.bin", "files/sub0/00.txt"


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "nothing": (lambda folder: None, []),
    "a bit of a small file": (lambda folder: flip(folder / SMALL), [SMALL]),
    "a bit of a large file": (lambda folder: flip(folder / BIG), [BIG]),
    "a cut": (lambda folder: os.truncate(folder / BIG, 3 * MIB - 1), [BIG]),
    "a tail": (lambda folder: append(folder / BIG), [BIG]),
    "a missing file": (lambda folder: (folder / SMALL).unlink(), [SMALL]),
    "another step": (lambda folder: (folder / "step.txt").write_text("step      2\n"), ["step.txt"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(source: Source, saved: Path, damage: str) -> None:
    """In a restored folder."""
    hurt, expected = DAMAGE[damage]
    hurt(saved)
    assert local_differences(saved, source, 1) == expected


def test_a_file_too_many_is_found(source: Source, saved: Path) -> None:
    (saved / "extra").write_bytes(b"")
    assert local_differences(saved, source, 1) == ["extra"]


def test_the_packed_file_is_the_folders_bytes_over_and_over(source: Source, folder: Path) -> None:
    """As large as asked for, to the byte."""
    once = b"".join((source.workspace / key).read_bytes() for key in sorted(source.sizes) if key.startswith("files/"))
    packed = (source.workspace / BIG).read_bytes()
    assert len(packed) == 3 * MIB
    assert packed == (once * (3 * MIB // len(once) + 1))[: 3 * MIB]


def test_what_cannot_be_saved_is_left_out_and_counted(folder: Path, tmp_path: Path) -> None:
    """Links, special files, caches, names that are no keys."""
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
    (folder / "back\\slash").write_bytes(b"x")
    (folder / ".~tmp.0123456789abcdef").write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(str(folder)) + b"/not-utf8-\xff")).write_bytes(b"x")
    made = Source.prepare(folder, tmp_path / "w", skip=frozenset(), packed_bytes=0)
    assert made.skipped == {"symbolic links": 1, "__pycache__": 1, "special files": 2, "names that can't be keys": 3}
    assert made.unreadable == []


def test_unreadable_files_are_named_and_make_the_exit_code_1(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that can be read is saved all the same."""
    real = builtins.open

    def refusing(path: Any, *args: Any, **kwargs: Any) -> Any:
        # Modes mean nothing to root, which tests may run as.
        if str(path).endswith("05.txt"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", refusing)
    with pytest.raises(SystemExit) as ended:
        main(["demo", str(folder), "--packed-mib", "0", "--mode", "asyncio"])
    assert ended.value.code == 1
    output = capsys.readouterr().out
    assert "could not be read" in output
    assert "05.txt" in output
    assert "every byte the same" in output


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/tmp/x", "/tmp/x/a/b"),
        ("/tmp/what?/", "/tmp/what?/a/b"),
        ("file:///tmp/x/", "file:///tmp/x/a/b"),
        ("s3://bucket?region=x", "s3://bucket/a/b?region=x"),
        ("profile:name", "profile:name/a/b"),
    ],
)
def test_a_url_is_extended_before_its_options(url: str, expected: str) -> None:
    assert url_of(url, "a", "b") == expected
