"""Measuring: in turns, without drift, into a table that survives a kill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import REPOSITORY
from packages import path_of

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.measure import candidates
from ofadsl.calibrate.measure.session import Plan, Readings, Session, Step, measured
from ofadsl.calibrate.measure.visit import Pace, Timed, visit
from ofadsl.calibrate.read import read_table
from ofadsl.cli import main
from ofadsl.commands import runners
from ofadsl.commands.estimators import estimator_path, load_estimator
from ofadsl.commands.measure import Request, measure
from ofadsl.commands.runners import Setting, check_setting, runner
from ofadsl.diagnostics import Diagnostics

QUICK = Plan(least=3, most=3, pace=Pace(first=0.0, first_calls=1, stay=0.0))
SMALL = path_of("small")


@cache
def target(name: str = "small") -> Target:
    return target_of(path_of(name), {}, f"{name}.ofa")


def small(output: Path, **more: Any) -> Request:
    return Request(**{"space": SMALL, "output": output, "number": 6, "plan": QUICK} | more)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def archs(path: Path) -> list[str]:
    return [json.dumps(row["arch"]) for row in lines(path)[1:]]


def codes(caught: pytest.ExceptionInfo[Diagnostics]) -> set[str]:
    return {item.code for item in caught.value.items}


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choosing among fewer archs takes less time."""
    monkeypatch.setattr(candidates, "_LEAST", 60)


class Device:
    """A device with a clock of its own, that is so many times as slow at each time."""

    def __init__(self, slow: Callable[[float], float] = lambda now: 1.0) -> None:
        self.now = 0.0
        self.slow = slow
        self.ran: list[int] = []
        self.loaded: list[int] = []

    def load(self, number: int, seconds: float) -> Timed:
        self.loaded.append(number)

        def run() -> float:
            taken = seconds * self.slow(self.now)
            self.now += taken
            self.ran.append(number)
            return taken

        return run

    def session(self, truth: Sequence[float], **more: Any) -> Session:
        plan = more.pop("plan", Plan())
        return Session(
            load=lambda i: self.load(i, truth[i]),
            reference=self.load(-1, 0.02),
            archs=len(truth),
            plan=plan,
            rng=random.Random(0),
            clock=lambda: self.now,
            **more,
        )


TRUTH = [0.01 + 0.003 * i for i in range(20)]


def flat(groups: Any) -> list[Readings]:
    return [found for group in groups for found in group]


def test_a_visit_takes_as_many_calls_as_there_is_time_for() -> None:
    counts = []
    for seconds in (0.001, 0.01, 3.0):
        device = Device()
        assert visit(device.load(0, seconds), Pace(stay=0.05, most_calls=20)) == seconds
        counts.append(len(device.ran) - 1)
    assert counts == [20, 5, 1]


def test_one_slow_call_does_not_change_a_visit() -> None:
    calls = iter([9.0, 0.01, 0.01, 5.0, *[0.01] * 9])
    assert visit(lambda: next(calls), Pace(stay=0.02, most_calls=4)) == 0.01


def test_archs_are_visited_in_turns_and_few_are_loaded() -> None:
    device = Device()
    groups = list(measured(device.session(TRUTH)))
    assert [len(group) for group in groups] == [8, 8, 4]
    assert [found.number for found in flat(groups)] == list(range(20))
    turns = [a for a, b in zip(device.ran, [*device.ran[1:], None], strict=True) if a != b]
    for i in range(20):
        assert turns.count(i) == Plan().least + 1  # and once to warm up
    rounds = [t for t in turns[9:] if 0 <= t < 8]
    assert rounds[:8] != rounds[8:16]
    assert sorted(rounds[:8]) == sorted(rounds[8:16])
    assert turns.count(-1) > len(TRUTH)


@pytest.mark.parametrize(
    "slow",
    [
        lambda now: 1 + now / 100,
        lambda now: 1.5 if now > 20 else 1.0,
        lambda now: 1 + 0.3 * np.sin(now / 20),
    ],
)
def test_drift_is_removed(slow: Callable[[float], float]) -> None:
    device = Device(slow)
    found = flat(measured(device.session(TRUTH)))
    latency = [np.median(one.taken / one.reference) * 0.02 for one in found]
    np.testing.assert_allclose(latency, TRUTH, rtol=0.01)
    raw = np.array([np.median(one.taken) for one in found])
    assert np.abs(raw / TRUTH - 1).max() > 0.2


