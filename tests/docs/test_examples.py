"""The examples of README and docs run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```python *\n(?P<code>.*?)^(?P=indent)``` *$", re.MULTILINE | re.DOTALL)


def script_of(text: str) -> str:
    """Keep the python blocks of a page, each on its own line numbers, so that a traceback points into the page."""
    lines = [""] * text.count("\n")
    for block in FENCE.finditer(text):
        first = text.count("\n", 0, block.start("code"))
        indent = len(block["indent"])
        for offset, line in enumerate(block["code"].splitlines()):
            lines[first + offset] = line[indent:]
    return "\n".join(lines) + "\n"


EXAMPLES = [page for page in PAGES if FENCE.search(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_block_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """A reader may paste the blocks of a page, top to bottom, into a file and run it; warnings are errors."""
    script = tmp_path / page.name.replace(".md", "_md.py")
    script.write_text(script_of(page.read_text(encoding="utf-8")), encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=work, env=home, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_a_block_keeps_its_line_numbers() -> None:
    """The traceback of an example names the line of the page."""
    assert script_of("a\n```python\nx = 1\n```\n").splitlines() == ["", "", "x = 1", ""]
