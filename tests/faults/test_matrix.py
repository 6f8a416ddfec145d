"""A slice of the matrix: each kind of fault once, over operations and faces in turn. All of it: `make faults`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.matrix.cells import Cell, Scene, Verdict
from tests.faults.matrix.kinds import Row
from tests.faults.matrix.running import run
from tests.faults.matrix.scene import MODES, all_cells, scene

Stage = tuple[Scene, list[Row]]


@pytest.fixture(scope="module")
def stage(s3_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The servers, the proxies, the rows."""
    with scene(s3_server, tmp_path_factory.mktemp("matrix")) as made:
        yield made


def chosen(table: list[Row], mode: str) -> list[Cell]:
    """Return a cell for every third row, another third for each mode; of rows in two forms the shorter one."""
    found = []
    for number, row in enumerate(row for row in table if not row.name.endswith(" ever")):
        if number % len(MODES) == MODES.index(mode):
            cells = [cell for cell in all_cells([row], (mode,)) if "big" not in cell.operation.name]
            found.append(cells[number * 7 % len(cells)])
    return found


@pytest.mark.parametrize("mode", MODES)
def test_a_fault_of_each_kind_is_survived_or_refused(mode: str, stage: Stage) -> None:
    """RELIABILITY 1 to 22: right or one of our errors, in time; nothing torn, leaked or told; usable afterwards."""
    place, table = stage
    verdicts: list[Verdict] = []
    run(place, mode, chosen(table, mode), verdicts.append)
    assert len(verdicts) > 20
    assert {verdict.cell: verdict.faults for verdict in verdicts if verdict.faults} == {}


def test_every_kind_of_the_proxy_is_in_the_matrix(stage: Stage) -> None:
    """A kind that is added to the proxy gets its row."""
    from remote_store.testing.faults import KINDS

    used = {fault.kind for row in stage[1] for fault in row.makes("GetObject", "http://127.0.0.1")}
    assert used == set(KINDS)
