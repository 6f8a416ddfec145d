"""The backend that the guide shows keeps the contract, and can be found by its name."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store import Registry, RegistryConfig, Store, register_backend
from remote_store._bridge.to_async import SyncBackendAdapter
from remote_store._store import plugins
from remote_store.testing import BackDoor, ConformanceSuite

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "third_party_backend.py"
_spec = importlib.util.spec_from_file_location("third_party_backend", EXAMPLE)
assert _spec is not None
assert _spec.loader is not None
example: Any = importlib.util.module_from_spec(_spec)
sys.modules["third_party_backend"] = example
_spec.loader.exec_module(example)


class Rows:
    """The table itself, by a connection of its own."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def _run(self, statement: str, *values: object) -> Any:
        database = sqlite3.connect(self._file)
        try:
            database.execute(example.TABLE)
            row = database.execute(statement, values).fetchone()
            database.commit()
            return row
        finally:
            database.close()

    def peek(self, key: str) -> bytes | None:
        """Select the row."""
        row = self._run("SELECT data FROM files WHERE key = ?", key)
        return None if row is None else row[0]

    def poke(self, key: str, data: bytes) -> None:
        """Insert the row."""
        self._run(example.REPLACE, key, data)


class OnSQLite(ConformanceSuite):
    """What both have in common: the file, and the way to look into it."""

    flat = True

    @pytest.fixture(autouse=True)
    def _database(self) -> Iterator[None]:
        # In memory where the system offers it: SQLite waits for the disk at each of thousands of transactions.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            self.file = Path(folder) / "files.sqlite"
            yield

    def back_door(self, backend: Any) -> BackDoor:
        return Rows(self.file)


class TestSQLiteBackend(OnSQLite):
    """Called inline."""

    backend_type = example.SQLiteBackend

    @pytest.fixture
    def backend(self) -> Any:
        return example.SQLiteBackend(str(self.file))


class TestSQLiteBackendInAsyncCode(OnSQLite):
    """Lifted by SyncBackendAdapter, on both loops."""

    backend_type = SyncBackendAdapter
    capabilities = example.SQLiteBackend.CAPABILITIES

    @pytest.fixture
    def backend(self) -> Any:
        return SyncBackendAdapter(example.SQLiteBackend(str(self.file)))


@pytest.fixture
def registered() -> Iterator[None]:
    before = dict(plugins._registered)
    register_backend("sqlite", example.SQLiteBackend)
    yield
    plugins._registered.clear()
    plugins._registered.update(before)


@pytest.mark.usefixtures("registered")
def test_a_registered_backend_serves_a_profile(tmp_path: Path) -> None:
    """CONTRACT 119, 120: a registry builds a third-party backend by its type name."""
    config = RegistryConfig.from_dict(
        {
            "backends": {"db": {"type": "sqlite", "options": {"file": str(tmp_path / "files.sqlite")}}},
            "stores": {"reports": {"backend": "db", "root_path": "reports"}},
        }
    )
    with Registry(config) as registry:
        store = registry.get_store("reports")
        store.write("2026/q3.csv", b"a,b\n")
        assert [str(info.path) for info in store.list_files("", recursive=True)] == ["2026/q3.csv"]


def test_only_what_is_abstract_is_implemented(tmp_path: Path) -> None:
    """CONTRACT 4: abstract members alone make a backend that works with a store, default methods included."""
    public = {name for name in vars(example.SQLiteBackend) if not name.startswith("_")}
    assert public - {"CAPABILITIES", "type_name", "close"} == example.Backend.__abstractmethods__
    with Store(example.SQLiteBackend(str(tmp_path / "files.sqlite")), "root") as store:
        store.write("a/b.txt", b"0123456789")
        assert store.read_ranges("a/b.txt", [(2, 4)]) == [b"23"]
        assert [entry.name for entry in store.iter_children("")] == ["a"]
        with store.read_seekable("a/b.txt") as stream:
            assert stream.seek(-2, 2) == 8
