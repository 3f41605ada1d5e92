"""Spaces made to break the checker, with the code that refuses each; run with little memory."""

from __future__ import annotations

from ofadsl.compiler.pipeline import check_text
from ofadsl.diagnostics import Diagnostics


def space(body: str, before: str = "") -> str:
    """Return a space with ``body`` after its input, and ``before`` it."""
    return f"{before}space a {{\n  input image(channels: 3, size: {{32, 64}})\n{body}\n}}\n"


def chain(count: int, line: str, first: str, last: str) -> str:
    """Return ``first``, then ``line`` with its own number and the one before, then ``last``."""
    lines = [line.format(i=i, j=i - 1, k=i + 1) for i in range(1, count)]
    return "\n".join([first, *lines, last])


CHOICES = "\n".join(f"choice x{i} = {{8, 16}}" for i in range(4000))
SUMS = "\n".join(
    f"let y{i + 1} = y{i} + {' + '.join(f'x{i * 40 + j}' for j in range(40))}" for i in range(100)
)
FORTY = " + ".join(f"x{i}" for i in range(40))
FEW_CHOICES = "\n".join(f"choice x{i} = {{8, 16}}" for i in range(40))
DOUBLED = chain(40, "block b{i}(o) {{ b{k}(o); b{k}(o) }}", "block b40(o) { conv(o) }", "")
EMPTY = chain(40, "block b{i}(o) {{ b{k}(o); b{k}(o) }}", "block b40(o) { let x = o }", "")
LONG = chain(5000, "block b{i}(o) {{ b{j}(o) }}", "block b0(o) { conv(o) }", "")
FIFTY = " + ".join(["f{j}(x)"] * 50)

CASES = {
    "a block in itself": (space("b(8)", "block b(o) { b(o) }\n"), "OFA026"),
    "blocks in a circle": (
        space("b(8)", "block b(o) { c(o) }\nblock c(o) { d(o) }\nblock d(o) { b(o) }\n"),
        "OFA026",
    ),
    "two blocks in each of forty": (space("b1(8)", DOUBLED), "OFA054"),
    "forty blocks with nothing in them": (space("b1(8)", EMPTY), "OFA054"),
    "blocks five thousand levels deep": (space("b4999(8)", LONG), "OFA054"),
    "functions two thousand levels deep": (
        space(chain(2000, "let f{i}(x) = f{j}(x) + 1", "let f0(x) = x", "conv(f1999(3))")),
        "OFA054",
    ),
    "functions that call fifty each": (
        space(chain(14, f"let f{{i}}(x) = {FIFTY}", "let f0(x) = x", "conv(f13(3))")),
        "OFA054",
    ),
    "functions that call two each": (
        space(chain(16, "let f{i}(x) = f{j}(x) * f{j}(x)", "let f0(x) = x", "conv(f15(1))")),
        "",
    ),
    "a value doubled eighty times": (
        space(chain(80, "let x{i} = x{j} * 2 + x{j} % 7", "choice x0 = {1, 2}", "conv(x79)")),
        "OFA045",
    ),
    "a number that grows": (
        space(chain(30, "let x{i} = x{j} * x{j}", "let x0 = 1000000", "conv(x29)")),
        "OFA045",
    ),
    "a choice that grows": (
        space(chain(30, "let x{i} = x{j} * 1e12", "choice x0 = {1, 2}", "conv(x29)")),
        "OFA045",
    ),
    "a value made in three thousand steps": (
        space(chain(3000, "let x{i} = x{j} * 2 - 3", "choice x0 = {3, 4}", "conv(x2999)")),
        "OFA045",
    ),
    "a condition on four thousand choices": (
        space(f"{CHOICES}\nlet y0 = 0\n{SUMS}\nconv(8)\nrequire y100 > 3"),
        "OFA045",
    ),
    "a requirement that ties forty choices": (
        space(f"{FEW_CHOICES}\nconv({FORTY})\nrequire {FORTY} <= 400"),
        "OFA053",
    ),
    "an `if` that ties forty choices": (
        space(f"{FEW_CHOICES}\nconv(8)\nif {FORTY} <= 400 {{ conv({{8, 16}}) }}"),
        "OFA053",
    ),
    "a width that depends on ninety blocks": (
        space("stage s depth 1..90 { conv({8, 15}) }\nconv(8, groups: 2)"),
        "OFA056",
    ),
    "a range of a billion values": (space("conv(1..1000000000)"), "OFA042"),
    "a range in steps of nothing": (space("conv(1..1000000000 step 1e-300)"), "OFA042"),
    "a set of fifty thousand values": (
        space(f"conv({{{', '.join(map(str, range(50_000)))}}})"),
        "OFA042",
    ),
    "a depth of a billion": (space("stage s depth 1000000000 { conv(8) }"), "OFA049"),
    "a depth up to a billion": (space("stage s depth 1..1000000000 { conv(8) }"), "OFA042"),
    "three hundred stages of 256 blocks": (
        space(chain(300, "stage s{i} depth 1..256 {{ conv(8); bn; conv(8) }}", "conv(8)", "")),
        "OFA054",
    ),
    "forty thousand ops": (space("conv(8)\n" * 40_000), "OFA054"),
    "five thousand mistakes": (space("conv(8, kernel: 2)\n" * 5000), "OFA013"),
    "five thousand misspelt names": (space("cnv(8)\n" * 5000), "OFA013"),
    "each block with each block": (
        space(
            "stage s depth 1..90 { c: conv(8, kernel: {1, 3}) }\n"
            "stage t depth 1..90 { c: conv(8, kernel: {1, 3}) }\n"
            "require s.c.kernel <= t.c.kernel"
        ),
        "OFA053",
    ),
    "an import from a text": ('import "/etc/passwd"\n' + space("conv(8)"), "OFA027"),
}
"""The text of each case and the code that refuses it, or nothing where it is fine."""


def codes(text: str) -> set[str]:
    """Return the codes of all mistakes in a text."""
    try:
        check_text(text)
    except Diagnostics as report:
        str(report)  # the text of a report is bounded too
        return {item.code for item in report}
    return {""}


def run(name: str) -> None:
    """Check one case."""
    text, code = CASES[name]
    found = codes(text)
    assert code in found, f"{name}: {found}"
