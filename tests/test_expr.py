"""Expressions over choices: their readings agree, and simplifying them changes no value."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofadsl.expr import (
    DEEPEST,
    FALSE,
    LARGEST,
    TRUE,
    UNKNOWN,
    Const,
    Expr,
    TooLargeError,
    Value,
    Var,
    apply,
    assignments,
    bounded,
    combinations,
    conjunction,
    const,
    divisible,
    evaluate,
    negate,
    select,
    source,
    static,
    tabulate,
    upper,
)

SCOPE = {"floor": math.floor, "divisible": divisible}
VARS = (
    Var("kernel", (3, 5, 7)),
    Var("expand", (3, 4, 6)),
    Var("width", (16, 24), 32),
    Var("depth", (0, 1, 2)),
    Var("ratio", (0.5, 2)),
    Var("wide", range(64, 136, 8)),
    Var("far", (-3, 1000)),
)
WORD = Var("op", ("conv", "skip"))

Plain = tuple[Expr, tuple[object, ...] | Value | Var]
"""An expression, simplified as it was made, beside the same as it was meant."""


def leaf(value: Value | Var) -> Plain:
    return const(value), value


def made(op: str, *parts: Plain) -> Plain:
    return apply(op, *(part[0] for part in parts)), (op, *(part[1] for part in parts))


def meant(plain: object, env: dict[str, Value]) -> Value:
    """Return what an unsimplified expression comes to."""
    if isinstance(plain, Var):
        return env[plain.name]
    if not isinstance(plain, tuple):
        return plain  # type: ignore[return-value]
    op, *parts = plain
    values = [meant(part, env) for part in parts]
    a, b, *_ = (*values, None)
    match op:
        case "and":
            return a and b
        case "or":
            return a or b
        case "not":
            return not a
        case "neg":
            return -a  # type: ignore[operator]
        case "if":
            return values[1] if a else values[2]
        case "min" | "max" | "round" | "divisible" | "floor":
            functions = {"min": min, "max": max, "round": round, **SCOPE}
            return functions[op](*values)  # type: ignore[operator]
        case _:
            return eval(f"a {op} b", {"a": a, "b": b})  # type: ignore[no-any-return]


leaves = st.sampled_from(VARS).map(leaf) | st.integers(-4, 40).map(leaf)
leaves |= st.sampled_from((0.0, 1.0, -1.0, 0.1, 2.5)).map(leaf)
positive = st.sampled_from((*VARS[:3], 1, 2, 8)).map(leaf)


def grow(numbers: st.SearchStrategy[Plain]) -> st.SearchStrategy[Plain]:
    logic = st.builds(made, st.sampled_from(("==", "!=", "<", "<=", ">", ">=")), numbers, numbers)
    logic |= st.builds(made, st.sampled_from(("and", "or")), logic, logic)
    logic |= st.builds(made, st.just("not"), logic)
    return (
        st.builds(made, st.sampled_from(("+", "-", "*", "min", "max")), numbers, numbers)
        | st.builds(made, st.sampled_from(("/", "//", "%")), numbers, positive)
        | st.builds(made, st.sampled_from(("neg", "round", "floor")), numbers)
        | st.builds(made, st.just("divisible"), positive, positive)
        | st.builds(made, st.just("if"), logic, numbers, numbers)
    )


numbers = st.recursive(leaves, grow, max_leaves=10)
archs = st.fixed_dictionaries({var.name: st.sampled_from(var.values) for var in VARS})


@given(numbers, archs)
def test_simplifying_keeps_the_value(plain: Plain, arch: dict[str, Value]) -> None:
    """Exactly, and in type: 1, 1.0 and True are equal, and differ as text."""
    value, wanted = evaluate(plain[0], arch), meant(plain[1], arch)
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize("value", [Var("half", (1.5, 2.5)), Var("mixed", (0.1, 2))])
@pytest.mark.parametrize(
    ("op", "constant", "turned"),
    [
        (op, constant, turned)
        for op in ("+", "-", "*", "//", "min", "max")
        for constant in (0, 1, 1.0)
        for turned in (False, True)
        if turned or (op, constant) != ("//", 0)
    ],
)
def test_no_rule_for_whole_numbers_is_used_for_fractions(
    value: Var, constant: float, op: str, turned: bool
) -> None:
    operands = (constant, value) if turned else (value, constant)
    again = (op, *operands)
    simplified = apply("-", apply("+", apply(op, *operands), 1), 1)
    for env in assignments((value,)):
        wanted = meant(again, env)
        assert evaluate(apply(op, *operands), env) == wanted
        assert evaluate(simplified, env) == wanted + 1 - 1  # type: ignore[operator]


@given(numbers, archs)
def test_the_source_has_the_same_value(plain: Plain, arch: dict[str, Value]) -> None:
    text = source(plain[0])
    assert eval(text, {**SCOPE, **arch}) == evaluate(plain[0], arch)


@given(numbers, archs, st.sampled_from((1, 8, 1 << 16)))
def test_no_value_is_above_what_is_allocated(
    plain: Plain, arch: dict[str, Value], limit: int
) -> None:
    value = evaluate(plain[0], arch)
    assert isinstance(value, int | float)
    assert value <= upper(plain[0], limit=limit) + 1e-9


@given(numbers)
def test_a_table_holds_the_value_of_every_assignment(plain: Plain) -> None:
    expr = plain[0]
    if combinations(expr.support) > 500:
        return
    values = [evaluate(expr, env) for env in assignments(expr.support)]
    assert tabulate(expr, expr.support) == values
    assert expr.table is None or list(expr.table) == values


@given(numbers)
def test_its_kind_is_the_type_of_its_values(plain: Plain) -> None:
    expr = plain[0]
    if combinations(expr.support) > 500:
        return
    kinds = {type(evaluate(expr, env)) for env in assignments(expr.support)}
    assert kinds == {expr.kind} or (expr.kind is float and kinds <= {int, float})


@given(numbers, archs)
def test_its_size_bounds_its_values(plain: Plain, arch: dict[str, Value]) -> None:
    value = evaluate(plain[0], arch)
    assert isinstance(value, int | float)
    assert abs(value) <= plain[0].size + 1e-9


@given(numbers, numbers)
def test_equal_expressions_have_equal_hashes(a: Plain, b: Plain) -> None:
    if a[0] == b[0]:
        assert hash(a[0]) == hash(b[0])
    assert a[0] == a[0]


kernel, expand, width, depth, ratio, wide, far = VARS


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (kernel + 0, "kernel"),
        (kernel * 1, "kernel"),
        (kernel * 0, "0"),
        (kernel - 1 + 1, "kernel"),
        (apply("//", kernel, 1), "kernel"),
        (apply("//", ratio, 1), "ratio // 1"),
        (apply("min", ratio, ratio), "ratio"),
        ((kernel + 2) - 1, "kernel + 1"),
        (2 - kernel, "2 - kernel"),
        (kernel - (expand - kernel), "kernel - (expand - kernel)"),
        ((kernel + expand) * 2, "(kernel + expand) * 2"),
        (kernel // 2 * 2 - kernel, "-1"),
        (kernel % 2, "1"),
        (apply("neg", kernel + 1), "-(kernel + 1)"),
        (apply("<=", 3, kernel), "True"),
        (apply("not", apply("==", kernel, 3)), "not kernel == 3"),
        (apply("and", apply("==", kernel, 3), TRUE), "kernel == 3"),
        (select(apply("==", kernel, 3), expand, expand), "expand"),
        (select(apply("==", kernel, 3), const(1), expand), "1 if kernel == 3 else expand"),
        (apply("divisible", width * 3, 8), "divisible(width * 3, 8)"),
        (apply("==", WORD, "skip"), "op == 'skip'"),
    ],
)
def test_the_text_is_simple(expr: Expr, text: str) -> None:
    assert source(expr) == text


def test_what_is_beyond_the_choices_is_allocated() -> None:
    assert upper(width) == 32
    assert upper(width * 3) == 96
    assert upper(apply("divisible", width + 5, 8)) == 40


def test_a_plain_number_is_its_own_upper_bound() -> None:
    assert upper(5) == upper(const(5)) == 5


def test_what_is_beyond_the_choices_is_part_of_every_bound() -> None:
    width, wide = Var("width", (16, 24), 32), Var("wide", range(64, 136, 8))
    for limit in (1, 1 << 16):
        assert upper(width + wide * kernel, limit=limit) == 32 + 128 * 7
        assert upper(select(apply(">", wide * kernel, 100), width, 1), limit=limit) == 32


def test_rounding_to_another_multiple_is_bounded() -> None:
    steps = Var("steps", (8, 10))
    assert evaluate(apply("divisible", 10, steps), {"steps": 8}) == 16
    sizes = Var("sizes", range(70, 110))
    rounded = apply("divisible", sizes, steps)
    assert upper(rounded) <= upper(rounded, limit=1) <= 109 + 10


def test_a_mistake_makes_all_unknown() -> None:
    assert apply("+", UNKNOWN, 1) is UNKNOWN
    assert apply("*", kernel, UNKNOWN) is UNKNOWN
    assert select(UNKNOWN, kernel, expand) is UNKNOWN
    assert static(UNKNOWN) is None


def test_a_word_is_no_number() -> None:
    assert apply("==", WORD, "other") == FALSE
    assert WORD.kind is str


def test_true_is_not_one() -> None:
    assert Const(True) != Const(1)
    assert apply("if", apply("==", kernel, 3), Const(True), Const(True)) == TRUE


def test_a_constant_beyond_bounds_is_refused() -> None:
    with pytest.raises(TooLargeError):
        apply("*", LARGEST, 2)
    with pytest.raises(TooLargeError):
        apply("*", 1e308, 1e308)
    with pytest.raises(ZeroDivisionError):
        apply("//", 1, 0)


def test_a_number_is_refused_just_beyond_ten_to_the_fifteenth() -> None:
    assert static(apply("+", 10**15 - 1, 1)) == LARGEST == 10**15
    assert static(apply("-", 1 - 10**15, 1)) == -LARGEST
    for op, a, b in (("+", 10**15, 1), ("-", -(10**15), 1), ("*", 10**8, 10**8)):
        with pytest.raises(TooLargeError, match="this goes beyond 1e\\+15"):
            apply(op, a, b)
    with pytest.raises(TooLargeError):
        apply("/", 1e300, 1e-300)
    large = Var("large", (1, 10**15))
    assert bounded(large) is large
    with pytest.raises(TooLargeError):
        bounded(large + 1)
    with pytest.raises(TooLargeError):
        bounded(apply("-", -1, large))


def test_a_value_depends_on_1024_dimensions_at_most() -> None:
    parts: list[Expr] = [Var(f"v{i}", (0, 1)) for i in range(1024)]
    while len(parts) > 1:  # sums of pairs, so that nothing nests deeply
        parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=True)]
    assert len(parts[0].support) == 1024
    with pytest.raises(TooLargeError, match="more than 1024 dimensions"):
        apply("+", parts[0], kernel)


def test_a_product_that_grows_without_end_is_refused() -> None:
    value: Expr = Var("a", range(-299, 300))  # too many values for a table
    for _ in range(4):
        value = bounded(value * value)
    with pytest.raises(TooLargeError):
        bounded(value * value)


def test_a_chain_without_end_is_refused() -> None:
    value: Expr = kernel
    for _ in range(DEEPEST):
        value = bounded(apply("-", expand, value))
    with pytest.raises(TooLargeError, match="steps"):
        bounded(apply("-", expand, value))


def test_the_deepest_expression_can_be_read() -> None:
    value: Expr = kernel
    while value.depth < DEEPEST:
        value = bounded(apply("-", expand, value))
    env: dict[str, Value] = {"kernel": 3, "expand": 4}
    assert evaluate(value, env) == 3
    assert eval(source(value), dict(env)) == 3
    assert tabulate(value, (kernel, expand))[1] == 3
    assert upper(value) == 7


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "//", "%", "min", "max", "divisible"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_size_bounds_values_of_operands_of_unlike_sizes(op: str, turned: bool) -> None:
    near, far = Var("near", (1, 2)), Var("far", (1, 7, 900))
    expr = apply(op, far, near) if turned else apply(op, near, far)
    values = [abs(value) for value in tabulate(expr, (near, far)[:: -1 if turned else 1])]
    assert max(values) <= expr.size <= 2000
    chosen = select(apply(">", near, 1), *((far, near) if turned else (near, far)))
    assert chosen.size == 900


@given(st.lists(st.sampled_from(VARS[:4]), max_size=80))
def test_a_conjunction_of_many_stays_shallow(variables: list[Var]) -> None:
    parts = [apply(">", var, i % 7) for i, var in enumerate(variables)]
    whole = conjunction(parts)
    assert whole.depth <= 40
    for env in assignments(VARS[:4]):
        assert evaluate(whole, env) == all(evaluate(part, env) for part in parts)
        assert evaluate(negate(whole), env) != evaluate(whole, env)


@pytest.mark.parametrize("count", [1, 16, 17, 32, 33, 300])
def test_a_conjunction_has_all_of_its_parts(count: int) -> None:
    parts = [Var(f"v{i}", (False, True)) for i in range(count)]
    whole = conjunction(parts)
    assert {var.name for var in whole.support} == {var.name for var in parts}
    env: dict[str, Value] = {var.name: True for var in parts}
    assert evaluate(whole, env) is True
    for var in parts:
        assert evaluate(whole, {**env, var.name: False}) is False


def test_divisible_never_loses_a_tenth() -> None:
    for value in range(1, 2000):
        found = divisible(value)
        assert found % 8 == 0
        assert found >= 8
        assert found >= 0.9 * value


def test_rounding_to_a_multiple_may_lose_exactly_a_tenth() -> None:
    assert divisible(10, 9) == 9
    assert divisible(11, 9) == 18  # 9 would be less than nine tenths


def test_a_dimension_compared_with_itself_is_decided() -> None:
    for op, holds in {"<": False, "<=": True, ">": False, ">=": True}.items():
        assert apply(op, kernel, kernel) == Const(holds)
    assert (apply("==", kernel, kernel), apply("!=", kernel, kernel)) == (TRUE, FALSE)


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "//", "%", "min", "max"])
@pytest.mark.parametrize("number", [0, 1, -1])
def test_a_neutral_number_of_one_operator_is_none_of_another(op: str, number: int) -> None:
    # so many values that the simplest form does not come from trying them
    far = Var("far", range(2, 1000))
    functions = {"min": min, "max": max}
    for env in assignments((far,)):
        value = env["far"]
        text = f"{op}(a, b)" if op in functions else f"a {op} b"
        if not (op in ("/", "//", "%") and number == 0):
            expected = eval(text, {"a": value, "b": number})
            assert evaluate(apply(op, far, number), env) == expected
        assert evaluate(apply(op, number, far), env) == eval(text, {"a": number, "b": value})


def test_a_remainder_is_bounded_by_what_divides() -> None:
    wide = Var("wide", range(64, 136, 8))
    assert 7 <= upper((wide + kernel * expand) % 8, limit=1) <= 8
    assert upper(apply("%", wide, kernel), limit=1) >= 6


def test_bounds_of_parts_are_tight_where_operators_are_monotone() -> None:
    wide = Var("wide", range(64, 136, 8))
    for expr in (
        wide + kernel * expand,
        wide * kernel - expand,
        apply("-", 5, wide * kernel),
        apply("//", wide * kernel, expand),
        apply("min", wide * kernel, expand * 100),
        select(apply(">", wide * kernel, 200), wide * 2, kernel * expand),
        apply("divisible", wide * kernel, 8),
    ):
        assert upper(expr, limit=1) == upper(expr)
