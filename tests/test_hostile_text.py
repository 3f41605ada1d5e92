"""Text made to break the parser is refused, soon and with little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ofadsl.compiler.parse.parser import parse, read_source
from ofadsl.compiler.parse.reading import LIMIT
from ofadsl.diagnostics import Diagnostics, Source

N = 10_000
BODIES = {
    "digits": ("let a = " + "9" * 10**6, "OFA007"),
    "parentheses": ("let a = " + "(" * N + "1" + ")" * N, "OFA008"),
    "open parentheses": ("let a = " + "(" * N, "OFA008"),
    "sets": ("let a = " + "{" * N, "OFA008"),
    "not": ("let a = " + "not " * N + "x", "OFA008"),
    "minus": ("let a = " + "-" * N + "x", "OFA008"),
    "sum": ("let a = " + "a+" * N + "a", "OFA008"),
    "if else": ("let a = " + "a if b else " * N + "c", "OFA008"),
    "indices": ("let a = a" + "[0]" * N, "OFA008"),
    "members": ("let a = a" + ".b" * N, "OFA008"),
    "calls": ("let a = " + "f(" * N, "OFA008"),
    "else if": ("if a { }" + " else if a { }" * N, "OFA008"),
    "residuals": ("residual {" * N, "OFA008"),
    "options": ("oneof { a: " * N, "OFA008"),
    "line": ("x" * 10**6, "OFA015"),
    "text": ('import "' + "x" * 10**6, "OFA003"),
    "characters": ("@ " * 500_000, "OFA013"),
    "braces": ("x {\n" * 90_000, "OFA013"),
    "closing": (")\n" * 140_000, "OFA013"),
    "statements": ("let x = \n" * 70_000, "OFA013"),
    "words": ("bn\n" * 300_000, "OFA009"),
    "NUL": ("\0", "OFA011"),
    "escape": ("# \x1b[2J", "OFA011"),
    "direction": ("# \u202e", "OFA011"),
    "carriage return": ("# a\rconv(8)", "OFA011"),
}

PHASES = {
    "phases": ("phase p epochs 1 {" * N, "OFA001"),
    "epochs": ("phase p epochs " + "(" * N + " { }", "OFA008"),
    "members": ("phase p epochs 1 { unlock a" + ".b" * N + " }", "OFA008"),
    "arguments": ("phase p epochs 1 { distil a(" + "{" * N + " }", "OFA008"),
    "bounds": ("phase p epochs 1 { unlock a from " + "a+" * N + "a }", "OFA008"),
    "instructions": ("phase p epochs 1 {\n" + "unlock\n" * 100_000 + "}", "OFA013"),
    "words": ("phase p epochs 1 {\n" + "largest\n" * 300_000 + "}", "OFA009"),
}

SMALL = """
import resource, sys
sys.path[:0] = {path!r}
resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
from test_hostile_text import BODIES, PHASES, codes
for name, (body, code) in BODIES.items():
    found = codes("block b {{\\n" + body + "\\n}}\\n")
    assert code in found, (name, found)
for name, (body, code) in PHASES.items():
    found = codes("schedule s {{\\n" + body + "\\n}}\\n")
    assert code in found, (name, found)
"""


def codes(text: str) -> set[str]:
    with pytest.raises(Diagnostics) as raised:
        parse(Source(path="test.ofa", text=text))
    assert str(raised.value)
    return {item.code for item in raised.value.items}


@pytest.mark.parametrize("name", BODIES)
def test_it_is_refused(name: str) -> None:
    body, code = BODIES[name]
    assert code in codes(f"block b {{\n{body}\n}}\n")


@pytest.mark.parametrize("name", PHASES)
def test_a_hostile_schedule_is_refused(name: str) -> None:
    body, code = PHASES[name]
    assert code in codes(f"schedule s {{\n{body}\n}}\n")


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is not kept elsewhere")
def test_all_of_it_is_refused_in_200_megabytes() -> None:
    script = SMALL.format(path=[str(Path(__file__).parent), str(Path(__file__).parent.parent)])
    done = subprocess.run(
        [sys.executable, "-c", script], timeout=120, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def refused(path: Path) -> str:
    with pytest.raises(Diagnostics) as raised:
        read_source(path)
    (item,) = raised.value.items
    return item.code


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.ofa"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    assert refused(path) == "OFA009"


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.ofa"
    path.write_bytes(b"#" * LIMIT)
    assert len(read_source(path).text) == LIMIT


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device")
def test_a_device_without_end_is_not_read_to_its_end() -> None:
    assert refused(Path("/dev/zero")) == "OFA009"


@pytest.mark.parametrize(
    "data", [b"\xff\xfes\0p\0", b"block \xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"# \xe9t\xe9"]
)
def test_what_is_not_utf_8_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.ofa"
    path.write_bytes(data)
    assert refused(path) == "OFA010"


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.ofa") == "OFA012"
    assert refused(tmp_path) == "OFA012"
    assert refused(tmp_path / "a\0b") == "OFA012"


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.ofa"
    path.write_bytes(b"\xef\xbb\xbfblock b { bn }")
    assert read_source(path).text == "block b { bn }"


def test_two_thousand_blocks_are_read() -> None:
    block = "block b{} (c, k = 3) {{\n  residual when c == k {{ conv(c, kernel: k); bn }}\n}}\n"
    text = "".join(block.format(i) for i in range(2000))
    assert len(parse(Source(path="test.ofa", text=text)).items) == 2000
