"""Each file of `tests/diagnostics` is reported as the text beside it says, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ofadsl.compiler.pipeline import check_file
from ofadsl.diagnostics import Diagnostic, Diagnostics, render

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = Path("tests/diagnostics")
CASES = sorted(path.name for path in (REPOSITORY / FOLDER).glob("OFA*.ofa"))
SETTING = re.compile(r"^# --set (\w+)=(.*)$", re.MULTILINE)
"""A line at the beginning of a case that sets a parameter of its space."""


@pytest.mark.parametrize("name", CASES)
def test_the_report_is_as_expected(
    name: str, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)  # so that the reports show short paths
    path = FOLDER / name
    settings = dict(SETTING.findall(path.read_bytes().decode(errors="replace")))
    items = reported(path, settings)
    text = f"{render(items)}\n"
    golden = path.with_suffix(".txt")
    if update_golden:
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")
    assert path.name[:6] in {item.code for item in items}


def reported(path: Path, settings: dict[str, str]) -> tuple[Diagnostic, ...]:
    """Return the mistakes of a file; of one without any, its warnings."""
    try:
        checked = check_file(path.as_posix(), settings)
    except Diagnostics as found:
        return found.items
    return checked.warnings if checked else ()
