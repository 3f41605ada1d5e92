"""Tables of transformers as HAT measured them: features that sum up an arch, and its latency.

In: CSV, gzip or plain, with a column for each of ``FEATURES`` and for the mean and the deviation of
encoder and decoder. Out: a ``FeatureTable``; Diagnostics that name each malformed line.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.tables import Reading, number_of, open_table, reading_of
from ofadsl.diagnostics import Span, fault

FEATURES = (
    "encoder_embed_dim",
    "encoder_layer_num",
    "encoder_ffn_embed_dim_avg",
    "encoder_self_attention_heads_avg",
    "decoder_embed_dim",
    "decoder_layer_num",
    "decoder_ffn_embed_dim_avg",
    "decoder_self_attention_heads_avg",
    "decoder_ende_attention_heads_avg",
    "decoder_arbitrary_ende_attn_avg",
)
MEASURED = ("encoder", "decoder")
_MEANS = tuple(f"latency_mean_{part}" for part in MEASURED)
_DEVIATIONS = tuple(f"latency_std_{part}" for part in MEASURED)
COLUMNS = (*FEATURES, *_MEANS, *_DEVIATIONS)
_LARGEST = 64 << 20  # bytes, unpacked
_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureTable:
    """A row for each transformer: its features, the milliseconds of encoder and decoder."""

    path: str
    digest: str
    features: Floats
    latency: Floats
    deviation: Floats

    @property
    def total(self) -> Floats:
        """The latency of encoder and decoder together."""
        return np.asarray(self.latency.sum(axis=1))


def read_features(path: Path) -> FeatureTable:
    """Return the rows of a file; raise Diagnostics that name each malformed line."""
    reading = _open(path)
    lines = reading.lines()
    span, header = next(lines, (None, ""))
    names = [cell.strip() for cell in header.split(",")]
    if span is None:
        raise fault("OFA124", f"{path} holds no measurement")
    if sorted(names) != sorted(COLUMNS):
        missing = [name for name in COLUMNS if name not in names]
        strange = [name for name in names if name not in COLUMNS]
        label = f"{missing[0]} missing" if missing else f"`{(strange or names)[0][:60]}` too many"
        rule = f"a table of transformers has the {len(COLUMNS)} columns of HAT, each once"
        raise fault("OFA141", rule, span=span, label=label, help=", ".join(COLUMNS))
    order = [names.index(name) for name in COLUMNS]
    rows = []
    for span, text in lines:
        cells = text.split(",")
        if len(cells) != len(COLUMNS):
            label = f"{len(cells)} values"
            reading.reject("OFA141", f"a line has {len(COLUMNS)} values", span, label)
            continue
        rows.append([_number(reading, span, COLUMNS[i], cells[at]) for i, at in enumerate(order)])
    reading.finish()
    if not rows:
        raise fault("OFA124", f"{path} holds no measurement")
    table = np.array(rows)
    ends = np.cumsum([len(FEATURES), len(_MEANS)])
    features, latency, deviation = np.split(table, ends, axis=1)
    return FeatureTable(
        path=str(path),
        digest=reading.digest,
        features=features,
        latency=latency,
        deviation=deviation,
    )


def _open(path: Path) -> Reading:
    """Return the text of a file; what gzip unpacks is limited."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _MAGIC
        if not packed:
            return open_table(path)
        data = path.read_bytes()
        with gzip.open(path) as unpacked:
            text = unpacked.read(_LARGEST + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise fault("OFA120", f"{path} is broken: {str(error)[:80]}") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA120", f"the table {path} cannot be read: {reason}") from error
    if len(text) > _LARGEST:
        raise fault("OFA120", f"{path} unpacks to more than {_LARGEST >> 20} MiB", help="split it")
    return reading_of(path, text, hashlib.sha256(data).hexdigest())


def _number(reading: Reading, span: Span, name: str, text: str) -> float:
    """Return what a cell says: positive numbers, deviations may be 0."""
    value = number_of(text)
    least = 0.0 if name in _DEVIATIONS else 1e-9
    if not (math.isfinite(value) and value >= least):
        shown = f"{name} is {text.strip()[:40] or 'missing'}"
        reading.reject("OFA123", "a measurement is a positive number", span, shown)
        return math.nan
    return value
