"""From measurements to an estimator: its figures, its file, the commands."""

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
from ofadsl.calibrate.check import cross_validated, rank_correlation
from ofadsl.calibrate.emit import Provenance, emit_latency
from ofadsl.calibrate.gate import gates_of
from ofadsl.calibrate.model import Estimator, fit
from ofadsl.calibrate.nnls import nnls
from ofadsl.calibrate.read import read_table
from ofadsl.calibrate.source import cell_table
from ofadsl.calibrate.tables import Table
from ofadsl.calibrate.trend import design_of
from ofadsl.calibrate.workload import COLUMNS
from ofadsl.cli import main

DATA = REPOSITORY / "tests" / "data" / "device_tables"
FBNET = (REPOSITORY / "spaces" / "fbnet.ofa", {"data": "cifar"})
SMALL = REPOSITORY / "tests" / "spaces" / "small.ofa"
MBV3 = (REPOSITORY / "spaces" / "mbv3.ofa", {"width": "1.2"})
SAID = Provenance(
    device="d",
    quantity="latency_ms",
    table="t.csv",
    digest="0" * 64,
    settings={"batch": "1"},
    samples=60,
    rho=0.9,
    mape=0.1,
    coverage=0.9,
)


@cache
def loaded(device: str) -> tuple[Target, Table]:
    path, settings = FBNET if device.startswith("fbnet") else MBV3
    target = target_of(path, settings, f"spaces/{path.name}")
    space = device.partition("_")[0]
    return target, read_table(DATA / f"{space}_latency_{device.partition('_')[2]}.csv", target)


def fitted(device: str, n: int, **more: Any) -> Estimator:
    target, table = loaded(device)
    return fit(target.features, table.x[:n], table.y[:n], order=table.order[:n], **more)


def module(text: str) -> Any:
    made = ModuleType("latency_d")
    exec(compile(text, "latency_d.py", "exec"), made.__dict__)
    return made


def test_nnls_meets_its_conditions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = rng.normal(size=(30, 12)), rng.normal(size=30)
        hessian, target = a.T @ a + 0.1 * np.eye(12), a.T @ b
        found, positive = nnls(hessian, target, np.ones(12, np.bool_))
        slope = hessian @ found - target
        assert (found >= 0).all()
        assert np.abs(slope[positive]).max(initial=0) < 1e-8
        assert (slope[~positive] > -1e-8).all()


