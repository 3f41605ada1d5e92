"""What transformers ask of a device, from features that sum up an arch.

In: the ten features of HAT, a row for each transformer. Out: ``Features`` with a cell for each row,
so that the same model is fitted to them as to the layers of a space. The work of a row is derived:
what its projections, feed-forwards and attentions compute, move, hold and start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ofadsl.calibrate.features import Archs, Features
from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.workload import QUANTITIES, Layer, Workload

_TOKENS = 30  # of a sentence, as HAT measured
_INNER = 512  # of queries, keys and values
_WORDS = 32_000  # of the vocabulary
_PAGE = 256  # rows: choices are uint8
_LENGTH = 0.5  # kinds that are this far apart in log-work have little in common


def transformer_features(rows: Floats) -> Features:
    """Return a feature table with a cell for each row."""
    groups = _work(rows)
    every = np.concatenate(groups, axis=1)
    totals = np.sum(groups, axis=0)
    trend = np.concatenate([totals, every], axis=1)
    pages = -(-len(rows) // _PAGE)
    padded = np.zeros((pages * _PAGE, trend.shape[1]))
    padded[: len(rows)] = trend
    # Deviations belong to what a designer chooses first: both widths and the depth of the decoder.
    shapes, kind = np.unique(rows[:, [0, 4, 5]], axis=0, return_inverse=True)
    kinds = np.zeros(len(padded), np.intp)
    kinds[: len(rows)] = kind.reshape(-1)
    logs = np.log(shapes)
    distance = ((logs[:, None] - logs[None]) ** 2).sum(axis=2)
    layer = Layer(
        name="transformer",
        stage=None,
        dims=(0, 1),
        work=padded.reshape(pages, _PAGE, -1),
    )
    return Features(
        workload=Workload(space="transformers", layers=(layer,), resolution=None),
        starts=np.zeros(1, np.intp),
        trend=padded,
        totals=len(QUANTITIES),
        ratio=(np.arange(len(padded)) < len(rows)).astype(np.float64),
        kind=kinds,
        size=np.zeros(len(padded), np.intp),
        shared=np.zeros(len(padded)),
        likeness=np.exp(-distance / (2 * _LENGTH**2)),
    )


def row_choices(rows: NDArray[np.intp]) -> Archs:
    """Return the choices that select rows of a feature table."""
    return np.stack([rows // _PAGE, rows % _PAGE], axis=1).astype(np.uint8)


def _work(rows: Floats) -> list[Floats]:
    """Return for each group of ops an array (rows, ``QUANTITIES``).

    A decoder reads its weights and starts its kernels again for each word that it writes; the keys
    of what the encoder said are computed once.
    """
    width, depth, hidden, heads = rows.T[:4]
    own_width, own_depth, own_hidden, own_heads, cross_heads, memories = rows.T[4:]
    once, words = 1.0, float(_TOKENS)
    crossed = memories * own_depth
    return [
        _projections(width, _INNER, 4 * depth, once),
        _projections(width, hidden, 2 * depth, once),
        _attention(depth, heads, _TOKENS**2, once),
        _projections(own_width, _INNER, 4 * own_depth, words),
        _projections(own_width, own_hidden, 2 * own_depth, words),
        _attention(own_depth, own_heads, _TOKENS**2 / 2, words),
        _projections(own_width, _INNER, 2 * own_depth, words),
        _projections(width, _INNER, 2 * crossed, once),
        _attention(own_depth, cross_heads, _TOKENS**2 * memories, words),
        _projections(own_width, _WORDS, np.ones(len(rows)), words),
    ]


def _projections(width: Floats, other: Floats | int, count: Floats, times: float) -> Floats:
    """Return the work of ``count`` matrices that all tokens pass, in so many ``times``."""
    weights = width * other * count
    moved = _TOKENS * (width + other) * count
    return np.stack([_TOKENS * weights, moved, times * weights, times * count], axis=1)


def _attention(depth: Floats, heads: Floats, pairs: Floats | float, times: float) -> Floats:
    """Return the work of comparing pairs of tokens and of adding up what they say."""
    macs, moved = 2 * _INNER * depth * pairs, 2 * heads * depth * pairs
    return np.stack([macs, moved, np.zeros(len(depth)), 2 * times * depth], axis=1)
