"""The reference names what is public."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference"
MODULES = {
    "testing": "remote_store.testing.faults",
    "remote_store": "remote_store",
    "aio": "remote_store.aio",
    "backends": "remote_store.backends",
}
EXTENSIONS = [
    "arrow", "batch", "cache", "glob", "integrity", "middleware", "observe", "otel", "partition", "pydantic", "streams", "transfer",
    "trees", "write", "yaml",
]  # fmt: skip
MODULES |= {"checkpoint": "remote_store.checkpoint"}


@pytest.mark.parametrize(("page", "module"), MODULES.items(), ids=list(MODULES))
def test_a_page_lists_every_public_name_of_its_module(page: str, module: str) -> None:
    """A new public name gets its entry, one that is gone loses it."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    listed = re.findall(rf"^::: {re.escape(module)}\.(\w+)$", text, re.MULTILINE)
    public = [name for name in importlib.import_module(module).__all__ if name != "__version__"]
    assert sorted(listed) == sorted(public)


@pytest.mark.parametrize("name", EXTENSIONS)
def test_the_page_of_the_extensions_lists_every_public_name(name: str) -> None:
    """By module, and the same names on the async side, but for the stores' own."""
    text = (PAGES / "ext.md").read_text(encoding="utf-8")
    module = pytest.importorskip(f"remote_store.ext.{name}")
    listed = re.findall(rf"^::: remote_store\.ext\.{name}\.(\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(module.__all__)
    if name != "arrow":
        other = importlib.import_module(f"remote_store.aio.ext.{name}")
        assert sorted(public.removeprefix("Async") for public in other.__all__) == sorted(module.__all__)
