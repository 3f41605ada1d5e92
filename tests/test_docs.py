"""What the documents say is so: spaces compile, code runs, links lead somewhere."""

from __future__ import annotations

import itertools
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

from ofadsl.compiler.pipeline import check_text
from ofadsl.compiler.tree import Checked
from ofadsl.diagnostics import Diagnostics

PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
ALL_PAGES = (*PAGES, REPOSITORY / "CONTRIBUTING.md")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
AROUND = """
space example {{
  input image(channels: 3, size: 32..64 step 32)
  begin: conv(16, kernel: 3)
{}
  end: global_avg_pool
  logits: linear(10)
}}
"""
STAGE = "  stage s1 depth 2..4 { mbconv(24, kernel: {3, 5}, expand: {2, 3, 4}) }"
"""What stands in the space around a schedule."""


def blocks(page: Path, language: str) -> list[str]:
    """Return the texts of a page that are fenced as a language."""
    text = page.read_text(encoding="utf-8")
    return [found[2] for found in FENCED.finditer(text) if found[1] == language]


SPACES = [
    pytest.param(text, id=f"{page.stem}{number}")
    for page in PAGES
    for number, text in enumerate(blocks(page, "ofa"))
]


SPACE = re.compile(r"^space\b", re.MULTILINE)


def check(text: str) -> Checked:
    """Return the space that an example is, that it is a part of or stands beside."""
    beside = text.startswith("schedule")
    around = AROUND.format(STAGE) + text if beside else AROUND.format(text)
    whole = text if SPACE.search(text) else around
    checked = check_text(whole)
    assert checked is not None
    return checked


def named(page: Path, name: str) -> Checked:
    """Return the space of a page that has a name."""
    (text,) = [text for text in blocks(page, "ofa") if f"space {name}" in text]
    return check(text)


@pytest.mark.parametrize("text", SPACES)
def test_every_example_compiles(text: str) -> None:
    assert check(text).space.size() > 0


def test_the_first_space_has_ten_lines_and_as_many_subnets_as_is_said() -> None:
    text = blocks(REPOSITORY / "README.md", "ofa")[0]
    assert len(text.splitlines()) <= 10
    assert f"holds {check(text).space.size()} networks" in (REPOSITORY / "README.md").read_text()


def test_the_open_space_has_as_many_subnets_as_is_said() -> None:
    space = named(REPOSITORY / "docs/language.md", "open").space
    assert space.size() == 3 * 2 * 2
    assert [dim.var.name for dim in space.dims] == ["resolution", "stem.out", "stem.kernel"]


def test_the_arch_in_the_language_page_is_in_its_space() -> None:
    page = REPOSITORY / "docs/language.md"
    (text,) = blocks(page, "json")
    space = named(page, "shared").space
    archs = itertools.islice(space.samples(random.Random(0)), 1000)
    assert json.loads(text) in map(space.to_json, archs)


def test_the_error_in_the_readme_is_what_is_said() -> None:
    source = (REPOSITORY / "spaces/mbv3.ofa").read_text(encoding="utf-8")
    with pytest.raises(Diagnostics) as found:
        check_text(source.replace("{3, 5, 7}", "{3, 4, 7}"), path="spaces/mbv3.ofa")
    shown = [text for text in blocks(REPOSITORY / "README.md", "") if text.startswith("error")]
    assert shown == [f"{found.value}\n"]


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the generated packages be imported, as in a script beside them."""
    monkeypatch.syspath_prepend(str(REPOSITORY))


@pytest.mark.usefixtures("importable")
def test_the_python_of_the_readme_runs() -> None:
    (text,) = [t for t in blocks(REPOSITORY / "README.md", "python") if "generated" in t]
    scope: dict[str, Any] = {}
    exec(compile(text, "README.md", "exec"), scope)
    assert scope["logits"].shape == (1, 1000)
    assert len(scope["small"]) > 100
    assert scope["arch"].to_dict()["space"] == "mbv3"


@pytest.mark.usefixtures("importable")
def test_the_arch_of_the_readme_is_one() -> None:
    from generated.mbv3 import Arch

    (text,) = blocks(REPOSITORY / "README.md", "json")
    assert Arch.from_dict(json.loads(text)).to_dict() == json.loads(text)


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target
