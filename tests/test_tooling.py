"""What the tools promise about the package as a whole."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "remote_store"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FRONT_DOORS = {PACKAGE / "__init__.py", PACKAGE / "_async_to_sync_adapter.py"}
# Milliseconds `import remote_store` may cost above `import anyio` (issue 3, figures).
IMPORT_BUDGET_MS = 60


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports_of(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Every import of a file, TYPE_CHECKING blocks and function bodies included: (module, names taken from it)."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module, [alias.name for alias in node.names]


def python(code: str) -> str:
    """What a fresh interpreter prints; warnings are errors there too."""
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_no_inner_module_imports_a_front_door() -> None:
    """DECISIONS 1: nothing inside imports `remote_store` itself or `remote_store.aio`; that is how knots start."""
    inside = [path for path in modules() if path not in FRONT_DOORS and not path.is_relative_to(PACKAGE / "aio")]
    assert not {str(path.relative_to(ROOT)): taken for path in inside if (taken := front_doors_in(path))}


def front_doors_in(path: Path) -> list[str]:
    """What a file imports from a front door; `from remote_store import _core` names a layer, not the door."""
    imports = list(imports_of(path))
    from_top = [name for module, names in imports if module == "remote_store" for name in names]
    whole_top = ["remote_store"] if ("remote_store", []) in imports else []
    aio = [module for module, _ in imports if module == "remote_store.aio" or module.startswith("remote_store.aio.")]
    return [name for name in from_top if not (PACKAGE / name).exists()] + whole_top + aio


def test_a_module_says_its_one_idea_in_its_first_line() -> None:
    """The first docstring line is the module's entry in the table of contents: one sentence on one line."""
    texts = {path: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in modules()}
    assert not [str(path.relative_to(ROOT)) for path, text in texts.items() if not is_entry(text)]


def is_entry(text: str | None) -> bool:
    first, *rest = (text or "").splitlines() or [""]
    return first.endswith(".") and not (rest and rest[0])


def test_generated_twins_are_fresh() -> None:
    """DESIGN 3: whole files are compared; a twin without an original fails, and the reverse."""
    command = [sys.executable, str(ROOT / "tools" / "gen_sync.py"), "--check"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_import_loads_nothing_but_anyio() -> None:
    """DESIGN 2: `import remote_store` loads no SDK, no trio and no command-line library."""
    loaded = python("import remote_store, sys; print(*{name.partition('.')[0] for name in sys.modules})").split()
    foreign = set(loaded) & {"aiobotocore", "botocore", "azure", "asyncssh", "torch", "trio", "typer", "rich", "fsspec"}
    assert not foreign


def test_import_is_cheap() -> None:
    """Issue 3: `import remote_store` costs at most 60 ms more than `import anyio` (best of five)."""
    code = (
        "import anyio, time; start = time.perf_counter(); import remote_store;"
        "print((time.perf_counter() - start) * 1000)"
    )
    assert min(float(python(code)) for _ in range(5)) <= IMPORT_BUDGET_MS


@pytest.mark.parametrize(
    "module", ["remote_store", "remote_store.aio", "remote_store.backends", "remote_store.checkpoint"]
)
def test_every_public_name_can_be_had(module: str) -> None:
    """CONVENTIONS: `__all__` is lazy, yet complete: each name resolves, and `dir()` shows it to an interactive user."""
    python(
        f"import {module} as m\n"
        "assert m.__all__, 'empty'\n"
        "missing = [name for name in m.__all__ if not hasattr(m, name) or name not in dir(m)]\n"
        "assert not missing, missing\n"
    )


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    """A lazy module answers `hasattr` and `from ... import` as any module does."""
    python("import remote_store\nassert not hasattr(remote_store, 'no_such_name')")


def test_the_version_is_one() -> None:
    """CONTRACT A1: `__version__` is what the distribution says."""
    python(
        "import importlib.metadata, remote_store\n"
        "assert remote_store.__version__ == importlib.metadata.version('remote-store-aio')\n"
    )


def test_anyio_is_the_only_base_dependency() -> None:
    """Issue 3: everything else is an extra, and `all` is all of them."""
    assert [requirement.partition(">")[0] for requirement in PROJECT["dependencies"]] == ["anyio"]
    extras = PROJECT["optional-dependencies"]
    named = {"s3", "azure", "http", "sftp", "torch", "cli", "fsspec", "arrow", "otel", "yaml", "pydantic", "trio"}
    assert set(extras) == named | {"all"}
    assert set(extras["all"][0].partition("[")[2].rstrip("]").split(",")) == named


def test_the_package_is_typed() -> None:
    """A checker in the user's project believes our annotations."""
    assert (PACKAGE / "py.typed").exists()
