"""Accuracy for a search: evaluations, predictors, tables, functions."""

from __future__ import annotations

import contextlib
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofadsl.commands.fit_accuracy import Request, fit_accuracy
from ofadsl.diagnostics import Diagnostics
from ofadsl.search.accuracy.bounds import Bounds
from ofadsl.search.accuracy.evals import Evals, read_evals
from ofadsl.search.accuracy.features import Features
from ofadsl.search.accuracy.fit import choose, half_width, kendall
from ofadsl.search.accuracy.function import imported
from ofadsl.search.accuracy.predictor import Predictor, read_predictor, write_predictor
from ofadsl.search.accuracy.ridge import fit_ridge
from ofadsl.search.accuracy.table import looked_up
from ofadsl.search.accuracy.training import fit_perceptron
from ofadsl.search.compute import dimensions_of
from ofadsl.search.front import Archs, Floats
from tests.damage import damaged
from tests.packages import ROOT, compiled

SMALL = compiled("small")
COST = SMALL.module.cost
FEATURES = Features(dimensions=dimensions_of(SMALL.checked.space), sizes=(COST.macs, COST.params))
SPACE = ROOT / "tests/spaces/small.ofa"


def measured(x: Archs) -> Floats:
    """Return what the size of a network, and each of its choices, gives."""
    return np.asarray(0.5 + 0.04 * np.log(COST.macs(x) / 1e5) + 0.01 * np.sin(x).sum(axis=1))


def evals_text(count: int, seed: int = 0, **header: str) -> str:
    x = COST.sample(count, np.random.default_rng(seed))
    head = {"space": "small", "space_hash": COST.SPACE_HASH} | header
    rows = [
        {"arch": arch, "top1": float(y), "loss": 1.0}
        for arch, y in zip(COST.decode(x), measured(x), strict=True)
    ]
    return "".join(f"{json.dumps(row)}\n" for row in (head, *rows))


def written(folder: Path, text: str) -> Path:
    path = folder / "evals.jsonl"
    path.write_text(text)
    return path


def read(path: Path) -> Evals:
    return read_evals(
        path,
        space_hash=COST.SPACE_HASH,
        metric="top1",
        encode=lambda arch: COST.encode([arch])[0],
    )


def test_evaluations_are_read_and_repeated_archs_averaged(tmp_path: Path) -> None:
    lines = evals_text(4).splitlines()
    again = json.loads(lines[1]) | {"top1": json.loads(lines[1])["top1"] + 0.2}
    found = read(written(tmp_path, "\n".join([*lines, json.dumps(again)])))
    assert len(found.y) == 4
    assert np.abs(found.y - measured(found.x)).max() == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"arch": {}, "top1": NaN}', "NaN is no number"),
        ('{"arch": {"space": "small", "resolution": 33}, "top1": 0.5}', "resolution is 33"),
        ('{"arch": {}, "top1": "0.5"}', "top1 is no number"),
        ('{"arch": {}, "top2": 0.5}', "the row has top2"),
        ('{"top1": 0.5}', "a row is"),
        ('{"arch": {}, "top1": 1' + 400 * "0" + "}", "too large"),
        ('{"top1": 0.5, "top1": 0.6}', "a key stands twice"),
        ("0.5", "a row is"),
    ],
)
def test_a_wrong_row_is_shown(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(Diagnostics, match="OFA230") as report:
        read(written(tmp_path, evals_text(2) + line + "\n"))
    (item,) = report.value
    assert said in item.label
    assert item.span is not None
    assert item.span.line == 4


def test_evaluations_of_another_space_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Diagnostics, match="OFA231"):
        read(written(tmp_path, evals_text(3, space_hash="0" * 64)))


@pytest.mark.parametrize("text", ["", '{"space": "small"}\n', '{"arch": {}, "top1": 1}\n'])
def test_a_file_that_does_not_say_its_space_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Diagnostics, match="OFA230"):
        read(written(tmp_path, text))


def test_evaluations_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Diagnostics, match="OFA232"):
        read(tmp_path / "evals.jsonl")


def test_kendall_is_that_of_the_definition() -> None:
    assert kendall(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 4])) == 1
    assert kendall(np.array([1.0, 2, 3, 4]), np.array([4.0, 3, 2, 1])) == -1
    assert kendall(np.array([1.0, 2, 3]), np.array([1.0, 3, 2])) == pytest.approx(1 / 3)
    assert kendall(np.array([1.0, 1, 2]), np.array([1.0, 2, 3])) == pytest.approx(2 / 6**0.5)
    assert kendall(np.zeros(3), np.arange(3.0)) == 0