def test_what_disturbs_now_and_then_is_no_part_of_a_latency() -> None:
    noise = random.Random(1)
    device = Device(lambda now: 4.0 if noise.random() < 0.04 else 1.0)
    found = flat(measured(device.session(TRUTH)))
    latency = [np.median(one.taken / one.reference) * 0.02 for one in found]
    np.testing.assert_allclose(latency, TRUTH, rtol=0.01)


def test_an_arch_whose_readings_stay_apart_is_visited_more_often() -> None:
    device, noise = Device(), random.Random(0)
    session = device.session(TRUTH[:4])
    steady = session.load

    def load(number: int) -> Timed:
        run = steady(number)
        return (lambda: run() * noise.uniform(0.5, 1.5)) if number == 2 else run

    found = flat(measured(replace(session, load=load)))
    assert [len(one.taken) for one in found] == [5, 5, 15, 5]


def test_a_limit_ends_a_session_between_visits() -> None:
    device = Device()
    full = len(flat(measured(device.session(TRUTH))))
    half = device.now / 2
    other = Device()
    found = flat(measured(other.session(TRUTH, limit=half)))
    assert 0 < len(found) < full
    assert all(len(one.taken) >= Plan().least for one in found)
    assert other.now < half + 1


def test_progress_grows_and_says_what_is_left() -> None:
    steps: list[Step] = []
    device = Device()
    list(measured(device.session(TRUTH, watch=steps.append)))
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert steps[0].seconds_left is None
    halfway = next(step for step in steps if step.share > 0.5)
    assert halfway.seconds_left is not None
    assert 0.2 < halfway.seconds_left / device.now < 0.8


def test_the_chosen_archs_grow_with_their_number_and_are_not_those_drawn() -> None:
    space = target().space
    few, many = (candidates.chosen(target(), space, n, 0) for n in (10, 20))
    assert (few == many[:10]).all()
    assert (few != candidates.drawn(space, 10, 0)).any()
    assert len(np.unique(many, axis=0)) == 20


@pytest.mark.parametrize("name", ["small", "vit", "convnext", "mixed"])
def test_the_extremes_are_candidates(name: str) -> None:
    cost = target(name).cost
    x = candidates.candidates(target(name).space, 300, 0)
    macs, every = cost.macs(x), cost.macs(cost.sample(20_000, np.random.default_rng(5)))
    assert macs.max() >= np.quantile(every, 0.99)
    assert macs.min() <= np.quantile(every, 0.01)
    if name != "mixed":  # where words are chosen from, what is largest has no order
        assert macs.max() >= every.max()
    assert cost.contains(x).all()
    assert (cost.encode(cost.decode(x)) == x).all()
    assert len(np.unique(x, axis=0)) == min(300, target(name).space.size())


def test_only_the_resolutions_asked_for_are_candidates() -> None:
    x = candidates.candidates(candidates.at_resolutions(target(), (48,)), 100, 0)
    assert {arch["resolution"] for arch in target().cost.decode(x)} == {48}


@pytest.mark.parametrize("name", ["small", "vit"])
def test_a_measured_table_is_calibrated_and_predicts(name: str, tmp_path: Path) -> None:
    table, space = tmp_path / "t.jsonl", path_of(name)
    answer = measure(small(table, space=space, number=10, settings={"classes": "7"}))
    assert answer.data["measured"] == 10
    arch, out = tmp_path / "arch.json", str(tmp_path / "generated")
    arch.write_text(json.dumps(lines(table)[1]["arch"]))
    options = [str(space), "--set", "classes=7"]
    for words in (
        ["calibrate", *options, "--table", str(table), "--name", "here", "-o", out],
        ["predict", *options, "--device", "here", "--arch", str(arch), "--generated", out],
    ):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
    assert "ms, 90% between" in result.output


