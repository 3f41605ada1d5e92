"""As many errors as there are mistakes: none follows from another, none hides another."""

from __future__ import annotations

import pytest

from ofadsl.compiler.pipeline import check_text
from ofadsl.diagnostics import Diagnostic, Diagnostics

INPUT = "input image(channels: 3, size: {32, 64})"


def found(text: str, **settings: str) -> list[Diagnostic]:
    with pytest.raises(Diagnostics) as report:
        check_text(text, settings)
    return list(report.value)


def codes(text: str) -> list[str]:
    return [item.code for item in found(text)]


def marked(text: str) -> list[tuple[str, str]]:
    """Return the codes of all mistakes, and the text that each points at."""
    return [(item.code, item.span.text) for item in found(text) if item.span is not None]


def space(body: str, before: str = "") -> str:
    return f"{before}space a {{\n  {INPUT}\n{body}\n}}\n"


def test_five_mistakes_are_five_errors_in_order() -> None:
    text = """
space a(width = 1.0) {
  input image(channels: 3, size: {32, 64})
  let w(c) = divisible(c * widht, 8)
  stem: conv_bn(w(16), kernel: {3, 4, 5}, stride: 2)
  stage s1 depth 2..4 { mbconv(w(24), kernl: 3, expand: {3, 6}, act: relu) }
  require s1.dept <= 3
  pool: global_avg_pol
  head: linear(10)
}
"""
    assert marked(text) == [
        ("OFA020", "widht"),
        ("OFA060", "4"),
        ("OFA022", "kernl"),
        ("OFA031", "s1.dept"),
        ("OFA021", "global_avg_pol"),
    ]


def test_five_mistakes_in_shapes_are_five_errors_in_order() -> None:
    body = """
  stem: conv(16, kernel: 3, groups: 3)
  stage s1 depth 1..2 { residual { conv(24, stride: 2); bn } }
  add { conv(8) } { conv(16) }
  conv(8, stride: 0)
  flat: linear(10.5)
"""
    assert codes(space(body)) == ["OFA061", "OFA067", "OFA067", "OFA062", "OFA050"]


FOLLOWING = """
  residual { conv(8) }
  add { conv(8) } { identity }
  concat { identity } { conv(8) }
  stage s9 depth 1..2 { conv({8, 16}); bn; act(relu) }
  if s9.depth == 1 { conv(8) }
  global_avg_pool
  linear(10)
"""

FIRST = {
    "an unknown op": ("cnv(8)", ["OFA021"]),
    "an unknown name": ("conv(eight)", ["OFA020"]),
    "an unknown name in a block": ("mbconv(8, kernel: k, expand: 3)", ["OFA020"]),
    "an unknown name in a stage": ("stage s depth d { conv(8) }", ["OFA020"]),
    "a missing argument": ("conv(kernel: 3)", ["OFA023"]),
    "an unknown argument": ("conv(ot: 8)", ["OFA022"]),
    "a missing argument with a default of another": (
        "default conv(kernel: 3)\nconv(stride: 2)",
        ["OFA023"],
    ),
    "a word for a number": ("conv(relu)", ["OFA040"]),
    "a word for a number in a block": ("mbconv(8, kernel: 3, expand: relu)", ["OFA040"]),
    "a number for a word in a block": ("conv_bn(8, act: 5)", ["OFA040"]),
    "a number for a condition in a block": (
        "mbconv(8, kernel: 3, expand: 3, se: 3)",
        ["OFA047"],
    ),
    "half a channel": ("conv(8.5)", ["OFA050"]),
    "no channel": ("conv(0)", ["OFA062"]),
    "an elastic stride": ("conv(8, stride: {1, 2})", ["OFA048"]),
    "a default of no argument": ("default conv(8)\nconv(8)", ["OFA022"]),
    "an unknown condition": ("if foo { conv(8) } else { conv(16, stride: 2) }", ["OFA020"]),
    "an unknown condition of two kinds": (
        "if foo { conv(8) } else { global_avg_pool; linear(8) }",
        ["OFA020"],
    ),
    "an unknown condition of a residual": ("conv(8)\nresidual when foo { conv(8) }", ["OFA020"]),
    "ways of two kinds": (
        "oneof { a: conv(8); b: { global_avg_pool; linear(8) } }",
        ["OFA059"],
    ),
    "a wrong set": ("conv({8, 8, sixteen})", ["OFA020", "OFA043"]),
    "a wrong let": ("let k = {3, three}\nconv(8, kernel: k)\nconv(8, kernel: k)", ["OFA020"]),
    "a wrong choice": ("choice c = 8..4\nconv(c)\nconv(c)\nrequire c == 4", ["OFA044"]),
    "a wrong function": ("let w(c) = c * two\nconv(w(2))\nconv(w(4))", ["OFA020"]),
    "a wrong depth": ("stage s depth 1..2.5 { conv(8) }\nrequire s.depth == 2", ["OFA044"]),
    "a wrong kernel": (
        "stage s depth 1..2 { c: conv(8, kernel: {3, x}) }\nrequire s.c.kernel == 3",
        ["OFA020"],
    ),
    "an even kernel used twice": ("let k = 4\nconv(8, kernel: k)\nconv(8, kernel: k)", ["OFA060"]),
    "a choice given twice": (
        "choice c = {8, 16}\nchoice c = {8, 24}\nconv(c); conv(8)",
        ["OFA024"],
    ),
    "a stage of the name of a value": ("let s = 8\nstage s depth 1 { conv(8) }", ["OFA024"]),
    "a division by nothing": ("conv(8 // 0)", ["OFA046"]),
    "what has no sense": ("conv(divisible(0 - 8, 8))", ["OFA057"]),
    "a linear layer too early": ("linear(8)", ["OFA066"]),
}


