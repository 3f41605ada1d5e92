"""What is certain of a condition before any arch is tried, held against archs themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofadsl.diagnostics import Source
from ofadsl.search.check import check_constraints
from ofadsl.search.compute import column, dimensions_of, violation
from ofadsl.search.domain import domain_of
from ofadsl.search.front import Floats
from ofadsl.search.problem import Batch
from ofadsl.search.ranges import Known, never, range_of
from ofadsl.search.terms import Compare
from ofadsl.search.vocabulary import vocabulary_of
from tests.packages import compiled

SMALL = compiled("small")
SPACE, COST = SMALL.checked.space, SMALL.module.cost
X = np.concatenate(list(domain_of(SPACE, {}).every()))
VOCABULARY = vocabulary_of(SPACE, {}, accuracy=False)
DIMENSIONS = dimensions_of(SPACE)
COSTS = {"macs": COST.macs, "params": COST.params}
BATCH = Batch(x=X, costs=COSTS)
KNOWN: Known = {
    **{name: (float(one(X).min()), float(one(X).max())) for name, one in COSTS.items()},
    0: (32.0, 48.0),
}


@st.composite
def terms(draw: st.DrawFn, depth: int = 2) -> str:
    leaves = ["macs", "params", "resolution", "1M", "3", "0", "-2"]
    if not depth or draw(st.booleans()):
        return draw(st.sampled_from(leaves))
    a, b = draw(terms(depth - 1)), draw(terms(depth - 1))
    shapes = ["({a} {op} {b})", "min({a}, {b})", "max({a}, {b})", "(-{a})", "round({a})"]
    shapes.append("({a} if resolution < 40 else {b})")
    op = draw(st.sampled_from(["+", "-", "*", "/", "//", "%"]))
    return draw(st.sampled_from(shapes)).format(a=a, b=b, op=op)


@given(terms(), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), terms())
@settings(deadline=None, max_examples=200)
def test_what_never_holds_holds_for_no_arch_and_values_lie_in_their_range(
    left: str, op: str, right: str
) -> None:
    text = f"{left} {op} {right}"
    for one in check_constraints(Source(path="--where", text=text), VOCABULARY):
        if never(one.condition, KNOWN):
            assert (violation(one.condition, BATCH, DIMENSIONS) > 0).all()
        assert isinstance(one.condition, Compare)
        for term in (one.condition.left, one.condition.right):
            low, high = range_of(term, KNOWN)
            values = column(term, BATCH, DIMENSIONS)
            finite = values[np.isfinite(values)]
            assert ((low <= finite) & (finite <= high)).all()


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("macs < 0", True),
        ("macs >= 0", False),
        ("macs + params <= 1 or resolution > 48", True),
        ("macs + params <= 1 or resolution > 47", False),
        ("not macs > 0", True),
        ("s1[1].kernel == 9", False),  # it holds where the block is left out
        ("macs % 2 == 3", False),  # nothing is said of remainders
        ("resolution != 32 and resolution == 30", True),
    ],
)
def test_what_is_certain_of_a_condition(text: str, certain: bool) -> None:
    found = check_constraints(Source(path="--where", text=text), VOCABULARY)
    assert any(never(one.condition, KNOWN) for one in found) is certain


LOW, HIGH = (int(end) for end in KNOWN["macs"])
TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@pytest.mark.parametrize(
    ("op", "bound", "certain"),
    [
        ("<=", LOW - 1, True),
        ("<=", LOW, False),
        ("<", LOW, True),
        ("<", LOW + 1, False),
        (">=", HIGH + 1, True),
        (">=", HIGH, False),
        (">", HIGH, True),
        (">", HIGH - 1, False),
        ("==", LOW - 1, True),
        ("==", LOW, False),
        ("==", HIGH, False),
        ("==", HIGH + 1, True),
        ("!=", LOW, False),
    ],
)
def test_a_bound_exactly_at_an_end_can_be_met(op: str, bound: int, certain: bool) -> None:
    for text in (f"macs {op} {bound}", f"{bound} {TURNED[op]} macs"):
        (found,) = check_constraints(Source(path="--where", text=text), VOCABULARY)
        assert never(found.condition, KNOWN) is certain
        met = violation(found.condition, BATCH, DIMENSIONS) == 0
        assert met.any() is not np.bool_(certain)


def test_what_is_one_number_only_differs_from_no_other() -> None:
    (found,) = check_constraints(Source(path="--where", text="macs != 7"), VOCABULARY)
    assert never(found.condition, {"macs": (7.0, 7.0)})
    assert not never(found.condition, {"macs": (7.0, 8.0)})
    assert not never(found.condition, {"macs": (6.0, 7.0)})


def violations(text: str) -> Floats:
    """Return how far each arch is from what is said, all of it together."""
    found = check_constraints(Source(path="--where", text=text), VOCABULARY)
    return np.sum([violation(one.condition, BATCH, DIMENSIONS) for one in found], axis=0)


def test_violations_of_both_sides_of_an_and_add_up_and_of_an_or_the_nearer_counts() -> None:
    one, other = f"macs <= {LOW}", "params <= 1000"
    each = violations(one), violations(other)
    assert (np.minimum(*each) > 0).any()
    np.testing.assert_allclose(violations(f"{one} or {other}"), np.minimum(*each))
    np.testing.assert_allclose(violations(f"{one} and {other}"), each[0] + each[1])
    whole = violations(f"resolution < 0 or ({one} and {other})")  # an `and` that is not split up
    np.testing.assert_allclose(whole, np.minimum(violations("resolution < 0"), each[0] + each[1]))


def test_a_violation_is_the_distance_by_the_size_of_the_bound() -> None:
    macs = COST.macs(X)
    np.testing.assert_allclose(
        violations(f"macs <= {LOW}"), np.maximum(macs / LOW - 1, 1e-12) * (macs > LOW)
    )
    np.testing.assert_allclose(
        violations(f"macs >= {HIGH}"), np.maximum(1 - macs / HIGH, 1e-12) * (macs < HIGH)
    )
