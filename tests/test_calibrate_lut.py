"""Tables of blocks: read whole, added up exactly, and never guessed with confidence."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import REPOSITORY

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.block import Block, Blocks
from ofadsl.calibrate.blockwise import summed
from ofadsl.calibrate.read_blocks import is_blocks, read_blocks
from ofadsl.cli import main
from ofadsl.diagnostics import Diagnostics

DATA = REPOSITORY / "tests" / "data" / "blocks"
CSV, SPACE = DATA / "proxyless_mobile.csv", DATA / "proxyless_mobile.ofa"
SHARED = REPOSITORY.parent / "shared" / "device_tables" / "lut"
KEY = "expanded_conv-input:112x112x16-output:112x112x24-expand:6-kernel:3-stride:2-idskip:0"
CONV = "Conv-input:224x224x3-output:112x112x16"


@cache
def target(step: str = "32", most: str = "160") -> Target:
    return target_of(SPACE, {"step": step, "most": most}, "proxyless_mobile.ofa")


@cache
def table() -> Blocks:
    return read_blocks(CSV, "latency_ms")


def yaml_of(blocks: Blocks) -> str:
    """Return the YAML that OFA writes for one resolution."""
    lines = []
    for block, (mean, deviation) in blocks.entries.items():
        key = str(block).partition("-se:")[0]
        lines.append(f"{key}:\n  count: 3\n  mean: {mean!r}\n  std: {deviation!r}\n")
    return "".join(lines)


def rows_of(arch: Any) -> Iterator[dict[str, str]]:
    """Yield the rows of the CSV that a subnet of ProxylessNAS is made of."""
    r = arch["resolution"]
    size, c = r // 2, 30
    yield {"r": str(r), "op": "Conv"}
    stages = [{"out": 20, "stride": 1, "blocks": [{"kernel": 3, "expand": 1}]}]
    widths = {"s1": (30, 2), "s2": (40, 2), "s3": (80, 2), "s4": (100, 1), "s5": (190, 2)}
    for name, (out, stride) in (widths | {"s6": (320, 1)}).items():
        stages.append({"out": out, "stride": stride, "blocks": arch["stages"][name]["blocks"]})
    for stage in stages:
        for i, block in enumerate(stage["blocks"]):  # type: ignore[arg-type, var-annotated]
            stride = stage["stride"] if i == 0 else 1
            yield {
                "r": str(r),
                "op": "expanded_conv",
                "h_in": str(size),
                "c_in": str(c),
                "c_out": str(stage["out"]),
                "expand_ratio": str(block["expand"]),
                "k": str(block["kernel"]),
                "stride": str(stride),
            }
            size, c = (size - 1) // int(str(stride)) + 1, int(str(stage["out"]))
    yield {"r": str(r), "op": "Conv_1"}
    yield {"r": str(r), "op": "Logits"}


def test_the_latency_of_a_subnet_is_the_sum_of_its_rows() -> None:
    with CSV.open() as file:
        rows = list(csv.DictReader(file))
    found = summed(target(), table())
    assert found.guessed == 0
    x = target().cost.sample(20, np.random.default_rng(0))
    mean, deviation = found.estimator.predict(x)
    for arch, value, wide in zip(target().cost.decode(x), mean, deviation, strict=True):
        own = [[row for row in rows if part.items() <= row.items()] for part in rows_of(arch)]
        assert {len(same) for same in own} == {1}
        assert value == pytest.approx(sum(float(row["mean_ms"]) for (row,) in own), rel=1e-9)
        spread = sum(float(row["std_ms"]) for (row,) in own)
        assert wide == pytest.approx(np.hypot(spread, 0.1 * value), rel=1e-9)


def test_every_row_of_the_shared_table_is_read() -> None:
    path = SHARED / "ofa_proxyless_unknown_mobile_lut.csv"
    if not path.exists():
        pytest.skip("the shared device tables are not here")
    found = read_blocks(path, "latency_ms")
    assert len(found.entries) == len(path.read_text().splitlines()) - 1
    space = target("16", "224")
    assert summed(space, found).guessed == 0


def test_yaml_says_what_csv_says(tmp_path: Path) -> None:
    path = tmp_path / "160.yaml"
    own = {block: entry for block, entry in table().entries.items() if block.resolution == 160}
    path.write_text(yaml_of(replace(table(), entries=own)))
    assert is_blocks(path)
    found = read_blocks(path, "latency_ms")
    assert found.entries == {replace(block, resolution=None): own[block] for block in own}
    estimator = summed(target(), found).estimator
    x = target().cost.sample(40, np.random.default_rng(0))
    x = x[x[:, 0] == 1]
    expected = summed(target(), table()).estimator.predict(x)[0]
    np.testing.assert_allclose(estimator.predict(x)[0], expected)


def test_the_key_of_the_papers_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        f"{KEY}: {{mean: 1.5}}\n{CONV}: 0.25\nLogits-input:1x1x8-output:9:\n  mean: 2\n"
    )
    entries = read_blocks(path, "latency_ms").entries
    block, conv, last = entries
    assert (block.size_in, block.c_in, block.size_out, block.c_out) == (
        (112, 112),
        16,
        (112, 112),
        24,
    )
    assert (block.middle, block.kernel, block.stride, block.shortcut) == (96, 3, 2, 0)
    assert conv.op == "Conv"
    assert (last.size_out, last.c_out) == ((1, 1), 9)
    assert [*entries.values()] == [(1.5, 0), (0.25, 0), (2, 0)]


BAD_YAML = [
    ("[1, 2]", "OFA139"),
    ("", "OFA139"),
    ("a: [\n", "OFA139"),
    ("a: 1\n---\nb: 2\n", "OFA139"),
    ("a: \x07", "OFA139"),
    ("[" * 100_000 + "]" * 100_000, "OFA139"),
    (f"{CONV}: &a {{mean: 2}}\n{KEY}: *a\n", "OFA139"),
    ("a: &a [1, 1]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "OFA139"),
    (f"{CONV}: &a {{mean: 2}}\n{KEY}: {{<<: *a}}\n", "OFA139"),
    (f"{CONV}: {{mean: [1]}}\n", "OFA139"),
    ("conv: {mean: 1}\n", "OFA137"),
    (f"{CONV}: {{std: 1}}\n", "OFA137"),
    (f"{CONV}: {{mean: 1, maen: 2}}\n", "OFA137"),
    (f"{CONV}: {{mean: 1, mean: 2}}\n", "OFA137"),
    (f"{CONV}: !!python/object/apply:os.system {{mean: 1}}\n", "OFA137"),
    (f"{CONV}: {{mean: !own 1}}\n", "OFA137"),
    (f"{CONV}: {{mean: -1}}\n", "OFA123"),
    (f"{CONV}: {{mean: .inf}}\n", "OFA123"),
    (f"{CONV}: {{mean: 1, std: -1}}\n", "OFA123"),
    (f"{CONV}: 1\n{CONV}: 2\n", "OFA137"),
    (f"{CONV}-kernel:3: 1\n", "OFA137"),
    (f"{KEY}-groups:3: 1\n", "OFA137"),
    (f"{KEY}-stride:2: 1\n", "OFA137"),
    (f"{KEY}-se:2: 1\n", "OFA137"),
    (f"{KEY.replace('112x112x16', '112x112x0')}: 1\n", "OFA137"),
    ("Pool-input:1x1x1-output:1x1x1: 1\n", "OFA137"),
]


@pytest.mark.parametrize(("text", "code"), BAD_YAML, ids=range(len(BAD_YAML)))
def test_a_malformed_yaml_is_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(Diagnostics) as caught:
        read_blocks(path, "latency_ms")
    assert caught.value.items[0].code == code


def test_each_malformed_line_is_named_with_its_value(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(f"{CONV}: 1\n{KEY}: {{mean: fast}}\nx: 1\n{KEY}-se:7: 2\n")
    with pytest.raises(Diagnostics) as caught:
        read_blocks(path, "latency_ms")
    text = str(caught.value)
    assert len(caught.value.items) == 3
    for found in ("t.yaml:2:1", "mean is fast", "t.yaml:3:1", "t.yaml:4:1", "excite is 7"):
        assert found in text


HEADER = "op,h_in,c_in,h_out,c_out,expand_ratio,k,stride,idskip,mean_ms"
BLOCK = "expanded_conv,56,24,56,24,6,3,1,1,1.5"


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        ([HEADER.replace(",k,", ",")], "OFA137", 1),
        ([HEADER + ",colour"], "OFA137", 1),
        ([HEADER + ",k"], "OFA137", 1),
        ([HEADER.replace("mean_ms", "mean_mj")], "OFA137", 1),
        ([HEADER, BLOCK + ",1"], "OFA137", 2),
        ([HEADER, BLOCK, BLOCK], "OFA137", 3),
        ([HEADER, BLOCK.replace("1.5", "")], "OFA123", 2),
        ([HEADER, BLOCK.replace("56", "5.6")], "OFA137", 2),
        ([HEADER, BLOCK.replace("56", "-5")], "OFA137", 2),
        ([HEADER, BLOCK.replace("56", "1" * 5000)], "OFA137", 2),
        ([HEADER, BLOCK.replace("56", '"' + "1" * 140_000)], "OFA137", 2),
        ([HEADER, BLOCK.replace(",6,3,", ",,3,")], "OFA137", 2),
        ([HEADER, BLOCK.replace("expanded_conv", "conv")], "OFA137", 2),
    ],
    ids=range(13),
)
def test_a_malformed_csv_is_refused(tmp_path: Path, lines: list[str], code: str, line: int) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    assert is_blocks(path)
    with pytest.raises(Diagnostics) as caught:
        read_blocks(path, "latency_ms")
    (item,) = caught.value.items
    assert item.code == code
    assert f"t.csv:{line}" in str(caught.value)


def test_a_table_without_entries_is_refused(tmp_path: Path) -> None:
    for name, text in (("t.csv", HEADER), ("t.csv", ""), ("t.yaml", "{}")):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(Diagnostics, match="OFA124"):
            read_blocks(path, "latency_ms")


def test_energy_is_read_from_its_own_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{HEADER.replace('mean_ms', 'mean_mj,std_mj')}\n{BLOCK},0.1\n")
    assert [*read_blocks(path, "energy_mj").entries.values()] == [(1.5, 0.1)]


def test_what_the_table_lacks_is_guessed_with_a_wide_interval() -> None:
    x = target().cost.sample(200, np.random.default_rng(0))
    whole = summed(target(), table()).estimator.predict(x)[0]
    entries = {b: e for b, e in table().entries.items() if b.expand != 5}
    found = summed(target(), replace(table(), entries=entries))
    assert found.missing == ("expand 5",)
    assert 0 < found.guessed < found.needed
    mean, deviation = found.estimator.predict(x)
    assert np.mean(np.abs(mean / whole - 1)) < 0.05
    has = _has_five(x)
    assert (deviation / mean)[has].min() > 0.1
    np.testing.assert_allclose(mean[~has], whole[~has])
    one = np.zeros((1, x.shape[1]), np.uint8)
    for d, dim in enumerate(target().space.dims):
        if dim.key == "expand":
            one[:, d] = 1
    mean, deviation = found.estimator.predict(one)
    assert deviation[0] > 0.35 * mean[0]


def _has_five(x: Any) -> Any:
    """Return which archs have an expand of 5 in a block that they have."""
    archs = target().cost.decode(x)
    stages = [[block for s in arch["stages"].values() for block in s["blocks"]] for arch in archs]
    return np.array([any(block["expand"] == 5 for block in blocks) for blocks in stages])


def test_a_resolution_between_those_of_the_table_is_a_guess() -> None:
    found = summed(target("16"), table())
    assert found.missing == ("resolution 144",)
    x = np.zeros((3, len(target().space.dims)), np.uint8)
    x[:, 0] = [0, 1, 2]
    mean, deviation = found.estimator.predict(x)
    assert mean[0] < mean[1] < mean[2]
    assert deviation[1] / mean[1] > 4 * deviation[2] / mean[2]


@pytest.mark.parametrize("name", ["proxyless", "mbv3", "fbnet", "autoformer"])
def test_a_space_that_the_table_does_not_hold_is_refused(name: str) -> None:
    other = target_of(REPOSITORY / "spaces" / f"{name}.ofa", {}, name)
    with pytest.raises(Diagnostics, match="OFA138"):
        summed(other, table())


def test_a_layer_of_which_the_table_has_nothing_is_named_with_the_nearest() -> None:
    entries = {b: e for b, e in table().entries.items() if b.op != "Logits"}
    with pytest.raises(Diagnostics) as caught:
        summed(target(), replace(table(), entries=entries))
    assert "the table has no Logits at all" in str(caught.value)
    entries = {b: e for b, e in table().entries.items() if b.c_out != 320}
    with pytest.raises(Diagnostics) as caught:
        summed(target(), replace(table(), entries=entries))
    (item,) = caught.value.items
    assert "nothing of the layer s6.0" in item.message
    assert "expanded_conv-input" in item.help


def test_mobilenetv3_is_asked_for_with_its_middle_channels_and_excitation(tmp_path: Path) -> None:
    mbv3 = target_of(REPOSITORY / "spaces" / "mbv3.ofa", {}, "mbv3")
    x = mbv3.cost.sample(5, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    entries: dict[str, float] = {}
    totals = []
    for arch in mbv3.cost.decode(x):
        keys = [*_mbv3_keys(arch)]
        entries |= {key: float(rng.uniform(1, 2)) for key in keys if key not in entries}
        totals.append(sum(entries[key] for key in keys))
    path = tmp_path / "note10.yaml"
    path.write_text("".join(f"{key}: {{mean: {value}}}\n" for key, value in entries.items()))
    found = summed(mbv3, read_blocks(path, "latency_ms"))
    assert found.guessed > 0
    np.testing.assert_allclose(found.estimator.predict(x)[0], totals)


def _mbv3_keys(arch: Any) -> Iterator[str]:
    """Yield the keys that OFA asks its table of MobileNetV3 for."""
    r = arch["resolution"]
    size, c = (r + 1) // 2, 16
    yield f"Conv-input:{r}x{r}x3-output:{size}x{size}x16"
    blocks = [(16, 1, 3, 1, 0, 0)]
    stages = ((24, 2, 0, 0), (40, 2, 1, 0), (80, 2, 0, 1), (112, 1, 1, 1), (160, 2, 1, 1))
    for name, (out, stride, se, hs) in zip(arch["stages"], stages, strict=True):
        for i, block in enumerate(arch["stages"][name]["blocks"]):
            own = stride if i == 0 else 1
            blocks.append((out, own, block["kernel"], block["expand"], se, hs))
    for out, stride, kernel, expand, se, hs in blocks:
        after = (size - 1) // stride + 1
        skip = int(stride == 1 and c == out)
        yield (
            f"expanded_conv-input:{size}x{size}x{c}-output:{after}x{after}x{out}-expand:"
            f"{c * expand}-kernel:{kernel}-stride:{stride}-idskip:{skip}-se:{se}-hs:{hs}"
        )
        size, c = after, out
    yield f"Conv_1-input:{size}x{size}x160-output:{size}x{size}x960"
    yield f"AvgPool2D-input:{size}x{size}x960-output:1x1x960"
    yield "Conv_2-input:1x1x960-output:1x1x1280"
    yield "Logits-input:1x1x1280-output:1000"


def run(*args: object) -> Any:
    return CliRunner().invoke(main, [str(arg) for arg in args])


def test_calibrate_writes_the_estimator_of_a_table_of_blocks(tmp_path: Path) -> None:
    common = [SPACE, "-o", tmp_path, "--name", "phone"]
    result = run("calibrate", *common, "--table", CSV)
    assert result.exit_code == 0, result.output
    assert "no whole subnet was measured" in result.output
    text = (tmp_path / "proxyless_mobile" / "latency_phone.py").read_text()
    made: Any = ModuleType("latency_phone")
    exec(compile(text, "latency_phone.py", "exec"), made.__dict__)
    assert made.SAMPLES == 0
    assert "no whole subnet was measured" in made.__doc__
    x = target().cost.sample(50, np.random.default_rng(0))
    mean, deviation = summed(target(), table()).estimator.predict(x)
    np.testing.assert_allclose(made.latency_ms(x), mean, rtol=1e-4)
    low, high = made.interval_ms(x)
    np.testing.assert_allclose((high - low) / 2, 1.6449 * deviation, rtol=5e-3)
    arch = tmp_path / "arch.json"
    arch.write_text(json.dumps(target().cost.decode(x[:1])[0]))
    said = run("predict", SPACE, "--device", "phone", "--arch", arch, "--generated", tmp_path)
    assert "note: a sum over a table of blocks" in said.output


def test_a_table_of_blocks_is_a_source_for_a_fit(tmp_path: Path) -> None:
    x = target().cost.sample(12, np.random.default_rng(0))
    y = 2 * summed(target(), table()).estimator.predict(x)[0]
    head = {"device": "d", "batch": 1, "dtype": "float32", "runtime": "r", "date": "2020-01-01"}
    archs = target().cost.decode(x)
    rows = [{"arch": a, "latency_ms": v} for a, v in zip(archs, y.tolist(), strict=True)]
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [head, *rows]))
    common = ["calibrate", SPACE, "--table", path, "--name", "d", "-o", tmp_path, "--json"]
    alone = json.loads(run(*common).output)
    helped = json.loads(run(*common, "--sources", CSV).output)
    assert helped["mape"] < alone["mape"]


def test_a_block_is_printed_as_its_key() -> None:
    text = str(next(block for block in table().entries if block.op == "expanded_conv"))
    assert text.startswith("expanded_conv-input:16x16x40-output:16x16x40-expand:4-kernel:3")
    pool = Block(op="AvgPool2D", resolution=None, size_in=(7, 7), c_in=8, size_out=(1, 1), c_out=8)
    assert str(pool) == "AvgPool2D-input:7x7x8-output:1x1x8"
