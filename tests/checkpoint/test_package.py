"""remote_store.checkpoint is importable with nothing installed (CHECKPOINT 0)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import remote_store.checkpoint as package
from remote_store.checkpoint import latest_checkpoint

HEAVY = ["torch", "fsspec", "safetensors", "flytekit", "numpy", "typer", "rich", "trio", "aiofiles"]

TORCH = ["FileSystem", "FsspecWriter", "FsspecReader", "SerializationFormat"]
"""Names that need torch, and load it when they are asked for."""


def test_without_torch_its_names_say_what_to_install() -> None:
    """CHECKPOINT 0: the three names raise an ImportError that names the extra; all else works."""
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "import remote_store.checkpoint as c\n"
        f"assert set({TORCH}) <= set(c.__all__) and set({TORCH}) <= set(dir(c))\n"
        f"for name in {TORCH}:\n"
        "    try:\n"
        "        getattr(c, name)\n"
        "    except ImportError as error:\n"
        "        assert 'remote-store-aio[torch]' in str(error), error\n"
        "    else:\n"
        "        raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_and_using_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, tempfile\n"
        "import remote_store.checkpoint as c\n"
        "assert 'remote_store.checkpoint.sync_checkpoint' not in sys.modules, 'not lazy'\n"
        f"[getattr(c, name) for name in c.__all__ if name not in {TORCH}]\n"
        "c.SyncCheckpoint(tempfile.mkdtemp()).write(b'x')\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_all_names_are_there() -> None:
    assert {"Checkpoint", "SyncCheckpoint", "AsyncCheckpoint", "latest_checkpoint"} <= set(package.__all__)
    assert set(package.__all__) <= set(dir(package))


def test_latest_checkpoint_is_the_newest_match(tmp_path: Path) -> None:
    """A6: the newest match or None; `key` ranks otherwise."""
    assert latest_checkpoint(tmp_path) is None
    for number, name in enumerate(["b/last.ckpt", "a/deep/last.ckpt", "c/first.ckpt"]):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        os.utime(path, (1000 + number, 1000 + number))
    assert latest_checkpoint(tmp_path) == tmp_path / "a/deep/last.ckpt"
    assert latest_checkpoint(str(tmp_path), "**/*.ckpt") == tmp_path / "c/first.ckpt"
    by_name = latest_checkpoint(tmp_path, "**/*.ckpt", key=lambda path: path.name)
    assert by_name is not None
    assert by_name.name == "last.ckpt"
    assert latest_checkpoint(tmp_path / "missing") is None
