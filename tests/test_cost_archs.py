"""Archs as arrays: read, written, counted, drawn; and the module that does it stands alone."""

from __future__ import annotations

import copy
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from cost_models import ROOT, SHIPPED, SPACES, model
from hypothesis import given, settings
from hypothesis import strategies as st

from ofadsl.compiler.emit.cost import emit_cost
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import check_text

Arch = dict[str, Any]


@pytest.mark.parametrize("name", SPACES)
def test_archs_are_read_and_written_as_the_space_writes_them(name: str) -> None:
    space = model(name)
    x = space.archs(60)
    forms = [space.checked.space.to_json(tuple(row)) for row in x.tolist()]
    assert space.cost.decode(x) == forms
    assert (space.cost.encode(forms) == x).all()
    assert space.cost.contains(x).all()


@pytest.mark.parametrize("name", SPACES)
def test_samples_are_canonical_archs_of_the_space(name: str) -> None:
    cost = model(name).cost
    x = cost.sample(100, np.random.default_rng(0))
    assert x.dtype == np.uint8
    assert cost.contains(x).all()
    assert (cost.encode(cost.decode(x)) == x).all()
    assert (cost.sample(100, np.random.default_rng(0)) == x).all()


@pytest.mark.parametrize("name", ["branches", "conditions", "widths", "small"])
def test_the_size_is_the_number_of_distinct_subnets(name: str) -> None:
    cost = model(name).cost
    ranges = [range(len(values)) for values in cost.CHOICES]
    every = np.array(list(itertools.islice(itertools.product(*ranges), 1 << 20)), np.uint8)
    inside = every[cost.contains(every)]
    canonical = inside[~((inside > 0) & ~cost.matters(inside)).any(axis=1)]
    assert len(canonical) == cost.SIZE


@pytest.mark.parametrize("name", ["branches", "conditions", "widths"])
def test_samples_are_uniform(name: str) -> None:
    cost = model(name).cost
    count = 40 * cost.SIZE
    _, seen = np.unique(cost.sample(count, np.random.default_rng(0)), axis=0, return_counts=True)
    assert len(seen) == cost.SIZE
    freedom = cost.SIZE - 1
    distance = ((seen - 40) ** 2 / 40).sum()
    assert abs(distance - freedom) < 4 * (2 * freedom) ** 0.5


@given(st.integers(0, 2**32), st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_reading_undoes_writing(seed: int, count: int) -> None:
    cost = model("mbv3").cost
    x = cost.sample(count, np.random.default_rng(seed))
    assert (cost.encode(cost.decode(x)) == x).all()


def test_whole_numbers_of_any_type_are_archs() -> None:
    cost = model("mbv3").cost
    x = cost.sample(10, np.random.default_rng(0))
    for dtype in (np.int8, np.int64, np.uint32):
        assert (cost.macs(x.astype(dtype)) == cost.macs(x)).all()
    assert (cost.macs(np.asfortranarray(x)) == cost.macs(x)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[0], "shape (46,), not (archs, 46)"),
        (lambda x: x[:, 1:], "shape (2, 45), not (archs, 46)"),
        (lambda x: x.astype(float), "float64, not whole numbers"),
        (lambda x: x + np.uint8(25), "archs[0] has the choice"),
        (lambda x: x.astype(int) - 4, "its choices are 0 to"),
    ],
)
def test_arrays_that_are_no_archs_are_refused(change: Callable[[Any], Any], message: str) -> None:
    cost = model("mbv3").cost
    x = cost.sample(2, np.random.default_rng(0))
    for function in (cost.macs, cost.params, cost.peak_memory, cost.decode):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            function(change(x))
        assert message in str(caught.value)


def test_an_index_outside_the_choices_is_not_contained() -> None:
    cost = model("mbv3").cost
    x = cost.sample(2, np.random.default_rng(0)).astype(int)
    x[0, 3] = -1
    assert cost.contains(x).tolist() == [False, True]
    x[0, 3] = 300
    assert cost.contains(x).tolist() == [False, True]


