"""CONTRACT 132, 137 to 141, 144: glob, transfer, integrity, streams, write, partition, pydantic, yaml."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import remote_store
from remote_store import (
    AlreadyExists,
    Capability,
    CapabilityNotSupported,
    ChecksumReader,
    ChecksumWriter,
    ContentDigest,
    NotFound,
    ParsedPartition,
    ProgressReader,
    ProgressWriter,
    Secret,
    Store,
    parse_partition,
    partition_path,
    read_with_progress,
)
from remote_store.backends import LocalBackend, MemoryBackend
from tests.ext.faces import ExtFace

DATA = bytes(range(256)) * 4000
SHA = hashlib.sha256(DATA).hexdigest()

# Glob


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("*.csv", ["r.csv"]),
        ("**/*.log", ["logs/a.log", "logs/old/b.log"]),
        ("logs/**/*.log", ["logs/a.log", "logs/old/b.log"]),
        ("logs/*.log", ["logs/a.log"]),
        ("logs/?.log", ["logs/a.log"]),
        ("**", ["logs/a.log", "logs/old/b.log", "r.csv"]),
        ("logs/old/*", ["logs/old/b.log"]),
        ("*.xyz", []),
    ],
)
def test_patterns_mean_the_same_with_and_without_native_glob(disk_face: ExtFace, pattern: str, keys: list[str]) -> None:
    """CONTRACT 132: memory has no GLOB, local has it; rooted stores give their own keys."""
    for key in ("r.csv", "logs/a.log", "logs/old/b.log"):
        disk_face.do("write", f"root/{key}", b"x")
    store = disk_face.store.child("root")
    assert sorted(str(info.path) for info in disk_face.ext("glob", "glob_files", store, pattern)) == keys


def test_glued_stars_are_refused(disk_face: ExtFace) -> None:
    """CONTRACT 66."""
    with pytest.raises(ValueError, match="complete path segment"):
        disk_face.ext("glob", "glob_files", disk_face.store, "a**/b")


# Transfer


def test_a_file_goes_up_and_down(disk_face: ExtFace, tmp_path: Path) -> None:
    """CONTRACT 137: `on_progress` gets the byte count of each piece; text paths and path objects alike."""
    source = tmp_path / "source.bin"
    source.write_bytes(DATA)
    pieces: list[int] = []
    disk_face.ext("transfer", "upload", disk_face.store, source, "k", on_progress=pieces.append)
    assert disk_face.do("read_bytes", "k") == DATA
    assert (sum(pieces), min(pieces) > 0) == (len(DATA), True)
    pieces.clear()
    target = tmp_path / "target.bin"
    disk_face.ext("transfer", "download", disk_face.store, "k", str(target), on_progress=pieces.append)
    assert target.read_bytes() == DATA
    assert (sum(pieces), len(pieces) > 1) == (len(DATA), True)
    assert sorted(os.listdir(tmp_path)) == ["root", "source.bin", "target.bin"]


def test_a_file_goes_from_store_to_store(face: ExtFace) -> None:
    """CONTRACT 137."""
    face.do("write", "a", DATA)
    pieces: list[int] = []
    face.ext("transfer", "transfer", face.store, "a", face.store, "b", on_progress=pieces.append)
    assert face.do("read_bytes", "b") == DATA
    assert sum(pieces) == len(DATA)
    with pytest.raises(AlreadyExists):
        face.ext("transfer", "transfer", face.store, "a", face.store, "b")
    face.ext("transfer", "transfer", face.store, "a", face.store, "b", overwrite=True)


def test_a_missing_local_source_is_told_before_the_store_is_touched(face: ExtFace, tmp_path: Path) -> None:
    """CONTRACT 137."""
    face.store.write = None
    with pytest.raises(FileNotFoundError):
        face.ext("transfer", "upload", face.store, tmp_path / "none", "k")


def test_an_existing_local_target_is_told_before_anything_is_read(face: ExtFace, tmp_path: Path) -> None:
    """CONTRACT 137."""
    (tmp_path / "there").write_bytes(b"mine")
    face.store.read = None
    with pytest.raises(FileExistsError):
        face.ext("transfer", "download", face.store, "k", tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == b"mine"


def test_a_download_that_fails_leaves_the_old_file_and_nothing_else(face: ExtFace, tmp_path: Path) -> None:
    """RELIABILITY: the old file or the whole new one; a callback that raises ends it."""
    face.do("write", "k", DATA)
    target = tmp_path / "target"
    target.write_bytes(b"old")

    def fail(count: int) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        face.ext("transfer", "download", face.store, "k", target, overwrite=True, on_progress=fail)
    assert target.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["root", "target"]
    with pytest.raises(FileNotFoundError):
        face.ext("transfer", "download", face.store, "k", tmp_path / "no" / "target")


def test_a_download_keeps_the_mode_and_follows_a_link(face: ExtFace, tmp_path: Path) -> None:
    """As opening the file for writing would."""
    face.do("write", "k", b"new")
    real = tmp_path / "real"
    real.write_bytes(b"old")
    real.chmod(0o640)
    (tmp_path / "link").symlink_to(real)
    face.ext("transfer", "download", face.store, "k", tmp_path / "link", overwrite=True)
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "link").is_symlink()


def test_streams_are_closed_when_the_write_fails() -> None:
    """CONTRACT 137: on every path."""
    source = Store(MemoryBackend())
    source.write("a", b"x")
    opened: list[Any] = []
    read = source.read

    def watched(path: str) -> Any:
        opened.append(read(path))
        return opened[-1]

    source.read = watched  # type: ignore[method-assign,assignment]
    target = Store(MemoryBackend())
    target.write("b", b"y")
    with pytest.raises(AlreadyExists):
        remote_store.transfer(source, "a", target, "b")
    assert opened[0].closed


# Integrity


def test_a_checksum_is_computed_from_the_bytes(disk_face: ExtFace) -> None:
    """CONTRACT 138: comparisons ignore case."""
    store = disk_face.filled(k=DATA)
    assert disk_face.ext("integrity", "checksum", store, "k") == ("sha256", SHA)
    assert disk_face.ext("integrity", "checksum", store, "k", "MD5") == ("md5", hashlib.md5(DATA).hexdigest())
    assert disk_face.ext("integrity", "content_digest", store, "k") == ContentDigest("sha256", SHA)
    assert disk_face.ext("integrity", "verify", store, "k", SHA.upper())
    assert not disk_face.ext("integrity", "verify", store, "k", "00")
    assert disk_face.ext("integrity", "verify_hex", store, "k", "sha256", SHA)


@pytest.mark.parametrize("algorithm", ["nonsense", "shake_128"])
def test_an_algorithm_that_can_t_be_used_is_refused(face: ExtFace, algorithm: str) -> None:
    """CONTRACT 138."""
    with pytest.raises(ValueError, match="unsupported hash type"):
        face.ext("integrity", "checksum", face.filled(k=b"x"), "k", algorithm)


def test_a_missing_file_has_no_checksum(face: ExtFace) -> None:
    """CONTRACT 138."""
    with pytest.raises(NotFound):
        face.ext("integrity", "checksum", face.store, "missing")


# Streams


def test_progress_tells_what_is_read() -> None:
    """CONTRACT 139: not for empty reads; unknown attributes are the inner stream's."""
    told: list[int] = []
    inner = io.BytesIO(b"one\ntwo\n")
    reader = ProgressReader(inner, told.append)
    assert reader.read(2) == b"on"
    assert reader.readline() == b"e\n"
    assert list(reader) == [b"two\n"]
    assert reader.read() == b""
    assert told == [2, 2, 4]
    assert reader.seekable()
    with reader:
        pass
    assert inner.closed
    writer = ProgressWriter(io.BytesIO(), told.append)
    assert (writer.write(b"abc"), writer.write(b"")) == (3, 0)
    assert told == [2, 2, 4, 3]


