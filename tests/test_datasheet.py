"""Estimators from a datasheet: strict to read, labelled for what they are, sensible in order."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import REPOSITORY

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.check import rank_correlation
from ofadsl.calibrate.datasheet import SHIPPED, Datasheet, find_datasheet, read_datasheet, shipped
from ofadsl.calibrate.read import read_table
from ofadsl.calibrate.roofline import FACTOR, SHARE, roofline
from ofadsl.calibrate.workload import CLASSES, QUANTITIES
from ofadsl.cli import main
from ofadsl.diagnostics import Diagnostics

DATA = REPOSITORY / "tests" / "data" / "device_tables"
SPACE = REPOSITORY / "spaces" / "mbv3.ofa"
GOOD = "peak_flops = 1e12\nbandwidth = 1e11\nlaunch_us = 5\n"


@cache
def target() -> Target:
    return target_of(SPACE, {"width": "1.2"}, "spaces/mbv3.ofa")


def sheet(**changes: Any) -> Datasheet:
    known = {"peak_flops": 1e12, "bandwidth": 1e11, "launch_us": 5.0}
    return Datasheet(path="d.toml", digest="", **known | changes)


def test_a_datasheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "chip.toml"
    path.write_text(GOOD + 'bytes_per_element = 2\nasynchronous = true\nsource = "s"\n')
    found = read_datasheet(path)
    assert (found.peak_flops, found.bandwidth, found.launch_us) == (1e12, 1e11, 5)
    assert (found.bytes_per_element, found.asynchronous, found.source) == (2, True, "s")


@pytest.mark.parametrize("name", shipped())
def test_what_ships_is_read_by_its_name_and_names_its_source(name: str) -> None:
    found = read_datasheet(find_datasheet(Path(name)))
    assert found.device
    assert found.source
    assert "https://" in (SHIPPED / f"{name}.toml").read_text()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("peak_flops = ", "no TOML"),
        (GOOD.replace("launch_us = 5\n", ""), "launch_us missing"),
        (GOOD.replace("bandwidth", "bandwith"), "did you mean `bandwidth`?"),
        (GOOD.replace("1e12", "-1"), "peak_flops is -1"),
        (GOOD.replace("1e12", "nan"), "peak_flops is nan"),
        (GOOD.replace("1e12", "inf"), "peak_flops is inf"),
        (GOOD.replace("1e12", "true"), "peak_flops is True"),
        (GOOD.replace("1e12", '"fast"'), "peak_flops is fast"),
        (GOOD + "bytes_per_element = 3\n", "it is 3"),
        (GOOD + "asynchronous = 1\n", "it is 1"),
        (GOOD + "device = 1\n", "it is 1"),
        (GOOD + "[more]\n", "`more` is not"),
    ],
    ids=range(12),
)
def test_a_malformed_datasheet_is_refused(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "chip.toml"
    path.write_text(text)
    with pytest.raises(Diagnostics) as caught:
        read_datasheet(path)
    assert {item.code for item in caught.value.items} == {"OFA140"}
    assert found in str(caught.value)


def test_each_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "chip.toml"
    path.write_text("peak_flops = 0\nbandwidth = 1e11\nlaunch = 5\n")
    with pytest.raises(Diagnostics) as caught:
        read_datasheet(path)
    text = str(caught.value)
    for line in ("chip.toml:1:1", "chip.toml:3:1", "did you mean `launch_us`?"):
        assert line in text


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(Diagnostics, match="did you mean `titan_xp`"):
        read_datasheet(find_datasheet(Path("titanxp")))
    with pytest.raises(Diagnostics, match="OFA120"):
        read_datasheet(find_datasheet(Path("no/such.toml")))


def test_a_device_without_a_memory_to_wait_for_counts_operations() -> None:
    x = target().cost.sample(5, np.random.default_rng(0))
    endless = sheet(bandwidth=1e18, launch_us=0.0)
    mean, _ = roofline(target().features, endless).predict(x)
    work = target().features.workload.columns(x).reshape(5, len(CLASSES), len(QUANTITIES))
    macs = np.delete(work, CLASSES.index("norm"), axis=1)[:, :, 0].sum(axis=1)
    np.testing.assert_allclose(mean, 1e3 * 2 * macs / (SHARE * 1e12), rtol=1e-3)


def test_a_device_that_only_launches_counts_kernels() -> None:
    x = target().cost.sample(5, np.random.default_rng(0))
    idle = {"peak_flops": 1e18, "bandwidth": 1e18, "launch_us": 7.0}
    work = target().features.workload.columns(x).reshape(5, len(CLASSES), len(QUANTITIES))
    kernels = np.delete(work, CLASSES.index("norm"), axis=1)[:, :, 3].sum(axis=1)
    for asynchronous in (False, True):
        own = sheet(**idle, asynchronous=asynchronous)
        mean, _ = roofline(target().features, own).predict(x)
        np.testing.assert_allclose(mean, 7e-3 * kernels, rtol=1e-3)


def test_launching_hides_behind_computing_where_it_is_asynchronous() -> None:
    x = target().cost.sample(20, np.random.default_rng(0))
    means = [
        roofline(target().features, sheet(launch_us=20.0, asynchronous=apart), 8).predict(x)[0]
        for apart in (True, False)
    ]
    alone = roofline(target().features, sheet(launch_us=0.0), 8).predict(x)[0]
    assert (alone <= means[0] * (1 + 1e-9)).all()
    assert (means[0] < means[1]).all()


def test_the_interval_goes_from_nothing_to_a_multiple() -> None:
    x = target().cost.sample(5, np.random.default_rng(0))
    mean, deviation = roofline(target().features, sheet()).predict(x)
    np.testing.assert_allclose(mean + 1.645 * deviation, FACTOR * mean)
    assert (mean - 1.645 * deviation < 0).all()


def test_a_v100_is_ordered_as_it_was_measured() -> None:
    table = read_table(DATA / "ofa_latency_v100_64.csv", target())
    own = read_datasheet(find_datasheet(Path("v100")))
    mean, deviation = roofline(target().features, own, 64).predict(table.x)
    assert rank_correlation(mean, table.y) > 0.97
    assert (np.abs(mean - table.y) < 1.645 * deviation).all()
    assert 0.4 < np.median(table.y / mean) < 1.5


def test_calibrate_labels_what_it_writes(tmp_path: Path) -> None:
    words = ["calibrate", SPACE, "--set", "width=1.2", "--datasheet", "v100", "--batch", 64]
    result = CliRunner().invoke(main, [*map(str, words), "--name", "v100", "-o", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "from a datasheet, not measured" in result.output
    text = (tmp_path / "mbv3" / "latency_v100.py").read_text()
    made: Any = ModuleType("latency_v100")
    exec(compile(text, "latency_v100.py", "exec"), made.__dict__)
    assert "from a datasheet, not measured" in made.__doc__
    assert made.SAMPLES == 0
    assert made.SETTINGS["batch"] == "64"
    x = target().cost.sample(20, np.random.default_rng(0))
    own = read_datasheet(find_datasheet(Path("v100")))
    mean, _ = roofline(target().features, own, 64).predict(x)
    np.testing.assert_allclose(made.latency_ms(x), mean, rtol=1e-4)
    np.testing.assert_allclose(made.interval_ms(x)[1], FACTOR * mean, rtol=1e-3)
    arch = tmp_path / "arch.json"
    arch.write_text(json.dumps(target().cost.decode(x[:1])[0]))
    words = ["predict", SPACE, "--set", "width=1.2", "--device", "v100", "--arch", arch]
    said = CliRunner().invoke(main, [*map(str, words), "--generated", str(tmp_path)])
    assert "note: from a datasheet, not measured" in said.output


@pytest.mark.parametrize(
    ("more", "status", "found"),
    [
        ([], 2, "give --table or --datasheet"),
        (["--datasheet", "v100", "--table", "t.csv"], 2, "give --table or --datasheet"),
        (["--datasheet", "v10"], 1, "did you mean `v100`"),
        (["--datasheet", "v100", "--quantity", "energy_mj"], 1, "OFA130"),
        (["--datasheet", "v100", "--report", "r.svg"], 1, "OFA131"),
        (["--table", "t.yaml", "--sources", "s.csv"], 1, "OFA131"),
        (["--table", "t.csv", "--batch", "8"], 2, "--batch belongs to --datasheet"),
    ],
    ids=range(7),
)
def test_a_wrong_request_is_refused(
    tmp_path: Path, more: list[str], status: int, found: str
) -> None:
    words = ["calibrate", str(SPACE), "--name", "x", "-o", str(tmp_path), *more]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == status
    assert found in result.output
    assert not [*tmp_path.iterdir()]
