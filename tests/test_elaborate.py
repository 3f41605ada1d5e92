"""What a set, a choice or a default stands for, and where it is shared."""

from __future__ import annotations

import itertools
import random
import sys
from types import ModuleType
from typing import Any

import pytest
import torch

from ofadsl.compiler.emit.package import emit_supernet
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import check_text
from ofadsl.compiler.tree import Checked
from ofadsl.diagnostics import Diagnostics
from ofadsl.expr import static
from ofadsl.space import Space, shown_count


def space(body: str) -> Checked:
    head = "space a {\n  input image(channels: 3, size: 32)\n"
    checked = check_text(f"{head}{body}\npool: global_avg_pool\nhead: linear(10)\n}}\n")
    assert checked is not None
    return checked


def dims(body: str) -> list[str]:
    return [d.var.name for d in space(body).space.dims if d.var.name != "resolution"]


def codes(body: str) -> list[str]:
    with pytest.raises(Diagnostics) as report:
        space(body)
    return [d.code for d in report.value]


def every(found: Space) -> list[tuple[int, ...]]:
    """Return every combination of choices."""
    return list(itertools.product(*(range(len(dim.var.values)) for dim in found.dims)))


def test_a_set_in_a_default_is_a_dimension_of_each_call() -> None:
    body = """default conv(kernel: {3, 5})
    stage s1 depth 0..1 { a: conv(8) }
    stage s2 depth 0..1 { a: conv(8) }"""
    assert dims(body) == ["s1.depth", "s1.0.a.kernel", "s2.depth", "s2.0.a.kernel"]
    assert space(body).space.size() == 9


def test_a_choice_of_a_stage_can_use_a_let_of_the_stage() -> None:
    body = "stage s depth 1..2 { let base = {8, 16}; choice c = base; conv(c) }"
    assert dims(body) == ["s.depth", "s.c"]


@pytest.mark.parametrize("own", ["{8, index + 1}", "{8, in}", "{8, 16 if first else 24}"])
def test_a_choice_of_a_stage_cannot_differ_from_block_to_block(own: str) -> None:
    assert codes(f"stage s depth 1..2 {{ choice c = {own}; conv(c) }}") == ["OFA048"]


def test_an_unknown_name_with_a_member_is_one_mistake() -> None:
    assert codes("x: conv({4, 8})\nrequire x.out == 4") == ["OFA020"]


def test_a_oneof_without_options_is_refused() -> None:
    assert codes("oneof { }") == ["OFA058"]


def test_a_choice_of_a_stage_cannot_take_a_name_of_arch_json() -> None:
    assert codes("stage s depth 1 { choice blocks = {8, 16}; conv(blocks) }") == ["OFA024"]


def test_a_stage_may_have_a_name_that_means_something_in_python() -> None:
    text = """space names {
  input image(channels: 3, size: {8, 16})
  stage blocks depth 1..2 { conv_bn(4, kernel: 1) }
  stage self depth 1 { conv_bn(4, kernel: {1, 3}) }
  stage class depth 1 { conv_bn(4, kernel: {1, 3}) }
  pool: global_avg_pool
  head: linear(2)
}
"""
    checked = check_text(text)
    assert checked is not None
    module: Any = ModuleType("names")
    sys.modules["names"] = module  # where dataclasses look annotations up
    exec(emit_supernet(checked, "names.ofa"), module.__dict__)
    arch = checked.space.to_json(checked.space.sample(random.Random(0)))
    found = module.Arch.from_dict(arch)
    assert found.to_dict() == arch
    resolution = arch["resolution"]
    assert module.Supernet()(torch.zeros(1, 3, resolution, resolution), found).shape == (1, 2)


def test_a_requirement_may_speak_of_the_resolution() -> None:
    body = "choice a = {4, 8}\nconv(a)\nrequire resolution == 32 and a == 4"
    assert space(body).space.size() == 1


def test_an_allocated_kernel_is_odd_too() -> None:
    assert codes("choice k = {3, 5} of 8\nconv(8, kernel: k)") == ["OFA060"]
    assert dims("choice k = {3, 5} of 7\nconv(8, kernel: k)") == ["k"]


def test_groups_are_the_same_in_every_subnet() -> None:
    assert codes("conv(8); conv(8, groups: {1, 2})") == ["OFA048"]


def test_a_oneof_has_at_most_256_options() -> None:
    options = "; ".join(f"o{i}: conv(8)" for i in range(300))
    assert codes(f"oneof {{ {options} }}") == ["OFA042"]


def test_a_count_beyond_every_float_is_shown() -> None:
    assert shown_count(7371**5 * 25) == "5.44e+20"
    assert shown_count(9**1000) == "1.75e+954"
    assert shown_count(6075) == "6,075"
    assert shown_count(999_999) == "999,999"
    assert shown_count(1_000_000) == "1.00e+06"


def test_the_index_of_a_block_counts_from_zero() -> None:
    graph = lower(space("stage s depth 1..3 { conv(8 * (index + 1)) }"))
    widths = {node.name: static(node.shape.channels) for node in graph.nodes}
    assert [widths[f"s.{i}.conv"] for i in range(3)] == [8, 16, 24]


REQUIRED = "choice a = {1, 2}\nchoice b = {4, 8}\nconv(a); conv(b)\n"


@pytest.mark.parametrize(
    ("body", "archs"),
    [
        ("if a == 2 { require b == 8; act(relu) }", {(1, 4), (1, 8), (2, 8)}),
        ("if a == 2 { act(relu) } else { require b == 8; bn }", {(1, 8), (2, 4), (2, 8)}),
        ("if a == 2 { if b == 4 { require a == 1; bn } }", {(1, 4), (1, 8), (2, 8)}),
        ("require b == 8", {(1, 8), (2, 8)}),
    ],
)
def test_a_requirement_holds_where_it_stands(body: str, archs: set[tuple[int, int]]) -> None:
    found = space(REQUIRED + body).space
    assert found.size() == len(archs)
    values = [v for v in every(found) if found.contains(v)]
    named = [found.values(v) for v in values]
    assert {(one["a"], one["b"]) for one in named} == archs


def test_a_requirement_of_an_option_holds_where_the_option_is_chosen() -> None:
    body = REQUIRED + "o: oneof { x: { require b == 8; bn }; y: act(relu) }"
    found = space(body).space
    named = [found.values(v) for v in every(found) if found.contains(v)]
    assert found.size() == len(named) == 6
    assert {one["b"] for one in named if one["o"] == "x"} == {8}


def test_a_requirement_of_a_stage_says_nothing_of_blocks_that_are_left_out() -> None:
    body = "choice b = {4, 8}\nconv(b)\nstage s depth 0..1 { require b == 8; conv(8) }"
    found = space(body).space
    named = [found.values(v) for v in every(found) if found.contains(v)]
    assert {(one["s.depth"], one["b"]) for one in named} == {(0, 4), (0, 8), (1, 8)}
    assert found.size() == 3
