"""Random statements of the language: ops, blocks, stages and all that has bodies, of tiny sizes.

In: what flows into a body, and the names in scope. Out: syntax trees of statements, and what they
give. The sizes that each width can have are counted along, so that most of it is valid.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from random_calls import PLAIN, Calls, Feat, Here
from random_values import (
    Entry,
    Scope,
    binary,
    flag,
    if_else,
    is_set,
    members,
    name,
    number,
    range_of,
    set_of,
    values,
)
from trees import NOWHERE

from ofadsl.compiler import syntax
from ofadsl.compiler.syntax import Expression, Statement


@dataclass(slots=True, kw_only=True)
class Generator:
    """Draws statements and bodies."""

    calls: Calls
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """Bodies with the statements that they are still to get."""

    def body(
        self,
        feat: Feat,
        here: Here,
        count: int,
        goal: Expression | None = None,
        *,
        same: bool = False,
    ) -> tuple[tuple[Statement, ...], Feat]:
        """Return statements and what they give: of the width ``goal``, or of the ``same`` one."""
        statements: list[Statement] = []
        if same and feat.expr is None:
            here = replace(here, keep="shape")
        start = feat
        wish = next((pair for pair in self.pairs if pair[0] == here.kind), None)
        if wish is not None:
            self.pairs.remove(wish)
            if wish[1] == "nothing":
                return (), feat
            made, feat = self.forced(wish[1], feat, here)
            statements += made
        for _ in range(count):
            if self.calls.left <= 0:
                break
            self.declare(statements, here)
            self.moves(feat, here)
            made, feat = self.statement(feat, here)
            statements += made
        wanted = goal if goal is not None else (start.expr if same else None)
        if wanted is not None and feat.expr != wanted:
            found = values(wanted, here.scope) or (4,)
            callee = "conv" if feat.rank == "image" else "linear"
            statements.append(self.calls.call(callee, wanted))
            feat = replace(feat, widths=tuple(int(v) for v in found), expr=wanted)
        return used(statements, here.scope), feat

    def moves(self, feat: Feat, here: Here) -> None:
        """Give `in` its meaning where it follows the network from statement to statement."""
        if here.where == "space":
            here.scope.entries["in"] = Entry(kind="number", values=feat.widths, moving=True)

    def declare(self, statements: list[Statement], here: Here) -> None:
        """Now and then declare a choice, a value, a function or a default, or require something."""
        if self.calls.values.room > 1 and self.calls.chance(0.22):
            self.choice(statements, here)
        if self.calls.chance(0.15):
            self.let(statements, here)
        if self.calls.chance(0.06):
            statements.append(self.default(here))
        if self.calls.chance(0.05):
            self.require(statements, here)

    def require(self, statements: list[Statement], here: Here) -> None:
        """Require a condition that some choices meet and others do not, where one is found."""
        condition = self.calls.values.condition(here.scope, 1, moving=False)
        if set(values(condition, here.scope) or ()) == {True, False}:
            statements.append(syntax.Require(span=NOWHERE, condition=condition))

    def choice(self, statements: list[Statement], here: Here) -> str:
        """Declare a choice; return its name."""
        rng, scope, own = self.calls.rng, here.scope, self.calls.values
        pool: tuple[float, ...] = rng.choice(((4, 8, 12, 16), (4, 8, 12, 16), (1, 2, 3), (1, 3, 5)))
        expr = own.set(pool)
        if self.calls.chance(0.08):
            expr = set_of((0.5, 1.5)) if self.calls.chance(0.5) else range_of(1, 2, 0.5)
        found = members(expr, scope)
        text = self.shadow(scope) if self.calls.chance(0.06) else self.calls.fresh()
        allocate = None
        if self.calls.chance(0.15) and all(isinstance(v, int) for v in found):
            allocate = number(max(int(v) for v in found if not isinstance(v, str)) + 4)
        statements.append(
            syntax.Choice(span=NOWHERE, name=name(text), values=expr, allocate=allocate)
        )
        own.charge(expr, scope, 1)
        scope.entries[text] = Entry(kind="number", values=found)
        return text

    def shadow(self, scope: Scope) -> str:
        """Return a name of an outer body, which a new meaning hides; or a new name."""
        outer = scope.parent.visible("number") if scope.parent is not None else []
        names = [n for n in outer if n not in scope.entries and n not in ("in", "first", "index")]
        return self.calls.rng.choice(names) if names else self.calls.fresh()

    def let(self, statements: list[Statement], here: Here, kind: str = "") -> None:
        """Name a value, a set, a condition, or a function."""
        rng, scope, own = self.calls.rng, here.scope, self.calls.values
        text = self.calls.fresh()
        kind = kind or rng.choice(("number", "number", "set", "flag", "function", "function"))
        parameters: tuple[str, ...] | None = None
        if kind == "number":
            expr, found = self.calls.width(here)
            if self.calls.chance(0.3):
                expr = own.number(scope, 2, here.copies)
                if values(expr, scope) is None:
                    return
            moves = any(
                isinstance(p, syntax.Name) and (e := scope.find(p.text)) is not None and e.moving
                for p in syntax.walk(expr)
            )
            entry = Entry(kind=kind, expr=expr, scope=_frozen(scope))
            if moves:  # the value stays, where what it was made of moves on
                entry = Entry(kind=kind, values=tuple(values(expr, scope) or found))
            if is_set(expr, scope):
                entry = Entry(kind="set", values=members(expr, scope))
        elif kind == "set":
            expr = own.set((4, 8, 12) if self.calls.chance(0.6) else (1, 3, 5))
            entry = Entry(kind=kind, values=members(expr, scope))
        elif kind == "flag":
            expr = own.condition(scope, 1)
            found_values = values(expr, scope)
            if found_values is None:
                return
            entry = Entry(kind=kind, values=found_values)
        else:
            parameters = tuple(rng.sample(("a", "b", "c"), rng.choice((1, 1, 2))))
            inner = _frozen(scope).inner()
            inner.entries.update({p: Entry(kind="number", values=_GIVEN) for p in parameters})
            expr = own.number(inner, 2, 0, moving=False)
            if values(expr, inner) is None:
                return
            entry = Entry(kind=kind, expr=expr, scope=_frozen(scope), parameters=parameters)
        names = None if parameters is None else tuple(map(name, parameters))
        statements.append(syntax.Let(span=NOWHERE, name=name(text), parameters=names, value=expr))
        scope.entries[text] = entry

    def default(self, here: Here) -> syntax.Default:
        """Give all later calls an argument that changes no shape."""
        callee, key, value = self.calls.rng.choice(
            (
                ("bn", "eps", number(1e-3)),
                ("bn", "momentum", number(0.2)),
                ("conv", "bias", flag(True)),
                ("conv", "resize", name("crop")),
                ("dwconv", "bias", flag(True)),
                ("conv_bn", "act", name("tanh")),
                ("squeeze_excite", "gate", name("sigmoid")),
                ("ln", "eps", number(1e-4)),
                ("linear", "bias", flag(False)),
                ("conv_bn", "kernel", set_of((1, 3))),
                ("dwconv", "kernel", set_of((1, 3))),
            )
        )
        argument = syntax.Argument(span=NOWHERE, name=name(key), value=value)
        return syntax.Default(span=NOWHERE, callee=name(callee), arguments=(argument,))

    def statement(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return one statement, or a few that belong together."""
        self.calls.left -= 1
        if here.where == "space" and here.deep == 0 and self.calls.chance(0.3):
            return self.stage(feat, here)
        if here.deep < 3 and self.calls.left > 0 and self.calls.chance(0.45):
            return self.compound(feat, here)
        if self.calls.chance(0.25):
            made = self.calls.block_call(feat, here)
            if made is not None:
                return made
        return self.calls.op(feat, here)

    def compound(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return a statement with bodies."""
        kinds = ("if", "residual", "residual when", "add", "concat", "oneof", "oneof")
        return self.forced(self.calls.rng.choice(kinds), feat, here)

    def forced(self, kind: str, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return a statement of a kind, or what comes closest to it here."""
        make: dict[str, Callable[[Feat, Here], tuple[list[Statement], Feat]]] = {
            "if": self.if_,
            "else": self.if_,
            "residual": self.residual,
            "residual when": self.residual_when,
            "add": self.add,
            "concat": self.concat,
            "oneof": self.oneof,
            "labelled oneof": self.oneof,
            "stage": self.stage,
            "op": self.calls.op,
        }
        self.moves(feat, here)
        if kind in make:
            return make[kind](feat, here)
        if kind in ("prelude block", "own block", "labelled call"):
            made = self.calls.block_call(feat, here, own=kind == "own block")
            if made is None or kind == "labelled call":
                made = self.calls.op(feat, here)
            *before, last = made[0]
            if kind == "labelled call" and isinstance(last, syntax.Call):
                last = replace(last, label=name(self.calls.fresh()))
            return [*before, last], made[1]
        return self.declared(kind, here), feat

    def declared(self, kind: str, here: Here) -> list[Statement]:
        """Return a declaration of a kind, and something that uses a choice."""
        statements: list[Statement] = []
        match kind:
            case "choice":
                text = self.choice(statements, here)
                entry = here.scope.find(text)
                assert entry is not None
                least = entry.values[0]
                assert not isinstance(least, str)
                condition = binary(">", name(text), number(least))
                way = (self.calls.act(),)
                statements.append(syntax.If(span=NOWHERE, condition=condition, then=way, orelse=()))
            case "default":
                statements.append(self.default(here))
            case "require":
                for _ in range(20):
                    self.require(statements, here)
                    if statements:
                        break
            case "let" | "let function":
                while not statements:
                    self.let(statements, here, "function" if kind == "let function" else "number")
        return statements

    def inside(self, here: Here, kind: str) -> Here:
        """Return the place in an inner body."""
        keep = "rows" if here.keep == "any" else here.keep
        scope = here.scope.inner()
        return replace(here, scope=scope, deep=here.deep + 1, kind=kind, keep=keep)

    def few(self, *, empty: float = 0.1) -> int:
        """Return how many statements a body gets."""
        return 0 if self.calls.chance(empty) else self.calls.rng.choice((1, 1, 2, 2, 3))

    def if_(
        self, feat: Feat, here: Here, condition: Expression | None = None
    ) -> tuple[list[Statement], Feat]:
        condition = condition or self.calls.values.condition(here.scope, 2)
        if values(condition, here.scope) is None:
            condition = flag(self.calls.chance(0.5))
        then, a = self.body(feat, self.inside(here, "if"), self.few())
        orelse: tuple[Statement, ...] = ()
        b = feat
        if self.calls.chance(0.6) or any(outer == "else" for outer, _ in self.pairs):
            if self.calls.chance(0.25) and self.calls.left > 1:
                nested, b = self.if_(feat, self.inside(here, "else"))
                orelse = tuple(nested)
            else:
                orelse, b = self.body(feat, self.inside(here, "else"), self.few())
        node = syntax.If(span=NOWHERE, condition=condition, then=then, orelse=orelse)
        return [node], _either(a, b, same=here.keep == "shape" and feat)

    def residual(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        before: list[Statement] = []
        if feat.expr is None and here.keep != "shape" and self.calls.chance(0.6):
            before, feat = self.named(feat, here)
        body, _ = self.body(feat, self.inside(here, "residual"), self.few(), same=True)
        return [*before, syntax.Residual(span=NOWHERE, condition=None, body=body)], feat

    def residual_when(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return a residual under the condition that the width stays."""
        inner = self.inside(here, "residual when")
        if here.keep == "shape" or self.calls.chance(0.1):
            condition = self.calls.values.condition(here.scope, 1)
            if values(condition, here.scope) is None:
                condition = flag(True)
            body, _ = self.body(feat, replace(inner, keep="shape"), self.few(), same=True)
            return [syntax.Residual(span=NOWHERE, condition=condition, body=body)], feat
        expr, found = self.calls.width(here, sets=False, moving=False)
        first = name("in") if here.where == "space" else (feat.expr or name("in"))
        condition = binary("==", first, expr)
        if self.calls.chance(0.3):
            condition = binary("and", self.calls.values.condition(here.scope, 1), condition)
        body, after = self.body(feat, inner, self.few(), expr)
        after = replace(after, widths=found, expr=self.calls.known(expr, here.scope))
        if not body:
            after = feat
        return [syntax.Residual(span=NOWHERE, condition=condition, body=body)], after

    def named(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Give the width that comes in a name: that of what is, or of a new layer."""
        if here.where == "space" and self.calls.chance(0.5):
            text = self.calls.fresh()
            let = syntax.Let(span=NOWHERE, name=name(text), parameters=None, value=name("in"))
            here.scope.entries[text] = Entry(kind="number", values=feat.widths)
            return [let], replace(feat, expr=name(text))
        expr, found = self.calls.width(here, sets=False, moving=False)
        callee = "conv" if feat.rank == "image" else "linear"
        return [self.calls.call(callee, expr)], replace(feat, widths=found, expr=expr)

    def add(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        goal: Expression | None = None
        found = feat.widths
        before: list[Statement] = []
        if here.keep != "shape" and self.calls.chance(0.6):
            goal, found = self.calls.width(here, sets=False, moving=False)
        elif feat.expr is None and here.keep != "shape":
            before, feat = self.named(feat, here)
            found = feat.widths
        ways = []
        for _ in range(self.calls.rng.choice((2, 2, 3))):
            inner = self.inside(here, "add")
            way, _ = self.body(feat, inner, self.few(empty=0.2), goal, same=not goal)
            ways.append(way)
        node = syntax.Branches(span=NOWHERE, op="add", branches=tuple(ways))
        expr = feat.expr if goal is None else self.calls.known(goal, here.scope)
        return [*before, node], replace(feat, widths=found, expr=expr)

    def concat(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        if here.keep == "shape" or max(feat.widths) > 24:
            return self.add(feat, here)
        ways, total = [], {0}
        for _ in range(self.calls.rng.choice((2, 2, 3))):
            way, after = self.body(feat, self.inside(here, "concat"), self.few(empty=0.2))
            ways.append(way)
            total = {a + b for a in total for b in after.widths}
        node = syntax.Branches(span=NOWHERE, op="concat", branches=tuple(ways))
        return [node], replace(feat, widths=tuple(sorted(total))[:64], expr=None)

    def oneof(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        count = self.calls.rng.choice((2, 2, 3))
        if self.calls.values.room < 1.6 * here.copies:
            return self.calls.op(feat, here)
        self.calls.values.room -= 1.6 * here.copies
        options, after = [], None
        for text in self.calls.rng.sample(PLAIN, count):
            body, given = self.body(feat, self.inside(here, "oneof"), self.few(empty=0.15))
            options.append(syntax.Option(span=NOWHERE, name=name(text), body=body))
            after = given if after is None else _either(after, given)
        assert after is not None
        label = self.calls.label() or self.calls.label()
        node = syntax.OneOf(span=NOWHERE, label=label, options=tuple(options))
        return [node], feat if here.keep == "shape" else after

    def stage(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return a stage whose blocks give a width that does not depend on what comes in."""
        rng, text = self.calls.rng, self.calls.fresh("s" if self.calls.chance(0.5) else "")
        low, high = rng.choice(((0, 2), (1, 2), (1, 3), (2, 2), (0, 1), (2, 3)))
        depth: Expression = range_of(low, high, None) if low < high else number(high)
        if self.calls.chance(0.2) and low < high:
            depth = set_of((low, high))
        if self.calls.chance(0.1) and low < high:
            static = [n for n in here.scope.visible("flag") if self._static(here.scope, n)]
            if static:
                depth = if_else(name(rng.choice(static)), depth, number(high))
        self.calls.values.room -= 1
        scope = here.scope.inner()
        goal: Expression | None = None
        entering = feat.widths
        if self.calls.chance(0.65):
            goal, found = self.calls.width(here, 4, sets=False, moving=False)
            entering = tuple(sorted({*feat.widths, *found}))
        scope.entries["in"] = Entry(kind="number", values=entering, moving=True)
        scope.entries["first"] = Entry(kind="flag", values=(True, False))
        scope.entries["index"] = Entry(kind="number", values=tuple(range(high)))
        keep = "any" if self.calls.chance(0.3) and feat.rank == "image" else "rows"
        if goal is None:
            keep = "shape"
        inner = replace(
            here, scope=scope, where="stage", copies=high, deep=1, kind="stage", keep=keep
        )
        flowing = replace(feat, widths=entering, expr=name("in"))
        body, after = self.body(flowing, inner, rng.choice((1, 1, 2, 3)), goal)
        if not any(isinstance(s, syntax.Call) for s in body):
            body = (*body, self.calls.call("bn" if feat.rank == "image" else "ln"))
        rows = tuple(sorted({*feat.rows, *after.rows}))
        widths = entering if goal is not None else feat.widths
        expr = feat.expr if goal is None else None
        here.scope.entries[text] = Entry(kind="stage", values=(low, high))
        node = syntax.Stage(span=NOWHERE, name=name(text), depth=depth, body=body)
        return [node], replace(feat, widths=widths, rows=rows, expr=expr)

    def _static(self, scope: Scope, text: str) -> bool:
        entry = scope.find(text)
        return entry is not None and entry.fixed


_GIVEN = (0, 1, 2, 3, 4, 8)
"""What functions are tried with."""


def _frozen(scope: Scope) -> Scope:
    """Return a scope that sees what is visible now, whatever is added later."""
    return Scope(parent=scope.parent, entries=dict(scope.entries))


def _either(a: Feat, b: Feat, same: object = False) -> Feat:
    """Return what one of two ways gives."""
    if isinstance(same, Feat):
        return same
    return Feat(
        rank=a.rank,
        widths=tuple(sorted({*a.widths, *b.widths})),
        rows=tuple(sorted({*a.rows, *b.rows})),
        expr=a.expr if a.expr is not None and a.expr == b.expr else None,
    )


def names_in(node: object) -> set[str]:
    """Return all names in a syntax tree."""
    if isinstance(node, syntax.Name):
        return {node.text}
    if isinstance(node, tuple):
        return set().union(*map(names_in, node)) if node else set()
    if dataclasses.is_dataclass(node) and isinstance(node, syntax.Node):
        parts = (getattr(node, f.name) for f in dataclasses.fields(node) if f.name != "span")
        return set().union(*map(names_in, parts))
    return set()


def used(statements: list[Statement], scope: Scope) -> tuple[Statement, ...]:
    """Return the statements without choices, and values made of sets, that nothing speaks of.

    The scope forgets their names.
    """
    kept: list[Statement] = []
    seen: set[str] = set()
    for statement in reversed(statements):
        if isinstance(statement, syntax.Choice | syntax.Let):
            text = statement.name.text
            if text not in seen and _opens(statement):
                scope.entries.pop(text, None)
                continue
            seen.discard(text)
        kept.append(statement)
        seen |= names_in(statement)
    return tuple(reversed(kept))


def _opens(statement: syntax.Choice | syntax.Let) -> bool:
    """Return whether a statement makes dimensions, be they used or not."""
    if isinstance(statement, syntax.Choice):
        return True
    inner = list(syntax.walk(statement.value))[1:]
    return any(isinstance(part, syntax.SetLit | syntax.RangeLit | syntax.Name) for part in inner)