WRONG: dict[str, tuple[Callable[[Arch], object], str]] = {
    "value": (
        lambda a: a["stages"]["s1"]["blocks"][1].update(kernel=4),
        "archs[0].stages.s1.blocks[1].kernel is 4, outside the space: kernel is one of 3, 5",
    ),
    "truth": (
        lambda a: a["stages"]["s1"]["blocks"][0].update(expand=True),
        "archs[0].stages.s1.blocks[0].expand is True, outside the space",
    ),
    "resolution": (
        lambda a: a.update(resolution=[32]),
        "archs[0].resolution is [32], outside the space: resolution is one of 32, 48",
    ),
    "blocks": (
        lambda a: a["stages"]["s1"].update(depth=3),
        "archs[0].stages.s1 has 2 blocks, but depth 3: list 3 blocks, or change the depth",
    ),
    "depth": (
        lambda a: a["stages"]["s1"].update(depth=7),
        "archs[0].stages.s1.depth is 7, outside the space: depth is one of 1, 2, 3",
    ),
    "no depth": (
        lambda a: a["stages"]["s1"].pop("depth"),
        "archs[0].stages.s1.depth is missing: depth is one of 1, 2, 3",
    ),
    "no blocks": (
        lambda a: a["stages"]["s1"].pop("blocks"),
        "archs[0].stages.s1.blocks is missing: list 2 blocks",
    ),
    "no kernel": (
        lambda a: a["stages"]["s1"]["blocks"][0].pop("kernel"),
        "archs[0].stages.s1.blocks[0].kernel is missing: kernel is one of 3, 5",
    ),
    "no stage": (lambda a: a["stages"].pop("s1"), "archs[0].stages.s1.depth is missing"),
    "no stages": (lambda a: a.pop("stages"), "archs[0].stages.s1.depth is missing"),
    "key": (
        lambda a: a["stages"]["s1"]["blocks"][0].update(kernels=3),
        "archs[0].stages.s1.blocks[0].kernels is no key of this space: one of kernel, expand",
    ),
    "stage": (
        lambda a: a["stages"].update(s9={}),
        "archs[0].stages.s9 is no key of this space: one of s1, s2",
    ),
    "choices": (lambda a: a.update(choices={}), "archs[0].choices is no key of this space"),
    "space": (lambda a: a.update(space="mbv3"), "archs[0].space is 'mbv3', not 'widths'"),
    "no mapping": (
        lambda a: a["stages"].update(s1=[1]),
        "archs[0].stages.s1 is [1], not a mapping",
    ),
    "no list": (
        lambda a: a["stages"]["s1"].update(blocks={0: {}, 1: {}}),
        "archs[0].stages.s1.blocks is {0: {}, 1: {}}, not a list of blocks",
    ),
    "requirement": (
        lambda a: a["stages"]["s2"].update(depth=0, blocks=[]),
        "archs[0]: the space requires s1.depth <= s2.depth + 1; change one of these values",
    ),
}


def fine() -> Arch:
    """Return an arch of the space `widths`."""
    return {
        "space": "widths",
        "resolution": 48,
        "stages": {
            "s1": {"depth": 2, "w": 8, "blocks": [{"kernel": 3, "expand": 2}] * 2},
            "s2": {"depth": 1, "w": 24, "blocks": [{"kernel": 5, "expand": 3}]},
        },
    }


@pytest.mark.parametrize("case", WRONG)
def test_an_arch_outside_the_space_is_refused_with_its_place(case: str) -> None:
    change, message = WRONG[case]
    arch = copy.deepcopy(fine())
    arch["stages"]["s1"]["blocks"] = [dict(block) for block in arch["stages"]["s1"]["blocks"]]
    change(arch)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        model("widths").cost.encode([arch])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("arch", [None, 3, "arch", [], [[]], {1: 2}, {"stages": {"s1": None}}])
def test_what_is_no_arch_at_all_is_refused(arch: object) -> None:
    with pytest.raises(ValueError, match=r"archs\[0\]"):
        model("widths").cost.encode([arch])


def test_a_flag_is_no_number() -> None:
    text = "space flags() { input image(channels: 3, size: 8); choice c = {1, 2}; conv(c) }"
    checked = check_text(text)
    assert checked is not None
    cost = ModuleType("flags")
    text = emit_cost(checked, lower(checked), source="flags.ofa")
    exec(compile(text, "flags/cost.py", "exec"), cost.__dict__)
    head = {"space": "flags", "resolution": 8}
    for value, choice in ((1, 0), (2, 1)):
        assert cost.encode([{**head, "choices": {"c": value}}]).tolist() == [[0, choice]]
    for strange in (True, None, [1], "1", 3):
        with pytest.raises(
            ValueError, match=r"choices\.c is .*, outside the space: c is one of 1, 2"
        ):
            cost.encode([{**head, "choices": {"c": strange}}])


def test_one_arch_alone_is_not_a_list() -> None:
    with pytest.raises(ValueError, match=r"write encode\(\[arch\]\)"):
        model("widths").cost.encode(fine())


def test_a_choice_that_does_not_matter_may_be_there() -> None:
    cost = model("options").cost
    x = cost.sample(200, np.random.default_rng(0))
    forms = cost.decode(x)
    for form in forms:
        for block in form["stages"]["s1"]["blocks"]:
            block.setdefault("k5.expand", 3)
    assert (cost.encode(forms) == x).all()


@pytest.mark.parametrize("name", ["widths", "options", "dense", "fixed", "mbv3", "attentive_nas"])
def test_the_module_is_formatted_and_clean(name: str, tmp_path: Path) -> None:
    path = tmp_path / "cost.py"
    path.write_text(model(name).text, encoding="utf-8")
    for command in (["format", "--check"], ["check", "--no-cache"]):
        call = [sys.executable, "-m", "ruff", *command, "--config", "pyproject.toml", str(path)]
        done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["dense", *SHIPPED])
def test_the_same_space_gives_the_same_bytes(name: str) -> None:
    space = model(name)
    again = emit_cost(space.checked, space.graph, source=f"{name}.ofa")
    assert again == space.text
    assert again.startswith(f"# Generated by ofadsl from {name}.ofa; edit the .ofa file\n")


def test_the_module_needs_numpy_only(tmp_path: Path) -> None:
    (tmp_path / "cost.py").write_text(model("dense").text, encoding="utf-8")
    program = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in {"cost", "numpy", *sys.stdlib_module_names}:
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
import cost, numpy
print(cost.macs(cost.sample(3, numpy.random.default_rng(0))).shape, "torch" in sys.modules)
"""
    call = [sys.executable, "-c", program]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(3,) False", done.stderr
