"""How long an import takes, each time in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

from .report import Goal, Section, section
from .setting import Setting
from .timing import Race

BASE, OURS = "import anyio", "import remote_store"
STATEMENTS = {
    BASE: "import anyio",
    OURS: "import remote_store",
    "import anyio and asyncio": "import anyio, asyncio",
    "... and Store, local, one write": (
        "import remote_store, tempfile; d = tempfile.TemporaryDirectory(); "
        "remote_store.open_store(d.name).write('k', b'x')"
    ),
    "... and AsyncStore, its class": "from remote_store.aio import AsyncStore",
}
NOTE = "remote_store loads its names when they are first used; what uses a store runs or loads asyncio anyhow."
CODE = "import time; w, c = time.perf_counter(), time.process_time()\n{}\nprint(time.perf_counter() - w, time.process_time() - c)"


def run(setting: Setting) -> list[Section]:
    """Return the table: medians over fresh interpreters, which take turns."""
    result = Race()
    for number in range(setting.rounds(4, 31) + 1):
        for name, statement in STATEMENTS.items():
            done = subprocess.run(
                [sys.executable, "-c", CODE.format(statement)], capture_output=True, text=True, check=True
            )
            wall, cpu = map(float, done.stdout.split())
            if number:
                result.add(name, wall, cpu)
    goal = Goal("<= 60 ms above import anyio", 60, lambda one: (one[OURS] - one[BASE]) * 1e3)
    return [section("import", result, BASE, {OURS: goal}, [NOTE])]
