"""The parser reads the language as the design says it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texts import MBV3, soups, spoilt

from ofadsl.compiler.layout.spelling import spell
from ofadsl.compiler.parse import tables
from ofadsl.compiler.parse.parser import parse, parse_expression
from ofadsl.compiler.syntax import (
    Binary,
    BlockDecl,
    Call,
    File,
    If,
    Import,
    Index,
    Input,
    Let,
    Name,
    Number,
    OneOf,
    RangeLit,
    ScheduleDecl,
    SpaceDecl,
    Stage,
    Statement,
)
from ofadsl.diagnostics import Diagnostics, Source


def file(text: str) -> File:
    return parse(Source(path="test.ofa", text=text))


def body(text: str) -> tuple[Statement, ...]:
    (block,) = file(f"block b {{\n{text}\n}}").items
    assert isinstance(block, BlockDecl)
    return block.body


def grouped(text: str) -> str:
    """Return an expression with all its parentheses."""

    def group(node: object) -> str:
        if isinstance(node, Binary):
            return f"({group(node.left)} {node.op} {group(node.right)})"
        return spell(node)  # type: ignore[arg-type]

    return group(parse_expression(Source(path="test", text=text)))


def test_a_realistic_space_is_read() -> None:
    space, block, schedule = file(MBV3).items
    assert isinstance(schedule, ScheduleDecl)
    assert [phase.name.text for phase in schedule.body] == ["largest", "kernel"]
    assert isinstance(space, SpaceDecl)
    assert isinstance(block, BlockDecl)
    assert [type(s) for s in space.body[:2]] == [Input, space.body[1].__class__]
    assert [p.name.text for p in block.parameters][:3] == ["out", "kernel", "expand"]
    assert len(file(MBV3).comments) == 5


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a or b and c", "(a or (b and c))"),
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("a // b / c % d", "(((a // b) / c) % d)"),
        ("a < b + 1 and c", "((a < (b + 1)) and c)"),
        ("(a + b) * c", "((a + b) * c)"),
    ],
)
def test_operators_bind_as_in_python(text: str, meant: str) -> None:
    assert grouped(text) == meant


def test_a_range_binds_weaker_than_a_condition() -> None:
    node = parse_expression(Source(path="t", text="1 if a else 2..3 if b else 4 step 2"))
    assert isinstance(node, RangeLit)
    assert node.step == Number(span=node.span, value=2, text="2")


def test_a_range_is_not_read_as_decimals() -> None:
    node = parse_expression(Source(path="t", text="128..224"))
    assert isinstance(node, RangeLit)
    assert (node.low, node.high) == (
        Number(span=node.span, value=128, text="128"),
        Number(span=node.span, value=224, text="224"),
    )


def test_an_index_of_a_stage_has_members() -> None:
    node = parse_expression(Source(path="t", text="s1[0].kernel"))
    assert spell(node) == "s1[0].kernel"
    assert isinstance(parse_expression(Source(path="t", text="s1[0]")), Index)


@pytest.mark.parametrize(
    "word",
    "in first index depth step of when input default add concat stage choice require residual "
    "oneof block space import".split(),
)
def test_words_are_names_where_they_mean_nothing_else(word: str) -> None:
    call, let = body(f"{word}: conv({word}, {word}: {word} + 1)\nlet {word} = {word}(3).{word}")
    assert isinstance(call, Call)
    assert call.label == Name(span=call.span, text=word)
    assert isinstance(let, Let)


def test_statements_end_at_newlines_and_semicolons() -> None:
    assert len(body("a; b\n\n;c;\n")) == 3


def test_newlines_inside_brackets_mean_nothing() -> None:
    assert body("conv(\n8,\n kernel: {3\n, 5\n},\n)") == body("conv(8, kernel: {3, 5})")


def test_an_expression_goes_on_over_lines_only_in_brackets() -> None:
    assert body("let a = (1\n+ 2)") == body("let a = 1 + 2")
    with pytest.raises(Diagnostics, match="only in brackets"):
        body("let a = 1 +\n2")


def test_line_ends_tabs_and_a_byte_order_mark_make_no_difference() -> None:
    spaces = "\ufeff" + MBV3.replace("\n", "\r\n").replace("  ", "\t")
    assert file(spaces) == file(MBV3)
    assert file(spaces).comments[0].text.endswith("(Cai et al. 2020).")


def test_else_if_is_an_if_in_the_else() -> None:
    (node,) = body("if a { x } else if b { y } else { z }")
    assert isinstance(node, If)
    (inner,) = node.orelse
    assert isinstance(inner, If)
    assert len(inner.orelse) == 1


def test_an_option_is_an_operation_or_a_body() -> None:
    (one,) = body("x: oneof { a: conv(8); b: { conv(8); bn }; c: oneof { }; d: add { } { } }")
    assert isinstance(one, OneOf)
    assert [len(option.body) for option in one.options] == [1, 2, 1, 1]


def test_empty_parentheses_are_as_good_as_none() -> None:
    assert body("bn()") == body("bn")
    assert body("x: bn") != body("bn")


def test_a_let_with_no_parameters_is_no_constant() -> None:
    assert body("let w() = 3") != body("let w = 3")


def test_a_depth_may_be_a_set_before_the_body() -> None:
    (stage,) = body("stage s depth {2, 4} { bn }")
    assert isinstance(stage, Stage)
    assert len(stage.body) == 1


def test_imports_keep_their_path() -> None:
    (node,) = file('import "a b/ü.ofa"').items
    assert isinstance(node, Import)
    assert node.path == "a b/ü.ofa"


def test_spans_cover_what_was_written() -> None:
    space = file(MBV3).items[0]
    assert isinstance(space, SpaceDecl)
    assert space.body[2].span.text == "let k = {3, 5, 7}"
    assert space.span.text.startswith("space mbv3(")
    assert space.span.text.endswith("}")
    assert space.body[2].span.line == 5


def test_an_empty_file_is_a_file() -> None:
    assert file("").items == file("\n # nothing\n\n").items == ()


def test_the_stored_table_is_that_of_the_grammar() -> None:
    stored = tables.to_text(tables.build(tables.grammar_text()))
    assert tables.table_path().read_text("utf-8") == stored, (
        "run python -m ofadsl.compiler.parse.tables"
    )


def test_an_old_table_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = tables.grammar_text() + "\n// changed\n"
    monkeypatch.setattr(tables, "grammar_text", lambda: grammar)
    assert tables.load.__wrapped__().actions == tables.load().actions


@given(st.text(max_size=80) | soups | spoilt())
def test_any_text_gives_a_tree_or_a_report(text: str) -> None:
    try:
        file(text)
    except Diagnostics as report:
        str(report)


@given(st.text(max_size=30) | soups)
def test_any_text_gives_an_expression_or_a_report(text: str) -> None:
    try:
        parse_expression(Source(path="test", text=text))
    except Diagnostics as report:
        str(report)
