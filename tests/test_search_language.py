"""Expressions of a search: what they mean, their units, and what is said of mistakes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from packages import compiled

from ofadsl.diagnostics import Diagnostics, Source
from ofadsl.search.check import Constraint, check_constraints, check_objective
from ofadsl.search.compute import Dimensions, column, dimensions_of, violation
from ofadsl.search.domain import domain_of
from ofadsl.search.kinds import UNITS
from ofadsl.search.problem import Batch
from ofadsl.search.vocabulary import Vocabulary, vocabulary_of

SPACE = compiled("small").checked.space
MIXED = compiled("mixed").checked.space


def names(*, accuracy: bool = True) -> Vocabulary:
    devices = {"latency": ("pixel", "2080ti_1"), "energy": ("pixel",)}
    return vocabulary_of(SPACE, devices, accuracy=accuracy)


def parsed(text: str, vocabulary: Vocabulary | None = None) -> tuple[Constraint, ...]:
    return check_constraints(Source(path="--where", text=text), vocabulary or names())


def refused(text: str) -> list[str]:
    with pytest.raises(Diagnostics) as report:
        parsed(text, names(accuracy=False))
    return [f"{item.code} {item.span.text if item.span else ''}" for item in report.value]


def batch(**costs: float) -> Batch:
    x = domain_of(SPACE, {}).sample(50, np.random.default_rng(0))
    known = {re.sub("_of_(.*)", r"[\1]", name): np.full(50, v) for name, v in costs.items()}
    return Batch(x=x, costs={}, known=known)


def holds(text: str, **costs: float) -> bool:
    """Return whether all archs meet a condition; they all do, or none does."""
    found = sum(violation(c.condition, batch(**costs), dimensions_of(SPACE)) for c in parsed(text))
    assert len(set(np.asarray(found) == 0)) == 1
    return bool(np.asarray(found)[0] == 0)


def number(text: str, **costs: float) -> float:
    term = check_objective(Source(path="--minimize", text=text), names())
    return float(column(term, batch(**costs), dimensions_of(SPACE))[0])


def per_arch(text: str) -> np.ndarray:
    """Return for each of some archs whether it meets a condition."""
    (constraint,) = parsed(text)
    return violation(constraint.condition, batch(), dimensions_of(SPACE)) == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("peak_memory <= 256 kB", 256_000),
        ("peak_memory <= 256kB", 256_000),
        ("peak_memory <= 256 KiB", 262_144),
        ("peak_memory <= 1.5e3 B", 1500),
        ("peak_memory <= 2 MiB", 2 << 20),
        ("peak_memory <= 4096", 4096),
        ("peak_memory <= 2 * 1 kB + 5", 2005),
        ("peak_memory <= 4e3", 4000),
        ("peak_memory <= 4e-3 MB", 4000),
    ],
)
def test_a_bound_is_what_its_unit_says(text: str, value: float) -> None:
    assert holds(text, peak_memory=value)
    assert not holds(text, peak_memory=value + 1)


def test_plain_counts_and_times_have_units() -> None:
    assert holds("macs <= 300M and params < 5k", macs=3e8, params=4999)
    assert holds("latency[pixel] == 1500 us", latency_of_pixel=1.5)
    assert holds("latency[2080ti_1] == 2 s", latency_of_2080ti_1=2000)
    assert holds("energy[pixel] <= 3 and energy[pixel] <= 0.003 J", energy_of_pixel=3)


def test_every_unit_is_read() -> None:
    cost = {"TIME": "latency[pixel]", "BYTES": "weight_bytes", "ENERGY": "energy[pixel]"}
    for name, unit in UNITS.items():
        assert parsed(f"{cost.get(unit.kind.name, 'macs')} <= 3 {name}")


def test_a_chain_is_two_conditions() -> None:
    assert len(parsed("10 <= latency[pixel] <= 20 ms")) == 2
    assert holds("10 <= latency[pixel] <= 20 ms", latency_of_pixel=15)
    assert not holds("10 <= latency[pixel] <= 20 ms", latency_of_pixel=21)
    assert not holds("10 <= latency[pixel] <= 20 ms", latency_of_pixel=9)
    assert holds("1 < (2 if 1 < macs < 3 else 0) < 3", macs=2)


def test_a_chain_begins_with_anything() -> None:
    assert len(parsed("s1.depth <= s2.depth <= resolution")) == 2
    assert holds("macs <= params <= 3 and (macs < params < 4 or macs < 0)", macs=2, params=3)
    assert not holds("macs <= params <= 3", macs=2, params=4)
    costs = {"latency_of_pixel": 1, "latency_of_2080ti_1": 3}
    assert holds("latency[pixel] <= 2 ms <= latency[2080ti_1]", **costs)


def test_and_or_not_mean_what_they_say() -> None:
    assert holds("macs < 3 or params < 3", macs=9, params=1)
    assert not holds("not (macs < 3 or params < 3)", macs=9, params=1)
    assert holds("not macs < 3", macs=3)
    assert holds("true or macs < 0", macs=3)
    assert not holds("macs < 9 if params < 3 else macs < 1", macs=3, params=3)


def test_arithmetic_and_functions_compute() -> None:
    assert number("macs / latency[pixel] + 1", macs=30, latency_of_pixel=10) == 4
    assert number("max(macs, params, 7) - min(macs, 2)", macs=3, params=4) == 5
    assert number("-round(macs / 2) // 2 % 3", macs=7) == 1
    assert number("latency[pixel] if macs > 2 else 1 s", macs=3, latency_of_pixel=9) == 9


def test_dimensions_are_named_as_in_the_language_or_as_archs_show_them() -> None:
    assert per_arch("s1[0].kernel == 3").any()
    assert (per_arch("s1[0].kernel == 3") == per_arch("s1.0.kernel == 3")).all()
    assert not per_arch("s1.depth >= 2").all()


def test_what_does_not_matter_to_an_arch_breaks_no_constraint() -> None:
    x = batch().x
    dead = x[:, [d.var.name for d in SPACE.dims].index("s1.depth")] == 0
    assert dead.any()
    assert per_arch("s1[1].kernel == 99")[dead].all()
    assert not per_arch("s1[1].kernel == 99")[~dead].any()
    assert per_arch("not s1[1].kernel == 99")[dead].all()


def test_words_of_a_dimension_are_compared() -> None:
    vocabulary = vocabulary_of(MIXED, {}, accuracy=False)
    name = next(n for n, dim in vocabulary.dimensions.items() if dim.words)
    (constraint,) = parsed(f"{name} == skip or {name} != a", vocabulary)
    x = domain_of(MIXED, {}).sample(200, np.random.default_rng(0))
    far = violation(constraint.condition, Batch(x=x, costs={}), dimensions_of(MIXED))
    column = vocabulary.dimensions[name].column
    assert ((far > 0) == (x[:, column] == 0)).all()
    with pytest.raises(Diagnostics, match="OFA222"):
        parsed(f"{name} < skip", vocabulary)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("macs <= 20 ms", ["OFA222 20 ms"]),
        ("20 ms >= macs", ["OFA222 20 ms"]),
        ("weight_bytes <= 500k", ["OFA222 500k"]),
        ("macs + 3 ms < 4", ["OFA222 3 ms"]),
        ("macs <= 20 sec", ["OFA221 sec"]),
        (
            "latncy[pixel] <= 3 and latency[pixl] < 3",
            ["OFA220 latncy[pixel]", "OFA225 latency[pixl]"],
        ),
        ("latency <= 3", ["OFA225 latency"]),
        ("accuracy >= 0.7", ["OFA220 accuracy"]),
        ("s1.dept <= 3", ["OFA220 s1.dept"]),
        ("mx(macs, 3) < 3", ["OFA220 mx"]),
        ("round(macs, 3) < 3", ["OFA224 round"]),
        ("macs", ["OFA223 macs"]),
        ("(macs < 3) + 1 < 3", ["OFA223 macs < 3"]),
        ("macs <= {3, 4}", ["OFA224 {3, 4}"]),
        ("macs <= <= 3", ["OFA001 <="]),
        ("macs <=", ["OFA001 "]),
        ("1 < macs < 3 <", ["OFA014 <"]),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, expected: list[str]) -> None:
    assert refused(text) == expected


def test_the_nearest_name_and_unit_are_suggested() -> None:
    with pytest.raises(Diagnostics) as report:
        parsed("resoluton < 3 and latency[pixl] < 3 MS")
    helps = [item.help for item in report.value]
    assert "did you mean `resolution`?" in helps
    assert "did you mean `pixel`?" in helps
    with pytest.raises(Diagnostics, match="on a microcontroller is not known"):
        parsed("arena_bytes <= 256 kB")
    with pytest.raises(Diagnostics, match="did you mean `ms`"):
        parsed("latency[pixel] < 3 MS")


def test_the_text_is_shown_as_it_was_written() -> None:
    with pytest.raises(Diagnostics) as report:
        parsed("s1.0.kernel < 3 kB and\n 1 < latency[2080ti_1] < 3 MB")
    assert "s1.0.kernel < 3 kB and" in str(report.value)
    assert "1 < latency[2080ti_1] < 3 MB" in str(report.value)
    assert "--> --where:2:26" in str(report.value)


def test_a_violation_is_relative_to_its_bound_and_never_0_where_it_counts() -> None:
    (constraint,) = parsed("macs <= 200")
    dimensions = Dimensions(tables=(), live=())
    far = violation(constraint.condition, batch(macs=300), dimensions)
    assert far[0] == pytest.approx(0.5)
    (constraint,) = parsed("macs < 200")
    assert violation(constraint.condition, batch(macs=200), dimensions)[0] > 0
    (constraint,) = parsed("macs / (params - params) < 200")
    far = violation(constraint.condition, batch(macs=0, params=1), dimensions)
    assert far[0] == np.inf


def test_a_violation_grows_with_the_distance_to_a_bound_that_is_computed() -> None:
    for text in ("macs <= -200", "macs - 500 <= -2 * 400", "-(20 * 10) >= macs"):
        (constraint,) = parsed(text)
        near, far = (
            violation(constraint.condition, batch(macs=n), Dimensions(tables=(), live=()))[0]
            for n in (1, 300)
        )
        assert near < far