def test_problems_are_solved_together_as_alone() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(9, 20, 7))
    hessian, target = np.swapaxes(a, 1, 2) @ a, rng.normal(size=(9, 7))
    together, _ = nnls(hessian, target, np.ones((9, 7), np.bool_))
    alone = [nnls(*pair, np.ones(7, np.bool_))[0] for pair in zip(hessian, target, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-9)


def test_a_target_without_end_keeps_a_coefficient_at_zero() -> None:
    found, positive = nnls(np.eye(2), np.array([1.0, -np.inf]), np.array([True, False]))
    assert found.tolist() == [1, 0]
    assert positive.tolist() == [True, False]


@pytest.mark.parametrize(
    ("device", "rho", "error"),
    [
        ("fbnet_titanx_64", 0.9, 0.05),
        ("fbnet_silver_4210r", 0.9, 0.03),
        ("ofa_v100_64", 0.98, 0.03),
    ],
)
def test_a_fit_of_fifty_predicts_others(device: str, rho: float, error: float) -> None:
    _, table = loaded(device)
    mean, deviation = fitted(device, 50).predict(table.x[50:])
    y = table.y[50:]
    assert rank_correlation(y, mean) > rho
    assert np.mean(np.abs(mean / y - 1)) < error
    assert 0.7 < np.mean(np.abs(mean - y) < 1.645 * deviation) <= 1


def test_a_source_of_its_like_helps_a_fit_of_ten() -> None:
    target, table = loaded("fbnet_titanx_64")
    source = cell_table(target.features, table.x, table.y * 3)
    alone, helped = fitted("fbnet_titanx_64", 10), fitted("fbnet_titanx_64", 10, sources=[source])
    errors = [np.mean(np.abs(e.predict(table.x)[0] / table.y - 1)) for e in (alone, helped)]
    assert errors[1] < errors[0]
    assert helped.sources[0] > 0.5


def test_depthwise_convolutions_may_leave_the_trend_of_the_others() -> None:
    target, table = loaded("ofa_v100_64")
    features = target.features
    design = design_of(features, table.x[:10], table.y[:10] / np.median(table.y[:10]), [])
    found = design.columns[:, design.thin]
    first = features.totals + COLUMNS.index("depthwise macs")
    known = features.trend[:, first : first + 2]
    assert found.shape == known.shape
    np.testing.assert_allclose(found / found.max(axis=0), known / known.max(axis=0))


def test_an_interval_of_outliers_is_wider_than_without_them() -> None:
    target, table = loaded("ofa_v100_64")
    x, y = table.x[:60], table.y[:60].copy()
    plain = fit(target.features, x, y)
    y[::6] *= 1.3
    burst = fit(target.features, x, y)
    widths = [np.divide(*reversed(e.predict(table.x[60:]))).mean() for e in (plain, burst)]
    assert widths[1] > 3 * widths[0]


def test_a_level_is_not_taken_for_drift() -> None:
    _, table = loaded("ofa_v100_64")
    mean, _ = fitted("ofa_v100_64", 60).predict(table.x[60:])
    assert abs(np.mean(mean / table.y[60:]) - 1) < 0.02


@pytest.mark.parametrize("device", ["fbnet_titanx_64", "ofa_v100_64"])
def test_the_generated_estimator_says_what_the_fit_says(device: str) -> None:
    target, table = loaded(device)
    estimator = fitted(device, 60)
    text = emit_latency(estimator, target, table.x, SAID)
    made = module(text)
    mean, deviation = estimator.predict(table.x)
    np.testing.assert_allclose(made.latency_ms(table.x), mean, rtol=1e-4)
    low, high = made.interval_ms(table.x)
    np.testing.assert_allclose((high - low) / 2, 1.6449 * deviation, rtol=5e-3)
    assert target.hash == made.SPACE_HASH
    assert text == emit_latency(estimator, target, table.x, SAID)


def test_a_gated_estimator_is_generated_too() -> None:
    target, table = loaded("ofa_v100_64")
    floor = np.maximum(table.y, np.median(table.y))  # a device that waits for its host
    estimator = fit(target.features, table.x, floor)
    assert estimator.power > 1
    made = module(emit_latency(estimator, target, table.x, SAID))
    np.testing.assert_allclose(made.latency_ms(table.x), estimator.predict(table.x)[0], rtol=1e-4)


def test_gates_begin_with_a_sum_and_err_less_where_a_device_waits() -> None:
    target, table = loaded("ofa_v100_64")
    y = table.y[:40] / np.median(table.y)
    floor = np.maximum(y, 1.0)
    for latency, better in ((floor, True), (y, False)):
        first, *others = gates_of(design_of(target.features, table.x[:40], latency, []))
        assert first.power == 1
        assert (first.launch == 1).all()
        assert (first.compute == 1).all()
        assert (min(gate.error for gate in others) < 0.9 * first.error) == better


def test_what_was_not_measured_has_a_wider_interval() -> None:
    target, table = loaded("ofa_v100_64")
    small = table.x[table.x[:, 0] < 8]
    made = module(emit_latency(fitted("ofa_v100_64", 60), target, small, SAID))
    x = np.repeat(small[:1], 2, axis=0)
    x[1, 0] = 24
    low, high = made.interval_ms(x)
    mean = made.latency_ms(x)
    relative = (high - low) / mean
    assert relative[1] > 2 * relative[0]


def test_the_generated_estimator_refuses_what_is_no_arch() -> None:
    target, table = loaded("fbnet_titanx_64")
    made = module(emit_latency(fitted("fbnet_titanx_64", 20), target, table.x, SAID))
    x = table.x[:2].copy()
    x[1, 2] = 9
    with pytest.raises(ValueError, match=r"archs\[1\] has the choice 9"):
        made.latency_ms(x)
    with pytest.raises(ValueError, match="shape"):
        made.latency_ms(x[:, 1:])
    with pytest.raises(ValueError, match="coverage"):
        made.interval_ms(table.x[:1], 1.5)
    assert made.latency_ms(x[:0]).shape == (0,)


def test_cross_validation_says_what_is_wrong_with_a_table() -> None:
    target, table = loaded("fbnet_titanx_64")
    noise = np.random.default_rng(0).lognormal(0, 0.3, 60)
    noisy = Table(
        path="t",
        quantity="latency_ms",
        x=table.x[:60],
        y=table.y[:60] * noise,
        order=table.order[:60],
        settings={},
        digest="",
    )
    said = " ".join(cross_validated(target.features, noisy, []).warnings())
    assert "noisy" in said


def run(*args: object) -> str:
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.output


def table_of_small(path: Path, count: int, quantity: str) -> list[dict[str, Any]]:
    """Write a table of a device that takes 1 ms for 100,000 multiply-adds; return its rows."""
    cost = target_of(SMALL, {}, "small.ofa").cost
    x = cost.sample(count, np.random.default_rng(0))
    head = {"device": "d", "batch": 1, "dtype": "float32", "runtime": "r", "date": "2020-01-01"}
    values = (cost.macs(x) / 1e5).tolist()
    rows = [{"arch": arch, quantity: y} for arch, y in zip(cost.decode(x), values, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [head, *rows]))
    return rows


def test_calibrate_writes_what_predict_reads(tmp_path: Path) -> None:
    table, report = tmp_path / "t.jsonl", tmp_path / "r.svg"
    row = table_of_small(table, 20, "energy_mj")[0]
    common = [SMALL, "--quantity", "energy_mj"]
    output = run(
        "calibrate", *common, "--table", table, "--name", "d", "-o", tmp_path, "--report", report
    )
    assert "cross-validated" in output
    assert report.read_text().startswith("<svg")
    assert (tmp_path / "small" / "energy_d.py").is_file()
    arch = tmp_path / "arch.json"
    arch.write_text(json.dumps(row["arch"]))
    said = run(
        "predict", *common, "--device", "d", "--arch", arch, "--generated", tmp_path, "--json"
    )
    (found,) = json.loads(said)["archs"]
    assert found["interval"][0] < found["energy_mj"] < found["interval"][1]
    assert found["energy_mj"] == pytest.approx(row["energy_mj"], rel=0.05)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["calibrate", "--table", "T", "--name", "../x"], "OFA130"),
        (["calibrate", "--table", "FEW", "--name", "x"], "OFA131"),
        (["predict", "--device", "x", "--arch", "a.json"], "OFA132"),
    ],
)
def test_a_wrong_request_is_refused(tmp_path: Path, args: list[str], code: str) -> None:
    few = tmp_path / "few.jsonl"
    table_of_small(few, 1, "latency_ms")
    words = [str(few) if arg == "FEW" else arg for arg in args]
    words[1:1] = [str(SMALL)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert code in result.output


def test_an_estimator_of_another_space_is_refused(tmp_path: Path) -> None:
    table, arch = tmp_path / "t.jsonl", tmp_path / "arch.json"
    arch.write_text(json.dumps(table_of_small(table, 6, "latency_ms")[0]["arch"]))
    run("calibrate", SMALL, "--table", table, "--name", "d", "-o", tmp_path)
    words = ["predict", SMALL, "--device", "d", "--arch", arch, "--generated", tmp_path]
    words += ["--set", "width=1.5"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 1
    assert "OFA133" in result.output
