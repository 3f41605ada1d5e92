"""What `show`, the picture and a search say of a space is what its subnets have, at both ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import pytest
from conftest import REPOSITORY
from packages import path_of

from ofadsl.compiler.diff import difference
from ofadsl.compiler.draw.cards import cards
from ofadsl.compiler.draw.picture import draw
from ofadsl.compiler.draw.svg import DASH
from ofadsl.compiler.ends import part_of
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import check_text, checked_space
from ofadsl.compiler.show import as_data, render, summarize
from ofadsl.compiler.tree import Checked
from ofadsl.cost.extremes import extreme_costs
from ofadsl.cost.interpret import interpret
from ofadsl.expr import Value, evaluate
from ofadsl.graph import Input

REQUIRED = """
space required {
  input image(channels: 3, size: 32..64 step 16)
  choice width = {8, 16, 24}
  stem: conv(width, kernel: 3)
  stage a depth 1..3 { conv({8, 16, 24}, kernel: {1, 3}) }
  stage b depth 0..2 { oneof { wide: conv({16, 32}, kernel: 3); thin: conv(8) } }
  require a.depth <= b.depth and width > 8
  require b.depth < 2 or a[0].conv.kernel == 3
  mix: conv(width * 2)
  pool: global_avg_pool
  head: linear(10)
}
"""
HUGE = """
space huge {
  input image(channels: 3, size: 1000..1001)
  stem: conv({900000000, 900000001}, kernel: 3)
  mix: conv({900000000, 900000001}, kernel: 3)
}
"""
TEXTS = {"required": REQUIRED, "huge": HUGE}


def space(name: str) -> Checked:
    if name not in TEXTS:
        return checked_space(path_of(name))
    checked = check_text(TEXTS[name])
    assert checked is not None
    return checked


def subnets(checked: Checked) -> Iterator[Mapping[str, Value]]:
    """Yield the values of every subnet."""
    found = checked.space
    for arch in itertools.product(*(range(len(dim.var.values)) for dim in found.dims)):
        if found.canonical(arch) == arch and found.contains(arch):
            yield found.values(arch)


def low_and_high(values: list[int]) -> tuple[int, int]:
    return min(values), max(values)


@pytest.mark.parametrize("name", ["kernels", "vit", "convnext", "nested", "required"])
def test_every_least_and_greatest_is_that_of_a_subnet(name: str) -> None:
    checked = space(name)
    graph, summary = lower(checked), summarize(checked)
    every = list(subnets(checked))
    profiles = [interpret(graph, values) for values in every]
    assert summary.exact
    assert summary.size == len(every)
    for row in (*summary.rows, summary.total):
        own = [
            [
                r
                for r in profile.records
                if row is summary.total or (r.stage or part(r.name)) == row.name
            ]
            for profile in profiles
        ]
        macs = low_and_high([sum(record.macs for record in records) for records in own])
        params = low_and_high(
            [sum(record.weight_elements for record in records) for records in own]
        )
        assert (row.macs.least, row.macs.greatest) == macs, row.name
        assert (row.params.least, row.params.greatest) == params, row.name
    nodes = [node for node in graph.nodes if not isinstance(node.op, Input)]
    for row, (_, group) in zip(summary.rows, itertools.groupby(nodes, key=part_of), strict=True):
        shape = list(group)[-1].shape
        sizes = [
            low_and_high([int(evaluate(size, values)) for values in every])
            for size in (shape.channels, *shape.spatial)
        ]
        assert row.shapes == tuple("x".join(map(str, end)) for end in zip(*sizes, strict=True))


def part(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("name", ["vit", "nested", "required", "mixed", "fbnet"])
def test_the_picture_and_a_search_say_the_same(name: str) -> None:
    checked = space(name)
    total = summarize(checked).total
    known = extreme_costs(checked.space, lower(checked), 4)
    assert known["macs"] == (total.macs.least, total.macs.greatest)
    assert known["params"] == (total.params.least, total.params.greatest)
    low, high = (f"{number / 1e6:.2f}" for number in known["params"])
    assert (f"{low}{DASH}{high} M" if low != high else f"{low} M") in draw(checked)


def test_the_picture_says_the_channels_that_requirements_leave() -> None:
    shown = {card.name: card.channels for card in cards(space("required"))}
    assert (shown["stem"], shown["mix"]) == (f"16{DASH}24", f"32{DASH}48")


def test_a_least_is_never_printed_above_a_greatest() -> None:
    for line in as_data(summarize(space("mixed")))["stages"]:  # type: ignore[attr-defined]
        assert line["macs"][0] <= line["macs"][1]
        assert line["params"][0] <= line["params"][1]


def test_what_fits_into_no_table_is_bounded_and_said_to_be() -> None:
    summary = summarize(space("huge"))
    assert not summary.exact
    assert summary.total.params.greatest == sum(
        (900_000_001 * channels * 9) for channels in (3, 900_000_001)
    )
    assert "(bounds: no subnet is beyond them)" in render(summary)


def test_resolutions_with_different_numbers_of_subnets_are_told_apart() -> None:
    checked = check_text("""
space tied() {
  input image(channels: 2, size: {8, 12})
  choice a = {2, 4}
  stem: conv(a)
  if resolution > a + 7 { conv({2, 6}) }
}
""")
    assert checked is not None
    assert checked.space.sizes() == (2, 4)
    assert checked.space.size() == 6
    assert "2 to 4 distinct subnets at one resolution, 6 at 2" in render(summarize(checked))


def test_a_part_of_the_network_has_one_row() -> None:
    checked = checked_space(REPOSITORY / "tests/soundness/a_way_without_code.ofa")
    names = [row.name for row in summarize(checked).rows]
    assert len(set(names)) == len(names)


def test_a_space_is_compared_with_itself_in_no_time() -> None:
    steps = "\n".join(["if in > 8 { conv(in + 4) } else { conv(in) }"] * 40)
    text = f"space x() {{ input image(channels: 3, size: 8)\nconv({{4, 8, 12}})\n{steps}\n}}"
    checked = check_text(text)
    again = check_text(text)
    assert checked is not None
    assert again is not None
    assert difference(checked, again).same
