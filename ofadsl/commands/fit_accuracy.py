"""The road of `ofadsl fit-accuracy`: evaluated subnets in, a predictor with intervals out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ofadsl.calibrate.archs import target_of
from ofadsl.commands.answer import Answer
from ofadsl.commands.search_columns import features_of
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import fault
from ofadsl.files import writing
from ofadsl.search.accuracy.bounds import Bounds
from ofadsl.search.accuracy.evals import read_evals
from ofadsl.search.accuracy.fit import LEAST, MANY, Method, Quality, choose
from ofadsl.search.accuracy.predictor import Predictor, write_predictor
from ofadsl.search.accuracy.ridge import fit_ridge


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to fit, and where to write it."""

    space: Path
    evals: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    metric: str = "top1"
    output: Path = Path("predictor.npz")


def fit_accuracy(request: Request) -> Answer:
    """Fit, check by cross-validation and write the predictor."""
    target = target_of(request.space, request.settings, shown_path(request.space))
    evals = read_evals(
        request.evals, space_hash=target.hash, metric=request.metric, encode=target.encode
    )
    if len(evals.y) < LEAST:
        message = f"{request.evals} holds {len(evals.y)} different archs, and a fit needs {LEAST}"
        raise fault("OFA233", message, help="evaluate a hundred; more help up to a few thousand")
    features = features_of(target)
    methods: dict[str, Method] = {"ridge": fit_ridge}
    if len(evals.y) >= MANY:
        from ofadsl.search.accuracy.training import fit_perceptron  # torch, where it is needed

        methods["perceptron"] = fit_perceptron
    model, qualities = choose(methods, features.columns(evals.x), features.widths, evals.y)
    best = qualities[0]
    predictor = Predictor(
        space=target.space.name,
        space_hash=target.hash,
        metric=request.metric,
        samples=len(evals.y),
        model=model,
        bounds=Bounds.of(evals.y),
        misses=best.misses,
    )
    with writing(request.output):
        write_predictor(request.output, predictor)
    half = predictor.half_width()
    lines = [
        f"{len(evals.y)} archs of {target.space.name}, {request.metric} from "
        f"{evals.y.min():.4g} to {evals.y.max():.4g}; cross-validated:",
        *(f"  {_figures(quality)}" for quality in qualities),
        f"intervals of 90 % are +-{half:.2g} wide",
        f"wrote {request.output} ({best.method})",
    ]
    data = {
        "file": str(request.output),
        "samples": len(evals.y),
        "method": best.method,
        "half_width": half,
        "methods": {
            q.method: {"tau": q.tau, "error": q.error, "coverage": q.coverage} for q in qualities
        },
    }
    return Answer(lines=tuple(lines), data=data)


def _figures(quality: Quality) -> str:
    return (
        f"{quality.method}: Kendall's tau {quality.tau:.3f}, mean error {quality.error:.2g}, "
        f"{quality.coverage:.0%} in the interval of 90 %"
    )
