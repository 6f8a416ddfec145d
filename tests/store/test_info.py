"""What `info` tells."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import remote_store
from remote_store import info, register_backend
from remote_store._store import plugins
from remote_store.backends import MemoryBackend

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_registered_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_registered", {})


def test_the_version_is_the_package_s() -> None:
    """CONTRACT A1."""
    assert info()["version"] == remote_store.__version__


def test_the_backends_that_are_here_have_a_class_one_can_import() -> None:
    """CONTRACT 125: `class` is a dotted name."""
    for name in ("local", "memory"):
        entry = info()["backends"][name]
        assert entry["available"] is True
        assert entry["extras"] is None
        module, _, cls = str(entry["class"]).rpartition(".")
        assert module == "remote_store.backends"
        assert hasattr(remote_store.backends, cls)


def test_types_that_are_to_come_are_listed_with_their_extra() -> None:
    """CONTRACT 120, 125: known, not available, no class."""
    backends = info()["backends"]
    assert set(backends) == {"local", "memory", "http", "s3", "s3-pyarrow", "sftp", "azure", "sql-blob", "sql-query"}
    assert backends["s3-pyarrow"] == {"available": False, "extras": "arrow", "class": None}
    assert backends["sql-blob"] == {"available": False, "extras": None, "class": None}


def test_a_registered_type_appears_without_an_extra() -> None:
    """CONTRACT 125: `extras` None; the class by module and name."""

    class Mine(MemoryBackend):
        pass

    register_backend("mine", Mine)
    entry = info()["backends"]["mine"]
    assert (entry["available"], entry["extras"]) == (True, None)
    assert str(entry["class"]).endswith("Mine")


def test_each_module_of_ext_is_an_extension() -> None:
    """CONTRACT 125: one entry per module, and an extra only where one is needed."""
    modules = {path.stem for path in (ROOT / "remote_store" / "ext").glob("*.py") if not path.stem.startswith("_")}
    assert set(info()["extensions"]) == modules
    assert info()["extensions"]["write"] == {"available": True, "extras": None}


def test_the_extras_named_for_types_that_are_planned_exist() -> None:
    """The command in an error must work; the sql extra comes with its backend."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {entry["extras"] for entry in info()["backends"].values()} - {None, "sql"} <= set(extras)


def test_nothing_is_imported_to_find_out() -> None:
    """`info` must be cheap and safe: no SDK, no backend module."""
    code = "import sys, remote_store; remote_store.info(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    loaded = run.stdout.split()
    assert "remote_store.backends.local.backend" not in loaded
    assert not {name.partition(".")[0] for name in loaded} & {"aiobotocore", "azure", "asyncssh", "pyarrow", "trio"}
