"""A block of a latency table: what kind of layer, of which shape.

In: the numbers that a reader found, as texts. Out: a ``Block``, or a mistake noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ofadsl.calibrate.tables import Reading
from ofadsl.diagnostics import Span

BLOCK = "expanded_conv"
OPS = ("Conv", "Conv_1", "Conv_2", "AvgPool2D", "Logits", BLOCK)
"""The first convolution, 1x1 before and after the pool, the pool, the classifier, an MBConv."""
PARTS = {
    "expand": "expand",
    "kernel": "kernel",
    "stride": "stride",
    "idskip": "shortcut",
    "se": "excite",
    "hs": "hswish",
}
"""The parts of a key that say how an MBConv is built."""
_NEEDED = ("expand", "kernel", "stride", "shortcut")
_FLAGS = ("shortcut", "excite", "hswish")
_MOST = 100_000  # a size that is larger is a mistake


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Block:
    """What an entry is of: rows and columns, channels, and for an MBConv how it is built."""

    op: str
    resolution: int | None
    """That of the network, where the table says it."""
    size_in: tuple[int, int]
    c_in: int
    size_out: tuple[int, int]
    c_out: int
    kernel: int = 0
    stride: int = 0
    shortcut: int = 0
    excite: int = 0
    hswish: int = 0
    expand: int = 0
    """Middle channels, or how often they are those of the input: see ``middle``."""

    @property
    def middle(self) -> int:
        """The middle channels; tables of ProxylessNAS write their ratio to the input."""
        return self.expand if self.expand >= self.c_in else self.expand * self.c_in

    def __str__(self) -> str:
        size = "x".join(map(str, (*self.size_in, self.c_in)))
        out = "x".join(map(str, (*self.size_out, self.c_out)))
        text = f"{self.op}-input:{size}-output:{out}"
        if self.op != BLOCK:
            return text
        built = f"expand:{self.expand}-kernel:{self.kernel}-stride:{self.stride}"
        return f"{text}-{built}-idskip:{self.shortcut}-se:{self.excite}-hs:{self.hswish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """A table: the mean and the standard deviation of each block."""

    path: str
    digest: str
    entries: Mapping[Block, tuple[float, float]]


Line = tuple[Span, Block, float, float]
"""Where an entry stands, what it is of, its mean and its deviation."""


def spread_of(reading: Reading, span: Span, name: str, text: object) -> float:
    """Return a standard deviation, 0 where there is none."""
    zero = str(text).strip().strip("0") in ("", ".")
    return 0.0 if zero else reading.number(span, name, text)


def checked(reading: Reading, span: Span, op: str, row: Mapping[str, str]) -> Block | None:
    """Return what an entry is of, or note what is wrong with it."""
    if op not in OPS:
        reading.reject("OFA137", f"an op is one of {', '.join(OPS)}", span, op[:40] or "no op")
        return None
    values: dict[str, int] = {}
    for name, text in row.items():
        most = 1 if name in _FLAGS else _MOST
        least = 0 if name in _FLAGS else 1
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
        if not least <= number <= most:
            rule = f"{name} is a whole number from {least} to {most}"
            reading.reject("OFA137", rule, span, f"{name} is {text[:40]}")
            return None
        values[name] = number
    built = [name for name in PARTS.values() if name in values]
    missing = [name for name in _NEEDED if op == BLOCK and name not in values]
    if missing or (op != BLOCK and built):
        rule = f"{BLOCK}, and nothing else, has {', '.join(_NEEDED)}"
        label = f"{missing[0]} missing" if missing else f"{op} has {built[0]}"
        reading.reject("OFA137", rule, span, label)
        return None
    return Block(
        op=op,
        resolution=values.get("r"),
        size_in=(values["h_in"], values["w_in"]),
        c_in=values["c_in"],
        size_out=(values["h_out"], values["w_out"]),
        c_out=values["c_out"],
        **{name: values[name] for name in PARTS.values() if name in values},
    )
