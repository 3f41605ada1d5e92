"""A space that passes is valid for all choices; one that is not is refused for the right reason."""

from __future__ import annotations

import pytest

from ofadsl.compiler.pipeline import check_text
from ofadsl.compiler.tree import Checked
from ofadsl.diagnostics import Diagnostic, Diagnostics

HEAD = "space a {\n  input image(channels: 3, size: 32..64 step 32)\n"
TAIL = "\n  pool: global_avg_pool\n  head: linear(10)\n}\n"


def space(body: str, blocks: str = "") -> str:
    return HEAD + body + TAIL + blocks


def checked(text: str) -> Checked:
    found = check_text(text)
    assert found is not None
    return found


def mistakes(text: str) -> list[Diagnostic]:
    with pytest.raises(Diagnostics) as raised:
        check_text(text)
    return list(raised.value)


def codes(text: str) -> list[str]:
    return [item.code for item in mistakes(text)]


VALID = {
    "a shortcut that exists where channels differ": (
        "stem: conv({8, 16}); add { conv(16) } { if in != 16 { conv(16) } }"
    ),
    "a residual where shapes agree": "stem: conv({8, 16}); residual when in == 8 { conv(8) }",
    "a residual that never is": "stem: conv(8); residual when false { conv(16, stride: 2) }",
    "channels that differ in a concat": "concat { conv({8, 16}) } { conv(24) }",
    "groups that divide all widths": "stem: conv({8, 16}); g: conv({24, 32}, groups: 8)",
    "groups that divide where they stand": (
        "stem: conv({8, 12}); if in == 12 { g: conv(24, groups: 3) } else { h: conv(24) }"
    ),
    "a divisor that a condition keeps above zero": "let a = 16 // max({0, 2}, 1)\nstem: conv(a)",
    "a whole number made of fractions": "stem: conv(16 * {0.5, 1.5})",
    "a rounded number": "stem: conv(round(10 * {0.35, 0.5}))",
    "a stage that can be empty": "stage s depth 0..2 { conv(16, stride: 2) }",
    "a stage whose width is one choice": (
        "stage s depth 1..3 { choice c = {8, 16}; conv(c); residual { conv(c) } }"
    ),
    "options of different widths": "oneof { a: conv(8); b: conv(16); skip: identity }",
    "options in options": "oneof { a: oneof { c: bn; d: identity }; b: conv(16) }",
    "a function of a function": ("let f(c) = c * 2\nlet g(c) = f(c) + f(c)\nstem: conv(g({2, 3}))"),
    "a name that hides an outer one": (
        "let c = 8\nstem: conv(c); if in == 8 { let c = 16; conv(c) }; residual { conv(16) }"
    ),
    "a default that a call overrides": (
        "default conv(kernel: 2, bias: true)\nstem: conv(8, kernel: 3)"
    ),
    "a size for what is allocated": "choice c = {8, 16} of 32\nstem: conv(c)",
    "a resolution that becomes one pixel": "stage s depth 5 { conv(8, stride: 2) }",
    "a require that stands after its use": (
        "choice g = {2, 3}\nstem: conv(16, kernel: 3); x: conv(16 / g)\nrequire g == 2"
    ),
    "a require that stands before its use": (
        "choice g = {2, 3}\nrequire g == 2\nstem: conv(16); x: conv(16 / g)"
    ),
    "a require on every block": (
        "stage s depth 1..2 { a: conv(8, kernel: {3, 4, 5}) }\nrequire s.a.kernel != 4"
    ),
    "a condition on a depth": "stage s depth 0..2 { conv(8) }\nif s.depth == 0 { stem: conv(8) }",
}


@pytest.mark.parametrize("name", VALID)
def test_it_is_valid(name: str) -> None:
    assert checked(space(VALID[name])).space.size() > 0


