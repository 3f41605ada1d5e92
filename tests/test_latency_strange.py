"""Tables, names and archs that are not what they should be: nothing of them is believed."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from packages import path_of

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.datasheet import read_datasheet
from ofadsl.calibrate.emit import Provenance, emit_latency
from ofadsl.calibrate.model import fit
from ofadsl.calibrate.read import read_table
from ofadsl.calibrate.read_features import read_features
from ofadsl.calibrate.tables import number_of
from ofadsl.cli import main
from ofadsl.commands.foreign import with_foreign
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import Diagnostics

HEADER = {"device": "d", "batch": 1, "dtype": "float32", "runtime": "r", "date": "2026-01-01"}
SPACES = Path(__file__).parents[1] / "spaces"


@cache
def target(name: str = "small") -> Target:
    return target_of(path_of(name), {}, f"{name}.ofa")


def table(path: Path, n: int = 8, changed: dict[int, object] | None = None) -> Path:
    cost = target().cost
    x = cost.sample(n, np.random.default_rng(0))
    values = dict(enumerate((1 + cost.macs(x) / 1e6).tolist())) | (changed or {})
    rows = [{"arch": arch, "latency_ms": values[i]} for i, arch in enumerate(cost.decode(x))]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [HEADER, *rows]))
    return path


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def calibrate(tmp_path: Path, *more: object, given: Path | None = None) -> tuple[int, str]:
    words = ["calibrate", path_of("small"), "--name", "d", "-o", tmp_path / "generated"]
    return run(*words, "--table", given or table(tmp_path / "t.jsonl"), *more)


@pytest.mark.parametrize(
    "text", ["1_0", "\uff11", "0x10", "1e", "", " ", "nan", "inf", "1,5", "9" * 50]
)
def test_what_only_python_reads_as_a_number_is_none(text: str) -> None:
    assert np.isnan(number_of(text))


@pytest.mark.parametrize(("text", "value"), [(" 12 ", 12), ("1e3", 1000), (".5", 0.5), ("3.", 3)])
def test_a_number_is_one_with_blanks_around_it(text: str, value: float) -> None:
    assert number_of(text) == value


@pytest.mark.parametrize("value", [1e300, 1e-300, 1e13, 1e-9, 10**400])
def test_a_value_that_no_device_takes_is_named(tmp_path: Path, value: float) -> None:
    with pytest.raises(Diagnostics) as caught:
        read_table(table(tmp_path / "t.jsonl", changed={3: value}), target())
    (item,) = caught.value.items
    assert item.code == "OFA123"
    assert item.span is not None
    assert item.span.line == 5


def test_a_value_in_another_unit_is_named(tmp_path: Path) -> None:
    with pytest.raises(Diagnostics) as caught:
        read_table(table(tmp_path / "t.jsonl", changed={3: 1.2e-4, 5: 1e6}), target())
    assert [item.span.line for item in caught.value.items if item.span] == [5, 7]
    assert "another unit" in caught.value.items[0].help


def test_an_idx_with_a_leading_zero_is_the_same_idx(tmp_path: Path) -> None:
    (tmp_path / "s_archs.csv").write_text(f"idx,ops\n3,{'0' * 22}\n03,{'1' * 22}\n")
    (tmp_path / "s_latency_d.csv").write_text("idx,latency_ms\n3,1.5\n")
    fbnet = target_of(SPACES / "fbnet.ofa", {"data": "cifar"}, "fbnet.ofa")
    with pytest.raises(Diagnostics) as caught:
        read_table(tmp_path / "s_latency_d.csv", fbnet)
    assert [item.code for item in caught.value.items] == ["OFA127"]


def test_features_are_numbers_as_files_write_them(tmp_path: Path) -> None:
    from ofadsl.calibrate.read_features import COLUMNS

    path = tmp_path / "h.csv"
    path.write_text(f"{','.join(COLUMNS)}\n1_0,{','.join(['1'] * (len(COLUMNS) - 1))}\n")
    with pytest.raises(Diagnostics) as caught:
        read_features(path)
    assert caught.value.items[0].code == "OFA123"


def test_a_number_of_a_datasheet_that_python_refuses_is_told(tmp_path: Path) -> None:
    path = tmp_path / "d.toml"
    path.write_text(f"peak_flops = {'9' * 5000}\nbandwidth = 1e9\nlaunch_us = 1\n")
    with pytest.raises(Diagnostics) as caught:
        read_datasheet(path)
    assert caught.value.items[0].code == "OFA140"


EVIL = 'x\nraise SystemExit("run")\n#"""\\'


