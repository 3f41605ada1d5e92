"""The YAML of OFA and ProxylessNAS: a key for each block, read as nodes and never constructed.

expanded_conv-input:56x56x24-output:56x56x24-expand:6-kernel:3-stride:1-idskip:1: {mean: 1.2}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

import yaml

from ofadsl.calibrate.block import PARTS, Block, Line, checked, spread_of
from ofadsl.calibrate.tables import Reading
from ofadsl.diagnostics import Span, fault

_LARGEST = 16 << 20  # characters
_DEEP = 2  # entries, and what they say
_KEY = re.compile(
    r"(?P<op>\w+)-input:(?P<input>\d+x\d+x\d+)-output:(?P<output>\d+x\d+x\d+|\d+)"
    r"(?P<rest>(?:-[a-z]+:\d+)*)"
)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SAID = ("mean", "std", "count", "min", "max", "median")


def blocks_of_yaml(reading: Reading) -> Iterator[Line]:
    """Yield the entries of a file, and note what is none."""
    path = reading.source.path
    if len(reading.source.text) > _LARGEST:
        raise fault("OFA139", f"{path} is larger than {_LARGEST >> 20} MiB", help="split it")
    try:
        _guard(reading)
        root = yaml.compose(reading.source.text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        span = None if error.problem_mark is None else _at(reading, error.problem_mark)
        raise fault("OFA139", "a table is YAML", span=span, label=str(error.problem)) from error
    except (yaml.YAMLError, ValueError) as error:
        first = str(error).partition("\n")[0][:80]
        raise fault("OFA139", f"{path} is no YAML: {first}") from error
    if not isinstance(root, yaml.MappingNode):
        help = "each line is `expanded_conv-input:...: {mean: 1.2}`"
        raise fault("OFA139", f"{path} is no table of blocks", help=help)
    for key, value in root.value:
        span = _at(reading, key.start_mark, key.end_mark)
        block = _key(reading, span, key)
        said = _entry(reading, span, value)
        if block is not None and said is not None:
            yield span, block, *said


def _guard(reading: Reading) -> None:
    """Refuse aliases, which can stand for billions of nodes, and what is nested for no reason."""
    depth = 0
    for event in yaml.parse(reading.source.text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            span = _at(reading, event.start_mark)
            help = "write the entry out"
            raise fault("OFA139", "a table has no aliases", span=span, label="one", help=help)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEP:
            rule = f"a table is nested {_DEEP} deep"
            raise fault("OFA139", rule, span=_at(reading, event.start_mark), label="deeper")


def _key(reading: Reading, span: Span, key: yaml.Node) -> Block | None:
    found = _KEY.fullmatch(key.value) if isinstance(key, yaml.ScalarNode) else None
    if found is None:
        rule = "a key of a table is op-input:HxWxC-output:HxWxC, then -expand:6-kernel:3 and so on"
        reading.reject("OFA137", rule, span, str(key.value)[:60])
        return None
    row = dict(zip(("h_in", "w_in", "c_in"), found["input"].split("x"), strict=True))
    output = found["output"].split("x")
    output = output if len(output) == 3 else ["1", "1", *output]
    row |= zip(("h_out", "w_out", "c_out"), output, strict=True)
    for part in filter(None, found["rest"].split("-")):
        name, _, number = part.partition(":")
        if name not in PARTS or PARTS[name] in row:
            rule = f"the parts of a key are {', '.join(PARTS)}, each once"
            reading.reject("OFA137", rule, span, name)
            return None
        row[PARTS[name]] = number
    return checked(reading, span, found["op"], row)


def _entry(reading: Reading, span: Span, value: yaml.Node) -> tuple[float, float] | None:
    """Return the mean and the deviation of ``{mean: 1.2, std: 0.1}``, or of a number alone."""
    match value:
        case yaml.ScalarNode():
            pairs = [("mean", value)]
        case yaml.MappingNode():
            pairs = [(str(name.value), node) for name, node in value.value]
        case _:
            pairs = []
    said = dict(pairs)
    scalar = all(isinstance(node, yaml.ScalarNode) for node in said.values())
    plain = all(node.tag.count(":") == 2 for node in (value, *said.values()))
    if (
        len(said) != len(pairs)
        or "mean" not in said
        or {*said} - {*_SAID}
        or not (scalar and plain)
    ):
        rule = f"an entry is {{mean: 1.2}}, and may have {', '.join(_SAID[1:])}, each once"
        text = _at(reading, value.start_mark, value.end_mark).text
        reading.reject("OFA137", rule, span, f"it says {text.strip()[:60]}")
        return None
    spread = said["std"].value if "std" in said else "0"
    mean = reading.number(span, "mean", said["mean"].value)
    return mean, spread_of(reading, span, "std", spread)


class _Mark(Protocol):
    index: int


def _at(reading: Reading, start: _Mark | None, end: _Mark | None = None) -> Span:
    size = len(reading.source.text)
    first = 0 if start is None else min(start.index, size)
    last = first + 1 if end is None else max(end.index, first + 1)
    return Span(source=reading.source, start=first, end=min(last, size))
