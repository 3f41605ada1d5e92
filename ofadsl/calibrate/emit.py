"""An estimator as a module that needs numpy only: `latency_<device>.py`.

Each layer becomes one table over its choices; what depends on the resolution is split into few
rows that all choices share, which keeps the text short.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import jinja2
import numpy as np

from ofadsl.calibrate.archs import Target
from ofadsl.calibrate.features import Archs
from ofadsl.calibrate.model import Estimator
from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.workload import Layer
from ofadsl.compiler.emit.text import shown_path

_EXACT = 3e-5  # of the largest entry: what splitting a table may change
_WIDTH = 100
_RUNS = 6
_OUTSIDE = 0.25  # a step beyond the measured resolutions
_STRANGE = 0.25  # a choice that no measured arch had


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What an estimator says of itself."""

    device: str
    quantity: str
    table: str
    digest: str
    settings: Mapping[str, str]
    samples: int
    rho: float
    mape: float
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What an estimator says of itself that no measurement of a whole subnet stands behind."""

    device: str
    quantity: str
    table: str
    digest: str
    settings: Mapping[str, str]
    basis: str
    """Where its figures are from: `from a datasheet, not measured`."""
    interval: str
    """What its intervals are."""


def emit_latency(estimator: Estimator, target: Target, x: Archs, said: Provenance | Origin) -> str:
    """Return the text of `latency_<device>.py`; ``x`` are the archs that were measured."""
    lengths = [len(dim.var.values) for dim in target.space.dims]
    gated = estimator.launch is not None
    context = {
        **_said(said),
        "title": f"What subnets of {target.space.name} take on {said.device}, with intervals",
        "source": target.source,
        "table": shown_path(Path(said.table).name),
        "space": target.space.name,
        "hash": target.hash,
        "device": said.device,
        "quantity": said.quantity,
        "unit": said.quantity.rpartition("_")[2],
        "settings": _mapping(said.settings),
        "digest": said.digest,
        "lengths": lengths,
        "lengths_text": _vector(lengths),
        "power": int(estimator.power),
        "noise": _number(estimator.noise),
        "widen": _number(estimator.widen),
        "unseen": _unseen(target, x, lengths),
        "base": _base(np.zeros_like(estimator.base) if gated else estimator.base),
        "launch_base": _base(estimator.base) if gated else "",
        "compute": list(_layers(estimator, estimator.compute)),
        "launch": [] if estimator.launch is None else list(_layers(estimator, estimator.launch)),
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("latency.py.jinja").render(context)


def _said(said: Provenance | Origin) -> dict[str, object]:
    """Return what is said of the figures: how good they are, or that nobody measured them."""
    match said:
        case Provenance():
            return {
                "basis": f"{said.samples} measurements",
                "interval": "",
                "samples": said.samples,
                "rho": round(said.rho, 4),
                "mape": round(said.mape, 4),
                "coverage": round(said.coverage, 3),
            }
        case Origin():
            return {"basis": said.basis, "interval": said.interval, "samples": 0}
        case other:
            assert_never(other)


def _layers(estimator: Estimator, values: Floats) -> Iterator[str]:
    workload = estimator.features.workload
    for layer, start in zip(workload.layers, estimator.features.starts, strict=True):
        own = values[start : start + layer.work[..., 0].size]
        yield from _layer(layer, own, workload.resolution)


def _layer(layer: Layer, values: Floats, resolution: int | None) -> Iterator[str]:
    """Yield the lines of one layer; its last dimension is the resolution, if it has one."""
    table = values.reshape(*layer.shape, -1)
    dims = list(layer.dims)
    sizes = np.ones((1, 1))
    if resolution in dims:
        axis = dims.index(resolution)
        table = np.moveaxis(table, axis, -2)
        dims.append(dims.pop(axis))
        table, sizes = _split(table.reshape(-1, *table.shape[-2:]))
    yield f"    # {layer.name}"
    text = list(_text(table.reshape(-1, table.shape[-1])))
    if resolution in dims:
        text += _text(sizes, digits=7)
    yield "    _layer("
    yield f"        {_tuple(dims)},"
    yield '        text="""'
    yield from text
    yield '""",'
    if resolution in dims:
        yield f"        sizes={len(sizes)},"
    yield "    ),"


def _split(table: Floats) -> tuple[Floats, Floats]:
    """Return (choices, values, parts) and (parts, resolutions) whose product is the table."""
    flat = np.moveaxis(table, 1, 2).reshape(-1, table.shape[1])
    left, sizes, right = np.linalg.svd(flat, full_matrices=False)
    parts = max(1, int((sizes > _EXACT * sizes[0]).sum())) if sizes[0] > 0 else 1
    kept = (left[:, :parts] * sizes[:parts]).reshape(len(table), table.shape[2], parts)
    return kept.reshape(len(table), -1), right[:parts]


def _text(rows: Floats, digits: int = 6) -> Iterator[str]:
    """Yield the numbers of a table, each row on lines of its own."""
    for row in rows:
        line = ""
        for value in row:
            number = _short(value, digits)
            if len(line) + len(number) + 1 > _WIDTH:
                yield line
                line = ""
            line += f" {number}" if line else number
        yield line


def _short(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    return "0" if float(text) == 0 else text


def _vector(values: Sequence[float], indent: str = "") -> str:
    """Return a list; numbers that follow themselves are written once."""
    runs = [(value, len(list(same))) for value, same in itertools.groupby(values)]
    if len(runs) <= _RUNS:
        parts = [f"[{value}] * {count}" if count > 1 else f"[{value}]" for value, count in runs]
        return " + ".join(parts)
    return "\n".join(["[", *(f"{indent}    {value}," for value in values), f"{indent}]"])


def _number(value: float, digits: int = 6) -> str:
    return repr(float(f"{value:.{digits}g}"))


def _tuple(dims: list[int]) -> str:
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(map(str, dims))})"


def _base(values: Floats) -> str:
    lines = [f"    {_number(value)}," for value in values]
    return "\n".join(["[", *lines, "]"])


def _mapping(settings: Mapping[str, str]) -> str:
    lines = [f"    {json.dumps(key)}: {json.dumps(value)}," for key, value in settings.items()]
    return "\n".join(["{", *lines, "}"]) if lines else "{}"


def _unseen(target: Target, x: Archs, lengths: list[int]) -> str:
    """Return for each dimension by how much a choice that was not measured widens an interval."""
    found = {}
    for d, length in enumerate(lengths):
        seen = np.unique(x[:, d])
        if target.space.dims[d].var.name == "resolution":
            steps = [max(0, int(seen[0]) - i, i - int(seen[-1])) for i in range(length)]
            more = [_OUTSIDE * step for step in steps]
        else:
            more = [0.0 if i in seen else _STRANGE for i in range(length)]
        if any(more):
            found[d] = more
    lines = [f"    {d}: {_vector(more, '    ')}," for d, more in found.items()]
    return "\n".join(["{", *lines, "}"]) if lines else "{}"
