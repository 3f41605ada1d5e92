"""One mistake is one report, and the mistakes behind it are found too."""

from __future__ import annotations

import pytest
from texts import MBV3

from ofadsl.compiler.parse.parser import parse, parse_expression
from ofadsl.diagnostics import Diagnostic, Diagnostics, Source


def mistakes(text: str) -> list[Diagnostic]:
    with pytest.raises(Diagnostics) as raised:
        parse(Source(path="test.ofa", text=text))
    return list(raised.value.items)


def lines(text: str) -> list[int]:
    return [item.span.line for item in mistakes(text) if item.span is not None]


BROKEN = (
    "let x =",
    "let = 3",
    "let x 3",
    "let x: 3",
    "let x = 3 +",
    "let x = (3",
    "let x = {3, 4",
    "let x = {}",
    "let x = a < b < c",
    "let x = 3 @ 4",
    "let x = $",
    "choice c {3}",
    "require",
    "require a = b",
    "conv(8",
    "conv(8, w(3)",
    "conv(8))",
    "conv(8]",
    "conv(8}",
    "conv(8 3)",
    "conv(, 8)",
    "conv 8",
    "conv(8) bn",
    "conv(k = 3)",
    "a: b: c",
    "default bn",
    "input image(",
    "stage s1 { bn }",
    "stage s1 deph 3 { bn }",
    "stge s1 depth 3 { bn }",
    "stage s1 depth (3 { bn }",
    "if a b { bn }",
    "if { bn }",
    "if a = b { bn } else { bn }",
    "residual a { bn }",
    "residul when a == b { bn }",
    "add { bn }",
    "ad { bn } { bn }",
    "oneof { a: conv(8 8); b: bn }",
    "x: onof { a: conv(8); b: { bn } }",
    "r: residual { bn }",
    "3",
    "(a)",
    "//",
    'conv("a)',
    "block b { bn }",
)


BROKEN_INSTRUCTIONS = (
    "unlock",
    "unlock 3 +",
    "unlock kernel largest",
    "unlock kernel if",
    "unlock kernel, depth",
    "unlock kernel if none",
    "distil largest loss",
    "distil in_place(loss = kl)",
    "distil { largest }",
    "learning_rate = 0.1",
    "learning_rate: 0.1",
    "learning_rate 0.1 0.2",
    "sample 2 3",
    "3",
    "sample 2 { bn }",
    "phase b epochs 3 { largest }",
)
BROKEN_PHASES = (
    "phase epochs 3 { largest }",
    "phase b { largest }",
    "phase b epoch 3 { largest }",
    "phse b epochs 3 { largest }",
    "phase b epochs { largest }",
    "phase b epochs 3",
    "largest",
    "let n = 3",
    "phase b epochs 3 largest",
)


@pytest.mark.parametrize("instruction", BROKEN_INSTRUCTIONS)
def test_one_broken_instruction_is_one_report(instruction: str) -> None:
    text = f"schedule s {{\n phase a epochs 1 {{\n  largest\n  {instruction}\n  sample 1\n }}\n"
    assert lines(text + " phase c epochs 1 { sample 1 }\n}\n" + MBV3) == [4]


@pytest.mark.parametrize("phase", BROKEN_PHASES)
def test_one_broken_phase_is_one_report(phase: str) -> None:
    before, after = (f"  phase {name} epochs 1 {{ sample 1 }}\n" for name in "ac")
    assert lines(f"schedule s {{\n{before}  {phase}\n{after}}}\n{MBV3}") == [3]


def test_mistakes_in_the_body_of_a_broken_schedule_are_found() -> None:
    first, second = "phase a epochs 1 {\n unlock\n }\n", "phase epochs 2 {\n sample 2 3\n }\n"
    text = f"schedule s(n = ) {{\n {first} {second}}}\n"
    assert lines(text) == [1, 3, 5, 6]


def test_a_schedule_stands_outside_of_a_space() -> None:
    (item,) = mistakes(f"space a {{\n  schedule s {{ phase b epochs 1 {{ largest }} }}\n}}\n{MBV3}")
    assert item.help == "`schedule` stands outside of blocks and spaces"


@pytest.mark.parametrize("statement", BROKEN)
def test_one_broken_statement_is_one_report(statement: str) -> None:
    text = f"block b(c) {{\n  bn\n  {statement}\n  conv(c)\n  residual {{ bn }}\n}}\n{MBV3}"
    assert lines(text) == [3]


def test_all_broken_statements_are_reported_in_order() -> None:
    statements = [s for s in BROKEN if s not in {"conv(8}", "//"}]
    text = "block b {\n" + "".join(f"  {s}\n  bn\n" for s in statements) + "}\n" + MBV3
    assert lines(text) == [2 + 2 * i for i in range(len(statements))]


def test_mistakes_in_the_body_of_a_broken_header_are_found() -> None:
    text = "block b(c = ) {\n stage depth 3 {\n let x =\n }\n residual a {\n conv(8 3)\n }\n}\n"
    assert lines(text) == [1, 2, 3, 5, 6]


def test_mistakes_on_one_line_are_all_found() -> None:
    assert lines("block b { if a { let x = } else { let y = }; conv(8)) }") == [1, 1, 1]


def test_an_unclosed_body_does_not_hide_the_next_block() -> None:
    text = "block a {\n  if b {\n    bn\n\nblock c {\n  let x =\n}\n"
    found = mistakes(text)
    assert [item.code for item in found] == ["OFA004", "OFA001"]


def test_a_body_closed_too_early_is_one_report() -> None:
    text = MBV3.replace("first: mbconv", "}\n  first: mbconv")
    (item,) = mistakes(text)
    assert item.notes[0][1] == "the last body ends here"


def test_each_word_of_a_statement_can_be_misspelt() -> None:
    for word, wrong in {"stage": "stgae", "residual": "residaul", "oneof": "onef"}.items():
        (item, *rest) = mistakes(MBV3.replace(f" {word} ", f" {wrong} ", 1))
        assert item.help == f"did you mean `{word}`?"
        assert not rest


def test_an_expression_has_one_report_at_most() -> None:
    for text in ("", "+", "a b c", ":A", "(a", "a)", "a = b", "{", "f(,)", "1 2", "a\n;b"):
        with pytest.raises(Diagnostics) as raised:
            parse_expression(Source(path="--where", text=text))
        assert len(raised.value.items) == 1


@pytest.mark.parametrize("text", ["let", "let a", "let a =", "block", "space a", "schedule a("])
def test_a_text_that_breaks_off_has_one_report(text: str) -> None:
    assert lines(text) == [1]


def test_no_name_of_the_grammar_is_shown() -> None:
    for statement in BROKEN:
        for item in mistakes(f"block b {{\n  {statement}\n}}"):
            words = f"{item.message} {item.label} {item.help}"
            assert not any(word in words for word in ("LBRACE", "NAME", "ANON", "NEWLINE", "END"))
            assert item.message[0].islower()
            assert not item.message.endswith(".")
