"""The local figures: runs the races, prints the tables, writes the JSON file.

python -m benchmarks --quick             # less than a minute
python -m benchmarks                     # some minutes
python -m benchmarks --only small facade
"""

from __future__ import annotations

import argparse
import tempfile

from . import facade, imports, listing, report, service, small, streams, threads
from .peers import versions
from .setting import Setting

PARTS = {
    "small": small.run,
    "facade": facade.run,
    "listing": listing.run,
    "threads": threads.run,
    "streams": streams.run,
    "import": imports.run,
    "service": service.run,
}


def main() -> None:
    options = _options()
    print("libraries:", ", ".join(f"{name} {version}" for name, version in versions().items()))
    print(
        "Time of one operation (median of the rounds); x: the median of the ratios to the first line, round by round."
    )
    print(f"In {options.dir or tempfile.gettempdir()}, fsync off.")
    tables: list[report.Section] = []
    for name, part in PARTS.items():
        if options.only and name not in options.only:
            continue
        with tempfile.TemporaryDirectory(prefix="bench-", dir=options.dir) as root:
            for table in part(Setting(root, options.quick)):
                report.show(table)
                tables.append(table)
    missed = [f"{table.title}: {row.name}" for table in tables for row in table.rows if row.met in ("NO", "cpu only")]
    print(f"\ngoals not met by the wall clock: {'; '.join(missed) or 'none'}")
    print(f"saved as {report.save(tables, options.quick)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, 128 MiB instead of 1 GiB")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), metavar="NAME", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument(
        "--dir", help="the folder to work in: the disk that is measured (default: the system's for temporary files)"
    )
    return parser.parse_args()
