"""Every code of a message has a case that shows it and an entry in the documents, and no other."""

from __future__ import annotations

import ast
import re

from conftest import REPOSITORY

CODE = re.compile(r"OFA\d{3}")
CASES = REPOSITORY / "tests/diagnostics"
LANGUAGE = (*range(80), *range(160, 180))
"""Codes of the language; the others are of archs, weights and files, which have no `.ofa` text."""

ELSEWHERE = {
    "OFA009": "test_hostile_text.py::test_a_large_file_is_not_read",
    "OFA012": "test_hostile_text.py::test_what_is_not_there_is_refused",
    "OFA160": "test_schedule_files.py::test_an_unknown_schedule_lists_what_there_is",
    "OFA168": "test_schedule_files.py::test_an_arch_that_no_phase_asks_for_is_refused",
    "OFA170": "test_schedule_files.py::test_a_training_has_epochs",
}
"""Codes that no `.ofa` file of a few lines can show, and the test that shows them."""


def used() -> set[str]:
    """Return the codes that stand as a text of their own in the source."""
    codes = set()
    for path in (REPOSITORY / "ofadsl").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and CODE.fullmatch(str(node.value)):
                codes.add(str(node.value))
    return codes


def documented() -> list[str]:
    """Return the codes that have an entry, in the order of the page."""
    text = (REPOSITORY / "docs/errors.md").read_text(encoding="utf-8")
    return re.findall(r"^### (OFA\d{3}): ", text, re.MULTILINE)


def test_every_code_of_the_language_is_shown_by_a_case() -> None:
    language = {code for code in used() if int(code[3:]) in LANGUAGE}
    shown = {path.name[:6] for path in CASES.glob("OFA*.ofa")}
    assert language - shown == set(ELSEWHERE)
    assert shown <= language


def test_what_has_no_case_has_a_test() -> None:
    for test in ELSEWHERE.values():
        file, name = test.split("::")
        assert f"def {name}(" in (REPOSITORY / "tests" / file).read_text(encoding="utf-8")


def test_every_code_is_documented_once_and_in_order() -> None:
    entries = documented()
    assert entries == sorted(set(entries))
    assert used() <= set(entries)
    assert {code for code in entries if int(code[3:]) in LANGUAGE} <= used()


def test_every_case_has_a_report_and_every_report_a_case() -> None:
    cases = {path.stem for path in CASES.glob("OFA*.ofa")}
    assert {path.stem for path in CASES.glob("OFA*.txt")} == cases