def test_checksums_cover_every_way_of_reading() -> None:
    """CONTRACT 139: `read`, `readline`, `readlines`, and what iterates or fills a buffer."""
    text = b"one\ntwo\nthree\nfour\nfive\nsix"
    reader = ChecksumReader(io.BytesIO(text), "SHA256")
    reader.read(2)
    reader.readline()
    next(iter(reader))
    reader.readinto(bytearray(3))
    reader.readlines()
    assert (reader.algorithm, reader.hexdigest()) == ("sha256", hashlib.sha256(text).hexdigest())
    writer = ChecksumWriter(io.BytesIO())
    writer.write(b"one\n")
    writer.write(b"two")
    assert writer.hexdigest() == hashlib.sha256(b"one\ntwo").hexdigest()


def test_reading_with_progress(face: ExtFace) -> None:
    """CONTRACT A9: on the async side the wrapped stream reads, fills buffers and iterates."""
    told: list[int] = []
    face.do("write", "k", DATA)
    assert face.ext("streams", "read_with_progress", face.store, "k", told.append) == DATA
    assert sum(told) == len(DATA)


@pytest.mark.anyio
async def test_async_wrappers_see_every_way_of_reading() -> None:
    """CONTRACT 139, async."""
    from remote_store.aio import AsyncMemoryBackend, AsyncStore
    from remote_store.aio.ext.streams import ChecksumReader as Hashed
    from remote_store.aio.ext.streams import ChecksumWriter as Hasher
    from remote_store.aio.ext.streams import ProgressWriter as Told

    store = AsyncStore(AsyncMemoryBackend())
    await store.write("k", DATA)
    async with Hashed(store.read("k")) as reader:
        await reader.read(10)
        await reader.readinto(bytearray(100))
        assert reader.size == len(DATA)
        async for _ in reader:
            pass
        assert reader.hexdigest() == SHA
    assert reader.closed
    told: list[int] = []
    async with store.open_atomic("new") as file:
        writer = Hasher(Told(file, told.append))
        await writer.write(b"abc")
    assert (told, writer.hexdigest()) == ([3], hashlib.sha256(b"abc").hexdigest())