def test_an_interval_holds_as_many_misses_as_it_says() -> None:
    misses = np.arange(1.0, 20.0)
    assert half_width(misses, 0.9) == 18
    assert half_width(misses, 0.99) == 19


def test_what_does_not_matter_is_no_feature() -> None:
    x = np.zeros((1, len(COST.DIMS)), np.uint8)
    first, middle, _ = FEATURES.widths
    found = FEATURES.columns(x)[0]
    dead = COST.DIMS.index("s1.1.kernel")
    alive = COST.DIMS.index("s1.0.kernel")
    assert found[first + dead] == 0
    assert found[first + alive] == -0.5
    assert found[first + middle :].sum() == sum(
        live is None or bool(live(x)[0]) for live in FEATURES.dimensions.live
    )


@pytest.mark.parametrize("method", [fit_ridge, fit_perceptron])
def test_a_fit_predicts_archs_that_it_has_not_seen(method: object) -> None:
    x, unseen = (COST.sample(200, np.random.default_rng(seed)) for seed in (0, 1))
    fit = fit_ridge if method is fit_ridge else fit_perceptron
    model = fit(FEATURES.columns(x), FEATURES.widths, measured(x))
    assert kendall(model.predict(FEATURES.columns(unseen)), measured(unseen)) > 0.85


def test_the_method_with_the_least_error_is_chosen_and_its_coverage_counted() -> None:
    x = COST.sample(120, np.random.default_rng(0))

    def guess(columns: Floats, widths: tuple[int, int, int], y: Floats) -> object:
        return fit_ridge(columns * 0, widths, y)

    methods = {"guess": guess, "ridge": fit_ridge}
    _, found = choose(methods, FEATURES.columns(x), FEATURES.widths, measured(x))  # type: ignore[arg-type]
    assert [quality.method for quality in found] == ["ridge", "guess"]
    assert found[0].error < found[1].error / 2
    assert 0.8 < found[0].coverage < 0.98


def fitted(x: Archs, fit: Any) -> Predictor:
    return Predictor(
        space="small",
        space_hash=COST.SPACE_HASH,
        metric="top1",
        samples=60,
        model=fit(FEATURES.columns(x), FEATURES.widths, measured(x)),
        bounds=Bounds.of(measured(x)),
        misses=np.array([0.1, 0.2]),
    )


def test_a_damaged_predictor_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictor.npz"
    write_predictor(path, fitted(COST.sample(60, np.random.default_rng(0)), fit_ridge))
    for other in damaged(path.read_bytes()):
        path.write_bytes(other)
        with contextlib.suppress(Diagnostics):
            read_predictor(path, space_hash=COST.SPACE_HASH, features=FEATURES)


@pytest.mark.parametrize("method", [fit_ridge, fit_perceptron])
def test_a_predictor_is_the_same_after_its_file(tmp_path: Path, method: object) -> None:
    x = COST.sample(60, np.random.default_rng(0))
    predictor = fitted(x, fit_ridge if method is fit_ridge else fit_perceptron)
    path = tmp_path / "predictor.npz"
    write_predictor(path, predictor)
    found = read_predictor(path, space_hash=COST.SPACE_HASH, features=FEATURES)
    assert np.array_equal(found.predict(FEATURES, x), predictor.predict(FEATURES, x))
    assert found.half_width(0.9) == 0.2
    assert found.bounds == predictor.bounds
    with pytest.raises(Diagnostics, match="OFA231"):
        read_predictor(path, space_hash="0" * 64, features=FEATURES)
    few = Features(dimensions=FEATURES.dimensions, sizes=FEATURES.sizes[:1])
    with pytest.raises(Diagnostics, match="OFA232"):
        read_predictor(path, space_hash=COST.SPACE_HASH, features=few)


def test_a_share_is_predicted_from_0_to_1_in_the_order_of_the_fit() -> None:
    bounds = Bounds.of(np.array([0.6, 0.9, 0.95]))
    raw = np.linspace(-0.5, 1.3, 181)
    found = bounds.within(raw)
    assert (np.diff(found) > 0).all()
    assert found[0] > 0
    assert found[-1] < 1
    seen = (raw >= 0.6) & (raw <= 0.95)
    assert np.allclose(found[seen], raw[seen], rtol=0, atol=1e-15)
    low, high = bounds.interval(raw, 0.02)
    assert low.min() == 0
    assert high.max() == 1
    assert (high - low)[seen] == pytest.approx(0.04)
    far = raw > 1.1
    assert (low[far] < found[far] - 0.1).all()  # what no share can be is doubt


def test_what_was_seen_to_be_perfect_is_not_surpassed() -> None:
    bounds = Bounds.of(np.array([0.0, 1.0]))
    assert bounds.within(np.array([-3.0, 0.5, 1.2])).tolist() == [0, 0.5, 1]


