"""Spaces with tokens deleted, doubled, swapped or changed: refused with a report, or sound.

What is accepted is checked again on sampled archs, with plain numbers instead of proofs.
"""

from __future__ import annotations

import random
import re

from conftest import REPOSITORY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import check_text
from ofadsl.compiler.schedule.find import schedules_of
from ofadsl.compiler.tree import Checked
from ofadsl.diagnostics import Diagnostics
from ofadsl.expr import evaluate
from ofadsl.graph import Graph, Input, Node, Select
from ofadsl.ops import Op

MIXED = """
space mixed(width = 1.0 of {1.0, 1.2}, size = t of {t, s, b}) {
  input image(channels: 3, size: 32..64 step 16)
  default bn(eps: 1e-3)
  let w(c) = divisible(c * width, 8)
  let big = 32 if size == b else 16
  choice c = {16, 24} of 32
  stem: conv_bn(c, kernel: 3, stride: 2)
  stage s1 depth 0..2 {
    choice k = {3, 5}
    mbconv(w(16), kernel: k, expand: {2, 3}, stride: 2 if first else 1)
  }
  stage s2 depth 1..3 {
    residual when in == big { conv(big, kernel: {1, 3}); bn; act(relu) }
    mix: oneof { a: conv(big); b: { conv(8); bn; conv(big) }; skip: conv(big, kernel: 3) }
    add { identity } { conv(big, groups: 2); bn }
    if index > 0 and s1.depth == 2 { conv(big) } else { concat { conv(8) } { conv(big - 8) } }
  }
  require s1.depth <= s2.depth
  require s2[0].mix != skip or s1.k == 3
  global_avg_pool
  head: linear(10)
}
"""
SCHEDULES = """
let many = 2
schedule shrink(n = 2, loss = kl of {kl, mse}) {
  phase one epochs 5 { largest; learning_rate 0.05; warmup 0.5 }
  phase two epochs 3 * n { unlock kernel if any; unlock s1.k from 4; sample n; distil largest }
  phase three epochs 1 { unlock depth largest 2; unlock s2[0].mix largest many; sample max(n, 1) }
  phase four epochs 4.5 {
    sort channels; unlock s1; unlock c; unlock all; rate_scale 0.1; decay constant
    sandwich n; distil in_place(loss: loss, ratio: 1 / n)
  }
  phase five epochs 1 { smallest }
}
"""
SMALL = (REPOSITORY / "tests/spaces").glob("*.ofa")
TEXTS = [MIXED, MIXED + SCHEDULES, *(path.read_text(encoding="utf-8") for path in sorted(SMALL))]
TEXTS.append((REPOSITORY / "spaces/mbv3.ofa").read_text(encoding="utf-8"))
TOKEN = re.compile(r'[A-Za-z_]\w*|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|"[^"]*"|//|\.\.|[<>=!]=|\s+|#.*|.')
NUMBERS = ("0", "1", "2", "3", "4", "7", "-1", "0.5", "255", "256", "1000000", "1e15", "1e-300")
SIGNS = ("+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", "and", "or")


def is_number(token: str) -> bool:
    return token[0].isdigit()


def is_name(token: str) -> bool:
    return token[0].isalpha()


def is_sign(token: str) -> bool:
    return token in SIGNS


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """Draw a text with one to four changes."""
    tokens = TOKEN.findall(draw(st.sampled_from(TEXTS)))
    names = sorted({token for token in tokens if is_name(token)})
    for _ in range(draw(st.integers(1, 4))):
        change = draw(st.sampled_from(["number", "name", "sign", "line", "delete", "swap"]))
        if change in ("number", "name", "sign"):
            kind, others = {
                "number": (is_number, NUMBERS),
                "name": (is_name, names),
                "sign": (is_sign, SIGNS),
            }[change]
            places = [i for i, token in enumerate(tokens) if kind(token)]
            if places:
                tokens[draw(st.sampled_from(places))] = draw(st.sampled_from(others))
        elif change == "line":
            lines = "".join(tokens).splitlines(keepends=True)
            at = draw(st.integers(0, len(lines) - 1))
            lines[at : at + 1] = [lines[at]] * draw(st.sampled_from([0, 2]))
            tokens = TOKEN.findall("".join(lines))
        else:
            i, j = (draw(st.integers(0, len(tokens) - 1)) for _ in range(2))
            tokens[i], tokens[j] = ("", tokens[j]) if change == "delete" else (tokens[j], tokens[i])
            tokens = [token for token in tokens if token]
    return "".join(tokens)


@given(text=mutants(), seed=st.integers(0, 1000))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutant_is_refused_with_a_report_or_sound(text: str, seed: int) -> None:
    try:
        checked = check_text(text)
    except Diagnostics as report:
        str(report)  # what cannot be shown is a crash too
        return
    if checked is not None:
        check_archs(checked, seed)
        check_schedules(checked, seed)


def check_schedules(checked: Checked, seed: int) -> None:
    """Check the phases of the schedule beside a space, where there is one."""
    try:
        schedule = schedules_of("shrink", checked)
    except Diagnostics as report:
        str(report)
        return
    sizes = [phase.space.size() for phase in schedule.phases]
    assert all(0 < size <= checked.space.size() for size in sizes)
    for phase in schedule.phases:
        assert phase.epochs > 0
        for arch in (phase.largest, phase.smallest, phase.space.sample(random.Random(seed))):
            assert phase.space.contains(arch)
            assert checked.space.contains(arch)


def check_archs(checked: Checked, seed: int) -> None:
    """Check what was proven for all archs on a few of them."""
    graph = lower(checked)
    assert checked.space.size() > 0
    samples = checked.space.samples(random.Random(seed))
    for _ in range(3):
        arch = next(samples)
        assert checked.space.contains(arch)
        check_arch(graph, checked.space.values(arch))


def check_arch(graph: Graph, arch: dict[str, int | float | bool | str]) -> None:
    for node in graph.nodes:
        if node.exists(arch):
            check_node(graph, node, arch)


def check_node(graph: Graph, node: Node, arch: dict[str, int | float | bool | str]) -> None:
    for extent in (node.shape.channels, *node.shape.spatial):
        number = evaluate(extent, arch)
        assert isinstance(number, int), (node.name, number)
        assert number >= 1, (node.name, number)
    inputs = [graph.nodes[i] for i in node.inputs]
    match node.op:
        case Input():
            pass
        case Select(conditions=conditions):
            taken = [evaluate(condition, arch) for condition in conditions].index(True)
            assert inputs[taken].exists(arch), node.name
        case op:
            assert isinstance(op, Op)
            assert all(value.exists(arch) for value in inputs), node.name
            for demand in op.demands(*(value.shape for value in inputs)):
                assert evaluate(demand.condition, arch), (node.name, demand.message)


def test_the_texts_are_sound_themselves() -> None:
    for text in TEXTS:
        checked = check_text(text)
        assert checked is not None
        check_archs(checked, 0)
        check_schedules(checked, 0)