def test_the_sync_reader_is_content_for_a_write() -> None:
    """CONTRACT 41, 139."""
    store = Store(MemoryBackend())
    reader = ChecksumReader(io.BytesIO(DATA))
    store.write("k", reader)
    assert reader.hexdigest() == SHA
    with read_with_progress(store, "k", lambda count: None) as stream:
        assert stream.read() == DATA


# Write


@pytest.mark.parametrize("metadata", [None, {"owner": "me"}], ids=["plain", "with metadata"])
def test_open_atomic_with_hash_has_its_result_at_the_end(face: ExtFace, metadata: dict[str, str] | None) -> None:
    """CONTRACT 140."""
    opened = face.module("write").open_atomic_with_hash(face.store, "k", metadata=metadata)
    file = face.block(opened, DATA[:1000], DATA[1000:])
    assert (str(file.result.path), file.result.size, file.result.source) == ("k", len(DATA), "basic")
    assert file.result.digest == ContentDigest("sha256", SHA)
    assert face.do("read_bytes", "k") == DATA
    assert face.do("get_file_info", "k").metadata == metadata
    with pytest.raises(AlreadyExists):
        face.block(face.module("write").open_atomic_with_hash(face.store, "k", metadata=metadata), b"x")


@pytest.mark.parametrize("metadata", [None, {"owner": "me"}], ids=["plain", "with metadata"])
def test_a_block_that_raises_has_no_result_and_leaves_no_file(face: ExtFace, metadata: dict[str, str] | None) -> None:
    """CONTRACT 140."""
    with pytest.raises(KeyError, match="mine"):
        face.block(
            face.module("write").open_atomic_with_hash(face.store, "k", metadata=metadata), b"x", fail=KeyError("mine")
        )
    assert not face.do("exists", "k")


class NotAtomic(MemoryBackend):
    """A backend without atomic writes."""

    @property
    def capabilities(self) -> Any:
        return type(super().capabilities)(set(super().capabilities) - {Capability.ATOMIC_WRITE})


@pytest.mark.parametrize("metadata", [None, {"owner": "me"}])
def test_open_atomic_with_hash_needs_atomic_writes(metadata: dict[str, str] | None) -> None:
    """CONTRACT 140: before the block."""
    opened = remote_store.open_atomic_with_hash(Store(NotAtomic()), "k", metadata=metadata)
    with pytest.raises(CapabilityNotSupported, match="atomic_write"), opened:
        pytest.fail("the block ran")


def test_bad_metadata_is_told_before_the_block() -> None:
    """CONTRACT 47."""
    opened = remote_store.open_atomic_with_hash(Store(MemoryBackend()), "k", metadata={"_x": "y"})
    with pytest.raises(ValueError, match="underscore"), opened:
        pytest.fail("the block ran")


# Partition


def test_partition_paths_are_built_and_parsed() -> None:
    """CONTRACT 141."""
    assert partition_path("f.csv", year=2024, month="03") == "year=2024/month=03/f.csv"
    assert partition_path("f.csv") == "f.csv"
    assert parse_partition("year=2024/month=03/f.csv") == ParsedPartition({"year": "2024", "month": "03"}, "f.csv")
    assert parse_partition("a=1/x/b=2/f") == ParsedPartition({"a": "1"}, "x/b=2/f")
    assert parse_partition("a=b=c/f") == ParsedPartition({}, "a=b=c/f")
    assert parse_partition("=x/f") == ParsedPartition({}, "=x/f")
    assert parse_partition("a=1") == ParsedPartition({"a": "1"}, "")


