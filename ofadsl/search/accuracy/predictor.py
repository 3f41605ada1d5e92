"""A fitted predictor as a file: arrays and one line of JSON, no pickle, for one space only."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.files import write_durable
from ofadsl.search.accuracy.bounds import Bounds
from ofadsl.search.accuracy.features import Features
from ofadsl.search.accuracy.fit import Model, half_width
from ofadsl.search.accuracy.perceptron import Perceptron
from ofadsl.search.accuracy.ridge import Quadric
from ofadsl.search.arrays import read_arrays
from ofadsl.search.front import Archs, Floats

_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictor:
    """What predicts the accuracy of archs of one space."""

    space: str
    space_hash: str
    metric: str
    samples: int
    model: Model
    bounds: Bounds
    misses: Floats
    """Absolute errors on archs that were left out, ascending."""

    def predict(self, features: Features, x: Archs) -> Floats:
        """Return the accuracy of each arch."""
        return self.bounds.within(self.model.predict(features.columns(x)))

    def interval(
        self, features: Features, x: Archs, coverage: float = 0.9
    ) -> tuple[Floats, Floats]:
        """Return between which ends the accuracy of each arch lies in so many cases."""
        predicted = self.model.predict(features.columns(x))
        return self.bounds.interval(predicted, self.half_width(coverage))

    def half_width(self, coverage: float = 0.9) -> float:
        """Return how far below and above a prediction the accuracy lies in so many cases."""
        return half_width(self.misses, coverage)


def write_predictor(path: Path, predictor: Predictor) -> None:
    """Write the file whole or not at all; raises OSError."""
    model = predictor.model
    head = {
        "version": _VERSION,
        "space": predictor.space,
        "space_hash": predictor.space_hash,
        "metric": predictor.metric,
        "samples": predictor.samples,
        "method": "ridge" if isinstance(model, Quadric) else "perceptron",
    }
    seen = np.array([predictor.bounds.low, predictor.bounds.high])
    arrays: dict[str, Floats] = {"misses": predictor.misses, "seen": seen}
    match model:
        case Quadric():
            arrays |= {"shift": model.shift, "scale": model.scale, "linear": model.linear}
            arrays |= {"square": model.square, "constant": np.array(model.constant)}
        case Perceptron():
            arrays |= {"shift": model.shift, "scale": model.scale}
            for i, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
                arrays |= {f"weight{i}": weight, f"bias{i}": bias}
    file = io.BytesIO()
    np.savez_compressed(file, head=np.array(json.dumps(head)), **arrays)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durable(path, [file.getvalue()])


def read_predictor(path: Path, *, space_hash: str, features: Features) -> Predictor:
    """Return the predictor of a file; OFA232 where it is none, OFA231 where of another space."""
    try:
        arrays = read_arrays(path)
        head = json.loads(str(arrays.pop("head")[()]))
        predictor = _predictor(head, arrays)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA232", f"{path} cannot be read: {reason}") from error
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise _no_predictor(path, str(error)[:80]) from error
    if predictor.space_hash != space_hash:
        message = f"{path} predicts archs of {predictor.space[:60]}, not of this space"
        help = "fit it again, or give the --set that it was fitted with"
        raise fault("OFA231", message, help=help)
    if len(predictor.model.shift) != sum(features.widths):
        raise _no_predictor(path, "it has another number of columns")
    return predictor


def _no_predictor(path: Path, why: str) -> Diagnostics:
    help = "write one: ofadsl fit-accuracy SPACE evals.jsonl -o predictor.npz"
    return fault("OFA232", f"{path} is no predictor: {why}", help=help)


def _predictor(head: dict[str, Any], arrays: dict[str, Floats]) -> Predictor:
    if head["version"] != _VERSION:
        raise ValueError(f"version {str(head['version'])[:20]}, not {_VERSION}")
    for name, array in arrays.items():
        if array.dtype != np.float64 or not np.isfinite(array).all():
            raise ValueError(f"{name[:40]} is not of finite numbers")
    width = len(arrays["shift"])
    shapes: dict[str, tuple[int, ...]] = {
        "scale": (width,),
        "misses": (arrays["misses"].size,),
        "seen": (2,),
    }
    model: Model
    if head["method"] == "ridge":
        rows = (width, width) if arrays["square"].size else (0, 0)
        shapes |= {"linear": (width,), "square": rows, "constant": ()}
        model = Quadric(
            shift=arrays["shift"],
            scale=arrays["scale"],
            constant=float(arrays["constant"]),
            linear=arrays["linear"],
            square=arrays["square"],
        )
    elif head["method"] == "perceptron":
        layers = sum(name.startswith("weight") for name in arrays)
        weights = tuple(arrays[f"weight{i}"] for i in range(layers))
        shapes |= _layer_shapes(width, weights)
        biases = tuple(arrays[f"bias{i}"] for i in range(layers))
        model = Perceptron(
            shift=arrays["shift"], scale=arrays["scale"], weights=weights, biases=biases
        )
    else:
        raise ValueError(f"its method is {str(head['method'])[:20]}")
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has the shape {arrays[name].shape}")
    if not arrays["misses"].size:
        raise ValueError("it has no errors")
    return Predictor(
        space=str(head["space"]),
        space_hash=str(head["space_hash"]),
        metric=str(head["metric"]),
        samples=int(head["samples"]),
        model=model,
        bounds=Bounds(low=float(arrays["seen"][0]), high=float(arrays["seen"][1])),
        misses=arrays["misses"],
    )


def _layer_shapes(width: int, weights: tuple[Floats, ...]) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the layers of a perceptron have when they fit."""
    found: dict[str, tuple[int, ...]] = {}
    members = weights[0].shape[0]
    for i, weight in enumerate(weights):
        out = 1 if i == len(weights) - 1 else weight.shape[-1]
        found |= {f"weight{i}": (members, width, out), f"bias{i}": (members, out)}
        width = out
    return found
