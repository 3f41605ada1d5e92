"""Where schedules are found, what they are given, how they are stretched and shown."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import REPOSITORY
from packages import path_of
from schedules import TEXT, codes, example, own

from ofadsl.cli import main
from ofadsl.compiler.pipeline import check_file, check_text, checked_space
from ofadsl.compiler.schedule.find import scaled, schedules_of
from ofadsl.compiler.schedule.table import as_data, render
from ofadsl.diagnostics import Diagnostics

# Where schedules are found


def test_a_schedule_of_the_space_stands_before_that_of_the_prelude() -> None:
    checked = check_text(f"{TEXT}\nschedule uniform {{ phase mine epochs 3 {{ unlock all }} }}")
    assert checked is not None
    assert [phase.name for phase in schedules_of("uniform", checked).phases] == ["mine"]
    assert [phase.name for phase in schedules_of("sandwich", checked).phases] == ["all"]


def test_schedules_are_read_from_a_file_and_shared_by_import(tmp_path: Path) -> None:
    (tmp_path / "space.ofa").write_text(f'import "shared.ofa"\n{TEXT}')
    (tmp_path / "shared.ofa").write_text("schedule far(n = 2) { phase p epochs n { unlock all } }")
    (tmp_path / "more.ofa").write_text(
        'import "shared.ofa"\nlet e = 5\nschedule near { phase p epochs e { unlock all } }'
    )
    checked = checked_space(tmp_path / "space.ofa")
    assert schedules_of("far", checked, {"n": "7"}).epochs == 7
    assert schedules_of(f"{tmp_path}/more.ofa:near", checked).epochs == 5
    assert schedules_of(f"{tmp_path}/more.ofa", checked).name == "near"
    assert schedules_of(f"{tmp_path}/more.ofa:far", checked).epochs == 2
    assert check_file(tmp_path / "more.ofa") is None


def test_an_imported_schedule_may_be_for_other_spaces(tmp_path: Path) -> None:
    (tmp_path / "space.ofa").write_text(f'import "shared.ofa"\n{TEXT}')
    (tmp_path / "shared.ofa").write_text("schedule far { phase p epochs 1 { unlock heads } }")
    checked = checked_space(tmp_path / "space.ofa")
    with pytest.raises(Diagnostics) as found:
        schedules_of("far", checked)
    assert codes(found) == ["OFA164"]


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("sandwhich", "did you mean `sandwich`?"),
        ("other", "there are `own`, `progressive`, `sandwich`, `uniform`, `single`"),
        ("spaces/mbv3.ofa", "name a file with `schedule ... { }`"),
        ("ofadsl/prelude/schedules.ofa", "write `ofadsl/prelude/schedules.ofa:progressive`"),
        ("ofadsl/prelude/schedules.ofa:unifrom", "did you mean `uniform`?"),
    ],
)
def test_an_unknown_schedule_lists_what_there_is(
    asked: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(Diagnostics) as found:
        schedules_of(asked, example("phase a epochs 1 {}"))
    (item,) = found.value
    assert item.code == "OFA160"
    assert hint in item.help


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(Diagnostics) as found:
        schedules_of("nowhere.ofa:own", example("phase a epochs 1 {}"))
    assert codes(found) == ["OFA012"]


@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        ({"n": "3"}, "no default"),
        ({"x": "1", "m": "2"}, "no parameter `m`"),
        ({"x": "1", "n": "kl"}, "this is a word"),
        ({"x": "1", "n": "{1, 2}"}, "this is neither"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, str], label: str) -> None:
    with pytest.raises(Diagnostics) as found:
        schedules_of("own", example("phase a epochs n { sample x }"), arguments)
    assert [(item.code, item.label) for item in found.value] == [("OFA029", label)]


def test_mistakes_that_an_argument_makes_are_reported_together() -> None:
    with pytest.raises(Diagnostics) as found:
        own("phase a epochs n { sample x; unlock kernel largest n }", n="0", x="0.5")
    assert codes(found) == ["OFA162"] * 3


def test_what_depends_on_a_parameter_without_a_default_is_not_judged() -> None:
    assert example("phase a epochs x { sample x; unlock kernel from x }")


def test_an_arch_that_no_phase_asks_for_is_refused() -> None:
    checked = example("phase a epochs 1 {}")
    arch = checked.space.sample(random.Random(0))
    with pytest.raises(Diagnostics) as found:
        schedules_of("uniform", checked, arch=arch)
    assert codes(found) == ["OFA168"]
    for strange in ((), (99,) * len(arch), (-1,) * len(arch)):
        with pytest.raises(Diagnostics) as found:
            schedules_of("single", checked, arch=strange)
        assert codes(found) == ["OFA168"]


# Stretched, shown


def test_show_prints_a_schedule_as_a_table_or_as_data() -> None:
    arguments = ["show", str(path_of("bignas")), "--schedule", "sandwich", "--epochs", "30"]
    shown = CliRunner().invoke(main, [*arguments, "--schedule-set", "loss=alpha"])
    assert shown.exit_code == 0
    assert shown.stdout.startswith("schedule sandwich, 30 epochs\n")
    assert "largest of the step, alpha" in shown.stdout
    data = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert [phase["epochs"] for phase in data["phases"]] == [30.0]


def test_check_takes_a_file_of_schedules_alone(tmp_path: Path) -> None:
    (tmp_path / "a.ofa").write_text("schedule a { phase p epochs 1 { unlock kernel } }\n")
    checked = CliRunner().invoke(main, ["check", str(tmp_path / "a.ofa")])
    assert checked.exit_code == 0
    assert checked.stdout.endswith("a.ofa: no space, all names known\n")


def test_a_schedule_is_stretched_to_so_many_epochs() -> None:
    schedule = schedules_of("progressive", checked_space(path_of("mbv3")))
    short = scaled(schedule, 12.1)
    assert short.epochs == pytest.approx(12.1)
    factor = 12.1 / schedule.epochs
    for phase, before in zip(short.phases, schedule.phases, strict=True):
        assert phase.epochs == pytest.approx(before.epochs * factor)
        assert phase.warmup == pytest.approx(before.warmup * factor)
        assert phase.space is before.space


@pytest.mark.parametrize("epochs", [0.0, -1.0, float("inf"), float("nan")])
def test_a_training_has_epochs(epochs: float) -> None:
    with pytest.raises(Diagnostics) as found:
        scaled(own("phase a epochs 1 {}"), epochs)
    assert codes(found) == ["OFA170"]


def test_the_table_says_what_each_phase_adds() -> None:
    schedule = schedules_of("progressive", checked_space(path_of("compofa")))
    lines = render(schedule).splitlines()
    assert lines[0] == "schedule progressive, 330 epochs"
    rows = [line.split() for line in lines[4:7]]
    assert [(row[0], row[1]) for row in rows] == [
        ("largest", "180"),
        ("expand1", "25"),
        ("expand2", "125"),
    ]
    assert "6,075" in rows[2]
    assert "sort channels; depth {2, 3, 4}; kernel {3, 5, 7}; expand {4, 6}" in lines[5]
    assert lines[-1] == "note: phase `rest` is left out: it opens nothing in this space"


def test_the_table_is_data_for_programs() -> None:
    checked = checked_space(path_of("bignas"))
    data = as_data(schedules_of("sandwich", checked))
    (phase,) = data["phases"]  # type: ignore[misc]
    assert phase["subnets"] == checked.space.size()
    assert phase["samples"] == "largest, smallest, 2 random"
    assert phase["teacher"] == "largest of the step, kl"
