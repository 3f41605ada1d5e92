"""Syntax trees for property tests: whatever the grammar can say."""

from __future__ import annotations

from hypothesis import strategies as st

from ofadsl.compiler import syntax
from ofadsl.compiler.syntax import Expression, Statement
from ofadsl.diagnostics import Source, Span

NOWHERE = Span(source=Source(path="tree", text=""), start=0, end=0)
RESERVED = {"and", "or", "not", "if", "else", "true", "false", "let"}
HEADS = {"input", "default", "choice", "require", "stage", "residual", "add", "concat", "oneof"}
HEADS |= {"block", "space", "schedule", "import"}
CALLED = {"depth", "when", "unlock", "distil", "phase", "epochs", "largest", "from", "any"}
SOFT = HEADS | CALLED | {"step", "of", "in", "first", "index"}

plain = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True).filter(
    lambda text: text not in RESERVED
)


def name_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[syntax.Name]:
    return texts.map(lambda text: syntax.Name(span=NOWHERE, text=text))


names = name_of(plain | st.sampled_from(sorted(SOFT)))
callees = name_of(plain.filter(lambda text: text not in HEADS) | st.sampled_from(sorted(CALLED)))

numbers = (st.integers(0, 10**6) | st.floats(0, 1e12, allow_nan=False, allow_subnormal=False)).map(
    lambda value: syntax.Number(span=NOWHERE, value=value, text=repr(value))
)
leaves: st.SearchStrategy[Expression] = (
    names | numbers | st.booleans().map(lambda value: syntax.Bool(span=NOWHERE, value=value))
)

BINARY = ("+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or")


def grow(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    some = st.lists(inner, max_size=3).map(tuple)
    here = st.just(NOWHERE)
    return st.one_of(
        st.builds(syntax.SetLit, span=here, items=some.filter(bool)),
        st.builds(syntax.RangeLit, span=here, low=inner, high=inner, step=inner | st.none()),
        st.builds(syntax.Unary, span=here, op=st.sampled_from(["-", "not"]), operand=inner),
        st.builds(syntax.Binary, span=here, op=st.sampled_from(BINARY), left=inner, right=inner),
        st.builds(syntax.IfElse, span=here, condition=inner, then=inner, orelse=inner),
        st.builds(syntax.Apply, span=here, function=names, arguments=some),
        st.builds(syntax.Member, span=here, base=inner, name=names),
        st.builds(syntax.Index, span=here, base=inner, index=inner),
    )


expressions = st.recursive(leaves, grow, max_leaves=8)
arguments = st.lists(
    st.builds(syntax.Argument, span=st.just(NOWHERE), name=names | st.none(), value=expressions),
    max_size=3,
).map(tuple)
lets = st.builds(
    syntax.Let,
    span=st.just(NOWHERE),
    name=names,
    parameters=st.none() | st.lists(names, max_size=2).map(tuple),
    value=expressions,
)
simple: st.SearchStrategy[Statement] = st.one_of(
    lets,
    st.builds(syntax.Input, span=st.just(NOWHERE), kind=names, arguments=arguments),
    st.builds(syntax.Default, span=st.just(NOWHERE), callee=callees, arguments=arguments),
    st.builds(
        syntax.Choice,
        span=st.just(NOWHERE),
        name=names,
        values=expressions,
        allocate=st.none() | expressions,
    ),
    st.builds(syntax.Require, span=st.just(NOWHERE), condition=expressions),
    st.builds(
        syntax.Call,
        span=st.just(NOWHERE),
        label=names | st.none(),
        callee=callees,
        arguments=arguments,
    ),
)


def nest(inner: st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
    body = st.lists(inner, max_size=3).map(tuple)
    here = st.just(NOWHERE)
    options = st.lists(st.builds(syntax.Option, span=here, name=names, body=body), max_size=3)
    return st.one_of(
        st.builds(syntax.Stage, span=here, name=names, depth=expressions, body=body),
        st.builds(syntax.If, span=here, condition=expressions, then=body, orelse=body),
        st.builds(syntax.Residual, span=here, condition=expressions | st.none(), body=body),
        st.builds(
            syntax.Branches,
            span=here,
            op=st.sampled_from(["add", "concat"]),
            branches=st.lists(body, min_size=2, max_size=3).map(tuple),
        ),
        st.builds(syntax.OneOf, span=here, label=names | st.none(), options=options.map(tuple)),
    )


statements = st.recursive(simple, nest, max_leaves=8)
parameters = st.lists(
    st.builds(
        syntax.Parameter,
        span=st.just(NOWHERE),
        name=names,
        default=expressions | st.none(),
        allowed=expressions | st.none(),
    ),
    max_size=3,
).map(tuple)
paths = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='"'))


def declarations(
    kind: type[syntax.BlockDecl] | type[syntax.SpaceDecl],
) -> st.SearchStrategy[syntax.BlockDecl | syntax.SpaceDecl]:
    body = st.lists(statements, max_size=3).map(tuple)
    return st.builds(kind, span=st.just(NOWHERE), name=callees, parameters=parameters, body=body)


words = callees.filter(lambda name: name.text not in {"unlock", "distil"})
here = st.just(NOWHERE)
instructions: st.SearchStrategy[syntax.Instruction] = st.one_of(
    st.builds(
        syntax.Unlock,
        span=here,
        dimension=expressions,
        part=st.none()
        | st.builds(syntax.Largest, span=here, number=expressions)
        | st.builds(syntax.From, span=here, least=expressions),
        if_any=st.booleans(),
    ),
    st.builds(syntax.Distil, span=here, teacher=callees, arguments=arguments),
    st.builds(syntax.Setting, span=here, word=words, value=st.none() | expressions),
)
phases = st.builds(
    syntax.Phase,
    span=here,
    name=names,
    epochs=expressions,
    body=st.lists(instructions, max_size=4).map(tuple),
)
schedules = st.builds(
    syntax.ScheduleDecl,
    span=here,
    name=callees,
    parameters=parameters,
    body=st.lists(phases, max_size=3).map(tuple),
)

files = st.builds(
    syntax.File,
    span=st.just(NOWHERE),
    items=st.lists(
        st.one_of(
            lets,
            st.builds(syntax.Import, span=st.just(NOWHERE), path=paths),
            declarations(syntax.BlockDecl),
            declarations(syntax.SpaceDecl),
            schedules,
        ),
        max_size=4,
    ).map(tuple),
)