def test_a_loss_is_no_share_and_stays_as_it_is() -> None:
    bounds = Bounds.of(np.array([0.2, 2.5]))
    raw = np.array([-1.0, 0.3, 7.0])
    assert np.array_equal(bounds.within(raw), raw)
    assert np.array_equal(bounds.interval(raw, 0.5)[1], raw + 0.5)


def test_a_predictor_far_from_what_it_saw_promises_no_more_than_all() -> None:
    x = COST.sample(200, np.random.default_rng(0))
    small = x[COST.macs(x) < np.median(COST.macs(x))]
    share = 0.97 + 0.1 * np.log(COST.macs(small) / COST.macs(small).max())
    model = fit_ridge(FEATURES.columns(small), FEATURES.widths, share)
    assert model.predict(FEATURES.columns(x)).max() > 1
    predictor = Predictor(
        space="small",
        space_hash=COST.SPACE_HASH,
        metric="top1",
        samples=len(small),
        model=model,
        bounds=Bounds.of(share),
        misses=np.array([0.01]),
    )
    assert predictor.predict(FEATURES, x).max() <= 1
    assert predictor.interval(FEATURES, x)[1].max() <= 1


def test_what_is_no_predictor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictor.npz"
    array = np.array([{"a": 1}], object)
    texts = (b"", b"not an archive", pickle.dumps([1]))
    for text in texts:
        path.write_bytes(text)
        with pytest.raises(Diagnostics, match="OFA232"):
            read_predictor(path, space_hash="", features=FEATURES)
    np.savez(path, head=array)
    with pytest.raises(Diagnostics, match="OFA232"):
        read_predictor(path, space_hash="", features=FEATURES)
    np.savez(path, head=np.array('{"version": 2, "method": "ridge"}'), shift=np.array([np.nan]))
    with pytest.raises(Diagnostics, match="OFA232"):
        read_predictor(path, space_hash="", features=FEATURES)


def test_a_table_gives_what_it_holds() -> None:
    x = COST.sample(50, np.random.default_rng(0))
    found = looked_up(Evals(x=x, y=measured(x), metric="top1"))
    assert np.array_equal(found(x[::-1]), measured(x[::-1]))


def test_a_function_is_imported_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "def good(x): return x.sum(axis=1)\ndef bad(x): return 3\nnone = 3\n"
    text += "def fails(x): return x[9999]\n"
    text += "def writes(x):\n    x[:] = 0\n    return x[0, 0] + x[:, 1]\n"
    (tmp_path / "ofadsl_test_scores.py").write_text(text)
    (tmp_path / "ofadsl_test_broken.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    x = COST.sample(5, np.random.default_rng(0))
    try:
        assert imported("ofadsl_test_scores:good")(x).tolist() == x.sum(axis=1).tolist()
        with pytest.raises(Diagnostics, match="OFA234"):
            imported("ofadsl_test_scores:bad")(x)
        with pytest.raises(Diagnostics, match=r"failed: IndexError.*ofadsl_test_scores\.py:4"):
            imported("ofadsl_test_scores:fails")(x)
        kept = x.copy()
        assert imported("ofadsl_test_scores:writes")(x).tolist() == [0] * 5
        assert np.array_equal(x, kept)
        assert imported("ofadsl_test_scores:fails")(x[:0]).tolist() == []
        missing = ("ofadsl_test_scores:missing", "ofadsl_test_scores:none", "no_such:f")
        for name in (*missing, "ofadsl_test_broken:f", ".relative:f", ":f"):
            with pytest.raises(Diagnostics, match="OFA234"):
                imported(name)
    finally:
        sys.modules.pop("ofadsl_test_scores", None)
    assert sys.path == before


def test_fit_accuracy_says_how_good_it_is_and_writes_a_predictor(tmp_path: Path) -> None:
    evals = written(tmp_path, evals_text(80))
    answer = fit_accuracy(Request(space=SPACE, evals=evals, output=tmp_path / "p.npz"))
    assert answer.data["method"] == "ridge"
    assert answer.data["methods"]["ridge"]["tau"] > 0.8
    assert "Kendall's tau" in "\n".join(answer.lines)
    found = read_predictor(tmp_path / "p.npz", space_hash=COST.SPACE_HASH, features=FEATURES)
    assert found.samples == answer.data["samples"]


def test_fit_accuracy_needs_ten_archs(tmp_path: Path) -> None:
    evals = written(tmp_path, evals_text(6))
    with pytest.raises(Diagnostics, match="OFA233"):
        fit_accuracy(Request(space=SPACE, evals=evals, output=tmp_path / "p.npz"))
    assert not (tmp_path / "p.npz").exists()
