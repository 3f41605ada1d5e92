"""The parts of a fit, each against values computed by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ofadsl.calibrate import model, posterior
from ofadsl.calibrate.bank import FEW, Columns
from ofadsl.calibrate.block import BLOCK, Block, Blocks
from ofadsl.calibrate.gate import Gate
from ofadsl.calibrate.match import Lookup
from ofadsl.calibrate.measure.drift import reference_at, uncertainty
from ofadsl.calibrate.nnls import Floats, nnls
from ofadsl.calibrate.widen import widening


def test_a_reading_that_is_disturbed_is_no_drift() -> None:
    times = [0.0, 1.0, 2.0, 3.0]
    found = reference_at(times, [1, 9, 1, 1], np.array([0.5, 1.0, 2.5]))
    assert found.tolist() == [3.0, 1.0, 1.0]
    assert reference_at(times, [1, 2, 3, 4], np.array([0.0, 1.0, 2.0, 3.0])).tolist() == [
        1.5,
        2.0,
        3.0,
        3.5,
    ]


def test_the_last_readings_are_averaged() -> None:
    found = reference_at([0, 1, 2, 3], [1, 1, 1, 1.4], np.array([3.0]))
    assert found.tolist() == [1.2]
    assert reference_at([0, 1, 2, 3], [1.4, 1, 1, 1], np.array([0.0])).tolist() == [1.2]


def test_lines_are_drawn_between_few_readings() -> None:
    assert reference_at([0, 4], [1, 2], np.array([-1.0, 1.0, 9.0])).tolist() == [1, 1.25, 2]


def test_four_times_as_many_readings_halve_the_uncertainty() -> None:
    values = np.array([1.0, 2.0, 3.0])
    assert uncertainty(np.tile(values, 4)) == pytest.approx(uncertainty(values) / 2)
    # of a normal distribution: the median varies 1.2533 times as much as the mean
    draws = np.random.default_rng(0).normal(100, 5, 10_001)
    assert uncertainty(draws) == pytest.approx(1.2533 * 0.05 / 10_001**0.5, rel=0.03)
    assert uncertainty(values[:2]) == np.inf


def test_a_small_gradient_counts_too() -> None:
    found, positive = nnls(np.eye(2), np.array([1, 0.005]), np.zeros(2, np.bool_))
    assert found.tolist() == [1, 0.005]
    assert positive.tolist() == [True, True]


@pytest.mark.parametrize("start", list(itertools.product((False, True), repeat=3)))
def test_coefficients_are_those_of_the_best_set(start: tuple[bool, ...]) -> None:
    """Against trying every set of coefficients that are not 0."""
    rng = np.random.default_rng(7)
    for _ in range(20):
        a, target = rng.normal(size=(6, 3)), rng.normal(size=3) * 10.0 ** rng.integers(-4, 2)
        hessian = a.T @ a + 0.01 * np.eye(3)
        worth = []
        for chosen in itertools.product((False, True), repeat=3):
            own = np.array(chosen)
            b = np.zeros(3)
            b[own] = np.linalg.solve(hessian[np.ix_(own, own)], target[own])
            if (b >= 0).all():
                worth.append((b @ hessian @ b / 2 - target @ b, tuple(b)))
        found, _ = nnls(hessian, target, np.array(start))
        np.testing.assert_allclose(found, min(worth)[1], rtol=1e-6, atol=1e-9)


def gate(error: float, power: float = 6.0) -> Gate:
    return Gate(power=power, launch=np.ones(1), compute=np.ones(1), error=error)


def test_a_hidden_gate_widens_by_how_much_larger_errors_are() -> None:
    errors = np.tile([0.01, -0.01], 10)
    plain = widening(errors, np.full(20, 0.01), None)
    assert plain > 0
    for times, wider in ((0.5, 1.0), (1.0, 1.0), (2.0, 2**0.5), (4.0, 2.0), (9.0, 2.0)):
        found = widening(errors, np.full(20, 0.01), gate(0.01 * times))
        assert found == pytest.approx(plain * wider)


def test_a_widening_is_believed_as_far_as_samples_go() -> None:
    wide = [widening(np.full(n, 0.09), np.full(n, 0.01), None) for n in (5, 15, 60)]
    assert wide == sorted(wide)
    found = 9 / 0.91 / 1.645  # an error is relative to a prediction in an interval
    assert wide[1] == pytest.approx((found + 1.1) / 2 + 4 / 15)
    many = widening(np.full(1000, 0.09), np.full(1000, 0.01), None)
    assert many == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize(
    ("samples", "error", "accepted"),
    [(FEW, 0.05, True), (FEW, 0.2, False), (FEW - 1, 0.2, True)],
)
def test_a_gate_is_accepted_where_it_predicts_better_unless_samples_are_few(
    samples: int, error: float, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = iter([1.0, 9.0])
    gates = [gate(0.1, power=1), gate(error)]
    monkeypatch.setattr(model, "gates_of", lambda design: iter(gates))
    monkeypatch.setattr(model, "_problem", lambda *given: None)
    monkeypatch.setattr(model, "members", lambda *given: None)
    monkeypatch.setattr(model, "scores_of", lambda *given: None)
    monkeypatch.setattr(model, "evidence_of", lambda scores: next(evidence))
    design: Any = SimpleNamespace(y=np.ones(samples), sources=0)
    assert (model._gate(design) is gates[1]) is accepted


def test_a_gate_of_no_clear_evidence_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_problem", "members", "scores_of"):
        monkeypatch.setattr(model, name, lambda *given: None)
    monkeypatch.setattr(model, "gates_of", lambda design: iter([gate(0.1, 1), gate(0.05)]))
    for samples, more, accepted in ((FEW, 0.5, True), (FEW - 1, 0.5, False), (FEW - 1, 1.5, True)):
        evidence = iter([1.0, 1.0 + more])
        monkeypatch.setattr(model, "evidence_of", lambda scores, given=evidence: next(given))
        design: Any = SimpleNamespace(y=np.ones(samples), sources=0)
        assert (model._gate(design) is not None) is accepted


def problem(samples: int = 1, sources: int = 0, order: Floats | None = None) -> posterior.Problem:
    """Return samples of one total, one class and a constant."""
    return posterior.Problem(
        x=np.ones((samples, 3 + sources)),
        totals=1,
        sources=sources,
        thin=np.zeros(3, np.bool_),
        z=np.zeros((samples, 1)),
        likeness=np.eye(1),
        y=np.ones(samples),
        scale=np.ones(samples),
        weights=np.ones(samples),
        order=order,
    )


def test_a_device_that_changes_while_it_is_measured_goes_on_to_change() -> None:
    order = np.arange(41.0)
    errors = 0.002 * (order - 20)  # of all samples, from -0.04 to 0.04
    assert model._drift(problem(41, order=order), errors) == pytest.approx(0.04**2)
    assert model._drift(problem(41, order=order), errors**2 * 10) < 1e-12  # and comes back
    assert model._drift(problem(41), errors) == 0
    assert model._drift(problem(FEW - 1, order=order[: FEW - 1]), errors[: FEW - 1]) == 0
    outlier = replace(problem(41, order=order), weights=np.r_[np.ones(40), 1e-9])
    errors[40] = 9.0
    assert model._drift(outlier, errors) == pytest.approx(0.04**2, rel=1e-4)


def test_one_of_many_sources_is_chosen_at_the_price_of_their_number() -> None:
    trends = [
        Columns(spread=0.1, sources="none"),
        Columns(spread=0.2, sources="all", doubt=0.5),
        Columns(spread=0.3, sources="one", doubt=1.0, total=0.7),
    ]
    scales, shares = posterior._priors(problem(sources=3), trends)
    assert shares.tolist() == pytest.approx([0.0, -0.5, *[-np.log(3) - 1.0] * 3])
    np.testing.assert_array_equal(
        scales,
        [
            [0.5, 0.1, 0.5, 0, 0, 0],
            [0.5, 0.2, 0.5, 0.3, 0.3, 0.3],
            [0.7, 0.3, 0.5, 1, 0, 0],
            [0.7, 0.3, 0.5, 0, 1, 0],
            [0.7, 0.3, 0.5, 0, 0, 1],
        ],
    )


def block(middle: int, resolution: int | None = 224) -> Block:
    return Block(
        op=BLOCK,
        resolution=resolution,
        size_in=(56, 56),
        c_in=24,
        size_out=(28, 28),
        c_out=40,
        kernel=3,
        stride=2,
        expand=middle,
    )


def test_an_entry_is_found_as_far_as_rounding_goes() -> None:
    table = {block(72): (1.0, 0.1), block(80): (2.0, 0.2), block(144, 160): (3.0, 0.3)}
    lookup = Lookup(Blocks(path="t", digest="", entries=table))
    assert lookup.find(block(72)) == (1.0, 0.1)
    assert lookup.find(block(75)) == (1.0, 0.1)
    assert lookup.find(block(77)) == (2.0, 0.2)
    assert lookup.find(block(76)) is None  # of two that are equally near neither is right
    assert lookup.find(block(87)) == (2.0, 0.2)
    assert lookup.find(block(88)) is None
    assert lookup.find(block(144)) is None
    assert lookup.find(block(3)) == (1.0, 0.1)  # times the channels that come in
    assert lookup.find(replace(block(72), stride=1)) is None


def test_what_has_no_resolution_is_the_mean_of_all() -> None:
    table = {block(72, 160): (1.0, 0.1), block(72, 224): (2.0, 0.3), block(72, None): (6.0, 0.2)}
    lookup = Lookup(Blocks(path="t", digest="", entries=table))
    assert lookup.find(block(72, None)) == pytest.approx((3.0, 0.2))
    assert lookup.find(block(72, 160)) == pytest.approx((3.5, 0.15))
