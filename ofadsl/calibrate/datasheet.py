"""Datasheets: the peaks of a device as its maker states them, in a small TOML file.

    peak_flops = 15.7e12   # a multiply and an add are two
    bandwidth = 900e9      # bytes a second
    launch_us = 5.0        # to start a kernel

``asynchronous = true`` says that kernels are launched while others compute, as on a GPU;
``bytes_per_element`` is 4 unless it says otherwise, ``device`` and ``source`` are texts.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ofadsl.calibrate.tables import Reading, open_table
from ofadsl.diagnostics import Span, fault

SHIPPED = Path(__file__).parent / "datasheets"
_NUMBERS = {"peak_flops": 1e3, "bandwidth": 1e3, "launch_us": 0.0}
_BYTES = (1, 2, 4, 8)
_KNOWN = (*_NUMBERS, "bytes_per_element", "asynchronous", "device", "source")
_LARGEST = 1e18


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasheet:
    """The peaks of a device: operations and bytes a second, microseconds to start a kernel."""

    path: str
    digest: str
    peak_flops: float
    bandwidth: float
    launch_us: float
    bytes_per_element: int = 4
    asynchronous: bool = False
    device: str = ""
    source: str = ""


def shipped() -> tuple[str, ...]:
    """Return the names of the datasheets that come with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def find_datasheet(given: Path) -> Path:
    """Return a file, or the one that ships under a name; OFA140 where there is neither."""
    if given.is_file() or given.suffix or len(given.parts) != 1:
        return given
    if given.name in shipped():
        return SHIPPED / f"{given.name}.toml"
    near = get_close_matches(given.name, shipped(), 1)
    help = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(shipped())}"
    raise fault("OFA140", f"there is no datasheet {given.name[:80]}", help=f"{help}; or give FILE")


def read_datasheet(path: Path) -> Datasheet:
    """Return what a file says; raise Diagnostics for all that is wrong with it."""
    reading = open_table(path)
    try:
        said = tomllib.loads(reading.source.text)
    except (ValueError, RecursionError) as error:
        message = f"{path} is no TOML: {str(error)[:120]}"
        raise fault("OFA140", message, help="write it as peak_flops = 15.7e12") from error
    for key in said:
        if key not in _KNOWN:
            near = get_close_matches(key, _KNOWN, 1)
            help = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(_KNOWN)}"
            rule = "a datasheet says only what is known"
            reading.reject("OFA140", rule, _line(reading, key), f"`{key[:40]}` is not", help)
    numbers = {name: _number(reading, said, name, least) for name, least in _NUMBERS.items()}
    size = said.get("bytes_per_element", 4)
    if type(size) is not int or size not in _BYTES:
        rule = f"bytes_per_element is one of {', '.join(map(str, _BYTES))}"
        span = _line(reading, "bytes_per_element")
        reading.reject("OFA140", rule, span, f"it is {str(size)[:40]}")
    if not isinstance(said.get("asynchronous", False), bool):
        span = _line(reading, "asynchronous")
        label = f"it is {str(said['asynchronous'])[:40]}"
        reading.reject("OFA140", "asynchronous is true or false", span, label)
    for name in ("device", "source"):
        if not isinstance(said.get(name, ""), str):
            label = f"it is {str(said[name])[:40]}"
            reading.reject("OFA140", f"{name} is a text", _line(reading, name), label)
    reading.finish()
    return Datasheet(
        path=str(path),
        digest=reading.digest,
        bytes_per_element=int(size),
        asynchronous=bool(said.get("asynchronous", False)),
        peak_flops=numbers["peak_flops"],
        bandwidth=numbers["bandwidth"],
        launch_us=numbers["launch_us"],
        device=str(said.get("device", "")),
        source=str(said.get("source", "")),
    )


def _number(reading: Reading, said: Mapping[str, object], name: str, least: float) -> float:
    value = said.get(name)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and least <= float(str(value)) <= _LARGEST:
        return float(str(value))
    rule = f"{name} is a number from {least:g} to {_LARGEST:g}"
    label = f"{name} missing" if value is None else f"{name} is {str(value)[:40]}"
    reading.reject("OFA140", rule, _line(reading, name), label)
    return math.nan


def _line(reading: Reading, key: str) -> Span:
    """Return where a key is set; the start of the file where it is not."""
    found = re.search(rf"^[ \t]*[\"']?{re.escape(key)}\b[^\n]*", reading.source.text, re.MULTILINE)
    start, end = found.span() if found else (0, 0)
    return Span(source=reading.source, start=start, end=end)
