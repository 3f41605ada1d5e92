"""Each file of `tests/diagnostics` is reported as the text beside it says, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ofadsl.compiler.pipeline import check_file
from ofadsl.diagnostics import Diagnostics

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = Path("tests/diagnostics")
CASES = sorted(path.name for path in (REPOSITORY / FOLDER).glob("OFA*.ofa"))


@pytest.mark.parametrize("name", CASES)
def test_the_report_is_as_expected(
    name: str, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)  # so that the reports show short paths
    path = FOLDER / name
    with pytest.raises(Diagnostics) as raised:
        check_file(path.as_posix())
    text = f"{raised.value}\n"
    golden = path.with_suffix(".txt")
    if update_golden:
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")
    assert path.name[:6] in {item.code for item in raised.value.items}


def test_every_code_of_the_language_is_documented_and_tested() -> None:
    codes = set()
    for source in (REPOSITORY / "ofadsl/compiler").rglob("*.py"):
        codes |= set(re.findall(r'"(OFA0[01]\d)"', source.read_text("utf-8")))
    documented = re.findall(r"^### (OFA0[01]\d)", (REPOSITORY / "docs/errors.md").read_text(), re.M)
    assert sorted(codes) == documented
    tested = {name[:6] for name in CASES}
    assert codes - tested == {"OFA009", "OFA012"}  # in test_hostile_text
