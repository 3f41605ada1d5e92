"""What is compiled from unusual spaces keeps the rules of a linter and a formatter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from packages import OWN, ROOT, path_of

from ofadsl.compiler.emit.package import emit, write
from ofadsl.compiler.emit.wrap import canonical, wrapped
from ofadsl.compiler.pipeline import check_text, checked_space

SPACE = """
space {name} {{
  input image(channels: 3, size: {{16, 20}})
  choice a = {{8, 16}}
  choice b = {{8, 16}}
  choice c = {{1, 2, 3}}
{body}
  pool: global_avg_pool
  head: linear(10)
}}
"""
BODIES = {
    "widths_of_the_last_block": """
  stage s depth 1..3 { conv_bn({24, 32, 40}, kernel: 3) }
  top: conv_bn(in * 4 + (8 if in > 24 else 0), kernel: 1)
  stage t depth 0..2 { concat { conv({8, 16}) } { conv({8, 24}) } { conv(8) } }
  last: conv(in * 2)
  joined: conv(a + b * c)
""",
    "long_sizes": """
  stem: conv(max(a, b) * c + divisible(min(a * 2, b + 8) * (1 if c == 1 else 2 if c == 2 else 3), 8)
    + (a + b) * c // 2 + (a if b > a and c < 3 else b * 2 if not (c == 2 or a == b) else 8))
  if a == 8 and b == 16 and (c == 1 or c == 3) or a == 16 and b == 8 and (c == 2 or c == 3) {
    inner: conv(in // 2 + max(a, b) * (2 if c == 1 and b != 8 or a == 16 else 1), kernel: 3)
  }
""",
    "long_names": """
  stage a_stage_with_quite_a_long_name depth 0..2 {
    choice a_choice_with_a_long_name = {8, 16}
    if index == 1 {
      extra: conv(a_choice_with_a_long_name, kernel: {1, 3})
    } else {
      other: conv(a_choice_with_a_long_name * c, kernel: {1, 3})
    }
  }
  an_operation_with_quite_a_long_name: conv(a + b + c)
""",
}


def ruff(folder: Path, *command: str) -> str:
    """Return what ruff has to say of a generated folder; nothing is good."""
    rules = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--quiet"]
    ruled = [*rules, "--ignore", "TID252,D1"] if command[0] == "check" else rules
    line = [sys.executable, "-m", "ruff", *command, *ruled, str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture(scope="module", name="folder")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    for name, body in BODIES.items():
        checked = check_text(SPACE.format(name=name, body=body))
        assert checked is not None
        write(emit(checked, f"{name}.ofa"), folder)
    for name in OWN:
        write(emit(checked_space(path_of(name)), f"{name}.ofa"), folder)
    return folder


def test_a_linter_finds_nothing(folder: Path) -> None:
    assert ruff(folder, "check") == ""


def test_a_formatter_changes_nothing(folder: Path) -> None:
    assert ruff(folder, "format", "--diff") == ""


def test_what_a_stage_left_is_read_from_the_variable_of_its_loop(folder: Path) -> None:
    text = (folder / "widths_of_the_last_block" / "supernet.py").read_text()
    assert "x = self.top(x, c_in=c_in, out=c_in * 4 + (8 if c_in > 24 else 0))" in text


@pytest.mark.parametrize("name", [*BODIES, "nested", "mixed"])
def test_a_supernet_of_an_unusual_space_is_as_it_was(
    name: str, folder: Path, update_golden: bool
) -> None:
    text = (folder / name / "supernet.py").read_text(encoding="utf-8")
    golden = ROOT / "tests" / "golden" / f"{name}_supernet.py"
    if update_golden:
        golden.write_text(text, encoding="utf-8", newline="\n")
    assert golden.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", ["autoformer", "digits", "fbnet", "mbv3", "mcunet"])
def test_a_committed_package_is_what_its_space_compiles_to(name: str) -> None:
    source = f"spaces/{name}.ofa"
    for file, text in emit(checked_space(ROOT / source), source).files.items():
        assert (ROOT / "generated" / name / file).read_text(encoding="utf-8") == text, file


def test_costs_of_a_block_and_the_one_before_are_written_in_a_loop(folder: Path) -> None:
    text = (folder / "widths_of_the_last_block" / "cost.py").read_text()
    assert 'f"s.{i - 1}.out"' in text


EXPRESSIONS = (
    "a if b else c if d else e",
    "(a if b else c) if d else e",
    "not (a or b) and c",
    "a - (b - c) - d",
    "(a == b) == c",
    "-(a + b) // max(c, d % e, 2)",
    "a.b[0].c * (d + e)",
    '(a and b) or c == "word"',
)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_a_broken_expression_means_the_same(text: str) -> None:
    assert canonical(text) == text
    lines = wrapped(text, 92)
    assert len(lines) > 1
    assert canonical(f"({' '.join(line.strip() for line in lines)})") == text
