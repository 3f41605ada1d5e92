"""An estimator from a table of blocks: each layer is looked up for all of its choices.

In: a space and a table. Out: an ``Estimator`` whose cells are the entries themselves. What the
table lacks follows the trend of what it has, with a wide interval; a layer of which it has nothing
is refused. No whole subnet was measured, so intervals are assumptions, and say so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.archs import Target
from ofadsl.calibrate.block import Block, Blocks
from ofadsl.calibrate.demands import Demand, demands_of
from ofadsl.calibrate.features import Features
from ofadsl.calibrate.match import Lookup
from ofadsl.calibrate.model import Estimator
from ofadsl.calibrate.nnls import Floats, nnls
from ofadsl.diagnostics import Diagnostic, Diagnostics

BASIS = "a sum over a table of blocks, no whole subnet was measured"
BETWEEN = 0.1
"""What a sum of blocks can miss of a subnet, as a part of it: assumed, not measured."""
GUESSED = 0.5
"""The least deviation of an entry that the table lacks, as a part of it."""
INTERVAL = (
    f"Intervals are assumptions: {BETWEEN:.0%} for what happens between blocks, the deviations of\n"
    f"the entries as if they erred together, {GUESSED:.0%} or more of what the table lacks."
)
_RIDGE = 1e-6
_TOLD = 3  # layers that a report names
_SHOWN = 12  # values of one dimension

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summed:
    """An estimator, and what it had to guess."""

    estimator: Estimator
    needed: int
    """How many entries the space asks for."""
    guessed: int
    missing: tuple[str, ...]
    """The choices of which the table has nothing: `expand 3`, `resolution 132, 136`."""


def summed(target: Target, table: Blocks) -> Summed:
    """Return the estimator; raise Diagnostics for layers of which the table has nothing."""
    features = target.features
    size = len(features.trend)
    mean, spread = np.zeros(size), np.zeros(size)
    needed, known = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    hosts = np.full(size, -1)
    lookup = Lookup(table)
    mistakes, gaps = [], []
    demands = demands_of(target, {block.op for block in table.entries})
    for place, demand in enumerate(demands):
        start = features.starts[demand.host]
        cells = slice(start, start + len(demand.blocks))
        own = np.array([block is not None for block in demand.blocks])
        found = [None if block is None else lookup.find(block) for block in demand.blocks]
        have = np.array([entry is not None for entry in found])
        if own.any() and not have.any():
            mistakes.append(_nothing(demand, table))
        mean[cells] = [0.0 if entry is None else entry[0] for entry in found]
        spread[cells] = [0.0 if entry is None else entry[1] for entry in found]
        needed[cells], known[cells], hosts[cells] = own, have, place
        gaps.append((demand, own & ~have, own))
    if mistakes:
        raise Diagnostics(_fewer(mistakes, len(demands)))
    guess = needed & ~known
    doubt = np.zeros(size)
    if guess.any():
        trend, error = _trend(features, mean, known, hosts)
        mean[guess] = trend[guess]
        doubt[guess] = max(GUESSED, 2 * error) * trend[guess]
    return Summed(
        estimator=_estimator(features, np.stack([mean, spread, doubt], axis=1)),
        needed=int(needed.sum()),
        guessed=int(guess.sum()),
        missing=tuple(_missing(target, gaps)),
    )


def _trend(
    features: Features, mean: Floats, known: Flags, hosts: NDArray[np.intp]
) -> tuple[Floats, float]:
    """Return what the work of each cell would take, level with the entries of its layer, and how
    far the entries are from that.
    """
    columns = features.trend[:, features.trend[known].any(axis=0)]
    columns = columns / columns[known].mean(axis=0)
    white = columns[known] / mean[known, None]
    hessian = white.T @ white / len(white) + _RIDGE * np.eye(white.shape[1])
    target = white.mean(axis=0)
    found, _ = nnls(hessian, target, np.ones(len(target), np.bool_))
    trend = np.maximum(columns @ found, 1e-9)
    level = np.ones(len(trend))
    for host in np.unique(hosts[known]):
        own = known & (hosts == host)
        level[hosts == host] = np.median(mean[own] / trend[own])
    trend = trend * level
    return trend, float(np.sqrt(np.mean((trend[known] / mean[known] - 1) ** 2)))


def _estimator(features: Features, cells: Floats) -> Estimator:
    nothing = np.zeros(0)
    return Estimator(
        features=features,
        compute=cells,
        launch=None,
        base=np.zeros(cells.shape[1]),
        power=1.0,
        noise=BETWEEN,
        widen=1.0,
        errors=nothing,
        deviations=nothing,
        sources=nothing,
    )


def _nothing(demand: Demand, table: Blocks) -> Diagnostic:
    block = next(block for block in demand.blocks if block is not None)
    alike = [entry for entry in table.entries if entry.op == block.op]
    near = min(alike, key=lambda entry: _distance(entry, block), default=None)
    help = f"the nearest is {near}" if near else f"the table has no {block.op} at all"
    message = f"{table.path} has nothing of the layer {demand.name}, such as {block}"
    return Diagnostic(code="OFA138", message=message, help=help)


def _fewer(mistakes: Sequence[Diagnostic], layers: int) -> list[Diagnostic]:
    """Return the first mistakes: a table of another space lacks most layers."""
    first = [*mistakes[:_TOLD]]
    if len(mistakes) > _TOLD:
        text = f"{first[-1].help}; in all, {len(mistakes)} of {layers} layers are not in the table"
        first[-1] = replace(first[-1], help=text)
    return first


def _distance(entry: Block, block: Block) -> float:
    pairs = [(entry.c_in, block.c_in), (entry.c_out, block.c_out)]
    pairs += [*zip(entry.size_in, block.size_in, strict=True)]
    pairs += [(entry.middle, block.middle)] if block.middle else []
    flags = (entry.excite != block.excite) + (entry.hswish != block.hswish)
    return flags + sum(abs(math.log(a / b)) for a, b in pairs)


def _missing(target: Target, gaps: Sequence[tuple[Demand, Flags, Flags]]) -> Iterator[str]:
    """Yield each choice of which a layer has no entry, by the key of its dimension."""
    found: dict[str, set[object]] = {}
    layers = target.features.workload.layers
    for demand, gap, own in gaps:
        layer = layers[demand.host]
        lack, need = gap.reshape(layer.shape), own.reshape(layer.shape)
        for axis, d in enumerate(layer.dims):
            rest = tuple(i for i in range(len(layer.dims)) if i != axis)
            whole = (lack.sum(axis=rest) == need.sum(axis=rest)) & need.any(axis=rest)
            dim = target.space.dims[d]
            values = [v for v, is_whole in zip(dim.var.values, whole, strict=True) if is_whole]
            found.setdefault(dim.key, set()).update(values)
    for key, lacking in found.items():
        if lacking:
            shown = sorted(map(str, lacking), key=lambda text: (len(text), text))
            more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
            yield f"{key} {', '.join(shown[:_SHOWN])}{more}"