@pytest.mark.parametrize(
    ("filename", "partitions"),
    [("", {}), ("a/b", {}), ("f", {"k": ""}), ("f", {"k": "a=b"}), ("f", {"a=b": "c"}), ("f", {"": "c"})],
)
def test_what_can_t_be_parsed_again_is_refused(filename: str, partitions: dict[str, str]) -> None:
    """CONTRACT 141."""
    with pytest.raises(ValueError, match="must not"):
        partition_path(filename, **partitions)


def test_an_empty_path_has_no_partitions() -> None:
    """CONTRACT 141."""
    with pytest.raises(ValueError, match="empty"):
        parse_partition("")


# Configuration

CONFIG = {"backends": {"s": {"type": "memory", "options": {}}}, "stores": {"main": {"backend": "s"}}}


def test_a_pydantic_model_becomes_a_configuration() -> None:
    """CONTRACT 144: secrets are revealed, and hidden again by `from_dict`."""
    pydantic = pytest.importorskip("pydantic")
    from remote_store.ext.pydantic import from_pydantic

    class Settings(pydantic.BaseModel):  # type: ignore[misc,name-defined]
        backends: dict[str, Any]
        stores: dict[str, Any]

    options = {"bucket": "b", "secret": pydantic.SecretStr("hidden")}
    config = from_pydantic(
        Settings(backends={"s": {"type": "s3", "options": options}}, stores={"main": {"backend": "s"}})
    )
    assert config.backends["s"].options == {"bucket": "b", "secret": Secret("hidden")}
    assert "hidden" not in repr(config)


def test_a_yaml_file_becomes_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 144."""
    from remote_store.ext.yaml import from_yaml

    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(CONFIG))  # which is YAML
    assert from_yaml(path) == remote_store.RegistryConfig.from_dict(CONFIG)
    path.write_text("backends: {s: {type: local, options: {root: '${WHERE}'}}}")
    monkeypatch.setenv("WHERE", "/data")
    assert from_yaml(str(path), resolve_env_vars=True).backends["s"].options == {"root": "/data"}
    path.write_text("- a list")
    with pytest.raises(TypeError, match="mapping"):
        from_yaml(path)
    path.write_text("!!python/object/apply:os.system ['true']")
    with pytest.raises(Exception, match="could not determine a constructor"):
        from_yaml(path)
    path.write_text("backends: {}\nbakends: {}")
    with pytest.warns(UserWarning, match="Unknown top-level config keys") as warned:
        from_yaml(path)
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ("module", "needed", "text"),
    [
        ("pydantic", "pydantic", "remote-store-aio[pydantic]"),
        ("otel", "opentelemetry", "remote-store-aio[otel]"),
        ("arrow", "pyarrow", "remote-store-aio[arrow]"),
        ("yaml", "yaml", "pyyaml or ruamel"),
    ],
)
def test_a_missing_package_is_told_with_the_extra(module: str, needed: str, text: str) -> None:
    """CONTRACT A9: ModuleNotFoundError names the pip extra."""
    import subprocess

    code = f"""
import sys
from importlib.abc import MetaPathFinder
class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ({needed!r}, "ruamel"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
try:
    import remote_store.ext.{module}
except ModuleNotFoundError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert text in run.stdout, run.stderr


def test_optional_extensions_are_not_at_the_top() -> None:
    """CONTRACT A9."""
    for name in ("pyarrow_fs", "otel_hooks", "otel_observe", "from_pydantic", "from_yaml"):
        assert not hasattr(remote_store, name)


def test_a_local_store_works_with_the_top_level_functions(tmp_path: Path) -> None:
    """CONTRACT A9: the names marked for the top are there."""
    store = Store(LocalBackend(str(tmp_path)))
    store.write("a.txt", b"x")
    assert remote_store.checksum(store, "a.txt")[0] == "sha256"
    assert remote_store.batch_exists(store, ["a.txt"]) == {"a.txt": True}
    assert [info.name for info in remote_store.glob_files(store, "*.txt")] == ["a.txt"]
    assert remote_store.cache(remote_store.observe(store)).read_bytes("a.txt") == b"x"
