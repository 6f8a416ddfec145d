"""The table and the JSON file."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .peers import versions
from .timing import Race

RESULTS = Path(__file__).parent / "results"
"""Not kept in git."""


@dataclass
class Goal:
    """What a contender should reach: `value` of one round's seconds is at most `limit`."""

    text: str
    limit: float
    value: Callable[[dict[str, float]], float]


@dataclass
class Row:
    """One line: seconds of one operation (medians), their ratios to the first line, and the goal's fate.

    `reached` is the goal's value by wall clock and by CPU time; `met` is decided by the wall clock, "cpu only" says
    that the machine's noise, or waiting, stands between the two.
    """

    name: str
    wall: float
    cpu: float
    ratio_wall: float
    ratio_cpu: float
    goal: str = ""
    reached: tuple[float, float] | None = None
    met: str = ""


@dataclass
class Section:
    """A table: `base` is what the ratios are to; `notes` say what was skipped and why."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def section(title: str, race: Race, base: str, goals: dict[str, Goal], notes: Sequence[str] = ()) -> Section:
    """Return the table of a race."""
    table = Section(title, notes=list(notes))
    for name in race.wall:
        row = Row(
            name,
            race.typical(name, "wall"),
            race.typical(name, "cpu"),
            race.compared(lambda one, name=name: one[name] / one[base], "wall"),  # type: ignore[misc]
            race.compared(lambda one, name=name: one[name] / max(one[base], 1e-9), "cpu"),  # type: ignore[misc]
        )
        if name in goals:
            _judge(row, goals[name], race)
        table.rows.append(row)
    return table


def _judge(row: Row, goal: Goal, race: Race) -> None:
    wall, cpu = race.compared(goal.value, "wall"), race.compared(goal.value, "cpu")
    row.goal, row.reached = goal.text, (wall, cpu)
    row.met = "yes" if wall <= goal.limit else "cpu only" if cpu <= goal.limit else "NO"


def show(table: Section) -> None:
    print(f"\n{table.title}")
    print(f"  {'':34} {'wall':>9} {'cpu':>9}  {'x wall':>6} {'x cpu':>6}  goal")
    for row in table.rows:
        goal = f"{row.met}: {row.goal}; reached {row.reached[0]:.2f} (cpu {row.reached[1]:.2f})" if row.reached else ""
        figures = f"{_time(row.wall):>9} {_time(row.cpu):>9}  {row.ratio_wall:6.2f} {row.ratio_cpu:6.2f}"
        print(f"  {row.name:34} {figures}  {goal}")
    for note in table.notes:
        print(f"  {note}")
    sys.stdout.flush()


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.1f} us"


def save(tables: Sequence[Section], quick: bool) -> Path:
    """Write the JSON file and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"local-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    where = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "libraries": versions(),
    }
    path.write_text(
        json.dumps({"quick": quick, "where": where, "tables": [asdict(table) for table in tables]}, indent=1)
    )
    return path
