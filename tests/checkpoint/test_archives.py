"""A folder's archive from an untrusted place can't reach out of the folder it is unpacked into (CHECKPOINT A6)."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from remote_store import RemoteStoreError
from remote_store.checkpoint import ArchiveRefused, AsyncCheckpoint
from remote_store.checkpoint.archive import unpack

pytestmark = pytest.mark.anyio


def member(name: Any, *, kind: Any = tarfile.REGTYPE, link: Any = "", size: Any = 0, mode: Any = 0o644) -> Any:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, size, mode
    return info


def archive_of(*members: Any) -> Any:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for info in members:
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    return file.getvalue()


SYM, LNK = tarfile.SYMTYPE, tarfile.LNKTYPE

ATTACKS = {
    "absolute name": [member("/tmp/evil", size=1)],
    "climbing name": [member("../evil", size=1)],
    "climbing inside": [member("a/../../evil", size=1)],
    "link to an absolute path": [member("l", kind=SYM, link="/etc/passwd")],
    "link that climbs": [member("l", kind=SYM, link="../outside")],
    "link that climbs from a folder": [member("a/l", kind=SYM, link="../../outside")],
    "link through a link": [
        member("d/e/l2", kind=SYM, link="../../l1/.."),
        member("l1", kind=SYM, link="."),
        member("d/e/l2/evil", size=1),
    ],
    "file through a link": [member("l", kind=SYM, link="."), member("l/evil", size=1)],
    "file over a link": [member("l", kind=SYM, link="target"), member("l", size=1)],
    "folder over a link": [member("l", kind=SYM, link="."), member("l", kind=tarfile.DIRTYPE), member("l/x", size=1)],
    "hard link out": [member("h", kind=LNK, link="/etc/passwd")],
    "hard link that climbs": [member("h", kind=LNK, link="../outside")],
    "hard link to a link": [member("l", kind=SYM, link="x"), member("h", kind=LNK, link="l")],
    "device": [member("null", kind=tarfile.CHRTYPE)],
    "block device": [member("disk", kind=tarfile.BLKTYPE)],
    "fifo": [member("pipe", kind=tarfile.FIFOTYPE)],
    "second member": [member("good", size=1), member("../evil", size=1)],
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_harmful_archive_is_refused_and_nothing_is_unpacked(tmp_path: Path, attack: Any) -> None:
    """No absolute or climbing names, no links out, no devices; what came before goes too."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "src").write_bytes(archive_of(*ATTACKS[attack]))
    (tmp_path / "outside").write_bytes(b"secret")
    checkpoint = AsyncCheckpoint(home / "dst", home / "src")
    (checkpoint.path / "kept").write_bytes(b"kept")
    for call in (checkpoint.load, checkpoint.restore):
        with pytest.raises(ArchiveRefused) as failure:
            await call()
        assert isinstance(failure.value, RemoteStoreError)
        assert isinstance(failure.value, ValueError)
    assert [path.name for path in checkpoint.path.iterdir()] == ["kept"]
    assert not (tmp_path / "evil").exists()
    assert not Path("/tmp/evil").exists()


async def test_what_is_harmless_is_unpacked(tmp_path: Path) -> None:
    """Folders, files, links that stay inside; modes that grant more than they should are cut."""
    (tmp_path / "src").write_bytes(
        archive_of(
            member("d", kind=tarfile.DIRTYPE, mode=0o000),
            member("d/f", size=3, mode=0o4777),
            member("d/up", kind=SYM, link="../g"),
            member("g", size=1),
            member("h", kind=LNK, link="d/f"),
        )
    )
    checkpoint = AsyncCheckpoint(tmp_path / "dst", tmp_path / "src")
    folder = await checkpoint.load()
    assert folder is not None
    assert (folder / "d/f").read_bytes() == b"xxx"
    assert (folder / "h").read_bytes() == b"xxx"
    assert (folder / "d/up").read_bytes() == b"x"
    assert not (folder / "d/f").stat().st_mode & 0o4022


def test_a_bomb_of_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(archive_of(member("a", size=600), member("b", size=600)))
    with pytest.raises(ArchiveRefused, match="more bytes"):
        unpack(tmp_path / "bomb", tmp_path / "out", max_bytes=1000)
    unpack(tmp_path / "bomb", tmp_path / "out2", max_bytes=1200)


def test_a_member_larger_than_the_disk_is_refused_before_it_is_written(tmp_path: Path) -> None:
    info = member("huge")
    info.size = 1 << 60
    (tmp_path / "bomb").write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"x" * 512))
    with pytest.raises(ArchiveRefused):
        unpack(tmp_path / "bomb", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_bomb_of_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(archive_of(*(member(str(number)) for number in range(11))))
    with pytest.raises(ArchiveRefused, match="more entries"):
        unpack(tmp_path / "bomb", tmp_path / "out", max_members=10)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_a_broken_archive_is_refused(tmp_path: Path, cut: Any) -> None:
    whole = archive_of(member("a", size=1), member("b", size=200_000))
    noise = io.BytesIO()
    with tarfile.open(fileobj=noise, mode="w:gz") as archive:
        for name in ("a", "b"):
            archive.addfile(member(name, size=100_000), io.BytesIO(os.urandom(100_000)))
    assert whole
    data = noise.getvalue()
    (tmp_path / "broken").write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(ArchiveRefused):
        unpack(tmp_path / "broken", tmp_path / "out")
