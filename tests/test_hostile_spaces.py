"""Spaces made to exhaust the checker are refused, soon and with little memory."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from texts import MBV3, spoilt

from ofadsl.compiler.pipeline import check_file, check_text
from ofadsl.diagnostics import Diagnostics

SPACE = """
space hostile {{
  input image(channels: 3, size: {size})
{body}
  pool: global_avg_pool
  head: linear(10)
}}
{blocks}
"""


def space(body: str, blocks: str = "", size: str = "32") -> str:
    return SPACE.format(body=body, blocks=blocks, size=size)


def lines(count: int, line: str) -> str:
    """Return a line for each number, with the number and the one before it."""
    return "\n".join(line.format(i=i, before=i - 1) for i in range(1, count + 1))


LADDER = lines(40, "block b{i} {{ b{before}; b{before} }}")
CHAIN = lines(5000, "block b{i} {{ b{before} }}")
DIMS = lines(400, "  choice c{i} = {{1, 2, 3}}")
MANY = " + ".join(f"c{i}" for i in range(1, 90))
PAIRS = lines(300, "  choice c{i} = 1..100")
TIED = lines(299, "  require c{i} + c{before} < 150").replace("c0", "c300")
USED = lines(400, "  if c{i} > 1 {{ p{i}: bn }}")

TEXTS: dict[str, tuple[str, set[str]]] = {
    "a block in itself": (space("a", "block a { a }"), {"OFA026"}),
    "a ring of blocks": (
        space("b1", lines(3000, "block b{i} {{ b{before} }}") + "\nblock b0 { b3000 }"),
        {"OFA026"},
    ),
    "a chain of blocks": (space("b5000", CHAIN + "\nblock b0 { bn }"), {"OFA054"}),
    "a ladder of blocks": (space("b40", LADDER + "\nblock b0 { bn }"), {"OFA054"}),
    "a ladder of nothing": (space("b40; bn", LADDER + "\nblock b0 { }"), {"OFA054"}),
    "a ladder with choices": (
        space("b40", LADDER + "\nblock b0 { conv({8, 16}) }"),
        {"OFA054"},
    ),
    "a ladder in stages": (
        space(lines(50, "  stage s{i} depth 256 {{ b6 }}"), LADDER + "\nblock b0 { bn }"),
        {"OFA054"},
    ),
    "a ladder of functions": (
        space(
            "let f0(c) = c\n"
            + lines(40, "let f{i}(c) = f{before}(c) + f{before}(c)")
            + "\nconv(f40(1))"
        ),
        {"OFA054"},
    ),
    "a chain of functions": (
        space("let f0(c) = c\n" + lines(5000, "let f{i}(c) = f{before}(c)") + "\nconv(f5000(8))"),
        {"OFA054"},
    ),
    "a chain of lets": (
        space("choice a0 = {8, 16}\n" + lines(5000, "let a{i} = 24 - a{before}") + "\nconv(a5000)"),
        {"OFA045"},
    ),
    "a chain of conditions": (
        space(
            "choice a0 = {8, 16}\n"
            + lines(5000, "let a{i} = 8 if a{before} == 16 else 16")
            + "\nconv(a5000)"
        ),
        {"OFA045"},
    ),
    "a product of constants": (
        space("let a0 = 999999999999999\n" + lines(40, "let a{i} = a{before} * a{before}")),
        {"OFA045"},
    ),
    "a product of choices": (
        space(
            "choice a0 = {999999999999, 3}\n"
            + lines(40, "let a{i} = a{before} * a{before}")
            + "\nconv(a40)"
        ),
        {"OFA045"},
    ),
    "a product of sizes": (
        space("conv(999999999999)\n" + lines(40, "concat {{ conv(in * in) }} {{ conv(in) }}")),
        {"OFA045"},
    ),
    "a range of a thousand million": (space("conv(1..1000000000)"), {"OFA042"}),
    "a range without end": (space("conv(1..999999999999999 step 0.000001)"), {"OFA042"}),
    "a resolution of a thousand million": (space("bn", size="1..1000000000"), {"OFA042"}),
    "a depth of a thousand million": (space("stage s depth 1000000000 { bn }"), {"OFA049"}),
    "depths of a thousand million": (space("stage s depth 1..1000000000 { bn }"), {"OFA042"}),
    "a deep stage of many": (
        space("stage s depth 256 { " + "bn; " * 200 + "}"),
        {"OFA054"},
    ),
    "a condition on hundreds of dimensions": (
        space(f"{DIMS}\n{USED}\n  if {MANY} > 150 {{ q: dwconv({{1, 3}}) }}"),
        {"OFA053"},
    ),
    "a size of hundreds of dimensions": (
        space(f"{DIMS}\n{USED}\n  q: conv({MANY}, groups: 8)"),
        {"OFA056", "OFA061"},
    ),
    "a requirement on hundreds of dimensions": (
        space(f"{DIMS}\n{USED}\n  require {MANY} > 150"),
        {"OFA053"},
    ),
    "requirements that tie all": (
        space(f"{PAIRS}\n{lines(300, '  if c{i} > 1 {{ p{i}: bn }}')}\n{TIED}"),
        {"OFA053"},
    ),
    "requirements on all blocks of many stages": (
        space(
            lines(8, "  stage s{i} depth 100 {{ a: conv({{8, 16}}) }}")
            + "\n  require "
            + " + ".join(f"s{i}.a.out" for i in range(1, 9))
            + " < 100"
        ),
        {"OFA053"},
    ),
    "many requirements that hold never": (
        space(
            lines(200, "  choice c{i} = {{1, 2}}\n  if c{i} > 1 {{ p{i}: bn }}")
            + "\n"
            + lines(199, "  require c{i} != c{before}").replace("c0", "c200")
            + "\n  require c1 == c2"
        ),
        {"OFA052"},
    ),
    "nested options": (
        space("oneof { a: " * 40 + "bn" + "; b: identity }" * 40),
        set(),  # 41 subnets, counted
    ),
    "many mistakes": (space("conv(nothing)\n" * 5000), {"OFA013"}),
    "many mistakes in blocks": (
        space(lines(2000, "  p{i}: b(kernel: {i})"), "block b(kernel) { conv(8, kernel: kernel) }"),
        {"OFA060"},
    ),
}

LIMITED = """
import resource, sys
sys.path[:0] = {path!r}
import test_hostile_spaces as test
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), used + (200 << 20)))
for name in test.TEXTS:
    test.refuse(name)
