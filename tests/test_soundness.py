"""Small spaces that were once accepted and broken, or refused and sound: each stands for a kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import REPOSITORY
from packages import compiled_file
from space_oracle import judge

from ofadsl.compiler.emit.package import emit
from ofadsl.compiler.pipeline import check_text, checked_space
from ofadsl.compiler.tree import Checked
from ofadsl.diagnostics import Diagnostics
from ofadsl.expr import static

CASES = sorted((REPOSITORY / "tests/soundness").glob("*.ofa"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_is_accepted_works(path: Path) -> None:
    verdict = judge(
        {"main.ofa": path.read_text(encoding="utf-8")},
        {},
        specialised=1,
    )
    assert verdict.accepted
    assert not verdict.findings


def case(name: str) -> Checked:
    return checked_space(REPOSITORY / "tests/soundness" / f"{name}.ofa")


def test_in_is_what_comes_out_of_the_statement_before() -> None:
    assert [static(node.op.c_out) for node in _convolutions(case("in_of_a_let"))] == [8, 8, 8]
    assert [static(node.op.c_out) for node in _convolutions(case("in_after_input"))] == [3]


def _convolutions(checked: Checked) -> list[Any]:
    found = []
    waiting: list[Any] = [checked.body]
    while waiting:
        body = waiting.pop(0)
        for node in body.nodes:
            if type(getattr(node, "op", None)).__name__ == "Conv2d":
                found.append(node)
            waiting += getattr(node, "options", ())
    return found


def test_what_is_read_later_means_what_it_meant_where_it_stands() -> None:
    checked = check_text("""
space later() {
  input image(channels: 3, size: 8)
  choice a = {4, 8}
  conv(a)
  require in == 4
  default conv(kernel: in - 3)
  conv(16)
  conv(9)
}
""")
    assert checked is not None
    assert checked.space.size() == 1
    kernels = [node.op.kernel for node in _convolutions(checked)]
    assert str(kernels[1]) == str(kernels[2]) == "a - 3"


def test_a_choice_in_one_way_matters_only_there() -> None:
    assert case("a_set_in_one_way").space.size() == 3


def test_nothing_comes_in_before_the_input() -> None:
    with pytest.raises(Diagnostics) as raised:
        check_text("space s() { let w = in; input image(channels: w, size: 8); conv(8) }")
    assert [item.code for item in raised.value.items] == ["OFA020"]


def test_a_fraction_is_rounded_down_by_a_division_by_one() -> None:
    checked = case("floor_by_one")
    assert sorted(checked.body.nodes[0].op.c_out.table) == [8, 16]  # type: ignore[union-attr]


def test_a_way_that_writes_no_code_is_the_identity() -> None:
    space = compiled_file(REPOSITORY / "tests/soundness/a_way_without_code.ofa")
    network = space.module.Supernet().eval()
    block = network.stem_shortcut_mbconv
    x = torch.randn(1, 16, 8, 8)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.zero_()
        assert torch.equal(block(x, kernel=5), x)


def test_widths_that_are_chosen_again_and_again_are_counted() -> None:
    """Each width, with the number of ways to it, after ten conditions on the one before."""
    ways = {8: 1}
    for least in range(8, 18):
        after: dict[int, int] = {}
        for width, count in ways.items():
            for chosen in (8, 12, 16, 20) if width > least else (10, 14, 18):
                after[chosen] = after.get(chosen, 0) + count
        ways = after
    assert case("widths_chosen_again").space.size() == sum(ways.values())


def test_the_count_of_stages_that_can_be_left_out() -> None:
    """Eight times: nothing, or one to three blocks, each of 6 forms, at one of 4 widths."""
    one = 1 + 4 * (6 + 6**2 + 6**3)
    assert case("stages_left_out").space.size() == 2 * one**8


DEEP = """
space deep() {{
  input image(channels: 3, size: 32)
  stem: conv_bn(16, kernel: 3)
  stage s1 depth 1..{depth} {{ {body} }}
  pool: global_avg_pool
  head: linear(10)
}}
"""


@pytest.mark.parametrize(
    "body",
    [
        "conv({8, 16})",
        "mbconv(16, kernel: {3, 5}, expand: {3, 6})",
        "mbconv({8, 16}, kernel: {3, 5}, expand: {1, 2})",
        "shortcut_mbconv({8, 16}, kernel: {3, 5}, expand: {1, 2})",
        "oneof { a: conv(16, kernel: {1, 3}); b: identity }",
    ],
)
def test_what_is_generated_grows_no_faster_than_the_blocks(body: str) -> None:
    sizes = []
    for depth in (24, 48, 96):
        checked = check_text(DEEP.format(depth=depth, body=body))
        assert checked is not None
        sizes.append(sum(len(text) for text in emit(checked, "deep.ofa").files.values()))
    first, second, third = sizes
    assert third - second <= 3 * (second - first)  # 4 times where it were quadratic
    assert third < 2 * first  # equal blocks are said once


def test_a_stage_may_have_as_many_blocks_as_there_are() -> None:
    checked = check_text(DEEP.format(depth=256, body="conv({8, 16})"))
    assert checked is not None
    assert checked.space.size() == sum(2**depth for depth in range(1, 257))
    assert len(emit(checked, "deep.ofa").files["cost.py"]) < 80_000