def test_a_name_of_a_file_is_no_code(tmp_path: Path) -> None:
    found = target_of(path_of("small"), {}, shown_path(tmp_path / f"{EVIL}.ofa"))
    x = found.cost.sample(8, np.random.default_rng(0))
    said = Provenance(
        device="d",
        quantity="latency_ms",
        table=f"{EVIL}.jsonl",
        digest="0",
        settings={EVIL: EVIL},
        samples=8,
        rho=1.0,
        mape=0.0,
        coverage=1.0,
    )
    text = emit_latency(fit(found.features, x, np.arange(1.0, 9.0)), found, x, said)
    module: dict[str, Any] = {}
    exec(compile(text, "latency_d.py", "exec"), module)
    assert module["SETTINGS"] == {EVIL: EVIL}


@pytest.mark.parametrize("name", [f"{EVIL}.ofa", f"prelude/{EVIL}.ofa", "\udc80.ofa"])
def test_a_path_is_shown_on_one_line_without_quotes(name: str) -> None:
    shown = shown_path(name)
    assert shown.isprintable()
    assert not {'"', "\\"} & set(shown)


@pytest.mark.parametrize("arch", [{"ops": []}, {"ops": [0, 0]}])
def test_operations_alone_are_no_arch_of_a_space_with_other_choices(arch: object) -> None:
    with pytest.raises(ValueError, match="ops alone is no arch here"):
        target().encode(arch)


def test_operations_are_numbers_and_nothing_else_is_said() -> None:
    fbnet = target_of(SPACES / "fbnet.ofa", {"data": "cifar"}, "fbnet.ofa")
    for arch in ({"ops": [True] * 22}, {"ops": [0] * 22, "zz": 1}):
        with pytest.raises(ValueError, match=r"s1\.0\.op is True|zz is no key"):
            fbnet.encode(arch)


LISTS = {"ks": [3] * 20, "e": [4] * 20, "d": [2] * 5}
FOREIGN: list[tuple[str, dict[str, Any]]] = [
    ("mbv3", LISTS | {"r": [160]}),
    ("mbv3", LISTS | {"r": 160, "wid": None}),
    (
        "autoformer",
        {"layer_num": 13, "mlp_ratio": [4] * 13, "num_heads": [3] * 13, "embed_dim": [192] * 13},
    ),
]


@pytest.mark.parametrize(("name", "arch"), FOREIGN)
def test_foreign_archs_are_those_of_the_space(name: str, arch: dict[str, Any]) -> None:
    path = SPACES / f"{name}.ofa"
    found = target_of(path, {}, path.name)
    (read,) = found.cost.decode(with_foreign(found, path, {}, [].append).encode(arch)[None])
    if name == "mbv3":
        assert read["resolution"] == 160
        assert read["stages"]["s5"] == {"depth": 2, "blocks": [{"kernel": 3, "expand": 4}] * 2}
    else:
        assert read["choices"] == {"embed": 192}
        assert read["stages"]["layers"]["depth"] == 13


def test_a_resolution_that_a_foreign_arch_lacks_is_told() -> None:
    path = SPACES / "mbv3.ofa"
    said: list[str] = []
    with_foreign(target_of(path, {}, path.name), path, {}, said.append).encode(LISTS)
    assert said == ["the arch has no resolution r; 224, the largest, is used"]


def test_a_foreign_arch_of_another_space_is_named_with_its_file(tmp_path: Path) -> None:
    lists = {"width": [16] * 3, "depth": [1], "kernel_size": [3], "expand_ratio": [1]}
    assert calibrate(tmp_path)[0] == 0
    arch = tmp_path / "arch.json"
    arch.write_text(json.dumps(lists))
    words = ["predict", path_of("small"), "--device", "d", "--arch", arch]
    code, said = run(*words, "--generated", tmp_path / "generated")
    assert code == 1
    assert "OFA086" in said
    assert str(arch) in said.replace("\n", "")


def test_a_report_does_not_replace_a_table(tmp_path: Path) -> None:
    given = table(tmp_path / "t.jsonl")
    before = given.read_bytes()
    code, said = calibrate(tmp_path, "--report", given, given=given)
    assert (code, "OFA130" in said) == (1, True)
    assert given.read_bytes() == before


