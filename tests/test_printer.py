"""The formatter gives one canonical text, and loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texts import MBV3, spoilt
from trees import expressions, files

from ofadsl.compiler.layout.printer import format_file
from ofadsl.compiler.layout.spelling import spell
from ofadsl.compiler.parse.parser import parse, parse_expression
from ofadsl.compiler.syntax import Expression, File
from ofadsl.diagnostics import Diagnostics, Source


def read(text: str) -> File:
    return parse(Source(path="test.ofa", text=text))


def canonical(text: str) -> str:
    """Return the canonical text, and see that nothing of the text got lost."""
    tree = read(text)
    formatted = format_file(tree)
    again = read(formatted)
    assert again == tree
    assert format_file(again) == formatted
    words = sorted(comment.text.rstrip() for comment in tree.comments)
    assert sorted(comment.text for comment in again.comments) == words
    return formatted


def test_canonical_text_is_left_as_it_is() -> None:
    assert canonical(MBV3) == MBV3


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("let  a=1", "let a = 1\n"),
        ("let a = ((1 + 2)) + (3 + 4)", "let a = 1 + 2 + (3 + 4)\n"),
        ("let a = (1 * 2) - -(3 - (4 - 5))", "let a = 1 * 2 - -(3 - (4 - 5))\n"),
        ("let a = (not b) and not (c and d)", "let a = not b and not (c and d)\n"),
        ("let a = (x if y else z) if b else (1 if c else 2)", None),
        ("let a = 12 + -8 - -b", "let a = 12 + -8 - -b\n"),
        ("let a = {1, 2,}", "let a = {1, 2}\n"),
        ("let a = (1..2)..3 step (4..5)", "let a = (1..2)..3 step (4..5)\n"),
        ("let a = (a == b) == c", "let a = (a == b) == c\n"),
        ("block b() { bn(); }", "block b { bn }\n"),
        ("block b {\n\n\n bn\n\n\n\n relu\n\n}", "block b {\n  bn\n\n  relu\n}\n"),
        ("block b {bn;relu\nx:conv}", "block b {\n  bn; relu\n  x: conv\n}\n"),
        ("block b {if a {\n}\nelse_: bn}", "block b {\n  if a {}\n  else_: bn\n}\n"),
        ("block b { if a { x } else { if b { y } } }", None),
        ("block b { oneof { a: { conv } ; b: {} } }", None),
    ],
)
def test_the_text_is_canonical(text: str, meant: str | None) -> None:
    shorter = {
        "let a = (x": "let a = (x if y else z) if b else 1 if c else 2\n",
        "block b { i": "block b { if a { x } else if b { y } }\n",
        "block b { o": "block b { oneof { a: conv; b: {} } }\n",
    }
    assert canonical(text) == (meant or shorter[text[: 11 if "block" in text else 10]])


def test_what_does_not_fit_takes_a_line_each() -> None:
    names = ", ".join(f"value_{i}" for i in range(12))
    lines = canonical(f"block b {{ conv({names}) }}").splitlines()
    assert lines[:3] == ["block b {", "  conv(", "    value_0,"]
    assert lines[-2:] == ["  )", "}"]


def test_parameters_that_do_not_fit_take_a_line_each() -> None:
    names = ", ".join(f"value_{i} = {i}" for i in range(12))
    lines = canonical(f"block b({names}) {{ bn }}").splitlines()
    assert lines[:2] == ["block b(", "  value_0 = 0,"]
    assert lines[-3:] == [") {", "  bn", "}"]


COMMENTED = """\
# top

import "a.ofa" # import
block a(x, # x
  # own
  y = {1, # inside
  2}) { # body
 # first
 conv(8, # eight
  kernel: (3 + # plus
   4)) # after
 if (a # condition
    or b) { # then
  bn; relu # both
  # last of then
 } else { # else
   if c { bn } # chained
 } # after if
 if a {
   bn
 } else if f(b, # in else if
   c) {
   bn
 } else {
   # nothing
 }
 oneof { a: { # option
   conv }; b: conv( # argument
   8) # after b
   # last option
 }
 bn( # none
 )
 let k = {1, # one
  2} # set
 residual { # empty
 }
 add { bn } { # second
 }
}
# end"""


def test_comments_are_kept_in_all_places() -> None:
    text = canonical(COMMENTED)
    assert "  conv(\n    8,  # eight\n    # plus\n    kernel: 3 + 4,\n  )  # after\n" in text
    assert text.startswith("# top\n\nimport")
    assert text.endswith("# end\n")


def test_a_comment_after_each_token_is_kept() -> None:
    for place, sign in enumerate(MBV3):
        if sign in "({,;})":
            spoiled = f"{MBV3[: place + 1]} # here\n{MBV3[place + 1 :]}"
            try:
                read(spoiled)
            except Diagnostics:
                continue  # a newline ends the statement there
            canonical(spoiled)


@given(files)
def test_what_is_printed_is_read_as_the_same_tree(tree: File) -> None:
    text = format_file(tree)
    assert read(text) == tree
    assert format_file(read(text)) == text


@given(expressions)
def test_an_expression_is_read_as_the_same_tree(tree: Expression) -> None:
    assert parse_expression(Source(path="test", text=spell(tree))) == tree


@given(spoilt())
def test_formatting_is_idempotent_on_whatever_can_be_read(text: str) -> None:
    try:
        read(text)
    except Diagnostics:
        return
    canonical(text)


@given(st.data())
def test_comments_anywhere_are_kept(data: st.DataObject) -> None:
    text = MBV3
    for number in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        text = f"{text[:place]} #{number} \n{text[place:]}"
    try:
        read(text)
    except Diagnostics:
        return
    canonical(text)
