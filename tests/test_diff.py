"""Spaces are compared in words, and containment is proven."""

from __future__ import annotations

from packages import compiled

from ofadsl.compiler.diff import difference
from ofadsl.compiler.pipeline import check_text
from ofadsl.compiler.tree import Checked


def space(body: str, name: str = "a") -> Checked:
    text = f"""
space {name} {{
  input image(channels: 3, size: 32)
  {body}
  pool: global_avg_pool
  head: linear(10)
}}
"""
    checked = check_text(text)
    assert checked is not None
    return checked


def test_a_space_contains_itself_narrowed_by_requirements() -> None:
    wide, narrow = compiled("mbv3").checked, compiled("compofa").checked
    found = difference(wide, narrow)
    assert found.left_contains.holds
    assert not found.right_contains.holds
    assert "requires s1.kernel == 3" in found.right_contains.why
    assert "compofa has 243 subnets at one resolution, 6,075 in all" in found.lines


def test_equal_spaces_contain_each_other() -> None:
    one = compiled("small").checked
    assert difference(one, one).same


def test_a_smaller_set_is_contained_in_a_larger_one_and_not_the_reverse() -> None:
    few = space("stem: conv(8, kernel: {3, 5}, resize: crop)", "few")
    many = space("stem: conv(8, kernel: {3, 5, 7}, resize: crop)", "many")
    found = difference(few, many)
    assert not found.left_contains.holds
    assert found.left_contains.why == "stem.kernel can be 7 in many, not in few"
    assert found.right_contains.holds
    assert "  stem.kernel: {3, 5} in few, {3, 5, 7} in many" in found.lines


def test_a_fixed_value_is_found_among_the_choices_of_the_other() -> None:
    fixed = space("stem: conv(8, kernel: 5)", "fixed")
    free = space("stem: conv(8, kernel: {3, 5}, resize: crop)", "free")
    assert difference(free, fixed).left_contains.holds
    assert not difference(free, fixed).right_contains.holds
    other = space("stem: conv(8, kernel: 7)", "other")
    assert not difference(free, other).left_contains.holds


def test_another_op_or_one_more_is_no_containment() -> None:
    plain = space("stem: conv(8)", "plain")
    more = space("stem: conv(8); extra: bn", "more")
    assert not difference(plain, more).left_contains.holds
    assert not difference(plain, more).right_contains.holds


def test_a_fixed_depth_is_contained_in_an_elastic_one() -> None:
    body = "stage s depth {} {{ conv_bn(8, kernel: 3) }}"
    fixed, free = space(body.format("2")), space(body.format("1..3"))
    assert difference(free, fixed).left_contains.holds
    assert not difference(free, fixed).right_contains.holds