def test_a_table_is_no_source_of_itself(tmp_path: Path) -> None:
    given = table(tmp_path / "t.jsonl")
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(given.read_bytes())
    code, said = calibrate(tmp_path, "--sources", copy, given=given)
    assert (code, "OFA131" in said) == (1, True)


def test_a_quantity_is_none_of_the_names_of_an_estimator(tmp_path: Path) -> None:
    code, said = calibrate(tmp_path, "--quantity", "interval_ms")
    assert (code, "OFA130" in said) == (1, True)


def test_one_arch_measured_often_is_too_little(tmp_path: Path) -> None:
    given = table(tmp_path / "t.jsonl", 8)
    head, first, *_ = given.read_text().splitlines()
    given.write_text("".join(f"{line}\n" for line in [head, *[first] * 8]))
    code, said = calibrate(tmp_path, given=given)
    assert (code, "OFA131" in said, "8 measurements of 1, and" in said) == (1, True, True)


def test_latencies_that_archs_do_not_explain_have_wide_intervals() -> None:
    found = target()
    x = found.cost.sample(60, np.random.default_rng(0))
    y = np.random.default_rng(1).lognormal(0, 1, 60)
    mean, deviation = fit(found.features, x[:30], y[:30]).predict(x[30:])
    assert np.mean(np.abs(mean - y[30:]) < 1.645 * deviation) > 0.7


def test_equal_latencies_are_told_to_say_nothing_of_the_order(tmp_path: Path) -> None:
    given = table(tmp_path / "t.jsonl", changed=dict.fromkeys(range(8), 2.0))
    code, said = calibrate(tmp_path, given=given)
    assert code == 0
    assert "all measurements are equal" in said


def test_a_measurement_far_from_all_others_is_shown(tmp_path: Path) -> None:
    given = table(tmp_path / "t.jsonl", 20, changed={7: 50.0})
    code, said = calibrate(tmp_path, given=given)
    assert code == 0
    assert "1 of 20 measurements are far from what the others tell: 50, where" in said


def estimator(tmp_path: Path) -> dict[str, Any]:
    assert calibrate(tmp_path, given=table(tmp_path / "t.jsonl", 12))[0] == 0
    module: dict[str, Any] = {}
    text = (tmp_path / "generated" / "small" / "latency_d.py").read_text()
    exec(compile(text, "latency_d.py", "exec"), module)
    return module


def test_intervals_grow_with_their_coverage_by_more_than_normal_ones(tmp_path: Path) -> None:
    module = estimator(tmp_path)
    x = target().cost.sample(5, np.random.default_rng(1))
    mean = module["latency_ms"](x)
    half = {c: module["interval_ms"](x, c)[1] - mean for c in (0.5, 0.8, 0.9, 0.95, 0.99)}
    # the quantiles of Student's t of 6 degrees of freedom
    for coverage, quantile in ((0.5, 0.718), (0.8, 1.440), (0.95, 2.447), (0.99, 3.707)):
        np.testing.assert_allclose(half[coverage] / half[0.9], quantile / 1.943, rtol=0.02)


@pytest.mark.parametrize("n", [0, 1, 8193])
def test_any_number_of_archs_is_predicted(tmp_path: Path, n: int) -> None:
    module = estimator(tmp_path)
    x = np.repeat(target().cost.sample(1, np.random.default_rng(1)), n, axis=0)
    low, high = module["interval_ms"](x)
    mean = module["latency_ms"](x)
    assert low.shape == mean.shape == high.shape == (n,)
    assert (low < mean).all()
    assert (mean < high).all()
    assert len(set(mean.tolist())) == min(n, 1)


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    given = table(tmp_path / "t.jsonl", 12)
    found = []
    for name in "ab":
        plot, out = tmp_path / f"{name}.svg", tmp_path / name
        words = ["calibrate", path_of("small"), "--table", given, "--name", "d", "-o", out]
        assert run(*words, "--report", plot)[0] == 0
        found.append((out / "small" / "latency_d.py").read_bytes() + plot.read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("coverage", ["nan", "0", "1", "0.9999999999999999", "-1", "inf"])
def test_a_coverage_that_is_none_is_a_wrong_use(coverage: str) -> None:
    words = ["predict", path_of("small"), "--device", "d", "--arch", "a.json"]
    code, said = run(*words, "--coverage", coverage)
    assert (code, "is not from 0.0001 to 0.9999" in said) == (2, True)


def test_a_fit_of_small_matrices_takes_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert calibrate(tmp_path)[0] == 0
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
