"""Where a checkpoint lies is said by a path, a URL with options or a profile, and local disks are made to keep it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remote_store.checkpoint import AsyncCheckpoint, SyncCheckpoint

pytestmark = pytest.mark.anyio


async def test_options_in_a_url_stay_options(tmp_path: Path) -> None:
    """They go to the backend, not into the object's name; percent escapes are undone once."""
    folder = tmp_path / "with blank"
    url = f"{folder.as_uri()}/one%2520two?fsync=false"
    await AsyncCheckpoint(url).save(b"x")
    assert (folder / "one%20two").read_bytes() == b"x"
    assert await AsyncCheckpoint("x", url).read() == b"x"
    SyncCheckpoint(f"{folder.as_uri()}/dst?fsync=false").write(b"y")
    assert (folder / "dst" / "_dst_cp").read_bytes() == b"y"


async def test_a_question_mark_in_a_path_is_a_character(tmp_path: Path) -> None:
    SyncCheckpoint(tmp_path / "really?").write(b"x")
    assert (tmp_path / "really?" / "_dst_cp").read_bytes() == b"x"
    assert SyncCheckpoint("x", tmp_path / "really?").read() == b"x"


def test_a_profile_is_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`profile:name/folder`, as open_store takes it."""
    config = tmp_path / "config.toml"
    config.write_text(
        f"[backends.disk]\ntype = 'local'\noptions = {{root = '{tmp_path / 'disk'}'}}\n"
        "[stores.mine]\nbackend = 'disk'\nroot_path = 'below'\n"
    )
    monkeypatch.setenv("REMOTE_STORE_CONFIG", str(config))
    SyncCheckpoint("profile:mine/step-1").write(b"x")
    assert (tmp_path / "disk" / "below" / "step-1" / "_dst_cp").read_bytes() == b"x"
    assert SyncCheckpoint("x", "profile:mine/step-1").read() == b"x"


@pytest.mark.parametrize("where", ["{}", "file://{}"])
def test_local_disks_are_written_durably(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """DECISIONS 12: checkpoints commit with fsync on."""
    synced = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    SyncCheckpoint(where.format(tmp_path / "dst")).write(b"x")
    assert synced


def test_a_destination_that_is_a_file_is_left_alone(tmp_path: Path) -> None:
    """CHECKPOINT F 8: an OSError or ValueError; the file untouched."""
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises((OSError, ValueError)):
        SyncCheckpoint(tmp_path / "file").write(b"x")
    assert (tmp_path / "file").read_bytes() == b"mine"


async def test_an_object_where_a_folder_is_leaves_the_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises((OSError, ValueError)):
        await AsyncCheckpoint(tmp_path / "folder").save(b"x")
    assert (tmp_path / "folder").is_dir()
