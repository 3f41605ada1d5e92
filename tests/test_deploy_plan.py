"""`ofadsl deploy-plan`: a subnet for each device, and mistakes of a plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ofadsl.cli import main
from tests.packages import compiled, path_of

PLAN = """
minimize = "-macs"
generations = 5
population = 40

[device.phone]
where = ["macs <= 3M", "resolution == 16"]

[device.microcontroller]
dtype = "int8"
where = "peak_memory <= 8 kB"
minimize = ["-macs", "params"]
fix = ["s1.depth=1"]
"""


def plan(folder: Path, text: str, *more: str) -> Result:
    file = folder / "devices.toml"
    file.write_text(text)
    output = ["-o", str(folder / "plan")]
    command = ["deploy-plan", str(path_of("digits")), "--devices", str(file), *output, *more]
    return CliRunner().invoke(main, command)


def test_every_device_gets_a_subnet_within_its_budget(tmp_path: Path) -> None:
    result = plan(tmp_path, PLAN)
    assert result.exit_code == 0, result.output
    devices = {
        d["device"]: d for d in json.loads((tmp_path / "plan/plan.json").read_text())["devices"]
    }
    cost = compiled("digits").module.cost
    phone = cost.encode([devices["phone"]["arch"]])
    assert cost.macs(phone)[0] <= 3_000_000
    assert devices["phone"]["arch"]["resolution"] == 16
    small = devices["microcontroller"]["arch"]
    assert cost.peak_memory(cost.encode([small]), 1)[0] <= 8000
    assert small["stages"]["s1"]["depth"] == 1
    assert set(devices["microcontroller"]["objectives"]) == {"-macs", "params"}
    page = (tmp_path / "plan/plan.md").read_text()
    assert "## phone" in page
    assert "ofadsl specialize --space" in page
    assert "microcontroller" in result.output
    assert (tmp_path / "plan/phone/pareto.json").is_file()


def test_a_device_that_nothing_fits_does_not_hide_the_others(tmp_path: Path) -> None:
    result = plan(tmp_path, PLAN + '\n[device.button]\nwhere = "params <= 10"\n')
    assert result.exit_code == 0, result.output
    assert "nothing fits button: no subnet meets the constraints" in result.output
    found = json.loads((tmp_path / "plan/plan.json").read_text())["devices"]
    assert [device["arch"] is None for device in found] == [False, False, True]


def test_the_reason_says_which_constraint_binds(tmp_path: Path) -> None:
    text = '[device.button]\nminimize = "macs"\nwhere = "macs <= 9M and params <= 10"\n'
    result = plan(tmp_path, text + '[device.odd]\nminimize = "macs"\nwhere = "macs / 0 > 1M"\n')
    assert "`params <= 10`: the nearest subnet has 5.706k, " in result.output
    assert "Nothing fits: no subnet meets" in (tmp_path / "plan/plan.md").read_text()


def test_mistakes_of_all_devices_are_reported_before_anything_is_searched(tmp_path: Path) -> None:
    text = PLAN + '[device.a]\nwhere = "macs <= 3 ms"\n[device.b]\nfix = "resolution=13"\n'
    result = plan(tmp_path, text)
    assert result.exit_code == 1
    assert "device a: " in result.output
    assert "device b: " in result.output
    assert not (tmp_path / "plan").exists()


def test_a_mistake_is_shown_in_the_table_of_its_device(tmp_path: Path) -> None:
    text = '# minimize\nminimize = ["macs"]\n[device.a]\nseed = 1\n[device.b]\nseed = -1\n'
    result = plan(tmp_path, text)
    assert "devices.toml:6:1" in result.output
    result = plan(tmp_path, "# minimize what?\nminimize = 3\n")
    assert "devices.toml:2:1" in result.output
    result = plan(tmp_path, "[device.minimize]\nminimize = 3\n")
    assert "devices.toml:2:1" in result.output
    result = plan(tmp_path, '[device.phone.extra]\nminimize = "macs"\n')
    assert "devices.toml:1:15" in result.output
    result = plan(tmp_path, "# minimize what?\nminimize = 3\n")
    assert "names no device" in result.output


def test_the_table_says_the_type_that_bytes_are_of(tmp_path: Path) -> None:
    plan(tmp_path, PLAN)
    head, _, phone, small = (tmp_path / "plan/plan.md").read_text().splitlines()[2:6]
    assert head.split(" | ")[2] == "dtype"
    assert (phone.split(" | ")[2], small.split(" | ")[2]) == ("fp32", "int8")


def test_a_wrong_expression_names_its_device(tmp_path: Path) -> None:
    result = plan(tmp_path, '[device.phone]\nminimize = "mcas"\n')
    assert result.exit_code == 1
    assert "device phone: " in result.output
    assert "macs" in result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("device = 3", "names no device"),
        ("", "names no device"),
        ("[device.phone]\nwher = []", "did you mean `where`"),
        ("[device.phone]\nwhere = [3]", "where is a list of texts"),
        ('[device.phone]\ndtype = "int4"', "dtype is one of int8, fp16, fp32"),
        ("[device.phone]\npopulation = true", "population is a number from 4 on"),
        ("[device.phone]\nconfident = 1", "confident is true or false"),
        ('[device."../x"]\nwhere = []', "a device is named by letters"),
        ("[device]\nphone = 3", "a device is a table"),
        ("[device.phone\n", "is no TOML"),
    ],
)
def test_mistakes_of_a_plan_are_reported(tmp_path: Path, text: str, said: str) -> None:
    result = plan(tmp_path, text)
    assert result.exit_code == 1, result.output
    assert "OFA240" in result.output
    assert said in result.output
    assert not (tmp_path / "plan").exists()


def test_a_plan_that_is_not_there_is_reported(tmp_path: Path) -> None:
    command = ["deploy-plan", str(path_of("digits")), "--devices", str(tmp_path / "none.toml")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "cannot be read" in result.output
