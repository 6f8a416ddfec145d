"""Runs all of the matrix: ``python -m tests.faults.matrix``; what has been run is kept, and a second run goes on."""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tests.faults.matrix.cells import Verdict
from tests.faults.matrix.running import run
from tests.faults.matrix.scene import MODES, all_cells, scene
from tests.servers.seaweedfs import seaweedfs

COLUMNS = ("hang", "wrong", "partial", "foreign", "leak", "secret", "unusable", "refused", "missed")


def main() -> int:
    """Run the cells that have no result yet, print the table, and return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.matrix", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path(".faults.jsonl"), help="where results are kept")
    parser.add_argument("--again", action="store_true", help="forget the results there are")
    parser.add_argument("--broken", action="store_true", help="run again what was broken")
    parser.add_argument("--only", default="", help="only cells whose name has this text")
    parser.add_argument("--mode", choices=MODES, help="only this face, in this process")
    given = parser.parse_args()
    if given.again:
        given.results.unlink(missing_ok=True)
    if given.mode:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped on the way out
        _run(given, given.mode)
        return 0
    _in_processes(given)
    return _told(given.results)


def _in_processes(given: argparse.Namespace) -> None:
    """Run each face in a process of its own, at the same time: most of a cell's time is waiting."""
    more = ["--results", str(given.results), "--only", given.only, *(["--broken"] if given.broken else [])]
    running = [subprocess.Popen([sys.executable, "-m", "tests.faults.matrix", "--mode", mode, *more]) for mode in MODES]
    try:
        for each in running:
            each.wait()
    except KeyboardInterrupt:
        for each in running:
            each.wait()  # Ctrl-C has reached them too; what they have done is kept


def _run(given: argparse.Namespace, mode: str) -> None:
    known = _results(given.results)
    done = {name for name, verdict in known.items() if not (given.broken and verdict["faults"])}
    with seaweedfs() as server, tempfile.TemporaryDirectory() as folder, scene(server, Path(folder)) as (place, table):
        # Shuffled, always in the same way: what has been run at any time is a sample of all.
        cells = [cell for cell in all_cells(table, (mode,)) if cell.name not in done and given.only in cell.name]
        random.Random(0).shuffle(cells)
        left = len(cells)

        def note(verdict: Verdict) -> None:
            nonlocal left
            left -= 1
            with given.results.open("a") as file:
                file.write(json.dumps(verdict.to_dict()) + "\n")
            if verdict.faults:
                sys.stdout.write(f"{verdict.cell}: {verdict.faults}\n")
            elif left % 100 == 0:
                sys.stdout.write(f"{mode}: {left} cells left\n")
            sys.stdout.flush()

        run(place, mode, cells, note)


def _results(file: Path) -> dict[str, dict[str, Any]]:
    if not file.exists():
        return {}
    return {entry["cell"]: entry for entry in map(json.loads, file.read_text().splitlines())}


def _told(file: Path) -> int:
    """Print the table; return the exit code."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    broken = 0
    for name, entry in _results(file).items():
        row = counts[name.partition(" | ")[0]]
        row["cells"] += 1
        row["right" if entry["ended"] == "right" else "refused cleanly"] += 1
        broken += bool(entry["faults"])
        row.update(list(entry["faults"]))
    columns = ("cells", "right", "refused cleanly", *COLUMNS)
    lines = [("mode", *columns), *((mode, *(str(counts[mode][each]) for each in columns)) for mode in counts)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    for line in lines:
        sys.stdout.write("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