@pytest.mark.parametrize("case", FIRST)
def test_nothing_follows_from_a_mistake(case: str) -> None:
    first, expected = FIRST[case]
    assert sorted(codes(space(first + FOLLOWING))) == expected


@pytest.mark.parametrize("given", ["channels: c, size: 32", "channels: 3, size: s", "sze: 32"])
def test_nothing_follows_from_a_wrong_input(given: str) -> None:
    text = space("conv(8)" + FOLLOWING).replace("channels: 3, size: {32, 64}", given)
    assert len(found(text)) == 1


def test_a_space_without_an_input_is_one_mistake() -> None:
    assert codes(space(FOLLOWING).replace(INPUT, "")) == ["OFA030"]


EVEN = "block b(out) { conv(out, kernel: 4); bn }\n"
SUM = "block b(out) { residual { conv(out); bn } }\n"
TWICE = "block o(out) { b(out) }\n"
GROUPS = "block b(out, g) { conv(out, groups: g) }\n"


def test_a_mistake_in_a_block_used_twenty_times_is_one_error() -> None:
    calls = "\n".join(f"b({8 * i})" for i in range(1, 21))
    assert marked(space(calls, EVEN)) == [("OFA060", "4")]


def test_a_mistake_in_a_block_that_a_stage_repeats_is_one_error() -> None:
    assert marked(space("stage s depth 1..20 { b(8) }", EVEN)) == [("OFA060", "4")]


def test_two_wrong_calls_of_a_block_are_two_errors_at_the_calls() -> None:
    items = found(space("conv(16)\nb(16)\nb(8)\nb(8)\nb(24)", SUM))
    assert [item.span.text for item in items if item.span] == ["b(8)", "b(24)"]
    for item in items:
        ((place, text),) = item.notes
        assert (place.text, text) == ("residual { conv(out); bn }", "needed here")


def test_wrong_calls_through_a_block_point_at_the_outer_calls() -> None:
    body = "conv(16)\no(8)\nb(8)\no(8)\no(16)"
    assert marked(space(body, TWICE + SUM)) == [("OFA067", "o(8)"), ("OFA067", "o(16)")]


def test_wrong_arguments_of_a_block_are_errors_at_the_arguments() -> None:
    items = found(space("conv(16)\nb(16, 3)\nb(16, 4)\nb(16, 5)", GROUPS))
    assert [item.span.text for item in items if item.span] == ["3", "5"]
    assert [note[0].text for item in items for note in item.notes] == ["g", "g"]


def test_a_residual_that_never_fits_is_a_mistake_of_the_block() -> None:
    block = "block b(out) { residual { conv(out, stride: 2); bn } }\n"
    calls = "\n".join("b(16)" for _ in range(4))
    assert [code for code, _ in marked(space(calls, block))] == ["OFA067"]


@pytest.mark.parametrize(
    ("call", "pointed"),
    [
        ("conv_bn(16.5)", "16.5"),
        ("conv_bn(16, act: 5)", "5"),
        ("conv_bn(16, kernel: {3, 4})", "4"),
        ("mbconv(16, kernel: 3, expand: 3, stride: {1, 2})", "{1, 2}"),
        ("mbconv(0, kernel: 3, expand: 3)", "0"),
        ("mbconv(16, kernel: 3, expand: 0)", "mbconv(16, kernel: 3, expand: 0)"),
    ],
)
def test_a_mistake_in_the_prelude_is_one_of_the_call(call: str, pointed: str) -> None:
    assert [text for _, text in marked(space(call))] == [pointed]


def test_the_set_of_a_let_is_blamed_at_the_value() -> None:
    (item,) = found(
        space(
            "let k = {3, 4, 7}\nstage s depth 2..4 { mbconv(8, kernel: k, expand: 3) }\n"
            "stage t depth 2..4 { mbconv(8, kernel: k, expand: 3) }"
        )
    )
    assert item.span is not None
    assert (item.code, item.span.text, item.label) == ("OFA060", "4", "4 is even")
    assert item.message == "kernel sizes must be odd"


def test_a_setting_of_another_kind_is_blamed_on_the_command_line() -> None:
    text = space("conv(8 * width)").replace("space a", "space a(width = 1)")
    (item,) = found(text, width="wide")
    assert item.code == "OFA029"
    assert item.span is not None
    assert item.span.source.path == "--set"