def test_a_table_says_what_was_measured_and_how(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    setting = Setting(batch=2, dtype="bf16")
    measure(small(table, name="laptop", setting=setting, settings={"width": "1.5"}))
    header, *rows = lines(table)
    said = {key: header[key] for key in ("space", "settings", "device", "batch", "threads")}
    assert said == {
        "space": "small",
        "settings": {"width": "1.5"},
        "device": "laptop",
        "batch": 2,
        "threads": 1,
    }
    assert (header["dtype"], header["runtime"]) == ("bfloat16", "eager")
    assert header["note"] == "timed by the thread: waits for a core are not counted"
    assert header["versions"]["torch"] == torch.__version__
    references = [row["reference_ms"] for row in rows]
    assert header["reference"]["latency_ms"] == pytest.approx(
        np.quantile(references, 0.1), rel=1e-5
    )
    for row in rows:
        assert row["latency_ms"] == pytest.approx(np.median(row["repeats"]), rel=1e-5)
        assert len(row["repeats"]) == 3


def test_a_finished_table_is_left_as_it_is(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    measure(small(table))
    before = table.read_bytes()
    assert measure(small(table, number=4)).data["measured"] == 0
    assert measure(small(table)).lines == ("0 archs measured, 6 in " + str(table),)
    assert table.read_bytes() == before


def test_more_archs_are_added_to_those_measured(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    measure(small(table))
    before = archs(table)
    assert measure(small(table, number=9)).data["measured"] == 3
    assert archs(table)[:6] == before
    assert len(set(archs(table))) == 9


@pytest.mark.parametrize(("cut", "kept", "note"), [(1, 6, ""), (9, 5, "torn")])
def test_a_torn_line_is_dropped_and_said(tmp_path: Path, cut: int, kept: int, note: str) -> None:
    table = tmp_path / "t.jsonl"
    measure(small(table))
    whole = archs(table)
    table.write_bytes(table.read_bytes()[:-cut])
    answer = measure(small(table))
    assert answer.data["measured"] == 6 - kept
    assert note in answer.lines[0]
    assert archs(table) == whole


def test_a_table_of_which_only_the_header_stands_goes_on(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    measure(small(table))
    header = lines(table)[0]
    header["reference"]["latency_ms"] = None
    table.write_text(json.dumps(header) + "\n")
    assert measure(small(table)).data["measured"] == 6


CHILD = """
import sys
from pathlib import Path
from ofadsl.calibrate.measure.session import Plan
from ofadsl.calibrate.measure.visit import Pace
from ofadsl.commands.measure import Request, measure
pace = Pace(first=0.0, first_calls=1, stay=0.0)
plan = Plan(least=3, most=3, loaded=2, pace=pace)
space, output = map(Path, sys.argv[1:])
request = Request(space=space, output=output, number=24, random=True, plan=plan)
measure(request, lambda step: print(step.done, flush=True))
"""


def test_a_kill_costs_no_measured_row(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    command = [sys.executable, "-c", CHILD, str(SMALL), str(table)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as child:
        assert child.stdout is not None
        told = next(int(line) for line in child.stdout if int(line) >= 3)
        os.kill(child.pid, signal.SIGKILL)
    before = archs(table)
    assert told <= len(before) < 24
    answer = measure(small(table, number=24, random=True))
    assert answer.data["measured"] == 24 - len(before)
    assert archs(table)[: len(before)] == before
    assert len(read_table(table, target()).y) == 24
    assert len(set(archs(table))) == 24


def test_a_table_of_other_settings_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    measure(small(table))
    before = table.read_bytes()
    other = small(table, setting=Setting(batch=4, dtype="bf16"), name="other", number=9)
    with pytest.raises(Diagnostics) as caught:
        measure(other)
    assert codes(caught) == {"OFA142"}
    told = [item.message for item in caught.value.items]
    assert [word for word in ("device", "batch", "dtype", "threads") if word in str(told)] == [
        "device",
        "batch",
        "dtype",
    ]
    assert "batch 1, and this would be 4" in told[1]
    assert table.read_bytes() == before


def test_a_table_of_another_space_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    measure(small(table))
    with pytest.raises(Diagnostics) as caught:
        measure(small(table, settings={"width": "1.5"}))
    assert codes(caught) == {"OFA142"}
    assert any("space_hash" in item.message for item in caught.value.items)


@pytest.mark.parametrize(
    "text",
    [
        '{"device": "d", "batch": 1, "dtype": "f", "runtime": "eager", "date": "2026-01-01"}\n',
        "idx,latency_ms\n0,1\n",
        "[]\n",
        b"\xff\xfe",
        "torn",
    ],
)
def test_what_measure_did_not_write_is_not_continued(tmp_path: Path, text: str | bytes) -> None:
    table = tmp_path / "t.jsonl"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Diagnostics) as caught:
        measure(small(table))
    assert codes(caught) == {"OFA143"}


@pytest.mark.parametrize("row", ['{"arch": {}}', "nothing", '{"arch": {"space": "small"}}'])
def test_a_strange_row_is_named(tmp_path: Path, row: str) -> None:
    table = tmp_path / "t.jsonl"
    measure(small(table))
    text = table.read_text(encoding="utf-8")
    if "space" in row:
        row = json.dumps({**lines(table)[1], "arch": {"space": "small", "resolution": 31}})
    table.write_text(text + row + "\n", encoding="utf-8")
    with pytest.raises(Diagnostics) as caught:
        measure(small(table))
    assert codes(caught) == {"OFA143"}


def test_a_table_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Diagnostics) as caught:
        measure(small(tmp_path / "file" / "t.jsonl"))
    assert codes(caught) == {"OFA099"}


def test_archs_of_a_file_are_measured(tmp_path: Path) -> None:
    first, second, given = tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "archs.jsonl"
    sampled = CliRunner().invoke(main, ["sample", str(SMALL), "-n", "5", "--seed", "4"])
    given.write_text(sampled.stdout)
    measure(small(first, archs=given, number=None))
    assert [json.loads(arch) for arch in archs(first)] == lines(given)
    measure(small(second, archs=first, number=3))
    assert archs(second) == archs(first)[:3]
    one = tmp_path / "arch.json"
    one.write_text(json.dumps(lines(given)[4], indent=2))
    assert measure(small(first, archs=one)).data["measured"] == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [("\n", "OFA147"), ("small\nlarge\n", "OFA147"), ('{"space": "other"}\n', "OFA125")],
)
def test_a_file_without_archs_is_refused(tmp_path: Path, text: str, code: str) -> None:
    given = tmp_path / "archs.jsonl"
    given.write_text(text)
    with pytest.raises(Diagnostics) as caught:
        measure(small(tmp_path / "t.jsonl", archs=given))
    assert codes(caught) == {code}
    assert not (tmp_path / "t.jsonl").exists()


def test_random_archs_are_those_drawn(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    measure(small(table, random=True, seed=3, resolutions=(32,)))
    x = candidates.drawn(candidates.at_resolutions(target(), (32,)), 6, 3)
    assert [json.loads(arch) for arch in archs(table)] == target().cost.decode(x)


def test_more_archs_than_there_are_is_refused(tmp_path: Path) -> None:
    space = tmp_path / "few.ofa"
    space.write_text(
        "space few {\n  input image(channels: 3, size: 32)\n"
        "  conv_bn({8, 16}, kernel: {3, 5}, stride: 2)\n  global_avg_pool\n  linear(10)\n}\n"
    )
    with pytest.raises(Diagnostics) as caught:
        measure(small(tmp_path / "t.jsonl", space=space))
    assert codes(caught) == {"OFA145"}
    assert "-n" in caught.value.items[0].help
    assert measure(small(tmp_path / "t.jsonl", space=space, number=4)).data["measured"] == 4


def test_a_resolution_of_another_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Diagnostics) as caught:
        measure(small(tmp_path / "t.jsonl", resolutions=(48, 40)))
    assert codes(caught) == {"OFA146"}
    assert caught.value.items[0].help == "it has 32, 48"


def test_a_limit_that_is_too_short_is_told(tmp_path: Path) -> None:
    with pytest.raises(Diagnostics) as caught:
        measure(small(tmp_path / "t.jsonl", limit=1e-9))
    assert codes(caught) == {"OFA149"}


@pytest.mark.parametrize(
    "setting",
    [
        Setting(device="cuda"),
        Setting(runtime="onnxruntime", dtype="bf16"),
        Setting(dtype="int8"),
        Setting(runtime="compile", dtype="int8"),
    ],
)
def test_a_setting_that_is_not_possible_is_refused(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Diagnostics) as caught:
        check_setting(setting)
    assert codes(caught) == {"OFA144"}


def test_a_runtime_that_fails_is_named() -> None:
    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise NotImplementedError("no kernel for this")

    with pytest.raises(Diagnostics) as caught:
        runner(Broken(), torch.zeros(1), Setting(dtype="fp16"))
    assert codes(caught) == {"OFA148"}
    assert "eager cannot run a subnet in fp16 on cpu: no kernel" in caught.value.items[0].message


def test_threads_are_those_asked_for_and_no_longer() -> None:
    before = torch.get_num_threads()
    with runners.on_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_one_thread_is_timed_by_its_own_clock() -> None:
    assert runners.clock(Setting(threads=1)) is time.thread_time
    assert runners.clock(Setting(threads=2)) is time.perf_counter
    assert runners.clock(Setting(device="cuda")) is time.perf_counter


def test_onnxruntime_runs_a_network() -> None:
    pytest.importorskip("onnxruntime")
    setting = Setting(runtime="onnxruntime", batch=2)
    check_setting(setting)
    run = runner(torch.nn.Conv2d(3, 4, 3), torch.zeros(2, 3, 8, 8), setting)
    assert run() > 0
    assert runners.versions(setting).keys() == {"torch", "onnxruntime"}


def test_int8_is_run_quantised(monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    load, ops = onnxruntime.InferenceSession, []

    def session(path: str, *more: Any, **named: Any) -> Any:
        ops.append({node.op_type for node in onnx.load(path).graph.node})
        return load(path, *more, **named)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    for dtype, quantised in (("fp32", False), ("int8", True)):
        setting = Setting(runtime="onnxruntime", dtype=dtype)
        check_setting(setting)
        assert runner(torch.nn.Conv2d(3, 4, 3), torch.randn(1, 3, 8, 8), setting)() > 0
        assert ("QuantizeLinear" in ops[-1]) == quantised


def test_an_estimator_says_that_it_is_of_int8(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    table, out = tmp_path / "t.jsonl", tmp_path / "generated"
    setting = Setting(runtime="onnxruntime", dtype="int8")
    measure(small(table, number=1, setting=setting))
    header, row = lines(table)
    assert header["dtype"] == "int8"
    x = candidates.drawn(target().space, 5, 0)  # as if they had been measured too
    more = [{**row, "arch": arch} for arch in target().cost.decode(x)]
    table.write_text("".join(json.dumps(one) + "\n" for one in [header, *more]))
    words = ["calibrate", str(SMALL), "--table", str(table), "--name", "here", "-o", str(out)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    path = estimator_path(out, target(), "latency_ms", "here")
    said = load_estimator(path, target()).SETTINGS
    assert (said["dtype"], said["runtime"]) == ("int8", "onnxruntime")


def test_a_table_of_another_dtype_is_refused_by_the_short_option(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    table = tmp_path / "t.jsonl"
    measure(small(table, number=1))
    words = ["measure", str(SMALL), "-n", "2", "-o", str(table), "--int8"]
    result = CliRunner().invoke(main, [*words, "--runtime", "onnxruntime"])
    assert result.exit_code == 1
    assert "with dtype float32, and this would be int8" in result.output


def test_the_command_measures_and_says_how_far_it_is(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    words = ["measure", str(SMALL), "-n", "1", "-o", str(table), "--time", "1m"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"1 archs measured, 1 in {table}\n"
    assert result.stderr.startswith("measuring: 0 of 1\nmeasuring: 0 of 1, about ")


@pytest.mark.parametrize(
    "words",
    [["--time", "soon"], ["-n", "0"], ["--runtime", "tvm"], ["--dtype", "fp16", "--int8"]],
)
def test_a_wrong_option_is_refused(tmp_path: Path, words: list[str]) -> None:
    table = str(tmp_path / "t.jsonl")
    assert CliRunner().invoke(main, ["measure", str(SMALL), "-o", table, *words]).exit_code == 2
