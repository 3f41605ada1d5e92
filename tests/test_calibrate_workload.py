"""The workload agrees with the interpreter, op by op and in total."""

from __future__ import annotations

import random

import numpy as np
import pytest
from conftest import REPOSITORY

from ofadsl.calibrate.workload import CLASSES, COLUMNS, QUANTITIES, ops_of, workload_of
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import checked_space
from ofadsl.cost.interpret import interpret

SPACES = ("mbv3", "fbnet", "attentive_nas", "autoformer", "resnet50d", "mcunet")


@pytest.mark.parametrize("name", SPACES)
def test_columns_add_up_to_what_the_interpreter_finds(name: str) -> None:
    checked = checked_space(REPOSITORY / "spaces" / f"{name}.ofa")
    graph = lower(checked)
    archs = [checked.space.sample(random.Random(seed)) for seed in range(5)]
    found = workload_of(checked.space, graph).columns(np.array(archs, np.uint8))
    assert found.shape == (5, len(COLUMNS))
    for row, arch in zip(found, archs, strict=True):
        profile = interpret(graph, checked.space.values(arch))
        macs = row[QUANTITIES.index("macs") :: len(QUANTITIES)]
        weights = row[QUANTITIES.index("weights") :: len(QUANTITIES)]
        assert macs.sum() == profile.macs
        assert weights.sum() == profile.params


def test_ops_have_a_class_and_bytes() -> None:
    checked = checked_space(REPOSITORY / "spaces" / "mbv3.ofa")
    graph = lower(checked)
    arch = checked.space.sample(random.Random(0))
    ops = ops_of(graph, checked.space.values(arch))
    stem = ops[0]
    assert (stem.name, stem.kind) == ("stem.conv", "conv")
    rows = stem.output[1]
    assert stem.bytes_written == 4 * 16 * rows * rows
    assert stem.weight_bytes == 4 * 16 * 3 * 9
    assert {op.kind for op in ops} <= set(CLASSES)
    assert {"pointwise", "depthwise", "excite", "linear"} <= {op.kind for op in ops}
