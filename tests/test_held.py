"""A table is measured by one process at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY
from packages import path_of

from ofadsl.calibrate.measure.session import Plan
from ofadsl.calibrate.measure.visit import Pace
from ofadsl.commands.measure import Request, measure
from ofadsl.diagnostics import Diagnostics
from ofadsl.files import held

QUICK = Plan(least=3, most=3, pace=Pace(first=0.0, first_calls=1, stay=0.0))
CHILD = """
import sys
from pathlib import Path
from ofadsl.files import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_table_that_another_process_measures_is_refused_until_it_is_gone(tmp_path: Path) -> None:
    table = tmp_path / "new" / "t.jsonl"
    request = Request(space=path_of("small"), output=table, number=2, random=True, plan=QUICK)
    command = [sys.executable, "-c", CHILD, str(table)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(Diagnostics) as caught:
            measure(request)
        child.kill()
    assert [item.code for item in caught.value.items] == ["OFA150"]
    assert not table.exists()
    assert measure(request).data["rows"] == 2


def test_a_table_that_no_reader_would_take_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(Diagnostics) as caught:
        measure(Request(space=path_of("small"), output=tmp_path / "t.csv", number=2))
    assert [item.code for item in caught.value.items] == ["OFA129"]
    assert not list(tmp_path.iterdir())


def test_a_file_is_held_once(tmp_path: Path) -> None:
    with held(tmp_path / "a"), held(tmp_path / "b"), pytest.raises(BlockingIOError):
        held(tmp_path / "a").__enter__()
    with held(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())