"""
PATIENCE = 10.0
"""Seconds, of which the slowest takes one: machines differ."""


def report(text: str) -> Diagnostics | None:
    """Return what is said of a text, or None where it is fine."""
    try:
        check_text(text)
    except Diagnostics as found:
        return found
    return None


def refuse(name: str) -> None:
    text, codes = TEXTS[name]
    begin = time.perf_counter()
    found = report(text)
    assert time.perf_counter() - begin < PATIENCE, name
    shown = {item.code for item in found} if found else set()
    assert codes & shown or not codes | shown, (name, str(found)[:1000])
    assert len(str(found)) < 1 << 20, name


@pytest.mark.parametrize("name", TEXTS)
def test_it_is_refused(name: str) -> None:
    refuse(name)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is not kept elsewhere")
def test_all_of_it_is_refused_in_200_megabytes() -> None:
    script = LIMITED.format(path=[str(Path(__file__).parent), str(Path(__file__).parent.parent)])
    done = subprocess.run(
        [sys.executable, "-c", script], timeout=120, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]


def codes_of(path: Path) -> list[str]:
    with pytest.raises(Diagnostics) as raised:
        check_file(path)
    return [item.code for item in raised.value]


@pytest.mark.parametrize(
    "name", ["../out.ofa", "/etc/hostname", "a/../../out.ofa", "link.ofa", "x\0"]
)
def test_an_import_cannot_leave_the_folder(name: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "a").mkdir(parents=True)
    (tmp_path / "out.ofa").write_text("block secret { bn }\n")
    (home / "link.ofa").symlink_to(tmp_path / "out.ofa")
    (home / "main.ofa").write_text(f'import "{name}"\nblock b {{ bn }}\n')
    assert codes_of(home / "main.ofa") in (["OFA027"], ["OFA011"])


def test_files_that_import_each_other_are_refused(tmp_path: Path) -> None:
    for i in range(3):
        text = f'import "f{(i + 1) % 3}.ofa"\nblock b{i} {{ bn }}\n'
        (tmp_path / f"f{i}.ofa").write_text(text)
    assert codes_of(tmp_path / "f0.ofa") == ["OFA027"]


def test_hundreds_of_files_are_refused(tmp_path: Path) -> None:
    for i in range(300):
        (tmp_path / f"f{i}.ofa").write_text(f'import "f{i + 1}.ofa"\nblock b{i} {{ bn }}\n')
    (tmp_path / "f300.ofa").write_text("block last { bn }\n")
    assert codes_of(tmp_path / "f0.ofa") == ["OFA027"]


def test_a_folder_is_no_import(tmp_path: Path) -> None:
    (tmp_path / "a.ofa").mkdir()
    (tmp_path / "main.ofa").write_text('import "a.ofa"\nblock b { bn }\n')
    assert codes_of(tmp_path / "main.ofa") == ["OFA027"]


SPOILT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = [word for word in MBV3.split() if word not in "{}"]


@st.composite
def changed(draw: st.DrawFn) -> str:
    """Return the text with a few words exchanged for others of it, or for numbers."""
    words = MBV3.split(" ")
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(words) - 1))
        words[place] = draw(st.sampled_from([*WORDS, "0", "7", "0.5", "{2, 3}", "1..4", ""]))
    return " ".join(words)


@SPOILT
@given(spoilt() | changed())
def test_a_spoilt_space_is_checked_or_refused(text: str) -> None:
    assert str(report(text))