INVALID = {
    "a sum of other channels": ("stem: conv({8, 16}); add { conv(16) } { identity }", "OFA067"),
    "a sum of other sizes": ("add { conv(8) } { conv(8, stride: 2) }", "OFA067"),
    "a residual that changes channels": ("stem: conv(8); residual { conv({8, 16}) }", "OFA067"),
    "a condition that lets one case through": (
        "stem: conv({8, 16}); residual when in <= 16 { conv(8) }",
        "OFA067",
    ),
    "a concat of other sizes": ("concat { conv(8) } { conv(8, stride: 2) }", "OFA068"),
    "groups that do not divide": ("stem: conv({8, 12}); g: conv(24, groups: 8)", "OFA061"),
    "an even kernel": ("stem: conv(8, kernel: {3, 4})", "OFA060"),
    "a stride beyond the image": ("stage s depth 7 { conv(8, stride: 2) }", "OFA064"),
    "no channels": ("stem: conv({0, 8})", "OFA062"),
    "a fraction of a channel": ("stem: conv(9 * {0.5, 1})", "OFA050"),
    "a divisor that is zero": ("stem: conv(8); x: conv(16 // {0, 2})", "OFA046"),
    "an image into a linear layer": ("stem: linear(8)", "OFA066"),
    "a vector into a convolution": ("p: global_avg_pool; l: linear(8); x: conv(8)", "OFA065"),
    "images and vectors": ("oneof { a: conv(8); b: { global_avg_pool; linear(8) } }", "OFA059"),
    "a choice that changes nothing": ("choice c = {8, 16}\nstem: conv(8)", "OFA055"),
    "a requirement that empties the space": (
        "stage s depth 1..2 { conv(8) }\nrequire s.depth > 1\nrequire s.depth < 2",
        "OFA052",
    ),
    "first outside a stage": ("stem: conv(8 if first else 16)", "OFA020"),
    "a stage as a value": ("stage s depth 1..2 { conv(8) }\nx: conv(s)", "OFA040"),
    "a name that is used above": ("stem: conv(c)\nlet c = 8", "OFA020"),
    "a stage in a stage": ("stage s depth 1 { stage t depth 1 { conv(8) } }", "OFA030"),
    "an input in a stage": (
        "stage s depth 1 { input image(channels: 3, size: 8); conv(8) }",
        "OFA030",
    ),
    "two inputs": ("input image(channels: 3, size: 8)\nstem: conv(8)", "OFA030"),
    "a stage named before it stands": (
        "stem: conv(8 if s.depth == 1 else 16)\nstage s depth 1..2 { conv(8) }",
        "OFA020",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_it_is_refused(name: str) -> None:
    body, code = INVALID[name]
    assert codes(space(body)) == [code]


MISTAKES = {
    "OFA020": "u{i}: conv(nothing{i})",
    "OFA021": "u{i}: nothing{i}(8)",
    "OFA022": "u{i}: conv(8, kernul: 3)",
    "OFA023": "u{i}: conv(kernel: 3)",
    "OFA025": "u{i}: conv(8, 3, 1, 1, true, crop, 7)",
    "OFA040": "u{i}: act(3)",
    "OFA042": "u{i}: conv(1..10000)",
    "OFA043": "u{i}: conv({{8, 8}})",
    "OFA044": "u{i}: conv(16..8)",
    "OFA045": "let u{i} = 999999999 * 999999999",
    "OFA046": "u{i}: conv(8 // 0)",
    "OFA047": "if 3 {{ u{i}: bn }}",
    "OFA048": "choice u{i} = {{8, 16}} of 8; v{i}: conv(u{i})",
    "OFA049": "stage u{i} depth 0 {{ conv(8) }}",
    "OFA050": "u{i}: conv(0.5)",
    "OFA057": "u{i}: conv(divisible(0, 8))",
    "OFA060": "u{i}: conv(8, kernel: 2)",
    "OFA062": "u{i}: conv(8, stride: 0)",
}
"""One mistake each, that leaves the channels known or unknown; any few may stand together."""


@pytest.mark.parametrize("start", range(18))
def test_five_mistakes_are_five_errors(start: int) -> None:
    names = list(MISTAKES)
    chosen = [names[(start + 5 * i) % len(names)] for i in range(5)]
    body = "\n".join(f"  {MISTAKES[code].format(i=i)}" for i, code in enumerate(chosen))
    found = mistakes(space(body))
    assert [item.code for item in found] == chosen
    assert [item.span.line for item in found if item.span] == [3, 4, 5, 6, 7]


def test_one_mistake_in_a_block_used_often_is_one_error() -> None:
    calls = "\n".join(f"  p{i}: b({8 * i})" for i in range(1, 21))
    (found,) = mistakes(space(calls, "block b(out) { conv(out); act(nothing) }\n"))
    assert found.code == "OFA020"
    assert found.span is not None
    assert found.span.text == "nothing"


def test_two_wrong_calls_of_a_fine_block_are_two_errors() -> None:
    body = "  p: b(8, 3)\n  q: b(8, 4)\n  r: b(8, 5)\n  s: b(8, 6)"
    found = mistakes(space(body, "block b(out, k) { conv(out, kernel: k) }\n"))
    assert [(item.code, item.span.line, item.span.text) for item in found if item.span] == [
        ("OFA060", 4, "4"),
        ("OFA060", 6, "6"),
    ]


def test_a_mistake_inside_the_prelude_points_at_the_call() -> None:
    body = "  stem: conv(16)\n  x: mbconv(16, kernel: {3, 6}, expand: 3)"
    (found,) = mistakes(space(body))
    assert found.code == "OFA060"
    assert found.span is not None
    assert (found.span.source.path, found.span.text) == ("<text>", "6")


def test_a_depth_of_zero_passes_on_what_comes_in() -> None:
    found = checked(space("stem: conv(8)\nstage s depth {0, 2} { conv(16, stride: 2) }"))
    assert found.space.size() == 4


def test_blocks_alone_are_no_space() -> None:
    assert check_text("block b(out) { conv(out) }\n") is None


def test_blocks_alone_are_checked_for_names() -> None:
    assert codes("block b(out) { conv(oud) }\n") == ["OFA020"]


SET = space("stem: conv(divisible(16 * width, 8))").replace(
    "space a", "space a(width = 1.0 of {1.0, 1.2})"
)


@pytest.mark.parametrize("value", ["1.0", "1.2"])
def test_a_parameter_takes_one_of_its_values(value: str) -> None:
    found = check_text(SET, {"width": value})
    assert found is not None
    assert found.space.params == (("width", float(value)),)


@pytest.mark.parametrize("value", ["true", "[", "1.5", "", "1.0 + 0.2", "{1.0, 1.2}"])
def test_a_parameter_takes_nothing_else(value: str) -> None:
    with pytest.raises(Diagnostics) as raised:
        check_text(SET, {"width": value})
    assert {item.code for item in raised.value} == {"OFA029"}
