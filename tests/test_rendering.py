"""A report is shown in the manner of rustc."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofadsl.diagnostics import Diagnostic, Diagnostics, Source, Span, fault, ordered, render


def span(text: str, piece: str, path: str = "spaces/mbv3.ofa") -> Span:
    source = Source(path=path, text=text)
    start = text.index(piece)
    return Span(source=source, start=start, end=start + len(piece))


def shown(text: str, piece: str, label: str = "here") -> list[str]:
    """Return the source line and the line of carets."""
    item = Diagnostic(code="OFA012", message="m", span=span(text, piece), label=label)
    return [line.partition("|")[2] for line in render([item]).splitlines()[3:5]]


TEXT = "\n" * 13 + "  kernel: {3, 4, 7}\n"


def test_a_report_looks_like_one_of_rustc() -> None:
    item = Diagnostic(
        code="OFA012",
        message="kernel sizes must be odd",
        span=span(TEXT, "4"),
        label="4 is even",
        help="use 3 or 5, so that the centre crop is exact",
    )
    assert render([item]) == (
        "error[OFA012]: kernel sizes must be odd\n"
        "  --> spaces/mbv3.ofa:14:15\n"
        "   |\n"
        "14 |   kernel: {3, 4, 7}\n"
        "   |               ^ 4 is even\n"
        "   = help: use 3 or 5, so that the centre crop is exact"
    )


def test_a_report_without_a_place_is_its_rule_and_repair() -> None:
    report = fault("OFA001", "no such file", help="look again")
    assert str(report) == "error[OFA001]: no such file\n  = help: look again"


def test_reports_are_divided_by_an_empty_line() -> None:
    item = Diagnostic(code="OFA001", message="m")
    assert str(Diagnostics([item, item])) == "error[OFA001]: m\n\nerror[OFA001]: m"


def test_notes_have_their_own_places() -> None:
    item = Diagnostic(
        code="OFA004",
        message="not closed",
        span=span(TEXT, "{"),
        notes=((span("a\n}", "}", "other.ofa"), "closed here"),),
    )
    assert render([item]).splitlines()[5:] == [
        "note: closed here",
        "  --> other.ofa:2:1",
        "   |",
        " 2 | }",
        "   | ^",
    ]


def test_carets_stand_under_what_they_mean_behind_tabs() -> None:
    assert shown("\tconv(\t8)", "8") == [" " * 5 + "conv(" + " " * 3 + "8)", " " * 13 + "^ here"]


def test_carets_stand_under_what_they_mean_behind_wide_characters() -> None:
    assert shown("# 日本 x", "x") == [" # 日本 x", "        ^ here"]
    assert shown("# 日本 x", "日本") == [" # 日本 x", "   ^^^^ here"]
    assert shown("# e\N{COMBINING ACUTE ACCENT} x", "x")[1] == "     ^ here"


def test_a_span_of_many_lines_shows_its_first() -> None:
    assert shown("residual {\n  bn\n}\n", "{\n  bn\n}", "") == [
        " residual {",
        "          ^ (up to line 3)",
    ]


def test_an_empty_span_has_a_caret() -> None:
    source = Source(path="a", text="let x =")
    item = Diagnostic(code="OFA001", message="m", span=Span(source=source, start=7, end=7))
    assert render([item]).splitlines()[-1] == "  |        ^"


def test_a_long_line_is_cut_around_the_span() -> None:
    text = "a" * 500_000 + "HERE" + "b" * 500_000
    line, carets = shown(text, "HERE")
    assert len(line) < 120
    assert line.index("HERE") == carets.index("^^^^ here")
    assert line.startswith(" ...a")
    assert line.endswith("b...")


def test_a_long_span_is_cut_too() -> None:
    line, carets = shown("x" * 10_000, "x" * 10_000)
    assert len(line) < 120
    assert carets.count("^") <= 100


def test_control_characters_do_not_reach_the_terminal() -> None:
    item = Diagnostic(
        code="OFA011",
        message="a\x1b[2J",
        span=span("a \x1b[31m \x00 \u202e b", "b", "\x1b[1m\n.ofa"),
        label="\x07",
        help="\x1b",
    )
    text = render([item])
    assert not any(unicodedata.category(c) in {"Cc", "Cf"} for c in text.replace("\n", ""))
    assert "␛[31m" in text


def test_color_adds_escapes_only() -> None:
    item = Diagnostic(code="OFA001", message="m", span=span(TEXT, "4"), label="l", help="h")
    colored = render([item], color=True)
    assert "\x1b[1;31merror[OFA001]\x1b[0m" in colored
    plain = colored
    for escape in ("\x1b[1;31m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"):
        plain = plain.replace(escape, "")
    assert plain == render([item])


def test_a_help_of_two_lines_is_aligned() -> None:
    item = Diagnostic(code="OFA001", message="m", help="one\ntwo")
    assert render([item]).splitlines()[1:] == ["  = help: one", "          two"]


def test_reports_are_ordered_by_place_and_each_is_shown_once() -> None:
    late = Diagnostic(code="OFA001", message="late", span=span("abc", "c"))
    early = Diagnostic(code="OFA009", message="early", span=span("abc", "b"))
    nowhere = Diagnostic(code="OFA005", message="nowhere")
    assert ordered([late, early, nowhere, late]) == (nowhere, early, late)


def test_an_empty_report_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="empty report"):
        Diagnostics([])


@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_any_span_of_any_text_can_be_shown(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    source = Source(path="a", text=text)
    end = min(len(text), start + length)
    item = Diagnostic(
        code="OFA001", message="m", span=Span(source=source, start=start, end=end), label="l"
    )
    lines = render([item]).split("\n")
    assert len(lines) == 5
    assert "^" in lines[-1]
